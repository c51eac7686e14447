//! Fixes: tracks clustered by driver and time, and for each driver one row that says where the track ends.
//!
//! A fix is small on disk because there are so many: drivers have short keys, numbers stand in fixed point where that loses nothing.

use super::SqliteStore;
use super::rows;
use crate::domain::fix::Fix;
use crate::domain::ids::DriverId;
use crate::domain::time::Millis;
use crate::store::FixRow;
use crate::store::FixStore;
use crate::store::StoreFuture;
use crate::store::StoreResult;
use crate::store::TrackCursor;
use crate::store::TrackPage;
use crate::store::TrackPoint;
use crate::store::TrackQuery;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use rusqlite::types::ToSqlOutput;
use rusqlite::types::Value;
use rusqlite::types::ValueRef;

/// Fixed point of degrees: 1e-7, about a centimetre, as GPS chips count.
const DEGREE: f64 = 1e7;
/// Fixed point of everything else: hundredths.
const HUNDREDTH: f64 = 100.0;
/// Integers beyond this are not kept in fixed point: six bytes is what they may take.
const FIXED_MAX: f64 = 140_737_488_355_328.0;

const COLUMNS: &str =
    "timestamp, ordinal, latitude, longitude, speed, heading, accuracy, altitude, battery, signal, order_id, flag";

/// Where a driver's track ends.
#[derive(Default)]
pub(super) struct TrackEnd {
    pub(super) last_seq: Option<i64>,
    pub(super) newest: Option<Fix>,
}

/// The row of `tracks`.
#[derive(Clone, PartialEq)]
struct Track {
    driver_key: i64,
    last_seq: Option<i64>,
    newest: Option<(Millis, i64)>,
}

impl FixStore for SqliteStore {
    fn fixes_append(&self, mut rows: Vec<FixRow>) -> StoreFuture<'_, ()> {
        if rows.is_empty() {
            return Box::pin(async { Ok(()) });
        }
        // One visit to each driver's place in the tree; sorted here, not on the thread that everybody waits for.
        rows.sort_by(|a, b| (&a.driver_id, a.fix.timestamp).cmp(&(&b.driver_id, b.fix.timestamp)));
        self.write_bulk(rows.len(), move |connection| {
            for of_driver in rows.chunk_by(|a, b| a.driver_id == b.driver_id) {
                append(connection, of_driver)?;
            }
            Ok(())
        })
    }

    fn track(&self, query: TrackQuery) -> StoreFuture<'_, TrackPage> {
        self.read_bulk(move |connection| track(connection, &query))
    }
}

/// Stores fixes of one driver and moves the end of their track, by those that are really new.
fn append(connection: &Connection, rows: &[FixRow]) -> StoreResult<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let before = find_or_make_track(connection, &first.driver_id)?;
    let mut track = before.clone();
    for row in rows {
        if !insert(connection, track.driver_key, row)? {
            continue;
        }
        track.last_seq = track.last_seq.max(row.fix.seq);
        if row.flag.is_none() {
            track.newest = track.newest.max(Some((row.fix.timestamp, ordinal(row.fix.seq))));
        }
    }
    if track != before {
        let (timestamp, ordinal) = track.newest.unzip();
        connection
            .prepare_cached(
                "UPDATE tracks SET last_seq = ?, newest_timestamp = ?, newest_ordinal = ? WHERE driver_key = ?",
            )?
            .execute(params![track.last_seq, timestamp, ordinal, track.driver_key])?;
    }
    Ok(())
}

fn find_or_make_track(connection: &Connection, driver_id: &DriverId) -> StoreResult<Track> {
    let found = connection
        .prepare_cached(
            "SELECT driver_key, last_seq, newest_timestamp, newest_ordinal FROM tracks WHERE driver_id = ?",
        )?
        .query_row([driver_id], |row| {
            let timestamp: Option<Millis> = row.get(2)?;
            Ok(Track { driver_key: row.get(0)?, last_seq: row.get(1)?, newest: timestamp.zip(row.get(3)?) })
        })
        .optional()?;
    if let Some(track) = found {
        return Ok(track);
    }
    connection.prepare_cached("INSERT INTO tracks (driver_id) VALUES (?)")?.execute([driver_id])?;
    Ok(Track { driver_key: connection.last_insert_rowid(), last_seq: None, newest: None })
}

/// Stores one fix; `false` when it is there already.
fn insert(connection: &Connection, driver_key: i64, row: &FixRow) -> StoreResult<bool> {
    let fix = &row.fix;
    let inserted = connection
        .prepare_cached(
            "INSERT INTO fixes (driver_key, timestamp, ordinal, delay_ms, latitude, longitude, speed, heading, accuracy, altitude,
                battery, signal, order_id, flag) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            driver_key,
            fix.timestamp,
            ordinal(fix.seq),
            row.received_at.since(fix.timestamp),
            packed(fix.position.latitude(), DEGREE),
            packed(fix.position.longitude(), DEGREE),
            fix.speed.map(|value| packed(value, HUNDREDTH)),
            fix.heading.map(|value| packed(value, HUNDREDTH)),
            fix.accuracy.map(|value| packed(value, HUNDREDTH)),
            fix.altitude.map(|value| packed(value, HUNDREDTH)),
            fix.battery.map(|value| packed(value, HUNDREDTH)),
            fix.signal.map(|value| packed(value, HUNDREDTH)),
            fix.order_id,
            row.flag,
        ])?;
    Ok(inserted == 1)
}

/// Where a driver's track ends, in one look.
pub(super) fn track_end(connection: &Connection, driver_id: &DriverId) -> StoreResult<Option<TrackEnd>> {
    let sql = format!(
        "SELECT last_seq, {COLUMNS} FROM tracks LEFT JOIN fixes ON fixes.driver_key = tracks.driver_key
            AND timestamp = newest_timestamp AND ordinal = newest_ordinal
         WHERE driver_id = ?"
    );
    let end = connection.prepare_cached(&sql)?.query_row([driver_id], |row| {
        let newest: Option<Millis> = row.get("timestamp")?;
        Ok(TrackEnd {
            last_seq: row.get("last_seq")?,
            newest: newest.map(|_| point(row).map(|point| point.fix)).transpose()?,
        })
    });
    Ok(end.optional()?)
}

fn track(connection: &Connection, query: &TrackQuery) -> StoreResult<TrackPage> {
    let key: Option<i64> = connection
        .prepare_cached("SELECT driver_key FROM tracks WHERE driver_id = ?")?
        .query_row([&query.driver_id], |row| row.get(0))
        .optional()?;
    let Some(key) = key else { return Ok(TrackPage { points: Vec::new(), next: None }) };
    let beginning = TrackCursor { timestamp: query.start - 1, row: i64::MAX };
    let after = query.after.filter(|after| after.timestamp >= query.start).unwrap_or(beginning);
    // One more than asked for tells whether there is another page.
    let wanted = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let sql = format!(
        "SELECT {COLUMNS} FROM fixes WHERE driver_key = ? AND (timestamp, ordinal) > (?, ?) AND timestamp <= ?
         ORDER BY timestamp, ordinal LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![key, after.timestamp, after.row, query.end, wanted])?;
    let mut page = TrackPage { points: Vec::new(), next: None };
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.points.len() == query.limit {
            page.next = last;
            break;
        }
        let point = point(row)?;
        last = Some(TrackCursor { timestamp: point.fix.timestamp, row: row.get("ordinal")? });
        page.points.push(point);
    }
    Ok(page)
}

fn point(row: &Row<'_>) -> rusqlite::Result<TrackPoint> {
    let degrees = |column: &str| unpacked(row.get_ref(column)?, DEGREE).map(Option::unwrap_or_default);
    let number = |column: &str| unpacked(row.get_ref(column)?, HUNDREDTH);
    let fix = Fix {
        position: rows::position(degrees("latitude")?, degrees("longitude")?)?,
        timestamp: row.get("timestamp")?,
        seq: seq_of(row.get("ordinal")?),
        speed: number("speed")?,
        heading: number("heading")?,
        accuracy: number("accuracy")?,
        altitude: number("altitude")?,
        order_id: row.get("order_id")?,
        battery: number("battery")?,
        signal: number("signal")?,
    };
    Ok(TrackPoint { fix, flag: row.get("flag")? })
}

/// `seq` as part of a primary key, which cannot be absent: -1 stands for none, and what is below 0 moves down by one.
fn ordinal(seq: Option<i64>) -> i64 {
    match seq {
        Some(seq) if seq >= 0 => seq,
        Some(seq) => seq.saturating_sub(1),
        None => -1,
    }
}

fn seq_of(ordinal: i64) -> Option<i64> {
    match ordinal {
        -1 => None,
        seq if seq >= 0 => Some(seq),
        moved => Some(moved + 1),
    }
}

/// A number in fixed point where reading it back gives the very same, else as it is.
fn packed(value: f64, scale: f64) -> ToSqlOutput<'static> {
    let fixed = (value * scale).round();
    #[allow(clippy::float_cmp, reason = "the very same is what is asked for")]
    let same = fixed.abs() < FIXED_MAX && fixed / scale == value;
    if same {
        #[allow(clippy::cast_possible_truncation, reason = "below 2^47")]
        let integer = fixed as i64;
        ToSqlOutput::Owned(Value::Integer(integer))
    } else {
        ToSqlOutput::Owned(Value::Real(value))
    }
}

fn unpacked(value: ValueRef<'_>, scale: f64) -> rusqlite::Result<Option<f64>> {
    match value {
        ValueRef::Null => Ok(None),
        #[allow(clippy::cast_precision_loss, reason = "below 2^47")]
        ValueRef::Integer(fixed) => Ok(Some(fixed as f64 / scale)),
        ValueRef::Real(number) => Ok(Some(number)),
        ValueRef::Text(_) | ValueRef::Blob(_) => Err(rusqlite::types::FromSqlError::InvalidType.into()),
    }
}
