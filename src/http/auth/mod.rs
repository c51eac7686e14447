//! Who is calling: JWTs verified, upgrades checked, principals handed to handlers.
//!
//! - [`Verifier`] believes or refuses a token; it holds all keys in memory and asks nobody.
//! - [`principal_of`] is the verified caller of a request; handlers get theirs as `access::Caller`, with what they may do.
//! - [`Auth`] is the application data that the extractor and the upgrade handlers need.
//! - [`Signer`] makes tokens for `beeline token` and `--dev`.
//!
//! **Invariant:** the text of a token is never logged, never put into an error, never read from a query or a cookie.

mod claims;
mod extract;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod forge;
mod keys;
mod origin;
mod signer;
mod verifier;

pub use crate::protocol::identity::Principal;
pub use crate::protocol::identity::Role;
pub use extract::Auth;
pub use extract::principal_of;
pub use extract::token_in_query;
pub use origin::PageOrigin;
pub use origin::is_localhost;
pub use origin::is_loopback_host;
pub use signer::Grant;
pub use signer::Signer;
pub use verifier::Verifier;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
