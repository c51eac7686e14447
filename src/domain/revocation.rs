//! Tokens that are void before their time: what was revoked, and which token that concerns.
//!
//! A token says when it was issued (`iat`) in whole seconds as a rule, a revocation is known to the millisecond. A token is
//! void unless it was issued *after* the moment of the revocation; `iat` stands for the beginning of its second, so of the
//! second in which somebody was revoked every token is void, those that were issued after the moment too. Whoever is let in
//! again waits for the next second. The other way round, a token of the same second that was issued before would live on.

use crate::domain::time::Millis;
use std::collections::HashMap;
use std::collections::HashSet;

/// What a revocation is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// Every token of this `sub`, whatever its role and issuer, that was not issued after the moment.
    Subject(String),
    /// The tokens with this `jti`, for ever.
    Jti(String),
}

/// A revocation as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What it is about.
    pub what: Revoked,
    /// The newest moment somebody said so.
    pub at: Millis,
}

/// What of a token decides whether it is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks<'a> {
    /// Its `sub`.
    pub subject: &'a str,
    /// Its `jti`, where it has one.
    pub jti: Option<&'a str>,
    /// Its `iat`, where it has one. A token without is void for as long as its subject is revoked: nobody can tell how old it is.
    pub issued_at: Option<Millis>,
}

/// Every revocation that stands, for looking tokens up.
#[derive(Debug, Default)]
pub struct VoidTokens {
    subjects: HashMap<String, Millis>,
    jtis: HashSet<String>,
}

impl VoidTokens {
    /// Adds a revocation. Of two moments for one subject the newer counts, in whatever order they come.
    pub fn add(&mut self, revocation: &Revocation) {
        match &revocation.what {
            Revoked::Subject(subject) => match self.subjects.get_mut(subject) {
                Some(at) => *at = revocation.at.max(*at),
                None => {
                    self.subjects.insert(subject.clone(), revocation.at);
                }
            },
            Revoked::Jti(jti) => {
                self.jtis.insert(jti.clone());
            }
        }
    }

    /// Whether a token with these marks is void.
    #[must_use]
    pub fn hold(&self, token: Marks<'_>) -> bool {
        let by_jti = token.jti.is_some_and(|jti| self.jtis.contains(jti));
        let was_before = |revoked_at: &Millis| token.issued_at.is_none_or(|issued_at| issued_at <= *revoked_at);
        by_jti || self.subjects.get(token.subject).is_some_and(was_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the middle of second 1,000.
    const REVOKED: Millis = Millis(1_000_500);

    fn revoked(what: Revoked, at: Millis) -> VoidTokens {
        let mut void = VoidTokens::default();
        void.add(&Revocation { what, at });
        void
    }

    fn token(subject: &str, issued_at: Option<Millis>) -> Marks<'_> {
        Marks { subject, jti: Some("j"), issued_at }
    }

    #[test]
    fn a_subject_loses_the_tokens_issued_up_to_the_second_of_the_revocation() {
        let void = revoked(Revoked::Subject("c-1".into()), REVOKED);
        for (issued_at, is_void) in [
            (Some(Millis(0)), true),
            (Some(Millis(999_000)), true),
            (Some(Millis(1_000_000)), true),
            (Some(Millis(1_001_000)), false),
            // An `iat` with a fraction says more than the second.
            (Some(Millis(1_000_500)), true),
            (Some(Millis(1_000_501)), false),
            (None, true),
        ] {
            assert_eq!(void.hold(token("c-1", issued_at)), is_void, "{issued_at:?}");
            assert!(!void.hold(token("c-2", issued_at)), "somebody else's");
        }
    }

    #[test]
    fn a_revocation_at_the_turn_of_a_second_voids_that_second() {
        let void = revoked(Revoked::Subject("c-1".into()), Millis(1_000_000));
        assert!(void.hold(token("c-1", Some(Millis(1_000_000)))));
        assert!(!void.hold(token("c-1", Some(Millis(1_001_000)))));
    }

    #[test]
    fn a_jti_is_void_for_ever_and_nothing_beside_it() {
        let void = revoked(Revoked::Jti("j".into()), REVOKED);
        assert!(void.hold(token("c-1", Some(Millis(2_000_000_000)))) && void.hold(token("c-2", None)));
        assert!(!void.hold(Marks { jti: None, ..token("c-1", None) }));
        assert!(!void.hold(Marks { jti: Some("other"), ..token("j", None) }), "a subject is no jti");
    }

    #[test]
    fn the_newer_moment_counts_in_whatever_order_they_come() {
        let mut void = revoked(Revoked::Subject("c-1".into()), REVOKED);
        void.add(&Revocation { what: Revoked::Subject("c-1".into()), at: Millis(2_000_000) });
        void.add(&Revocation { what: Revoked::Subject("c-1".into()), at: REVOKED });
        assert!(void.hold(token("c-1", Some(Millis(2_000_000)))));
        assert!(!void.hold(token("c-1", Some(Millis(2_001_000)))));
    }
}
