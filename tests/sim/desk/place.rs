//! Placing an order, and settling its payment.

use crate::node::cell::area_of;
use crate::protocol::Draft;
use crate::protocol::Problem;
use crate::protocol::Receipt;
use crate::protocol::Reply;
use crate::sim::Here;
use beeline::domain::fleet::Needs;
use beeline::domain::ids::OrderId;
use beeline::domain::order;
use beeline::domain::order::Arrivals;
use beeline::domain::order::Kind;
use beeline::domain::order::Order;
use beeline::domain::order::Place;
use beeline::domain::order::Prep;
use beeline::domain::order::Price;
use beeline::domain::order::Status;
use beeline::domain::time::Millis;
use beeline::store::Answer;
use beeline::store::Claim;
use beeline::store::Conflict;
use beeline::store::Placed;
use beeline::store::StoreError;
use beeline::store::StoreResult;

/// An order that is only created after this long has lost the node that was placing it, in milliseconds.
pub const ORPHANED_MS: i64 = 30_000;
/// The word in an order that says that its card will be refused.
const UNPAID: &str = "unpaid";

impl Here {
    /// Stores an order and charges it, and keeps the answer. The same key leads to the same order.
    pub async fn place(&self, key: &str, draft: &Draft) -> Reply {
        let claim =
            Claim { principal: "customer".to_owned(), key: key.to_owned(), body_hash: [0; 32], now: self.now() };
        let order = new_order(OrderId::from_generated(self.fresh_id()), draft, self.now());
        let inserted = self.order_insert(order.clone(), order::created(&order), claim.clone()).await;
        if let Ok(Placed::Before { answer: Some(answer), .. }) = &inserted {
            return Reply::Placed(Receipt::kept(&answer.body));
        }
        let reply = self.go_on_with(order, inserted).await;
        if let Reply::Placed(receipt) = &reply {
            // Where it cannot be kept a repeat is answered from the order.
            drop(self.order_answer(claim, Answer { status: 201, body: receipt.body.clone() }).await);
        }
        reply
    }

    async fn go_on_with(&self, order: Order, inserted: StoreResult<Placed>) -> Reply {
        match inserted {
            Err(error) => Reply::Refused((&error).into()),
            Ok(Placed::New) => self.settle_payment(order).await,
            Ok(Placed::Mismatch) => Reply::Refused(Problem::Mismatch),
            Ok(Placed::Before { order_id, claimed_at, .. }) => {
                let first = match self.fetch(&order_id).await {
                    Ok(first) => first,
                    Err(problem) => return Reply::Refused(problem),
                };
                match first.status {
                    Status::Created if self.now().since(claimed_at) < ORPHANED_MS => Reply::Refused(Problem::Running),
                    Status::Created => self.settle_payment(first).await,
                    _ => placed(first),
                }
            }
        }
    }

    /// Charges a created order and sets it searching, or fails it.
    pub async fn settle_payment(&self, created: Order) -> Reply {
        let declined = created.note.clone();
        let Ok(commit) = self.ask_rules(|command| command.settle(&created, declined)) else {
            return Reply::Refused(Problem::Conflict);
        };
        match self.order_commit(commit.clone()).await {
            Ok(()) => {}
            Err(StoreError::Conflict(Conflict::OrderChanged)) => {
                return self.fetch(&created.order_id).await.map_or_else(Reply::Refused, placed);
            }
            Err(error) => return Reply::Refused((&error).into()),
        }
        let settled = self.announce_commit(std::slice::from_ref(&created), commit);
        settled.into_iter().next().map_or(Reply::Refused(Problem::NotFound), placed)
    }

    pub async fn fetch(&self, order_id: &OrderId) -> Result<Order, Problem> {
        let found = self.read(|store| store.orders.get(order_id).cloned()).await;
        found.map_err(|error| Problem::from(&error))?.ok_or(Problem::NotFound)
    }
}

/// An order as it begins.
pub fn new_order(order_id: OrderId, draft: &Draft, now: Millis) -> Order {
    Order {
        order_id,
        kind: Kind::Food,
        status: Status::Created,
        version: 1,
        customer_id: draft.customer_id.clone(),
        merchant_id: draft.merchant_id.clone(),
        driver_id: None,
        assignment_id: None,
        pickup: Place { position: draft.pickup, address: None },
        dropoff: Place { position: draft.dropoff, address: None },
        items: Vec::new(),
        prep: Prep { ready: false, seconds: draft.prep_seconds, ready_at: None },
        scheduled_for: None,
        due_at: None,
        price: Price { amount: 100, currency: "EUR".to_owned() },
        eta: Arrivals::default(),
        promised_at: None,
        needs: Needs::default(),
        searches: 0,
        note: draft.unpaid.then(|| UNPAID.to_owned()),
        created_at: now,
        updated_at: now,
        geo_key: format!("area{}", area_of(draft.pickup)),
    }
}
/// What the customer of an order is told whose payment is settled.
fn placed(order: Order) -> Reply {
    // One that never searched was not paid for; one that failed later was placed all the same.
    if order.status == Status::Failed && order.searches == 0 {
        return Reply::Refused(Problem::PaymentDeclined);
    }
    Reply::Placed(Receipt::of(&order))
}
