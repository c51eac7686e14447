//! Placing an order: store it, charge it, set it searching. Idempotent by key, and by the store where the node dies in between.

use super::run::announce;
use super::store_problem;
use super::to_its_end;
use crate::actors::payment::Charge;
use crate::actors::world::World;
use crate::clock;
use crate::domain::dispatch::Command;
use crate::domain::fleet::Needs;
use crate::domain::ids::CustomerId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OrderId;
use crate::domain::order;
use crate::domain::order::Arrivals;
use crate::domain::order::Item;
use crate::domain::order::Kind;
use crate::domain::order::Order;
use crate::domain::order::Place;
use crate::domain::order::Prep;
use crate::domain::order::Price;
use crate::domain::order::Status;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::Answer;
use crate::store::Claim;
use crate::store::Conflict;
use crate::store::Placed;
use crate::store::StoreError;
use std::sync::Arc;

/// An order that is only created after this long has lost the node that was placing it, in milliseconds.
const ORPHANED_MS: i64 = 30_000;

/// A new order, checked.
pub struct Draft {
    /// What is carried.
    pub kind: Kind,
    /// Who orders.
    pub customer_id: CustomerId,
    /// Who prepares it.
    pub merchant_id: Option<MerchantId>,
    /// Where the goods are.
    pub pickup: Place,
    /// Where they go.
    pub dropoff: Place,
    /// What they are.
    pub items: Vec<Item>,
    /// Expected preparation, in seconds.
    pub prep_seconds: u32,
    /// What it asks of its driver.
    pub needs: Needs,
    /// A word from the customer.
    pub note: Option<String>,
}

/// What came of it.
pub enum Placement {
    /// The order, paid and searching.
    Placed(Arc<Order>),
    /// The first answer under the same key.
    Replay(Answer),
}

/// Places an order. With a claim, the same key and body lead to the same order.
pub async fn place(world: &Arc<World>, draft: Draft, claim: Option<Claim>) -> Result<Placement, Problem> {
    let world = world.clone();
    to_its_end(async move { store_and_charge(&world, draft, claim).await }).await
}

async fn store_and_charge(world: &Arc<World>, draft: Draft, claim: Option<Claim>) -> Result<Placement, Problem> {
    let order = create(world, draft);
    let event = order::created(&order);
    let inserted = world.store.orders.order_insert(order.clone(), event, claim).await;
    match inserted.map_err(|error| store_problem(&error))? {
        Placed::New => settle_payment(world, order).await.map(Placement::Placed),
        Placed::Mismatch => Err(Problem::new(Code::IdempotencyMismatch)),
        Placed::Before { answer: Some(answer), .. } => Ok(Placement::Replay(answer)),
        Placed::Before { order_id, claimed_at, answer: None } => {
            let found = world.store.orders.order_fetch(order_id).await.map_err(|error| store_problem(&error))?;
            let first = found.ok_or_else(|| Problem::new(Code::NotFound))?;
            match first.status {
                Status::Created if clock::now().since(claimed_at) < ORPHANED_MS => {
                    Err(Problem::new(Code::IdempotencyRunning))
                }
                Status::Created => settle_payment(world, first).await.map(Placement::Placed),
                _ => placed(first).map(Placement::Placed),
            }
        }
    }
}

/// Charges a created order and sets it searching, or fails it. Also how a restarted node goes on with an order it was placing.
pub async fn settle_payment(world: &Arc<World>, created: Order) -> Result<Arc<Order>, Problem> {
    let charge = world.payment.charge(&created).await;
    let declined = match &charge {
        Charge::Approved => None,
        Charge::Declined(why) => Some(why.clone()),
    };
    let mut fresh = clock::fresh_id;
    let mut command = Command { now: clock::now(), fresh: &mut fresh, whereabouts: &|_| None };
    let commit = command.settle(&created, declined).map_err(|_| Problem::new(Code::Conflict))?;
    match world.store.orders.order_commit(commit.clone()).await {
        Ok(()) => {}
        // Cancelled, or settled by somebody else, in the same moment: that is the answer.
        Err(StoreError::Conflict(Conflict::OrderChanged)) => return refetch(world, created.order_id).await,
        Err(error) => return Err(store_problem(&error)),
    }
    let settled = announce(world, std::slice::from_ref(&created), commit);
    match charge {
        Charge::Approved => settled.into_iter().next().ok_or_else(|| Problem::new(Code::Internal)),
        Charge::Declined(why) => Err(Problem::new(Code::PaymentDeclined).detail(why)),
    }
}

async fn refetch(world: &Arc<World>, order_id: OrderId) -> Result<Arc<Order>, Problem> {
    let found = world.store.orders.order_fetch(order_id).await.map_err(|error| store_problem(&error))?;
    placed(found.ok_or_else(|| Problem::new(Code::NotFound))?)
}

/// What the customer of an order is told whose payment is settled. One that never searched was not paid for; one that failed later was placed all
/// the same.
fn placed(order: Order) -> Result<Arc<Order>, Problem> {
    if order.status == Status::Failed && order.searches == 0 {
        return Err(Problem::new(Code::PaymentDeclined));
    }
    Ok(Arc::new(order))
}

fn create(world: &Arc<World>, draft: Draft) -> Order {
    let now = clock::now();
    let amount = draft.items.iter().map(|item| i64::from(item.quantity).saturating_mul(item.unit_price)).sum();
    let geo_key = world.cell_at(draft.pickup.position).geo_key();
    Order {
        order_id: clock::order_id(),
        kind: draft.kind,
        status: Status::Created,
        version: 1,
        customer_id: draft.customer_id,
        merchant_id: draft.merchant_id,
        driver_id: None,
        assignment_id: None,
        pickup: draft.pickup,
        dropoff: draft.dropoff,
        items: draft.items,
        prep: Prep { ready: false, seconds: draft.prep_seconds, ready_at: None },
        scheduled_for: None,
        due_at: None,
        price: Price { amount, currency: "EUR".to_owned() },
        eta: Arrivals::default(),
        promised_at: None,
        needs: draft.needs,
        searches: 0,
        note: draft.note,
        created_at: now,
        updated_at: now,
        geo_key,
    }
}
