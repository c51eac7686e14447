//! The quickest way between two nodes, by A* on driving time.

use super::NodeId;
use super::RoadClass;
use super::Streets;
use crate::simulate::plane::Point;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;

/// One straight piece of a way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leg {
    pub(crate) from: Point,
    pub(crate) to: Point,
    pub(crate) length_m: f64,
    pub(crate) class: RoadClass,
}

/// A way: legs that join end to end; none when start and end are one node.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Route {
    pub(crate) legs: Vec<Leg>,
}

/// How a kind of driver moves: how much of a road's speed it takes, and what it cannot exceed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    pub(crate) share: f64,
    pub(crate) top_mps: f64,
}

impl Pace {
    /// Speed on a class of road.
    pub(crate) fn speed_mps(self, class: RoadClass) -> f64 {
        (class.speed_mps() * self.share).min(self.top_mps)
    }
}

/// A moment on the frontier: estimated total milliseconds first, so that the heap yields the most promising.
type Frontier = BinaryHeap<Reverse<(u64, NodeId)>>;

impl Streets {
    /// The quickest way for a pace. Every node reaches every other, so there always is one.
    pub(crate) fn route(&self, from: NodeId, to: NodeId, pace: Pace) -> Route {
        let goal = self.at(to);
        let best_mps = pace.speed_mps(RoadClass::Highway);
        let estimate = |node: NodeId| millis(self.at(node).distance_m(goal) / best_mps);
        let mut spent: HashMap<NodeId, u64> = HashMap::from([(from, 0)]);
        let mut came: HashMap<NodeId, (NodeId, RoadClass)> = HashMap::new();
        let mut frontier: Frontier = BinaryHeap::from([Reverse((estimate(from), from))]);
        while let Some(Reverse((total, node))) = frontier.pop() {
            if node == to {
                break;
            }
            let so_far = spent.get(&node).copied().unwrap_or(u64::MAX);
            if total > so_far.saturating_add(estimate(node)) {
                // A better way to this node was found after this entry was made.
                continue;
            }
            for arc in self.arcs_from(node) {
                let cost = so_far + millis(f64::from(arc.length_m) / pace.speed_mps(arc.class)).max(1);
                if spent.get(&arc.to).is_none_or(|known| cost < *known) {
                    spent.insert(arc.to, cost);
                    came.insert(arc.to, (node, arc.class));
                    frontier.push(Reverse((cost + estimate(arc.to), arc.to)));
                }
            }
        }
        self.unwind(to, &came)
    }

    fn unwind(&self, to: NodeId, came: &HashMap<NodeId, (NodeId, RoadClass)>) -> Route {
        let mut legs = Vec::new();
        let mut node = to;
        while let Some((before, class)) = came.get(&node).copied() {
            let (from, to) = (self.at(before), self.at(node));
            legs.push(Leg { from, to, length_m: from.distance_m(to), class });
            node = before;
        }
        legs.reverse();
        Route { legs }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}
