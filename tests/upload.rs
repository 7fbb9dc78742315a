//! The first test of the README, and what it says.

use std::time::Duration;

use atropos::check::Check;
use atropos::tokio::sync::Semaphore;
use atropos::tokio::time::sleep;

async fn upload(pool: &Semaphore) {
    let permit = pool.acquire().await.unwrap();
    permit.forget();
    sleep(Duration::from_millis(5)).await;
    pool.add_permits(1);
}

#[test]
fn a_cut_upload_gives_its_permit_back() {
    let found = Check::new().find(|sim| async move {
        let pool = Semaphore::new(2);
        sim.cut(upload(&pool)).await;
        sim.settle().await;
        assert_eq!(pool.available_permits(), 2);
    });
    let told = format!("{}\n{}", found.failures[0].story, found.covered);
    println!("{told}");
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    assert!(readme.contains(told.trim_end()), "the README does not say:\n{told}");
}
