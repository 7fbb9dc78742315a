//! A worker is told to stop by `notify_waiters`, which nobody hears who is not waiting just then.

use std::sync::Arc;

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::sync::{Notify, watch};

pub async fn buggy(_: Sim) {
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    let worker = tokio::spawn(async move { stopped.notified().await });
    // In tokio's own order the worker waits before anybody stops it.
    tokio::spawn(async move { stop.notify_waiters() });
    worker.await.unwrap();
}

pub async fn fixed(_: Sim) {
    let (stop, mut stopped) = watch::channel(false);
    let worker = tokio::spawn(async move { stopped.wait_for(|stopped| *stopped).await.map(|_| ()) });
    tokio::spawn(async move { stop.send(true).unwrap() });
    worker.await.unwrap().unwrap();
}
