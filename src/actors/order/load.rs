//! How an order actor reads the store.

use crate::actors::world::World;
use crate::clock;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::domain::order::OrderEvent;
use crate::domain::order::Status;
use crate::domain::time::Millis;
use crate::store::StoreResult;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// First pause between two tries to load, in milliseconds; doubles.
const LOAD_RETRY_MS: u64 = 50;
/// Tries to load before the actor gives up and dies, to be made anew by the next look-up or the steward's sweep.
const LOAD_TRIES: u32 = 6;

/// What the store says about an order.
pub(super) struct Loaded {
    /// From before the question: the answer may have been true only then.
    pub(super) asked_at: Millis,
    pub(super) order: Order,
    pub(super) events: Vec<OrderEvent>,
    pub(super) refused_by: HashSet<DriverId>,
    pub(super) shared: bool,
}

/// Reads an order for the first time, patiently.
pub(super) async fn load_first(world: Arc<World>, order_id: OrderId) -> StoreResult<Option<Loaded>> {
    let mut pause_ms = LOAD_RETRY_MS;
    for _ in 1..LOAD_TRIES {
        match load(world.clone(), order_id.clone(), 0).await {
            Ok(found) => return Ok(found),
            Err(error) => tracing::warn!(order.id = %order_id, %error, "order not loaded, trying again"),
        }
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        pause_ms *= 2;
    }
    load(world, order_id, 0).await
}

/// Reads an order and its events above `after`; `None` when there is none.
pub(super) async fn load(world: Arc<World>, order_id: OrderId, after: i64) -> StoreResult<Option<Loaded>> {
    let asked_at = clock::now();
    // Events after the order: an event committed in between is there twice rather than missing.
    let orders = &world.store.orders;
    let Some(order) = orders.order_fetch(order_id.clone()).await? else { return Ok(None) };
    let mut events = orders.order_events(order_id.clone(), after).await?;
    events.retain(|event| event.seq <= order.version);
    let mut refused_by = HashSet::new();
    if order.status == Status::Searching {
        refused_by.extend(orders.order_refusals(order_id.clone()).await?);
    }
    let state = orders.orders_watch_state(vec![order_id]).await?;
    let shared = state.first().is_some_and(|state| state.shared && state.driver_id == order.driver_id);
    Ok(Some(Loaded { asked_at, order, events, refused_by, shared }))
}
