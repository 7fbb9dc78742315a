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
    let told = story(|_| async {
        while !std::hint::black_box(false) {
            sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(told.starts_with("unsettled: "), "{told}");
}

#[test]
fn an_error_that_is_returned_is_a_failure() {
    let told = story(|sim| async move {
        sleep(Duration::from_millis(3)).await;
        if sim.chance(500_000) { Err("the server said no") } else { Ok(()) }
    });
    assert!(told.contains("the server said no"), "{told}");
}

#[test]
fn a_panic_of_any_task_is_a_failure_even_if_nobody_joins_it() {
    let told = story(|sim| async move {
        sim.spawn("worker", async { panic!("oh no") });
        sleep(Duration::from_millis(1)).await;
    });
    assert!(told.starts_with("panicked: `worker` panicked at tests/check.rs:"), "{told}");
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

async fn guess(sim: Sim) {
    assert!(sim.choose(10) != 7, "7 is guessed");
}

#[test]
#[ignore = "the test above runs it"]
fn replayed_by_the_test_above() {
    atropos::check(guess);
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
    // The first draw of a task is the first branch; from then on it is a choice.
    assert!(seen.lock().unwrap().contains(&vec![1, 2]));
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
