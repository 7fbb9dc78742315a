//! What differs between the Python versions, as a handful of knobs.
//!
//! Nothing else in the project asks for a version: the loop asks for a knob, by name.
//!
//! Knows nothing of the loop that turns with them.

/// How asyncio behaves in one version of Python.
///
/// ```
/// use atropos::program::Profile;
/// assert_eq!(Profile::find("3.10").unwrap().checked_against, "3.10.13");
/// assert_eq!(Profile::NEWEST.name, "3.13");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The version as a scenario writes it.
    pub name: &'static str,
    /// The patch level whose behaviour this is.
    pub checked_against: &'static str,
    /// What becomes of the message that `cancel` was given.
    pub messages: Messages,
    /// How `gather` takes children that are done when it is called.
    pub gather_done: GatherDone,
    /// Whether `wait` makes tasks out of coroutines; from 3.11 on it raises `TypeError`.
    pub wait_takes_coroutines: bool,
    /// How many times `run()` turns the loop after it has cancelled what was left: once for asynchronous
    /// generators, and from 3.9 on once more for the default executor.
    pub shutdown_rounds: u8,
}

/// What becomes of a cancel's message on its way to whoever awaits the cancelled task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Messages {
    /// There is none: `cancel` takes no argument, and `cancel(msg=…)` raises `TypeError`.
    None,
    /// It is seen inside the cancelled task; who awaits that task gets a new error without it.
    DroppedAtTask,
    /// The first one that takes the error out of the task gets the original, later ones a new one.
    FirstTaker,
}

/// When `gather` counts a child that is done already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatherDone {
    /// In the next turn, like any other child.
    Queued,
    /// Within the call; a gather of done children is done at once.
    Inline,
}

impl Profile {
    /// Every profile, oldest first.
    pub const ALL: [Profile; 6] = [
        Profile {
            name: "3.8",
            checked_against: "3.8.18",
            messages: Messages::None,
            shutdown_rounds: 1,
            ..Profile::BEFORE_3_11
        },
        Profile { name: "3.9", checked_against: "3.9.18", ..Profile::BEFORE_3_11 },
        Profile::BEFORE_3_11,
        Profile {
            name: "3.11",
            checked_against: "3.11.7",
            messages: Messages::FirstTaker,
            wait_takes_coroutines: false,
            ..Profile::BEFORE_3_11
        },
        Profile { name: "3.12", checked_against: "3.12.1", ..Profile::NEWEST },
        Profile::NEWEST,
    ];

    /// The one that a scenario gets when it names none.
    pub const NEWEST: Profile = Profile {
        name: "3.13",
        checked_against: "3.13.0",
        messages: Messages::FirstTaker,
        gather_done: GatherDone::Inline,
        wait_takes_coroutines: false,
        shutdown_rounds: 2,
    };

    const BEFORE_3_11: Profile = Profile {
        name: "3.10",
        checked_against: "3.10.13",
        messages: Messages::DroppedAtTask,
        gather_done: GatherDone::Queued,
        wait_takes_coroutines: true,
        shutdown_rounds: 2,
    };

    /// The profile called `name`.
    pub fn find(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name == name)
    }
}
