//! What one customer may expect while watching one order, checked against every frame.
//!
//! Events are gapless and in order, repeats allowed; positions come only in the active part, never go back in time, and are of the
//! driver whom the order has. Pure: time comes in as Unix milliseconds.

use super::wire::LocationPush;
use super::wire::Order;
use super::wire::OrderEvent;
use super::wire::Status;

/// Access ends within this of the end of the active part.
const ACCESS_ENDS_MS: i64 = 1_000;
/// After a reconnect a position may overtake the events that explain it, for this long.
const CATCH_UP_MS: i64 = 1_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Watch {
    order_id: String,
    status: Option<Status>,
    driver_id: Option<String>,
    last_seq: Option<i64>,
    ended_at_ms: Option<i64>,
    subscribed_at_ms: i64,
    reconnected: bool,
    last_fix_ms: Option<i64>,
    skip_age: bool,
}

/// What a frame meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The order has come to a new step.
    Moved,
    /// Something was said again, or said nothing new.
    Nothing,
    /// A position; its age, unless it is the first one, which is as old as it happens to be.
    Position { age_ms: Option<i64> },
    /// The contract was broken.
    Broken(String),
}

impl Watch {
    pub(crate) fn new(order_id: &str) -> Self {
        Self {
            order_id: order_id.to_owned(),
            status: None,
            driver_id: None,
            last_seq: None,
            ended_at_ms: None,
            subscribed_at_ms: 0,
            reconnected: false,
            last_fix_ms: None,
            skip_age: true,
        }
    }

    /// A subscription goes out; answers the event that everything above is wanted of.
    pub(crate) fn subscribing(&mut self, now_ms: i64, from_first: bool) -> Option<i64> {
        self.reconnected = self.last_seq.is_some();
        self.subscribed_at_ms = now_ms;
        self.skip_age = true;
        if self.last_seq.is_none() && from_first {
            // Everything from the first event on is wanted, so the first to come has to be number 1.
            self.last_seq = Some(0);
        }
        self.last_seq
    }

    pub(crate) fn is_over(&self) -> bool {
        self.status.is_some_and(Status::is_final)
    }

    pub(crate) fn has_left(&self) -> bool {
        matches!(self.status, Some(Status::PickedUp | Status::AtDropoff)) || self.is_over()
    }

    pub(crate) fn event(&mut self, event: &OrderEvent, now_ms: i64) -> Seen {
        if event.order_id != self.order_id {
            return self.broken(&format!("got an event of {}", event.order_id));
        }
        if let Some(last) = self.last_seq {
            if event.seq <= last {
                return Seen::Nothing;
            }
            if event.seq != last + 1 {
                self.last_seq = Some(event.seq);
                return self.broken(&format!("gap: event {} follows {last}", event.seq));
            }
        }
        self.last_seq = Some(event.seq);
        if self.is_over() {
            return self.broken(&format!("{:?} follows {:?}", event.status, self.status));
        }
        let was_active = self.is_active();
        let before = self.status.replace(event.status);
        self.driver_id =
            event.driver_id.clone().or_else(|| event.order.as_ref().and_then(|order| order.driver_id.clone()));
        if was_active && !event.status.is_active() {
            self.ended_at_ms = Some(now_ms);
        } else if !was_active && event.status.is_active() {
            (self.skip_age, self.last_fix_ms) = (true, None);
        }
        if before == Some(event.status) { Seen::Nothing } else { Seen::Moved }
    }

    pub(crate) fn position(&mut self, push: &LocationPush, now_ms: i64) -> Seen {
        if push.order_id != self.order_id {
            return self.broken(&format!("got a position for {}", push.order_id));
        }
        let Some(taken_ms) = push.taken_ms() else { return self.broken("a position without a time") };
        if !self.is_active() {
            let ending = self.ended_at_ms.is_some_and(|ended| now_ms - ended <= ACCESS_ENDS_MS);
            let catching_up = self.reconnected && now_ms - self.subscribed_at_ms <= CATCH_UP_MS;
            if ending || catching_up && !self.is_over() {
                return Seen::Nothing;
            }
            return self.broken(&format!("a position while {:?}", self.status));
        }
        if self.driver_id.as_ref().is_some_and(|driver| *driver != push.driver_id) {
            return self.broken(&format!("the position of {}, not of {:?}", push.driver_id, self.driver_id));
        }
        if self.last_fix_ms.is_some_and(|last| taken_ms < last) {
            return self.broken("an older position after a newer one");
        }
        self.last_fix_ms = Some(taken_ms);
        let first = std::mem::take(&mut self.skip_age);
        Seen::Position { age_ms: (!first).then_some(now_ms - taken_ms) }
    }

    /// A node looked at over HTTP says how the order stands; a watcher must not be behind it once all events are in.
    pub(crate) fn is_behind(&self, order: &Order) -> bool {
        self.last_seq.is_some_and(|last| order.version > last)
    }

    fn is_active(&self) -> bool {
        self.status.is_some_and(Status::is_active)
    }

    fn broken(&self, what: &str) -> Seen {
        Seen::Broken(format!("order {}: {what}", self.order_id))
    }
}

#[cfg(test)]
mod tests {
    use super::super::plane::LatLng;
    use super::*;

    fn event(seq: i64, status: Status) -> OrderEvent {
        let driver_id = status.is_active().then(|| "D001".to_owned());
        OrderEvent { order_id: "o".to_owned(), seq, status, at: None, driver_id, order: None }
    }

    fn push(driver_id: &str, second: i64) -> LocationPush {
        let at = LatLng { latitude: 43.77, longitude: 11.25 };
        let timestamp = format!("2026-03-01T12:00:{second:02}.000Z");
        LocationPush { order_id: "o".to_owned(), driver_id: driver_id.to_owned(), at, timestamp }
    }

    fn watching(events: &[(i64, Status)]) -> Watch {
        let mut watch = Watch::new("o");
        watch.subscribing(0, true);
        for (seq, status) in events {
            assert_eq!(watch.event(&event(*seq, *status), 0), Seen::Moved);
        }
        watch
    }

    fn broken(seen: &Seen) -> bool {
        matches!(seen, Seen::Broken(_))
    }

    #[test]
    fn a_gap_is_caught_and_a_repeat_is_not() {
        let mut watch = watching(&[(1, Status::Created), (2, Status::Paid)]);
        assert_eq!(watch.event(&event(2, Status::Paid), 0), Seen::Nothing);
        assert!(broken(&watch.event(&event(4, Status::Assigned), 0)));
        let mut late = Watch::new("o");
        assert_eq!(late.subscribing(0, true), Some(0));
        assert!(broken(&late.event(&event(2, Status::Paid), 0)), "all events were asked for");
    }

    #[test]
    fn a_reconnect_asks_for_what_follows() {
        let mut watch = watching(&[(1, Status::Created), (2, Status::Paid)]);
        assert_eq!(watch.subscribing(0, true), Some(2));
        assert!(broken(&watch.event(&event(5, Status::Assigned), 0)));
    }

    #[test]
    fn positions_belong_to_the_active_part() {
        let mut watch = watching(&[(1, Status::Created), (2, Status::Paid), (3, Status::Searching)]);
        assert!(broken(&watch.position(&push("D001", 1), 5_000)));
        watch.event(&event(4, Status::Assigned), 5_000);
        assert_eq!(watch.position(&push("D001", 2), 5_100), Seen::Position { age_ms: None });
        assert!(matches!(watch.position(&push("D001", 5), 5_200), Seen::Position { age_ms: Some(_) }));
        for (seq, status) in
            [(5, Status::AtPickup), (6, Status::PickedUp), (7, Status::AtDropoff), (8, Status::Delivered)]
        {
            watch.event(&event(seq, status), 6_000);
        }
        assert_eq!(watch.position(&push("D001", 6), 6_900), Seen::Nothing);
        assert!(broken(&watch.position(&push("D001", 7), 7_100)));
        assert!(watch.is_over());
        assert!(broken(&watch.event(&event(9, Status::Failed), 8_000)), "nothing follows the end");
    }

    #[test]
    fn positions_never_go_back_or_show_somebody_else() {
        let mut watch = watching(&[(1, Status::Created), (2, Status::Assigned)]);
        watch.position(&push("D001", 10), 0);
        assert!(broken(&watch.position(&push("D001", 9), 0)));
        assert!(broken(&watch.position(&push("D002", 11), 0)));
        watch.event(&event(3, Status::Searching), 0);
        let other = OrderEvent { driver_id: Some("D002".to_owned()), ..event(4, Status::Assigned) };
        watch.event(&other, 0);
        assert_eq!(
            watch.position(&push("D002", 5), 0),
            Seen::Position { age_ms: None },
            "another driver, another clock"
        );
    }

    #[test]
    fn right_after_a_reconnect_a_position_may_come_before_its_events() {
        let mut watch = watching(&[(1, Status::Created), (2, Status::Searching)]);
        watch.subscribing(10_000, true);
        assert_eq!(watch.position(&push("D001", 1), 10_500), Seen::Nothing);
        assert!(broken(&watch.position(&push("D001", 1), 11_500)));
    }
}
