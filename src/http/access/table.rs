//! The table: every call and every message, who may, with whose things, at which steps of an order, and from whose budget.
//!
//! The routes are made from it (`http::routes`), each session looks its messages up in it, the checks are made from it,
//! docs/access.md and the roles of the OpenAPI document are printed from it, and the tests try every cell of it. A call or
//! message without a row does not compile, because it has no [`Action`] to be handled as.

use super::rule::Asked;
use super::rule::Class;
use super::rule::Rule;
use super::rule::When;
use super::rule::Who;
use super::rule::any;
use super::rule::own;
use crate::domain::order::Status;
use crate::http::documents::Door;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;

/// One row each: name, how it is asked, budget, who may.
macro_rules! rules {
    ($($action:ident = $asked:expr, $class:ident, $who:expr;)+) => {
        /// Something that can be asked of the node.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)]
        pub enum Action {
            $($action,)+
        }

        /// Every row, in the order of the actions.
        pub static RULES: &[Rule] =
            &[$(Rule { action: Action::$action, asked: $asked, class: Class::$class, who: $who },)+];
    };
}

const ALL_PEOPLE: Who = Who::These(&[
    any(Role::Driver),
    any(Role::Customer),
    any(Role::Merchant),
    any(Role::Operator),
    any(Role::Admin),
    any(Role::Service),
]);
const ADMINS: Who = Who::These(&[any(Role::Admin)]);
const OPERATORS: Who = Who::These(&[any(Role::Operator), any(Role::Admin)]);
const SYSTEMS: Who = Who::These(&[any(Role::Service), any(Role::Operator), any(Role::Admin)]);
/// A driver, and those in charge of drivers.
const DRIVER: Who = Who::These(&[own(Role::Driver), any(Role::Operator), any(Role::Admin), any(Role::Service)]);
const DRIVER_OR_OPERATOR: Who = Who::These(&[own(Role::Driver), any(Role::Operator), any(Role::Admin)]);
const DRIVER_OR_SERVICE: Who = Who::These(&[own(Role::Driver), any(Role::Service)]);
const ONLY_DRIVER: Who = Who::These(&[own(Role::Driver)]);
/// Everybody whom an order concerns.
const PARTIES: Who = Who::These(&[
    own(Role::Customer),
    own(Role::Driver),
    own(Role::Merchant),
    any(Role::Operator),
    any(Role::Admin),
    any(Role::Service),
]);
const FOLLOWERS: Who = Who::These(&[own(Role::Customer), any(Role::Service)]);
const HTTP_FOLLOWERS: Who =
    Who::These(&[own(Role::Customer), any(Role::Operator), any(Role::Admin), any(Role::Service)]);

/// The part of an order in which its driver is seen.
const IN_DELIVERY: When = When {
    steps: &[Status::Assigned, Status::AtPickup, Status::PickedUp, Status::AtDropoff],
    otherwise: Code::NotInDelivery,
};
/// Until the goods are on their way; `cancelled` for those who ask twice.
const BEFORE_PICKUP: When = When {
    steps: &[
        Status::Created,
        Status::Paid,
        Status::Scheduled,
        Status::Searching,
        Status::Assigned,
        Status::AtPickup,
        Status::Cancelled,
    ],
    otherwise: Code::IllegalTransition,
};
/// Until it has ended; `cancelled` for those who ask twice.
const OPEN: When = When {
    steps: &[
        Status::Created,
        Status::Paid,
        Status::Scheduled,
        Status::Searching,
        Status::Assigned,
        Status::AtPickup,
        Status::PickedUp,
        Status::AtDropoff,
        Status::Cancelled,
    ],
    otherwise: Code::IllegalTransition,
};
/// While anything can still be said of it: `ready` asked again is no fault.
const NOT_ENDED: When = When {
    steps: &[
        Status::Paid,
        Status::Scheduled,
        Status::Searching,
        Status::Assigned,
        Status::AtPickup,
        Status::PickedUp,
        Status::AtDropoff,
    ],
    otherwise: Code::IllegalTransition,
};
/// Where a driver may be given; on the way already for those who name the same one twice.
const ASSIGNABLE: When = When {
    steps: &[Status::Searching, Status::Assigned, Status::AtPickup, Status::PickedUp, Status::AtDropoff],
    otherwise: Code::IllegalTransition,
};
/// Where a driver may be taken off; `searching` for those who ask twice.
const RELEASABLE: When =
    When { steps: &[Status::Searching, Status::Assigned, Status::AtPickup], otherwise: Code::IllegalTransition };
/// While a driver has it, and what their last step led to.
const CARRIED: When = When {
    steps: &[
        Status::Searching,
        Status::Assigned,
        Status::AtPickup,
        Status::PickedUp,
        Status::AtDropoff,
        Status::Delivered,
        Status::Failed,
    ],
    otherwise: Code::IllegalTransition,
};
const ASSIGNERS: Who = Who::These(&[any(Role::Operator).when(ASSIGNABLE), any(Role::Admin).when(ASSIGNABLE)]);
const RELEASERS: Who = Who::These(&[any(Role::Operator).when(RELEASABLE), any(Role::Admin).when(RELEASABLE)]);
const CARRIERS: Who = Who::These(&[own(Role::Driver).when(CARRIED), any(Role::Service).when(CARRIED)]);
const CARRIER: Who = Who::These(&[own(Role::Driver).when(CARRIED)]);
const SEEN: Who = Who::These(&[
    own(Role::Customer).when(IN_DELIVERY),
    any(Role::Operator).when(IN_DELIVERY),
    any(Role::Admin).when(IN_DELIVERY),
    any(Role::Service).when(IN_DELIVERY),
]);
const CANCELLERS: Who = Who::These(&[
    own(Role::Customer).when(BEFORE_PICKUP),
    own(Role::Merchant).when(BEFORE_PICKUP),
    any(Role::Service).when(BEFORE_PICKUP),
    any(Role::Operator).when(OPEN),
    any(Role::Admin).when(OPEN),
]);
const KITCHEN: Who = Who::These(&[
    own(Role::Merchant).when(NOT_ENDED),
    any(Role::Service).when(NOT_ENDED),
    any(Role::Operator).when(NOT_ENDED),
    any(Role::Admin).when(NOT_ENDED),
]);
const PLACERS: Who = Who::These(&[own(Role::Customer), any(Role::Service), any(Role::Operator), any(Role::Admin)]);

const AT_DRIVER: &[Door] = &[Door::Driver];
const AT_CUSTOMER: &[Door] = &[Door::Customer];
const AT_OPERATOR: &[Door] = &[Door::Operator];

rules! {
    Healthz = get("/healthz"), Free, Who::Everybody;
    Health = get("/health"), Free, Who::Everybody;
    Readyz = get("/readyz"), Free, Who::Everybody;
    Metrics = get("/metrics"), Free, Who::Everybody;
    TileJson = get("/tiles/florence.json"), Free, Who::Everybody;
    Tile = get("/tiles/florence/{z}/{x}/{y}.mvt"), Free, Who::Everybody;

    DriverDoor = get("/ws/driver"), Browse, ONLY_DRIVER;
    CustomerDoor = get("/ws/customer"), Browse, FOLLOWERS;
    OperatorDoor = get("/ws/operator"), Browse, OPERATORS;

    NearbyDrivers = get("/api/v1/drivers/nearby"), Browse, SYSTEMS;
    DriverLocation = get("/api/v1/drivers/{id}/location"), Browse, DRIVER;
    ReportLocation = post("/api/v1/drivers/{id}/location"), Free, DRIVER_OR_SERVICE;
    DriverProfile = get("/api/v1/drivers/{id}"), Browse, DRIVER;
    SetDriver = put("/api/v1/drivers/{id}"), Browse, SYSTEMS;
    DriverOffers = get("/api/v1/drivers/{id}/offers"), Browse, DRIVER;
    DriverRoute = get("/api/v1/drivers/{id}/route"), Browse, DRIVER_OR_OPERATOR;
    SetDriverStatus = post("/api/v1/drivers/{id}/status"), Browse, DRIVER;

    ListOrders = get("/api/v1/orders"), Browse, PARTIES;
    PlaceOrder = post("/api/v1/orders"), Orders, PLACERS;
    Order = get("/api/v1/orders/{id}"), Browse, PARTIES;
    OrderEvents = get("/api/v1/orders/{id}/events"), Browse, PARTIES;
    OrderDriverLocation = plain("/api/v1/orders/{id}/driver-location"), Browse, SEEN;
    FollowOrder = upgrade("/api/v1/orders/{id}/driver-location"), Browse, HTTP_FOLLOWERS;
    CancelOrder = post("/api/v1/orders/{id}/cancel"), Orders, CANCELLERS;
    OrderReady = post("/api/v1/orders/{id}/ready"), Orders, KITCHEN;
    OrderStatus = post("/api/v1/orders/{id}/status"), Orders, CARRIERS;
    AssignOrder = post("/api/v1/orders/{id}/assign"), Orders, ASSIGNERS;
    UnassignOrder = post("/api/v1/orders/{id}/unassign"), Orders, RELEASERS;
    AcceptOffer = post("/api/v1/orders/{id}/offers/{offer_id}/accept"), Orders, DRIVER_OR_SERVICE;
    DeclineOffer = post("/api/v1/orders/{id}/offers/{offer_id}/decline"), Orders, DRIVER_OR_SERVICE;

    PublishedEvents = get("/api/v1/events"), Browse, SYSTEMS;
    Audit = get("/api/v1/audit"), Browse, OPERATORS;
    DeadLetters = get("/api/v1/dead-letters"), Browse, OPERATORS;
    PurgeDeadLetter = delete("/api/v1/dead-letters/{id}"), Orders, OPERATORS;
    ReplayDeadLetter = post("/api/v1/dead-letters/{id}/replay"), Orders, OPERATORS;

    Revoke = post("/api/v1/admin/revocations"), Browse, ADMINS;

    NotBuilt = Asked::Unbuilt, Browse, ALL_PEOPLE;
    NotBuiltOpen = Asked::Unbuilt, Free, Who::Everybody;

    SayAuth = message(&Door::ALL, "auth"), Browse, ALL_PEOPLE;
    SayLocation = message(AT_DRIVER, "location"), Free, ONLY_DRIVER;
    SayLocations = message(AT_DRIVER, "locations"), Free, ONLY_DRIVER;
    SayStatus = message(AT_DRIVER, "status"), Browse, ONLY_DRIVER;
    SayAccept = message(AT_DRIVER, "offer.accept"), Orders, ONLY_DRIVER;
    SayDecline = message(AT_DRIVER, "offer.decline"), Orders, ONLY_DRIVER;
    SayOrderStatus = message(AT_DRIVER, "order.status"), Orders, CARRIER;
    SaySubscribe = message(AT_CUSTOMER, "subscribe"), Browse, HTTP_FOLLOWERS;
    SayUnsubscribe = message(AT_CUSTOMER, "unsubscribe"), Browse, HTTP_FOLLOWERS;
    SayWatch = message(AT_OPERATOR, "watch"), Browse, OPERATORS;
}

const fn call(method: &'static str, path: &'static str, upgrade: Option<bool>) -> Asked {
    Asked::Call { method, path, upgrade }
}

const fn get(path: &'static str) -> Asked {
    call("GET", path, None)
}

const fn post(path: &'static str) -> Asked {
    call("POST", path, None)
}

const fn put(path: &'static str) -> Asked {
    call("PUT", path, None)
}

const fn delete(path: &'static str) -> Asked {
    call("DELETE", path, None)
}

/// A GET without an upgrade.
const fn plain(path: &'static str) -> Asked {
    call("GET", path, Some(false))
}

/// A GET that asks to become a WebSocket.
const fn upgrade(path: &'static str) -> Asked {
    call("GET", path, Some(true))
}

const fn message(doors: &'static [Door], kind: &'static str) -> Asked {
    Asked::Message { doors, kind }
}

impl Action {
    /// Its row.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        // Actions and rows come from the same lines.
        &RULES[self as usize]
    }

    /// What a message of this type is, at this door.
    #[must_use]
    pub fn said(at: Door, type_: &str) -> Option<Action> {
        let is_this =
            |rule: &&Rule| matches!(rule.asked, Asked::Message { doors, kind } if kind == type_ && doors.contains(&at));
        RULES.iter().find(is_this).map(|rule| rule.action)
    }
}
