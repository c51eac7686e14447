use super::*;
use crate::tiles;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

static CITY: LazyLock<Streets> = LazyLock::new(|| Build::from_archive(tiles::florence().unwrap()).unwrap());
const SCOOTER: Pace = Pace { share: 0.95, top_mps: 12.5 };

fn neighbours(streets: &Streets) -> Vec<BTreeSet<NodeId>> {
    let mut neighbours = vec![BTreeSet::new(); streets.nodes.len()];
    for node in 0..u32::try_from(streets.nodes.len()).unwrap() {
        for arc in streets.arcs_from(node) {
            neighbours[node as usize].insert(arc.to);
            neighbours[arc.to as usize].insert(node);
        }
    }
    neighbours
}

#[test]
fn the_city_has_the_size_of_florence() {
    let neighbours = neighbours(&CITY);
    let junctions = neighbours.iter().filter(|around| around.len() != 2).count();
    assert!((14_000..16_500).contains(&junctions), "{junctions} junctions and ends");
    let pieces =
        neighbours.iter().enumerate().flat_map(|(node, around)| around.iter().map(move |other| (node, *other)));
    let one_way_each = pieces.filter(|(node, other)| *other as usize > *node);
    let km: f64 = one_way_each.map(|(node, other)| CITY.nodes[node].distance_m(CITY.at(other))).sum::<f64>() / 1_000.0;
    assert!((1_450.0..1_600.0).contains(&km), "{km} km");
    let arcs: usize = neighbours.iter().map(BTreeSet::len).sum();
    assert!(CITY.arcs.len() < arcs, "some streets are one-way");
}

#[test]
fn every_node_reaches_every_other() {
    let mut backward = vec![Vec::new(); CITY.nodes.len()];
    let mut forward = vec![Vec::new(); CITY.nodes.len()];
    for node in 0..u32::try_from(CITY.nodes.len()).unwrap() {
        for arc in CITY.arcs_from(node) {
            forward[node as usize].push(arc.to);
            backward[arc.to as usize].push(node);
        }
    }
    for heads in [forward, backward] {
        let mut seen = vec![false; heads.len()];
        let mut open = vec![0_u32];
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node as usize], true) {
                open.extend(&heads[node as usize]);
            }
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}

fn seconds(route: &Route, pace: Pace) -> f64 {
    route.legs.iter().map(|leg| leg.length_m / pace.speed_mps(leg.class)).sum()
}

/// Plain Dijkstra, written apart from the search it checks.
fn quickest_seconds(from: NodeId, to: NodeId, pace: Pace) -> f64 {
    let mut best = vec![f64::INFINITY; CITY.nodes.len()];
    best[from as usize] = 0.0;
    let mut open = std::collections::BTreeSet::from([(0_u64, from)]);
    while let Some((_, node)) = open.pop_first() {
        for arc in CITY.arcs_from(node) {
            let cost = best[node as usize] + f64::from(arc.length_m) / pace.speed_mps(arc.class);
            if cost < best[arc.to as usize] {
                best[arc.to as usize] = cost;
                open.insert((cost.to_bits(), arc.to));
            }
        }
    }
    best[to as usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_route_joins_its_ends_along_arcs_and_none_is_quicker(from in 0..73_000_u32, to in 0..73_000_u32) {
        let route = CITY.route(from, to, SCOOTER);
        let mut node = from;
        for leg in &route.legs {
            prop_assert_eq!(leg.from, CITY.at(node));
            let along = CITY.arcs_from(node).iter().find(|arc| CITY.at(arc.to) == leg.to);
            node = along.unwrap().to;
        }
        prop_assert_eq!(node, to);
        let (found, best) = (seconds(&route, SCOOTER), quickest_seconds(from, to, SCOOTER));
        // Costs are whole milliseconds a leg.
        prop_assert!(found <= best + 0.002 * route.legs.len() as f64, "{} against {}", found, best);
    }

    #[test]
    fn the_nearest_node_is_the_nearest(x in -9_000.0..9_000.0, y in -9_000.0..9_000.0) {
        let here = Point { x, y };
        let brute = CITY.nodes.iter().map(|at| at.distance_m(here)).min_by(f64::total_cmp).unwrap();
        prop_assert_eq!(CITY.at(CITY.nearest(here)).distance_m(here), brute);
    }
}

#[test]
fn nodes_within_a_radius_are_all_of_them() {
    let here = CITY.at(30_000);
    let brute = CITY.nodes.iter().filter(|at| at.distance_m(here) <= 450.0).count();
    assert_eq!(CITY.within(here, 450.0).len(), brute);
}
