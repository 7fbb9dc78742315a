//! Who is who in a trace, and what each task is doing: a fold over the events.
//!
//! Knows nothing of how any of it is laid out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::id::{FutureId, HostId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::program::{Error, ErrorType, Lookup, Make, Operation, Program, Value, push_printable, quote, repr};
use crate::trace::{self, Subject, Trace, What, Whose};

/// The names that the events so far have introduced.
pub(super) struct Names<'a> {
    program: &'a Program,
    trace: &'a Trace,
    who: trace::Names<'a>,
    /// By the task's number. Nothing once it has ended, or the loop was closed under it.
    doing: Vec<Option<Doing>>,
    /// By the task's number: how often it was suspended, if it is a real future.
    suspensions: Vec<u32>,
    /// What is put into a queue or taken out of it by the use that comes next, and by the last one.
    next_item: Option<Value>,
    item: Option<Value>,
    /// Who holds a lock, or the lock of a condition.
    holders: BTreeMap<ObjectId, TaskId>,
    /// For whom tasks wait when nothing can go on any more.
    lacks: Vec<(TaskId, FutureId)>,
}

/// What a task does after its last event.
#[derive(Clone, Copy)]
pub(super) enum Doing {
    /// Created, and its first line has not run.
    Starting,
    /// Waits for nobody: it runs, is about to, or sleeps.
    Running,
    /// Waits for a future.
    Awaiting(FutureId),
    /// Waits for the answer of a host.
    Asking(HostId),
    /// It waits for some of this many futures.
    Waiting(TaskId, u32),
    /// It is a real future, and was polled so often without being done.
    Suspended(TaskId, u32),
    /// Waits to use an object.
    Blocked(Operation, ObjectId),
}

/// A task by its name, or a gather by its number.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Named {
    Task(String),
    Gather(u32),
    Shield(u32),
    Future(String),
    Host(String),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Task(name) | Named::Future(name) | Named::Host(name) => f.write_str(name),
            Named::Gather(number) => write!(f, "gather {number}"),
            Named::Shield(number) => write!(f, "shield {number}"),
        }
    }
}

impl<'a> Names<'a> {
    pub(super) fn new(program: &'a Program, trace: &'a Trace) -> Names<'a> {
        Names {
            program,
            trace,
            who: trace::Names::new(program),
            doing: vec![Some(Doing::Starting)],
            suspensions: Vec::new(),
            next_item: None,
            item: None,
            holders: BTreeMap::new(),
            lacks: Vec::new(),
        }
    }

    /// Takes one more event in.
    pub(super) fn see(&mut self, what: What) {
        self.who.see(what);
        self.doing.resize(self.who.tasks(), Some(Doing::Starting));
        match what {
            What::Started { task }
            | What::Yielded { task }
            | What::Resumed { task, .. }
            | What::WaitReturned { task, .. }
            | What::CancelDelivered { task, .. } => self.set(task, Some(Doing::Running)),
            What::Awaited { task, future } => self.set(task, Some(Doing::Awaiting(future))),
            What::Waited { task, count, .. } => self.set(task, Some(Doing::Waiting(task, count))),
            What::Suspended { task } => self.suspend(task),
            What::LeavingGroup { task, left } | What::AwaitingNext { task, left } => {
                self.set(task, Some(Doing::Waiting(task, left)))
            }
            What::WaitingFor { task, future, .. } => self.set(task, Some(Doing::Awaiting(future))),
            What::Blocked { task, operation, object } => {
                self.set(task, Some(Doing::Blocked(operation, object)));
                // A condition gives its lock back for that time; who blocks again to get it back does not hold it.
                if operation == Operation::Wait && self.holder(object) == Some(task) {
                    self.holders.remove(&object);
                }
            }
            What::Used { task, operation, object, .. } => self.uses(task, operation, object),
            What::Item { value, .. } => self.next_item = Some(value),
            What::Lacks { task, future } => self.lacks.push((task, future)),
            What::Finished { task, .. }
            | What::Failed { task, .. }
            | What::Cancelled { task, .. }
            | What::Dropped { task } => self.set(task, None),
            What::Requested { task, host, .. } => self.set(task, Some(Doing::Asking(host))),
            What::Responded { task, .. } => self.set(task, Some(Doing::Running)),
            _ => {}
        }
    }

    fn uses(&mut self, task: TaskId, operation: Operation, object: ObjectId) {
        self.item = self.next_item.take();
        let is_lock = matches!(self.make(object), Make::Lock | Make::Condition);
        match operation {
            Operation::Acquire | Operation::Wait if is_lock => _ = self.holders.insert(object, task),
            Operation::Release => _ = self.holders.remove(&object),
            _ => {}
        }
    }

    fn suspend(&mut self, task: TaskId) {
        let known = self.suspensions.len().max(task.index() + 1);
        self.suspensions.resize(known, 0);
        self.suspensions[task.index()] += 1;
        self.set(task, Some(Doing::Suspended(task, self.suspensions[task.index()])));
    }

    /// Where a real future was suspended that had been polled so often, if that was seen.
    pub(super) fn chain(&self, task: TaskId, polls: u32) -> Option<&'a [trace::Frame]> {
        self.trace.sites.at(task, polls)
    }

    fn set(&mut self, task: TaskId, doing: Option<Doing>) {
        if let Some(known) = self.doing.get_mut(task.index()) {
            *known = doing;
        }
    }

    /// The tasks that have not ended, in creation order, and what each does.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = (TaskId, Doing)> {
        let all = self.doing.iter().enumerate();
        all.filter_map(|(at, doing)| Some((TaskId(at as u32), (*doing)?)))
    }

    /// What a task is doing.
    pub(super) fn doing(&self, task: TaskId) -> Option<Doing> {
        self.doing.get(task.index()).copied().flatten()
    }

    /// A task's name; the second task of one instance is `name#2`.
    pub(super) fn task(&self, task: TaskId) -> String {
        self.who.task(task)
    }

    /// A task's name in a sentence, where a name of several words has to be told from what surrounds it.
    pub(super) fn marked(&self, task: TaskId) -> String {
        if task == TaskId::MAIN { self.task(task) } else { format!("`{}`", self.task(task)) }
    }

    /// Which coroutine a task was made of.
    pub(super) fn instance_of_task(&self, task: TaskId) -> Option<InstanceId> {
        self.who.instance_of(task)
    }

    /// How many tasks there are so far, main counted.
    pub(super) fn count(&self) -> usize {
        self.who.tasks()
    }

    /// Who made a gather: main's name stands for `run()` once main has ended.
    pub(super) fn maker(&self, by: TaskId) -> String {
        let has_ended = self.doing.get(by.index()).is_some_and(Option::is_none);
        if has_ended { "run()".to_owned() } else { self.task(by) }
    }

    /// A coroutine's name.
    pub(super) fn instance(&self, instance: InstanceId) -> String {
        self.who.instance(instance)
    }

    /// What a future belongs to.
    pub(super) fn future(&self, future: FutureId) -> Named {
        match self.who.whose(future) {
            Some(Whose::Task(task)) => Named::Task(self.task(task)),
            Some(Whose::Gather { number, .. }) => Named::Gather(number),
            Some(Whose::Shield { number, .. }) => Named::Shield(number),
            Some(Whose::Declared(object)) => Named::Future(self.object(object)),
            None => Named::Task(format!("future {}", future.0)),
        }
    }

    /// For how many children a gather was made; nothing if it is a task's future.
    pub(super) fn children(&self, future: FutureId) -> Option<u32> {
        match self.who.whose(future) {
            Some(Whose::Gather { children, .. }) => Some(children),
            _ => None,
        }
    }

    /// The task whose future this is, or who made the gather or the shield; nothing for a future that is not known or
    /// nobody's.
    pub(super) fn owner(&self, future: FutureId) -> Option<TaskId> {
        match self.who.whose(future)? {
            Whose::Task(task) | Whose::Gather { by: task, .. } | Whose::Shield { by: task, .. } => Some(task),
            Whose::Declared(_) => None,
        }
    }

    /// Whom an event happens to, if not to `run()` or to the event loop itself.
    pub(super) fn subject(&self, what: What) -> Option<Named> {
        match what.subject() {
            Subject::Task(task) => Some(Named::Task(self.task(task))),
            Subject::Gather(future) => Some(self.future(future)),
            Subject::Host(host) => Some(Named::Host(self.host(host))),
            Subject::EventLoop => None,
        }
    }

    /// What runs.
    pub(super) fn program(&self) -> &'a Program {
        self.program
    }

    /// What a host is called.
    pub(super) fn host(&self, host: HostId) -> String {
        self.who.host(host)
    }

    /// A request by whose it is.
    pub(super) fn request(&self, request: u32) -> String {
        self.who.request(request)
    }

    /// Whose request it is.
    pub(super) fn requested_by(&self, request: u32) -> Option<TaskId> {
        self.who.requested_by(request)
    }

    /// A fault of the network as the file writes it.
    pub(super) fn fault(&self, outage: u32) -> String {
        let network = self.program.network.as_ref();
        network.map_or_else(|| format!("outage {outage}"), |network| network.outage(outage as usize))
    }

    /// A fault of the network, or what ends it.
    pub(super) fn outage(&self, outage: u32, is_over: bool) -> String {
        let fault = self.fault(outage);
        let network = self.program.network.as_ref();
        let verbs = network.and_then(|network| network.wires.outages.get(outage as usize)).map(|it| it.what.verbs());
        match verbs.zip(fault.split_once(' ')) {
            Some(((_, end), (_, whom))) if is_over => format!("{end} {whom}"),
            _ => fault,
        }
    }

    /// A text on one line.
    pub(super) fn printable(&self, id: TextId) -> String {
        printable(self.text(id))
    }

    /// A point's name.
    pub(super) fn point(&self, instance: InstanceId, point: u16) -> &'a str {
        &self.program.body(instance).points[usize::from(point)]
    }

    /// An object's name.
    pub(super) fn object(&self, object: ObjectId) -> String {
        printable(&self.program.objects[object.index()].name)
    }

    /// What an object is.
    pub(super) fn make(&self, object: ObjectId) -> Make {
        self.program.objects[object.index()].make
    }

    /// What was put into a queue or taken out of it by the last use, if that is known.
    pub(super) fn item(&self) -> Option<Value> {
        self.item
    }

    /// Who holds a lock, if that is known.
    pub(super) fn holder(&self, object: ObjectId) -> Option<TaskId> {
        self.holders.get(&object).copied()
    }

    /// For whom a task waits when nothing can go on any more, where it waits for several.
    pub(super) fn lacks(&self, task: TaskId) -> Vec<FutureId> {
        trace::lacked_by(&self.lacks, task).collect()
    }

    /// A text as it is.
    pub(super) fn text(&self, id: TextId) -> &'a str {
        self.trace.text(self.program, id)
    }

    /// A text as Python's `repr` shows it.
    pub(super) fn quoted(&self, id: TextId) -> String {
        quoted(self.text(id))
    }

    /// A value as Python's `repr` shows it.
    pub(super) fn value(&self, value: Value) -> String {
        let mut out = String::new();
        repr(self.program, self, value, &mut out);
        // A handle shows as a name, which may have anything in it; what is quoted is printable already.
        printable(&out)
    }

    /// An error as Python's `repr` shows it; of Rust code, where it panicked and with which words.
    pub(super) fn error(&self, error: Error) -> String {
        if self.is_no_panic(error) {
            // It is no panic, so there is no place.
            return error.message.map(|message| printable(self.text(message))).unwrap_or_default();
        }
        if self.program.is_rust() {
            let message = error.message.map(|message| format!(": {}", printable(self.text(message))));
            return printable(self.class(error.ty)) + &message.unwrap_or_default();
        }
        self.value(Value::Error(error))
    }

    /// Whether Rust code failed without a panic: then the error says what it did, in words that go on after its name.
    pub(super) fn is_no_panic(&self, error: Error) -> bool {
        self.program.is_rust() && error.ty.is_builtin()
    }

    /// The name of a class of errors.
    pub(super) fn class(&self, class: ErrorType) -> &'a str {
        self.program.error_types.name(class)
    }
}

/// A trace keeps texts, not lists: whoever recorded a list recorded its text.
impl Lookup for Names<'_> {
    fn made_text(&self, id: TextId) -> Option<&str> {
        self.trace.texts.get(id)
    }

    fn items(&self, _: ListId) -> Option<&[Value]> {
        None
    }

    fn instance_of(&self, future: FutureId) -> Option<InstanceId> {
        match self.who.whose(future) {
            Some(Whose::Task(task)) => self.who.instance_of(task),
            _ => None,
        }
    }

    fn group_parts(&self, _: Error) -> Option<(&str, ListId)> {
        None
    }
}

/// A text as Python's `repr` shows it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::new();
    quote(text, &mut out);
    out
}

/// A text without quotes, on one line.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_printable(c, &mut out));
    out
}

/// A word as a shell wants it.
pub fn pasted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    let quoted = || format!("'{}'", word.replace('\'', r"'\''"));
    if word.chars().all(is_plain) { word.to_owned() } else { quoted() }
}

/// `1 task`, `2 tasks`.
pub(super) fn counted(count: impl Into<u64>, noun: &str, plural: &str) -> String {
    let count = count.into();
    format!("{} {}", grouped(count), if count == 1 { noun } else { plural })
}

/// A number with a comma at every third digit.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1st`, `2nd`, `11th`.
pub(super) fn ordinal(number: usize) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

/// `a`, `a and b`, `a, b and c`; of more than `most`, the first and how many there are beside them.
pub(super) fn listed(items: &[String], most: usize) -> String {
    let (shown, left) = items.split_at(if items.len() > most { most } else { items.len() });
    match (shown, left.len()) {
        ([], _) => String::new(),
        ([one], 0) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (shown, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A text of which no more than `most` characters are left.
pub(super) fn clipped(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lists_are_written_as_in_a_sentence() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1_u64, "run", "runs") + ", " + &counted(1000_u32, "run", "runs"), "1 run, 1,000 runs");
        let expected = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "113th"];
        assert_eq!([1, 2, 3, 4, 11, 12, 13, 21, 102, 113].map(ordinal), expected);
        let items = ["a", "b", "c", "d"].map(str::to_owned);
        assert_eq!([0, 1, 2, 3].map(|count| listed(&items[..count], 3)), ["", "a", "a and b", "a, b and c"]);
        assert_eq!(listed(&items, 2), "a, b and 2 more");
        assert_eq!((clipped("日本", 2), clipped("日本語", 2)), ("日本".into(), "日本…".into()));
    }
}
