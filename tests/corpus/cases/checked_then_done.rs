//! Two tasks look whether something is there, await, and then both make it. No cut is needed: another order is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::sync::{Mutex, OnceCell};
use atropos::tokio::task::yield_now;

async fn make(made: &AtomicU32) -> u32 {
    yield_now().await;
    made.fetch_add(1, Ordering::Relaxed)
}

async fn get_or_make(cache: Arc<Mutex<Option<u32>>>, made: Arc<AtomicU32>) {
    let known = *cache.lock().await;
    if known.is_none() {
        let value = make(&made).await;
        *cache.lock().await = Some(value);
    }
}

async fn get_or_make_once(cache: Arc<OnceCell<u32>>, made: Arc<AtomicU32>) {
    cache.get_or_init(|| make(&made)).await;
}

pub async fn buggy(_: Sim) {
    let (cache, made) = (Arc::default(), Arc::default());
    let tasks = [(); 2].map(|()| tokio::spawn(get_or_make(Arc::clone(&cache), Arc::clone(&made))));
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(made.load(Ordering::Relaxed), 1, "it is made once");
}

pub async fn fixed(_: Sim) {
    let (cache, made) = (Arc::default(), Arc::default());
    let tasks = [(); 2].map(|()| tokio::spawn(get_or_make_once(Arc::clone(&cache), Arc::clone(&made))));
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(made.load(Ordering::Relaxed), 1, "it is made once");
}
