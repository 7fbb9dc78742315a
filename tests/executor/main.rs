//! The executor against tokio itself: random programs happen in the same order, to the last step.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use atropos::body::Body;
use atropos::choice::{Choices, Generator, Ordinary, Seeded};
use atropos::executor::{Cuts, Executor, Registry, Setting};
use atropos::machine::Machine;
use atropos::program::Limits;
use atropos::tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore, mpsc};
use atropos::tokio::task::{self, AbortHandle};
use atropos::tokio::time::{Duration, Instant, sleep, timeout};
use atropos::trace::Outcome;

/// What a task of a random program does.
#[derive(Clone, Debug)]
enum Step {
    Sleep(u64),
    Yield,
    /// Spends all of tokio's budget, so that the next wait on a channel yields.
    Burn,
    Send,
    Receive,
    Notify,
    Wait(u64),
    Lock(u64),
    Acquire(u64),
    Spawn(Vec<Step>),
    Abort(u64),
    Join,
    Select(u64),
    /// More tasks than tokio polls between two looks at its clock.
    Crowd(u64),
}

fn steps(generator: &mut Generator, depth: u64) -> Vec<Step> {
    let count = 1 + generator.below(6);
    (0..count)
        .map(|_| match generator.below(if depth == 0 { 10 } else { 15 }) {
            0 => Step::Sleep(generator.below(4)),
            1 => Step::Yield,
            2 => Step::Burn,
            3 => Step::Send,
            4 => Step::Receive,
            5 => Step::Notify,
            6 => Step::Wait(generator.below(4)),
            7 => Step::Lock(generator.below(3)),
            8 => Step::Acquire(generator.below(3)),
            9 => Step::Select(generator.below(4)),
            10 | 11 => Step::Spawn(steps(generator, depth - 1)),
            12 => Step::Abort(generator.below(5)),
            13 => Step::Crowd(40 + generator.below(50)),
            _ => Step::Join,
        })
        .collect()
}

/// What the tasks have in common.
struct Shared {
    log: Mutex<Vec<String>>,
    begun: Instant,
    sender: mpsc::Sender<u32>,
    receiver: AsyncMutex<mpsc::Receiver<u32>>,
    notify: Notify,
    lock: AsyncMutex<()>,
    permits: Semaphore,
    tasks: Mutex<Vec<AbortHandle>>,
    next: Mutex<u32>,
}

impl Shared {
    fn new() -> Arc<Shared> {
        let (sender, receiver) = mpsc::channel(2);
        Arc::new(Shared {
            log: Mutex::default(),
            begun: now(),
            sender,
            receiver: AsyncMutex::new(receiver),
            notify: Notify::new(),
            lock: AsyncMutex::new(()),
            permits: Semaphore::new(2),
            tasks: Mutex::default(),
            next: Mutex::new(0),
        })
    }

    fn say(&self, task: u32, what: &str) {
        let passed = now().duration_since(self.begun).as_millis();
        self.log.lock().unwrap().push(format!("{passed} {task} {what}"));
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is paused")]
fn now() -> Instant {
    Instant::now()
}

struct Ends(Arc<Shared>, u32);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.say(self.1, "is gone");
    }
}

const LONG: Duration = Duration::from_millis(7);

fn run(shared: Arc<Shared>, task: u32, steps: Vec<Step>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let _end = Ends(shared.clone(), task);
        let mut children = Vec::new();
        for step in steps {
            shared.say(task, &format!("{step:?}"));
            match step {
                Step::Sleep(millis) => sleep(Duration::from_millis(millis)).await,
                Step::Yield => task::yield_now().await,
                Step::Burn => {
                    for _ in 0..200 {
                        task::coop::consume_budget().await;
                    }
                }
                Step::Send => _ = timeout(LONG, shared.sender.send(task)).await,
                Step::Receive => {
                    let got = timeout(LONG, async { shared.receiver.lock().await.recv().await }).await;
                    shared.say(task, &format!("{got:?}"));
                }
                Step::Notify => shared.notify.notify_one(),
                Step::Wait(millis) => _ = timeout(Duration::from_millis(millis), shared.notify.notified()).await,
                Step::Lock(millis) => {
                    let _guard = shared.lock.lock().await;
                    sleep(Duration::from_millis(millis)).await;
                }
                Step::Acquire(millis) => {
                    let _permit = shared.permits.acquire().await.unwrap();
                    sleep(Duration::from_millis(millis)).await;
                }
                Step::Spawn(steps) => {
                    let number = {
                        let mut next = shared.next.lock().unwrap();
                        *next += 1;
                        *next
                    };
                    let child = atropos::tokio::spawn(run(shared.clone(), number, steps));
                    shared.tasks.lock().unwrap().push(child.abort_handle());
                    children.push(child);
                }
                Step::Crowd(count) => {
                    for number in 0..count {
                        let member =
                            run(shared.clone(), 1000 + number as u32, vec![Step::Yield, Step::Sleep(number % 2)]);
                        children.push(atropos::tokio::spawn(member));
                    }
                }
                Step::Abort(which) => {
                    let tasks = shared.tasks.lock().unwrap();
                    if let Some(task) = tasks.get(which as usize) {
                        task.abort();
                    }
                }
                Step::Join => {
                    if let Some(child) = children.pop() {
                        let joined = timeout(LONG, child).await;
                        shared.say(task, &format!("{:?}", joined.map(|result| result.is_ok())));
                    }
                }
                Step::Select(millis) => atropos::tokio::select! {
                    biased;
                    () = sleep(Duration::from_millis(millis)) => shared.say(task, "slept"),
                    () = shared.notify.notified() => shared.say(task, "notified"),
                },
            }
        }
        shared.say(task, "ends");
    })
}

fn program(seed: u64) -> Vec<Step> {
    let mut generator = Generator::new(seed);
    let mut all = steps(&mut generator, 3);
    all.extend(steps(&mut generator, 3));
    all.push(Step::Sleep(20));
    all
}

/// What happens on tokio's own current-thread runtime.
fn on_tokio(program: &[Step]) -> Vec<String> {
    let runtime = atropos::tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let shared = Shared::new();
        run(shared.clone(), 0, program.to_vec()).await;
        std::mem::take(&mut *shared.log.lock().unwrap())
    })
}

/// What happens on the executor.
fn here(program: &[Step], choices: &mut dyn Choices) -> (Vec<String>, Outcome) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (told, program) = (log.clone(), program.to_vec());
    let make = move || {
        let (log, program) = (told.clone(), program.clone());
        Body::new(move || async move {
            let shared = Shared::new();
            run(shared.clone(), 0, program).await;
            *log.lock().unwrap() = std::mem::take(&mut *shared.log.lock().unwrap());
        })
    };
    let limits = Limits { steps: 100_000, turns_at_one_instant: 10_000 };
    let setting = Setting { cuts: Cuts::default(), any_order: true, limits };
    let mut executor = Executor::new(&make, Arc::new(Registry::default()), setting);
    let outcome = executor.run(choices);
    (std::mem::take(&mut *log.lock().unwrap()), outcome)
}

#[test]
fn the_ordinary_run_is_tokios_own() {
    let mut events = 0;
    for seed in 0..500 {
        let program = program(seed);
        let (expected, (found, outcome)) = (on_tokio(&program), here(&program, &mut Ordinary));
        events += expected.len();
        let same = found.iter().zip(&expected).take_while(|(one, other)| one == other).count();
        let rest = |log: &[String]| log[same..].iter().take(5).cloned().collect::<Vec<_>>();
        let before = &expected[same.saturating_sub(5)..same];
        assert!(
            found == expected,
            "program {seed} after {same} events, {before:?}: here {:?}, on tokio {:?}\n{program:?}",
            rest(&found),
            rest(&expected)
        );
        assert!(matches!(outcome, Outcome::Finished(_)), "program {seed}: {outcome:?}");
    }
    assert!(events > 5_000, "the programs do something: {events} events");
}

#[test]
fn other_answers_are_other_orders_and_equal_ones_the_same() {
    let mut orders = std::collections::BTreeSet::new();
    for program in (0..20).map(program) {
        for seed in 0..10 {
            let run = || here(&program, &mut Seeded::new(seed)).0;
            let first = run();
            assert_eq!(run(), first, "seed {seed}");
            orders.insert(first);
        }
    }
    assert!(orders.len() > 60, "{} orders", orders.len());
}

#[test]
fn a_hundred_thousand_tasks_end_in_a_run() {
    let make = || {
        Body::new(|| async {
            let tasks: Vec<_> = (0..100_000).map(|_| atropos::tokio::spawn(task::yield_now())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        })
    };
    let limits = Limits { steps: 20_000, turns_at_one_instant: 2_000 };
    let setting = Setting { cuts: Cuts::default(), any_order: true, limits };
    let mut executor = Executor::new(&make, Arc::new(Registry::default()), setting);
    assert!(matches!(executor.run(&mut Ordinary), Outcome::Finished(_)));
    executor.reset();
    assert!(matches!(executor.run(&mut Seeded::new(1)), Outcome::Finished(_)));
}
