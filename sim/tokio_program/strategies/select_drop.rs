//! Polls the coroutines in place, beside a channel on which the first failure comes; whichever is ready first drops the other.
//!
//! Nothing is spawned, so dropping the join drops the coroutines in it, each where it awaits.
//!
//! Knows nothing of a failure with which the join ends: that the join has ended is seen first, in the same poll.

use futures_util::future::join_all;
use tokio::sync::mpsc;

use super::{Exception, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let (failed, mut failure) = mpsc::unbounded_channel();
    let works = stage.coroutines().into_iter().map(|coroutine| {
        let (work, failed) = (stage.run(coroutine), failed.clone());
        async move {
            if let Err(error) = work.await {
                _ = failed.send(error);
            }
        }
    });
    tokio::select! {
        _ = join_all(works) => {}
        Some(error) = failure.recv() => {
            stage.print(format!("A task failed with: {error}, canceling all tasks"));
        }
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
