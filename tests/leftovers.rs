//! What a run of a check leaves behind: nothing for the next run, and nothing untold.

use std::sync::{Arc, Mutex};
use std::task::Waker;

use atropos::check::{Check, Failed};
use atropos::tokio;
use atropos::tokio::sync::Notify;
use atropos::tokio::time::{Duration, advance, sleep};

fn failed(failures: &[Failed]) -> &Failed {
    failures.first().expect("it fails")
}

/// Does something when it is dropped.
struct AtTheEnd<F: FnMut()>(F);

impl<F: FnMut()> Drop for AtTheEnd<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn each_run_begins_at_a_whole_millisecond() {
    let found = Check::new().runs(20).find(|sim| async move {
        sleep(Duration::from_millis(1)).await;
        assert_eq!(sim.now(), Duration::from_millis(1));
        advance(Duration::from_micros(500)).await;
    });
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
}

#[test]
fn a_destructor_that_panics_at_the_very_end_is_a_failure() {
    let found = Check::new().runs(20).find(|_| async {
        tokio::spawn(async {
            let _bomb = AtTheEnd(|| panic!("never given back"));
            sleep(Duration::from_secs(1000)).await;
        });
        sleep(Duration::from_millis(1)).await;
    });
    let failed = failed(&found.failures);
    assert!(failed.what == "panicked" && failed.story.contains("never given back"), "{}", failed.story);
}

#[test]
fn a_panic_that_was_caught_is_none_at_the_end() {
    let found = Check::new().runs(20).find(|_| async {
        std::panic::catch_unwind(|| panic!("and caught")).unwrap_err();
    });
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
}

#[test]
fn any_number_of_polls_may_be_allowed() {
    let found = Check::new().runs(20).polls(u64::MAX).find(|_| async { sleep(Duration::from_millis(1)).await });
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
}

#[test]
fn what_is_watched_is_dropped_within_the_run() {
    let found = Check::new().runs(20).find(|sim| async move {
        let pool = AtTheEnd(|| _ = ::tokio::spawn(async {}));
        sim.watch("idle", move || {
            let _pool = &pool;
            0
        });
        Err::<(), _>("the real failure")
    });
    let failed = failed(&found.failures);
    assert!(failed.story.contains("the real failure"), "{}", failed.story);
}

/// A destructor spawns a task and then wakes one that was dropped before it.
#[test]
fn a_destructor_may_spawn_and_wake_at_the_end() {
    let found = Check::new().runs(20).find(|_| async {
        let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
        let known = waker.clone();
        tokio::spawn(async move {
            let _last = AtTheEnd(move || {
                drop(tokio::task::spawn_local(async {}));
                known.lock().unwrap().take().unwrap().wake();
            });
            std::future::pending::<()>().await;
        });
        tokio::spawn(std::future::poll_fn(move |context| {
            *waker.lock().unwrap() = Some(context.waker().clone());
            std::task::Poll::<()>::Pending
        }));
        sleep(Duration::from_millis(1)).await;
    });
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
}

/// A task is woken by one, and aborted by another before it is polled.
#[test]
fn who_aborts_a_woken_task_is_told() {
    let found = Check::new().runs(1).plain_order().find(|sim| async move {
        let bell = Arc::new(Notify::new());
        let heard = bell.clone();
        let sleeper = sim.spawn("sleeper", async move { heard.notified().await });
        let abort = sleeper.abort_handle();
        sleep(Duration::from_millis(1)).await;
        sim.spawn("ringer", async move { bell.notify_one() });
        sim.spawn("killer", async move { abort.abort() });
        sleeper.await
    });
    let failed = failed(&found.failures);
    println!("{}", failed.story);
    assert!(failed.story.contains("cancelled by killer"), "{}", failed.story);
}

/// Without a `LocalSet` of its own, tokio's `spawn_local` works in a check, and is told of.
#[test]
fn a_bare_spawn_local_is_a_stray() {
    let found = Check::new().runs(50).find(|_| async {
        let bell = Arc::new(Notify::new());
        let heard = bell.clone();
        let stray = ::tokio::task::spawn_local(async move {
            for _ in 0..3 {
                heard.notified().await;
                sleep(Duration::from_millis(1)).await;
            }
        });
        for _ in 0..3 {
            bell.notify_one();
            sleep(Duration::from_millis(2)).await;
        }
        stray.await.unwrap();
    });
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
    assert!(found.covered.contains("spawned past `atropos::tokio` at tests/leftovers.rs:"), "{}", found.covered);
}
#[test]
fn an_unwrapped_join_error_is_the_same_each_time() {
    for is_returned in [false, true] {
        let found = Check::new().runs(20).find(move |_| async move {
            let sleeper = tokio::spawn(sleep(Duration::from_secs(1)));
            sleeper.abort();
            let ended = sleeper.await;
            if is_returned {
                return ended.map_err(|error| error.to_string());
            }
            ended.unwrap();
            Ok(())
        });
        let what = if is_returned { "main-failed" } else { "panicked" };
        assert_eq!(failed(&found.failures).what, what, "{}", failed(&found.failures).story);
    }
}

/// A sleep that is over leaves no trace of where it was.
#[test]
fn a_task_waits_where_it_waits_now() {
    let found = Check::new().runs(20).plain_order().find(|sim| async move {
        let slow = sim.spawn("slow", sleep(Duration::from_millis(9)));
        sleep(Duration::from_millis(1)).await;
        slow.await.unwrap();
        Err::<(), _>("to be told")
    });
    let line = line!() - 3;
    let story = &failed(&found.failures).story;
    assert!(story.contains(&format!("waits at leftovers.rs:{line}:")), "line {line}: {story}");
}

/// What was planned for a moment that comes after everybody has been found to wait for ever is not done: it would set somebody
/// free, and be told as a wake that was lost.
#[test]
fn nobody_is_cut_when_a_deadlock_is_looked_at() {
    let found = Check::new().runs(4_000).find(|sim| async move {
        // Its many moments are what is planned with.
        let life = async {
            for _ in 0..120 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        match sim.choose(2) {
            0 => _ = sim.cut(life).named("victim").await,
            _ => _ = sim.cut(std::future::pending::<()>()).named("victim").await,
        }
    });
    let whats: Vec<&str> = found.failures.iter().map(|failed| failed.what).collect();
    assert_eq!(whats, ["deadlock"]);
}

#[test]
fn a_loop_that_spawns_for_ever_is_given_up() {
    let found = Check::new().runs(20).polls(2_000).find(|_| async {
        loop {
            tokio::spawn(sleep(Duration::from_millis(1))).await.unwrap();
        }
    });
    assert_eq!(failed(&found.failures).what, "unsettled");
}

#[test]
fn an_error_and_a_leak_are_two_failures() {
    let found = Check::new().runs(100).find(|sim| async move {
        let left = Arc::new(Mutex::new(1));
        let level = left.clone();
        sim.watch("permits", move || *level.lock().unwrap());
        match sim.choose(3) {
            1 => return Err("the server said no"),
            2 => *left.lock().unwrap() = 0,
            _ => {}
        }
        Ok(())
    });
    let stories: Vec<&str> = found.failures.iter().map(|failed| failed.story.as_str()).collect();
    assert_eq!(stories.len(), 2, "{stories:?}");
    let told = |words: &str| stories.iter().any(|story| story.contains(words));
    assert!(told("the server said no") && told("is not given back"), "{stories:?}");
}
