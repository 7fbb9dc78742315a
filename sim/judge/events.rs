//! `never`, `always`, `before`, `paired`: what the file says of single events.
//!
//! Knows nothing of the other expectations.

use crate::id::{InstanceId, TaskId};
use crate::program::{Error, ErrorType, Program, Texts, quote};
use crate::reuse::clone_in_place;
use crate::time::Time;
use crate::trace::{Moment, What};
use crate::verdict::{Before, Does, EventPattern, Expectation, Paired, Unmet};

/// How far the run has come with them.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Events {
    /// What each task runs.
    tasks: Vec<InstanceId>,
    /// By number in the file: where it happened first.
    never: Vec<Option<Place>>,
    always: Vec<bool>,
    before: Vec<Order>,
    paired: Vec<Pairs>,
}

clone_in_place!(Events { tasks, never, always, before, paired });

/// Who, and when.
type Place = (TaskId, Time);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Order {
    has_come: bool,
    broken: Option<Place>,
}

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Pairs {
    /// By task.
    open: Vec<Open>,
    broken: Option<(Place, Fault)>,
}

clone_in_place!(Pairs { open, broken });

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Open {
    count: u32,
    /// Whether something has been closed since something was opened last.
    was_closed: bool,
}

/// What is wrong with a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    NotClosed,
    ClosedTwice,
}

impl Events {
    /// Whether anything is said of single events.
    pub(super) fn are_expected(expectation: &Expectation) -> bool {
        let Expectation { never, always, before, paired, .. } = expectation;
        never.is_some() || always.is_some() || before.is_some() || paired.is_some()
    }

    pub(super) fn reset(&mut self) {
        self.tasks.clear();
        self.never.clear();
        self.always.clear();
        self.before.clear();
        for pairs in &mut self.paired {
            pairs.open.clear();
            pairs.broken = None;
        }
    }

    pub(super) fn see(&mut self, moment: Moment, expectation: &Expectation, program: &Program, texts: &Texts) {
        let Expectation { never, always, before, paired, .. } = expectation;
        if let What::Created { task, instance, .. } = moment.what {
            self.tasks.resize(task.index() + 1, instance);
        }
        let Some((task, happens)) = Happens::of(moment.what) else { return };
        let instance = self.tasks.get(task.index()).copied().unwrap_or(InstanceId::MAIN);
        let fits = |pattern: &EventPattern| {
            happens.is(&pattern.does, program, texts) && pattern.task.matches(program.name(instance))
        };
        let place = (task, moment.time);
        for (at, pattern) in never.iter().flatten().enumerate() {
            let first = item(&mut self.never, at);
            if first.is_none() && fits(pattern) {
                *first = Some(place);
            }
        }
        for (at, pattern) in always.iter().flatten().enumerate() {
            let has_come = item(&mut self.always, at);
            *has_come = *has_come || fits(pattern);
        }
        for (at, Before { first, then }) in before.iter().flatten().enumerate() {
            let order = item(&mut self.before, at);
            if !order.has_come && order.broken.is_none() && fits(then) {
                order.broken = Some(place);
            }
            order.has_come = order.has_come || fits(first);
        }
        for (at, Paired { open, close }) in paired.iter().flatten().enumerate() {
            item(&mut self.paired, at).see(place, fits(open), fits(close), happens.is_end());
        }
    }

    /// Whether the order of this event and others that patterns speak of may matter.
    pub(super) fn heeds(&self, moment: Moment, expectation: &Expectation, program: &Program, texts: &Texts) -> bool {
        let Expectation { never, before, paired, .. } = expectation;
        if never.is_none() && before.is_none() && paired.is_none() {
            return false;
        }
        let Some((task, happens)) = Happens::of(moment.what) else { return false };
        let instance = self.instance(task);
        let fits = |pattern: &EventPattern| {
            happens.is(&pattern.does, program, texts) && pattern.task.matches(program.name(instance))
        };
        never.iter().flatten().any(fits)
            || before.iter().flatten().any(|Before { first, then }| fits(first) || fits(then))
            || paired.iter().flatten().any(|Paired { open, close }| fits(open) || fits(close) || happens.is_end())
    }

    /// What of it did not come true.
    pub(super) fn unmet(&self, expectation: &Expectation, program: &Program, unmet: &mut Vec<Unmet>) {
        let Expectation { never, always, before, paired, .. } = expectation;
        let name = |task: TaskId| program.name(self.instance(task));
        let mut add = |key: &'static str, task: Option<TaskId>, expected: String, found: String| {
            let task = task.map(|task| (task, self.instance(task)));
            unmet.push(Unmet { key, task, expected, found });
        };
        for (pattern, first) in never.iter().flatten().zip(&self.never) {
            if let Some((task, time)) = *first {
                let expected = format!("that \"{}\" does not happen", shown(pattern, program));
                add("never", Some(task), expected, format!("that it did at {time}, in `{}`", name(task)));
            }
        }
        for (at, pattern) in always.iter().flatten().enumerate() {
            if !self.always.get(at).is_some_and(|&has_come| has_come) {
                add(
                    "always",
                    None,
                    format!("that \"{}\" happens", shown(pattern, program)),
                    "that it did not".to_owned(),
                );
            }
        }
        for (Before { first, then }, order) in before.iter().flatten().zip(&self.before) {
            if let Some((task, time)) = order.broken {
                let expected = format!("\"{}\" before \"{}\"", shown(first, program), shown(then, program));
                add(
                    "before",
                    Some(task),
                    expected,
                    format!("the second without the first at {time}, in `{}`", name(task)),
                );
            }
        }
        for (Paired { open, close }, pairs) in paired.iter().flatten().zip(&self.paired) {
            if let Some((task, fault)) = pairs.broken_at_end() {
                let found = match fault {
                    Fault::NotClosed => format!("none in `{}`", name(task)),
                    Fault::ClosedTwice => format!("one more in `{}`", name(task)),
                };
                let expected = format!("one \"{}\" for each \"{}\"", shown(close, program), shown(open, program));
                add("paired", Some(task), expected, found);
            }
        }
    }

    fn instance(&self, task: TaskId) -> InstanceId {
        self.tasks.get(task.index()).copied().unwrap_or(InstanceId::MAIN)
    }
}

/// The state of an entry of the file; there is one as soon as it is asked for.
fn item<T: Clone + Default>(items: &mut Vec<T>, at: usize) -> &mut T {
    if items.len() <= at {
        items.resize(at + 1, T::default());
    }
    &mut items[at]
}

impl Pairs {
    fn see(&mut self, place: Place, opens: bool, closes: bool, ends: bool) {
        if self.broken.is_some() || !(opens || closes || ends) {
            return;
        }
        let Open { count, was_closed } = item(&mut self.open, place.0.index());
        if opens {
            *count += 1;
            *was_closed = false;
        }
        if closes {
            match *count {
                0 if *was_closed => self.broken = Some((place, Fault::ClosedTwice)),
                0 => {}
                _ => (*count, *was_closed) = (*count - 1, true),
            }
        }
        if ends && self.open[place.0.index()].count > 0 {
            self.broken = Some((place, Fault::NotClosed));
        }
    }

    /// What is still open when the run ends stays so.
    fn broken_at_end(&self) -> Option<(TaskId, Fault)> {
        let open = || self.open.iter().position(|open| open.count > 0);
        let broken = self.broken.map(|((task, _), fault)| (task, fault));
        broken.or_else(|| Some((TaskId(open()? as u32), Fault::NotClosed)))
    }
}

/// An event as far as patterns speak of it.
#[derive(Clone, Copy)]
enum Happens {
    Started,
    Finished,
    Failed(Error),
    Cancelled,
    Dropped,
    Raised(Error),
    Caught(Error),
    Prints(crate::id::TextId),
}

impl Happens {
    fn of(what: What) -> Option<(TaskId, Happens)> {
        Some(match what {
            What::Started { task } => (task, Happens::Started),
            What::Finished { task, .. } => (task, Happens::Finished),
            What::Failed { task, error } => (task, Happens::Failed(error)),
            What::Cancelled { task, .. } => (task, Happens::Cancelled),
            What::Dropped { task } => (task, Happens::Dropped),
            What::Raised { task, error } => (task, Happens::Raised(error)),
            What::Caught { task, error, .. } => (task, Happens::Caught(error)),
            What::Printed { task, text } => (task, Happens::Prints(text)),
            _ => return None,
        })
    }

    fn is_end(self) -> bool {
        matches!(self, Happens::Finished | Happens::Failed(_) | Happens::Cancelled | Happens::Dropped)
    }

    fn is(self, does: &Does, program: &Program, texts: &Texts) -> bool {
        let is_of = |error: Error, class: &Option<ErrorType>| {
            class.is_none_or(|class| program.error_types.is_a(error.ty, class))
        };
        match (self, does) {
            (Happens::Started, Does::Started)
            | (Happens::Finished, Does::Finished)
            | (Happens::Cancelled, Does::Cancelled) => true,
            (Happens::Failed(error), Does::Failed(class))
            | (Happens::Raised(error), Does::Raised(class))
            | (Happens::Caught(error), Does::Caught(class)) => is_of(error, class),
            (Happens::Prints(text), Does::Prints(pattern)) => {
                let text = texts.get(text).unwrap_or_else(|| program.text(text));
                text.split('\n').any(|line| pattern.matches(line))
            }
            _ => false,
        }
    }
}

/// A pattern as a few words: `worker * fails with ValueError`.
fn shown(pattern: &EventPattern, program: &Program) -> String {
    let with = |verb: &str, error: &Option<ErrorType>| match error {
        Some(ty) => format!("{verb} {}", program.error_types.name(*ty)),
        None => verb.to_owned(),
    };
    let does = match &pattern.does {
        Does::Started => "starts".to_owned(),
        Does::Finished => "finishes".to_owned(),
        Does::Failed(None) => "fails".to_owned(),
        Does::Failed(error) => with("fails with", error),
        Does::Cancelled => "is cancelled".to_owned(),
        Does::Raised(error) => with("raises", error),
        Does::Caught(error) => with("catches", error),
        Does::Prints(text) => {
            let mut quoted = "prints ".to_owned();
            quote(text.text(), &mut quoted);
            quoted
        }
    };
    let who = match pattern.task.text() {
        "*" => "anybody",
        name => name,
    };
    format!("{who} {does}")
}
