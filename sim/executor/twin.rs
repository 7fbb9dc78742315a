//! tokio, with tasks whose order the search chooses: `use atropos::tokio;` instead of `use tokio;` is all there is to do.
//!
//! [`spawn`], [`spawn_local`](task::spawn_local), [`spawn_blocking`](task::spawn_blocking) and [`JoinSet`](task::JoinSet)
//! are tokio's own outside of a check. In one, their tasks are the check's; handles, aborts and join errors are tokio's all
//! the same. Everything else here is tokio's, passed on.
//!
//! ```
//! use atropos::tokio;
//!
//! atropos::check(|_| async {
//!     let answer = tokio::spawn(async { 42 });
//!     assert_eq!(answer.await.unwrap(), 42);
//! });
//! ```
//!
//! Knows nothing of who is polled next.

// All of it, so that whatever features of tokio a package has on are here, too; what stands below comes first.
pub use ::tokio::*;

pub use task::spawn;

/// tokio's `task`, with tasks whose order the search chooses.
pub mod task {
    use std::ops::{Deref, DerefMut};

    use crate::executor::names;
    use crate::executor::shared::current;
    use crate::executor::task::{self, Place};

    pub use ::tokio::task::*;

    /// `tokio::spawn`.
    #[track_caller]
    pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match current() {
            Some(shared) => task::spawn(&shared, names::of_type::<F>(), future),
            None => ::tokio::spawn(future),
        }
    }

    /// `tokio::task::spawn_local`.
    #[track_caller]
    pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match current() {
            Some(shared) => task::spawn(&shared, names::of_type::<F>(), future),
            None => ::tokio::task::spawn_local(future),
        }
    }

    /// `tokio::task::spawn_blocking`. In a check it is a task that does all of it in one go, at a time that the search
    /// chooses: a thread of its own would stop the virtual clock.
    #[track_caller]
    pub fn spawn_blocking<F, R>(work: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match current() {
            Some(shared) => task::spawn(&shared, names::of_type::<F>(), async move { work() }),
            None => ::tokio::task::spawn_blocking(work),
        }
    }

    /// `tokio::task::JoinSet`.
    #[derive(Debug)]
    pub struct JoinSet<T>(::tokio::task::JoinSet<T>);

    impl<T> JoinSet<T> {
        /// An empty set.
        pub fn new() -> JoinSet<T> {
            JoinSet(::tokio::task::JoinSet::new())
        }
    }

    impl<T> Default for JoinSet<T> {
        fn default() -> JoinSet<T> {
            JoinSet::new()
        }
    }

    /// What it does not do itself, tokio's does.
    impl<T> Deref for JoinSet<T> {
        type Target = ::tokio::task::JoinSet<T>;

        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    impl<T> DerefMut for JoinSet<T> {
        fn deref_mut(&mut self) -> &mut Self::Target {
            &mut self.0
        }
    }

    impl<T: 'static> JoinSet<T> {
        /// Makes a task that belongs to the set.
        #[track_caller]
        pub fn spawn<F>(&mut self, future: F) -> AbortHandle
        where
            F: Future<Output = T> + Send + 'static,
            T: Send,
        {
            match current() {
                Some(_) => self.spawn_local(future),
                None => self.0.spawn(future),
            }
        }

        /// The same for a future that stays on its thread.
        #[track_caller]
        pub fn spawn_local<F>(&mut self, future: F) -> AbortHandle
        where
            F: Future<Output = T> + 'static,
        {
            let Some(shared) = current() else { return self.0.spawn_local(future) };
            Place::new(&shared, names::of_type::<F>()).spawn_in(&shared, &mut self.0, future)
        }

        /// Makes a task that blocks; in a check as [`spawn_blocking`].
        #[track_caller]
        pub fn spawn_blocking<F>(&mut self, work: F) -> AbortHandle
        where
            F: FnOnce() -> T + Send + 'static,
            T: Send,
        {
            match current() {
                Some(_) => self.spawn_local(async move { work() }),
                None => self.0.spawn_blocking(work),
            }
        }

        /// Awaits all of them.
        ///
        /// # Panics
        ///
        /// If one of them fails.
        pub async fn join_all(self) -> Vec<T> {
            self.0.join_all().await
        }
    }

    impl<T, F> FromIterator<F> for JoinSet<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> JoinSet<T> {
            let mut set = JoinSet::new();
            futures.into_iter().for_each(|future| _ = set.spawn(future));
            set
        }
    }
}
