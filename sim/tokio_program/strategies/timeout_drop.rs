//! Polls the coroutines in place, with a time-out around all of them.
//!
//! Nothing is spawned, so whatever has not ended when the time is up, or when one fails, is dropped where it awaits.
//!
//! Knows nothing of what a coroutine leaves behind when it is dropped.

use futures_util::future::try_join_all;

use super::{Exception, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let works = try_join_all(stage.coroutines().into_iter().map(|coroutine| stage.run(coroutine)));
    match stage.timeout(stage.parameter("limit"), works).await {
        Err(_) => stage.print("The time is up, every task is dropped"),
        Ok(Err(error)) => stage.print(format!("A task failed with: {error}, and the others are dropped")),
        Ok(Ok(_)) => {}
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
