//! New orders, and the idempotency keys they are claimed with.

use super::model::Key;
use super::model::Model;
use crate::switches::Switch;
use beeline::domain::order::Order;
use beeline::domain::order::OrderEvent;
use beeline::limits::IDEMPOTENCY_TTL_MS;
use beeline::store::Answer;
use beeline::store::Claim;
use beeline::store::Conflict;
use beeline::store::Placed;
use beeline::store::StoreError;
use beeline::store::StoreResult;

impl Model {
    pub fn order_insert(&mut self, order: &Order, event: &OrderEvent, claim: Option<&Claim>) -> StoreResult<Placed> {
        let claim = claim.filter(|_| !self.is_broken(Switch::ForgottenKeys));
        let name = claim.map(|claim| (claim.principal.clone(), claim.key.clone()));
        if let (Some(claim), Some(key)) = (claim, name.as_ref().and_then(|name| self.keys.get(name)))
            && claim.now.since(key.claimed_at) < IDEMPOTENCY_TTL_MS
        {
            if key.body_hash != claim.body_hash {
                return Ok(Placed::Mismatch);
            }
            let (order_id, claimed_at, answer) = (key.order_id.clone(), key.claimed_at, key.answer.clone());
            return Ok(Placed::Before { order_id, claimed_at, answer });
        }
        if self.orders.contains_key(&order.order_id) {
            return Err(StoreError::Conflict(Conflict::OrderChanged));
        }
        if let (Some(name), Some(claim)) = (name, claim) {
            let (body_hash, order_id, claimed_at) = (claim.body_hash, order.order_id.clone(), claim.now);
            self.keys.insert(name, Key { body_hash, order_id, claimed_at, answer: None });
        }
        self.orders.insert(order.order_id.clone(), order.clone());
        self.events.insert(order.order_id.clone(), vec![event.clone()]);
        Ok(Placed::New)
    }

    pub fn order_answer(&mut self, claim: &Claim, answer: &Answer) -> StoreResult<()> {
        let is_broken = self.is_broken(Switch::LostAnswers);
        let key = self.keys.get_mut(&(claim.principal.clone(), claim.key.clone()));
        let key = key.filter(|key| key.body_hash == claim.body_hash).ok_or(StoreError::NotFound)?;
        if !is_broken {
            key.answer.get_or_insert_with(|| answer.clone());
        }
        Ok(())
    }
}
