//! HTTP (to be written): identity, request context, problems and JSON bodies so far.

pub mod auth;
pub mod context;
pub mod json;
pub mod problem;
