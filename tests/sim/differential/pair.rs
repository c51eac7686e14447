//! A store of the simulation and a real one, asked the same.

use crate::store::model::DriverRows;
use crate::store::model::Model;
use crate::switches::Switch;
use beeline::domain::dispatch::AuditEntry;
use beeline::domain::dispatch::Commit;
use beeline::domain::dispatch::Offer;
use beeline::domain::driver::Driver;
use beeline::domain::ids::OfferId;
use beeline::domain::ids::OrderId;
use beeline::domain::order::Order;
use beeline::domain::order::OrderEvent;
use beeline::domain::time::Millis;
use beeline::store::Answer;
use beeline::store::Claim;
use beeline::store::Placed;
use beeline::store::Store;
use beeline::store::StoreError;
use beeline::store::StoreResult;
use beeline::store::sqlite::Ack;
use beeline::store::sqlite::SqliteStore;
use std::collections::BTreeMap;
use std::fmt::Debug;
use tempfile::TempDir;

/// How often which answer was given.
pub type Told = BTreeMap<String, usize>;

/// More than any sequence writes.
const EVERYTHING: usize = 100_000;

/// What a store is asked to write.
#[derive(Debug)]
pub enum Call {
    Place { order: Box<Order>, event: OrderEvent, claim: Option<Claim> },
    Answer { claim: Claim, answer: Answer },
    Commit(Box<Commit>),
    Offer(Offer),
    Withdraw { offer_id: OfferId, at: Millis },
    Save { driver: Box<Driver>, audit: Option<AuditEntry> },
}

/// See the module.
pub struct Pair {
    pub model: Model,
    real: Store,
    /// Goes with the pair.
    _folder: TempDir,
}

impl Pair {
    pub fn open(switch: Option<Switch>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let real = SqliteStore::open(&folder.path().join("store.db"), Ack::Fast, |_, _| {}).unwrap();
        Self { model: Model { switch, ..Model::default() }, real, _folder: folder }
    }

    pub async fn close(self) {
        self.real.health.close().await.unwrap();
    }

    /// Asks both; how their answers differ, if they do.
    pub async fn ask(&mut self, call: Call, told: &mut Told) -> Result<(), String> {
        let (model, orders) = (&mut self.model, &self.real.orders);
        match call {
            Call::Place { order, event, claim } => {
                let ours = model.order_insert(&order, &event, claim.as_ref());
                let name = match &ours {
                    Ok(Placed::New) => "New",
                    Ok(Placed::Before { .. }) => "Before",
                    _ => "Mismatch",
                };
                let theirs = orders.order_insert(*order, event, claim).await;
                agree(("place", ours.is_ok().then_some(name)), &ours, &theirs, told)
            }
            Call::Answer { claim, answer } => {
                let ours = model.order_answer(&claim, &answer);
                agree(("answer", None), &ours, &orders.order_answer(claim, answer).await, told)
            }
            Call::Commit(commit) => {
                let ours = model.order_commit(&commit);
                let name = commit.offer.as_ref().map_or("commit", |offer| offer.outcome.as_str());
                agree((name, None), &ours, &orders.order_commit(*commit).await, told)
            }
            Call::Offer(offer) => {
                let ours = model.offer_insert(&offer);
                agree(("offer", None), &ours, &orders.offer_insert(offer).await, told)
            }
            Call::Withdraw { offer_id, at } => {
                let ours = model.offer_withdraw(&offer_id);
                agree(("withdraw", None), &ours, &orders.offer_withdraw(offer_id, at).await, told)
            }
            Call::Save { driver, audit } => {
                let ours = model.driver_save(&driver, audit.clone());
                agree(("save", None), &ours, &self.real.drivers.driver_save(*driver, audit).await, told)
            }
        }
    }

    /// Reads everything from both.
    pub async fn compare(&self, now: Millis) -> Result<(), String> {
        self.compare_orders().await?;
        self.compare_drivers(now).await?;
        let (model, feed) = (&self.model, &self.real.feed);
        let published = feed.events_after(0, None, EVERYTHING).await.unwrap();
        same("published", &model.published, &published.into_iter().map(|row| row.event).collect())?;
        let audit = feed.audit_after(0, EVERYTHING).await.unwrap();
        same("audit", &model.audit, &audit.into_iter().map(|row| row.entry).collect())?;
        let letters = feed.dead_letters("orders".to_owned(), None, EVERYTHING).await.unwrap();
        same("dead letters", &model.dead_letters(), &letters)
    }

    async fn compare_orders(&self) -> Result<(), String> {
        let (model, orders) = (&self.model, &self.real.orders);
        let order_ids: Vec<OrderId> = model.orders.keys().cloned().collect();
        let fetched = orders.orders_fetch(order_ids.clone()).await.unwrap();
        same("orders", &model.orders_fetch(&order_ids), &fetched)?;
        let mut open = orders.orders_open().await.unwrap();
        open.sort_by(|one, other| one.order_id.cmp(&other.order_id));
        same("open orders", &model.orders_open(), &open)?;
        for order_id in &order_ids {
            let events = orders.order_events(order_id.clone(), 0).await.unwrap();
            same("events", &model.order_events(order_id, 0), &events)?;
            let refusals = orders.order_refusals(order_id.clone()).await.unwrap();
            same("refusals", &model.order_refusals(order_id), &refusals)?;
        }
        for (offer_id, offer) in &model.offers {
            let fetched = orders.offer_fetch(offer_id.clone()).await.unwrap();
            same("offer", &Some(offer.clone()), &fetched)?;
        }
        Ok(())
    }

    async fn compare_drivers(&self, now: Millis) -> Result<(), String> {
        for driver_id in self.model.drivers.keys() {
            let state = self.real.drivers.driver_load(driver_id.clone(), now).await.unwrap();
            let rows = DriverRows { driver: state.driver, assignment: state.assignment, offer: state.offer };
            same("driver", &self.model.driver_load(driver_id, now), &rows)?;
        }
        Ok(())
    }
}

fn same<T: PartialEq + Debug>(what: &str, ours: &T, theirs: &T) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what}: the model has {ours:?}, the store {theirs:?}")) }
}

/// The same answer; of what is refused as senseless the words may differ. `name` stands for an answer too long to count by.
fn agree<T: PartialEq + Debug>(
    (call, name): (&str, Option<&str>),
    ours: &StoreResult<T>,
    theirs: &StoreResult<T>,
    told: &mut Told,
) -> Result<(), String> {
    let both_abort = matches!((ours, theirs), (Err(StoreError::Aborted(_)), Err(StoreError::Aborted(_))));
    let answer = match (name, ours) {
        (Some(name), Ok(_)) => format!("{call}: Ok({name})"),
        (_, Err(StoreError::Aborted(_))) => format!("{call}: Err(Aborted)"),
        _ => format!("{call}: {ours:?}"),
    };
    *told.entry(answer).or_default() += 1;
    if both_abort { Ok(()) } else { same(call, ours, theirs) }
}
