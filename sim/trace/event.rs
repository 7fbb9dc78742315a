//! An event as it is recorded: sixteen plain bytes.
//!
//! Knows nothing of where in a run it stands.

use crate::choice::Choice;
use crate::id::{FutureId, HostId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::program::{Error, ErrorType, Operation, Stage, Value};
use crate::time::Time;

use super::link::{Message, Serves};
use super::what::{Phase, Requester, Wake, What};

/// An event in sixteen bytes: kind, a small number, a subject, and 64 bits that depend on the kind.
///
/// Turns are events too (nothing else needs to say when it happened); [`Trace::iter`](super::Trace::iter) takes them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Event {
    /// Kind in the low 8 bits, a small number in the next 24, the subject above.
    head: u64,
    payload: u64,
}

impl Event {
    /// What happened, unless it is a choice, in sixteen bytes. Inlined, so that it is packed where it is known what it is.
    #[inline(always)]
    pub(super) fn of(what: What) -> Result<Event, Choice> {
        Ok(match what {
            What::Created { task, by, instance } => Event::new(kind::CREATED, 0, task.0, pair(by.0, instance.0)),
            What::Started { task } => Event::new(kind::STARTED, 0, task.0, 0),
            What::Printed { task, text } => Event::new(kind::PRINTED, 0, task.0, u64::from(text.0)),
            What::Yielded { task } => Event::new(kind::YIELDED, 0, task.0, 0),
            What::Slept { task, until } => Event::new(kind::SLEPT, 0, task.0, until.0),
            What::Awaited { task, future } => Event::new(kind::AWAITED, 0, task.0, u64::from(future.0)),
            What::Waited { task, count, until } => {
                Event::new(kind::WAITED, count, task.0, until.map_or(u64::MAX, |until| until.0))
            }
            What::Called { task, instance } => Event::new(kind::CALLED, 0, task.0, u64::from(instance.0)),
            What::CallReturned { task, value } => {
                let (tag, bits) = value_bits(value);
                Event::new(kind::CALL_RETURNED, tag, task.0, bits)
            }
            What::Resumed { task, by } => {
                let (tag, bits) = match by {
                    Wake::Yield => (0, 0),
                    Wake::Timer => (1, 0),
                    Wake::Future(future) => (2, u64::from(future.0)),
                    Wake::Task(task) => (9, u64::from(task.0)),
                    Wake::Object(object) => (3, u64::from(object.0)),
                    Wake::Library => (4, 0),
                };
                Event::new(kind::RESUMED, tag, task.0, bits)
            }
            What::CancelRequested { task, by, message } => {
                let (tag, by) = requester_bits(by);
                Event::new(kind::CANCEL_REQUESTED, tag, task.0, pair(by, text_bits(message)))
            }
            What::CancelRefused { task, by, since } => {
                let (tag, by) = requester_bits(by);
                Event::new(kind::CANCEL_REFUSED, tag, task.0, pair(by, since))
            }
            What::GatherCancelRequested { future, by, message } => {
                let (tag, by) = requester_bits(by);
                Event::new(kind::GATHER_CANCEL_REQUESTED, tag, future.0, pair(by, text_bits(message)))
            }
            What::GatherCancelRefused { future, by, since } => {
                let (tag, by) = requester_bits(by);
                Event::new(kind::GATHER_CANCEL_REFUSED, tag, future.0, pair(by, since))
            }
            What::Cut { task, phase, instance, site } => {
                Event::new(kind::CUT, phase as u32, task.0, pair(instance.0, site))
            }
            What::CancelDelivered { task, message } => {
                Event::new(kind::CANCEL_DELIVERED, 0, task.0, u64::from(text_bits(message)))
            }
            What::Struck { task, instance, point } => {
                Event::new(kind::STRUCK, 0, task.0, pair(instance.0, u32::from(point)))
            }
            What::Raised { task, error } => Event::new(kind::RAISED, 0, task.0, error_bits(error)),
            What::Caught { task, error, clause } => {
                Event::new(kind::CAUGHT, u32::from(clause.0), task.0, error_bits(error))
            }
            What::Finished { task, value } => {
                let (tag, bits) = value_bits(value);
                Event::new(kind::FINISHED, tag, task.0, bits)
            }
            What::Failed { task, error } => Event::new(kind::FAILED, 0, task.0, error_bits(error)),
            What::Cancelled { task, message } => Event::new(kind::CANCELLED, 0, task.0, u64::from(text_bits(message))),
            What::Gathered { future, by, children } => Event::new(kind::GATHERED, 0, future.0, pair(by.0, children)),
            What::Children { future, first, count } => Event::new(kind::CHILDREN, 0, future.0, pair(first.0, count)),
            What::Taken { task, future } => Event::new(kind::TAKEN, 0, task.0, u64::from(future.0)),
            What::Cleanup { task, instance, finally, stage } => {
                Event::new(kind::CLEANUP, stage as u32, task.0, pair(instance.0, finally))
            }
            What::GatherFinished { future } => Event::new(kind::GATHER_FINISHED, 0, future.0, 0),
            What::GatherFailed { future, error } => Event::new(kind::GATHER_FAILED, 0, future.0, error_bits(error)),
            What::WaitReturned { task, done, pending, timed_out } => {
                Event::new(kind::WAIT_RETURNED, u32::from(timed_out), task.0, pair(done, pending))
            }
            What::ShutdownBegan { left } => Event::new(kind::SHUTDOWN_BEGAN, 0, left, 0),
            What::UnhandledInShutdown { task, error } => {
                Event::new(kind::UNHANDLED_IN_SHUTDOWN, 0, task.0, error_bits(error))
            }
            What::Dropped { task } => Event::new(kind::DROPPED, 0, task.0, 0),
            What::Suspended { task } => Event::new(kind::SUSPENDED, 0, task.0, 0),
            What::WaitDropped { task, place } => Event::new(kind::WAIT_DROPPED, 0, task.0, u64::from(place)),
            What::WakeLost { task } => Event::new(kind::WAKE_LOST, 0, task.0, 0),
            What::WaitingFor { task, future, until } => {
                // The small field has 24 bits.
                Event::new(kind::WAITING_FOR, future.0.min(0xff_ffff), task.0, until.map_or(u64::MAX, |until| until.0))
            }
            What::Declared { future, object } => Event::new(kind::DECLARED, 0, future.0, u64::from(object.0)),
            What::LeavingGroup { task, left } => Event::new(kind::LEAVING_GROUP, 0, task.0, u64::from(left)),
            What::AwaitingNext { task, left } => Event::new(kind::AWAITING_NEXT, 0, task.0, u64::from(left)),
            What::CalledBack { task } => Event::new(kind::CALLED_BACK, 0, task.0, 0),
            What::CallbackFailed { task, error } => Event::new(kind::CALLBACK_FAILED, 0, task.0, error_bits(error)),
            What::Shielded { future, by, inner } => Event::new(kind::SHIELDED, 0, future.0, pair(by.0, inner.0)),
            What::TimeoutSet { task, until } => {
                Event::new(kind::TIMEOUT_SET, 0, task.0, until.map_or(u64::MAX, |until| until.0))
            }
            What::Blocked { task, operation, object } => {
                Event::new(kind::BLOCKED, operation as u32, task.0, u64::from(object.0))
            }
            What::Item { task, value } => {
                let (tag, bits) = value_bits(value);
                Event::new(kind::ITEM, tag, task.0, bits)
            }
            What::Lacks { task, future } => Event::new(kind::LACKS, 0, task.0, u64::from(future.0)),
            What::Used { task, operation, object, count } => {
                Event::new(kind::USED, operation as u32, task.0, pair(object.0, count))
            }
            What::Requested { task, request, host, url } => {
                Event::new(kind::REQUESTED, host.0, task.0, pair(request, url.0))
            }
            What::Responded { task, request, status, retry_after } => {
                Event::new(kind::RESPONDED, u32::from(status), task.0, pair(request, retry_after.unwrap_or(NOTHING)))
            }
            What::Served { host, request, does } => Event::new(kind::SERVED, does.pack(), host.0, u64::from(request)),
            What::Carried { message, fate } => {
                Event::new(kind::CARRIED, message.pack(fate), message.connection, u64::from(message.number))
            }
            What::Outage { outage, host, is_over } => {
                Event::new(kind::OUTAGE, u32::from(is_over), host.0, u64::from(outage))
            }
            What::Chose(choice) => return Err(choice),
        })
    }

    /// A turn of the loop begins.
    pub fn turn(number: u32, time: Time) -> Event {
        Event::new(kind::TURN, 0, number, time.0)
    }

    /// Which turn begins, and when, if one does.
    #[inline]
    pub(super) fn as_turn(self) -> Option<(u32, Time)> {
        (self.kind() == kind::TURN).then(|| (self.subject(), Time(self.payload)))
    }

    /// What happened, if no turn begins. Inlined, so that it is unpacked where it is looked at.
    #[inline(always)]
    pub(super) fn what(self) -> What {
        let task = TaskId(self.subject());
        let future = FutureId(self.subject());
        let by = TaskId(self.high());
        match self.kind() {
            kind::CREATED => What::Created { task, by, instance: InstanceId(self.low()) },
            kind::STARTED => What::Started { task },
            kind::PRINTED => What::Printed { task, text: TextId(self.low()) },
            kind::YIELDED => What::Yielded { task },
            kind::SLEPT => What::Slept { task, until: Time(self.payload) },
            kind::AWAITED => What::Awaited { task, future: FutureId(self.low()) },
            kind::WAITED => {
                let until = (self.payload != u64::MAX).then_some(Time(self.payload));
                What::Waited { task, count: self.small(), until }
            }
            kind::CALLED => What::Called { task, instance: InstanceId(self.low()) },
            kind::CALL_RETURNED => What::CallReturned { task, value: value_from(self) },
            kind::RESUMED => {
                let by = match self.small() {
                    0 => Wake::Yield,
                    1 => Wake::Timer,
                    9 => Wake::Task(TaskId(self.low())),
                    2 => Wake::Future(FutureId(self.low())),
                    3 => Wake::Object(ObjectId(self.low())),
                    _ => Wake::Library,
                };
                What::Resumed { task, by }
            }
            kind::CANCEL_REQUESTED => {
                What::CancelRequested { task, by: requester_from(self), message: text_from(self.low()) }
            }
            kind::CANCEL_REFUSED => What::CancelRefused { task, by: requester_from(self), since: self.low() },
            kind::GATHER_CANCEL_REQUESTED => {
                What::GatherCancelRequested { future, by: requester_from(self), message: text_from(self.low()) }
            }
            kind::GATHER_CANCEL_REFUSED => {
                What::GatherCancelRefused { future, by: requester_from(self), since: self.low() }
            }
            kind::CUT => {
                let phase = Phase::ALL[self.small() as usize];
                What::Cut { task, phase, instance: InstanceId(self.high()), site: self.low() }
            }
            kind::CANCEL_DELIVERED => What::CancelDelivered { task, message: text_from(self.low()) },
            kind::STRUCK => What::Struck { task, instance: InstanceId(self.high()), point: self.low() as u16 },
            kind::RAISED => What::Raised { task, error: error_from(self) },
            kind::CAUGHT => What::Caught { task, error: error_from(self), clause: ErrorType(self.small() as u16) },
            kind::FINISHED => What::Finished { task, value: value_from(self) },
            kind::FAILED => What::Failed { task, error: error_from(self) },
            kind::CANCELLED => What::Cancelled { task, message: text_from(self.low()) },
            kind::GATHERED => What::Gathered { future, by, children: self.low() },
            kind::CHILDREN => What::Children { future, first: FutureId(self.high()), count: self.low() },
            kind::TAKEN => What::Taken { task, future: FutureId(self.low()) },
            kind::CLEANUP => {
                let stage = Stage::ALL[self.small() as usize];
                What::Cleanup { task, instance: InstanceId(self.high()), finally: self.low(), stage }
            }
            kind::GATHER_FINISHED => What::GatherFinished { future },
            kind::GATHER_FAILED => What::GatherFailed { future, error: error_from(self) },
            kind::WAIT_RETURNED => {
                What::WaitReturned { task, done: self.high(), pending: self.low(), timed_out: self.small() != 0 }
            }
            kind::SHUTDOWN_BEGAN => What::ShutdownBegan { left: self.subject() },
            kind::UNHANDLED_IN_SHUTDOWN => What::UnhandledInShutdown { task, error: error_from(self) },
            kind::DROPPED => What::Dropped { task },
            kind::SUSPENDED => What::Suspended { task },
            kind::WAIT_DROPPED => What::WaitDropped { task, place: self.low() },
            kind::WAKE_LOST => What::WakeLost { task },
            kind::WAITING_FOR => {
                let until = (self.payload != u64::MAX).then_some(Time(self.payload));
                What::WaitingFor { task, future: FutureId(self.small()), until }
            }
            kind::DECLARED => What::Declared { future, object: ObjectId(self.low()) },
            kind::LEAVING_GROUP => What::LeavingGroup { task, left: self.low() },
            kind::AWAITING_NEXT => What::AwaitingNext { task, left: self.low() },
            kind::CALLED_BACK => What::CalledBack { task },
            kind::CALLBACK_FAILED => What::CallbackFailed { task, error: error_from(self) },
            kind::SHIELDED => What::Shielded { future, by, inner: FutureId(self.low()) },
            kind::TIMEOUT_SET => {
                What::TimeoutSet { task, until: (self.payload != u64::MAX).then_some(Time(self.payload)) }
            }
            kind::BLOCKED => {
                let operation = Operation::ALL[self.small() as usize];
                What::Blocked { task, operation, object: ObjectId(self.low()) }
            }
            kind::USED => {
                let operation = Operation::ALL[self.small() as usize];
                What::Used { task, operation, object: ObjectId(self.high()), count: self.low() }
            }
            kind::ITEM => What::Item { task, value: value_from(self) },
            kind::LACKS => What::Lacks { task, future: FutureId(self.low()) },
            kind::REQUESTED => {
                What::Requested { task, request: self.high(), host: HostId(self.small()), url: TextId(self.low()) }
            }
            kind::RESPONDED => What::Responded {
                task,
                request: self.high(),
                status: self.small() as u16,
                retry_after: (self.low() != NOTHING).then_some(self.low()),
            },
            kind::SERVED => {
                What::Served { host: HostId(self.subject()), request: self.low(), does: Serves::unpack(self.small()) }
            }
            kind::CARRIED => {
                let (message, fate) = Message::unpack(self.small(), self.subject(), self.low());
                What::Carried { message, fate }
            }
            kind::OUTAGE => {
                What::Outage { outage: self.low(), host: HostId(self.subject()), is_over: self.small() != 0 }
            }
            other => unreachable!("no event has kind {other}"),
        }
    }

    #[inline]
    const fn new(kind: u8, small: u32, subject: u32, payload: u64) -> Event {
        Event { head: kind as u64 | (small as u64) << 8 | (subject as u64) << 32, payload }
    }

    fn kind(self) -> u8 {
        self.head as u8
    }

    fn small(self) -> u32 {
        (self.head as u32) >> 8
    }

    fn subject(self) -> u32 {
        (self.head >> 32) as u32
    }

    fn low(self) -> u32 {
        self.payload as u32
    }

    fn high(self) -> u32 {
        (self.payload >> 32) as u32
    }
}

mod kind {
    pub const TURN: u8 = 0;
    pub const CREATED: u8 = 1;
    pub const STARTED: u8 = 2;
    pub const PRINTED: u8 = 3;
    pub const YIELDED: u8 = 4;
    pub const SLEPT: u8 = 5;
    pub const AWAITED: u8 = 6;
    pub const WAITED: u8 = 7;
    pub const CALLED: u8 = 8;
    pub const CALL_RETURNED: u8 = 9;
    pub const RESUMED: u8 = 10;
    pub const CANCEL_REQUESTED: u8 = 11;
    pub const CANCEL_REFUSED: u8 = 12;
    pub const GATHER_CANCEL_REQUESTED: u8 = 13;
    pub const GATHER_CANCEL_REFUSED: u8 = 14;
    pub const CANCEL_DELIVERED: u8 = 15;
    pub const STRUCK: u8 = 16;
    pub const RAISED: u8 = 17;
    pub const CAUGHT: u8 = 18;
    pub const FINISHED: u8 = 19;
    pub const FAILED: u8 = 20;
    pub const CANCELLED: u8 = 21;
    pub const GATHERED: u8 = 22;
    pub const GATHER_FINISHED: u8 = 23;
    pub const GATHER_FAILED: u8 = 24;
    pub const WAIT_RETURNED: u8 = 25;
    pub const SHUTDOWN_BEGAN: u8 = 26;
    pub const UNHANDLED_IN_SHUTDOWN: u8 = 27;
    pub const DROPPED: u8 = 28;
    pub const CUT: u8 = 29;
    pub const CHILDREN: u8 = 30;
    pub const TAKEN: u8 = 31;
    pub const CLEANUP: u8 = 32;
    pub const SUSPENDED: u8 = 60;
    pub const WAKE_LOST: u8 = 61;
    pub const WAIT_DROPPED: u8 = 62;
    pub const BLOCKED: u8 = 40;
    pub const USED: u8 = 41;
    pub const WAITING_FOR: u8 = 42;
    pub const SHIELDED: u8 = 43;
    pub const TIMEOUT_SET: u8 = 44;
    pub const LEAVING_GROUP: u8 = 45;
    pub const DECLARED: u8 = 46;
    pub const REQUESTED: u8 = 64;
    pub const RESPONDED: u8 = 65;
    pub const SERVED: u8 = 66;
    pub const CARRIED: u8 = 67;
    pub const OUTAGE: u8 = 68;
    pub const AWAITING_NEXT: u8 = 47;
    pub const CALLED_BACK: u8 = 48;
    pub const CALLBACK_FAILED: u8 = 49;
    pub const ITEM: u8 = 50;
    pub const LACKS: u8 = 51;
}

/// `None` in 32 bits: no id reaches it.
pub(super) const NOTHING: u32 = u32::MAX;

#[inline]
fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[inline]
fn text_bits(text: Option<TextId>) -> u32 {
    text.map_or(NOTHING, |text| text.0)
}

fn text_from(bits: u32) -> Option<TextId> {
    (bits != NOTHING).then_some(TextId(bits))
}

fn error_from(event: Event) -> Error {
    Error { ty: ErrorType(event.high() as u16), message: text_from(event.low()) }
}

#[inline]
pub(super) fn error_bits(error: Error) -> u64 {
    pair(u32::from(error.ty.0), text_bits(error.message))
}

/// A value as a small number that tells its type, and 64 bits.
pub(super) fn value_bits(value: Value) -> (u32, u64) {
    match value {
        Value::Unbound => (0, 0),
        Value::None => (1, 0),
        Value::Bool(bool) => (2, u64::from(bool)),
        Value::Int(int) => (3, int as u64),
        Value::Text(text) => (4, u64::from(text.0)),
        Value::Handle(future) => (5, u64::from(future.0)),
        Value::Coroutine(instance) => (6, u64::from(instance.0)),
        Value::Call(instance) => (7, u64::from(instance.0)),
        Value::Timeout(timeout) => (10, u64::from(timeout)),
        Value::TaskGroup(group) => (11, u64::from(group)),
        Value::Callback(callback) => (12, u64::from(callback)),
        Value::Function(callback) => (13, u64::from(callback)),
        Value::List(list) => (8, u64::from(list.0)),
        Value::Tuple(list) => (14, u64::from(list.0)),
        Value::Error(error) => (9, error_bits(error)),
    }
}

fn value_from(event: Event) -> Value {
    let id = event.low();
    match event.small() {
        0 => Value::Unbound,
        2 => Value::Bool(id != 0),
        3 => Value::Int(event.payload as i64),
        4 => Value::Text(TextId(id)),
        5 => Value::Handle(FutureId(id)),
        6 => Value::Coroutine(InstanceId(id)),
        7 => Value::Call(InstanceId(id)),
        8 => Value::List(ListId(id)),
        9 => Value::Error(error_from(event)),
        10 => Value::Timeout(id),
        11 => Value::TaskGroup(id),
        12 => Value::Callback(id),
        13 => Value::Function(id),
        14 => Value::Tuple(ListId(id)),
        _ => Value::None,
    }
}

#[inline]
fn requester_bits(by: Requester) -> (u32, u32) {
    match by {
        Requester::Task(task) => (0, task.0),
        Requester::Outside => (1, 0),
        Requester::Shutdown => (2, 0),
        Requester::Harness => (3, 0),
        Requester::Timeout => (4, 0),
        Requester::TaskGroup => (5, 0),
        Requester::Callback => (6, 0),
    }
}

fn requester_from(event: Event) -> Requester {
    match event.small() {
        0 => Requester::Task(TaskId(event.high())),
        1 => Requester::Outside,
        2 => Requester::Shutdown,
        3 => Requester::Harness,
        4 => Requester::Timeout,
        5 => Requester::TaskGroup,
        _ => Requester::Callback,
    }
}
