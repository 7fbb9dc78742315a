//! A lock is handed to a future that nobody polls any more, and whoever polled it waits for that lock.

use std::pin::pin;
use std::sync::Arc;

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::sync::Mutex;
use atropos::tokio::time::{Duration, sleep};

async fn use_resource(lock: &Mutex<u32>) {
    *lock.lock().await += 1;
}

async fn hold_for_a_while(lock: Arc<Mutex<u32>>) {
    let _guard = lock.lock().await;
    sleep(Duration::from_millis(50)).await;
}

pub async fn buggy(_: Sim) {
    let lock = Arc::new(Mutex::new(0));
    tokio::spawn(hold_for_a_while(lock.clone()));
    tokio::task::yield_now().await;
    let mut first = pin!(use_resource(&lock));
    tokio::select! {
        biased;
        () = &mut first => {}
        () = sleep(Duration::from_millis(10)) => use_resource(&lock).await,
    }
}

pub async fn fixed(_: Sim) {
    let lock = Arc::new(Mutex::new(0));
    tokio::spawn(hold_for_a_while(lock.clone()));
    tokio::task::yield_now().await;
    tokio::select! {
        biased;
        // The branch that has lost is dropped before the other one's code runs.
        () = use_resource(&lock) => {}
        () = sleep(Duration::from_millis(10)) => use_resource(&lock).await,
    }
}
