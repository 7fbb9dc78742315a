//! A caller that is dropped cleans up, while the blocking work that it started has not even begun.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use atropos::check::Sim;
use atropos::tokio::task::spawn_blocking;

#[derive(Default)]
struct Disk {
    files: Mutex<BTreeSet<&'static str>>,
}

/// Removes the file unless it is kept.
struct Temporary {
    disk: Arc<Disk>,
    is_removed: Arc<AtomicBool>,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.is_removed.store(true, Ordering::Relaxed);
        self.disk.files.lock().unwrap().remove("part");
    }
}

async fn download(disk: Arc<Disk>, looks_first: bool) {
    let is_removed = Arc::new(AtomicBool::new(false));
    let file = Temporary { disk: disk.clone(), is_removed: is_removed.clone() };
    let write = move || {
        let mut files = disk.files.lock().unwrap();
        if !looks_first || !is_removed.load(Ordering::Relaxed) {
            files.insert("part");
        }
    };
    spawn_blocking(write).await.unwrap();
    drop(file);
}

async fn nothing_is_left(sim: Sim, looks_first: bool) {
    let disk = Arc::new(Disk::default());
    sim.cut(download(disk.clone(), looks_first)).await;
    sim.settle().await;
    assert_eq!(disk.files.lock().unwrap().len(), 0, "no temporary file is left");
}

pub async fn buggy(sim: Sim) {
    nothing_is_left(sim, false).await;
}

pub async fn fixed(sim: Sim) {
    nothing_is_left(sim, true).await;
}
