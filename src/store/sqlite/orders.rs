//! Orders and their events.

use super::SqliteStore;
use super::commit;
use super::keys;
use super::offers;
use super::rows;
use super::rows::EVENT_COLUMNS;
use super::rows::ORDER_CHANGING;
use super::rows::ORDER_LASTING;
use crate::domain::dispatch::Commit;
use crate::domain::dispatch::Offer;
use crate::domain::ids::DriverId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use crate::store::Answer;
use crate::store::Claim;
use crate::store::Conflict;
use crate::store::OrderStore;
use crate::store::OrdersOf;
use crate::store::OrdersPage;
use crate::store::Placed;
use crate::store::StoreError;
use crate::store::StoreFuture;
use crate::store::StoreResult;
use crate::store::WatchState;
use rusqlite::Connection;
use rusqlite::OptionalExtension;
use rusqlite::ffi;
use rusqlite::params;
use rusqlite::params_from_iter;
use rusqlite::types::ToSql;
use std::sync::LazyLock;

/// Sorts after every id, whose characters all come before it.
const AFTER_EVERY_ID: &str = "~";

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = format!("{ORDER_CHANGING}, {ORDER_LASTING}");
    let places = vec!["?"; columns.split(',').count()].join(", ");
    format!("INSERT INTO orders ({columns}) VALUES ({places})")
});
static FETCH: LazyLock<String> = LazyLock::new(|| format!("{} WHERE order_id = ?", *SELECT));
// The condition is that of the index `orders_not_ended`, to the letter.
static OPEN: LazyLock<String> =
    LazyLock::new(|| format!("{} WHERE status NOT IN ('delivered', 'cancelled', 'failed')", *SELECT));
static SELECT: LazyLock<String> = LazyLock::new(|| format!("SELECT {ORDER_CHANGING}, {ORDER_LASTING} FROM orders"));

impl OrderStore for SqliteStore {
    fn order_insert(&self, order: Order, event: OrderEvent, claim: Option<Claim>) -> StoreFuture<'_, Placed> {
        self.write(move |connection| {
            if let Some(claim) = &claim
                && let Some(before) = keys::claim(connection, claim, &order.order_id)?
            {
                return Ok(before);
            }
            insert(connection, &order)?;
            insert_event(connection, &event)?;
            Ok(Placed::New)
        })
    }

    fn order_answer(&self, claim: Claim, answer: Answer) -> StoreFuture<'_, ()> {
        self.write(move |connection| keys::answer(connection, &claim, &answer))
    }

    fn order_fetch(&self, order_id: OrderId) -> StoreFuture<'_, Option<Order>> {
        self.read(move |connection| fetch(connection, &order_id))
    }

    fn orders_fetch(&self, order_ids: Vec<OrderId>) -> StoreFuture<'_, Vec<Order>> {
        self.read(move |connection| {
            let mut orders = Vec::with_capacity(order_ids.len());
            for order_id in &order_ids {
                orders.extend(fetch(connection, order_id)?);
            }
            Ok(orders)
        })
    }

    fn order_commit(&self, commit: Commit) -> StoreFuture<'_, ()> {
        self.write(move |connection| commit::apply(connection, &commit))
    }

    fn orders_list(
        &self,
        of: OrdersOf,
        status: Option<Status>,
        before: Option<OrderId>,
        limit: usize,
    ) -> StoreFuture<'_, OrdersPage> {
        self.read(move |connection| list(connection, &of, status, before.as_ref(), limit))
    }

    fn orders_open(&self) -> StoreFuture<'_, Vec<Order>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&OPEN)?;
            let orders = statement.query_map([], rows::order)?.collect::<rusqlite::Result<_>>()?;
            Ok(orders)
        })
    }

    fn order_events(&self, order_id: OrderId, after: i64) -> StoreFuture<'_, Vec<OrderEvent>> {
        self.read(move |connection| {
            let sql = format!("SELECT {EVENT_COLUMNS} FROM order_events WHERE order_id = ? AND seq > ? ORDER BY seq");
            let mut statement = connection.prepare_cached(&sql)?;
            let events =
                statement.query_map(params![order_id, after], rows::event)?.collect::<rusqlite::Result<_>>()?;
            Ok(events)
        })
    }

    fn orders_watch_state(&self, order_ids: Vec<OrderId>) -> StoreFuture<'_, Vec<WatchState>> {
        self.read(move |connection| {
            let mut states = Vec::with_capacity(order_ids.len());
            for order_id in order_ids {
                states.extend(watch_state(connection, order_id)?);
            }
            Ok(states)
        })
    }

    fn offer_insert(&self, offer: Offer) -> StoreFuture<'_, ()> {
        self.write(move |connection| offers::insert(connection, &offer))
    }

    fn offer_fetch(&self, offer_id: OfferId) -> StoreFuture<'_, Option<Offer>> {
        self.read(move |connection| offers::fetch(connection, &offer_id))
    }

    fn offer_withdraw(&self, offer_id: OfferId, at: Millis) -> StoreFuture<'_, bool> {
        self.write(move |connection| offers::withdraw(connection, &offer_id, at))
    }

    fn order_refusals(&self, order_id: OrderId) -> StoreFuture<'_, Vec<DriverId>> {
        self.read(move |connection| offers::refusals(connection, &order_id))
    }

    fn keys_expire(&self, before: Millis) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut total = 0;
            loop {
                let deleted = self.write(move |connection| keys::expire(connection, before)).await?;
                total += deleted;
                if deleted < u64::from(keys::EXPIRED_AT_ONCE) {
                    return Ok(total);
                }
            }
        })
    }
}

fn fetch(connection: &Connection, order_id: &OrderId) -> StoreResult<Option<Order>> {
    Ok(connection.prepare_cached(&FETCH)?.query_row([order_id], rows::order).optional()?)
}

/// Stores a new order; one whose id is taken is somebody else's change.
fn insert(connection: &Connection, order: &Order) -> StoreResult<()> {
    let mut values = rows::changing_values(order)?;
    values.extend(rows::lasting_values(order)?);
    let inserted = connection.prepare_cached(&INSERT)?.execute(params_from_iter(values));
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Conflict(Conflict::OrderChanged)),
        Err(error) => Err(error.into()),
    }
}

/// Stores an event.
pub(super) fn insert_event(connection: &Connection, event: &OrderEvent) -> StoreResult<()> {
    let sql = format!("INSERT INTO order_events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    connection.prepare_cached(&sql)?.execute(params![
        event.order_id,
        event.seq,
        event.event,
        event.status,
        event.at,
        event.by,
        event.reason,
        event.driver_id
    ])?;
    Ok(())
}

/// Whether a row of the same primary key or under the same unique index is there already.
pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    let codes = [ffi::SQLITE_CONSTRAINT_PRIMARYKEY, ffi::SQLITE_CONSTRAINT_UNIQUE];
    error.sqlite_error().is_some_and(|failure| codes.contains(&failure.extended_code))
}

fn list(
    connection: &Connection,
    of: &OrdersOf,
    status: Option<Status>,
    before: Option<&OrderId>,
    limit: usize,
) -> StoreResult<OrdersPage> {
    let below = before.map_or(AFTER_EVERY_ID, OrderId::as_str);
    // One more than asked for tells whether there is another page.
    let wanted = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
    let mut conditions = vec!["order_id < ?"];
    let mut values: Vec<&dyn ToSql> = vec![&below];
    if let Some(status) = &status {
        conditions.push("status = ?");
        values.push(status);
    }
    match of {
        OrdersOf::Everyone => {}
        OrdersOf::Customer(customer_id) => {
            conditions.push("customer_id = ?");
            values.push(customer_id);
        }
        OrdersOf::Driver(driver_id) => {
            conditions.push("driver_id = ?");
            values.push(driver_id);
        }
        OrdersOf::Merchant(merchant_id) => {
            conditions.push("merchant_id = ?");
            values.push(merchant_id);
        }
    }
    values.push(&wanted);
    let sql = format!("{} WHERE {} ORDER BY order_id DESC LIMIT ?", *SELECT, conditions.join(" AND "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut orders: Vec<Order> =
        statement.query_map(values.as_slice(), rows::order)?.collect::<rusqlite::Result<_>>()?;
    let more = orders.len() > limit;
    orders.truncate(limit);
    let next = if more { orders.last().map(|order| order.order_id.clone()) } else { None };
    Ok(OrdersPage { orders, next })
}

fn watch_state(connection: &Connection, order_id: OrderId) -> StoreResult<Option<WatchState>> {
    let mut statement = connection.prepare_cached(
        "SELECT status, orders.version, driver_id, ifnull(share_location, 0) AS shared
         FROM orders LEFT JOIN drivers USING (driver_id) WHERE order_id = ?",
    )?;
    let found = statement.query_row([&order_id], |row| {
        Ok(WatchState {
            order_id: order_id.clone(),
            status: row.get("status")?,
            version: row.get("version")?,
            driver_id: row.get("driver_id")?,
            shared: row.get("shared")?,
        })
    });
    Ok(found.optional()?)
}
