//! The documents for machines and those who program them: OpenAPI for the calls, AsyncAPI for the sockets, a page of problems.
//!
//! Made from two tables (`calls`, `messages`) and the schemas of the wire's own types. Tests hold the tables against the
//! route table, `docs/openapi.json` and `docs/asyncapi.yaml` against what is made here, and a story holds real answers and
//! frames of a running server against both.

mod asyncapi;
mod call;
mod calls;
mod errors;
mod messages;
mod openapi;
mod schemas;
mod serve;
mod yaml;

pub use asyncapi::asyncapi;
pub use calls::LATER;
pub use messages::Door;
pub use openapi::openapi;
pub use serve::configure;

#[cfg(test)]
mod tests;
