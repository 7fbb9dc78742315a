//! A write goes on in a task of its own after its caller has given up, and lands on top of what the caller wrote then.

use std::sync::{Arc, Mutex};

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::time::{Duration, sleep};

/// What is stored, and by which attempt.
type Store = Arc<Mutex<(u32, &'static str)>>;

async fn put(store: &Store, attempt: u32, value: &'static str, latency: u64, is_fenced: bool) {
    let store = store.clone();
    let write = tokio::spawn(async move {
        sleep(Duration::from_millis(latency)).await;
        let mut stored = store.lock().unwrap();
        if !is_fenced || stored.0 < attempt {
            *stored = (attempt, value);
        }
    });
    write.await.unwrap();
}

async fn the_last_word_stands(sim: Sim, is_fenced: bool) {
    let store = Store::default();
    if sim.cut(put(&store, 1, "old", 20, is_fenced)).await.is_none() {
        put(&store, 2, "new", 5, is_fenced).await;
        sim.settle().await;
        assert_eq!(store.lock().unwrap().1, "new");
    }
}

pub async fn buggy(sim: Sim) {
    the_last_word_stands(sim, false).await;
}

pub async fn fixed(sim: Sim) {
    the_last_word_stands(sim, true).await;
}
