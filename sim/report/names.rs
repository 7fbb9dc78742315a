//! Who is who in a trace, and what each task is doing: a fold over the events.
//!
//! Events name tasks and futures by number. Future numbers are given out in creation order, to tasks and gathers
//! alike, so what a number stands for follows from the events up to there.
//!
//! Knows nothing of how any of it is laid out.

use std::fmt;

use serde::Serialize;

use crate::id::{FutureId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::program::{Error, Lookup, Make, Operation, Program, Value, push_printable, quote, repr};
use crate::trace::{Subject, Trace, What};

/// The names that the events so far have introduced.
pub(super) struct Names<'a> {
    program: &'a Program,
    trace: &'a Trace,
    /// By number; main is there from the start.
    tasks: Vec<Task>,
    /// By number.
    futures: Vec<Future>,
    /// How many tasks each instance has had.
    counts: Vec<u32>,
    gathers: u32,
    shields: u32,
}

/// What there is to know of a task.
#[derive(Clone, Copy)]
struct Task {
    instance: InstanceId,
    /// Which task of its instance, from 1.
    ordinal: u32,
    /// Nothing once it has ended, or the loop was closed under it.
    doing: Option<Doing>,
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
    /// Waits for some of this many futures.
    Waiting(u32),
    /// Waits to use an object.
    Blocked(Operation, ObjectId),
}

/// Whose future it is.
#[derive(Clone, Copy)]
enum Future {
    Task(TaskId),
    /// Its number, from 1, how many children it was made for, and by whom.
    Gather(u32, u32, TaskId),
    /// A shield's number, from 1, and whose it is.
    Shield(u32, TaskId),
    /// One that the file declares.
    Declared(ObjectId),
}

/// A task by its name, or a gather by its number.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Named {
    Task(String),
    Gather(u32),
    Shield(u32),
    Future(String),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Task(name) | Named::Future(name) => f.write_str(name),
            Named::Gather(number) => write!(f, "gather {number}"),
            Named::Shield(number) => write!(f, "shield {number}"),
        }
    }
}

impl<'a> Names<'a> {
    pub(super) fn new(program: &'a Program, trace: &'a Trace) -> Names<'a> {
        let mut counts = vec![0; program.instances.len()];
        counts[InstanceId::MAIN.index()] = 1;
        let main = Task { instance: InstanceId::MAIN, ordinal: 1, doing: Some(Doing::Starting) };
        Names {
            program,
            trace,
            tasks: vec![main],
            futures: vec![Future::Task(TaskId::MAIN)],
            counts,
            gathers: 0,
            shields: 0,
        }
    }

    /// Takes one more event in.
    pub(super) fn see(&mut self, what: What) {
        match what {
            What::Created { task, instance, .. } if task != TaskId::MAIN => {
                let count = &mut self.counts[instance.index()];
                *count += 1;
                self.tasks.push(Task { instance, ordinal: *count, doing: Some(Doing::Starting) });
                self.futures.push(Future::Task(task));
            }
            What::Gathered { future, children, by } => {
                debug_assert_eq!(future.index(), self.futures.len(), "futures are numbered in creation order");
                self.gathers += 1;
                self.futures.push(Future::Gather(self.gathers, children, by));
            }
            What::Shielded { future, by, .. } => {
                debug_assert_eq!(future.index(), self.futures.len(), "futures are numbered in creation order");
                self.shields += 1;
                self.futures.push(Future::Shield(self.shields, by));
            }
            What::Declared { object, .. } => self.futures.push(Future::Declared(object)),
            What::Started { task }
            | What::Yielded { task }
            | What::Resumed { task, .. }
            | What::WaitReturned { task, .. }
            | What::CancelDelivered { task, .. } => self.set(task, Some(Doing::Running)),
            What::Awaited { task, future } => self.set(task, Some(Doing::Awaiting(future))),
            What::Waited { task, count, .. } => self.set(task, Some(Doing::Waiting(count))),
            What::LeavingGroup { task, left } => self.set(task, Some(Doing::Waiting(left))),
            What::WaitingFor { task, future, .. } => self.set(task, Some(Doing::Awaiting(future))),
            What::Blocked { task, operation, object } => self.set(task, Some(Doing::Blocked(operation, object))),
            What::Finished { task, .. }
            | What::Failed { task, .. }
            | What::Cancelled { task, .. }
            | What::Dropped { task } => self.set(task, None),
            _ => {}
        }
    }

    fn set(&mut self, task: TaskId, doing: Option<Doing>) {
        if let Some(known) = self.tasks.get_mut(task.index()) {
            known.doing = doing;
        }
    }

    /// The tasks that have not ended, in creation order, and what each does.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = (TaskId, Doing)> {
        let all = self.tasks.iter().enumerate();
        all.filter_map(|(at, task)| Some((TaskId(at as u32), task.doing?)))
    }

    /// A task's name; the second task of one instance is `name#2`.
    pub(super) fn task(&self, task: TaskId) -> String {
        let Some(Task { instance, ordinal, .. }) = self.tasks.get(task.index()) else { return task.to_string() };
        let mut name = self.instance(*instance);
        if *ordinal > 1 {
            name.push_str(&format!("#{ordinal}"));
        }
        name
    }

    /// A task's name in a sentence, where a name of several words has to be told from what surrounds it.
    pub(super) fn marked(&self, task: TaskId) -> String {
        if task == TaskId::MAIN { self.task(task) } else { format!("`{}`", self.task(task)) }
    }

    /// Which coroutine a task was made of.
    pub(super) fn instance_of_task(&self, task: TaskId) -> Option<InstanceId> {
        self.tasks.get(task.index()).map(|task| task.instance)
    }

    /// How many tasks there are so far, main counted.
    pub(super) fn count(&self) -> usize {
        self.tasks.len()
    }

    /// Who made a gather: main's name stands for `run()` once main has ended.
    pub(super) fn maker(&self, by: TaskId) -> String {
        let has_ended = self.tasks.get(by.index()).is_some_and(|task| task.doing.is_none());
        if has_ended { "run()".to_owned() } else { self.task(by) }
    }

    /// A coroutine's name.
    pub(super) fn instance(&self, instance: InstanceId) -> String {
        printable(self.program.name(instance))
    }

    /// What a future belongs to.
    pub(super) fn future(&self, future: FutureId) -> Named {
        match self.futures.get(future.index()) {
            Some(&Future::Task(task)) => Named::Task(self.task(task)),
            Some(&Future::Gather(number, ..)) => Named::Gather(number),
            Some(&Future::Shield(number, _)) => Named::Shield(number),
            Some(&Future::Declared(object)) => Named::Future(self.object(object)),
            None => Named::Task(format!("future {}", future.0)),
        }
    }

    /// For how many children a gather was made; nothing if it is a task's future.
    pub(super) fn children(&self, future: FutureId) -> Option<u32> {
        match self.futures.get(future.index()) {
            Some(&Future::Gather(_, children, _)) => Some(children),
            _ => None,
        }
    }

    /// The task whose future this is, or who made the gather or the shield; nothing for a future that is not known or
    /// nobody's.
    pub(super) fn owner(&self, future: FutureId) -> Option<TaskId> {
        match self.futures.get(future.index())? {
            Future::Task(task) | Future::Gather(_, _, task) | Future::Shield(_, task) => Some(*task),
            Future::Declared(_) => None,
        }
    }

    /// Whom an event happens to, if not to `run()` or to the event loop itself.
    pub(super) fn subject(&self, what: What) -> Option<Named> {
        match what.subject() {
            Subject::Task(task) => Some(Named::Task(self.task(task))),
            Subject::Gather(future) => Some(self.future(future)),
            Subject::EventLoop => None,
        }
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

    /// An error as Python's `repr` shows it.
    pub(super) fn error(&self, error: Error) -> String {
        self.value(Value::Error(error))
    }

    /// The class of an error.
    pub(super) fn class(&self, error: Error) -> &'a str {
        self.program.error_types.name(error.ty)
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
        match self.futures.get(future.index()) {
            Some(Future::Task(task)) => self.tasks.get(task.index()).map(|task| task.instance),
            _ => None,
        }
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
