//! The table against the contract's own words, against the step table, and against its print.

use super::*;
use crate::domain::ids::AssignmentId;
use crate::domain::ids::DriverId;
use crate::domain::order::Status;
use crate::domain::order::Step;
use crate::domain::order::tests::order;
use crate::domain::time::Millis;
use std::collections::BTreeSet;
use std::path::Path;

fn principal(role: Role, subject: &str) -> Principal {
    Principal {
        subject: subject.to_owned(),
        role,
        expires_at: Millis(0),
        issued_at: None,
        jti: None,
        issuer: None,
        tier: None,
        merchant_claim: None,
    }
}

/// What the contract says of who may, in its own order; `+` is everybody's, `-` is own things only.
const CONTRACT: &[(&str, &str)] = &[
    ("GET /ws/driver", "driver-"),
    ("GET /ws/customer", "customer- service+"),
    ("GET /ws/operator", "operator+ admin+"),
    ("POST /api/v1/drivers/{id}/location", "driver- service+"),
    ("GET /api/v1/drivers/{id}/location", "driver- operator+ admin+ service+"),
    ("GET /api/v1/drivers/nearby", "operator+ admin+ service+"),
    ("GET /api/v1/drivers/{id}/route", "driver- operator+ admin+"),
    ("POST /api/v1/drivers/{id}/status", "driver- operator+ admin+ service+"),
    ("GET /api/v1/drivers/{id}/offers", "driver- operator+ admin+ service+"),
    ("PUT /api/v1/drivers/{id}", "operator+ admin+ service+"),
    ("GET /api/v1/drivers/{id}", "driver- operator+ admin+ service+"),
    ("POST /api/v1/orders", "customer- operator+ admin+ service+"),
    ("GET /api/v1/orders", "customer- driver- merchant- operator+ admin+ service+"),
    ("GET /api/v1/orders/{id}", "customer- driver- merchant- operator+ admin+ service+"),
    ("GET /api/v1/orders/{id}/events", "customer- driver- merchant- operator+ admin+ service+"),
    ("POST /api/v1/orders/{id}/cancel", "customer- merchant- operator+ admin+ service+"),
    ("POST /api/v1/orders/{id}/ready", "merchant- operator+ admin+ service+"),
    ("POST /api/v1/orders/{id}/status", "driver- service+"),
    ("POST /api/v1/orders/{id}/assign", "operator+ admin+"),
    ("POST /api/v1/orders/{id}/unassign", "operator+ admin+"),
    ("POST /api/v1/orders/{id}/offers/{offer_id}/accept", "driver- service+"),
    ("POST /api/v1/orders/{id}/offers/{offer_id}/decline", "driver- service+"),
    ("GET /api/v1/orders/{id}/driver-location", "customer- operator+ admin+ service+"),
    ("GET /api/v1/events", "operator+ admin+ service+"),
    ("GET /api/v1/audit", "operator+ admin+"),
    ("GET /api/v1/dead-letters", "operator+ admin+"),
    ("POST /api/v1/dead-letters/{id}/replay", "operator+ admin+"),
    ("DELETE /api/v1/dead-letters/{id}", "operator+ admin+"),
    ("POST /api/v1/admin/revocations", "admin+"),
    ("auth", "customer+ driver+ merchant+ operator+ admin+ service+"),
    ("location", "driver-"),
    ("locations", "driver-"),
    ("status", "driver-"),
    ("offer.accept", "driver-"),
    ("offer.decline", "driver-"),
    ("order.status", "driver-"),
    ("subscribe", "customer- operator+ admin+ service+"),
    ("unsubscribe", "customer- operator+ admin+ service+"),
    ("watch", "operator+ admin+"),
];

#[test]
fn the_table_says_what_the_contract_says() {
    let mut seen = BTreeSet::new();
    for rule in RULES {
        let Who::These(grants) = rule.who else { continue };
        let name = match rule.asked {
            Asked::Call { method, path, .. } => format!("{method} {path}"),
            Asked::Message { kind, .. } => kind.to_owned(),
            Asked::Unbuilt => continue,
        };
        let found = CONTRACT.iter().find(|(call, _)| *call == name);
        let wanted: BTreeSet<String> = found
            .unwrap_or_else(|| panic!("{name} is not in the contract"))
            .1
            .split(' ')
            .map(ToOwned::to_owned)
            .collect();
        let sign = |whose| if whose == Whose::Own { '-' } else { '+' };
        let said: BTreeSet<String> =
            grants.iter().map(|grant| format!("{}{}", grant.role, sign(grant.whose))).collect();
        assert_eq!(said, wanted, "{name}");
        assert_eq!(said.len(), grants.len(), "{name}: a role stands once");
        seen.insert(name);
    }
    assert_eq!(seen.len(), CONTRACT.len());
}

#[test]
fn every_action_finds_its_own_row() {
    for (index, rule) in RULES.iter().enumerate() {
        assert_eq!(rule.action as usize, index);
        assert_eq!(rule.action.rule().action, rule.action);
    }
}

#[test]
fn what_the_table_refuses_for_its_step_the_step_table_refuses_too() {
    let (driver_id, assignment_id) = (DriverId::parse("d").unwrap(), AssignmentId::parse("a").unwrap());
    let commands = [
        (Action::CancelOrder, Step::Cancel),
        (Action::OrderReady, Step::Ready),
        (Action::AssignOrder, Step::Assign { driver_id, assignment_id }),
        (Action::UnassignOrder, Step::Release),
    ];
    for (action, step) in commands {
        for role in Role::ALL {
            let Ok(grant) = action.rule().grant(role) else { continue };
            let who = principal(role, "somebody");
            let by = if action == Action::OrderReady { By::Merchant } else { canceller(&who).unwrap() };
            for status in Status::ALL {
                let taken = crate::domain::order::step(&order(status), &step, &by, None, Millis(0));
                let possible = !matches!(taken, Err(crate::domain::order::Refused::Illegal));
                let allowed = grant.when.steps.contains(&status);
                assert!(allowed || !possible, "{action:?} by {role} at {status:?} is possible but not in the table");
            }
        }
    }
}

#[test]
fn a_role_without_a_grant_is_forbidden_before_anything_is_looked_at() {
    let order = order(Status::Searching);
    let merchant = principal(Role::Merchant, "anybody");
    assert_eq!(Action::AssignOrder.rule().order(&merchant, &order).unwrap_err().code, Code::Forbidden);
    assert_eq!(Action::ReportLocation.rule().driver(&merchant, "no id").unwrap_err().code, Code::Forbidden);
}

#[test]
fn a_driver_reaches_only_their_own_path() {
    let rule = Action::DriverLocation.rule();
    assert!(rule.driver(&principal(Role::Driver, "d1"), "d1").is_ok());
    assert_eq!(rule.driver(&principal(Role::Driver, "d1"), "d2").unwrap_err().code, Code::NotFound);
    assert_eq!(rule.driver(&principal(Role::Customer, "d1"), "d1").unwrap_err().code, Code::Forbidden);
    assert!(rule.driver(&principal(Role::Service, "s"), "d2").is_ok());
    assert_eq!(rule.driver(&principal(Role::Service, "s"), "no id").unwrap_err().code, Code::NotFound);
}

#[test]
fn the_printed_table_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/access.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, markdown()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == markdown(), "docs/access.md is stale; run: UPDATE_DOCS=1 cargo test --lib http::access");
}
