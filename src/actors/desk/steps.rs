//! Steps of an order, and an operator's hand in it.

use super::TRIES;
use super::publish;
use super::store_problem;
use super::to_its_end;
use crate::actors::driver::EndOffer;
use crate::actors::mailbox::tell;
use crate::actors::world::World;
use crate::clock;
use crate::domain::eta;
use crate::domain::geo::Position;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order;
use crate::domain::order::Arrivals;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::domain::order::Refused;
use crate::domain::order::Step;
use crate::domain::order::Transition;
use crate::domain::time::Millis;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store::AssignmentChange;
use crate::store::Conflict;
use crate::store::OfferChange;
use crate::store::OfferOutcome;
use crate::store::OrderCommit;
use crate::store::StoreError;
use std::sync::Arc;

/// A step somebody asks for.
pub struct Request {
    /// Which order.
    pub order_id: OrderId,
    /// The step.
    pub step: Step,
    /// Who asks.
    pub by: By,
    /// Why.
    pub reason: Option<String>,
    /// The version it was decided on, where the asker cares.
    pub version: Option<i64>,
}

impl Request {
    /// A step without a reason or a version.
    #[must_use]
    pub fn new(order_id: OrderId, step: Step, by: By) -> Self {
        Self { order_id, step, by, reason: None, version: None }
    }
}

/// Takes a step, or answers as if it had just been taken when it was taken before.
pub async fn take_step(world: &Arc<World>, request: Request) -> Result<Arc<Order>, Problem> {
    run(world, request).await
}

async fn run(world: &Arc<World>, request: Request) -> Result<Arc<Order>, Problem> {
    let world = world.clone();
    to_its_end(async move { commit_step(&world, request, None).await }).await
}

/// Gives a searching order to a driver at once, without an offer.
pub async fn assign(
    world: &Arc<World>,
    order_id: OrderId,
    driver_id: DriverId,
    operator: String,
) -> Result<Arc<Order>, Problem> {
    let step = Step::Assign { driver_id, assignment_id: clock::assignment_id() };
    let mut request = Request::new(order_id, step, By::Operator(operator));
    request.reason = Some("assigned by hand".to_owned());
    run(world, request).await
}

/// Takes the driver off an order that has not been picked up.
pub async fn unassign(world: &Arc<World>, order_id: OrderId, operator: String) -> Result<Arc<Order>, Problem> {
    let mut request = Request::new(order_id, Step::Release, By::Operator(operator));
    request.reason = Some("unassigned by hand".to_owned());
    run(world, request).await
}

/// Load, step, compare-and-set; again when somebody else was first.
pub(super) async fn commit_step(
    world: &Arc<World>,
    request: Request,
    offer: Option<OfferChange>,
) -> Result<Arc<Order>, Problem> {
    for _ in 0..TRIES {
        let found = world.store.orders.order_fetch(request.order_id.clone()).await.map_err(|e| store_problem(&e))?;
        let before = found.ok_or_else(|| Problem::new(Code::NotFound))?;
        let now = clock::now();
        let taken = order::step(&before, &request.step, &request.by, request.reason.clone(), now);
        let transition = match taken {
            Ok(transition) => transition,
            Err(Refused::AlreadyTaken) => return Ok(Arc::new(before)),
            Err(refused) => return Err(refusal(&before, &request, refused)),
        };
        if let Some(version) = request.version.filter(|version| *version != before.version) {
            let detail = format!("The order is at version {} by now, not {version}.", before.version);
            return Err(Problem::new(Code::Conflict).detail(detail));
        }
        let Transition { mut order, event } = transition;
        estimate(world, &mut order, &request.step, now);
        let commit = OrderCommit {
            expected_version: before.version,
            order: order.clone(),
            events: vec![event.clone()],
            assignment: assignment_change(&before, &order, &request.step),
            offer: offer.clone(),
        };
        match world.store.orders.order_commit(commit).await {
            Ok(()) => {
                let drivers: Vec<DriverId> = before.driver_id.iter().chain(&order.driver_id).cloned().collect();
                end_offers(world, &drivers, &order, offer.as_ref());
                return Ok(publish(world, order, vec![event], &drivers));
            }
            Err(StoreError::Conflict(Conflict::OrderChanged)) => {}
            Err(error) => return Err(store_problem(&error)),
        }
    }
    Err(Problem::new(Code::Conflict).detail("The order keeps changing: try again."))
}

fn end_offers(world: &Arc<World>, drivers: &[DriverId], order: &Order, offer: Option<&OfferChange>) {
    let Some(offer) = offer else { return };
    for driver_id in drivers {
        if let Some(driver) = world.directory.driver(driver_id) {
            let (offer_id, order_id) = (offer.offer_id.clone(), order.order_id.clone());
            tell(&driver, EndOffer { offer_id, order_id, outcome: OfferOutcome::Accepted });
        }
    }
}

fn refusal(order: &Order, request: &Request, refused: Refused) -> Problem {
    match refused {
        // A driver who is not the order's learns no more than of an order that does not exist.
        Refused::NotYours => Problem::new(Code::NotFound),
        Refused::Illegal | Refused::AlreadyTaken => {
            let detail = format!(
                "An order that is {} (version {}) cannot become {} by a {}.",
                order.status.as_str(),
                order.version,
                request.step.event(),
                request.by.role()
            );
            Problem::new(Code::IllegalTransition).detail(detail)
        }
    }
}

/// Expected arrivals, from the moment a driver is known.
fn estimate(world: &Arc<World>, order: &mut Order, step: &Step, now: Millis) {
    let way_ms = |from: Position, to: Position| eta::travel_whole_s(from, to) * 1_000;
    let (pickup, dropoff) = (order.pickup.position, order.dropoff.position);
    match step {
        Step::Assign { driver_id, .. } => {
            let Some(live) = world.live.get(driver_id) else { return };
            let pickup_at = now + way_ms(live.fix.position, pickup);
            let leaves_at = order.prep.ready_at.map_or(pickup_at, |ready_at| ready_at.max(pickup_at));
            order.eta = Arrivals { pickup_at: Some(pickup_at), dropoff_at: Some(leaves_at + way_ms(pickup, dropoff)) };
        }
        Step::PickUp => order.eta.dropoff_at = Some(now + way_ms(pickup, dropoff)),
        _ => {}
    }
}

fn assignment_change(before: &Order, after: &Order, step: &Step) -> Option<AssignmentChange> {
    if let Step::Assign { driver_id, assignment_id } = step {
        return Some(AssignmentChange::Begin { assignment_id: assignment_id.clone(), driver_id: driver_id.clone() });
    }
    let ends = before.status.is_active() && !after.status.is_active();
    let assignment_id = before.assignment_id.clone().filter(|_| ends)?;
    Some(AssignmentChange::Leave { assignment_id })
}
