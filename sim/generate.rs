//! Random small scenarios, and random answers for their runs, as proptest strategies.
//!
//! A scenario is drawn as a [`Sketch`]: a tree that speaks of tasks and handles by number, taken modulo what there is at
//! that place. So whatever shrinking leaves of it is a valid scenario still, and reads as if somebody had written it.
//! A task awaits itself or tasks further down in the file, so no two wait for each other and nearly every run ends.
//!
//! Knows nothing of machines, or of how a scenario is read.

mod text;

use std::fmt;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::select;

/// A scenario in the making; it displays as the text of the scenario file.
#[derive(Clone)]
pub struct Sketch {
    groups: Vec<Group>,
    main: Vec<Step>,
    faults: Vec<Fault>,
    /// What its tasks synchronise by: few kinds, so that they meet.
    families: Vec<Family>,
    /// Whether it uses what only newer versions have: then the older ones are not compared.
    has_timeouts: bool,
    /// Whether tasks start at once, where it uses what only newer versions have.
    is_eager: bool,
}

/// Random small scenarios: a few tasks that sleep, fail, wait for each other and cancel each other.
///
/// ```
/// use atropos::{generate, scenario::Scenario};
/// use proptest::strategy::{Strategy, ValueTree};
/// use proptest::test_runner::TestRunner;
///
/// let sketch = generate::scenarios().new_tree(&mut TestRunner::deterministic()).unwrap().current();
/// let scenario = Scenario::parse(&sketch.to_string(), &[]).unwrap();
/// assert!(scenario.program(None, None).is_ok());
/// ```
pub fn scenarios() -> impl Strategy<Value = Sketch> {
    let faults = prop_oneof![2 => Just(Vec::new()), 3 => vec(fault(), 0..3)];
    let seldom = |often: u32| prop_oneof![often => Just(false), 1 => Just(true)];
    let families = (vec(select(FAMILIES), 1..=2), seldom(1), seldom(3));
    let ends = (any::<bool>(), any::<bool>());
    (vec(group(), 1..=4), opening(), vec(step(Where::Main, 2), 2..10), ends, faults, families).prop_map(
        |(groups, mut main, steps, (goes_on, stays), faults, (families, has_timeouts, is_eager))| {
            main.extend(steps.into_iter().map(|step| if goes_on { guarded(step) } else { step }));
            if stays {
                main.push(Step::Sleep("5s"));
            }
            Sketch { groups, main, faults, families, has_timeouts, is_eager }
        },
    )
}

/// A step of a main that goes on whatever comes out of it: a main that fails early meets little.
fn guarded(step: Step) -> Step {
    let clause = Clause { catches: "BaseException", steps: Vec::new(), leaves: None };
    let all = Frame::Try { clauses: vec![clause], is_star: false, otherwise: None, finally: None };
    Step::Block(all, vec![step])
}

/// Random answers, for [`Given`](crate::choice::Given); most of them small, because most questions offer little.
///
/// A seed does not shrink: the next smaller number is another run altogether. A list of answers does, to the choices that
/// matter. So a property of a scenario of your own is a property of all its runs:
///
/// ```
/// use atropos::choice::Given;
/// use atropos::event_loop::EventLoop;
/// use atropos::machine::Machine;
/// use atropos::{generate, report, scenario::Scenario};
/// use proptest::test_runner::{TestError, TestRunner};
/// use proptest::prop_assert_eq;
///
/// let text = r#"
///     about = "Two ask, and the answers come in any order."
///     [[task]]
///     name = "ask {i}"
///     count = 2
///     steps = [{ sleep = "10ms..20ms" }, { print = "answer {i}" }]
///     [main]
///     steps = [{ gather = "coros", as = "both" }, { await = "both" }]
/// "#;
/// let program = Scenario::parse(text, &[]).unwrap().program(None, None).unwrap();
/// let in_order = |answers: Vec<u64>| {
///     let mut event_loop = EventLoop::new(&program);
///     event_loop.run(&mut Given::new(&answers));
///     let printed = report::transcript(&program, &event_loop.trace());
///     prop_assert_eq!(printed, "answer 0\nanswer 1\n");
///     Ok(())
/// };
/// let Err(TestError::Fail(_, answers)) = TestRunner::deterministic().run(&generate::answers(), in_order) else {
///     panic!("it does not hold");
/// };
/// assert_eq!(answers.len(), 1, "all it takes is that the first answer comes later than it could");
/// ```
pub fn answers() -> impl Strategy<Value = Vec<u64>> {
    let answer = prop_oneof![4 => 0..6_u64, 1 => any::<u64>()];
    vec(answer, 0..40).prop_map(|mut answers| {
        // The ordinary answer is given anyway when the list is at its end.
        let len = answers.iter().rposition(|&answer| answer != 0).map_or(0, |at| at + 1);
        answers.truncate(len);
        answers
    })
}

impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::write(self))
    }
}

/// As it displays, because that is what proptest shows of what it has found.
impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One `[[task]]`.
#[derive(Clone, Debug)]
struct Group {
    copies: Copies,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Copies {
    One,
    /// `count = 2`
    Two,
    /// `each = { secs = [1, 2] }`
    Each,
}

/// Which of the things that fit at this place, modulo how many there are; 0 is the most likely one to make sense.
type Pick = u8;

#[derive(Clone, Debug)]
enum Step {
    Print,
    Sleep(&'static str),
    Point,
    Await(Pick, Keep),
    Spawn(Pick),
    SpawnAll,
    Cancel(Pick, Message, Keep),
    CancelAll(Message),
    Raise(&'static str),
    Return(Pick),
    Gather {
        all: bool,
        of: Vec<Pick>,
        return_exceptions: bool,
        is_awaited: bool,
    },
    Wait {
        all: bool,
        of: Vec<Pick>,
        timeout: Option<&'static str>,
        return_when: &'static str,
    },
    /// Prints how something stands.
    Tell(Pick),
    /// Prints what a gather has gathered.
    TellResults(Pick),
    /// Adds to a shared variable.
    Count,
    /// Works out something with numbers, texts and lists.
    Reckon(Pick, Pick),
    Assert(Pick),
    /// `break`, `continue` or `raise`, where Python has it.
    Word(&'static str),
    /// Uses an object of one of the sketch's families.
    Use(Pick),
    WaitFor(Pick, &'static str, Keep),
    Shield(Pick, bool),
    Uncancel(Pick),
    /// Sets a timeout around it anew, if there is one.
    Reschedule(Pick, &'static str),
    /// Makes a callback: when, what it does, and to whom.
    Callback(Called, Pick, Pick),
    /// Cancels a callback, or takes one back from its future.
    CallOff(Pick),
    Block(Frame, Vec<Step>),
}

/// When a callback is called.
#[derive(Clone, Copy, Debug)]
enum Called {
    Soon,
    Later(&'static str),
    /// When something is done.
    Done(Pick),
}

/// Whether the value of a step is bound to a name.
type Keep = bool;

/// Whether a cancel has a message.
type Message = bool;

/// What stands around a block.
#[derive(Clone, Debug)]
enum Frame {
    /// Nothing: what every other frame shrinks to.
    Bare,
    Try {
        clauses: Vec<Clause>,
        /// Whether the clauses are `except*`, where there is one.
        is_star: bool,
        otherwise: Option<Vec<Step>>,
        finally: Option<Vec<Step>>,
    },
    If(Pick, Option<Vec<Step>>),
    /// Over `range(n)`.
    Times(u8),
    /// Over a list of tasks.
    Each(Pick),
    /// While a shared variable, counted down, is not 0.
    While,
    /// Over what is done, as it is done.
    AsCompleted {
        all: bool,
        of: Vec<Pick>,
        timeout: Option<&'static str>,
    },
    /// `async with` an object of one of the sketch's families.
    With(Pick),
    /// `async with asyncio.timeout(…)`
    Timeout(&'static str),
    /// `async with asyncio.TaskGroup()`, with tasks of these coroutines.
    TaskGroup(Vec<Pick>),
}

/// Something to synchronise by, and what to do with it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Family {
    /// Its name and how it is made.
    name: &'static str,
    make: &'static str,
    /// The steps that use it; one that stands there twice is drawn twice as often.
    uses: &'static [&'static str],
    /// Whether it stands in an `async with`.
    is_held: bool,
}

#[derive(Clone, Debug)]
struct Clause {
    catches: &'static str,
    steps: Vec<Step>,
    /// How it leaves: by `raise`, by `return`, or by its end.
    leaves: Option<&'static str>,
}

/// A `[[fail]]` or `[[cancel]]`.
#[derive(Clone, Debug)]
enum Fault {
    CancelFromOutside { victim: Pick, time: &'static str, message: Message },
    Cancel { at: Pick, victim: Option<Pick>, not_before: Option<&'static str>, message: Message },
    Fail { at: Pick, everywhere: bool, not_before: Option<&'static str>, raises: &'static str, prints: bool },
}

/// Lengths of time, few enough for many ties.
const LENGTHS: &[&str] = &["0", "1s", "1s", "1s", "2s", "2s", "500ms", "3s", "1s..2s", "{secs}s"];
const RAISES: &[&str] = &[
    "Exception",
    "ValueError",
    "Oops",
    "CancelledError",
    "CancelledError",
    "KeyError",
    "TimeoutError",
    "ConnectionResetError",
    "BaseException",
];
/// What leaves the loop, and so ends the run: seldom, because little happens after it.
const LEAVES: &[&str] = &["SystemExit", "SystemExit", "KeyboardInterrupt"];
const CATCHES: &[&str] = &[
    "CancelledError",
    "CancelledError",
    "CancelledError",
    "CancelledError",
    "BaseException",
    "BaseException",
    "Exception",
    "Exception",
    "Exception",
    "Oops",
    "ValueError",
    "OSError",
    "LookupError",
    "KeyError",
    "ExceptionGroup",
    "BaseExceptionGroup",
    "BrokenBarrierError",
    "RuntimeError",
    "SystemExit",
];
const FAMILIES: &[Family] = &[
    Family { name: "lock", make: "Lock()", uses: LOCK, is_held: true },
    Family { name: "permits", make: "Semaphore(1)", uses: PERMITS, is_held: true },
    Family { name: "permits", make: "Semaphore(2)", uses: PERMITS, is_held: true },
    Family { name: "permits", make: "Semaphore(0)", uses: PERMITS, is_held: true },
    Family { name: "ready", make: "Event()", uses: READY, is_held: false },
    Family { name: "changed", make: "Condition()", uses: CHANGED, is_held: true },
    Family { name: "changed", make: "Condition()", uses: CHANGED, is_held: true },
    Family { name: "answer", make: "Future()", uses: ANSWER, is_held: false },
    Family { name: "jobs", make: "Queue()", uses: JOBS, is_held: false },
    Family { name: "jobs", make: "Queue(maxsize=1)", uses: JOBS, is_held: false },
    Family { name: "gate", make: "Barrier(2)", uses: GATE, is_held: true },
    Family { name: "gate", make: "Barrier(1)", uses: GATE, is_held: true },
];
const LOCK: &[&str] = &[
    "{ acquire = \"lock\" },",
    "{ acquire = \"lock\" },",
    "{ release = \"lock\" },",
    "{ with = \"lock\", do = [{ sleep = \"1s\" }] },",
    "{ with = \"lock\", do = [{ sleep = 0 }] },",
    "{ print = \"locked: {lock.locked}\" },",
];
const PERMITS: &[&str] = &[
    "{ acquire = \"permits\" },",
    "{ acquire = \"permits\" },",
    "{ acquire = \"permits\" },",
    "{ release = \"permits\" },",
    "{ release = \"permits\" },",
    "{ with = \"permits\", do = [{ sleep = \"1s\" }] },",
    "{ with = \"permits\", do = [{ sleep = 0 }] },",
    "{ print = \"locked: {permits.locked}\" },",
];
const READY: &[&str] = &[
    "{ wait = \"ready\" },",
    "{ wait = \"ready\" },",
    "{ set_event = \"ready\" },",
    "{ clear_event = \"ready\" },",
    "{ print = \"is set: {ready.is_set}\" },",
];
const CHANGED: &[&str] = &[
    "{ with = \"changed\", do = [{ wait = \"changed\" }] },",
    "{ with = \"changed\", do = [{ wait = \"changed\" }, { sleep = \"1s\" }] },",
    "{ with = \"changed\", do = [{ notify = \"changed\" }] },",
    "{ with = \"changed\", do = [{ notify = \"changed\", n = 2 }, { sleep = \"1s\" }] },",
    "{ with = \"changed\", do = [{ notify_all = \"changed\" }, { sleep = 0 }] },",
    "{ acquire = \"changed\" },",
    "{ wait = \"changed\" },",
    "{ release = \"changed\" },",
];
const ANSWER: &[&str] = &[
    "{ await = \"answer\" },",
    "{ await = \"answer\" },",
    "{ set_result = \"answer\", to = \"'text'\" },",
    "{ set_exception = \"answer\", message = \"no\", type = \"KeyError\" },",
    "{ cancel = \"answer\", message = \"gone\" },",
    "{ wait_for = \"answer\", timeout = \"1s\" },",
    "{ wait = [\"answer\"], timeout = \"1s\" },",
    "{ gather = [\"answer\"] },",
    "{ shield = \"answer\" },",
    "{ print = \"done: {answer.done} {answer.cancelled}\" },",
];
const JOBS: &[&str] = &[
    "{ get = \"jobs\", as = \"item\" },",
    "{ get = \"jobs\" },",
    "{ put = \"seen\", into = \"jobs\" },",
    "{ put = 1, into = \"jobs\" },",
    "{ get_nowait = \"jobs\" },",
    "{ put_nowait = 2, into = \"jobs\" },",
    "{ task_done = \"jobs\" },",
    "{ join = \"jobs\" },",
    "{ print = \"{jobs.qsize} {jobs.empty} {jobs.full}\" },",
];
const GATE: &[&str] = &[
    "{ wait = \"gate\" },",
    "{ wait = \"gate\", as = \"place\" },",
    "{ wait = \"gate\" },",
    "{ wait = \"gate\" },",
    "{ with = \"gate\", do = [{ sleep = \"1s\" }] },",
    "{ reset = \"gate\" },",
    "{ abort = \"gate\" },",
    "{ print = \"{gate.parties} {gate.n_waiting} {gate.broken}\" },",
];
const TIMEOUTS: &[&str] = &["1s", "1s", "1s", "2s", "500ms", "0", "None"];
/// The same for what has to have an end.
const LIMITS: &[&str] = &["1s", "1s", "2s", "500ms", "0"];
const RETURN_WHEN: &[&str] = &["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"];

/// Main and the tasks have the same steps, but not as often: main is who arranges, a task is who works.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    Main,
    Task,
}

fn group() -> impl Strategy<Value = Group> {
    let copies = prop_oneof![4 => Just(Copies::One), 1 => Just(Copies::Two), 1 => Just(Copies::Each)];
    (copies, vec(step(Where::Task, 2), 2..7)).prop_map(|(copies, steps)| Group { copies, steps })
}

/// How main begins, so that most have something to arrange.
fn opening() -> impl Strategy<Value = Vec<Step>> {
    let gather = (any::<bool>(), any::<bool>()).prop_map(|(return_exceptions, is_awaited)| Step::Gather {
        all: true,
        of: Vec::new(),
        return_exceptions,
        is_awaited,
    });
    let settled = |first: Step, length| vec![first, Step::Sleep(length)];
    prop_oneof![
        3 => vec(any::<Pick>().prop_map(Step::Spawn), 1..=3),
        2 => Just(vec![Step::SpawnAll]),
        2 => length().prop_map(move |length| settled(Step::SpawnAll, length)),
        2 => gather.prop_map(|gather| vec![gather]),
    ]
}

/// The class of an error.
fn raises() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => select(RAISES), 1 => select(LEAVES)]
}

fn step(place: Where, depth: u32) -> BoxedStrategy<Step> {
    let seldom = |place_of_many| if place == place_of_many { 6 } else { 2 };
    let simple = prop_oneof![
        2 => Just(Step::Print),
        12 => length().prop_map(Step::Sleep),
        seldom(Where::Task) => Just(Step::Point),
        seldom(Where::Main) + 2 => (any::<Pick>(), any::<Keep>()).prop_map(|(what, keep)| Step::Await(what, keep)),
        seldom(Where::Main) => any::<Pick>().prop_map(Step::Spawn),
        1 => Just(Step::SpawnAll),
        seldom(Where::Main) + 6 => any::<(Pick, Message, Keep)>()
            .prop_map(|(whom, message, keep)| Step::Cancel(whom, message, keep)),
        1 => any::<Message>().prop_map(Step::CancelAll),
        seldom(Where::Task) / 2 => raises().prop_map(Step::Raise),
        seldom(Where::Task) / 2 => any::<Pick>().prop_map(Step::Return),
        seldom(Where::Main) => gather(),
        seldom(Where::Main) => wait(),
        seldom(Where::Main) / 2 => any::<Pick>().prop_map(Step::Tell),
        2 => any::<Pick>().prop_map(Step::TellResults),
        2 => Just(Step::Count),
        3 => any::<(Pick, Pick)>().prop_map(|(what, with)| Step::Reckon(what, with)),
        1 => any::<Pick>().prop_map(Step::Assert),
        2 => select(&["break", "continue", "raise"][..]).prop_map(Step::Word),
        16 => any::<Pick>().prop_map(Step::Use),
        6 => (any::<Pick>(), select(TIMEOUTS), any::<Keep>())
            .prop_map(|(what, timeout, keep)| Step::WaitFor(what, timeout, keep)),
        3 => (any::<Pick>(), any::<bool>()).prop_map(|(what, is_awaited)| Step::Shield(what, is_awaited)),
        2 => any::<Pick>().prop_map(Step::Uncancel),
        2 => (any::<Pick>(), select(TIMEOUTS)).prop_map(|(which, length)| Step::Reschedule(which, length)),
        5 => (called(), any::<Pick>(), any::<Pick>()).prop_map(|(when, what, whom)| Step::Callback(when, what, whom)),
        3 => any::<Pick>().prop_map(Step::CallOff),
    ];
    if depth == 0 {
        return simple.boxed();
    }
    let block = (frame(place, depth - 1), vec(step(place, depth - 1), 1..4));
    prop_oneof![3 => simple, 2 => block.prop_map(|(frame, body)| Step::Block(frame, body))].boxed()
}

fn called() -> impl Strategy<Value = Called> {
    prop_oneof![
        1 => Just(Called::Soon),
        2 => select(LIMITS).prop_map(Called::Later),
        2 => any::<Pick>().prop_map(Called::Done),
    ]
}

fn length() -> impl Strategy<Value = &'static str> {
    select(LENGTHS)
}

/// A few things; seldom nothing, which is allowed too.
fn some() -> impl Strategy<Value = Vec<Pick>> {
    prop_oneof![1 => Just(Vec::new()), 9 => vec(any::<Pick>(), 1..4)]
}

fn gather() -> impl Strategy<Value = Step> {
    let all = prop_oneof![3 => Just(false), 1 => Just(true)];
    (all, some(), any::<bool>(), any::<bool>()).prop_map(|(all, of, return_exceptions, is_awaited)| Step::Gather {
        all,
        of,
        return_exceptions,
        is_awaited,
    })
}

fn wait() -> impl Strategy<Value = Step> {
    (any::<bool>(), some(), option::of(length()), select(RETURN_WHEN)).prop_map(|(all, of, timeout, return_when)| {
        // What a wait is told has to be a length, not a range.
        let timeout = timeout.map(|timeout| if timeout.contains("..") { "0" } else { timeout });
        Step::Wait { all, of, timeout, return_when }
    })
}

fn frame(place: Where, depth: u32) -> BoxedStrategy<Frame> {
    let block = || vec(step(place, depth), 0..3);
    let is_star = prop_oneof![2 => Just(false), 1 => Just(true)];
    let ends = (option::weighted(0.2, block()), option::weighted(0.4, block()));
    let caught = (vec(clause(place, depth), 0..=2), is_star, ends);
    prop_oneof![
        1 => Just(Frame::Bare),
        2 => (1..=2_u8).prop_map(Frame::Times),
        12 => caught.prop_map(|(clauses, is_star, (otherwise, finally))| Frame::Try { clauses, is_star, otherwise, finally }),
        2 => (any::<Pick>(), option::of(block())).prop_map(|(condition, otherwise)| Frame::If(condition, otherwise)),
        2 => any::<Pick>().prop_map(Frame::Each),
        1 => Just(Frame::While),
        4 => (any::<bool>(), some(), option::weighted(0.4, select(LIMITS)))
            .prop_map(|(all, of, timeout)| Frame::AsCompleted { all, of, timeout }),
        5 => any::<Pick>().prop_map(Frame::With),
        4 => select(TIMEOUTS).prop_map(Frame::Timeout),
        5 => vec(any::<Pick>(), 0..4).prop_map(Frame::TaskGroup),
    ]
    .boxed()
}

fn clause(place: Where, depth: u32) -> impl Strategy<Value = Clause> {
    let leaves = option::of(select(&["raise", "return"][..]));
    (select(CATCHES), vec(step(place, depth), 0..3), leaves).prop_map(|(catches, steps, leaves)| Clause {
        catches,
        steps,
        leaves,
    })
}

fn fault() -> impl Strategy<Value = Fault> {
    let time = || select(&["500ms", "1s", "1s", "2s", "0"][..]);
    let not_before = || option::weighted(0.3, time());
    prop_oneof![
        2 => (any::<Pick>(), time(), any::<Message>())
            .prop_map(|(victim, time, message)| Fault::CancelFromOutside { victim, time, message }),
        2 => (any::<Pick>(), option::of(any::<Pick>()), not_before(), any::<Message>())
            .prop_map(|(at, victim, not_before, message)| Fault::Cancel { at, victim, not_before, message }),
        2 => (any::<Pick>(), any::<bool>(), not_before(), raises(), any::<bool>()).prop_map(
            |(at, everywhere, not_before, raises, prints)| {
                Fault::Fail { at, everywhere, not_before, raises, prints }
            }
        ),
    ]
}
