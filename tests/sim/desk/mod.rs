//! The desk in miniature: every command as the real one runs it, load, ask the rules, compare-and-set, again when somebody else was first, then
//! the hints. What the rules decide is the crate's own; only the way to them is written again.

pub mod hand;
pub mod offers;
pub mod place;
pub mod run;
pub mod shift;
pub mod steps;
