//! Money is taken from one account and, an await later, put into another: dropped in between, it is nowhere.

use std::sync::{Arc, Mutex};

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::time::{Duration, sleep};

type Accounts = Arc<Mutex<[i64; 2]>>;

async fn add(accounts: &Accounts, account: usize, amount: i64) {
    sleep(Duration::from_millis(1)).await;
    accounts.lock().unwrap()[account] += amount;
}

async fn transfer(accounts: Accounts) {
    add(&accounts, 0, -10).await;
    add(&accounts, 1, 10).await;
}

async fn no_money_is_lost(sim: Sim, is_detached: bool) {
    let accounts = Accounts::new(Mutex::new([100, 0]));
    if is_detached {
        // A task of its own goes on when nobody waits for it any more.
        let whole = tokio::spawn(transfer(accounts.clone()));
        sim.cut(whole).await;
    } else {
        sim.cut(transfer(accounts.clone())).await;
    }
    sim.settle().await;
    assert_eq!(accounts.lock().unwrap().iter().sum::<i64>(), 100);
}

pub async fn buggy(sim: Sim) {
    no_money_is_lost(sim, false).await;
}

pub async fn fixed(sim: Sim) {
    no_money_is_lost(sim, true).await;
}
