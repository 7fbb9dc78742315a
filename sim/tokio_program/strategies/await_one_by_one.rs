//! Joins the tasks in the order in which they were spawned; at the first failure, aborts each.
//!
//! A failure waits for its turn: main sees it only after every task before it is done.
//!
//! Knows nothing of tasks that come later in the list.

use super::{Exception, JoinHandle, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let mut handles: Vec<JoinHandle> = stage.coroutines().into_iter().map(|coroutine| stage.spawn(coroutine)).collect();
    let mut failure = None;
    for handle in &mut handles {
        if let Err(error) = handle.await.map_err(Exception::from).flatten() {
            failure = Some(error);
            break;
        }
    }
    if let Some(error) = failure {
        stage.print(format!("A task failed with: {error}, canceling all tasks"));
        for handle in &handles {
            handle.abort();
        }
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
