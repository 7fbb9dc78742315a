//! Joins tasks as they end; when one of them was told 429, aborts those that ask the same host.
//!
//! The coroutine keeps the status of its last answer, and its host, at its task; so the handles are kept, and no join set.
//!
//! Knows nothing of when the host may be asked again.

use futures_util::future::select_all;

use super::{Exception, JoinHandle, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let mut pending: Vec<_> = stage.coroutines().into_iter().map(|coroutine| stage.spawn(coroutine)).collect();
    while !pending.is_empty() {
        let (_, at, _) = select_all(pending.iter_mut()).await;
        let ended = pending.remove(at);
        if ended.status() == Some(429) {
            let (name, host) = (ended.name(), ended.host().unwrap_or_default());
            stage.print(format!("{name} was told to wait by {host}, canceling who asks the same host"));
            let same_host = pending.iter().filter(|other| !other.is_finished() && other.host() == ended.host());
            same_host.for_each(JoinHandle::abort);
        }
    }
    Ok(())
}
