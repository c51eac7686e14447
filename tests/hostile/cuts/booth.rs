//! Where one customer's orders are placed and pushed about while others watch.

use super::proxy::Knife;
use crate::proof::Dice;
use crate::support::CENTRE;
use crate::support::Caller;
use crate::support::Customer;
use crate::support::Reply;
use crate::support::Server;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two changes of one order.
const PACE: Duration = Duration::from_millis(15);
/// Changes of one order before it is brought to its end: more than an outbox holds, now and then.
const CHANGES_MAX: usize = 300;

/// The orders placed so far, and whether more will come.
#[derive(Debug, Default)]
pub struct Booth {
    orders: Mutex<Vec<String>>,
    closed: AtomicBool,
}

impl Booth {
    pub fn orders(&self) -> Vec<String> {
        self.orders.lock().unwrap().clone()
    }

    /// Every order has ended, and no other will be placed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Who pushes the orders of one booth about.
pub struct Keeper {
    booth: Arc<Booth>,
    customer: Customer,
    operator: Caller,
    drivers: Vec<Caller>,
    names: Vec<String>,
    dice: Dice,
}

impl Keeper {
    /// A keeper with two drivers of their own, who carry nothing else.
    pub async fn new(server: &Server, booth: Arc<Booth>, number: usize, dice: Dice) -> Self {
        let names: Vec<String> = (0..2).map(|which| format!("carrier-{number}-{which}")).collect();
        let drivers: Vec<Caller> = names.iter().map(|name| server.caller("driver", name)).collect();
        for (name, driver) in names.iter().zip(&drivers) {
            // Available, but nowhere: nothing is offered to them.
            let shift = json!({ "status": "available", "share_location": true });
            driver.post(&format!("/drivers/{name}/status"), shift).await.expect(200);
        }
        let customer = Customer::new(server, &format!("watched-{number}"));
        Self { booth, customer, operator: server.operator(), drivers, names, dice }
    }

    /// Keeps an order moving for as long as cuts are wanted.
    pub async fn keep(mut self, knife: Arc<Knife>) {
        while knife.is_cutting() {
            let order_id = self.customer.order(CENTRE, CENTRE.north(900.0)).await;
            self.booth.orders.lock().unwrap().push(order_id.clone());
            let mut beat = tokio::time::interval(PACE);
            for _ in 0..1 + self.dice.roll(CHANGES_MAX) {
                beat.tick().await;
                if !knife.is_cutting() {
                    break;
                }
                self.change(&order_id).await;
            }
            self.end(&order_id).await;
        }
        self.booth.closed.store(true, Ordering::Release);
    }

    async fn change(&mut self, order_id: &str) {
        let which = self.dice.roll(2);
        match self.dice.roll(8) {
            0..=4 => tolerated(&self.assign(order_id, which).await),
            5 => tolerated(&self.step(order_id, which, "at_pickup").await),
            _ => tolerated(&self.operator.post(&format!("/orders/{order_id}/unassign"), Value::Null).await),
        }
    }

    async fn end(&mut self, order_id: &str) {
        let cancel = format!("/orders/{order_id}/cancel");
        match self.dice.roll(3) {
            0 => drop(self.customer.caller.post(&cancel, Value::Null).await.expect(200)),
            1 => drop(self.operator.post(&cancel, Value::Null).await.expect(200)),
            _ => {
                // Whoever has it now, the first driver brings it to the door.
                tolerated(&self.operator.post(&format!("/orders/{order_id}/unassign"), Value::Null).await);
                self.assign(order_id, 0).await.expect(200);
                for status in ["at_pickup", "picked_up", "at_dropoff", "delivered"] {
                    self.step(order_id, 0, status).await.expect(200);
                }
            }
        }
    }

    async fn assign(&self, order_id: &str, which: usize) -> Reply {
        self.operator.post(&format!("/orders/{order_id}/assign"), json!({ "driver_id": self.names[which] })).await
    }

    async fn step(&self, order_id: &str, which: usize, status: &str) -> Reply {
        self.drivers[which].post(&format!("/orders/{order_id}/status"), json!({ "status": status })).await
    }
}

/// Done, or refused because the order stands elsewhere.
fn tolerated(reply: &Reply) {
    assert!(matches!(reply.status, 200 | 404 | 409), "{reply:?}");
}
