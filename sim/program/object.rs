//! What tasks synchronise by: locks, events, semaphores, conditions, queues and barriers, declared by the file.
//!
//! Knows nothing of how any of them works; that is a machine's affair.

/// An object of asyncio that the file declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What steps and traces call it.
    pub name: String,
    /// What it is.
    pub make: Make,
}

/// How an object is made: asyncio's constructors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Make {
    /// `Lock()`
    Lock,
    /// `Event()`
    Event,
    /// `Semaphore(n)`
    Semaphore(u32),
    /// `Condition()`, which makes a lock of its own.
    Condition,
    /// `Queue(maxsize=n)`; 0 is no limit.
    Queue(u32),
    /// `Barrier(parties)`
    Barrier(u32),
    /// `loop.create_future()`: it can be awaited, cancelled and asked like a task.
    Future,
}

impl Make {
    /// The class.
    pub fn class(self) -> &'static str {
        match self {
            Make::Lock => "Lock",
            Make::Event => "Event",
            Make::Semaphore(_) => "Semaphore",
            Make::Condition => "Condition",
            Make::Queue(_) => "Queue",
            Make::Barrier(_) => "Barrier",
            Make::Future => "Future",
        }
    }

    /// The call that makes it, in Python.
    pub fn python(self) -> String {
        match self {
            Make::Semaphore(permits) => format!("asyncio.Semaphore({permits})"),
            Make::Barrier(parties) => format!("asyncio.Barrier({parties})"),
            Make::Queue(0) => "asyncio.Queue()".to_owned(),
            Make::Queue(most) => format!("asyncio.Queue(maxsize={most})"),
            Make::Future => "asyncio.get_running_loop().create_future()".to_owned(),
            _ => format!("asyncio.{}()", self.class()),
        }
    }

    /// What can be done with it.
    pub fn operations(self) -> &'static [Operation] {
        use Operation::*;
        match self {
            Make::Lock | Make::Semaphore(_) => &[Acquire, Release],
            Make::Event => &[Wait, Set, Clear],
            Make::Condition => &[Acquire, Release, Wait, Notify, NotifyAll],
            Make::Barrier(_) => &[Wait, Reset, Abort],
            Make::Future => &[SetResult, SetException],
            Make::Queue(_) => &[Put, PutNowait, Get, GetNowait, TaskDone, Join],
        }
    }

    /// What can be asked of it.
    pub fn inquiries(self) -> &'static [(&'static str, Inquiry)] {
        match self {
            Make::Lock | Make::Semaphore(_) | Make::Condition => &[("locked", Inquiry::Locked)],
            Make::Event => &[("is_set", Inquiry::IsSet)],
            Make::Barrier(_) => {
                &[("parties", Inquiry::Parties), ("n_waiting", Inquiry::Waiting), ("broken", Inquiry::Broken)]
            }
            Make::Future => &[],
            Make::Queue(_) => &[("qsize", Inquiry::Size), ("empty", Inquiry::Empty), ("full", Inquiry::Full)],
        }
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $method:literal;)*) => {
        /// What a step does with an object, under the name of asyncio's method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $name,)*
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Operation] = &[$(Operation::$name,)*];

            /// asyncio's method.
            pub fn method(self) -> &'static str {
                match self {
                    $(Operation::$name => $method,)*
                }
            }
        }
    };
}

operations! {
    /// `await lock.acquire()`
    Acquire = "acquire";
    /// `lock.release()`
    Release = "release";
    /// `await event.wait()`, or a condition's
    Wait = "wait";
    /// `event.set()`
    Set = "set";
    /// `event.clear()`
    Clear = "clear";
    /// `condition.notify(n)`
    Notify = "notify";
    /// `condition.notify_all()`
    NotifyAll = "notify_all";
    /// `await queue.put(item)`
    Put = "put";
    /// `queue.put_nowait(item)`
    PutNowait = "put_nowait";
    /// `await queue.get()`
    Get = "get";
    /// `queue.get_nowait()`
    GetNowait = "get_nowait";
    /// `queue.task_done()`
    TaskDone = "task_done";
    /// `await queue.join()`
    Join = "join";
    /// `await barrier.reset()`
    Reset = "reset";
    /// `await barrier.abort()`
    Abort = "abort";
    /// `future.set_result(value)`
    SetResult = "set_result";
    /// `future.set_exception(error)`
    SetException = "set_exception";
}

impl Operation {
    /// Whether a task may wait in it.
    pub fn waits(self) -> bool {
        use Operation::*;
        matches!(self, Acquire | Wait | Put | Get | Join | Reset | Abort)
    }
}

/// What an expression asks of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// `lock.locked()`
    Locked,
    /// `event.is_set()`
    IsSet,
    /// `queue.qsize()`
    Size,
    /// `queue.empty()`
    Empty,
    /// `queue.full()`
    Full,
    /// `barrier.parties`
    Parties,
    /// `barrier.n_waiting`
    Waiting,
    /// `barrier.broken`
    Broken,
}
