//! The demo city's map, part of the program: a PMTiles v3 archive of vector tiles, read in place.
//!
//! `http` serves the tiles as they lie here (gzip), `simulate` decodes them into streets. The reader knows what the bundled archive
//! uses, header and root directory; it refuses one with leaf directories or another compression instead of guessing.
//! Format: <https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md>. Where the data comes from: `data/README.md`.

use flate2::read::GzDecoder;
use std::io::Read;
use std::sync::OnceLock;

/// Florence and its surroundings, zoom 0 to 14, (c) OpenStreetMap contributors, ODbL.
static FLORENCE: &[u8] = include_bytes!("../data/florence.pmtiles");

const HEADER_BYTES: usize = 127;
const GZIP: u8 = 2;
const MVT: u8 = 1;
/// Largest inflated directory or tile; the bundled ones stay under 600 KiB.
const INFLATED_MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Deepest zoom whose tile ids fit the arithmetic.
const ZOOM_MAX: u8 = 26;

/// Why bytes are not an archive that this reader serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Not PMTiles version 3.
    #[error("not a PMTiles v3 archive")]
    NotPmtiles,
    /// Leaf directories, a compression other than gzip, or tiles other than MVT.
    #[error("the archive uses a part of PMTiles that this reader does not know")]
    Unsupported,
    /// Lengths that point outside the file, or a directory that does not inflate.
    #[error("the archive is damaged")]
    Damaged,
}

/// Column, row and zoom of a tile in the usual web map scheme (row 0 is north).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileCoord {
    /// Zoom, 0 to 26.
    pub z: u8,
    /// Column, from the antimeridian eastward.
    pub x: u32,
    /// Row, from the north southward.
    pub y: u32,
}

/// An opened archive; tiles are slices of the bytes it was opened on.
#[derive(Debug)]
pub struct Archive {
    tile_data: &'static [u8],
    metadata: Vec<u8>,
    entries: Vec<Entry>,
    min_zoom: u8,
    max_zoom: u8,
    bounds: [f64; 4],
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    first_id: u64,
    run: u64,
    offset: u64,
    length: u64,
}

/// The bundled city, opened once.
///
/// # Errors
/// Only if the program was built with a damaged `data/florence.pmtiles`.
pub fn florence() -> Result<&'static Archive, ArchiveError> {
    static OPENED: OnceLock<Result<Archive, ArchiveError>> = OnceLock::new();
    OPENED.get_or_init(|| Archive::open(FLORENCE)).as_ref().map_err(|error| *error)
}

impl Archive {
    /// Reads the header and the root directory.
    pub fn open(bytes: &'static [u8]) -> Result<Self, ArchiveError> {
        let header = Header::read(bytes)?;
        let directory = inflate(section(bytes, header.root)?).ok_or(ArchiveError::Damaged)?;
        let entries = read_directory(&directory).ok_or(ArchiveError::Damaged)?;
        if entries.iter().any(|entry| entry.run == 0) {
            return Err(ArchiveError::Unsupported);
        }
        Ok(Self {
            tile_data: section(bytes, header.tile_data)?,
            metadata: inflate(section(bytes, header.metadata)?).ok_or(ArchiveError::Damaged)?,
            entries,
            min_zoom: header.min_zoom,
            max_zoom: header.max_zoom,
            bounds: header.bounds,
        })
    }

    /// One tile, still compressed with gzip; `None` where the archive has none.
    #[must_use]
    pub fn tile(&self, at: TileCoord) -> Option<&'static [u8]> {
        let id = at.id()?;
        let after = self.entries.partition_point(|entry| entry.first_id <= id);
        let entry = self.entries.get(after.checked_sub(1)?)?;
        let inside = id - entry.first_id < entry.run;
        inside.then(|| slice(self.tile_data, entry.offset, entry.length)).flatten()
    }

    /// One tile, inflated; `None` where the archive has none.
    #[must_use]
    pub fn tile_inflated(&self, at: TileCoord) -> Option<Vec<u8>> {
        self.tile(at).and_then(inflate)
    }

    /// Every tile of a zoom, in the order of the archive.
    pub fn coords(&self, zoom: u8) -> impl Iterator<Item = TileCoord> + '_ {
        let ids = self.entries.iter().flat_map(|entry| entry.first_id..entry.first_id + entry.run);
        ids.filter_map(TileCoord::from_id).filter(move |coord| coord.z == zoom)
    }

    /// West, south, east, north in degrees.
    #[must_use]
    pub fn bounds(&self) -> [f64; 4] {
        self.bounds
    }

    /// Shallowest zoom that has tiles.
    #[must_use]
    pub fn min_zoom(&self) -> u8 {
        self.min_zoom
    }

    /// Deepest zoom that has tiles.
    #[must_use]
    pub fn max_zoom(&self) -> u8 {
        self.max_zoom
    }

    /// The archive's own description: a JSON object.
    #[must_use]
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }
}

impl TileCoord {
    /// Position on the Hilbert curve that PMTiles numbers tiles by; `None` for a coordinate that no zoom has.
    fn id(self) -> Option<u64> {
        let side = 1_u64 << self.z.min(ZOOM_MAX);
        let (mut x, mut y) = (u64::from(self.x), u64::from(self.y));
        if self.z > ZOOM_MAX || x >= side || y >= side {
            return None;
        }
        let mut id = tiles_above(self.z);
        let mut half = side / 2;
        while half > 0 {
            let (right, low) = (u64::from(x & half != 0), u64::from(y & half != 0));
            id += half * half * ((3 * right) ^ low);
            (x, y) = turn(half, x & (half - 1), y & (half - 1), Quarter { right, low });
            half /= 2;
        }
        Some(id)
    }

    fn from_id(id: u64) -> Option<Self> {
        let z = (0..=ZOOM_MAX).rev().find(|z| tiles_above(*z) <= id)?;
        let mut rest = id - tiles_above(z);
        let (mut x, mut y) = (0_u64, 0_u64);
        let mut half = 1_u64;
        while half < 1 << z {
            let right = 1 & (rest / 2);
            let low = 1 & (rest ^ right);
            (x, y) = turn(half, x, y, Quarter { right, low });
            x += half * right;
            y += half * low;
            rest /= 4;
            half *= 2;
        }
        Some(Self { z, x: u32::try_from(x).ok()?, y: u32::try_from(y).ok()? })
    }
}

/// Which quarter of a square a step of the curve lies in; each coordinate is 0 or 1.
#[derive(Clone, Copy)]
struct Quarter {
    right: u64,
    low: u64,
}

/// The turn and mirror that make each quarter of the Hilbert curve join the next; its own inverse.
fn turn(side: u64, x: u64, y: u64, quarter: Quarter) -> (u64, u64) {
    match (quarter.low, quarter.right) {
        (0, 0) => (y, x),
        (0, _) => (side - 1 - y, side - 1 - x),
        _ => (x, y),
    }
}

/// Tiles of all zooms shallower than `z`.
fn tiles_above(z: u8) -> u64 {
    ((1_u64 << (2 * u32::from(z))) - 1) / 3
}

#[derive(Clone, Copy)]
struct Section {
    offset: u64,
    length: u64,
}

struct Header {
    root: Section,
    metadata: Section,
    tile_data: Section,
    min_zoom: u8,
    max_zoom: u8,
    bounds: [f64; 4],
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let header = bytes.get(..HEADER_BYTES).ok_or(ArchiveError::NotPmtiles)?;
        if &header[..7] != b"PMTiles" || header[7] != 3 {
            return Err(ArchiveError::NotPmtiles);
        }
        if header[97] != GZIP || header[98] != GZIP || header[99] != MVT {
            return Err(ArchiveError::Unsupported);
        }
        let degrees = |at: usize| {
            let raw: [u8; 4] = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            f64::from(i32::from_le_bytes(raw)) / 1e7
        };
        let section = |at: usize| Section { offset: number(header, at), length: number(header, at + 8) };
        Ok(Self {
            root: section(8),
            metadata: section(24),
            tile_data: section(56),
            min_zoom: header[100],
            max_zoom: header[101],
            bounds: [degrees(102), degrees(106), degrees(110), degrees(114)],
        })
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

fn section(bytes: &'static [u8], section: Section) -> Result<&'static [u8], ArchiveError> {
    slice(bytes, section.offset, section.length).ok_or(ArchiveError::Damaged)
}

fn slice(bytes: &'static [u8], offset: u64, length: u64) -> Option<&'static [u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(start..end)
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut inflated = Vec::with_capacity(bytes.len() * 2);
    GzDecoder::new(bytes).take(INFLATED_MAX_BYTES).read_to_end(&mut inflated).ok()?;
    Some(inflated)
}

/// A directory is four columns of varints: id differences, run lengths, lengths, offsets (0 = right behind the last one).
fn read_directory(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut rest = bytes;
    let count = usize::try_from(varint(&mut rest)?).ok()?;
    if count > bytes.len() {
        return None;
    }
    let mut entries = vec![Entry::default(); count];
    let mut id = 0_u64;
    for entry in &mut entries {
        id = id.checked_add(varint(&mut rest)?)?;
        entry.first_id = id;
    }
    for entry in &mut entries {
        entry.run = varint(&mut rest)?;
    }
    for entry in &mut entries {
        entry.length = varint(&mut rest)?;
    }
    let mut behind_last = 0_u64;
    for entry in &mut entries {
        let raw = varint(&mut rest)?;
        entry.offset = if raw == 0 { behind_last } else { raw - 1 };
        behind_last = entry.offset.checked_add(entry.length)?;
    }
    Some(entries)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_examples_of_the_format() {
        let id = |z, x, y| TileCoord { z, x, y }.id();
        assert_eq!(id(0, 0, 0), Some(0));
        assert_eq!([id(1, 0, 0), id(1, 0, 1), id(1, 1, 1), id(1, 1, 0)], [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(id(2, 0, 0), Some(5));
        assert_eq!(id(12, 3423, 1763), Some(19_078_479));
        assert_eq!(id(1, 2, 0), None);
        assert_eq!(id(60, 0, 0), None);
    }

    proptest::proptest! {
        #[test]
        fn a_coordinate_survives_its_id(z in 0_u8..=20, x: u32, y: u32) {
            let side = 1_u32 << z;
            let coord = TileCoord { z, x: x % side, y: y % side };
            proptest::prop_assert_eq!(TileCoord::from_id(coord.id().unwrap()), Some(coord));
        }
    }

    #[test]
    fn the_bundled_city_opens_and_covers_florence() {
        let city = florence().unwrap();
        let [west, south, east, north] = city.bounds();
        assert!(west < 11.25 && 11.25 < east && south < 43.77 && 43.77 < north);
        assert_eq!((city.min_zoom(), city.max_zoom()), (0, 14));
        assert_eq!(city.coords(14).count(), 63);
        let cathedral = TileCoord { z: 14, x: 8704, y: 5970 };
        assert_eq!(&city.tile(cathedral).unwrap()[..2], [0x1f, 0x8b], "tiles stay gzip");
        assert!(city.tile_inflated(cathedral).unwrap().len() > 100_000);
        assert_eq!(city.tile(TileCoord { z: 14, x: 0, y: 0 }), None);
    }

    #[test]
    fn every_tile_of_the_bundled_city_is_found_and_inflates() {
        let city = florence().unwrap();
        let coords = (0..=14).flat_map(|z| city.coords(z));
        assert_eq!(coords.filter_map(|coord| city.tile_inflated(coord)).count(), 108);
    }

    #[test]
    fn other_bytes_are_refused() {
        assert_eq!(Archive::open(b"GIF89a").unwrap_err(), ArchiveError::NotPmtiles);
        let mut cut = FLORENCE[..4096].to_vec();
        assert_eq!(Archive::open(cut.clone().leak()).unwrap_err(), ArchiveError::Damaged);
        cut[97] = 4;
        assert_eq!(Archive::open(cut.leak()).unwrap_err(), ArchiveError::Unsupported);
    }
}
