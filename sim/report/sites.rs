//! Where in its code a task is, in words that hold when the file is edited: "its 2nd await: sleep 1s".
//!
//! Operations have numbers, but no reader knows them; what can be found in the file is the how manieth await it is.
//!
//! Knows nothing of runs: a site is a place of the program.

use crate::id::InstanceId;
use crate::id::TaskId;
use crate::program::{Expr, ExprId, IN_RUST, Op, Program, Slot, Value};
use crate::time::Nanos;
use crate::trace::{Frame, Phase, Trace};

use super::names::{ordinal, printable};

/// An await of a coroutine, or the place before its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Site<'a> {
    instance: InstanceId,
    /// The number of an operation there; in Rust code, how often the future had been polled.
    op: u32,
    /// Whether it is code that another coroutine awaits in place.
    is_called: bool,
    /// The chain of awaits, where Rust code was seen to be suspended.
    chain: Option<&'a [Frame]>,
}

/// Lists in expressions beyond this many levels are not looked into.
const DEEPEST: u32 = 4;

/// Of a longer list, the first items are told.
const MOST_ITEMS: u32 = 4;

impl<'a> Site<'a> {
    /// The site at an operation of `instance`, reached by a task that was made of `own`.
    pub(super) fn new(instance: InstanceId, op: u32, own: Option<InstanceId>) -> Site<'a> {
        Site { instance, op, is_called: own.is_some_and(|own| own != instance), chain: None }
    }

    /// The same with what is known of where a task was in this run.
    pub(super) fn seen(self, trace: &'a Trace, task: TaskId) -> Site<'a> {
        Site { chain: trace.sites.at(task, self.op), ..self }
    }

    /// `its 2nd await`, or `the 2nd await of helper`.
    fn place(self, program: &Program) -> String {
        if program.is_rust() {
            return self.place_in_rust();
        }
        let whose = if self.is_called { "the" } else { "its" };
        let of =
            if self.is_called { format!(" of `{}`", printable(program.name(self.instance))) } else { String::new() };
        let body = program.body(self.instance);
        let awaits = body.awaits();
        let here = body.ops.get(self.op as usize).and_then(Op::awaits);
        match awaits.iter().position(|&(_, step)| Some(step) == here) {
            Some(_) if awaits.len() == 1 => format!("{whose} only await{of}"),
            Some(at) => format!("{whose} {} await{of}", ordinal(at + 1)),
            None if self.op == IN_RUST => "an await of its Rust".to_owned(),
            None => format!("{whose} first line{of}"),
        }
    }

    /// `src/upload.rs:57:20 in upload`; if that was not seen, `the place of its 3rd poll`.
    fn place_in_rust(self) -> String {
        match self.chain.and_then(own_frame) {
            Some(frame) => printable(&frame.place_and_function()),
            None => format!("the place of its {} poll", ordinal(self.op as usize)),
        }
    }

    /// `sleep 1s`; nothing where nothing is awaited.
    fn what(self, program: &Program) -> Option<String> {
        if program.is_rust() {
            let chain = self.chain?;
            let own = chain.iter().rposition(|frame| frame.is_own)?;
            let inner = chain.get(own + 1).filter(|frame| !frame.function.is_empty())?;
            return Some(printable(inner.function.trim_end_matches("::poll")));
        }
        let op = program.body(self.instance).ops.get(self.op as usize)?;
        Some(match *op {
            Op::Sleep { min, max } => {
                let [least, most] = [min, max].map(|slot| length(program, self.instance, slot));
                if least == most { format!("sleep {least}") } else { format!("sleep {least}..{most}") }
            }
            Op::Await { what, .. } => format!("await {}", expression(program, self.instance, what, DEEPEST)),
            Op::Wait { what, .. } => format!("wait {}", expression(program, self.instance, what, DEEPEST)),
            Op::WaitFor { what, timeout, .. } => {
                let timeout = length(program, self.instance, timeout);
                format!("wait_for {} up to {timeout}", expression(program, self.instance, what, DEEPEST))
            }
            Op::Use { operation, object, .. } if operation.waits() => {
                format!("{}.{}()", object_name(program, self.instance, object), operation.method())
            }
            Op::NextCompleted { what, .. } => {
                format!("the next of {}", expression(program, self.instance, what, DEEPEST))
            }
            Op::Leave { group: Some(_), .. } => "the end of a task group".to_owned(),
            _ => return None,
        })
    }

    /// `its 2nd await: sleep 1s`
    pub(super) fn told(self, program: &Program) -> String {
        let what = self.what(program).map(|what| format!(": {what}")).unwrap_or_default();
        self.place(program) + &what
    }

    /// The same for a narrow column, where the file's name will do.
    pub(super) fn told_short(self, program: &Program) -> String {
        match self.chain.and_then(own_frame) {
            Some(frame) if program.is_rust() => printable(&frame.short_place()),
            _ => self.told_within(program),
        }
    }

    /// `its 2nd await (sleep 1s)`, to go on after it.
    pub(super) fn told_within(self, program: &Program) -> String {
        let what = self.what(program).map(|what| format!(" ({what})")).unwrap_or_default();
        self.place(program) + &what
    }

    /// When a task is cancelled that is here in this phase: `while it waits at its 2nd await: sleep 1s`.
    pub(super) fn when(self, program: &Program, phase: Phase) -> String {
        let told = self.told(program);
        match phase {
            Phase::NotStarted if program.is_rust() => "before its first poll".to_owned(),
            Phase::NotStarted => "before its first line runs".to_owned(),
            Phase::Waiting => format!("while it waits at {told}"),
            Phase::Woken => format!("woken but not yet run, at {told}"),
            Phase::Cleanup => format!("during its cleanup, at {told}"),
            Phase::Again => format!("once more before it is told, at {told}"),
            Phase::OwnPoll => format!("within its own poll, at {told}"),
            Phase::ResultNotTaken => "when it is done and nobody has taken its result".to_owned(),
        }
    }

    /// The same when it is over: `while it waited at its 2nd await (sleep 1s)`.
    pub(super) fn when_it_was(self, program: &Program, phase: Phase) -> String {
        let told = self.told_within(program);
        match phase {
            Phase::NotStarted if program.is_rust() => "before its first poll".to_owned(),
            Phase::NotStarted => "before its first line ran".to_owned(),
            Phase::Waiting => format!("while it waited at {told}"),
            Phase::Woken => format!("when it had been woken from {told} and had not yet run"),
            Phase::Cleanup => format!("during its cleanup, at {told}"),
            Phase::Again => format!("once more before it was told, at {told}"),
            Phase::OwnPoll => format!("within its own poll, at {told}"),
            Phase::ResultNotTaken => "when it was done and nobody had taken its result".to_owned(),
        }
    }
}

/// The innermost await in the package's own code; of a chain without any, the innermost one.
pub(super) fn own_frame(chain: &[Frame]) -> Option<&Frame> {
    chain.iter().rev().find(|frame| frame.is_own).or(chain.last())
}

fn length(program: &Program, instance: InstanceId, slot: Slot) -> String {
    match program.constant(instance, slot) {
        Value::Int(0) => "0".to_owned(),
        Value::Int(nanos) => Nanos(nanos as u64).to_string(),
        other => unreachable!("a length is an integer, not {other:?}"),
    }
}

fn object_name(program: &Program, instance: InstanceId, slot: Slot) -> String {
    match program.constant(instance, slot) {
        Value::Int(object) => printable(&program.objects[object as usize].name),
        other => unreachable!("an object is a number, not {other:?}"),
    }
}

/// What is awaited, as far as it is a name or made of names.
fn expression(program: &Program, instance: InstanceId, id: ExprId, levels: u32) -> String {
    let again = |id| expression(program, instance, id, levels.saturating_sub(1));
    let text = match program.exprs[id.0 as usize] {
        _ if levels == 0 => "…".to_owned(),
        Expr::Local(local) => program.body(instance).locals[usize::from(local.0)].clone(),
        Expr::Named(named) | Expr::Call(named) => program.name(named).to_owned(),
        Expr::Shared(shared) => program.shared[usize::from(shared)].0.clone(),
        Expr::Current => "current".to_owned(),
        Expr::Same(same) => again(same),
        Expr::Index(list, index) => format!("{}[{}]", again(list), again(index)),
        Expr::List { first, count } => {
            let mut items: Vec<String> = (0..count.min(MOST_ITEMS)).map(|at| again(ExprId(first.0 + at))).collect();
            if count > MOST_ITEMS {
                items.push("…".to_owned());
            }
            format!("[{}]", items.join(", "))
        }
        Expr::Literal(Value::Int(int)) => int.to_string(),
        _ => "…".to_owned(),
    };
    printable(&text)
}
