//! Joins the tasks, but not for ever: when the time is up, aborts each.
//!
//! The time-out drops the future that joins, and with it nothing that matters: a join handle that is dropped lets its task go
//! on. So the handles are kept, and each is aborted.
//!
//! Knows nothing of a failure but what it says: the others go on.

use futures_util::future::try_join_all;

use super::{Exception, JoinHandle, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let mut handles: Vec<JoinHandle> = stage.coroutines().into_iter().map(|coroutine| stage.spawn(coroutine)).collect();
    let group = try_join_all(handles.iter_mut().map(async |handle| handle.await?));
    match stage.timeout(stage.parameter("limit"), group).await {
        Err(_) => {
            for handle in &handles {
                handle.abort();
            }
            stage.print("The time is up, every task is cancelled");
        }
        Ok(Err(error)) => stage.print(format!("A task failed with: {error}, and the others go on")),
        Ok(Ok(_)) => {}
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
