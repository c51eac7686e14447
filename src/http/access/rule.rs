//! What one row of the table says, and the decisions made from it. Pure: a principal and a thing in, a verdict out.

use super::table::Action;
use crate::domain::ids::DriverId;
use crate::domain::order::Order;
use crate::domain::order::Status;
use crate::http::documents::Door;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;

/// One row: what is asked, what it costs, and who may.
#[derive(Debug)]
pub struct Rule {
    /// The name of the row.
    pub action: Action,
    /// How it is asked.
    pub asked: Asked,
    /// Whose budget it is taken from.
    pub class: Class,
    /// Who may.
    pub who: Who,
}

/// How something is asked of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Over HTTP.
    Call {
        /// In capitals.
        method: &'static str,
        /// As the router writes it.
        path: &'static str,
        /// With `Upgrade: websocket` (true), or without it where the same address has both (false).
        upgrade: Option<bool>,
    },
    /// Over a socket.
    Message {
        /// Where it is spoken.
        doors: &'static [Door],
        /// Its `type`.
        kind: &'static str,
    },
    /// At the addresses of the contract that are not built yet ([`crate::http::documents::LATER`]).
    Unbuilt,
}

/// Which budget a request is taken from; each has a rate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// None: positions are conflated, probes are answered.
    Free,
    /// Reading, and small changes of one's own state.
    Browse,
    /// Searching.
    Search,
    /// Placing and changing orders.
    Orders,
}

impl Class {
    /// As settings, headers and documents name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Free => "free",
            Class::Browse => "browse",
            Class::Search => "search",
            Class::Orders => "orders",
        }
    }
}

/// Who may ask.
#[derive(Debug)]
pub enum Who {
    /// Everybody, even without a token.
    Everybody,
    /// These, and nobody else.
    These(&'static [Grant]),
}

/// One role's permission.
#[derive(Debug, Clone, Copy)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// Of which things.
    pub whose: Whose,
    /// At which steps of an order, where it is about one.
    pub when: When,
}

/// Which things a permission reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The principal's own; any other is answered like one that does not exist.
    Own,
    /// Everybody's.
    Any,
}

/// At which steps of an order something may be asked.
#[derive(Debug, Clone, Copy)]
pub struct When {
    /// The steps, and the outcome that a repeat of the same request finds.
    pub steps: &'static [Status],
    /// What is answered at the others.
    pub otherwise: Code,
}

/// At any step.
pub const ALWAYS: When = When { steps: &Status::ALL, otherwise: Code::IllegalTransition };

/// A role and its own things.
pub const fn own(role: Role) -> Grant {
    Grant { role, whose: Whose::Own, when: ALWAYS }
}

/// A role and everybody's things.
pub const fn any(role: Role) -> Grant {
    Grant { role, whose: Whose::Any, when: ALWAYS }
}

impl Grant {
    /// The same, at these steps only.
    pub const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

impl Rule {
    /// The roles that may, none where everybody may.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        match self.who {
            Who::Everybody => Vec::new(),
            Who::These(grants) => grants.iter().map(|grant| grant.role).collect(),
        }
    }

    /// The permission of this role.
    ///
    /// # Errors
    /// `forbidden` when it has none, whatever the thing.
    pub fn grant(&self, role: Role) -> Result<Grant, Problem> {
        let grants = match self.who {
            Who::Everybody => return Ok(any(role)),
            Who::These(grants) => grants,
        };
        grants.iter().find(|grant| grant.role == role).copied().ok_or_else(|| Problem::new(Code::Forbidden))
    }

    /// Whether this principal may do it with this order now.
    ///
    /// # Errors
    /// `forbidden` for the role, `not_found` for an order that is not theirs, then the answer for its step.
    pub fn order(&self, who: &Principal, order: &Order) -> Result<(), Problem> {
        let grant = self.grant(who.role)?;
        if grant.whose == Whose::Own && !owns_order(who, order) {
            return Err(Problem::new(Code::NotFound));
        }
        if grant.when.steps.contains(&order.status) { Ok(()) } else { Err(Problem::new(grant.when.otherwise)) }
    }

    /// The driver named, if this principal may do it with them.
    ///
    /// # Errors
    /// `forbidden` for the role, `not_found` for somebody else and for what is no id.
    pub fn driver(&self, who: &Principal, named: &str) -> Result<DriverId, Problem> {
        let grant = self.grant(who.role)?;
        let reaches = grant.whose == Whose::Any || (who.role == Role::Driver && who.subject == named);
        let found = DriverId::parse(named).ok().filter(|_| reaches);
        found.ok_or_else(|| Problem::new(Code::NotFound))
    }
}

/// Its customer, its driver, its merchant; a service acts for all of them, an operator for none.
#[must_use]
pub fn owns_order(who: &Principal, order: &Order) -> bool {
    let subject = who.subject.as_str();
    match who.role {
        Role::Customer => order.customer_id.as_str() == subject,
        Role::Driver => order.driver_id.as_ref().is_some_and(|id| id.as_str() == subject),
        Role::Merchant => order.merchant_id.as_ref().is_some_and(|id| Some(id.as_str()) == who.merchant_id()),
        Role::Operator | Role::Admin | Role::Service => false,
    }
}
