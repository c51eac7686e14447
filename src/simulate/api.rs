//! The HTTP half of the contract, as the city uses it. One client for everybody; who asks is said with each call.
//!
//! Every call here may be repeated safely (an idempotency key, or a step that stays taken), so what fails on the way, or is told to
//! come later, is tried again until its patience ends.

use super::plan::Goods;
use super::plan::OrderPlan;
use super::plane::LatLng;
use super::tally::Tally;
use super::token::Mint;
use super::token::Person;
use super::token::Role;
use super::wire::Order;
use super::wire::OrderPage;
use super::wire::Status;
use reqwest::Method;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Waits between two tries.
const RETRY_FIRST: Duration = Duration::from_millis(300);
const RETRY_MAX: Duration = Duration::from_secs(8);
/// A call gives up after this; longer than a server takes to come back from a restart.
const PATIENCE: Duration = Duration::from_secs(90);
/// Most pages of one listing that are read.
const PAGES_MAX: usize = 200;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The server refused; its code is the contract's.
    #[error("{status} {code}")]
    Refused { status: u16, code: String },
    /// No answer within the patience of the call.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// An answer that the contract does not know.
    #[error("unreadable answer: {0}")]
    Unreadable(String),
    /// No token could be signed.
    #[error(transparent)]
    Token(#[from] jsonwebtoken::errors::Error),
}

/// A node of the service.
pub(crate) struct Api {
    client: reqwest::Client,
    base: String,
    pub(crate) mint: Mint,
    pub(crate) tally: Arc<Tally>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
}

/// One request, kept so that it can be sent again.
struct Call<'a> {
    person: &'a Person,
    method: Method,
    path: String,
    key: Option<String>,
    body: Option<Value>,
}

impl Api {
    pub(crate) fn new(url: &str, mint: Mint, tally: Arc<Tally>) -> reqwest::Result<Self> {
        let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).tcp_nodelay(true).build()?;
        Ok(Self { client, base: url.trim_end_matches('/').to_owned(), mint, tally })
    }

    /// The address of a socket of this node.
    pub(crate) fn socket_url(&self, path: &str) -> String {
        let swapped = self.base.strip_prefix("http").unwrap_or(&self.base);
        format!("ws{swapped}{path}")
    }

    /// Places an order; the key makes a repeated try the same order.
    pub(crate) async fn place(&self, plan: &OrderPlan, key: String) -> Result<Order, ApiError> {
        let person = Person::new(Role::Customer, &plan.customer_id);
        let body = Some(order_body(plan));
        self.read(Call { person: &person, method: Method::POST, path: "/orders".to_owned(), key: Some(key), body })
            .await
    }

    pub(crate) async fn cancel(&self, customer_id: &str, order_id: &str) -> Result<Order, ApiError> {
        let person = Person::new(Role::Customer, customer_id);
        self.read(Call::post(&person, format!("/orders/{order_id}/cancel"))).await
    }

    pub(crate) async fn ready(&self, merchant_id: &str, order_id: &str) -> Result<Order, ApiError> {
        let person = Person::new(Role::Merchant, merchant_id);
        self.read(Call::post(&person, format!("/orders/{order_id}/ready"))).await
    }

    pub(crate) async fn order(&self, person: &Person, order_id: &str) -> Result<Order, ApiError> {
        self.read(Call::get(person, format!("/orders/{order_id}"))).await
    }

    /// Where the server last saw a driver; `None` if it does not know.
    pub(crate) async fn live_position(&self, driver: &Person) -> Result<Option<LatLng>, ApiError> {
        let call = Call::get(driver, format!("/drivers/{}/location", driver.id));
        match self.send(&call).await {
            Ok(bytes) => self.parse(&call, &bytes).map(Some),
            Err(ApiError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every order in one of these states that the person may see.
    pub(crate) async fn orders_in(&self, person: &Person, states: &[Status]) -> Result<Vec<Order>, ApiError> {
        let mut found = Vec::new();
        for status in states {
            let mut cursor = None::<String>;
            for _ in 0..PAGES_MAX {
                let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
                let path = format!("/orders?status={}&limit=100{after}", status.as_str());
                let page: OrderPage = self.read(Call::get(person, path)).await?;
                found.extend(page.orders);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn read<T: serde::de::DeserializeOwned>(&self, call: Call<'_>) -> Result<T, ApiError> {
        let sent = self.send(&call).await;
        if let Err(ApiError::Refused { code, .. }) = &sent {
            self.tally.refused(code);
        }
        self.parse(&call, &sent?)
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, call: &Call<'_>, bytes: &[u8]) -> Result<T, ApiError> {
        serde_json::from_slice(bytes).map_err(|error| {
            self.tally.violation(format!("{} {}: unreadable answer: {error}", call.method, call.path));
            ApiError::Unreadable(error.to_string())
        })
    }

    async fn send(&self, call: &Call<'_>) -> Result<Vec<u8>, ApiError> {
        let give_up = Instant::now() + PATIENCE;
        let mut wait = RETRY_FIRST;
        loop {
            let last_word = match self.once(call).await {
                Ok(Answer::Done(bytes)) => return Ok(bytes),
                Ok(Answer::Refused { status, code }) => return Err(ApiError::Refused { status, code }),
                Ok(Answer::Later { after, status }) => {
                    wait = wait.max(after);
                    format!("status {status}")
                }
                Err(ApiError::Unreachable(why)) => why,
                Err(error) => return Err(error),
            };
            if Instant::now() + wait > give_up {
                return Err(ApiError::Unreachable(last_word));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    async fn once(&self, call: &Call<'_>) -> Result<Answer, ApiError> {
        let url = format!("{}/api/v1{}", self.base, call.path);
        let mut request = self.client.request(call.method.clone(), url).bearer_auth(self.mint.token(call.person)?);
        if let Some(key) = &call.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let unreachable = |error: reqwest::Error| ApiError::Unreachable(error.to_string());
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let header = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
        let after = header.and_then(|value| value.parse().ok()).map_or(RETRY_FIRST, Duration::from_secs);
        let bytes = response.bytes().await.map_err(unreachable)?.to_vec();
        if status.is_success() {
            return Ok(Answer::Done(bytes));
        }
        let code = serde_json::from_slice::<Problem>(&bytes).map(|problem| problem.code).unwrap_or_default();
        if code.is_empty() {
            self.tally.violation(format!("{} {}: {status} without a problem document", call.method, call.path));
        }
        let still_running = status == StatusCode::CONFLICT && code.contains("running");
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() || still_running {
            self.tally.refused(&code);
            return Ok(Answer::Later { after: after.min(RETRY_MAX), status: status.as_u16() });
        }
        Ok(Answer::Refused { status: status.as_u16(), code })
    }
}

enum Answer {
    Done(Vec<u8>),
    Refused { status: u16, code: String },
    Later { after: Duration, status: u16 },
}

impl<'a> Call<'a> {
    fn get(person: &'a Person, path: String) -> Self {
        Self { person, method: Method::GET, path, key: None, body: None }
    }

    fn post(person: &'a Person, path: String) -> Self {
        Self { person, method: Method::POST, path, key: None, body: None }
    }
}

fn order_body(plan: &OrderPlan) -> Value {
    let place =
        |at: LatLng, address: &str| json!({"latitude": at.latitude, "longitude": at.longitude, "address": address});
    let mut body = json!({
        "pickup": place(plan.pickup.lat_lng(), &plan.pickup.address),
        "dropoff": place(plan.dropoff.lat_lng(), &plan.dropoff.address),
    });
    let rest = match &plan.goods {
        Goods::Meal { merchant_id, dishes, prep_s, .. } => {
            let item = |dish: &super::names::Dish| json!({"name": dish.name, "quantity": 1, "unit_price": dish.price});
            let items: Vec<Value> = dishes.iter().map(item).collect();
            json!({"kind": "food", "merchant_id": merchant_id, "items": items, "prep_seconds": prep_s})
        }
        Goods::Parcel => json!({"kind": "parcel", "items": [{"name": "Parcel", "quantity": 1, "unit_price": 700}]}),
    };
    if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), rest) {
        body.extend(rest);
    }
    body
}
