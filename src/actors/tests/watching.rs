//! The right to watch: nothing after it ends, nothing older, nothing without a lease.

use super::Reader;
use super::Stage;
use super::Viewer;
use super::fix;
use super::north;
use super::read;
use crate::actors::audience::Audience;
use crate::actors::audience::Member;
use crate::actors::steward;
use crate::actors::watch::LEASE_MS;
use crate::actors::watch::Pushed;
use crate::actors::watch::Watch;
use crate::clock;
use crate::domain::driver::Shift;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Step;
use crate::domain::time::Millis;
use crate::protocol::time::to_rfc3339;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Instant;

const NOW: Millis = Millis(1_760_000_000_000);

fn watch(audience: &Arc<Audience>) -> Arc<Watch> {
    let (order_id, driver_id) = (OrderId::parse("o").unwrap(), DriverId::parse("d").unwrap());
    Arc::new(Watch::new(order_id, driver_id, audience.clone(), north(500.0), NOW + LEASE_MS))
}

fn audience_of(reader: &Reader) -> Arc<Audience> {
    let audience = Arc::new(Audience::default());
    audience.join(member_of(reader));
    audience
}

fn member_of(reader: &Reader) -> Member {
    Member { session: 1, outbox: reader.outbox.clone() }
}

#[test]
fn once_revoked_nothing_lands_however_the_threads_meet() {
    for round in 0..300 {
        let reader = Reader::default();
        let watch = watch(&audience_of(&reader));
        let under_way = Arc::new(AtomicBool::new(false));
        let (pushing, begun) = (watch.clone(), under_way.clone());
        let pusher = std::thread::spawn(move || {
            for at in 1.. {
                if pushing.push(&fix(at, NOW + at, 1.0), Instant::now(), NOW, 0) == Pushed::Over {
                    return at;
                }
                begun.store(true, Ordering::Release);
            }
            0
        });
        while !under_way.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        if round % 2 == 0 {
            read(&reader.outbox);
        }
        watch.revoke();
        assert!(read(&reader.outbox).is_empty(), "round {round}: what lay there or was owed is gone");
        assert!(pusher.join().unwrap() > 1);
        assert!(read(&reader.outbox).is_empty(), "round {round}: and nothing came after");
        watch.show(&member_of(&reader), Some(&fix(9, NOW + 1_000_000, 1.0)), NOW);
        watch.stale(NOW, NOW);
        watch.gone(NOW);
        assert!(read(&reader.outbox).is_empty());
    }
}

#[test]
fn nothing_older_nothing_twice_nothing_too_soon_nothing_without_a_lease() {
    let mut reader = Reader::default();
    let watch = watch(&audience_of(&reader));
    let push = |at: i64, now: i64| watch.push(&fix(at, NOW + at, 1.0), Instant::now(), NOW + now, 1_000);
    assert_eq!(push(10, 10), Pushed::Sent);
    assert_eq!([push(10, 2_000), push(9, 2_000)], [Pushed::Nothing, Pushed::Nothing]);
    assert_eq!(push(11, 500), Pushed::Later(NOW + 1_010));
    assert_eq!(push(11, 1_010), Pushed::Sent);
    watch.show(&member_of(&reader), Some(&fix(10, NOW + 10, 1.0)), NOW + 1_011);
    assert_eq!(reader.of("location")[0]["timestamp"], to_rfc3339(NOW + 11), "a member is not set back");
    assert_eq!(push(6_000, LEASE_MS + 1), Pushed::Nothing);
    watch.gone(NOW + LEASE_MS + 1);
    assert!(reader.outbox.state().latest == 0);
    watch.renew(NOW + 2 * LEASE_MS);
    watch.renew(NOW);
    assert_eq!(push(6_000, LEASE_MS + 1), Pushed::Sent);
    watch.stale(NOW, NOW + LEASE_MS + 2);
    watch.stale(NOW, NOW + LEASE_MS + 3);
    assert_eq!(reader.of("location.stale").len(), 1);
}

#[test]
fn revoking_again_does_not_touch_what_the_next_watch_has_pushed() {
    let reader = Reader::default();
    let audience = audience_of(&reader);
    let (first, second) = (watch(&audience), watch(&audience));
    first.revoke();
    assert_eq!(second.push(&fix(1, NOW, 1.0), Instant::now(), NOW, 0), Pushed::Sent);
    first.revoke();
    assert_eq!(reader.outbox.state().latest, 1);
}

#[actix::test]
async fn the_steward_renews_what_the_store_allows_and_ends_the_rest() {
    let stage = Stage::new();
    let phone = stage.driver("d", 100.0).await;
    let (seen, ended) = (stage.order().await, stage.order().await);
    stage.assign(&seen.order_id, &phone.driver_id).await;
    let lapsed = clock::now() - 1;
    let watch_of = |order_id: &OrderId| {
        let (order_id, driver_id) = (order_id.clone(), phone.driver_id.clone());
        let watch = Watch::new(order_id, driver_id, Arc::default(), north(0.0), lapsed);
        let watch = Arc::new(watch);
        stage.world.watches.add(watch.clone());
        watch
    };
    let (renewed, revoked) = (watch_of(&seen.order_id), watch_of(&ended.order_id));
    let push = |watch: &Watch| watch.push(&fix(1, clock::now(), 1.0), Instant::now(), clock::now(), 0);
    assert_eq!([push(&renewed), push(&revoked)], [Pushed::Nothing, Pushed::Nothing]);
    let steward = actix::spawn(steward::run(stage.world.clone()));
    stage.until("renewed", || push(&renewed) == Pushed::Sent).await;
    stage.until("revoked", || revoked.is_over()).await;
    steward.abort();
}

#[actix::test]
async fn a_driver_who_withdraws_consent_is_unseen_until_they_give_it_again() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 100.0).await;
    let order = stage.order().await;
    stage.assign(&order.order_id, &phone.driver_id).await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    stage.until("seen", || !viewer.timestamps().is_empty()).await;
    for _ in 0..3 {
        stage.shift(&phone.driver_id, Shift::Paused, Some(false)).await;
        stage.until("no watch", || stage.world.watches.of(&phone.driver_id).is_empty()).await;
        viewer.reader.look();
        viewer.reader.got.clear();
        let hidden = phone.send(101.0);
        stage.until("handled", || stage.live(&phone.driver_id).unwrap().fix.seq == Some(hidden)).await;
        stage.shift(&phone.driver_id, Shift::Paused, Some(true)).await;
        stage.until("watched", || !stage.world.watches.of(&phone.driver_id).is_empty()).await;
        phone.send(102.0);
        let newest = to_rfc3339(phone.at);
        stage.until("seen again", || viewer.timestamps().last() == Some(&newest)).await;
    }
}

#[actix::test]
async fn the_end_of_the_delivery_is_the_end_of_seeing() {
    let stage = Stage::new();
    let mut phone = stage.driver("d", 100.0).await;
    let order = stage.order().await;
    stage.assign(&order.order_id, &phone.driver_id).await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    stage.until("seen", || !viewer.timestamps().is_empty()).await;
    for _ in 0..20 {
        phone.send(90.0);
    }
    stage.step(&order.order_id, Step::Cancel, By::Operator("op".into())).await;
    stage.until("the end", || viewer.reader.of("order").iter().any(|frame| frame["status"] == "cancelled")).await;
    assert!(stage.world.watches.all().is_empty());
    viewer.reader.got.clear();
    for _ in 0..20 {
        phone.send(80.0);
    }
    stage.until("handled", || stage.live(&phone.driver_id).unwrap().fix.seq == Some(phone.seq)).await;
    assert_eq!(viewer.timestamps(), Vec::<String>::new());
}

#[actix::test]
async fn whoever_reads_of_the_next_driver_sees_the_one_before_no_more() {
    let stage = Stage::new();
    let (first, second) = (stage.driver("a", 100.0).await, stage.driver("b", 200.0).await);
    let order = stage.order().await;
    stage.assign(&order.order_id, &first.driver_id).await;
    let mut viewer = Viewer::follow(&stage.world, &order.order_id, None);
    for round in 0..20 {
        let (before, next) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
        stage.until("watched", || !stage.world.watches.of(&before.driver_id).is_empty()).await;
        let version = stage.assign(&order.order_id, &next.driver_id).await.version;
        // Without a pause: the moment the event lies in the outbox is the one that counts.
        let begun = Instant::now();
        while !viewer.reader.seqs("order").contains(&version) {
            assert!(begun.elapsed().as_secs() < 10, "no event");
            tokio::task::yield_now().await;
        }
        assert!(stage.world.watches.of(&before.driver_id).is_empty(), "round {round}");
    }
}
