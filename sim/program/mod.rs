//! What runs: the steps of every task resolved into plain data, and what one body does next.
//!
//! A [`Program`] is what is left of a scenario when nothing needs to be looked up or checked any more: bodies of
//! [`Op`]s, the instances that run them, the constants in which instances differ, and tables of texts and
//! expressions. A [`Frame`](Memory) is one coroutine being run; [`resume`] runs it until it waits for something. Machines
//! differ in what waiting means; what a step does is written once, here.
//!
//! Knows nothing of files, TOML, time passing, or of the machines that run it.

mod code;
mod effects;
mod expr;
mod frame;
mod groups;
mod library;
mod memory;
mod network;
mod object;
mod pattern;
mod profile;
#[cfg(test)]
pub(crate) mod sample;
mod show;
mod text;
mod value;

pub use code::{
    Action, Await, Body, Cuts, Deferred, Failure, Guard, Local, Op, OutsideCancel, Place, ReturnWhen, Slot, Stage,
    Strike, Text, When,
};
pub use effects::{Effects, FutureState, Next};
pub use expr::{Attribute, Comparison, Expr, ExprId};
pub use frame::resume;
pub use library::{Callable, Library};
pub use memory::{Found, FrameId, Memory, Source};
pub use network::{Answer, Begins, CLIENT, Fault, Host, Network, Outage, Reply, TooMany, Url, Wires};
pub use object::{Inquiry, Make, Object, Operation};
pub use pattern::Pattern;
pub use profile::{GatherDone, Messages, Profile, Semaphores, TaskGroups, WaitFor};
pub use show::{Lookup, display, push_printable, quote, repr};
pub use text::{Padding, Piece, Side, Texts};
pub use value::{Error, ErrorType, ErrorTypes, Value};

use crate::id::{FutureId, InstanceId, ObjectId, TextId};
use crate::time::Nanos;

/// Stands for the number of an operation where a main waits that is written in Rust.
pub const IN_RUST: u32 = u32::MAX;

/// A whole scenario under one strategy, ready to run on any machine.
///
/// A program that exists is valid: ids are in range, jumps land, every body ends in a return. What it can still do
/// wrong is what a Python program can, and ends in an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The name of the strategy that is its main, or nothing if the scenario brings its own.
    pub strategy: Option<String>,
    /// Which Python it behaves like.
    pub profile: Profile,
    /// Code, shared by the instances of a `[[task]]`. Main's is the first.
    pub bodies: Vec<Body>,
    /// The coroutines: main, then every instance of every `[[task]]` in file order.
    pub instances: Vec<Instance>,
    /// Every text of the program.
    pub texts: Texts,
    /// What instances differ in: a [`Slot`] counts from [`Instance::consts`].
    pub consts: Vec<Value>,
    /// The nodes of every expression.
    pub exprs: Vec<Expr>,
    /// Texts with placeholders that are only known during the run.
    pub templates: Vec<Vec<Piece>>,
    /// What callbacks do.
    pub deferred: Vec<Deferred>,
    /// The classes of errors.
    pub error_types: ErrorTypes,
    /// The names of `each` keys, and `i`: what `{t.secs}` may ask a task for.
    pub keys: Vec<String>,
    /// The shared variables and what they start as.
    pub shared: Vec<(String, i64)>,
    /// What tasks synchronise by: an [`ObjectId`] counts from its start.
    pub objects: Vec<Object>,
    /// Whether tasks start within `create_task`, as `asyncio.eager_task_factory` has them. Main does not: there is no
    /// factory yet.
    pub eager_tasks: bool,
    /// Whether it does something that has no twin on tokio.
    pub is_asyncio_only: bool,
    /// Whether its main is written in Rust alone.
    pub is_tokio_only: bool,
    /// What happens at points, grouped by point; see [`Program::actions_at`].
    pub actions: Vec<Action>,
    /// For each point of each instance, its part of `actions`: [`Instance::points`] plus the point's number.
    pub action_ranges: Vec<(u32, u32)>,
    /// Cancellations from outside at a virtual time, in file order.
    pub outside_cancels: Vec<OutsideCancel>,
    /// The failures that the harness may let fire.
    pub failures: Vec<Failure>,
    /// The cancellations that the harness may put in.
    pub cuts: Vec<Cuts>,
    /// The network that it talks to, if it has one.
    pub network: Option<Network>,
    /// Which freedoms are open.
    pub schedule: Schedule,
    /// When to give up.
    pub limits: Limits,
    /// The strategy's parameters, such as `linger`, in the order in which it declares them.
    pub parameters: Vec<(String, Nanos)>,
}

/// One coroutine of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What traces and other steps call it.
    pub name: TextId,
    /// Its code: an index into [`Program::bodies`].
    pub body: u32,
    /// Where its constants begin in [`Program::consts`].
    pub consts: u32,
    /// Where its points begin in [`Program::action_ranges`].
    pub points: u32,
}

/// Which of the freedoms that asyncio leaves open are asked at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Whether timers of one instant may fire in any order; otherwise in the order in which they were set.
    pub timers_any_order: bool,
    /// Whether sets of tasks may be walked in any order; otherwise in creation order.
    pub sets_any_order: bool,
    /// Whether anything that is ready may run next, which asyncio never does; otherwise first in, first out.
    pub ready_any_order: bool,
    /// Tasks of tokio that are woken may be polled in any order.
    pub polls_any_order: bool,
}

/// Bounds that turn an endless program into an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many steps all bodies together may execute.
    pub steps: u64,
    /// How many turns may pass without virtual time moving.
    pub turns_at_one_instant: u32,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule { timers_any_order: true, sets_any_order: true, ready_any_order: false, polls_any_order: false }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { steps: 1_000_000, turns_at_one_instant: 100_000 }
    }
}

impl InstanceId {
    /// The coroutine that is main.
    pub const MAIN: InstanceId = InstanceId(0);
}

impl Program {
    /// A program of which only names are known, because what it does is Rust code: of its tasks, main's first, and of
    /// the places at which it panics.
    pub fn of_names(tasks: &[String], panics: &[String], cuts: Vec<Cuts>, limits: Limits) -> Program {
        let mut texts = Texts::default();
        let body = |name: &String| Body { name: name.clone(), ..Body::default() };
        let instance = |(at, name): (u32, &String)| Instance { name: texts.push(name), body: at, consts: 0, points: 0 };
        Program {
            strategy: None,
            profile: Profile::NEWEST,
            bodies: tasks.iter().map(body).collect(),
            instances: (0..).zip(tasks).map(instance).collect(),
            texts,
            consts: Vec::new(),
            exprs: Vec::new(),
            templates: Vec::new(),
            deferred: Vec::new(),
            error_types: ErrorTypes::new(panics.iter().cloned()),
            keys: Vec::new(),
            shared: Vec::new(),
            objects: Vec::new(),
            eager_tasks: false,
            is_asyncio_only: false,
            is_tokio_only: false,
            actions: Vec::new(),
            action_ranges: Vec::new(),
            outside_cancels: Vec::new(),
            failures: Vec::new(),
            cuts,
            network: None,
            schedule: Schedule::default(),
            limits,
            parameters: Vec::new(),
        }
    }

    /// Whether what it does is Rust code, of which only names are known.
    pub fn is_rust(&self) -> bool {
        self.bodies.first().is_some_and(|main| main.ops.is_empty())
    }

    /// The instance with this id.
    pub fn instance(&self, id: InstanceId) -> &Instance {
        &self.instances[id.index()]
    }

    /// The code of an instance.
    pub fn body(&self, id: InstanceId) -> &Body {
        &self.bodies[self.instances[id.index()].body as usize]
    }

    /// The constant in `slot` of an instance.
    pub fn constant(&self, id: InstanceId, slot: Slot) -> Value {
        self.consts[(self.instances[id.index()].consts + slot.0) as usize]
    }

    /// The declared futures, in creation order: main's future is number 0, and these follow.
    pub fn bare_futures(&self) -> impl Iterator<Item = ObjectId> {
        let all = (0..).map(ObjectId).zip(&self.objects);
        all.filter(|(_, object)| object.make == Make::Future).map(|(id, _)| id)
    }

    /// The future that an object is.
    pub fn bare_future(&self, object: ObjectId) -> FutureId {
        let before = self.objects[..object.index()].iter().filter(|other| other.make == Make::Future);
        FutureId(1 + before.count() as u32)
    }

    /// What an instance is called.
    pub fn name(&self, id: InstanceId) -> &str {
        self.text(self.instance(id).name)
    }

    /// The host of the first URL in the code of an instance that is known before the run; nothing if there is none.
    pub fn host_of(&self, id: InstanceId) -> Option<&str> {
        let mut urls = self.body(id).ops.iter().filter_map(|op| match op {
            Op::Get { url: Text::Const(slot), .. } => match self.constant(id, *slot) {
                Value::Text(url) => Some(self.text(url)),
                _ => None,
            },
            _ => None,
        });
        urls.find_map(|url| Some(Url::parse(url).ok()?.host))
    }

    /// One of the program's own texts.
    ///
    /// # Panics
    ///
    /// If `id` is a text that was put together during a run.
    pub fn text(&self, id: TextId) -> &str {
        self.texts.get(id).expect("a text of the program itself")
    }

    /// What happens when an instance passes its point number `point`.
    pub fn actions_at(&self, id: InstanceId, point: u16) -> &[Action] {
        let (from, to) = self.action_ranges[self.instances[id.index()].points as usize + usize::from(point)];
        &self.actions[from as usize..to as usize]
    }
}
