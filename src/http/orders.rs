//! `/api/v1/orders`: reading and steering orders.

use crate::actors::desk;
use crate::actors::desk::Request;
use crate::actors::desk::store_problem;
use crate::domain::ids::CustomerId;
use crate::domain::ids::DriverId;
use crate::domain::ids::MerchantId;
use crate::domain::ids::OfferId;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Status;
use crate::domain::order::Step;
use crate::http::access;
use crate::http::access::Caller;
use crate::http::api::Answer;
use crate::http::api::Api;
use crate::http::api::ok;
use crate::http::fields;
use crate::http::json::JsonBody;
use crate::http::sessions::driver::step_request;
use crate::limits;
use crate::protocol::answer::OfferDeclined;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::inbound::OrderStep;
use crate::protocol::order::EventOut;
use crate::protocol::order::OrderOut;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use crate::protocol::schema;
use crate::store::OrdersOf;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;

/// `GET /orders/{id}`.
pub async fn get(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    let order = who.order(&api, &path).await?;
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
pub async fn list(api: web::Data<Api>, who: Caller, query: web::Query<ListQuery>) -> Answer {
    let who = who.principal;
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
    who: Caller,
    path: web::Path<String>,
    query: web::Query<EventsQuery>,
) -> Answer {
    let order = who.order(&api, &path).await?;
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

/// `POST /orders/{id}/cancel`.
pub async fn cancel(api: web::Data<Api>, who: Caller, path: web::Path<String>, body: Option<JsonBody<Why>>) -> Answer {
    let by = access::canceller(&who.principal)?;
    let order = who.order(&api, &path).await?;
    let mut request = Request::new(order.order_id, Step::Cancel, by);
    request.reason = fields::reason(body.and_then(|body| body.0.reason))?;
    ok(&OrderOut::from(desk::take_step(&api.world, request).await?.as_ref()))
}

/// `POST /orders/{id}/ready`: the goods wait for the driver.
pub async fn ready(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    let order = who.order(&api, &path).await?;
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
pub async fn status(api: web::Data<Api>, who: Caller, path: web::Path<String>, body: JsonBody<StepBody>) -> Answer {
    let order = who.order(&api, &path).await?;
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
pub async fn assign(api: web::Data<Api>, who: Caller, path: web::Path<String>, body: JsonBody<AssignBody>) -> Answer {
    let order_id = who.order(&api, &path).await?.order_id;
    ok(&OrderOut::from(desk::assign(&api.world, order_id, body.0.driver_id, who.principal.name()).await?.as_ref()))
}

/// `POST /orders/{id}/unassign`: an operator takes the driver off.
pub async fn unassign(api: web::Data<Api>, who: Caller, path: web::Path<String>) -> Answer {
    let order_id = who.order(&api, &path).await?.order_id;
    ok(&OrderOut::from(desk::unassign(&api.world, order_id, who.principal.name()).await?.as_ref()))
}

/// `POST /orders/{id}/offers/{offer_id}/accept`.
pub async fn accept(api: web::Data<Api>, who: Caller, path: web::Path<(String, String)>) -> Answer {
    let (driver_id, offer_id, order_id) = offered(&api, &who.principal, &path).await?;
    ok(&OrderOut::from(desk::accept(&api.world, &driver_id, &offer_id, Some(&order_id)).await?.as_ref()))
}

/// `POST /orders/{id}/offers/{offer_id}/decline`.
pub async fn decline(api: web::Data<Api>, who: Caller, path: web::Path<(String, String)>) -> Answer {
    let (driver_id, offer_id, order_id) = offered(&api, &who.principal, &path).await?;
    desk::decline(&api.world, &driver_id, &offer_id, Some(&order_id)).await?;
    ok(&OfferDeclined { offer_id, outcome: "declined" })
}

/// The driver in whose name an offer is answered: themselves, or for a service the one it was made to.
async fn offered(api: &Api, who: &Principal, path: &(String, String)) -> Result<(DriverId, OfferId, OrderId), Problem> {
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
