//! The names of things inside a run: small integers, each kind its own type.
//!
//! Knows nothing of what they name. Ids are given out in creation order, which is the same in every run that got
//! the same answers, so they are safe to print, to hash and to keep in a token.

use std::fmt;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into the table that it belongs to.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// A host of the simulated network: 0 is the one on which the tasks run.
    HostId;
    /// A task, in creation order; [`TaskId::MAIN`] is the first.
    TaskId;
    /// A future that others can await: a task's own, or a gather's.
    FutureId;
    /// A coroutine of the program: one of the instances of a `[[task]]`, or main.
    InstanceId;
    /// A text of the program, or one that was put together during the run.
    TextId;
    /// A list that the program made during the run.
    ListId;
    /// A lock, a queue, or whatever else tasks synchronise by.
    ObjectId;
}

impl TaskId {
    /// The task that runs main.
    pub const MAIN: TaskId = TaskId(0);
}

impl fmt::Display for TaskId {
    /// As in `T1`: numbered from one, main first, the way traces of asyncio are usually told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{}", u64::from(self.0) + 1)
    }
}
