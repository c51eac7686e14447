//! How the node is doing, and the bundled map.

use crate::http::documents::call::Call;
use crate::http::documents::call::get;
use crate::http::ops::Alive;
use crate::http::ops::ReadyState;
use crate::protocol::problem::Code;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;

/// The calls.
pub fn calls() -> Vec<Call> {
    let node = vec![
        get("/healthz", "healthz", "Whether the process runs").answers::<Alive>(200, "It does."),
        get("/health", "health", "The same as /healthz").answers::<Alive>(200, "It does."),
        get("/readyz", "readyz", "Whether the node should get traffic, and each thing it leans on")
            .answers::<ReadyState>(200, "It should.")
            .answers::<ReadyState>(503, "It should not.")
            .answer_headers(&[("Retry-After", "Seconds.")]),
        get("/metrics", "metrics", "Counters for Prometheus").answers_as(
            200,
            "OpenMetrics text.",
            vec![("application/openmetrics-text", None)],
        ),
    ];
    let map = vec![
        get("/tiles/florence.json", "tileJson", "TileJSON 3.0 of the bundled city").answers_as(
            200,
            "Where the tiles are, and what is in them.",
            vec![("application/json", Some(tile_json))],
        ),
        get("/tiles/florence/{z}/{x}/{y}.mvt", "tile", "One vector tile, gzipped")
            .answers_as(200, "The tile.", vec![("application/vnd.mapbox-vector-tile", None)])
            .answers_as(304, "The one you have.", Vec::new())
            .refuses(&[Code::NotFound]),
    ];
    let tagged = |tag| move |call: Call| call.tag(tag);
    node.into_iter().map(tagged("node")).chain(map.into_iter().map(tagged("map"))).collect()
}

/// What the TileJSON 3.0 specification demands, and no more: the rest is its affair.
fn tile_json(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "title": "TileJson",
        "type": "object",
        "required": ["tilejson", "tiles", "vector_layers"],
        "properties": {
            "tilejson": { "const": "3.0.0" },
            "tiles": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            "vector_layers": { "type": "array", "items": { "type": "object" } },
        },
        "additionalProperties": true,
    })
}
