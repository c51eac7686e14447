//! `beeline demo --compare`: two nodes in one process, and one city that lives on both at once.

use super::commands::Ends;
use super::commands::Running;
use super::commands::city_secret;
use crate::config::Config;
use crate::simulate;
use crate::simulate::Side;
use crate::simulate::SimulateOptions;
use actix::System;
use anyhow::Context as _;
use tokio::sync::oneshot;

/// Serves both nodes, called by these names, and plays the city on them until a signal or the end of its duration.
///
/// # Errors
/// A node does not start or does not end in order, or the city cannot be made.
pub fn compare(names: [String; 2], configs: [Config; 2], city: SimulateOptions) -> anyhow::Result<()> {
    System::new().block_on(async {
        let mut ends = Ends::new()?;
        let nodes = [Running::start(&configs[0]).await?, Running::start(&configs[1]).await?];
        let secrets = [city_secret(&configs[0])?, city_secret(&configs[1])?];
        let mut sides = Vec::new();
        for ((name, node), secret) in names.into_iter().zip(&nodes).zip(secrets) {
            sides.push(Side { name, url: node.url(), secret });
        }
        let sides: [Side; 2] = sides.try_into().map_err(|_| anyhow::anyhow!("there are two sides"))?;
        say_sides(&sides, &city);
        let played = play(sides, city, &mut ends).await;
        for node in nodes {
            node.end(&mut ends).await?;
        }
        played
    })
}

/// Plays the city on a thread of its own: its people must not slow the nodes down more than strangers would.
async fn play(sides: [Side; 2], city: SimulateOptions, ends: &mut Ends) -> anyhow::Result<()> {
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, mut lived) = oneshot::channel();
    std::thread::Builder::new().name("city".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let stopped = async {
            let _ = stopped.await;
        };
        let done = runtime
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(simulate::compare(sides, city, stopped)));
        let _ = tell.send(done);
    })?;
    let done = tokio::select! {
        done = &mut lived => done,
        () = ends.first() => {
            let _ = stop.send(());
            lived.await
        }
    };
    done.context("the simulated city panicked")?.map(|_| ())
}

/// Where a person looks, and at what.
#[allow(clippy::print_stdout)]
fn say_sides(sides: &[Side; 2], city: &SimulateOptions) {
    println!();
    for Side { name, url, .. } in sides {
        println!("  {name:<10} {url}/    operator {url}/operator");
    }
    println!(
        "\nThe same {} drivers and the same {} orders a minute on both. Ctrl-C ends it.\n\
         Meals are cooked and carried in real time: the first reach their doors after some five minutes, and the difference \
         shows after ten.\n",
        city.drivers, city.orders_per_minute
    );
}
