//! `POST /api/v1/orders`: a new order checked field by field, placed once per idempotency key, and answered.

use crate::actors::desk;
use crate::actors::desk::Draft;
use crate::actors::desk::Placement;
use crate::clock;
use crate::domain::geo::Position;
use crate::domain::ids::CustomerId;
use crate::domain::order::Item;
use crate::domain::order::Place;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::fields::Faults;
use crate::http::json::JsonBytes;
use crate::http::json::parse;
use crate::limits;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::order::ItemIn;
use crate::protocol::order::NewOrder;
use crate::protocol::order::OrderOut;
use crate::protocol::order::PlaceIn;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::store;
use crate::store::Claim;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;
use sha2::Digest;
use sha2::Sha256;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

/// Longest `Idempotency-Key`, in characters.
const KEY_MAX_CHARS: usize = 255;
/// Longest preparation, in seconds.
const PREP_MAX_S: u32 = 24 * 60 * 60;
/// Most of one item.
const QUANTITY_MAX: u32 = 1_000;

/// Fields that only the server sets.
const PROTECTED: [&str; 11] = [
    "order_id",
    "status",
    "version",
    "price",
    "driver_id",
    "assignment_id",
    "eta",
    "due_at",
    "created_at",
    "updated_at",
    "geo_key",
];

/// `POST /orders`: 201 with the order, paid and searching.
pub async fn place(api: web::Data<Api>, who: Caller, request: HttpRequest, body: JsonBytes) -> Answer {
    let started = Instant::now();
    let who = who.principal;
    refuse_protected(&body.0)?;
    let wish: NewOrder = parse(&body.0)?;
    let draft = check(&who, wish)?;
    let claim = claim(&who, &request, &body.0)?;
    let placement = desk::place(&api.world, draft, claim.clone()).await;
    let order = match placement {
        Ok(Placement::Replay(answer)) => return replay(&answer),
        Ok(Placement::Placed(order)) => order,
        Err(problem) => return Err(problem),
    };
    let shown = OrderOut::from(order.as_ref());
    if let Some(claim) = claim {
        let body = serde_json::to_string(&shown).map_err(|_| Problem::new(Code::Internal))?;
        let answer = store::Answer { status: 201, body };
        // The order stands whether or not its answer could be kept: a replay is then answered from the order.
        if let Err(error) = api.world.store.orders.order_answer(claim, answer).await {
            tracing::warn!(order.id = %order.order_id, %error, "answer not kept for its idempotency key");
        }
    }
    api.world.metrics.order_place.observe(started.elapsed());
    let location = format!("/api/v1/orders/{}", order.order_id);
    Ok(HttpResponse::Created().insert_header(("Location", location)).json(shown))
}

fn replay(answer: &store::Answer) -> Answer {
    #[derive(Deserialize)]
    struct Named {
        order_id: String,
    }
    let status = actix_web::http::StatusCode::from_u16(answer.status).map_err(|_| Problem::new(Code::Internal))?;
    let mut response = HttpResponse::build(status);
    if let Ok(named) = serde_json::from_str::<Named>(&answer.body) {
        response.insert_header(("Location", format!("/api/v1/orders/{}", named.order_id)));
    }
    Ok(response
        .insert_header(("Idempotent-Replayed", "true"))
        .content_type("application/json")
        .body(answer.body.clone()))
}

fn refuse_protected(body: &[u8]) -> Result<(), Problem> {
    // What is no object is refused by the parse that follows.
    let Ok(Present(present)) = serde_json::from_slice(body) else { return Ok(()) };
    let set: Vec<&str> = PROTECTED.into_iter().filter(|name| present.contains(name)).collect();
    if set.is_empty() {
        return Ok(());
    }
    let problem = Problem::new(Code::Malformed).detail("The body sets what only the server sets.");
    Err(set.into_iter().fold(problem, |problem, name| problem.field(format!("/{name}"), "set by the server")))
}

/// The protected fields of a body that are not null, however often each is said: a struct would stop at a repetition, and
/// the parse that ignores unknown fields would not see it.
struct Present(BTreeSet<&'static str>);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PresentVisitor)
    }
}

struct PresentVisitor;

impl<'de> Visitor<'de> for PresentVisitor {
    type Value = Present;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Present, A::Error> {
        let mut present = BTreeSet::new();
        while let Some((name, value)) = fields.next_entry::<Cow<'_, str>, Option<IgnoredAny>>()? {
            let known = PROTECTED.into_iter().find(|known| *known == name);
            present.extend(known.filter(|_| value.is_some()));
        }
        Ok(Present(present))
    }
}

fn claim(who: &Principal, request: &HttpRequest, body: &[u8]) -> Result<Option<Claim>, Problem> {
    let Some(value) = request.headers().get("Idempotency-Key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_MAX_CHARS);
    let key = key.ok_or_else(|| {
        Problem::new(Code::Malformed)
            .detail(format!("Idempotency-Key is 1 to {KEY_MAX_CHARS} visible ASCII characters."))
    })?;
    let body_hash: [u8; 32] = Sha256::digest(body).into();
    Ok(Some(Claim { principal: who.name(), key: key.to_owned(), body_hash, now: clock::now() }))
}

/// Checks a new order field by field, and names every bad one.
fn check(who: &Principal, wish: NewOrder) -> Result<Draft, Problem> {
    let unbuilt = [
        ("/scheduled_for", wish.scheduled_for.is_some_and(|value| !value.is_null())),
        ("/quote_id", wish.quote_id.is_some_and(|value| !value.is_null())),
    ];
    if let Some((pointer, _)) = unbuilt.iter().find(|(_, set)| *set) {
        return Err(Problem::new(Code::NotAvailable).field(*pointer, "not built yet"));
    }
    let customer_id = whose(who, wish.customer_id)?;
    let mut faults = Faults::default();
    let pickup = check_place(wish.pickup, "/pickup", &mut faults);
    let dropoff = check_place(wish.dropoff, "/dropoff", &mut faults);
    let prep_seconds = wish.prep_seconds.unwrap_or(0);
    if prep_seconds > PREP_MAX_S {
        faults.note("/prep_seconds", format!("at most {PREP_MAX_S}"));
    }
    let items = check_items(wish.items, &mut faults);
    let needs = faults.needs(wish.vehicle.as_ref(), wish.skills.as_ref());
    faults.text(wish.note.as_ref(), "/note");
    faults.settle()?;
    // A place without a position is among the faults.
    let (Some(pickup), Some(dropoff)) = (pickup, dropoff) else { return Err(Problem::new(Code::Invalid)) };
    let (kind, merchant_id, note) = (wish.kind, wish.merchant_id, wish.note);
    Ok(Draft { kind, customer_id, merchant_id, pickup, dropoff, items, prep_seconds, needs, note })
}

fn check_items(wish: Vec<ItemIn>, faults: &mut Faults) -> Vec<Item> {
    if wish.len() > limits::ITEMS_MAX {
        faults.note("/items", format!("at most {} lines", limits::ITEMS_MAX));
    }
    for (index, item) in wish.iter().enumerate() {
        faults.text(Some(&item.name), &format!("/items/{index}/name"));
        if item.quantity == 0 || item.quantity > QUANTITY_MAX {
            faults.note(format!("/items/{index}/quantity"), format!("1 to {QUANTITY_MAX}"));
        }
        if !(0..=1_000_000_000).contains(&item.unit_price) {
            faults.note(format!("/items/{index}/unit_price"), "0 to 1,000,000,000 minor units");
        }
    }
    let item = |item: ItemIn| Item { name: item.name, quantity: item.quantity, unit_price: item.unit_price };
    wish.into_iter().map(item).collect()
}

fn whose(who: &Principal, named: Option<CustomerId>) -> Result<CustomerId, Problem> {
    if who.role == Role::Customer {
        if named.is_some_and(|id| id.as_str() != who.subject) {
            return Err(Problem::new(Code::Forbidden).detail("A customer orders for themselves."));
        }
        return CustomerId::parse(&who.subject).map_err(|_| Problem::new(Code::Forbidden));
    }
    named.ok_or_else(|| Problem::new(Code::Invalid).field("/customer_id", "says whose order it is"))
}

fn check_place(wish: PlaceIn, pointer: &str, faults: &mut Faults) -> Option<Place> {
    faults.text(wish.address.as_ref(), &format!("{pointer}/address"));
    match Position::new(wish.latitude, wish.longitude) {
        Ok(position) => Some(Place { position, address: wish.address }),
        Err(error) => {
            faults.note(pointer, error.to_string());
            None
        }
    }
}
