//! The profiles: which Python each is checked against, and in which knobs they differ.
//!
//! Knows nothing of what turns with a knob.

use crate::program::{GatherDone, Messages, Profile, Semaphores, TaskGroups, WaitFor};

/// Every profile, and what each knob does in which of them.
pub fn profiles() -> String {
    let mut out = String::from("profile  checked against\n");
    for profile in Profile::ALL {
        let default = if profile == Profile::NEWEST { "  the default" } else { "" };
        out.push_str(&format!("{:<7}  {}{default}\n", profile.name, profile.checked_against));
    }
    let settings = Profile::ALL.map(|profile| knobs(&profile));
    for (at, knob) in settings[0].iter().enumerate() {
        out.push_str(&format!("\n{}: {}\n", knob.name, knob.about));
        let does = settings.each_ref().map(|settings| settings[at].does);
        let mut alike: Vec<(&str, Vec<&str>)> = Vec::new();
        for (profile, does) in Profile::ALL.iter().zip(does) {
            match alike.iter_mut().find(|(other, _)| *other == does) {
                Some((_, versions)) => versions.push(profile.name),
                None => alike.push((does, vec![profile.name])),
            }
        }
        let width = alike.iter().map(|(_, versions)| versions.join(", ").len()).max().unwrap_or(0);
        for (does, versions) in alike {
            out.push_str(&format!("  {:<width$}  {does}\n", versions.join(", ")));
        }
    }
    out
}

/// A knob as one profile has it.
struct Knob {
    /// The field of [`Profile`].
    name: &'static str,
    /// What it is about.
    about: &'static str,
    /// What it does there.
    does: &'static str,
}

/// Every knob of a profile. With a field that is missing here this does not compile.
fn knobs(profile: &Profile) -> Vec<Knob> {
    let Profile {
        name: _,
        checked_against: _,
        messages,
        gather_done,
        wait_takes_coroutines,
        wait_for,
        has_timeouts,
        uncancel_takes_back,
        task_groups,
        semaphores,
        conditions_pass_notify_on,
        has_eager_tasks,
        shutdown_rounds,
    } = *profile;
    let knob = |name, about, does| Knob { name, about, does };
    vec![
        knob(
            "messages",
            "what becomes of the message of a cancel",
            match messages {
                Messages::None => "there is none; cancel(msg=...) raises TypeError",
                Messages::DroppedAtTask => "seen inside the cancelled task; who awaits it gets a new error without it",
                Messages::FirstTaker => "the first who takes the error out of the task gets the original",
            },
        ),
        knob(
            "gather_done",
            "when gather counts a child that is done already",
            match gather_done {
                GatherDone::Queued => "in the next turn, like any other child",
                GatherDone::Inline => "within the call",
            },
        ),
        knob(
            "wait_takes_coroutines",
            "what wait does with a coroutine",
            match wait_takes_coroutines {
                true => "makes a task of it",
                false => "raises TypeError",
            },
        ),
        knob(
            "wait_for",
            "how wait_for waits",
            match wait_for {
                WaitFor::TimeoutWins => "for a task of its own; nothing that it comes to after the timeout counts",
                WaitFor::ResultWins => "for a task of its own; what it comes to in spite of its cancellation counts",
                WaitFor::InPlace => "in place, within a timeout",
            },
        ),
        knob(
            "has_timeouts",
            "timeout, TaskGroup, uncancel and cancelling",
            match has_timeouts {
                true => "there are; asyncio's TimeoutError is Python's own",
                false => "there are none; asyncio's TimeoutError is a class of its own",
            },
        ),
        knob(
            "uncancel_takes_back",
            "what uncancel does with a cancellation that was not delivered yet",
            match uncancel_takes_back {
                true => "takes it back, if it was the last one",
                false => "leaves it on its way",
            },
        ),
        knob(
            "task_groups",
            "when a task group takes back that it has cancelled its parent",
            match (has_timeouts, task_groups) {
                (false, _) => "there is none",
                (true, TaskGroups::UncancelFirst) => {
                    "when its block ends; a cancellation from outside at that moment is lost"
                }
                (true, TaskGroups::UncancelLast) => {
                    "when its tasks are done; one from outside is raised at the next await"
                }
            },
        ),
        knob(
            "semaphores",
            "who gets the permit of a semaphore",
            match semaphores {
                Semaphores::Barging => "whoever comes first; a woken waiter may have to queue again",
                Semaphores::MarkedWakeup => "the woken waiter; if that is cancelled, nobody gets one any more",
                Semaphores::HandedOver => "the woken waiter; release hands it over",
                Semaphores::HandedOverToAll => "the woken waiter, who wakes as many as there are permits",
            },
        ),
        knob(
            "conditions_pass_notify_on",
            "what becomes of a notification whose waiter is cancelled",
            match conditions_pass_notify_on {
                true => "another waiter gets it",
                false => "it is lost",
            },
        ),
        knob(
            "has_eager_tasks",
            "tasks that start within create_task",
            match has_eager_tasks {
                true => "there is eager_task_factory",
                false => "there are none",
            },
        ),
        knob(
            "shutdown_rounds",
            "how often run() turns the loop after its last cancellations",
            match shutdown_rounds {
                1 => "once",
                2 => "twice",
                _ => "many times",
            },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of a profile, as the code has them, are the knobs that are told; and each does something.
    #[test]
    fn every_field_is_a_knob_in_which_profiles_differ() {
        let text = profiles();
        let fields = format!("{:?}", Profile::NEWEST);
        let fields = fields.trim_start_matches("Profile { ").trim_end_matches(" }").split(", ");
        let names: Vec<&str> = fields.map(|field| field.split(": ").next().unwrap()).collect();
        assert_eq!(names[..2], ["name", "checked_against"]);
        let told = knobs(&Profile::NEWEST);
        assert_eq!(names[2..], told.iter().map(|knob| knob.name).collect::<Vec<_>>());
        for (at, knob) in told.iter().enumerate() {
            let differs = Profile::ALL.iter().any(|profile| knobs(profile)[at].does != knob.does);
            assert!(differs, "{} does nothing", knob.name);
        }
        for pair in Profile::ALL.windows(2) {
            let [older, newer] =
                [&pair[0], &pair[1]].map(|it| knobs(it).iter().map(|knob| knob.does).collect::<Vec<_>>());
            // What differs in a profile differs in what is told of it.
            assert_ne!(older, newer, "{} and {}", pair[0].name, pair[1].name);
            assert!(text.contains(pair[0].checked_against) && text.contains(pair[1].checked_against));
        }
    }
}
