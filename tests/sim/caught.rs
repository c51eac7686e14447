//! Every checker fails when its rule is broken: with the switch on, one of the seeds that hold without it is caught by the checker named.

use crate::run::run;
use crate::switches::Switch;

/// As many seeds as `make test` looks at.
const SEEDS: u64 = 2_000;

fn is_caught(switch: Switch, checker: &str) {
    for seed in 0..SEEDS {
        let outcome = run(seed, Some(switch));
        if let Some(violation) = outcome.violations.iter().find(|violation| violation.checker == checker) {
            println!("{switch:?} is caught by `{checker}` with seed {seed}: {}", violation.what);
            return;
        }
    }
    panic!("{switch:?} was not caught by `{checker}` in {SEEDS} seeds");
}

/// A test of each switch.
macro_rules! caught {
    ($($name:ident: $switch:ident by $checker:literal;)+) => {$(
        #[test]
        fn $name() {
            is_caught(Switch::$switch, $checker);
        }
    )+};
}

caught! {
    a_second_assignment_of_a_driver_is_caught: NoUniqueIndex by "assignments";
    a_commit_on_an_old_version_is_caught: NoOrderVersionTest by "steps";
    a_second_winner_is_caught: NoOrderVersionTest by "winners";
    a_skipped_step_is_caught: SkippedSteps by "steps";
    a_decision_on_an_old_driver_is_caught: NoDriverVersionTest by "drivers";
    a_second_offer_of_an_order_is_caught: ManyOffersAnOrder by "offers";
    a_second_offer_to_a_driver_is_caught: ManyOffersADriver by "offers";
    a_lost_commit_is_caught: LostCommits by "acknowledged";
    a_forgotten_key_is_caught: ForgottenKeys by "repeats";
    an_answer_that_changes_is_caught: LostAnswers by "repeats";
    a_forgotten_answer_is_caught: ForgottenAnswers by "repeats";
    a_gap_at_a_watcher_is_caught: NoGapTest by "watchers";
    an_order_that_never_ends_is_caught: NoSweep by "endings";
    an_offer_to_who_has_refused_is_caught: DeafCells by "refusals";
    a_forgotten_event_is_caught: ForgottenEvents by "published";
    a_letter_that_stays_is_caught: KeptLetters by "letters";
    a_missing_audit_row_is_caught: NoAudit by "audit";
}
