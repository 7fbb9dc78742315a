//! One of several tasks fails, `try_join_all` over their handles returns at once, and the others go on behind its back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::task::JoinSet;
use atropos::tokio::time::{Duration, sleep};
use futures_util::future::try_join_all;

async fn write_part(part: u64, written: Arc<AtomicU32>) -> Result<(), String> {
    sleep(Duration::from_millis(part)).await;
    if part == 2 {
        return Err("the disk is full".to_owned());
    }
    written.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

async fn write_all(written: &Arc<AtomicU32>) -> Result<(), String> {
    let tasks = (1..=4).map(|part| tokio::spawn(write_part(part, written.clone())));
    let parts = try_join_all(tasks.map(|task| async { task.await.map_err(|error| error.to_string())? }));
    parts.await.map(|_| ())
}

async fn write_all_or_stop(written: &Arc<AtomicU32>) -> Result<(), String> {
    let mut tasks = JoinSet::new();
    (1..=4).for_each(|part| _ = tasks.spawn(write_part(part, written.clone())));
    while let Some(part) = tasks.join_next().await {
        // Dropping the set aborts what is left in it.
        part.map_err(|error| error.to_string())??;
    }
    Ok(())
}

async fn nothing_is_written_after_the_failure(sim: Sim, is_fixed: bool) {
    let written = Arc::new(AtomicU32::new(0));
    let result = if is_fixed { write_all_or_stop(&written).await } else { write_all(&written).await };
    assert!(result.is_err());
    let before = written.load(Ordering::Relaxed);
    sim.settle().await;
    assert_eq!(written.load(Ordering::Relaxed), before, "nobody writes behind the caller's back");
}

pub async fn buggy(sim: Sim) {
    nothing_is_written_after_the_failure(sim, false).await;
}

pub async fn fixed(sim: Sim) {
    nothing_is_written_after_the_failure(sim, true).await;
}
