//! One order with everybody it concerns, brought to a step; and everybody else.

use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Driver;
use crate::support::Server;
use crate::support::now_ms;
use crate::support::order_body;
use beeline::domain::order::Status;
use beeline::protocol::identity::Role;
use serde_json::Value;
use serde_json::json;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

static NEXT: AtomicU32 = AtomicU32::new(1);

/// See the module.
pub struct Cast {
    pub order_id: String,
    pub driver: String,
    customer: String,
    merchant: String,
    /// Whether the order has its driver yet, or still.
    carried: bool,
}

/// Somebody who asks about a cast's things.
#[derive(Clone)]
pub struct Person {
    /// None without a token.
    pub role: Option<Role>,
    /// Whether the things are theirs.
    pub owns: bool,
    pub name: &'static str,
}

impl Cast {
    fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (driver, customer, merchant) =
            (format!("driver-{number}"), format!("customer-{number}"), format!("merchant-{number}"));
        Self { order_id: String::new(), driver, customer, merchant, carried: false }
    }

    /// An order at this step. Its driver is too far from the pickup to be offered anything by the node itself.
    pub async fn at(server: &Server, step: Status) -> Self {
        let mut cast = Self::new();
        let service = server.service();
        let (driver, far) = (format!("/drivers/{}", cast.driver), 40_000.0);
        let share = json!({ "status": "available", "share_location": true });
        service.post(&format!("{driver}/status"), share).await.expect(200);
        service.post(&format!("{driver}/location"), cast.fix()).await.expect(202);
        let mut body = order_body(CENTRE.north(far), CENTRE.north(far + 500.0));
        body["customer_id"] = json!(cast.customer);
        body["merchant_id"] = json!(cast.merchant);
        let placed = service.post("/orders", body).await.expect(201).body;
        cast.order_id = placed["order_id"].as_str().unwrap().to_owned();
        cast.advance(server, step).await;
        cast.carried = !matches!(step, Status::Searching | Status::Cancelled);
        let found = server.operator().get(&format!("/orders/{}", cast.order_id)).await.expect(200).body;
        assert_eq!(found["status"], step.as_str());
        cast
    }

    async fn advance(&self, server: &Server, step: Status) {
        let order = format!("/orders/{}", self.order_id);
        if step == Status::Cancelled {
            server.operator().post(&format!("{order}/cancel"), json!({})).await.expect(200);
            return;
        }
        if step == Status::Searching {
            return;
        }
        let assign = json!({ "driver_id": self.driver });
        server.operator().post(&format!("{order}/assign"), assign).await.expect(200);
        let way = match step {
            Status::AtPickup => &["at_pickup"][..],
            Status::PickedUp => &["at_pickup", "picked_up"],
            Status::AtDropoff => &["at_pickup", "picked_up", "at_dropoff"],
            Status::Delivered => &["at_pickup", "picked_up", "at_dropoff", "delivered"],
            Status::Failed => &["at_pickup", "picked_up", "failed"],
            _ => &[],
        };
        for status in way {
            server.service().post(&format!("{order}/status"), json!({ "status": status })).await.expect(200);
        }
    }

    /// An order that has just been offered to its driver, and the offer's id.
    pub async fn offered(server: &Server) -> (Self, String) {
        let mut cast = Self::new();
        let mut driver = Driver::on_shift(server, &cast.driver, CENTRE).await;
        let mut body = order_body(CENTRE.north(200.0), CENTRE.north(900.0));
        body["customer_id"] = json!(cast.customer);
        let placed = server.service().post("/orders", body).await.expect(201).body;
        cast.order_id = placed["order_id"].as_str().unwrap().to_owned();
        let offer_id = driver.offer_of(&cast.order_id).await;
        cast.carried = true;
        (cast, offer_id)
    }

    /// A fix of the driver.
    pub fn fix(&self) -> Value {
        json!({ "latitude": CENTRE.latitude, "longitude": CENTRE.longitude, "accuracy": 5, "timestamp": now_ms() })
    }

    /// Everybody who might ask: those concerned, their likes, those in charge, and nobody.
    pub fn people(&self) -> Vec<Person> {
        let person = |role, owns, name| Person { role, owns, name };
        vec![
            person(Some(Role::Customer), true, "its customer"),
            person(Some(Role::Customer), false, "another customer"),
            person(Some(Role::Driver), self.carried, "its driver"),
            person(Some(Role::Driver), false, "another driver"),
            person(Some(Role::Merchant), true, "its merchant"),
            person(Some(Role::Merchant), false, "another merchant"),
            person(Some(Role::Operator), false, "an operator"),
            person(Some(Role::Admin), false, "an admin"),
            person(Some(Role::Service), false, "a service"),
            person(None, false, "a stranger"),
        ]
    }

    pub fn caller(&self, server: &Server, person: &Person) -> Caller {
        let own = |name: &str| if person.owns { name.to_owned() } else { format!("{name}-other") };
        match person.role {
            None => server.stranger(),
            Some(Role::Customer) => server.caller("customer", &own(&self.customer)),
            Some(Role::Driver) if person.name == "its driver" => server.caller("driver", &self.driver),
            Some(Role::Driver) => server.caller("driver", "driver-other"),
            Some(Role::Merchant) => server.caller("merchant", &own(&self.merchant)),
            Some(role) => server.caller(role.as_str(), "somebody"),
        }
    }

    /// What nobody who is refused may read.
    pub fn secrets(&self) -> [&str; 4] {
        [&self.driver, &self.customer, &self.merchant, "latitude"]
    }
}
