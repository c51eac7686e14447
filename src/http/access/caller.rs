//! The verified caller of a request: a handler that takes a [`Caller`] runs only for those whom the row of its route lets in,
//! and asks the same row about the thing it is to touch.

use super::rule::Rule;
use super::table::Action;
use crate::actors::desk::store_problem;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::Order;
use crate::http::api::Api;
use crate::http::auth::principal_of;
use crate::http::rates::Standing;
use crate::protocol::identity::Principal;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::FromRequest;
use actix_web::HttpMessage;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web;
use std::future::Ready;
use std::future::ready;

/// See the module.
#[derive(Debug)]
pub struct Caller {
    /// Who it is.
    pub principal: Principal,
    rule: &'static Rule,
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Caller::of(request))
    }
}

impl Caller {
    /// Checks where an upgrade comes from, verifies the token, takes the request from the caller's budget, and checks the
    /// role: in this order, so that a request that is refused for its role or its thing has been paid for.
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let action = request.extensions().get::<Action>().copied();
        // Routes are made from the table, which puts their action here.
        let rule = action.ok_or_else(|| Problem::new(Code::Internal))?.rule();
        let api = request.app_data::<web::Data<Api>>().ok_or_else(|| Problem::new(Code::Internal))?;
        if request.headers().contains_key(header::UPGRADE) {
            // Before anything else: a page of another origin learns not even whether its visitor is somebody here.
            api.auth.check_origin(request)?;
        }
        let principal = principal_of(request)?;
        let standing = api.rates.take(&principal, rule.class);
        if let Some(standing) = standing {
            request.extensions_mut().insert::<Standing>(standing);
            standing.check()?;
        }
        rule.grant(principal.role)?;
        Ok(Self { principal, rule })
    }

    /// The driver named in a path.
    ///
    /// # Errors
    /// `not_found` for somebody else and for what is no id.
    pub fn driver(&self, named: &str) -> Result<DriverId, Problem> {
        self.rule.driver(&self.principal, named)
    }

    /// The order named in a path, if this is allowed with it now.
    ///
    /// # Errors
    /// `not_found` for an order that is not theirs or not there; what the row says for an order at another step.
    pub async fn order(&self, api: &Api, named: &str) -> Result<Order, Problem> {
        let found =
            api.world.store.orders.order_fetch(order_id(named)?).await.map_err(|error| store_problem(&error))?;
        let order = found.ok_or_else(|| Problem::new(Code::NotFound))?;
        self.rule.order(&self.principal, &order)?;
        Ok(order)
    }
}

/// An order id from a path; what is no id names nothing.
pub fn order_id(named: &str) -> Result<OrderId, Problem> {
    OrderId::parse(named).map_err(|_| Problem::new(Code::NotFound))
}
