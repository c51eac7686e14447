//! How ids, words and moments stand in a column: as the text of the wire, and as Unix milliseconds.

use crate::domain::dispatch::OfferOutcome;
use crate::domain::driver::Shift;
use crate::domain::fix::Flag;
use crate::domain::fleet::VehicleKind;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::CustomerId;
use crate::domain::ids::DeadLetterId;
use crate::domain::ids::DriverId;
use crate::domain::ids::EventId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Kind;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use rusqlite::types::FromSql;
use rusqlite::types::FromSqlError;
use rusqlite::types::FromSqlResult;
use rusqlite::types::ToSql;
use rusqlite::types::ToSqlOutput;
use rusqlite::types::ValueRef;

macro_rules! ids_as_text {
    ($($id:ty),*) => {$(
        impl ToSql for $id {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.as_str().into())
            }
        }
        impl FromSql for $id {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                <$id>::parse(value.as_str()?).map_err(FromSqlError::other)
            }
        }
    )*};
}

ids_as_text!(AssignmentId, CustomerId, DeadLetterId, DriverId, EventId, MerchantId, OfferId, OrderId);

macro_rules! words_as_text {
    ($($word:ty: $write:path, $read:path;)*) => {$(
        impl ToSql for $word {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok($write(*self).into())
            }
        }
        impl FromSql for $word {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                $read(value.as_str()?).ok_or(FromSqlError::InvalidType)
            }
        }
    )*};
}

words_as_text! {
    Status: Status::as_str, Status::parse;
    Shift: Shift::as_str, Shift::parse;
    Flag: Flag::code, Flag::from_code;
    Kind: kind_text, kind_of;
    OfferOutcome: OfferOutcome::as_str, OfferOutcome::parse;
    VehicleKind: VehicleKind::as_str, VehicleKind::parse;
}

fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Food => "food",
        Kind::Parcel => "parcel",
        Kind::Ride => "ride",
    }
}

fn kind_of(text: &str) -> Option<Kind> {
    [Kind::Food, Kind::Parcel, Kind::Ride].into_iter().find(|kind| kind_text(*kind) == text)
}

impl ToSql for Millis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl FromSql for Millis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Millis)
    }
}
