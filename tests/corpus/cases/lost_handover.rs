//! A permit is handed to a waiter by waking it. If the waiter is dropped after that and before it is polled, the permit is
//! gone: only a drop in just that phase shows it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use atropos::check::Sim;
use atropos::tokio;
use atropos::tokio::task::yield_now;

#[derive(Default)]
struct Permits(Mutex<State>);

#[derive(Default)]
struct State {
    free: u32,
    waiters: VecDeque<Arc<Waiter>>,
}

#[derive(Default)]
struct Waiter {
    state: Mutex<(bool, Option<Waker>)>,
}

impl Permits {
    fn release(&self) {
        let mut state = self.0.lock().unwrap();
        match state.waiters.pop_front() {
            Some(waiter) => {
                let mut state = waiter.state.lock().unwrap();
                state.0 = true;
                state.1.take().into_iter().for_each(Waker::wake);
            }
            None => state.free += 1,
        }
    }

    async fn acquire(&self, gives_back: bool) {
        let waiter = {
            let mut state = self.0.lock().unwrap();
            if state.free > 0 {
                state.free -= 1;
                return;
            }
            let waiter = Arc::new(Waiter::default());
            state.waiters.push_back(waiter.clone());
            waiter
        };
        let mut given_back = GivenBack { permits: self, waiter, is_armed: gives_back };
        poll_fn(|context| {
            let mut state = given_back.waiter.state.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
        given_back.is_armed = false;
    }
}

/// A waiter that leaves takes nothing with it.
struct GivenBack<'a> {
    permits: &'a Permits,
    waiter: Arc<Waiter>,
    is_armed: bool,
}

impl Drop for GivenBack<'_> {
    fn drop(&mut self) {
        self.permits.0.lock().unwrap().waiters.retain(|other| !Arc::ptr_eq(other, &self.waiter));
        if self.is_armed && self.waiter.state.lock().unwrap().0 {
            self.permits.release();
        }
    }
}

async fn every_permit_comes_back(sim: Sim, is_fixed: bool) {
    let permits = Arc::new(Permits::default());
    let other = permits.clone();
    tokio::spawn(async move {
        yield_now().await;
        other.release();
    });
    if sim.cut(permits.acquire(is_fixed)).named("acquire").await.is_some() {
        permits.release();
    }
    sim.settle().await;
    assert_eq!(permits.0.lock().unwrap().free, 1, "the permit is free again");
}

pub async fn buggy(sim: Sim) {
    every_permit_comes_back(sim, false).await;
}

pub async fn fixed(sim: Sim) {
    every_permit_comes_back(sim, true).await;
}
