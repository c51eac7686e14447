//! A node in miniature: caches of orders and drivers, cells with the crate's own book and matching, a steward, and hints that may be lost. All of it
//! is memory: a crash takes it, and a restart builds it anew from the store.

pub mod cell;
pub mod driver;
pub mod life;
pub mod order;
pub mod serve;
pub mod steward;

use crate::net::send;
use crate::sim::Here;
use beeline::domain::dispatch::OfferOutcome;
use beeline::domain::ids::DriverId;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::OrderEvent;
use cell::CellState;
use driver::DriverCache;
use order::OrderCache;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a node remembers.
#[derive(Default)]
pub struct Node {
    pub is_up: bool,
    /// It believes that there is no other node.
    pub is_alone: bool,
    pub orders: BTreeMap<OrderId, OrderCache>,
    pub drivers: BTreeMap<DriverId, DriverCache>,
    pub cells: BTreeMap<usize, CellState>,
}

/// What one actor tells another of a commit, on this node and the other. Any of them may be lost.
#[derive(Clone)]
pub enum Hint {
    OrderCommitted { order: Rc<Order>, events: Vec<OrderEvent>, refused_by: Option<DriverId> },
    EndOffer { driver_id: DriverId, offer_id: OfferId, order_ids: Vec<OrderId>, outcome: OfferOutcome },
    ReloadDriver { driver_id: DriverId },
}

impl Here {
    /// Tells this node and the other.
    pub fn hint(&self, hint: Hint) {
        if !self.rng.chance(self.faults().hint_lost) {
            self.hear(hint.clone());
        }
        if self.is_cut.get() {
            return;
        }
        let other = self.other().node;
        send(&self.sim, move |sim| {
            let there = Here { sim: sim.clone(), node: other };
            if there.me().borrow().is_up {
                there.hear(hint.clone());
            }
        });
    }

    fn hear(&self, hint: Hint) {
        match hint {
            Hint::OrderCommitted { order, events, refused_by } => self.order_committed(order, events, refused_by),
            Hint::EndOffer { driver_id, offer_id, order_ids, outcome } => {
                self.end_offer(&driver_id, &offer_id, &order_ids, outcome);
                self.reload(&driver_id);
            }
            Hint::ReloadDriver { driver_id } => self.reload(&driver_id),
        }
    }
}
