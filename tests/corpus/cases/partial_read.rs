//! A frame arrives in pieces, and what was read of it lives in the future that reads: dropped in a `select!`, it takes the
//! pieces with it.

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::sync::mpsc::{self, Receiver};
use atropos::tokio::time::{Duration, sleep};

async fn read_frame(wire: &mut Receiver<u8>) -> Vec<u8> {
    let mut frame = Vec::new();
    read_into(wire, &mut frame).await;
    frame
}

async fn read_into(wire: &mut Receiver<u8>, frame: &mut Vec<u8>) {
    while frame.len() < 4 {
        frame.push(wire.recv().await.expect("the wire ends after a whole frame"));
    }
}

fn wire() -> Receiver<u8> {
    let (sender, wire) = mpsc::channel(1);
    tokio::spawn(async move {
        for byte in 1..=4 {
            sleep(Duration::from_millis(1)).await;
            sender.send(byte).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    wire
}

pub async fn buggy(sim: Sim) {
    let mut wire = wire();
    let frame = match sim.cut(read_frame(&mut wire)).await {
        Some(frame) => frame,
        // Something else had to be done first; now it reads on.
        None => read_frame(&mut wire).await,
    };
    assert_eq!(frame, [1, 2, 3, 4]);
}

pub async fn fixed(sim: Sim) {
    let (mut wire, mut frame) = (wire(), Vec::new());
    if sim.cut(read_into(&mut wire, &mut frame)).await.is_none() {
        read_into(&mut wire, &mut frame).await;
    }
    assert_eq!(frame, [1, 2, 3, 4]);
}
