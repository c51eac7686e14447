//! The street graph: nodes in metres, directed arcs with a length, a class of road and a name; and the way from one to another.
//!
//! `build` makes it from the map's tiles, `route` finds ways. It knows real one-way streets but no turn restrictions: driving on
//! it is "simulated on real streets", not routing.

mod build;
mod route;

pub(crate) use build::Build;
pub(crate) use build::BuildError;
pub(crate) use build::inside_tile;
pub(crate) use build::vertex_lat_lng;
pub(crate) use route::Leg;
pub(crate) use route::Pace;
pub(crate) use route::Route;

use crate::simulate::plane::Point;
use std::collections::HashMap;

/// Side of a square of the index over nodes.
const SQUARE_M: f64 = 100.0;

/// A place where segments meet or bend.
pub(crate) type NodeId = u32;

/// How fast a road is meant to be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum RoadClass {
    Highway,
    Major,
    Medium,
    Minor,
    Service,
    Shared,
}

impl RoadClass {
    /// What traffic does there when nothing stands in the way.
    pub(crate) fn speed_mps(self) -> f64 {
        match self {
            Self::Highway => 25.0,
            Self::Major => 13.5,
            Self::Medium => 11.5,
            Self::Minor => 8.5,
            Self::Service => 5.5,
            Self::Shared => 3.5,
        }
    }
}

/// A directed piece of street.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arc {
    pub(crate) to: NodeId,
    pub(crate) length_m: f32,
    pub(crate) class: RoadClass,
    name: Option<u32>,
}

/// The streets of the city, every node reachable from every other.
#[derive(Debug)]
pub(crate) struct Streets {
    nodes: Vec<Point>,
    /// Arcs of node `n` are `arcs[first[n]..first[n + 1]]`.
    first: Vec<u32>,
    arcs: Vec<Arc>,
    names: Vec<String>,
    squares: HashMap<(i32, i32), Vec<NodeId>>,
}

impl Streets {
    pub(crate) fn at(&self, node: NodeId) -> Point {
        self.nodes[node as usize]
    }

    pub(crate) fn arcs_from(&self, node: NodeId) -> &[Arc] {
        let node = node as usize;
        &self.arcs[self.first[node] as usize..self.first[node + 1] as usize]
    }

    /// The name of a street at the node, if one there has a name.
    pub(crate) fn name_at(&self, node: NodeId) -> Option<&str> {
        let name = self.arcs_from(node).iter().find_map(|arc| arc.name)?;
        self.names.get(name as usize).map(String::as_str)
    }

    /// The node nearest to a point, by looking at ever larger rings of squares; the graph is never empty.
    pub(crate) fn nearest(&self, to: Point) -> NodeId {
        let (column, row) = square_of(to);
        let distance = |node: &NodeId| self.at(*node).distance_m(to);
        let mut best: Option<(NodeId, f64)> = None;
        for ring in 0..=400 {
            let found = ring_of(column, row, ring)
                .filter_map(|square| self.squares.get(&square))
                .flatten()
                .map(|node| (*node, distance(node)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            best = [best, found].into_iter().flatten().min_by(|a, b| a.1.total_cmp(&b.1));
            // Whatever lies in a farther ring is at least this far away.
            if best.is_some_and(|(_, distance_m)| distance_m <= f64::from(ring) * SQUARE_M) {
                break;
            }
        }
        best.map_or(0, |(node, _)| node)
    }

    /// Nodes within a radius of a point, in no particular but a fixed order.
    pub(crate) fn within(&self, centre: Point, radius_m: f64) -> Vec<NodeId> {
        let (column, row) = square_of(centre);
        let reach = cast(radius_m / SQUARE_M) + 1;
        let squares = (-reach..=reach).flat_map(|dx| (-reach..=reach).map(move |dy| (column + dx, row + dy)));
        let nodes = squares.filter_map(|square| self.squares.get(&square)).flatten().copied();
        nodes.filter(|node| self.at(*node).distance_m(centre) <= radius_m).collect()
    }
}

fn square_of(at: Point) -> (i32, i32) {
    (cast(at.x / SQUARE_M), cast(at.y / SQUARE_M))
}

#[allow(clippy::cast_possible_truncation)]
fn cast(squares: f64) -> i32 {
    squares.floor() as i32
}

fn ring_of(column: i32, row: i32, ring: i32) -> impl Iterator<Item = (i32, i32)> {
    let across = (-ring..=ring).flat_map(move |dx| (-ring..=ring).map(move |dy| (dx, dy)));
    across.filter(move |(dx, dy)| dx.abs().max(dy.abs()) == ring).map(move |(dx, dy)| (column + dx, row + dy))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
