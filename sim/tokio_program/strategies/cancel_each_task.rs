//! Joins the tasks and keeps their handles; when one fails, aborts each.
//!
//! An abort only marks the task. tokio drops it where it awaits, a moment later, and no line of it runs.
//!
//! Knows nothing of what the tasks leave behind when they are dropped.

use futures_util::future::try_join_all;

use super::{Exception, JoinHandle, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let mut handles: Vec<JoinHandle> = stage.coroutines().into_iter().map(|coroutine| stage.spawn(coroutine)).collect();
    let group = try_join_all(handles.iter_mut().map(async |handle| handle.await?));
    if let Err(error) = group.await {
        stage.print(format!("A task failed with: {error}, canceling all tasks"));
        for handle in &handles {
            handle.abort();
        }
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
