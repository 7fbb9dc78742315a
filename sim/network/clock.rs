//! How the clocks of all hosts are moved over ticks in which nothing happens.
//!
//! Knows nothing of why nothing happens in them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::time::Duration;

/// The jumps that the hosts' own clocks follow.
#[derive(Default)]
pub(super) struct Clock {
    /// How many jumps there were, and how long the last one is.
    jumps: Cell<(u64, Duration)>,
    followers: RefCell<Vec<Waker>>,
}

impl Clock {
    /// In the next step every host's clock jumps so far.
    pub(super) fn jump(&self, length: Duration) {
        self.jumps.update(|(count, _)| (count + 1, length));
        self.followers.take().into_iter().for_each(Waker::wake);
    }

    /// Runs on a host, and makes its clock follow. tokio's tick of turmoil is due at once when the clock has jumped over its
    /// end, so the host's turn ends with the jump.
    pub(super) async fn follow(self: Rc<Clock>) {
        let (mut seen, _) = self.jumps.get();
        loop {
            let length = std::future::poll_fn(|context| {
                let (count, length) = self.jumps.get();
                if count == seen {
                    self.followers.borrow_mut().push(context.waker().clone());
                    return Poll::Pending;
                }
                seen = count;
                Poll::Ready(length)
            })
            .await;
            tokio::time::advance(length).await;
        }
    }
}
