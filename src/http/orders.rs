//! `/api/v1/orders`: placing, reading and steering orders.

use crate::actors::desk;
use crate::actors::desk::Draft;
use crate::actors::desk::Placement;
use crate::actors::desk::Request;
use crate::actors::desk::store_problem;
use crate::clock;
use crate::domain::geo::Position;
use crate::domain::ids::CustomerId;
use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Item;
use crate::domain::order::Order;
use crate::domain::order::Place;
use crate::domain::order::Status;
use crate::domain::order::Step;
use crate::http::access;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::api::ok;
use crate::http::json::JsonBody;
use crate::http::json::JsonBytes;
use crate::http::json::parse;
use crate::http::sessions::driver::step_request;
use crate::limits;
use crate::protocol::answer::OfferDeclined;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::inbound::OrderStep;
use crate::protocol::order::EventOut;
use crate::protocol::order::NewOrder;
use crate::protocol::order::OrderOut;
use crate::protocol::order::PlaceIn;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::protocol::schema;
use crate::store;
use crate::store::Claim;
use crate::store::OrdersOf;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;
use serde::de::IgnoredAny;
use sha2::Digest;
use sha2::Sha256;
use std::time::Instant;

const OPERATORS: [Role; 2] = [Role::Operator, Role::Admin];
/// Longest `Idempotency-Key`, in characters.
const KEY_MAX_CHARS: usize = 255;
/// Longest preparation, in seconds.
const PREP_MAX_S: u32 = 24 * 60 * 60;
/// Most of one item.
const QUANTITY_MAX: u32 = 1_000;

/// Fields that only the server sets.
#[derive(Deserialize)]
struct Protected {
    order_id: Option<IgnoredAny>,
    status: Option<IgnoredAny>,
    version: Option<IgnoredAny>,
    price: Option<IgnoredAny>,
    driver_id: Option<IgnoredAny>,
    assignment_id: Option<IgnoredAny>,
}

/// `POST /orders`: 201 with the order, paid and searching.
pub async fn place(api: web::Data<Api>, who: Principal, request: HttpRequest, body: JsonBytes) -> Answer {
    let started = Instant::now();
    who.require(&[Role::Customer, Role::Service, Role::Operator, Role::Admin])?;
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
    let Ok(found) = serde_json::from_slice::<Protected>(body) else { return Ok(()) };
    let named = [
        ("/order_id", found.order_id),
        ("/status", found.status),
        ("/version", found.version),
        ("/price", found.price),
        ("/driver_id", found.driver_id),
        ("/assignment_id", found.assignment_id),
    ];
    let set: Vec<_> = named.into_iter().filter(|(_, value)| value.is_some()).collect();
    if set.is_empty() {
        return Ok(());
    }
    let problem = Problem::new(Code::Malformed).detail("The body sets what only the server sets.");
    Err(set.into_iter().fold(problem, |problem, (pointer, _)| problem.field(pointer, "set by the server")))
}

fn claim(who: &Principal, request: &HttpRequest, body: &[u8]) -> Result<Option<Claim>, Problem> {
    let Some(value) = request.headers().get("Idempotency-Key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= KEY_MAX_CHARS);
    let key = key.ok_or_else(|| {
        Problem::new(Code::Malformed)
            .detail(format!("Idempotency-Key is 1 to {KEY_MAX_CHARS} visible ASCII characters."))
    })?;
    let principal = format!("{}:{}", who.role.as_str(), who.subject);
    let body_hash: [u8; 32] = Sha256::digest(body).into();
    Ok(Some(Claim { principal, key: key.to_owned(), body_hash, now: clock::now() }))
}

/// Checks a new order field by field, and names every bad one.
fn check(who: &Principal, wish: NewOrder) -> Result<Draft, Problem> {
    let unbuilt = [
        ("/scheduled_for", wish.scheduled_for.is_some_and(|value| !value.is_null())),
        ("/vehicle", wish.vehicle.is_some_and(|value| !value.is_null())),
        ("/quote_id", wish.quote_id.is_some_and(|value| !value.is_null())),
    ];
    if let Some((pointer, _)) = unbuilt.iter().find(|(_, set)| *set) {
        return Err(Problem::new(Code::NotAvailable).field(*pointer, "not built yet"));
    }
    let customer_id = whose(who, wish.customer_id)?;
    let mut bad: Vec<(String, String)> = Vec::new();
    let pickup = check_place(wish.pickup, "/pickup", &mut bad);
    let dropoff = check_place(wish.dropoff, "/dropoff", &mut bad);
    let prep_seconds = wish.prep_seconds.unwrap_or(0);
    if prep_seconds > PREP_MAX_S {
        bad.push(("/prep_seconds".to_owned(), format!("at most {PREP_MAX_S}")));
    }
    if wish.items.len() > limits::ITEMS_MAX {
        bad.push(("/items".to_owned(), format!("at most {} lines", limits::ITEMS_MAX)));
    }
    for (index, item) in wish.items.iter().enumerate() {
        check_text(Some(&item.name), &format!("/items/{index}/name"), &mut bad);
        if item.quantity == 0 || item.quantity > QUANTITY_MAX {
            bad.push((format!("/items/{index}/quantity"), format!("1 to {QUANTITY_MAX}")));
        }
        if !(0..=1_000_000_000).contains(&item.unit_price) {
            bad.push((format!("/items/{index}/unit_price"), "0 to 1,000,000,000 minor units".to_owned()));
        }
    }
    check_text(wish.note.as_ref(), "/note", &mut bad);
    let (Some(pickup), Some(dropoff), true) = (pickup, dropoff, bad.is_empty()) else {
        let problem = Problem::new(Code::Invalid);
        return Err(bad.into_iter().fold(problem, |problem, (pointer, detail)| problem.field(pointer, detail)));
    };
    let item = |item: crate::protocol::order::ItemIn| Item {
        name: item.name,
        quantity: item.quantity,
        unit_price: item.unit_price,
    };
    let items = wish.items.into_iter().map(item).collect();
    let (kind, merchant_id, note) = (wish.kind, wish.merchant_id, wish.note);
    Ok(Draft { kind, customer_id, merchant_id, pickup, dropoff, items, prep_seconds, note })
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

fn check_place(wish: PlaceIn, pointer: &str, bad: &mut Vec<(String, String)>) -> Option<Place> {
    check_text(wish.address.as_ref(), &format!("{pointer}/address"), bad);
    match Position::new(wish.latitude, wish.longitude) {
        Ok(position) => Some(Place { position, address: wish.address }),
        Err(error) => {
            bad.push((pointer.to_owned(), error.to_string()));
            None
        }
    }
}

fn check_text(text: Option<&String>, pointer: &str, bad: &mut Vec<(String, String)>) {
    let Some(text) = text else { return };
    if text.chars().count() > limits::TEXT_MAX_CHARS || text.contains('\0') {
        bad.push((pointer.to_owned(), format!("at most {} characters, no NUL", limits::TEXT_MAX_CHARS)));
    }
}

/// The order, if this principal may see it.
pub async fn own_order(api: &Api, who: &Principal, order_id: OrderId) -> Result<Order, Problem> {
    let found = api.world.store.orders.order_fetch(order_id).await.map_err(|error| store_problem(&error))?;
    found.filter(|order| access::sees_order(who, order)).ok_or_else(|| Problem::new(Code::NotFound))
}

/// `GET /orders/{id}`.
pub async fn get(api: web::Data<Api>, who: Principal, path: web::Path<String>) -> Answer {
    let order = own_order(&api, &who, access::order_id(&path)?).await?;
    ok(&OrderOut::from(&order))
}

/// Query of `GET /orders`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct ListQuery {
    /// Only orders at this step.
    #[schemars(with = "Option<schema::OrderStatus>")]
    status: Option<Status>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// At most 200; 50 when absent.
    limit: Option<usize>,
}

/// Answer of `GET /orders`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OrdersAnswer {
    /// Newest first.
    orders: Vec<OrderOut>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// `GET /orders`: own orders; everybody's for operators and services.
pub async fn list(api: web::Data<Api>, who: Principal, query: web::Query<ListQuery>) -> Answer {
    let nobody = |_| Problem::new(Code::Forbidden);
    let of = match who.role {
        Role::Customer => OrdersOf::Customer(CustomerId::parse(&who.subject).map_err(nobody)?),
        Role::Driver => OrdersOf::Driver(DriverId::parse(&who.subject).map_err(nobody)?),
        Role::Merchant => OrdersOf::Merchant(MerchantId::parse(who.merchant_id().unwrap_or_default()).map_err(nobody)?),
        Role::Operator | Role::Admin | Role::Service => OrdersOf::Everyone,
    };
    let limit = query.limit.unwrap_or(50);
    if limit == 0 || limit > limits::ORDERS_MAX_PAGE {
        return Err(Problem::new(Code::Invalid).field("/limit", format!("1 to {}", limits::ORDERS_MAX_PAGE)));
    }
    let cursor = query.cursor.as_deref().map(OrderId::parse).transpose();
    let before = cursor.map_err(|_| Problem::new(Code::Invalid).field("/cursor", "not one of ours"))?;
    let page = api.world.store.orders.orders_list(of, query.status, before, limit).await;
    let page = page.map_err(|error| store_problem(&error))?;
    let next_cursor = page.next.map(|order_id| order_id.to_string());
    ok(&OrdersAnswer { orders: page.orders.iter().map(OrderOut::from).collect(), next_cursor })
}

/// Query of `GET /orders/{id}/events`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct EventsQuery {
    /// Only events above this sequence number.
    after: Option<i64>,
}

/// Answer of `GET /orders/{id}/events`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct EventsAnswer {
    /// In order.
    events: Vec<EventOut>,
}

/// `GET /orders/{id}/events`.
pub async fn events(
    api: web::Data<Api>,
    who: Principal,
    path: web::Path<String>,
    query: web::Query<EventsQuery>,
) -> Answer {
    let order = own_order(&api, &who, access::order_id(&path)?).await?;
    let found = api.world.store.orders.order_events(order.order_id, query.after.unwrap_or(0)).await;
    let events = found.map_err(|error| store_problem(&error))?;
    ok(&EventsAnswer { events: events.iter().map(EventOut::from).collect() })
}

/// A reason somebody may give.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
pub struct Why {
    /// At most 500 characters.
    #[serde(default)]
    pub reason: Option<String>,
}

fn reason(body: Option<JsonBody<Why>>) -> Option<String> {
    let said = body.and_then(|body| body.0.reason)?;
    Some(said.chars().filter(|c| *c != '\0').take(limits::TEXT_MAX_CHARS).collect())
}

/// `POST /orders/{id}/cancel`.
pub async fn cancel(
    api: web::Data<Api>,
    who: Principal,
    path: web::Path<String>,
    body: Option<JsonBody<Why>>,
) -> Answer {
    let by = access::canceller(&who)?;
    let order = own_order(&api, &who, access::order_id(&path)?).await?;
    let mut request = Request::new(order.order_id, Step::Cancel, by);
    request.reason = reason(body);
    ok(&OrderOut::from(desk::take_step(&api.world, request).await?.as_ref()))
}

/// `POST /orders/{id}/ready`: the goods wait for the driver.
pub async fn ready(api: web::Data<Api>, who: Principal, path: web::Path<String>) -> Answer {
    who.require(&[Role::Merchant, Role::Service, Role::Operator, Role::Admin])?;
    let order = own_order(&api, &who, access::order_id(&path)?).await?;
    let request = Request::new(order.order_id, Step::Ready, By::Merchant);
    ok(&OrderOut::from(desk::take_step(&api.world, request).await?.as_ref()))
}

/// Body of `POST /orders/{id}/status`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct StepBody {
    /// `at_pickup`, `picked_up`, `at_dropoff`, `delivered`; `failed` after pickup; `searching` hands it back before.
    #[schemars(with = "schema::DriverStep")]
    status: Status,
    /// The version the step was decided on.
    #[serde(default)]
    version: Option<i64>,
    /// Why, for `failed` and `searching`.
    #[serde(default)]
    reason: Option<String>,
}

/// `POST /orders/{id}/status`: the order's driver took a step.
pub async fn status(api: web::Data<Api>, who: Principal, path: web::Path<String>, body: JsonBody<StepBody>) -> Answer {
    who.require(&[Role::Driver, Role::Service])?;
    let order = own_order(&api, &who, access::order_id(&path)?).await?;
    let driver_id = order
        .driver_id
        .clone()
        .ok_or_else(|| Problem::new(Code::IllegalTransition).detail("The order has no driver."))?;
    let JsonBody(StepBody { status, version, reason }) = body;
    let wish = OrderStep { order_id: order.order_id, status, version, reason };
    ok(&OrderOut::from(desk::take_step(&api.world, step_request(wish, driver_id)?).await?.as_ref()))
}

/// Body of `POST /orders/{id}/assign`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct AssignBody {
    /// Who is to carry it.
    #[schemars(with = "schema::Id")]
    driver_id: DriverId,
}

/// `POST /orders/{id}/assign`: an operator gives the order to a driver at once.
pub async fn assign(
    api: web::Data<Api>,
    who: Principal,
    path: web::Path<String>,
    body: JsonBody<AssignBody>,
) -> Answer {
    who.require(&OPERATORS)?;
    let order_id = access::order_id(&path)?;
    ok(&OrderOut::from(desk::assign(&api.world, order_id, body.0.driver_id, who.subject).await?.as_ref()))
}

/// `POST /orders/{id}/unassign`: an operator takes the driver off.
pub async fn unassign(api: web::Data<Api>, who: Principal, path: web::Path<String>) -> Answer {
    who.require(&OPERATORS)?;
    let order_id = access::order_id(&path)?;
    ok(&OrderOut::from(desk::unassign(&api.world, order_id, who.subject).await?.as_ref()))
}

/// `POST /orders/{id}/offers/{offer_id}/accept`.
pub async fn accept(api: web::Data<Api>, who: Principal, path: web::Path<(String, String)>) -> Answer {
    let (driver_id, offer_id, order_id) = offered(&api, &who, &path).await?;
    ok(&OrderOut::from(desk::accept(&api.world, &driver_id, &offer_id, Some(&order_id)).await?.as_ref()))
}

/// `POST /orders/{id}/offers/{offer_id}/decline`.
pub async fn decline(api: web::Data<Api>, who: Principal, path: web::Path<(String, String)>) -> Answer {
    let (driver_id, offer_id, order_id) = offered(&api, &who, &path).await?;
    desk::decline(&api.world, &driver_id, &offer_id, Some(&order_id)).await?;
    ok(&OfferDeclined { offer_id, outcome: "declined" })
}

/// The driver in whose name an offer is answered: themselves, or for a service the one it was made to.
async fn offered(api: &Api, who: &Principal, path: &(String, String)) -> Result<(DriverId, OfferId, OrderId), Problem> {
    who.require(&[Role::Driver, Role::Service])?;
    let order_id = access::order_id(&path.0)?;
    let offer_id = OfferId::parse(&path.1).map_err(|_| Problem::new(Code::NotFound))?;
    if who.role == Role::Driver {
        let driver_id = DriverId::parse(&who.subject).map_err(|_| Problem::new(Code::Forbidden))?;
        return Ok((driver_id, offer_id, order_id));
    }
    let found = api.world.store.orders.offer_fetch(offer_id.clone()).await.map_err(|error| store_problem(&error))?;
    let offer = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok((offer.driver_id, offer_id, order_id))
}
