//! Mapbox Vector Tile 2.1, as far as the city needs it: layers, tags, lines and points.
//!
//! Source: <https://github.com/mapbox/vector-tile-spec/tree/master/2.1>. A geometry that breaks the format ends where it breaks.

use std::collections::HashMap;

/// A decoded tile.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Tile {
    #[prost(message, repeated, tag = "3")]
    pub(crate) layers: Vec<Layer>,
}

/// One named layer: features with tags that point into shared keys and values.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Layer {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) features: Vec<Feature>,
    #[prost(string, repeated, tag = "3")]
    keys: Vec<String>,
    #[prost(message, repeated, tag = "4")]
    values: Vec<Value>,
    #[prost(uint32, tag = "5", default = "4096")]
    pub(crate) extent: u32,
}

/// One feature, its geometry still as commands.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Feature {
    #[prost(uint32, repeated, tag = "2")]
    tags: Vec<u32>,
    #[prost(uint32, repeated, tag = "4")]
    geometry: Vec<u32>,
}

/// Only texts matter here; other kinds of values read as none.
#[derive(Clone, PartialEq, prost::Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

/// A vertex in tile units; those outside 0 to the layer's extent lie in the tile's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Vertex {
    pub(crate) x: i32,
    pub(crate) y: i32,
}

/// Reads an inflated tile.
pub(crate) fn decode(bytes: &[u8]) -> Result<Tile, prost::DecodeError> {
    prost::Message::decode(bytes)
}

impl Tile {
    pub(crate) fn layer(&self, name: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.name == name)
    }
}

impl Layer {
    /// The text tags of one of this layer's features.
    pub(crate) fn tags<'a>(&'a self, feature: &Feature) -> HashMap<&'a str, &'a str> {
        let pair = |pair: &[u32]| {
            let key = self.keys.get(usize::try_from(pair[0]).ok()?)?;
            let value = self.values.get(usize::try_from(pair[1]).ok()?)?.text.as_deref()?;
            Some((key.as_str(), value))
        };
        feature.tags.chunks_exact(2).filter_map(pair).collect()
    }
}

impl Feature {
    /// The parts of a line or multi-line; every point of a point feature is a part of its own.
    pub(crate) fn parts(&self) -> Vec<Vec<Vertex>> {
        const MOVE_TO: u32 = 1;
        const LINE_TO: u32 = 2;
        let mut parts: Vec<Vec<Vertex>> = Vec::new();
        let mut at = Vertex { x: 0, y: 0 };
        let mut commands = self.geometry.iter().copied();
        while let Some(command) = commands.next() {
            let (verb, count) = (command & 7, command >> 3);
            if verb != MOVE_TO && verb != LINE_TO {
                continue;
            }
            for _ in 0..count {
                let (Some(dx), Some(dy)) = (commands.next(), commands.next()) else { return parts };
                at = Vertex { x: at.x.wrapping_add(zigzag(dx)), y: at.y.wrapping_add(zigzag(dy)) };
                match parts.last_mut() {
                    Some(part) if verb == LINE_TO => part.push(at),
                    _ => parts.push(vec![at]),
                }
            }
        }
        parts
    }
}

fn zigzag(raw: u32) -> i32 {
    (raw >> 1).cast_signed() ^ -(raw & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(geometry: &[u32]) -> Feature {
        Feature { tags: Vec::new(), geometry: geometry.to_vec() }
    }

    #[test]
    fn geometries_are_read_as_in_the_examples_of_the_format() {
        let v = |x, y| Vertex { x, y };
        assert_eq!(feature(&[9, 50, 34]).parts(), [[v(25, 17)]]);
        assert_eq!(feature(&[17, 10, 14, 3, 9]).parts(), [[v(5, 7)], [v(3, 2)]]);
        let multi_line = feature(&[9, 4, 4, 18, 0, 16, 16, 0, 9, 17, 17, 10, 4, 8]);
        assert_eq!(multi_line.parts(), [vec![v(2, 2), v(2, 10), v(10, 10)], vec![v(1, 1), v(3, 5)]]);
    }

    #[test]
    fn a_broken_geometry_ends_where_it_breaks() {
        assert_eq!(feature(&[9, 50]).parts(), Vec::<Vec<Vertex>>::new());
        assert_eq!(feature(&[9, 4, 4, !7 | 2, 0, 16]).parts().len(), 1);
    }
}
