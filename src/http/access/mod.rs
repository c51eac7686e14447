//! Who may ask what, as data: `table` has one row a call and a message, and everything else follows from it.
//!
//! - `rule` decides from a row: the role, whose thing it is, and where the order stands.
//! - `caller` is how a handler gets its verified caller: with the row of the route, its budget taken, its role checked.
//! - `print` writes docs/access.md.
//!
//! A thing that is not yours is answered exactly like one that does not exist.

mod caller;
mod print;
mod rule;
mod table;
#[cfg(test)]
mod tests;

pub use caller::Caller;
pub use caller::order_id;
pub use print::markdown;
pub use rule::Asked;
pub use rule::Class;
pub use rule::Grant;
pub use rule::Rule;
pub use rule::Who;
pub use rule::Whose;
pub use rule::owns_order;
pub use table::Action;
pub use table::RULES;

use crate::domain::order::By;
use crate::protocol::identity::Principal;
use crate::protocol::identity::Role;
use crate::protocol::problem::Code;
use crate::protocol::problem::Problem;

/// In whose name a principal cancels.
pub fn canceller(principal: &Principal) -> Result<By, Problem> {
    match principal.role {
        Role::Customer | Role::Service => Ok(By::Customer),
        Role::Merchant => Ok(By::Merchant),
        Role::Operator | Role::Admin => Ok(By::Operator(principal.name())),
        Role::Driver => Err(Problem::new(Code::Forbidden)),
    }
}
