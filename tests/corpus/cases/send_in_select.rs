//! A letter is taken out of a queue and then sent: whoever drops the send has lost the letter. `reserve` waits first and takes
//! then.

use std::collections::VecDeque;

use atropos::check::Sim;
use atropos::tokio::sync::mpsc;
use atropos::tokio::{self, task};

async fn forward(queue: &mut VecDeque<u32>, letters: &mpsc::Sender<u32>) {
    while let Some(letter) = queue.pop_front() {
        letters.send(letter).await.unwrap();
    }
}

async fn forward_when_there_is_room(queue: &mut VecDeque<u32>, letters: &mpsc::Sender<u32>) {
    while !queue.is_empty() {
        let room = letters.reserve().await.unwrap();
        room.send(queue.pop_front().unwrap());
    }
}

async fn nothing_is_lost(sim: Sim, is_fixed: bool) {
    let (letters, mut inbox) = mpsc::channel(1);
    let worker = tokio::spawn(async move {
        let mut done = Vec::new();
        while let Some(letter) = inbox.recv().await {
            task::yield_now().await;
            done.push(letter);
        }
        done
    });
    let mut queue = VecDeque::from([1, 2, 3]);
    if is_fixed {
        sim.cut(forward_when_there_is_room(&mut queue, &letters)).await;
    } else {
        sim.cut(forward(&mut queue, &letters)).await;
    }
    drop(letters);
    let mut all = worker.await.unwrap();
    all.extend(queue);
    assert_eq!(all, [1, 2, 3], "every letter is done or still in the queue");
}

pub async fn buggy(sim: Sim) {
    nothing_is_lost(sim, false).await;
}

pub async fn fixed(sim: Sim) {
    nothing_is_lost(sim, true).await;
}
