//! A root future: what runs when it is not a [`Program`](crate::program::Program) on the event loop.
//!
//! Whoever makes a body knows nothing of who polls it, and the other way round: tokio's own runtime, or a host of the
//! simulated network. The door puts the two together. What more than one has a part in stands here as well: the
//! runtime and the clock, the recording of a run, how it makes tasks, what it is told between two polls, and a way to ask hosts.

mod clock;
mod guest;
mod http;
mod recording;
mod spawner;

use std::pin::Pin;
use std::rc::Rc;

pub use clock::{now, runtime};
pub use guest::Guest;
pub use http::{Ask, Http, NoAnswer, Said};
pub use recording::{Recording, Timer, Timers};
pub use spawner::{InOrder, Spawner, Who, Work};

type Make = dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>>;

/// Makes the root future, on the thread and inside the runtime that will poll it: a paused, single-threaded tokio
/// runtime with a `LocalSet`, so `tokio::task::spawn_local` and `tokio::time` work in it.
pub struct Body {
    make: Box<Make>,
    guest: Option<Rc<dyn Guest>>,
}

impl Body {
    /// A body that is what `make` returns.
    pub fn new<F: Future<Output = ()> + 'static>(make: impl FnOnce() -> F + 'static) -> Body {
        Body { make: Box::new(|| Box::pin(make())), guest: None }
    }

    /// The same for a body that tells of its tasks itself.
    pub fn of_guest<F>(guest: Rc<dyn Guest>, make: impl FnOnce() -> F + 'static) -> Body
    where
        F: Future<Output = ()> + 'static,
    {
        Body { guest: Some(guest), ..Body::new(make) }
    }

    /// Who tells of the tasks, if the body does.
    pub fn guest(&self) -> Option<Rc<dyn Guest>> {
        self.guest.clone()
    }

    /// The future itself.
    pub fn into_future(self) -> Pin<Box<dyn Future<Output = ()>>> {
        (self.make)()
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}
