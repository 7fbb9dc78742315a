//! Programs built by hand, so that these tests need no scenario language.
//!
//! Knows nothing of what runs them.

use atropos::id::{InstanceId, TextId};
use atropos::program::{
    Body, Error, ErrorType, Expr, ExprId, Guard, Instance, Limits, Local, Op, OutsideCancel, Program, ReturnWhen, Slot,
    Text, Value,
};
use atropos::time::Nanos;
use atropos::trace::{Outcome, Trace, What};

pub struct Build(Program);

/// A program without tasks; main comes last.
pub fn program() -> Build {
    let limits = Limits { steps: 10_000, ..Limits::default() };
    Build(Program::of_names(&["main".to_owned()], &[], Vec::new(), limits))
}

impl Build {
    pub fn task(mut self, name: &str, code: impl FnOnce(&mut Code)) -> Build {
        let name = self.0.texts.push(name);
        let (body, consts) = (self.0.bodies.len() as u32, self.0.consts.len() as u32);
        self.0.instances.push(Instance { name, body, consts, points: 0 });
        let finished = write(&mut self.0, consts, code);
        self.0.bodies.push(finished);
        self
    }

    pub fn main(mut self, code: impl FnOnce(&mut Code)) -> Program {
        let consts = self.0.consts.len() as u32;
        self.0.instances[0].consts = consts;
        self.0.bodies[0] = write(&mut self.0, consts, code);
        self.0
    }

    pub fn strategy(mut self, name: &str) -> Program {
        self.0.strategy = Some(name.to_owned());
        let parameters = [("linger", 2000), ("poll", 300), ("limit", 5000)];
        self.0.parameters = parameters.map(|(name, ms)| (name.to_owned(), millis(ms))).into();
        self.main(|_| {})
    }

    pub fn cancelled_from_outside(mut self, victim: u32, ms: u64) -> Build {
        self.0.outside_cancels.push(OutsideCancel { at: millis(ms), victim: InstanceId(victim), message: None });
        self
    }
}

fn write(program: &mut Program, consts: u32, code: impl FnOnce(&mut Code)) -> Body {
    let mut writer = Code { program, consts, body: Body::default() };
    code(&mut writer);
    writer.returns(Value::None);
    writer.body
}

pub struct Code<'a> {
    program: &'a mut Program,
    consts: u32,
    body: Body,
}

impl Code<'_> {
    pub fn op(&mut self, op: Op) -> u32 {
        self.body.ops.push(op);
        self.body.ops.len() as u32 - 1
    }

    pub fn expr(&mut self, expr: Expr) -> ExprId {
        self.program.exprs.push(expr);
        ExprId(self.program.exprs.len() as u32 - 1)
    }

    /// A list of the tasks with these instance numbers, which makes them if they do not exist.
    fn tasks(&mut self, instances: &[u32]) -> ExprId {
        let first = ExprId(self.program.exprs.len() as u32);
        for &instance in instances {
            self.expr(Expr::Named(InstanceId(instance)));
        }
        self.expr(Expr::List { first, count: instances.len() as u32 })
    }

    fn local(&mut self) -> Local {
        self.body.locals.push(format!("local{}", self.body.locals.len()));
        Local(self.body.locals.len() as u16 - 1)
    }

    fn slot(&mut self, value: Value) -> Slot {
        self.program.consts.push(value);
        Slot(self.program.consts.len() as u32 - 1 - self.consts)
    }

    fn text(&mut self, text: &str) -> Text {
        let text = Value::Text(self.program.texts.push(text));
        Text::Const(self.slot(text))
    }

    pub fn sleep_nanos(&mut self, min: u64, max: u64) {
        let [min, max] = [min, max].map(|nanos| self.slot(Value::Int(nanos as i64)));
        self.op(Op::Sleep { min, max });
    }

    pub fn sleep(&mut self, ms: u64) {
        self.sleep_nanos(millis(ms).0, millis(ms).0);
    }

    pub fn print(&mut self, text: &str) {
        let text = self.text(text);
        self.op(Op::Print(text));
    }

    pub fn raise(&mut self, message: &str) {
        let message = Some(self.text(message));
        self.op(Op::Raise { ty: ErrorType::EXCEPTION, message });
    }

    pub fn returns(&mut self, value: Value) {
        let value = self.expr(Expr::Literal(value));
        self.op(Op::Return(value));
    }

    pub fn spawn(&mut self, instances: &[u32]) {
        for &instance in instances {
            let what = self.expr(Expr::Call(InstanceId(instance)));
            self.op(Op::Spawn { group: None, what, into: None });
        }
    }

    pub fn join(&mut self, instance: u32) {
        let what = self.expr(Expr::Named(InstanceId(instance)));
        self.op(Op::Await { what, into: None });
    }

    pub fn cancel(&mut self, instance: u32) {
        let what = self.expr(Expr::Named(InstanceId(instance)));
        self.op(Op::Cancel { what, message: None, accepted: None });
    }

    pub fn cancel_current(&mut self) {
        let what = self.expr(Expr::Current);
        self.op(Op::Cancel { what, message: None, accepted: None });
    }

    pub fn cancel_main(&mut self) {
        self.cancel(0);
    }

    pub fn gather(&mut self, instances: &[u32], return_exceptions: bool) -> ExprId {
        let what = self.tasks(instances);
        let group = self.local();
        self.op(Op::Gather { what, return_exceptions, into: Some(group) });
        self.expr(Expr::Local(group))
    }

    pub fn join_group(&mut self, what: ExprId) {
        self.op(Op::Await { what, into: None });
    }

    pub fn cancel_group(&mut self, what: ExprId) {
        self.op(Op::Cancel { what, message: None, accepted: None });
    }

    pub fn wait(&mut self, instances: &[u32], return_when: ReturnWhen, timeout: Option<u64>) {
        let what = self.tasks(instances);
        let timeout = timeout.map(|ms| self.slot(Value::Int(millis(ms).0 as i64)));
        self.op(Op::Wait { what, timeout, return_when, done: None, pending: None });
    }

    /// `while True`
    pub fn for_ever(&mut self, code: impl FnOnce(&mut Code)) {
        let start = self.body.ops.len() as u32;
        code(self);
        self.op(Op::Jump(start));
    }

    /// `try: … except BaseException: …`
    pub fn attempt(&mut self, code: impl FnOnce(&mut Code), except: impl FnOnce(&mut Code)) {
        let error = self.local();
        let from = self.body.ops.len() as u32;
        code(self);
        let to = self.op(Op::Jump(0));
        let ty = ErrorType::BASE_EXCEPTION;
        let target = self.op(Op::JumpUnlessCaught { error, ty, to: to + 1 });
        self.body.guards.push(Guard { from, to, target, error });
        except(self);
        self.body.ops[to as usize] = Op::Jump(self.body.ops.len() as u32);
    }
}

pub fn millis(ms: u64) -> Nanos {
    Nanos(ms * 1_000_000)
}

/// What a reader of the trace would remember: what was printed, and how and when each task ended.
pub fn story(program: &Program, trace: &Trace) -> Vec<String> {
    let mut names = Vec::new();
    let mut story = Vec::new();
    for moment in trace.iter() {
        let (task, what) = match moment.what {
            What::Created { instance, .. } => {
                names.push(program.name(instance));
                continue;
            }
            What::Printed { task, text } => (task, format!("prints {:?}", trace.text(program, text))),
            What::Finished { task, .. } => (task, "finishes".to_owned()),
            What::Failed { task, error } => (task, format!("fails with {}", say(program, trace, error))),
            What::Cancelled { task, .. } => (task, "is cancelled".to_owned()),
            What::Dropped { task } => (task, "is dropped".to_owned()),
            _ => continue,
        };
        story.push(format!("{} {} {what}", moment.time, names[task.index()]));
    }
    story.push(match trace.outcome {
        Outcome::Finished(_) => "finished".to_owned(),
        Outcome::Failed(error) => format!("failed with {}", say(program, trace, error)),
        other => format!("{other:?}"),
    });
    story
}

fn say(program: &Program, trace: &Trace, error: Error) -> String {
    let message = error.message.map_or("", |text: TextId| trace.text(program, text));
    format!("{}({message})", program.error_types.name(error.ty))
}
