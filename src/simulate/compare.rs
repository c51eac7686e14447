//! The same city on two nodes at once: the same drivers in the same places, the same orders at the same moments, told side by side.

use super::city::City;
use super::run::SimulateOptions;
use super::summary::Summary;

use super::town::Town;
use super::ui::SideBySide;
use anyhow::Context;
use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two refreshes of the table.
const SHOW_EVERY: Duration = Duration::from_secs(2);
const NAME_WIDTH: usize = 34;
const VALUE_WIDTH: usize = 14;

/// One of the two nodes.
#[derive(Debug, Clone)]
pub struct Side {
    /// What it is called in the table.
    pub name: String,
    /// A node: `http://host:port`.
    pub url: String,
    /// Its secret.
    pub secret: Vec<u8>,
}

/// Plays `city` (whose own node does not count) on both sides until `stop` resolves or its duration is over; tells how each went.
///
/// # Errors
/// See [`super::run()`].
pub async fn compare(
    sides: [Side; 2],
    city: SimulateOptions,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<[Summary; 2]> {
    let seed = city.seed;
    let map = tokio::task::spawn_blocking(move || City::florence(seed)).await.context("building the city")??;
    let map = Arc::new(map);
    let began = Instant::now();
    let open = |side: &Side| {
        let options = SimulateOptions { url: side.url.clone(), secret: side.secret.clone(), ..city.clone() };
        Town::open(&map, &options, began)
    };
    let towns = [open(&sides[0])?, open(&sides[1])?];
    let names = sides.each_ref().map(|side| side.name.as_str());
    let mut display = SideBySide::new(city.quiet);
    let over = super::clock::until(city.duration.map(|duration| began + city.warm_up + duration));
    tokio::pin!(stop, over);
    let mut refresh = tokio::time::interval(SHOW_EVERY);
    loop {
        tokio::select! {
            () = &mut stop => break,
            () = &mut over => break,
            _ = refresh.tick() => {
                let so_far = towns.each_ref().map(Town::so_far);
                display.show(|| line(names, &so_far), || table(names, &so_far));
            }
        }
    }
    let [first, second] = towns;
    let summaries = tokio::join!(first.close(), second.close()).into();
    display.finish(&table(names, &summaries));
    Ok(summaries)
}

/// One line for where nothing can be refreshed.
fn line(names: [&str; 2], sides: &[Summary; 2]) -> String {
    let told = names.iter().zip(sides).map(|(name, side)| {
        let (orders, door) = (&side.orders, minutes(side.click_to_door.mean_s));
        let Summary { drivers_busy, drivers, .. } = side;
        format!(
            "{name}: {} placed, {} delivered, {} waiting, {drivers_busy}/{drivers} busy, click to door {door}",
            orders.placed, orders.delivered, orders.waiting
        )
    });
    format!("{:.0} s · {}", sides[0].seconds, told.collect::<Vec<_>>().join(" · "))
}

/// The comparison, a measure a row.
fn table(names: [&str; 2], sides: &[Summary; 2]) -> String {
    let mut text = String::new();
    let mut row = |name: &str, values: [String; 2]| {
        let [first, second] = values;
        // Writing into a String cannot fail.
        let _ = writeln!(text, "  {name:<NAME_WIDTH$}{first:>VALUE_WIDTH$}{second:>VALUE_WIDTH$}");
    };
    let each = |value: fn(&Summary) -> String| sides.each_ref().map(value);
    row(&format!("after {:.0} s", sides[0].seconds), names.map(str::to_owned));
    row("orders placed", each(|side| side.orders.placed.to_string()));
    row("  delivered", each(|side| side.orders.delivered.to_string()));
    row("  cancelled", each(|side| side.orders.cancelled.to_string()));
    row("  undelivered", each(|side| (side.orders.active + side.orders.failed).to_string()));
    row("    waiting for a driver", each(|side| side.orders.waiting.to_string()));
    row("click to door, mean", each(|side| minutes(side.click_to_door.mean_s)));
    row("click to door, 90 % within", each(|side| minutes(side.click_to_door.p90_s)));
    row("ready to pickup, mean", each(|side| minutes(side.ready_to_pickup.mean_s)));
    row("due to assigned, mean", each(|side| seconds(side.due_to_assigned.mean_s)));
    row("due to assigned, 95 % within", each(|side| seconds(side.due_to_assigned.p95_s)));
    row("drivers' time with an order", each(|side| percent(side.busy_share)));
    row("metres driven an order", each(|side| whole(side.metres_per_order)));
    row("violations", each(|side| side.violations.to_string()));
    text
}

fn told(value: Option<f64>, text: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), text)
}

fn minutes(seconds: Option<f64>) -> String {
    told(seconds, |seconds| format!("{:.1} min", seconds / 60.0))
}

fn seconds(seconds: Option<f64>) -> String {
    told(seconds, |seconds| format!("{seconds:.1} s"))
}

fn percent(share: Option<f64>) -> String {
    told(share, |share| format!("{:.0} %", share * 100.0))
}

fn whole(value: Option<f64>) -> String {
    told(value, |value| format!("{value:.0}"))
}

#[cfg(test)]
mod tests {
    use super::super::summary::Times;
    use super::*;

    #[test]
    fn the_table_has_a_column_for_each_policy() {
        let mut optimal = Summary { seconds: 90.0, ..Summary::default() };
        optimal.orders.placed = 41;
        optimal.orders.active = 7;
        optimal.orders.failed = 2;
        optimal.click_to_door = Times { mean_s: Some(330.0), ..Times::default() };
        optimal.busy_share = Some(0.876);
        let text = table(["optimal", "nearest"], &[optimal.clone(), Summary::default()]);
        let words = |start: &str| {
            let found = text.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default();
            found.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(words("after"), ["after", "90", "s", "optimal", "nearest"]);
        assert_eq!(words("undelivered"), ["undelivered", "9", "0"]);
        assert_eq!(words("click to door, mean"), ["click", "to", "door,", "mean", "5.5", "min", "-"]);
        assert_eq!(words("drivers'"), ["drivers'", "time", "with", "an", "order", "88", "%", "-"]);
        assert!(line(["optimal", "nearest"], &[optimal, Summary::default()]).contains("optimal: 41 placed"));
    }
}
