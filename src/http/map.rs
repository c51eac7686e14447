//! `/tiles/...`: the bundled city's map tiles and the document that tells map libraries about them.

use crate::http::tiles;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::tiles::ArchiveError;
use crate::tiles::TileCoord;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web;

fn damaged(error: &ArchiveError) -> Problem {
    tracing::error!(%error, "the bundled map cannot be read");
    Problem::new(Code::Internal)
}

/// TileJSON of the bundled city; its tile addresses are absolute, for map workers that have no base address.
pub async fn tile_json(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (scheme, host) = {
        let info = request.connection_info();
        (info.scheme().to_owned(), info.host().to_owned())
    };
    let body = tiles::tile_json(&format!("{scheme}://{host}")).map_err(|error| damaged(&error))?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-cache")).json(body))
}

/// One tile, compressed as it lies in the archive.
pub async fn tile(request: HttpRequest, path: web::Path<(u8, u32, u32)>) -> Result<HttpResponse, Problem> {
    let (z, x, y) = path.into_inner();
    let found = tiles::tile(TileCoord { z, x, y }).map_err(|error| damaged(&error))?;
    let tile = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == tile.etag));
    let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((header::ETAG, tile.etag))
        .insert_header((header::CACHE_CONTROL, tiles::CACHE_CONTROL))
        .insert_header((header::VARY, "Accept-Encoding"));
    if is_known {
        return Ok(response.finish());
    }
    let encoding = (header::CONTENT_ENCODING, tiles::CONTENT_ENCODING);
    Ok(response.insert_header(encoding).content_type(tiles::CONTENT_TYPE).body(tile.body))
}
