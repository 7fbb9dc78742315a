//! Which experiment is made of a program: so far, what it runs on.
//!
//! Knows nothing of the machines that the names stand for.

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// The simulated event loop of Python's asyncio.
    Asyncio,
    /// Real tokio tasks.
    Tokio,
    /// Hosts of a simulated network, on turmoil.
    Turmoil,
}

impl Runtime {
    /// Every runtime.
    pub const ALL: [Runtime; 3] = [Runtime::Asyncio, Runtime::Tokio, Runtime::Turmoil];

    /// As scenarios and commands write it.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Asyncio => "asyncio",
            Runtime::Tokio => "tokio",
            Runtime::Turmoil => "turmoil",
        }
    }

    /// The runtime called `name`.
    pub fn find(name: &str) -> Option<Runtime> {
        Runtime::ALL.into_iter().find(|runtime| runtime.name() == name)
    }
}
