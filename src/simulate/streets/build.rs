//! From the map's deepest tiles to a street graph.
//!
//! A tile holds its roads a little beyond its edge; each line is clipped to its own tile so that no street exists twice, and vertices closer
//! than [`SNAP_UNITS`] become one node, which joins the pieces again. What cannot be reached and left again is dropped.

use super::Arc;
use super::NodeId;
use super::RoadClass;
use super::Streets;
use super::square_of;
use crate::simulate::mvt;
use crate::simulate::mvt::Vertex;
use crate::simulate::plane::LatLng;
use crate::simulate::plane::Point;
use crate::tiles::Archive;
use crate::tiles::TileCoord;
use std::collections::HashMap;

/// Tile units across a tile of the bundled map.
const EXTENT: i32 = 4096;
/// Vertices this close are one: 3 units are 1.3 m at this latitude, more than rounding moves a vertex and less than a lane.
const SNAP_UNITS: i64 = 3;

/// Why a map yields no streets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// A tile is not a vector tile.
    #[error("a tile of the map does not decode: {0}")]
    Tile(#[from] prost::DecodeError),
    /// No road in it, or none that leads anywhere.
    #[error("the map has no connected streets")]
    NoStreets,
}

/// A place on the whole map's grid of tile units.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct GridPoint {
    x: i64,
    y: i64,
}

/// A graph under construction.
#[derive(Default)]
pub(crate) struct Build {
    points: Vec<GridPoint>,
    near: HashMap<(i64, i64), Vec<NodeId>>,
    names: Vec<String>,
    name_ids: HashMap<String, u32>,
    arcs: HashMap<(NodeId, NodeId), (RoadClass, Option<u32>)>,
    zoom: u8,
}

/// What one road's tags say.
struct Road<'a> {
    class: RoadClass,
    one_way: bool,
    name: Option<&'a str>,
}

impl Build {
    /// Reads every road of the archive's deepest zoom and joins them.
    pub(crate) fn from_archive(archive: &Archive) -> Result<Streets, BuildError> {
        let mut build = Self { zoom: archive.max_zoom(), ..Self::default() };
        for coord in archive.coords(archive.max_zoom()) {
            let Some(bytes) = archive.tile_inflated(coord) else { continue };
            let tile = mvt::decode(&bytes)?;
            let Some(layer) = tile.layer("roads") else { continue };
            for feature in &layer.features {
                let tags = layer.tags(feature);
                let Some(road) = Road::from_tags(&tags) else { continue };
                for part in feature.parts() {
                    build.add_line(coord, &part, &road);
                }
            }
        }
        build.finish()
    }

    fn add_line(&mut self, tile: TileCoord, line: &[Vertex], road: &Road<'_>) {
        for pair in line.windows(2) {
            let Some([a, b]) = clip(pair[0], pair[1]) else { continue };
            let (from, to) = (self.node(tile, a), self.node(tile, b));
            if from == to {
                continue;
            }
            let name = road.name.map(|name| self.name(name));
            self.arcs.insert((from, to), (road.class, name));
            if !road.one_way {
                self.arcs.insert((to, from), (road.class, name));
            }
        }
    }

    /// The node at a vertex, made unless one is close enough.
    fn node(&mut self, tile: TileCoord, vertex: Vertex) -> NodeId {
        let at = GridPoint {
            x: i64::from(tile.x) * i64::from(EXTENT) + i64::from(vertex.x),
            y: i64::from(tile.y) * i64::from(EXTENT) + i64::from(vertex.y),
        };
        let (column, row) = (at.x.div_euclid(SNAP_UNITS), at.y.div_euclid(SNAP_UNITS));
        let around = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (column + dx, row + dy)));
        let square_distance = |node: NodeId| {
            let other = self.points[node as usize];
            (other.x - at.x).pow(2) + (other.y - at.y).pow(2)
        };
        let candidates = around.filter_map(|square| self.near.get(&square)).flatten().copied();
        let nearest = candidates.map(|node| (square_distance(node), node)).min();
        if let Some((distance, node)) = nearest
            && distance <= SNAP_UNITS.pow(2)
        {
            return node;
        }
        let node = id(self.points.len());
        self.points.push(at);
        self.near.entry((column, row)).or_default().push(node);
        node
    }

    fn name(&mut self, name: &str) -> u32 {
        if let Some(id) = self.name_ids.get(name) {
            return *id;
        }
        let fresh = id(self.names.len());
        self.names.push(name.to_owned());
        self.name_ids.insert(name.to_owned(), fresh);
        fresh
    }

    fn finish(self) -> Result<Streets, BuildError> {
        let mut pairs: Vec<_> = self.arcs.iter().map(|((from, to), road)| (*from, *to, *road)).collect();
        pairs.sort_unstable_by_key(|(from, to, _)| (*from, *to));
        let component = components(self.points.len(), pairs.iter().map(|(from, to, _)| (*from, *to)));
        let mut sizes = vec![0_u32; self.points.len()];
        for part in &component {
            sizes[*part as usize] += 1;
        }
        let largest = (0..sizes.len()).max_by_key(|part| sizes[*part]).filter(|part| sizes[*part] > 1);
        let largest = largest.map(id).ok_or(BuildError::NoStreets)?;

        let mut renumbered = vec![NodeId::MAX; self.points.len()];
        let mut nodes = Vec::new();
        for (old, at) in self.points.iter().enumerate().filter(|(old, _)| component[*old] == largest) {
            renumbered[old] = id(nodes.len());
            nodes.push(point_of(*at, self.zoom));
        }
        let mut first = vec![0_u32; nodes.len() + 1];
        let mut arcs = Vec::with_capacity(pairs.len());
        for (from, to, (class, name)) in pairs {
            let (from, to) = (renumbered[from as usize], renumbered[to as usize]);
            if from == NodeId::MAX || to == NodeId::MAX {
                continue;
            }
            #[allow(clippy::cast_possible_truncation)]
            let length_m = nodes[from as usize].distance_m(nodes[to as usize]) as f32;
            arcs.push(Arc { to, length_m, class, name });
            first[from as usize + 1] = id(arcs.len());
        }
        for at in 1..first.len() {
            first[at] = first[at].max(first[at - 1]);
        }
        let mut squares: HashMap<_, Vec<NodeId>> = HashMap::new();
        for (node, at) in nodes.iter().enumerate() {
            squares.entry(square_of(*at)).or_default().push(id(node));
        }
        Ok(Streets { nodes, first, arcs, names: self.names, squares })
    }
}

impl<'a> Road<'a> {
    /// `None` for what is not driven by anything that delivers: footways, steps, tracks.
    fn from_tags(tags: &HashMap<&'a str, &'a str>) -> Option<Self> {
        let highway = tags.get("highway").copied();
        let class = match (tags.get("pmap:kind").copied()?, highway) {
            ("highway", _) => RoadClass::Highway,
            ("major_road", _) => RoadClass::Major,
            ("medium_road", _) => RoadClass::Medium,
            ("minor_road", Some("service")) => RoadClass::Service,
            ("minor_road", _) => RoadClass::Minor,
            ("other", Some("living_street" | "pedestrian")) => RoadClass::Shared,
            _ => return None,
        };
        let one_way = match tags.get("oneway").copied() {
            Some(said) => said == "yes",
            None => highway == Some("motorway"),
        };
        Some(Self { class, one_way, name: tags.get("name").copied() })
    }
}

/// A tile grid's place in metres of the city's sheet.
fn point_of(at: GridPoint, zoom: u8) -> Point {
    Point::from(lat_lng_of(at, zoom))
}

#[allow(clippy::cast_precision_loss)]
fn lat_lng_of(at: GridPoint, zoom: u8) -> LatLng {
    let side = f64::from(EXTENT) * f64::from(1_u32 << zoom);
    let (x, y) = (at.x as f64 / side, at.y as f64 / side);
    LatLng {
        latitude: (std::f64::consts::PI * (1.0 - 2.0 * y)).sinh().atan().to_degrees(),
        longitude: x * 360.0 - 180.0,
    }
}

/// The degrees of a vertex of a tile.
pub(crate) fn vertex_lat_lng(tile: TileCoord, vertex: Vertex) -> LatLng {
    let x = i64::from(tile.x) * i64::from(EXTENT) + i64::from(vertex.x);
    let y = i64::from(tile.y) * i64::from(EXTENT) + i64::from(vertex.y);
    lat_lng_of(GridPoint { x, y }, tile.z)
}

/// Whether a vertex lies in the tile itself and not in its buffer.
pub(crate) fn inside_tile(vertex: Vertex) -> bool {
    (0..EXTENT).contains(&vertex.x) && (0..EXTENT).contains(&vertex.y)
}

/// The part of a segment inside the tile (Liang-Barsky), `None` when all of it lies outside.
fn clip(a: Vertex, b: Vertex) -> Option<[Vertex; 2]> {
    let (ax, ay) = (f64::from(a.x), f64::from(a.y));
    let (dx, dy) = (f64::from(b.x) - ax, f64::from(b.y) - ay);
    let far = f64::from(EXTENT);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (step, room) in [(-dx, ax), (dx, far - ax), (-dy, ay), (dy, far - ay)] {
        if step == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if step < 0.0 {
            enter = enter.max(room / step);
        } else {
            leave = leave.min(room / step);
        }
    }
    #[allow(clippy::cast_possible_truncation)]
    let at = |share: f64| Vertex { x: (ax + dx * share).round() as i32, y: (ay + dy * share).round() as i32 };
    (enter < leave).then(|| [at(enter), at(leave)])
}

/// The strongly connected component of every node (Tarjan 1972, with its own stack: a city is deeper than a thread's).
fn components(nodes: usize, arcs: impl Iterator<Item = (NodeId, NodeId)>) -> Vec<u32> {
    let mut heads = vec![Vec::new(); nodes];
    for (from, to) in arcs {
        heads[from as usize].push(to);
    }
    const UNSEEN: u32 = u32::MAX;
    let mut component = vec![UNSEEN; nodes];
    let (mut order, mut low) = (vec![UNSEEN; nodes], vec![UNSEEN; nodes]);
    let (mut open, mut path): (Vec<NodeId>, Vec<(NodeId, usize)>) = (Vec::new(), Vec::new());
    let (mut seen, mut found) = (0_u32, 0_u32);
    for root in 0..id(nodes) {
        if order[root as usize] == UNSEEN {
            path.push((root, 0));
        }
        while let Some((node, next)) = path.pop() {
            let here = node as usize;
            if next == 0 {
                (order[here], low[here]) = (seen, seen);
                seen += 1;
                open.push(node);
            } else {
                // Back from the head visited last.
                low[here] = low[here].min(low[heads[here][next - 1] as usize]);
            }
            let unfinished = |head: &NodeId| component[*head as usize] == UNSEEN;
            let mut at = next;
            let mut deeper = None;
            while deeper.is_none() && at < heads[here].len() {
                let head = heads[here][at];
                at += 1;
                if order[head as usize] == UNSEEN {
                    deeper = Some(head);
                } else if unfinished(&head) {
                    low[here] = low[here].min(order[head as usize]);
                }
            }
            if let Some(head) = deeper {
                path.push((node, at));
                path.push((head, 0));
            } else if low[here] == order[here] {
                while let Some(member) = open.pop() {
                    component[member as usize] = found;
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

fn id(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_cut_at_the_edge_of_their_tile() {
        let v = |x, y| Vertex { x, y };
        assert_eq!(clip(v(-50, 100), v(50, 200)), Some([v(0, 150), v(50, 200)]));
        assert_eq!(clip(v(4000, 4090), v(4200, 4090)), Some([v(4000, 4090), v(4096, 4090)]));
        assert_eq!(clip(v(10, 10), v(20, 10)), Some([v(10, 10), v(20, 10)]));
        assert_eq!(clip(v(-50, 10), v(-10, 4000)), None);
        assert_eq!(clip(v(-50, -10), v(10, -10)), None);
    }

    #[test]
    fn components_are_told_apart() {
        // 0 -> 1 -> 2 -> 0 is a ring; 3 leads into it, 4 <-> 5 stand alone.
        let arcs = [(0, 1), (1, 2), (2, 0), (3, 0), (4, 5), (5, 4)];
        let found = components(6, arcs.into_iter());
        assert!(found[0] == found[1] && found[1] == found[2] && found[4] == found[5]);
        assert!(found[3] != found[0] && found[3] != found[4] && found[0] != found[4]);
    }

    #[test]
    fn pieces_of_two_tiles_join_and_a_dead_end_that_nobody_leaves_is_dropped() {
        let road = |one_way| Road { class: RoadClass::Minor, one_way, name: Some("Via Nuova") };
        let tile = |x| TileCoord { z: 14, x, y: 5970 };
        let v = |x, y| Vertex { x, y };
        let mut build = Build { zoom: 14, ..Build::default() };
        build.add_line(tile(8704), &[v(4000, 7), v(4130, 7)], &road(false));
        build.add_line(tile(8705), &[v(-34, 9), v(60, 9)], &road(false));
        build.add_line(tile(8705), &[v(60, 9), v(60, 900)], &road(true));
        let streets = build.finish().unwrap();
        assert_eq!(streets.nodes.len(), 3, "both ends and the seam");
        assert_eq!(streets.name_at(0), Some("Via Nuova"));
    }

    #[test]
    fn a_map_without_roads_is_told() {
        assert!(matches!(Build::default().finish(), Err(BuildError::NoStreets)));
    }
}
