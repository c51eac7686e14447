//! The steward: compares what the node knows with the store, for hints that were lost and commands that broke off.

use crate::desk::place::ORPHANED_MS;
use crate::sim::Here;
use crate::switches::Switch;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::Status;
use std::collections::BTreeSet;

impl Here {
    pub async fn look_over(&self) {
        if self.is_broken(Switch::NoSweep) {
            return;
        }
        let known: Vec<OrderId> = self.me().borrow().orders.keys().cloned().collect();
        let Ok(open) = self.read(|store| store.orders_open()).await else { return };
        for order in &open {
            if order.status == Status::Created && self.now().since(order.created_at) > ORPHANED_MS {
                self.go_on(order.clone());
            }
            self.order_stands(&order.order_id, order.version);
        }
        let open: BTreeSet<&OrderId> = open.iter().map(|order| &order.order_id).collect();
        for order_id in known.iter().filter(|order_id| !open.contains(order_id)) {
            let has_ended = self
                .me()
                .borrow()
                .orders
                .get(order_id)
                .is_some_and(|cache| cache.order.as_ref().is_some_and(|order| order.status.is_terminal()));
            if !has_ended {
                self.recheck(order_id);
            }
        }
        let drivers: Vec<DriverId> = self.streets.borrow().keys().cloned().collect();
        for driver_id in &drivers {
            self.reload(driver_id);
        }
    }

    fn go_on(&self, order: Order) {
        let here = self.clone();
        self.spawn(async move { drop(here.settle_payment(order).await) });
    }
}
