//! A driver who crosses many cells, on two threads, is seen without a gap, a step back or a fix told twice.

use super::Boom;
use super::Stage;
use super::Viewer;
use super::north;
use crate::actors::mailbox::tell;
use crate::protocol::time::to_rfc3339;
use std::collections::HashSet;

/// More than the side of a cell, so that most fixes cross a border; slow enough over a millisecond not to matter: the span judged is two seconds.
const STEP_M: f64 = 130.0;
const STEPS: i32 = 400;

#[actix::test]
async fn the_newest_fix_arrives_across_borders_and_none_twice() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 0.0).await;
    let order = stage.order().await;
    stage.assign(&order.order_id, &phone.driver_id).await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    stage.until("the first position", || !viewer.timestamps().is_empty()).await;
    viewer.reader.got.clear();
    let mut cells = HashSet::new();
    for step in 1..=STEPS {
        let place = f64::from(step) * STEP_M;
        cells.insert(stage.world.cell_at(north(place)));
        phone.send(place);
        if step % 16 == 0 {
            viewer.reader.look();
            tokio::task::yield_now().await;
        }
    }
    let newest = to_rfc3339(phone.at);
    stage.until("the newest fix is seen", || viewer.timestamps().last() == Some(&newest)).await;
    let seen = viewer.timestamps();
    assert!(cells.len() > 30, "{} cells", cells.len());
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
    stage.until("everything is acknowledged", || phone.acked() == phone.seq).await;
    let stored = stage.stored(&phone.driver_id).await;
    assert_eq!(stored.len(), usize::try_from(phone.seq).unwrap());
}

#[actix::test]
async fn a_cell_that_dies_is_made_anew_and_its_watchers_see_on() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 0.0).await;
    let order = stage.order().await;
    stage.assign(&order.order_id, &phone.driver_id).await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    for round in 1..=5 {
        phone.send(f64::from(round));
        let newest = to_rfc3339(phone.at);
        stage.until("the fix is seen", || viewer.timestamps().last() == Some(&newest)).await;
        let cell = stage.world.directory.cell(stage.world.cell_at(north(0.0))).expect("a cell");
        assert!(tell(&cell, Boom));
        stage.until("the cell is dead", || !cell.connected()).await;
    }
    assert!(stage.world.directory.cell(stage.world.cell_at(north(0.0))).is_none());
}

#[actix::test]
async fn silence_is_told_by_a_cell_that_took_the_place_of_a_dead_one() {
    let mut tuning = super::tuning();
    // The fixes of these phones are twenty seconds old when they come.
    (tuning.stale_ms, tuning.gone_ms) = (20_600, 22_000);
    let stage = Stage::with(tuning);
    let phone = stage.driver("d", 0.0).await;
    let order = stage.order().await;
    stage.assign(&order.order_id, &phone.driver_id).await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    stage.until("the first position", || !viewer.timestamps().is_empty()).await;
    let place = stage.world.cell_at(north(0.0));
    let cell = stage.world.directory.cell(place).expect("a cell");
    assert!(tell(&cell, Boom));
    stage.until("the cell is dead", || !cell.connected()).await;
    stage.world.cell(place).unwrap();
    stage.until("stale", || viewer.reader.has("location.stale")).await;
    stage.until("gone", || viewer.reader.has("location.gone")).await;
    assert!(stage.live(&phone.driver_id).is_none());
}
