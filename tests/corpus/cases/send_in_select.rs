//! A job is taken out of a queue and then sent: whoever drops the send has lost the job. `reserve` waits first and takes
//! then.

use std::collections::VecDeque;

use atropos::check::Sim;
use atropos::tokio::sync::mpsc;
use atropos::tokio::{self, task};

async fn forward(queue: &mut VecDeque<u32>, jobs: &mpsc::Sender<u32>) {
    while let Some(job) = queue.pop_front() {
        jobs.send(job).await.unwrap();
    }
}

async fn forward_when_there_is_room(queue: &mut VecDeque<u32>, jobs: &mpsc::Sender<u32>) {
    while !queue.is_empty() {
        let room = jobs.reserve().await.unwrap();
        room.send(queue.pop_front().unwrap());
    }
}

async fn nothing_is_lost(sim: Sim, is_fixed: bool) {
    let (jobs, mut inbox) = mpsc::channel(1);
    let worker = tokio::spawn(async move {
        let mut done = Vec::new();
        while let Some(job) = inbox.recv().await {
            task::yield_now().await;
            done.push(job);
        }
        done
    });
    let mut queue = VecDeque::from([1, 2, 3]);
    if is_fixed {
        sim.cut(forward_when_there_is_room(&mut queue, &jobs)).await;
    } else {
        sim.cut(forward(&mut queue, &jobs)).await;
    }
    drop(jobs);
    let mut all = worker.await.unwrap();
    all.extend(queue);
    assert_eq!(all, [1, 2, 3], "every job is done or still in the queue");
}

pub async fn buggy(sim: Sim) {
    nothing_is_lost(sim, false).await;
}

pub async fn fixed(sim: Sim) {
    nothing_is_lost(sim, true).await;
}
