//! What one socket may show next, by what it has told so far: only the driver of the last event, only in the active part.

use super::history::is_active;
use serde_json::Value;
use std::collections::HashMap;

/// Follows the frames of one socket in their order.
#[derive(Debug, Default)]
pub struct Eye {
    /// Orders told of, each with the driver whom this socket may show.
    orders: HashMap<String, Option<String>>,
}

impl Eye {
    /// Takes the next frame; the error is a frame that must not have come now.
    pub fn see(&mut self, frame: &Value) -> Result<(), String> {
        let Some(order_id) = frame["order_id"].as_str() else { return Ok(()) };
        match frame["type"].as_str() {
            Some("order") => {
                let holder = frame["driver_id"].as_str().filter(|_| is_active(frame)).map(ToOwned::to_owned);
                self.orders.insert(order_id.to_owned(), holder);
                Ok(())
            }
            Some("location") => match self.orders.get(order_id) {
                Some(Some(holder)) if frame["driver_id"] == holder.as_str() => Ok(()),
                known => Err(format!("{frame} when the driver was {known:?}")),
            },
            _ => Ok(()),
        }
    }

    /// The socket was told `ok` to its `unsubscribe`.
    pub fn turned_away(&mut self, order_id: &str) {
        self.orders.remove(order_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn order(status: &str, driver_id: Option<&str>) -> Value {
        json!({ "type": "order", "order_id": "o", "status": status, "driver_id": driver_id })
    }

    fn location(driver_id: &str) -> Value {
        json!({ "type": "location", "order_id": "o", "driver_id": driver_id })
    }

    fn eye(frames: &[Value]) -> Result<Eye, String> {
        let mut eye = Eye::default();
        frames.iter().try_for_each(|frame| eye.see(frame))?;
        Ok(eye)
    }

    #[test]
    fn a_position_comes_after_the_assignment_and_before_the_next_event_that_ends_it() {
        assert!(
            eye(&[order("assigned", Some("a")), location("a"), order("at_pickup", Some("a")), location("a")]).is_ok()
        );
        for wrong in [
            vec![location("a")],
            vec![order("searching", None), location("a")],
            vec![order("assigned", Some("a")), location("b")],
            vec![order("assigned", Some("a")), order("searching", None), location("a")],
            vec![order("assigned", Some("a")), order("assigned", Some("b")), location("a")],
            vec![order("assigned", Some("a")), order("delivered", Some("a")), location("a")],
        ] {
            assert!(eye(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn who_has_turned_away_is_shown_nobody() {
        let mut eye = eye(&[order("assigned", Some("a")), location("a")]).unwrap();
        eye.turned_away("o");
        assert!(eye.see(&location("a")).is_err());
    }
}
