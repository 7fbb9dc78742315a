//! A connection goes back to its pool while a reply is still on its way, and the next one who asks gets that reply.

use std::sync::{Arc, Mutex};

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::sync::mpsc::{self, Receiver, Sender};
use atropos::tokio::time::{Duration, sleep};

struct Connection {
    requests: Sender<u32>,
    replies: Receiver<u32>,
}

fn connect() -> Connection {
    let (requests, mut inbox) = mpsc::channel(4);
    let (outbox, replies) = mpsc::channel(4);
    tokio::spawn(async move {
        while let Some(number) = inbox.recv().await {
            sleep(Duration::from_millis(2)).await;
            if outbox.send(number * 10).await.is_err() {
                break;
            }
        }
    });
    Connection { requests, replies }
}

type Pool = Arc<Mutex<Vec<Connection>>>;

/// Goes back to the pool when it is dropped.
struct Pooled {
    connection: Option<Connection>,
    pool: Pool,
    keeps_half_used: bool,
    is_half_used: bool,
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if !self.is_half_used || self.keeps_half_used {
            self.pool.lock().unwrap().extend(self.connection.take());
        }
    }
}

async fn ask(pool: &Pool, number: u32, keeps_half_used: bool) -> u32 {
    let pooled = pool.lock().unwrap().pop();
    let connection = Some(pooled.unwrap_or_else(connect));
    let mut lent = Pooled { connection, pool: pool.clone(), keeps_half_used, is_half_used: true };
    let connection = lent.connection.as_mut().unwrap();
    connection.requests.send(number).await.unwrap();
    let reply = connection.replies.recv().await.unwrap();
    lent.is_half_used = false;
    reply
}

async fn everybody_gets_their_own_reply(sim: Sim, keeps_half_used: bool) {
    let pool = Pool::default();
    sim.cut(ask(&pool, 1, keeps_half_used)).await;
    assert_eq!(ask(&pool, 2, keeps_half_used).await, 20);
}

pub async fn buggy(sim: Sim) {
    everybody_gets_their_own_reply(sim, true).await;
}

pub async fn fixed(sim: Sim) {
    everybody_gets_their_own_reply(sim, false).await;
}
