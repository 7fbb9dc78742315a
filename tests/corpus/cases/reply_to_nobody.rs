//! An actor gives a slot to whoever asks. Who asked may be gone by then, or be dropped between the reply and the poll that
//! would have taken it: looking whether the reply could be sent is not enough, the slot itself has to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::sync::{mpsc, oneshot};

/// A slot, which is given back when it is dropped, if it is a good one.
struct Slot {
    taken: Arc<AtomicU32>,
    comes_back: bool,
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.comes_back {
            self.taken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn serve(mut asked: mpsc::Receiver<oneshot::Sender<Slot>>, taken: Arc<AtomicU32>, comes_back: bool) {
    while let Some(ask) = asked.recv().await {
        taken.fetch_add(1, Ordering::Relaxed);
        let reply = ask.send(Slot { taken: taken.clone(), comes_back });
        if !comes_back && reply.is_err() {
            taken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

async fn book(desk: &mpsc::Sender<oneshot::Sender<Slot>>) -> Slot {
    let (ask, answer) = oneshot::channel();
    desk.send(ask).await.unwrap();
    answer.await.unwrap()
}

async fn who_is_gone_has_no_slot(sim: Sim, comes_back: bool) {
    let (desk, asked) = mpsc::channel(4);
    let taken = Arc::new(AtomicU32::new(0));
    tokio::spawn(serve(asked, taken.clone(), comes_back));
    let slot = sim.cut(book(&desk)).await;
    sim.settle().await;
    let expected = u32::from(slot.is_some());
    assert_eq!(taken.load(Ordering::Relaxed), expected, "a slot is taken by somebody who knows of it");
}

pub async fn buggy(sim: Sim) {
    who_is_gone_has_no_slot(sim, false).await;
}

pub async fn fixed(sim: Sim) {
    who_is_gone_has_no_slot(sim, true).await;
}
