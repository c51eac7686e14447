//! `/dev/tokens`: ready tokens for the pages, in `--dev` only, and only for a browser on this machine.

use crate::clock;
use crate::http::api::Answer;
use crate::http::api::ok;
use crate::http::auth::Grant;
use crate::http::auth::Signer;
use crate::http::auth::is_loopback_host;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;
use actix_web::HttpRequest;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;
use std::time::Duration;

/// How long a ready token lasts.
const TTL: Duration = Duration::from_secs(12 * 60 * 60);
/// Ready people of each kind: as many as the simulated city's first ones.
const READY: usize = 40;

/// Which token is wanted beside the ready ones.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    role: Option<String>,
    subject: Option<String>,
}

#[derive(Serialize)]
struct Ready {
    operator: String,
    customers: Vec<Person>,
    drivers: Vec<Person>,
    merchants: Vec<Person>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<Person>,
}

#[derive(Serialize)]
struct Person {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_id: Option<String>,
    subject: String,
    token: String,
}

/// Tokens for an operator and for the first people of the simulated city; `?role=customer&subject=C0042` adds one more.
pub async fn tokens(signer: web::Data<Signer>, request: HttpRequest, wanted: web::Query<Wanted>) -> Answer {
    // A page of another host that resolves to this machine must not get them.
    if !is_loopback_host(&request) {
        return Err(Problem::new(Code::NotFound));
    }
    let many = |role: Role, name: fn(usize) -> String| -> Result<Vec<Person>, Problem> {
        (1..=READY).map(|number| person(&signer, role, name(number))).collect()
    };
    let wanted = match (&wanted.role, &wanted.subject) {
        (Some(role), Some(subject)) => {
            let role = role.parse().map_err(|_| Problem::new(Code::Invalid).field("/role", "not a role"))?;
            Some(person(&signer, role, subject.clone())?)
        }
        _ => None,
    };
    ok(&Ready {
        operator: person(&signer, Role::Operator, "operator-1".to_owned())?.token,
        customers: many(Role::Customer, |number| format!("C{number:04}"))?,
        drivers: many(Role::Driver, |number| format!("D{number:03}"))?,
        merchants: many(Role::Merchant, |number| format!("M{number:03}"))?,
        wanted,
    })
}

fn person(signer: &Signer, role: Role, subject: String) -> Result<Person, Problem> {
    let grant = Grant { role, subject: subject.clone(), ttl: TTL, merchant_id: None };
    let minted = signer.mint(&grant, clock::now());
    let token = minted.map_err(|error| Problem::new(Code::Invalid).detail(error.to_string()))?;
    let as_id = |wanted: Role| (role == wanted).then(|| subject.clone());
    Ok(Person {
        customer_id: as_id(Role::Customer),
        driver_id: as_id(Role::Driver),
        merchant_id: as_id(Role::Merchant),
        subject,
        token,
    })
}
