//! A root future: what runs when it is not a [`Program`](crate::program::Program) on the event loop.
//!
//! Whoever makes a body knows nothing of who polls it, and the other way round: tokio's own runtime, the executor, or a host
//! of the simulated network. The door puts the two together. What more than one has a part in stands here as well: where
//! tasks are spawned, the recording of a run, and a way to ask hosts.

mod guest;
mod http;
mod recording;

use std::pin::Pin;
use std::rc::Rc;

pub use guest::{Guest, LocalTask, OnTokio, Spawner, Who};
pub use http::{Ask, Http, NoAnswer, Said};
pub use recording::{Recording, Timer, Timers};

type Make = dyn FnOnce(Rc<dyn Spawner>) -> Pin<Box<dyn Future<Output = ()>>>;

/// Makes the root future, on the thread and inside the runtime that will poll it: a paused, single-threaded tokio
/// runtime with a `LocalSet`, so `tokio::task::spawn_local` and `tokio::time` work in it.
pub struct Body {
    make: Box<Make>,
    guest: Option<Rc<dyn Guest>>,
}

impl Body {
    /// A body that is what `make` returns.
    pub fn new<F: Future<Output = ()> + 'static>(make: impl FnOnce() -> F + 'static) -> Body {
        Body { make: Box::new(|_| Box::pin(make())), guest: None }
    }

    /// A body whose tasks are spawned where it is told, and that records its run by itself.
    pub fn of_guest<F: Future<Output = ()> + 'static>(
        guest: Rc<dyn Guest>,
        make: impl FnOnce(Rc<dyn Spawner>) -> F + 'static,
    ) -> Body {
        Body { make: Box::new(|spawner| Box::pin(make(spawner))), guest: Some(guest) }
    }

    /// Who records the run, if the body does that itself.
    pub fn guest(&self) -> Option<Rc<dyn Guest>> {
        self.guest.clone()
    }

    /// The future itself, its tasks to be spawned there.
    pub fn into_future(self, spawner: Rc<dyn Spawner>) -> Pin<Box<dyn Future<Output = ()>>> {
        (self.make)(spawner)
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}
