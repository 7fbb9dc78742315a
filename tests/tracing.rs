//! `tracing` events of the code under test: told with the failure, silent otherwise.

use std::sync::atomic::{AtomicU64, Ordering};

use atropos::check::{Check, Sim};
use atropos::tokio::sync::Semaphore;
use atropos::tokio::time::{Duration, sleep};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, debug, info, info_span};

async fn upload(pool: &Semaphore, file: &str) {
    pool.acquire().await.unwrap().forget();
    info_span!("upload", file).in_scope(|| info!(left = pool.available_permits(), "takes a permit"));
    sleep(Duration::from_millis(5)).await;
    pool.add_permits(1);
    debug!("gives it back");
}

async fn a_permit_is_given_back(sim: Sim) {
    let pool = Semaphore::new(2);
    sim.cut(upload(&pool, "a.txt")).await;
    sim.settle().await;
    assert_eq!(pool.available_permits(), 2);
}

#[test]
fn events_stand_in_the_lanes_at_virtual_time() {
    let found = Check::new().name("traced").find(a_permit_is_given_back);
    let story = &found.failures[0].story;
    insta::with_settings!({ snapshot_path => "../snapshots/check", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("traced", story);
    });
}

#[cfg(feature = "network")]
#[test]
fn events_of_hosts_stand_in_the_lanes_as_well() {
    let found = atropos::check::Network::new().name("traced").find(|hosts| {
        hosts.host("store", || async {
            info!("opens");
            sleep(Duration::from_millis(3)).await;
            info!("closes");
            std::future::pending().await
        });
        async {
            info_span!("customer").in_scope(|| info!("comes"));
            sleep(Duration::from_millis(2)).await;
            Err::<(), _>("leaves")
        }
    });
    let story = &found.failures[0].story;
    for event in ["INFO opens", "INFO customer: comes"] {
        assert!(story.contains(event), "{event}: {story}");
    }
    assert!(!story.contains("TRACE") && !story.contains("INFO closes"), "{story}");
}

/// Counts what a subscriber of the test's own gets to hear.
struct Counting;

static HEARD: AtomicU64 = AtomicU64::new(0);

impl Subscriber for Counting {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        HEARD.fetch_add(1, Ordering::Relaxed);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        HEARD.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn runs_that_are_made_and_told_are_silent() {
    tracing::subscriber::set_global_default(Counting).unwrap();
    Check::new().runs(50).find(a_permit_is_given_back);
    #[cfg(feature = "network")]
    atropos::check::Network::new().runs(5).find(|_| async { info!("on a network") });
    assert_eq!(HEARD.load(Ordering::Relaxed), 0);
    info!("outside of a check");
    assert_eq!(HEARD.load(Ordering::Relaxed), 1);
}
