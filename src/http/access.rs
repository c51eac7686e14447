//! Who may see or do what with which thing. A thing that is not yours is answered exactly like one that does not exist.

use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Order;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;

/// The order's customer, driver or merchant; operators and services see every order.
#[must_use]
pub fn sees_order(principal: &Principal, order: &Order) -> bool {
    let subject = principal.subject.as_str();
    match principal.role {
        Role::Customer => order.customer_id.as_str() == subject,
        Role::Driver => order.driver_id.as_ref().is_some_and(|id| id.as_str() == subject),
        Role::Merchant => order.merchant_id.as_ref().map(|id| id.as_str()) == principal.merchant_id(),
        Role::Operator | Role::Admin | Role::Service => true,
    }
}

/// Who may follow an order and see its driver: its customer, operators, and services for any customer.
#[must_use]
pub fn follows_order(principal: &Principal, order: &Order) -> bool {
    match principal.role {
        Role::Customer | Role::Operator | Role::Admin | Role::Service => sees_order(principal, order),
        Role::Driver | Role::Merchant => false,
    }
}

/// The driver named in a path: themselves, or somebody with one of `others`' roles.
pub fn driver(principal: &Principal, named: &str, others: &[Role]) -> Result<DriverId, Problem> {
    let is_self = principal.role == Role::Driver && principal.subject == named;
    if !is_self && !others.contains(&principal.role) {
        let code = if principal.role == Role::Driver { Code::NotFound } else { Code::Forbidden };
        return Err(Problem::new(code));
    }
    DriverId::parse(named).map_err(|_| Problem::new(Code::NotFound))
}

/// An order id from a path; what is no id names nothing.
pub fn order_id(named: &str) -> Result<OrderId, Problem> {
    OrderId::parse(named).map_err(|_| Problem::new(Code::NotFound))
}

/// In whose name a principal cancels.
pub fn canceller(principal: &Principal) -> Result<By, Problem> {
    match principal.role {
        Role::Customer | Role::Service => Ok(By::Customer),
        Role::Merchant => Ok(By::Merchant),
        Role::Operator | Role::Admin => Ok(By::Operator(principal.name())),
        Role::Driver => Err(Problem::new(Code::Forbidden)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Millis;

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

    #[test]
    fn a_driver_reaches_only_their_own_path() {
        let own = principal(Role::Driver, "d1");
        assert!(driver(&own, "d1", &[]).is_ok());
        assert_eq!(driver(&own, "d2", &[Role::Service]).unwrap_err().code, Code::NotFound);
        assert_eq!(driver(&principal(Role::Customer, "d1"), "d1", &[Role::Service]).unwrap_err().code, Code::Forbidden);
        assert!(driver(&principal(Role::Service, "s"), "d2", &[Role::Service]).is_ok());
        assert_eq!(driver(&principal(Role::Service, "s"), "no id", &[Role::Service]).unwrap_err().code, Code::NotFound);
    }
}
