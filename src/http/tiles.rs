//! The bundled map as HTTP sees it: tile bytes with their headers, and the TileJSON that tells a map library about them.
//!
//! Knows no web framework: the route turns these values into a response. A tile that the city does not have is `None`, and the
//! route answers 404 as for any other missing thing.

use crate::tiles;
use crate::tiles::ArchiveError;
use crate::tiles::TileCoord;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

/// What the tiles are.
pub const CONTENT_TYPE: &str = "application/vnd.mapbox-vector-tile";
/// How they are compressed, always: every browser and map library takes it.
pub const CONTENT_ENCODING: &str = "gzip";
/// They change only with the program, and revalidation by `ETag` is cheap.
pub const CACHE_CONTROL: &str = "public, max-age=86400";
/// Who made the data, as the ODbL and Protomaps ask to be named on the map; HTML.
pub const ATTRIBUTION: &str = "<a href=\"https://protomaps.com\">Protomaps</a> \
     © <a href=\"https://www.openstreetmap.org/copyright\">OpenStreetMap</a> contributors";
/// Where the route serves the tiles, as TileJSON writes it.
pub const URL_TEMPLATE: &str = "/tiles/florence/{z}/{x}/{y}.mvt";

/// Layers of the bundled tiles with the shallowest zoom that has them. The archive's own metadata names some differently.
const LAYERS: [(&str, u8); 13] = [
    ("boundaries", 10),
    ("buildings", 10),
    ("earth", 0),
    ("landuse", 6),
    ("mask", 0),
    ("natural", 5),
    ("physical_line", 12),
    ("physical_point", 13),
    ("places", 0),
    ("pois", 14),
    ("roads", 4),
    ("transit", 11),
    ("water", 8),
];

/// One tile, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileAnswer {
    /// The body, compressed as [`CONTENT_ENCODING`] says.
    pub body: &'static [u8],
    /// A strong entity tag with its quotes: the start of the body's SHA-256.
    pub etag: String,
}

/// The tile of a path `/tiles/florence/{z}/{x}/{y}.mvt`; `None` where the city has none.
///
/// # Errors
/// Only if the program was built with a damaged archive.
pub fn tile(at: TileCoord) -> Result<Option<TileAnswer>, ArchiveError> {
    Ok(tiles::florence()?.tile(at).map(|body| TileAnswer { body, etag: etag(body) }))
}

/// TileJSON 3.0.0 of the bundled city. `origin` (`http://host:port`, may be empty) is put before the tile path, since map
/// libraries resolve it from a worker that has no base address.
///
/// # Errors
/// Only if the program was built with a damaged archive.
pub fn tile_json(origin: &str) -> Result<Value, ArchiveError> {
    let city = tiles::florence()?;
    let [west, south, east, north] = city.bounds();
    let layer =
        |(id, min_zoom): (&str, u8)| json!({"id": id, "fields": {}, "minzoom": min_zoom, "maxzoom": city.max_zoom()});
    Ok(json!({
        "tilejson": "3.0.0",
        "name": "Florence",
        "attribution": ATTRIBUTION,
        "tiles": [format!("{origin}{URL_TEMPLATE}")],
        "bounds": city.bounds(),
        "center": [f64::midpoint(west, east), f64::midpoint(south, north), 13],
        "minzoom": city.min_zoom(),
        "maxzoom": city.max_zoom(),
        "vector_layers": LAYERS.map(layer),
    }))
}

fn etag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let start = digest.iter().take(8).fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    format!("\"{start:016x}\"")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::simulate::mvt;
    use std::collections::BTreeMap;

    #[test]
    fn a_tile_comes_with_a_tag_of_its_own() {
        let at = |x| tile(TileCoord { z: 14, x, y: 5970 }).unwrap();
        let (one, other) = (at(8704).unwrap(), at(8703).unwrap());
        assert_eq!(one, at(8704).unwrap());
        assert_ne!(one.etag, other.etag);
        assert_eq!((one.etag.len(), one.etag.matches('"').count()), (18, 2));
        assert_eq!(at(1), None);
    }

    #[test]
    fn tile_json_names_the_layers_that_the_tiles_have() {
        let city = tiles::florence().unwrap();
        let mut found = BTreeMap::new();
        for z in 0..=city.max_zoom() {
            for bytes in city.coords(z).filter_map(|coord| city.tile_inflated(coord)) {
                for layer in mvt::decode(&bytes).unwrap().layers {
                    found.entry(layer.name).or_insert(z);
                }
            }
        }
        let told = tile_json("http://host").unwrap();
        let layers = told["vector_layers"].as_array().unwrap();
        let told_layers: BTreeMap<_, _> = layers
            .iter()
            .map(|layer| {
                (layer["id"].as_str().unwrap().to_owned(), u8::try_from(layer["minzoom"].as_u64().unwrap()).unwrap())
            })
            .collect();
        assert_eq!(told_layers, found);
        assert_eq!(told["tiles"][0], "http://host/tiles/florence/{z}/{x}/{y}.mvt");
        assert_eq!(told["maxzoom"], 14);
    }
}
