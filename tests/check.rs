//! `atropos::check` on small tests of its own.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use atropos::check::{Check, Ending, Sim};
use atropos::tokio;
use atropos::tokio::sync::{Semaphore, mpsc, oneshot};
use atropos::tokio::task;
use atropos::tokio::time::{Duration, sleep};

async fn upload(pool: &Semaphore) {
    pool.acquire().await.unwrap().forget();
    sleep(Duration::from_millis(5)).await;
    pool.add_permits(1);
}

#[test]
fn a_lost_permit_is_found() {
    let found = Check::new().find(|sim| async move {
        let pool = Arc::new(Semaphore::new(2));
        sim.cut(upload(&pool)).await;
        sim.settle().await;
        assert_eq!(pool.available_permits(), 2);
    });
    println!("{}\n{}", found.failures[0].story, found.covered);
    assert_eq!(found.failures.len(), 1);
}

/// A text without its line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first failure of a test, as it is told.
fn story<F>(test: impl Fn(Sim) -> F + Send + Sync + 'static) -> String
where
    F: Future<Output: Ending> + 'static,
{
    let found = Check::new().find(test);
    let failed = found.failures.into_iter().next().expect("it fails");
    println!("{}", failed.story);
    failed.story
}

#[test]
fn a_lost_wake_is_told_from_a_deadlock() {
    let told = story(|_| async {
        let is_set = Arc::new(AtomicBool::new(false));
        let seen = is_set.clone();
        let forgetful =
            tokio::spawn(poll_fn(move |_| if seen.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }));
        task::yield_now().await;
        is_set.store(true, Ordering::Relaxed);
        forgetful.await.unwrap();
    });
    assert!(told.starts_with("lost-wakeup: nothing goes on, but `PollFn` waits and could"), "{told}");
}

#[test]
fn who_waits_for_ever_is_named_with_the_place() {
    let told = story(|sim| async move {
        let (keep, mut receiver) = mpsc::channel::<()>(1);
        let listener = sim.spawn("listener", async move { receiver.recv().await });
        listener.await.unwrap();
        drop(keep);
    });
    let sentence = told.lines().next().unwrap();
    assert!(sentence.starts_with("deadlock: nothing can go on: main waits at tests/check.rs:"), "{sentence}");
    assert!(told.contains("`listener` waits"), "{told}");
}

/// Of many tasks those have a lane that are stuck.
#[test]
fn who_waits_for_ever_has_a_lane() {
    let told = story(|sim| async move {
        let (keep, mut receiver) = mpsc::channel::<()>(1);
        for number in 0..4 {
            sim.spawn(&format!("quick {number}"), async {}).await.unwrap();
        }
        sim.spawn("listener", async move { receiver.recv().await }).await.unwrap();
        drop(keep);
    });
    let others = told.lines().find(|line| line.contains(" other tasks: ")).unwrap();
    assert!(others.contains("quick 0") && !others.contains("listener"), "{told}");
}

#[test]
fn a_busy_loop_at_one_instant_is_a_livelock() {
    let told = story(|_| async {
        while !std::hint::black_box(false) {
            task::yield_now().await;
        }
    });
    assert!(told.starts_with("livelock: time stands still at 0s"), "{told}");
}

#[test]
fn a_run_that_never_settles_is_given_up() {
    let found = Check::new().polls(3_000).find(|_| async {
        while !std::hint::black_box(false) {
            sleep(Duration::from_millis(1)).await;
        }
    });
    let (told, covered) = (flat(&found.failures[0].story), &found.covered);
    assert!(told.starts_with("unsettled: the run never comes to an end: main waits at tests/check.rs:"), "{told}");
    assert!(told.contains("it is given up after 3,000 polls."), "{told}");
    // There are no [limits] in a test.
    assert!(covered.contains("or raise the limit with `Check::polls`\n") && !covered.contains("[limits]"), "{covered}");
}

#[test]
fn an_error_that_is_returned_is_a_failure() {
    let told = story(|sim| async move {
        sleep(Duration::from_millis(3)).await;
        if sim.chance(500_000) { Err("the server said no") } else { Ok(()) }
    });
    assert!(told.starts_with("main-failed: main returned an error: \"the server said no\".\n"), "{told}");
    assert!(flat(&told).contains("fails: it returned an error: "), "{told}");
    let told = story(|_| async { Err::<(), _>("the server said no.") });
    assert!(told.starts_with("main-failed: main returned an error: \"the server said no.\"\n"), "{told}");
}

#[test]
fn a_panic_of_any_task_is_a_failure_even_if_nobody_joins_it() {
    let told = story(|sim| async move {
        sim.spawn("worker", async { panic!("oh no!") });
        sleep(Duration::from_millis(1)).await;
    });
    assert!(told.starts_with("panicked: `worker` panicked at tests/check.rs:"), "{told}");
    let told = flat(&told);
    assert!(told.contains("oh no! That counts although main went on"), "{told}");
    assert!(told.contains("if it is meant, catch it within the task, with `catch_unwind`."), "{told}");
    // As is said there.
    let found = Check::new().runs(20).find(|sim| async move {
        sim.spawn("worker", async { assert!(std::panic::catch_unwind(|| panic!("oh no")).is_err()) });
        sleep(Duration::from_millis(1)).await;
    });
    assert!(found.failures.is_empty(), "{:?}", found.failures);
    assert!(told.contains("oh no"), "{told}");
}

#[test]
fn a_panic_in_a_destructor_during_a_cut_is_told() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor panics");
        }
    }
    let told = story(|sim| async move {
        let cut = sim.cut(async {
            let bomb = Bomb;
            sleep(Duration::from_millis(1)).await;
            std::mem::forget(bomb);
        });
        cut.await;
    });
    assert!(told.contains("a destructor panics") && told.contains("drop `"), "{told}");
    // The thread is as good as before.
    Check::new().run(|_| async { task::yield_now().await });
}

/// Every way in which a future may be dropped, seen from inside.
#[test]
fn a_cut_comes_in_every_phase() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let all = seen.clone();
    let found = Check::new().find(move |sim| {
        let seen = all.clone();
        async move {
            let (sender, receiver) = oneshot::channel();
            let polls = Arc::new(AtomicU32::new(0));
            let counted = polls.clone();
            sim.spawn("other", async move {
                sleep(Duration::from_millis(4)).await;
                sender.send(()).unwrap_or_default();
                task::yield_now().await;
            });
            let cut = sim.cut(async move {
                let mut receiver = pin!(receiver);
                poll_fn(|context| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    receiver.as_mut().poll(context)
                })
                .await
            });
            let result = cut.await;
            let now = sim.now().as_millis();
            seen.lock().unwrap().insert((polls.load(Ordering::Relaxed), now, result.is_some()));
        }
    });
    assert!(found.failures.is_empty());
    // Before its first poll, right after it or at every millisecond, woken and not polled, and not at all.
    let expected =
        [(0, 0, false), (1, 0, false), (1, 1, false), (1, 2, false), (1, 3, false), (1, 4, false), (2, 4, true)];
    assert_eq!(*seen.lock().unwrap(), BTreeSet::from(expected));
    assert!(found.covered.contains("every one of"), "{}", found.covered);
}

#[test]
fn a_cut_that_comes_when_nobody_is_there_is_told_as_not_tested() {
    // A seed's moment may lie behind the end of the future, or before it is polled at all.
    let test = |sim: Sim| async move {
        let millis = if sim.chance(500_000) { 1 } else { 20 };
        sim.cut(sleep(Duration::from_millis(millis))).await;
    };
    let found = Check::new().runs(400).find(test);
    let told = found.covered.lines().find_map(|line| line.strip_prefix("not tested: ")).expect("a line about it");
    let (missed, rest) = told.split_once(" of ").unwrap();
    let (planned, rest) = rest.split_once(" planned cuts").unwrap();
    assert_eq!(rest, ", when nobody was there to be dropped");
    let [missed, planned]: [u64; 2] = [missed, planned].map(|number| number.replace(',', "").parse().unwrap());
    assert!(0 < missed && missed < planned && planned <= 400, "{told}");
    let without = Check::new().runs(400).cuts(0).find(test);
    assert!(!without.covered.contains("not tested"), "{}", without.covered);
}

#[test]
fn a_race_ends_at_any_time_or_never() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let all = seen.clone();
    Check::new().run(move |sim| {
        let seen = all.clone();
        async move {
            let ended = tokio::select! {
                biased;
                () = sleep(Duration::from_millis(2)) => "slept",
                () = sim.race() => "raced",
            };
            seen.lock().unwrap().insert((sim.now().as_millis(), ended));
        }
    });
    let seen = seen.lock().unwrap();
    assert_eq!(*seen, BTreeSet::from([(0, "raced"), (1, "raced"), (2, "slept")]), "{seen:?}");
}

#[test]
fn a_token_replays_the_run() {
    let token = Check::new().find(guess).failures.remove(0).token;
    assert!(token.starts_with("a1-"), "{token}");
    let (this, name) = (std::env::current_exe().unwrap(), "replayed_by_the_test_above");
    let replay = |token: &str| {
        let mut command = std::process::Command::new(&this);
        command.args(["--exact", name, "--ignored", "--nocapture"]).env("ATROPOS_REPLAY", token);
        let output = command.env_remove("RUST_BACKTRACE").output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let token = Check::new().name(name).find(guess).failures.remove(0).token;
    let (passes, text) = replay(&token);
    assert!(!passes && text.contains("7 is guessed") && text.contains(&token), "{text}");
    assert!(!text.contains("runs: "), "it is one run: {text}");
    let (passes, text) = replay("a1-nonsense");
    assert!(!passes && text.contains("ATROPOS_REPLAY: expected"), "{text}");
}

#[test]
fn a_failure_is_saved_and_run_first() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("saved");
    _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let run = || {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "replayed_by_the_test_above", "--ignored", "--nocapture"]);
        command.env("CARGO_MANIFEST_DIR", &folder).env_remove("RUST_BACKTRACE").env_remove("ATROPOS_REPLAY");
        let output = command.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let first = run();
    assert!(first.contains("7 is guessed") && first.contains("runs: "), "it explores: {first}");
    let file = "atropos-failures/replayed_by_the_test_above.txt";
    assert!(
        first.contains(&format!("1 failure is saved in {file}, and run first from now on: commit it\n")),
        "{first}"
    );
    let saved = std::fs::read_to_string(folder.join("atropos-failures/replayed_by_the_test_above.txt")).unwrap();
    assert!(saved.contains("7 is guessed") && saved.lines().any(|line| line.starts_with("a1-")), "{saved}");
    let second = run();
    assert!(second.contains("7 is guessed") && !second.contains("runs: "), "it replays: {second}");
    assert!(
        second.contains(&format!("known failures from {file}: nothing else is run while one of them fails")),
        "{second}"
    );
    // What cannot be saved is told, and the test fails for its failure alone.
    std::fs::remove_dir_all(folder.join("atropos-failures")).unwrap();
    std::fs::write(folder.join("atropos-failures"), "no folder").unwrap();
    let third = run();
    assert!(third.contains("7 is guessed") && third.contains(&format!("nothing is saved in {file}: ")), "{third}");
}

#[test]
fn saved_failures_are_run_by_the_check_that_they_are_of_alone() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("saved-of-two");
    for name in ["two_checks_in_one_test", "two_names_that_come_to_one_file"] {
        _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let variables = [("CARGO_MANIFEST_DIR", folder.to_str().unwrap())];
        let (passes, first) = test_alone_with(name, &[], &variables);
        assert!(!passes && first.contains("7 is guessed") && first.contains("runs: "), "it explores: {first}");
        let (passes, second) = test_alone_with(name, &[], &variables);
        let (fine, fails) = second.split_once("7 is guessed").expect("the second check fails again");
        assert!(!passes && !fails.contains("runs: "), "the second check replays: {second}");
        assert!(fine.contains("runs: ") && !fine.contains("of this token"), "the first does not: {second}");
    }
}

#[test]
#[ignore = "the test above runs it"]
fn two_checks_in_one_test() {
    Check::new().runs(100).run(|sim| async move { _ = sim.choose(10) });
    Check::new().runs(100).run(guess);
}

#[test]
#[ignore = "the test above runs it"]
fn two_names_that_come_to_one_file() {
    Check::new().name("a-b").runs(100).run(|sim| async move { _ = sim.choose(10) });
    Check::new().name("a b").runs(100).run(guess);
}

#[test]
fn a_token_of_another_check_is_told_as_that() {
    let token = Check::new().name("helper").find(guess).failures.remove(0).token;
    let (_, text) = test_alone_with("replayed_by_the_test_above", &[], &[("ATROPOS_REPLAY", &token)]);
    let told = format!("ATROPOS_REPLAY={token} is of another check than `replayed_by_the_test_above`");
    assert!(text.contains(&told), "{text}");
}

/// What one of the ignored tests says when it is the only one.
fn test_alone(name: &str) -> (bool, String) {
    test_alone_with(name, &[], &[])
}

fn test_alone_with(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--ignored", "--nocapture"])
        .args(arguments)
        .env("CARGO_MANIFEST_DIR", env!("CARGO_TARGET_TMPDIR"))
        .envs(variables.iter().copied());
    let output = command.env_remove("RUST_BACKTRACE").output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn what_a_process_keeps_between_runs_is_seen_in_a_fresh_one() {
    let (passes, text) = test_alone("a_static_that_is_filled_once");
    assert!(!passes && text.contains("unstable: a run is not the same in a fresh process."), "{text}");
    assert!(text.contains("here           main prints 'known'"), "{text}");
    assert!(text.contains("fresh process  main prints 'learnt'"), "{text}");
    let (passes, text) = test_alone("a_hash_map_that_is_made_once");
    assert!(!passes && text.contains("in a fresh process.") && text.contains("a HashMap"), "{text}");
    let (passes, text) = test_alone("nothing_is_kept");
    assert!(passes && text.contains("9 runs were the same in a fresh process"), "{text}");
    // Where branches are chosen is told to the other process.
    let (passes, text) = test_alone("a_branch_is_noted");
    assert!(passes && text.contains("9 runs were the same in a fresh process"), "{text}");
    // On one thread no thread is called after the test.
    let (passes, text) = test_alone_with("nothing_is_kept", &["--test-threads=1"], &[]);
    assert!(passes && text.contains("9 runs were the same in a fresh process"), "{text}");
}

/// Within one process it is the same for ever after the first run.
#[test]
#[ignore = "the test above runs it"]
fn a_static_that_is_filled_once() {
    static KNOWN: AtomicBool = AtomicBool::new(false);
    Check::new().runs(10).run(|sim| async move {
        sim.note(if KNOWN.swap(true, Ordering::Relaxed) { "known" } else { "learnt" });
    });
}

#[test]
#[ignore = "the test above runs it"]
#[expect(clippy::disallowed_types, reason = "it is what is to be found")]
fn a_hash_map_that_is_made_once() {
    static MAP: std::sync::LazyLock<std::collections::HashMap<u32, u32>> =
        std::sync::LazyLock::new(|| (0..100).map(|number| (number, number)).collect());
    Check::new().runs(10).run(|sim| async move {
        sim.note(format!("{:?}", MAP.keys().take(20).collect::<Vec<_>>()));
    });
}

#[test]
#[ignore = "the test above runs it"]
fn nothing_is_kept() {
    for count in 0..2 {
        Check::new().runs(10).run(move |sim| async move {
            sim.note(format!("{count}, {}", sim.choose(4)));
            sim.cut(sleep(Duration::from_millis(4))).await;
        });
    }
}

/// A map that is made anew in each run has another order in each.
#[test]
#[expect(clippy::disallowed_types, reason = "it is what is to be found")]
fn the_order_of_a_hash_map_is_seen_at_once() {
    let told = story(|sim| async move {
        let map: std::collections::HashMap<u32, u32> = (0..100).map(|number| (number, number)).collect();
        sim.note(format!("{:?}", map.keys().take(20).collect::<Vec<_>>()));
    });
    assert!(told.starts_with("unstable: ") && told.contains("a HashMap"), "{told}");
}

async fn guess(sim: Sim) {
    assert!(sim.choose(10) != 7, "7 is guessed");
}

#[test]
#[ignore = "the test above runs it"]
fn replayed_by_the_test_above() {
    atropos::check(guess);
}

/// A `select!` and a `timeout` of the test's own drop what has not come first, and the story says where that waited.
#[test]
fn what_a_select_or_a_timeout_drops_is_told_with_its_place() {
    let told = story(|_| async {
        let (_sender, receiver) = oneshot::channel::<u32>();
        let receive = async { receiver.await.map(drop) };
        tokio::select! {
            _ = receive => {}
            () = sleep(Duration::from_millis(3)) => {}
        }
        let held = Semaphore::new(0);
        let permit = async { held.acquire().await.map(drop) };
        _ = tokio::time::timeout(Duration::from_millis(2), permit).await;
        panic!("both were dropped");
    });
    let line = |text: &str| {
        let (before, _) = include_str!("check.rs").split_once(text).unwrap();
        format!("drops what waits at check.rs:{}:", before.lines().count())
    };
    let dropped = told.matches("drops what waits at").count();
    assert!(told.contains(&line("receiver.await.map(drop) };\n        tokio::select")), "{told}");
    assert!(told.contains(&line("held.acquire().await.map")) && dropped == 2, "{told}");
}

/// How often the story of this test says that something was dropped where it waited.
fn told_drops<F>(test: impl Fn(Sim) -> F + Send + Sync + 'static) -> usize
where
    F: Future + 'static,
    F::Output: Ending,
{
    story(test).matches("drops what waits at").count()
}

#[test]
fn what_is_waited_for_on_another_line_was_not_dropped() {
    let drops = told_drops(|_| async {
        let (_sender, mut receiver) = oneshot::channel::<u32>();
        tokio::select! {
            biased;
            _ = &mut receiver => {}
            () = sleep(Duration::from_millis(3)) => {}
        }
        let worker = task::spawn(sleep(Duration::from_millis(9)));
        let mut worker = pin!(worker);
        tokio::select! {
            biased;
            _ = &mut worker => {}
            () = sleep(Duration::from_millis(3)) => {}
        }
        worker.await.unwrap();
        _ = tokio::time::timeout(Duration::from_millis(3), &mut receiver).await;
        panic!("now it is dropped");
    });
    assert_eq!(drops, 0);
}

#[test]
fn each_drop_in_a_loop_is_told() {
    let drops = told_drops(|_| async {
        let pool = Semaphore::new(0);
        for _ in 0..3 {
            let permit = async { pool.acquire().await.map(drop) };
            tokio::select! {
                biased;
                () = sleep(Duration::from_millis(2)) => {}
                _ = permit => {}
            }
        }
        _ = tokio::time::timeout(Duration::from_millis(2), pool.acquire()).await;
        let sleeper = async { sleep(Duration::from_millis(9)).await };
        _ = tokio::time::timeout(Duration::from_millis(2), sleeper).await;
        panic!("three, and two");
    });
    assert_eq!(drops, 5);
}

/// A channel keeps the waker of a receiver that a `select!` has dropped.
#[test]
fn a_task_waits_where_it_has_come_to_and_not_where_a_select_has_left() {
    let told = story(|_| async {
        let (sender, mut inbox) = mpsc::channel::<u32>(1);
        let receive = async { inbox.recv().await };
        tokio::select! {
            _ = receive => {}
            () = sleep(Duration::from_millis(3)) => {}
        }
        sleep(Duration::from_millis(4)).await;
        drop(sender);
        panic!("it slept twice");
    });
    let line = |text: &str| include_str!("check.rs").split_once(text).unwrap().0.lines().count();
    let (receives, sleeps) = (
        line("inbox.recv().await };\n        tokio::sel"),
        line("sleep(Duration::from_millis(4)).await;\n        drop(se"),
    );
    assert!(told.contains(&format!("starts, waits at check.rs:{receives}:")), "{told}");
    assert!(told.contains(&format!("0.003s  ├ wakes, waits at check.rs:{sleeps}:")), "{told}");
}

/// A future that has got what it waited for was woken, and one that goes on waiting is not dropped, whoever polls it how often.
#[test]
fn what_is_done_or_waits_on_is_not_told_as_dropped() {
    let told = story(|_| async {
        let (sender, mut inbox) = mpsc::channel::<u32>(1);
        let mut set = task::JoinSet::new();
        for number in 0..3 {
            let sender = sender.clone();
            set.spawn(async move {
                sleep(Duration::from_millis(number)).await;
                sender.send(1).await.unwrap();
            });
        }
        let mut ticks = tokio::time::interval(Duration::from_millis(1));
        for _ in 0..8 {
            tokio::select! {
                biased;
                Some(done) = set.join_next() => done.unwrap(),
                Some(_) = inbox.recv() => {}
                _ = ticks.tick() => {}
            }
        }
        futures_util::future::join_all((0..40).map(|number| sleep(Duration::from_millis(number)))).await;
        drop(set);
        panic!("nothing was");
    });
    assert!(!told.contains("drops what waits"), "{told}");
}

#[test]
fn a_test_may_end_in_a_panic() {
    let told = story(|sim| async move {
        if sim.choose(2) == 0 {
            return;
        }
        panic!("it never ends well");
    });
    assert!(told.contains("it never ends well"), "{told}");
    let found = Check::new().runs(10).find(|_| async { panic!("at once") });
    assert_eq!(found.failures[0].what, "panicked");
}

/// Without `biased`, tokio draws which branch comes first. Both orders are runs like any other, and the same again.
#[test]
fn an_unbiased_select_is_a_choice() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let all = seen.clone();
    let found = Check::new().runs(200).find(move |sim| {
        let seen = all.clone();
        async move {
            let (first, mut inbox) = mpsc::channel(8);
            let second = first.clone();
            first.send(1).await.unwrap();
            let (other, mut outbox) = mpsc::channel(8);
            other.send(2).await.unwrap();
            drop(second);
            let mut order = Vec::new();
            for _ in 0..2 {
                tokio::select! {
                    one = inbox.recv(), if !order.contains(&1) => order.extend(one),
                    two = outbox.recv(), if !order.contains(&2) => order.extend(two),
                }
                sim.note(order.len());
                task::yield_now().await;
            }
            seen.lock().unwrap().insert(order);
        }
    });
    assert!(!found.covered.contains("differ"), "{}", found.covered);
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
    assert_eq!(*seen.lock().unwrap(), BTreeSet::from([vec![1, 2], vec![2, 1]]));
}

#[test]
fn a_branch_that_comes_first_too_seldom_is_found() {
    let told = story(|_| async {
        let mut last = 0;
        for _ in 0..3 {
            task::yield_now().await;
            last = tokio::select! {
                () = std::future::ready(()) => 1,
                () = std::future::ready(()) => 2,
            };
        }
        assert!(last != 2, "the second branch was first");
    });
    assert!(told.contains("polls the last branch of its `select!` first"), "{told}");
}

#[test]
#[ignore = "another test runs it"]
fn a_branch_is_noted() {
    atropos::check(|sim| async move {
        let which = task::spawn(async {
            tokio::select! {
                () = std::future::ready(()) => "first",
                () = std::future::ready(()) => "last",
            }
        });
        sim.note(which.await.unwrap());
    });
}

/// Nobody has drawn in the runs that were measured: what the first that does has found is found again.
#[test]
fn a_select_that_is_seen_late_is_a_choice_all_the_same() {
    for rare in 1..4 {
        let found = Check::new().find(move |sim| async move {
            if sim.choose(50) == 7 * rare {
                let last = tokio::select! {
                    () = std::future::ready(()) => false,
                    () = std::future::ready(()) => true,
                };
                assert!(!last || sim.choose(2) == 0, "the last branch");
                task::yield_now().await;
                let last = tokio::select! {
                    () = std::future::ready(()) => false,
                    () = std::future::ready(()) => true,
                };
                assert!(!last, "the last branch of the second");
            }
        });
        let whats: Vec<&str> = found.failures.iter().map(|failed| failed.what).collect();
        assert_eq!(whats, ["panicked"], "{}", found.covered);
    }
}

/// That a task draws in its only poll with a `select!` is known from the runs in which the test was measured.
#[test]
fn the_only_select_of_a_task_is_a_choice() {
    let told = story(|_| async {
        let which = task::spawn(async {
            tokio::select! {
                () = std::future::ready(()) => "stopped",
                () = std::future::ready(()) => "worked",
            }
        });
        assert_eq!(which.await.unwrap(), "stopped");
    });
    assert!(told.contains("polls the last branch of its `select!` first"), "{told}");
}

#[test]
fn branches_that_nobody_can_choose_are_told() {
    let test = |count: u32| {
        move |_| async move {
            for _ in 0..count {
                tokio::select! {
                    () = std::future::ready(()) => {}
                    () = std::future::ready(()) => {}
                }
            }
        }
    };
    let told = |count| Check::new().runs(20).find(test(count)).covered;
    assert!(told(3).contains(" branches of unbiased `select!`s were left to chance"), "{}", told(3));
    assert!(!told(2).contains("left to chance"), "{}", told(2));
}

#[test]
fn what_has_to_happen_in_some_run_is_missed() {
    let told = story(|sim| async move {
        sim.sometimes("a big number", sim.choose(3) == 2);
        sim.sometimes("a number that is none", sim.choose(3) == 3);
    });
    assert!(told.starts_with("never-happened: \"a number that is none\" is to happen in some run"), "{told}");
}

#[test]
fn rejected_runs_are_no_failures_and_are_told_if_they_are_most() {
    let rarely = Check::new().runs(100).find(|sim| async move {
        let number = sim.choose(100);
        sim.assume(number == 0);
        assert_eq!(number, 0);
    });
    assert!(rarely.failures.is_empty());
    assert!(rarely.covered.contains("runs were rejected by `assume`"), "{}", rarely.covered);
    let mostly = Check::new().runs(100).find(|sim| async move { sim.assume(sim.choose(100) != 7) });
    assert!(!mostly.covered.contains("rejected"), "{}", mostly.covered);
}

#[test]
fn what_is_watched_has_to_be_given_back() {
    let told = story(|sim| async move {
        let pool = Arc::new(Semaphore::new(2));
        sim.watch("permits", pool.clone());
        sim.cut(upload(&pool)).await;
    });
    assert!(told.contains("main ended, and something is not given back: permits: 2 before, 1 now."), "{told}");
    assert!(flat(&told).contains("fails: it"), "{told}");
}

#[test]
fn a_task_that_outlives_what_made_it_is_told_if_that_is_asked_for() {
    async fn leaves_a_task() {
        let flush = tokio::spawn(std::future::pending::<()>());
        sleep(Duration::from_millis(1)).await;
        flush.abort();
    }
    let test = |sim: Sim| async move {
        sim.cut(leaves_a_task()).await;
        sim.settle().await;
    };
    assert!(Check::new().find(test).failures.is_empty());
    let found = Check::new().no_orphans().find(test);
    let told = &found.failures[0].story;
    assert!(
        told.starts_with("outlives-owner: `Pending` was still there at the end although what had made it"),
        "{told}"
    );
}

/// A write in a task of its own, which goes on when whoever awaits it is dropped.
async fn put(sim: Sim, stored: Arc<AtomicU32>, attempt: u32, millis: u64, is_fenced: bool) {
    let write = tokio::spawn(async move {
        sleep(Duration::from_millis(millis)).await;
        if !is_fenced || stored.fetch_max(attempt, Ordering::Relaxed) < attempt {
            sim.note("stores");
        }
    });
    write.await.unwrap();
}

#[test]
fn an_effect_that_lands_after_a_retry_is_told_if_that_is_asked_for() {
    let test = |is_fenced: bool| {
        move |sim: Sim| async move {
            let stored = Arc::new(AtomicU32::new(0));
            if sim.cut(put(sim, stored.clone(), 1, 20, is_fenced)).await.is_none() {
                put(sim, stored, 2, 5, is_fenced).await;
            }
            sim.settle().await;
        }
    };
    assert!(Check::new().find(test(false)).failures.is_empty());
    let found = Check::new().no_late_effects().find(test(false));
    let told = flat(&found.failures[0].story);
    assert!(told.starts_with("late-effect: what had made `put block` was cut, and it went on: 'stores' at"), "{told}");
    assert!(told.contains("after `put block#2` had done it at"), "{told}");
    let fixed = Check::new().no_late_effects().find(test(true));
    assert!(fixed.failures.is_empty(), "{}", fixed.failures[0].story);
}

#[test]
fn a_future_that_is_polled_after_it_was_done_is_told() {
    let told = story(|_| async {
        let mut done = pin!(async { task::yield_now().await });
        done.as_mut().await;
        done.as_mut().await;
    });
    let line = line!() - 4;
    assert!(told.starts_with(&format!("panicked: main panicked at tests/check.rs:{line}:")), "{told}");
    assert!(told.contains("resumed after completion"), "{told}");
}

#[test]
#[cfg(feature = "network")]
fn real_sockets_are_told_with_their_line() {
    let told = story(|_| async {
        _ = ::tokio::net::TcpStream::connect("127.0.0.1:9").await;
    });
    let line = line!() - 2;
    let told = flat(&told);
    assert!(told.starts_with("panicked: main panicked at "), "{told}");
    assert!(told.contains(&format!("called at tests/check.rs:{line}:")), "{told}");
    assert!(told.contains("real I/O cannot be simulated here"), "{told}");
}

#[test]
fn a_sim_on_another_thread_says_so() {
    let told = story(|sim| async move {
        let other = std::thread::spawn(move || refused(move || sim.note("from afar"))).join();
        assert!(sim.choose(1) == 1, "{}", other.unwrap());
    });
    assert!(flat(&told).contains("it works on the thread of its run only"), "{told}");
}

#[test]
fn two_checks_at_once_do_not_know_of_each_other() {
    let check = || {
        let found = Check::new().runs(200).find(guess);
        found.failures.into_iter().map(|failed| failed.story).collect::<Vec<_>>()
    };
    let threads: Vec<_> = (0..2).map(|_| std::thread::spawn(check)).collect();
    let stories: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(stories[0].len() == 1 && stories[0] == stories[1], "{stories:?}");
}

#[test]
fn tasks_that_nobody_orders_are_told() {
    let found = Check::new().runs(10).find(|_| async {
        let stray = ::tokio::spawn(async { sleep(Duration::from_millis(1)).await });
        stray.await.unwrap();
    });
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
    let line = line!() - 4;
    let told = format!("up to 1 tasks at once were spawned past `atropos::tokio` at tests/check.rs:{line}, so nobody");
    assert!(found.covered.contains(&told), "{}", found.covered);
    async fn leaves_one(millis: u64) {
        sleep(Duration::from_millis(millis)).await;
        ::tokio::spawn(async { sleep(Duration::from_millis(1)).await });
        sleep(Duration::from_millis(millis)).await;
    }
    let line = line!() - 3;
    let found = Check::new().runs(10).find(|sim| async move { _ = sim.cut(leaves_one(3)).await });
    assert!(found.covered.contains(&format!("`atropos::tokio` at tests/check.rs:{line}, so")), "{}", found.covered);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is what is to be found")]
fn work_on_other_threads_is_told_with_the_place_that_waits_for_it() {
    let found = Check::new().runs(4).find(|_| async {
        ::tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(20))).await.unwrap();
    });
    let line = line!() - 2;
    let told = format!("a task was woken by another thread at tests/check.rs:{line}:");
    assert!(found.covered.contains(&told), "{}", found.covered);
    let quiet = Check::new().runs(4).find(|_| async { task::spawn_blocking(|| ()).await.unwrap() });
    assert!(!quiet.covered.contains("another thread"), "{}", quiet.covered);
}

#[test]
fn a_run_that_is_not_repeated_is_told_with_suspects() {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let found = Check::new().find(|sim| async move {
        sim.note(RUNS.fetch_add(1, Ordering::Relaxed));
    });
    let told = &found.failures[0].story;
    assert!(told.starts_with("unstable: ") && told.contains("Likely suspects"), "{told}");
}

#[test]
fn ten_thousands_of_tasks_are_no_trouble() {
    let found = Check::new().runs(0).find(|_| async {
        let tasks: Vec<_> = (0..30_000_u32).map(|_| tokio::spawn(async { task::yield_now().await })).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
}

/// What a test says that cannot work.
fn refused(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(test).expect_err("it does not work");
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap()
}

#[test]
fn a_check_in_a_runtime_or_in_another_check_says_what_to_do() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let in_runtime = refused(move || runtime.block_on(async { atropos::check(|_| async {}) }));
    assert!(in_runtime.contains("write #[test] instead of #[tokio::test]"), "{in_runtime}");
    let (passes, in_test) = test_alone("in_a_test_of_tokio");
    assert!(!passes && in_test.contains("write #[test] instead of #[tokio::test]"), "{in_test}");
    let nested = story(|_| async { atropos::check(|_| async {}) });
    assert!(nested.contains("in a run of another check"), "{nested}");
}

#[tokio::test]
#[ignore = "the test above runs it"]
async fn in_a_test_of_tokio() {
    atropos::check(|_| async {});
}

#[test]
fn a_sim_outside_of_its_run_says_so() {
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    Check::new().runs(2).run(move |sim| {
        *keep.lock().unwrap() = Some(sim);
        async {}
    });
    let sim = kept.lock().unwrap().take().unwrap();
    let told = refused(move || sim.note("too late"));
    assert!(told.contains("outside of the check that it belongs to"), "{told}");
}

#[test]
fn outside_of_a_check_tasks_are_tokios_own() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        assert_eq!(tokio::spawn(async { 1 }).await.unwrap(), 1);
        assert_eq!(task::spawn_blocking(|| 2).await.unwrap(), 2);
        let mut set: task::JoinSet<u32> = [3, 4].into_iter().map(|number| async move { number }).collect();
        let mut sum = 0;
        while let Some(number) = set.join_next().await {
            sum += number.unwrap();
        }
        assert_eq!(sum, 7);
    });
}

#[test]
fn awaits_that_never_waited_are_named() {
    let found = Check::new().runs(10).await_coverage().find(|_| async {
        sleep(Duration::from_millis(1)).await;
    });
    println!("{}", found.covered);
    let told =
        found.covered.lines().find(|line| line.contains("awaits in 1 files waited in 16 recorded runs")).unwrap();
    assert!(told.starts_with("1 of "), "{told}");
    assert!(found.covered.contains("never seen to wait: tests/check.rs:"), "{}", found.covered);
}

/// A client posts, and a server charges: how it ends depends on when the client is dropped. Right after its polls there are
/// two ways; at every millisecond while it waits there are five.
#[test]
fn a_post_that_is_dropped_at_any_time_ends_in_five_ways() {
    let millis = Duration::from_millis;
    let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
    let all = outcomes.clone();
    let found = Check::new().plain_order().find(move |sim| {
        let all = all.clone();
        async move {
            let (post, mut wire) = mpsc::channel::<oneshot::Sender<()>>(1);
            let server = Arc::new(Mutex::new("heard nothing"));
            let says = server.clone();
            sim.spawn("server", async move {
                let Some(mut reply) = wire.recv().await else { return };
                let say = |what| *says.lock().unwrap() = what;
                say("reads");
                for step in ["authorized", "charged"] {
                    tokio::select! {
                        biased;
                        () = reply.closed() => return,
                        () = sleep(millis(3)) => say(step),
                    }
                }
                sleep(millis(2)).await;
                say(if reply.send(()).is_ok() { "charged and told" } else { "charged, but the client is gone" });
            });
            let posted = sim.cut(async {
                let (reply, done) = oneshot::channel();
                sleep(millis(1)).await;
                post.send(reply).await.unwrap();
                done.await.unwrap();
            });
            posted.await;
            drop(post);
            sim.settle().await;
            all.lock().unwrap().insert(*server.lock().unwrap());
        }
    });
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
    let outcomes = outcomes.lock().unwrap();
    let expected = ["heard nothing", "reads", "authorized", "charged, but the client is gone", "charged and told"];
    assert_eq!(*outcomes, BTreeSet::from(expected));
}
