//! `/api/v1/orders`.

use crate::http::documents::call::Call;
use crate::http::documents::call::get;
use crate::http::documents::call::post;
use crate::http::documents::call::schema_of;
use crate::http::orders::AssignBody;
use crate::http::orders::EventsAnswer;
use crate::http::orders::EventsQuery;
use crate::http::orders::ListQuery;
use crate::http::orders::OrdersAnswer;
use crate::http::orders::StepBody;
use crate::http::orders::Why;
use crate::http::tracking::DriverLocation;
use crate::protocol::answer::OfferDeclined;
use crate::protocol::order::NewOrder;
use crate::protocol::order::OrderOut;
use crate::protocol::problem::Code;

/// Refusals of any step.
const STEP: &[Code] = &[Code::NotFound, Code::IllegalTransition, Code::Conflict];
/// Refusals of an answer to an offer.
const OFFER: &[Code] = &[Code::NotFound, Code::OfferClosed, Code::Conflict];

const NEW_ORDER_HEADERS: &[(&str, &str)] = &[(
    "Idempotency-Key",
    "1 to 255 visible ASCII characters, honoured 24 h per principal: the same key and body replays the first answer.",
)];
const CREATED_HEADERS: &[(&str, &str)] = &[
    ("Location", "The order's address."),
    ("Idempotent-Replayed", "`true` where the answer is the first one's for this Idempotency-Key."),
];

/// The calls.
pub fn calls() -> Vec<Call> {
    let calls = reading().into_iter().chain(steering()).map(|call| call.tag("orders"));
    calls.chain(offers().into_iter().map(|call| call.tag("offers"))).collect()
}

fn reading() -> Vec<Call> {
    vec![
        post("/api/v1/orders", "placeOrder", "Place an order")
            .about("Service and operator name the `customer_id`. `scheduled_for` and `quote_id` answer 422 `not_available` for now.")
            .headers(NEW_ORDER_HEADERS)
            .body(schema_of::<NewOrder>)
            .answers::<OrderOut>(201, "Placed, paid and searching for a driver.")
            .answer_headers(CREATED_HEADERS)
            .refuses(&[Code::NotAvailable, Code::PaymentDeclined, Code::NotFound, Code::Conflict])
            .refuses(&[Code::IdempotencyMismatch, Code::IdempotencyRunning]),
        get("/api/v1/orders", "listOrders", "Own orders, newest first; everybody's for operators and services")
            .query::<ListQuery>()
            .answers::<OrdersAnswer>(200, "A page."),
        get("/api/v1/orders/{id}", "order", "One order")
            .about("For its customer, driver and merchant, operators and services; 404 for everybody else.")
            .answers::<OrderOut>(200, "The order.")
            .refuses(&[Code::NotFound]),
        get("/api/v1/orders/{id}/events", "orderEvents", "What happened to an order, in order")
            .query::<EventsQuery>()
            .answers::<EventsAnswer>(200, "The events.")
            .refuses(&[Code::NotFound]),
        get("/api/v1/orders/{id}/driver-location", "orderDriverLocation", "Where the driver of an order is")
            .about("Visible from assignment to the door. With `Upgrade: websocket`: a customer socket that follows the order from the start.")
            .answers::<DriverLocation>(200, "The live fix.")
            .answers_as(101, "The socket is open.", Vec::new())
            .refuses(&[Code::NotFound, Code::NotInDelivery, Code::NoPosition, Code::TooMany]),
    ]
}

fn steering() -> Vec<Call> {
    vec![
        post("/api/v1/orders/{id}/cancel", "cancelOrder", "Call an order off")
            .about("Customer and merchant before it is picked up; an operator at any time.")
            .optional_body::<Why>()
            .answers::<OrderOut>(200, "Cancelled.")
            .refuses(STEP),
        post("/api/v1/orders/{id}/ready", "orderReady", "The goods wait for the driver")
            .answers::<OrderOut>(200, "Noted.")
            .refuses(STEP),
        post("/api/v1/orders/{id}/status", "stepOrder", "The order's driver took a step")
            .about("Repeating the step already taken answers 200 again.")
            .body(schema_of::<StepBody>)
            .answers::<OrderOut>(200, "The order after it.")
            .refuses(STEP),
        post("/api/v1/orders/{id}/assign", "assignOrder", "Give an order to a driver at once, without an offer")
            .about("One that another driver has not picked up yet is taken from them. Written to the audit trail.")
            .body(schema_of::<AssignBody>)
            .answers::<OrderOut>(200, "Assigned.")
            .refuses(STEP)
            .refuses(&[Code::DriverBusy, Code::DriverUnavailable, Code::UnknownDriver]),
        post("/api/v1/orders/{id}/unassign", "unassignOrder", "Take the driver off an order")
            .about("Before it is picked up. It looks for a driver again, but not for this one. Written to the audit trail.")
            .answers::<OrderOut>(200, "Searching again.")
            .refuses(STEP),
    ]
}

fn offers() -> Vec<Call> {
    vec![
        post("/api/v1/orders/{id}/offers/{offer_id}/accept", "acceptOffer", "Accept an offer")
            .about("All orders of the offer, by the path of any of them.")
            .answers::<OrderOut>(200, "The order is the driver's.")
            .refuses(OFFER)
            .refuses(&[Code::IllegalTransition, Code::DriverBusy, Code::DriverUnavailable, Code::UnknownDriver]),
        post("/api/v1/orders/{id}/offers/{offer_id}/decline", "declineOffer", "Decline an offer")
            .about("All orders of the offer, by the path of any of them: they are offered to somebody else, at a higher version.")
            .answers::<OfferDeclined>(200, "Declined.")
            .refuses(OFFER),
    ]
}
