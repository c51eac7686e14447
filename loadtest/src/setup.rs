//! Everything before the measured window: people connect, drivers go on shift, orders are placed and assigned,
//! customers subscribe. Through the public contract for Beeline; the floor knows only sockets and subscriptions.
//!
//! Each stage waits for its answers until a deadline and fails with what was refused.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;

use crate::city::{DROPOFF, FAR_PICKUP, Fleet};
use crate::conn::Login;
use crate::crew::Crew;
use crate::dest::Dest;
use crate::http::Http;
use crate::pacer::write_fix;
use crate::token::Mint;

/// How long each stage may take.
const STAGE_MAX: Duration = Duration::from_secs(90);
/// Orders placed and assigned at once.
const CLERKS: usize = 8;
/// Assigning is shared among this many operators, so that the default rate of one does not slow it.
const OPERATORS: usize = 64;
/// How many commands may wait for their answer, so that a burst does not look like an attack.
const IN_FLIGHT: u64 = 500;
/// Longest wait before a refused command is sent again.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// What the set-up speaks to.
#[derive(Debug, Clone)]
pub enum Side {
    /// The floor: the bearer is the name, an order is its driver.
    Floor,
    /// A Beeline server with this secret.
    Beeline {
        /// Text of its HS256 secret.
        secret: String,
    },
}

/// The name of driver `index`.
pub fn driver_name(index: usize) -> String {
    format!("load-d{index}")
}

fn customer_name(index: usize) -> String {
    format!("load-c{index}")
}

/// Who connects: drivers 0 to `drivers`, then the customers of these numbers, the same one as often as it is named.
pub fn logins(side: &Side, drivers: usize, customers: impl IntoIterator<Item = usize>) -> anyhow::Result<Vec<Login>> {
    let people = (0..drivers)
        .map(|index| ("/ws/driver", "driver", driver_name(index)))
        .chain(customers.into_iter().map(|index| ("/ws/customer", "customer", customer_name(index))));
    match side {
        Side::Floor => Ok(people.map(|(path, _, name)| Login { path, bearer: name }).collect()),
        Side::Beeline { secret } => {
            let mint = Mint::new(secret)?;
            people.map(|(path, role, name)| Ok(Login { path, bearer: mint.token(role, &name)? })).collect()
        }
    }
}

/// Waits for the `welcome` of every socket; the floor sends none.
pub fn welcomed(side: &Side, crew: &Crew) -> anyhow::Result<()> {
    if matches!(side, Side::Floor) {
        return Ok(());
    }
    let deadline = Instant::now() + STAGE_MAX;
    crew.counts.wait("welcomes", &crew.counts.welcomes, crew.conns.len() as u64, deadline)
}

/// Makes drivers and customers ready: after it, what a watched driver sends reaches its customer.
pub fn ready(side: &Side, server: &Dest, crew: &Crew, fleet: &Fleet, drivers: usize) -> anyhow::Result<()> {
    go_on_shift(side, crew, fleet, drivers)?;
    let orders = place_orders(side, server, crew.conns.len() - drivers)?;
    subscribe(crew, drivers, &orders)
}

/// Has the customers of a crew, which come after its drivers, watch an order each.
pub fn subscribe(crew: &Crew, drivers: usize, orders: &[String]) -> anyhow::Result<()> {
    let mut answers = Answers::new(crew);
    for (conn, order) in crew.conns.iter().skip(drivers).zip(orders) {
        conn.send_text(&format!(r#"{{"type":"subscribe","id":"sub","order_id":"{order}"}}"#))?;
        answers.sent()?;
    }
    answers.all("subscriptions")
}

/// Makes the drivers available, each with a first fix; the floor knows no shifts.
pub fn go_on_shift(side: &Side, crew: &Crew, fleet: &Fleet, drivers: usize) -> anyhow::Result<()> {
    if matches!(side, Side::Floor) {
        return Ok(());
    }
    let mut answers = Answers::new(crew);
    for conn in crew.conns.iter().take(drivers) {
        conn.send_text(r#"{"type":"status","id":"on","status":"available","share_location":true}"#)?;
        answers.sent()?;
    }
    answers.all("status answers")?;
    let mut fix = String::new();
    for (driver, conn) in crew.conns.iter().take(drivers).enumerate() {
        let Some(place) = fleet.place(driver) else { continue };
        write_fix(&mut fix, place, SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64);
        conn.send_text(&fix)?;
    }
    let deadline = Instant::now() + STAGE_MAX;
    crew.counts.wait("acks of first fixes", &crew.counts.acks, drivers as u64, deadline)
}

/// Counts commands and their `ok`s, and keeps few in flight.
struct Answers<'c> {
    crew: &'c Crew,
    before: u64,
    sent: u64,
    deadline: Instant,
}

impl<'c> Answers<'c> {
    fn new(crew: &'c Crew) -> Self {
        let before = crew.counts.oks.load(std::sync::atomic::Ordering::Relaxed);
        Self { crew, before, sent: 0, deadline: Instant::now() + STAGE_MAX }
    }

    fn sent(&mut self) -> anyhow::Result<()> {
        self.sent += 1;
        self.wait("answers", self.sent.saturating_sub(IN_FLIGHT))
    }

    fn all(&self, what: &str) -> anyhow::Result<()> {
        self.wait(what, self.sent)
    }

    fn wait(&self, what: &str, count: u64) -> anyhow::Result<()> {
        self.crew.counts.wait(what, &self.crew.counts.oks, self.before + count, self.deadline)
    }
}

/// Places an order for each of the first `customers` customers and assigns it to the driver of the same number; returns
/// their ids in order.
pub fn place_orders(side: &Side, server: &Dest, customers: usize) -> anyhow::Result<Vec<String>> {
    let Side::Beeline { secret } = side else { return Ok((0..customers).map(driver_name).collect()) };
    let mint = Mint::new(secret)?;
    let service = mint.token("service", "load-service")?;
    let operators =
        (0..OPERATORS).map(|index| mint.token("operator", &format!("load-o{index}"))).collect::<Result<Vec<_>, _>>()?;
    let share = customers.div_ceil(CLERKS).max(1);
    let indices: Vec<usize> = (0..customers).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = indices
            .chunks(share)
            .map(|indices| {
                let (service, operators) = (&service, &operators);
                scope.spawn(move || -> anyhow::Result<Vec<String>> {
                    // Past the sockets' source addresses.
                    let first = indices.first().copied().unwrap_or_default();
                    let mut clerk = Clerk { http: Http::new(server, 100_000 + 100 * (first / share)) };
                    let operator = |index: usize| operators.get(index % OPERATORS).map_or("", String::as_str);
                    indices.iter().map(|index| clerk.order(*index, service, operator(*index))).collect()
                })
            })
            .collect();
        let mut orders = Vec::with_capacity(customers);
        for thread in threads {
            orders.append(&mut thread.join().unwrap_or_else(|_| bail!("a clerk panicked"))?);
        }
        Ok(orders)
    })
}

struct Clerk {
    http: Http,
}

#[derive(Deserialize)]
struct Placed {
    order_id: String,
}

impl Clerk {
    fn order(&mut self, index: usize, service: &str, operator: &str) -> anyhow::Result<String> {
        let order = json!({
            "kind": "food",
            "customer_id": customer_name(index),
            "pickup": { "latitude": FAR_PICKUP[0], "longitude": FAR_PICKUP[1], "address": "Far 1" },
            "dropoff": { "latitude": DROPOFF[0], "longitude": DROPOFF[1], "address": "Middle 1" },
            "items": [{ "name": "Lampredotto", "quantity": 1, "unit_price": 500 }],
            "prep_seconds": 0,
        });
        let body = self.insist("/api/v1/orders", service, &order.to_string())?;
        let order_id = serde_json::from_str::<Placed>(&body).with_context(|| format!("order: {body}"))?.order_id;
        let driver = json!({ "driver_id": driver_name(index) });
        self.insist(&format!("/api/v1/orders/{order_id}/assign"), operator, &driver.to_string())?;
        Ok(order_id)
    }

    /// Posts until it is done: an order may not be searching yet, and a limit may ask us to wait.
    fn insist(&mut self, path: &str, bearer: &str, body: &str) -> anyhow::Result<String> {
        let deadline = Instant::now() + STAGE_MAX;
        loop {
            let reply = self.http.post(path, bearer, body)?;
            match reply.status {
                200..=299 => return Ok(reply.body),
                409 | 429 | 503 if Instant::now() < deadline => {
                    let wait = reply.retry_after_s.map_or(Duration::from_millis(20), Duration::from_secs);
                    std::thread::sleep(wait.min(RETRY_MAX));
                }
                status => bail!("POST {path}: {status} {}", reply.body),
            }
        }
    }
}
