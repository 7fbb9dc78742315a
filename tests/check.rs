//! `atropos::check` on small tests of its own.

use std::sync::Arc;

use atropos::check::Check;
use atropos::tokio::sync::Semaphore;
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
