//! Bugs of cancellation in real tokio code, each in a few lines and with its fix: `check` finds every bug with its default
//! settings, and nothing in what is fixed.

use atropos::check::Check;

mod cases {
    pub mod blocking_outlives;
    pub mod checked_then_done;
    pub mod deaf_worker;
    pub mod futurelock;
    pub mod half_a_transaction;
    pub mod late_write;
    pub mod lost_handover;
    pub mod partial_read;
    pub mod pooled_connection;
    pub mod reply_to_nobody;
    pub mod send_in_select;
    pub mod siblings_left_running;
}

macro_rules! cases {
    ($($case:ident: $what:literal;)*) => {$(
        mod $case {
            use super::*;

            #[test]
            fn the_bug_is_found() {
                let found = Check::new().find(cases::$case::buggy);
                let failed = found.failures.first().expect("the bug is found");
                println!("{}", failed.story);
                assert_eq!(failed.what, $what, "{}", failed.story);
            }

            #[test]
            fn nothing_is_found_in_the_fix() {
                let found = Check::new().find(cases::$case::fixed);
                if let Some(failed) = found.failures.first() {
                    panic!("{}", failed.story);
                }
                println!("{}", found.covered);
            }
        }
    )*};
}

cases! {
    blocking_outlives: "panicked";
    checked_then_done: "panicked";
    deaf_worker: "deadlock";
    futurelock: "deadlock";
    half_a_transaction: "panicked";
    late_write: "panicked";
    lost_handover: "panicked";
    partial_read: "deadlock";
    pooled_connection: "panicked";
    reply_to_nobody: "panicked";
    send_in_select: "panicked";
    siblings_left_running: "panicked";
}
