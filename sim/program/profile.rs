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
    /// Which of its three ways `wait_for` goes.
    pub wait_for: WaitFor,
    /// Whether there are `asyncio.timeout`, `asyncio.TaskGroup`, `Task.uncancel` and `Task.cancelling`; and asyncio's `TimeoutError` is
    /// Python's own then.
    pub has_timeouts: bool,
    /// Whether `uncancel` takes back a cancellation that nothing was told of yet, when it was the last one.
    pub uncancel_takes_back: bool,
    /// Which of its two ways a task group goes, where there is one.
    pub task_groups: TaskGroups,
    /// Which of its four ways a semaphore goes.
    pub semaphores: Semaphores,
    /// Whether an error that leaves `Condition.wait` notifies another waiter in place of the one that it hits, and is
    /// itself and not a new `CancelledError` if it came while the lock was taken back.
    pub conditions_pass_notify_on: bool,
    /// Whether there is `asyncio.eager_task_factory`.
    pub has_eager_tasks: bool,
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

/// How `wait_for` waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// For a task of its own, which it cancels and waits for; once it has timed out nothing that the task comes to counts.
    TimeoutWins,
    /// The same, but what the task comes to in spite of its cancellation counts.
    ResultWins,
    /// In place, within a `timeout`.
    InPlace,
}

/// When a task group takes back the request with which it has cancelled its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskGroups {
    /// When its block ends: a task that fails later leaves the request behind, and a cancellation from outside that comes
    /// together with a failure is lost.
    UncancelFirst,
    /// When all tasks are done; and a cancellation from outside is raised where the parent waits next.
    UncancelLast,
}

/// How `Semaphore.acquire` waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Semaphores {
    /// Who comes between a release and the woken waiter takes the permit, and the waiter queues again.
    Barging,
    /// Nobody does while a wakeup is on its way; but a waiter that is cancelled then leaves that mark behind, and
    /// nobody gets a permit any more.
    MarkedWakeup,
    /// The permit is handed over by the release.
    HandedOver,
    /// The same, and who has waited wakes as many as there are permits.
    HandedOverToAll,
}

impl Profile {
    /// Every profile, oldest first.
    pub const ALL: [Profile; 6] = [
        Profile {
            name: "3.8",
            checked_against: "3.8.18",
            messages: Messages::None,
            wait_for: WaitFor::TimeoutWins,
            semaphores: Semaphores::Barging,
            shutdown_rounds: 1,
            ..Profile::BEFORE_3_11
        },
        Profile {
            name: "3.9",
            checked_against: "3.9.18",
            semaphores: Semaphores::MarkedWakeup,
            ..Profile::BEFORE_3_11
        },
        Profile::BEFORE_3_11,
        Profile {
            name: "3.11",
            checked_against: "3.11.7",
            messages: Messages::FirstTaker,
            wait_takes_coroutines: false,
            has_timeouts: true,
            ..Profile::BEFORE_3_11
        },
        Profile {
            name: "3.12",
            checked_against: "3.12.1",
            uncancel_takes_back: false,
            task_groups: TaskGroups::UncancelFirst,
            semaphores: Semaphores::HandedOver,
            conditions_pass_notify_on: false,
            ..Profile::NEWEST
        },
        Profile::NEWEST,
    ];

    /// The one that a scenario gets when it names none.
    pub const NEWEST: Profile = Profile {
        name: "3.13",
        checked_against: "3.13.0",
        messages: Messages::FirstTaker,
        gather_done: GatherDone::Inline,
        wait_takes_coroutines: false,
        wait_for: WaitFor::InPlace,
        has_timeouts: true,
        uncancel_takes_back: true,
        task_groups: TaskGroups::UncancelLast,
        semaphores: Semaphores::HandedOverToAll,
        conditions_pass_notify_on: true,
        has_eager_tasks: true,
        shutdown_rounds: 2,
    };

    const BEFORE_3_11: Profile = Profile {
        name: "3.10",
        checked_against: "3.10.13",
        messages: Messages::DroppedAtTask,
        gather_done: GatherDone::Queued,
        wait_takes_coroutines: true,
        wait_for: WaitFor::ResultWins,
        has_timeouts: false,
        uncancel_takes_back: false,
        task_groups: TaskGroups::UncancelFirst,
        semaphores: Semaphores::HandedOver,
        conditions_pass_notify_on: false,
        has_eager_tasks: false,
        shutdown_rounds: 2,
    };

    /// The profile called `name`.
    pub fn find(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name == name)
    }
}
