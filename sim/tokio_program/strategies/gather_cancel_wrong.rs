//! Joins the tasks; when one fails, drops the join, which cancels nothing.
//!
//! A join handle that is dropped lets its task go on. And by the time the failure reaches main, the join has dropped all
//! its handles already.
//!
//! Knows nothing of aborting.

use futures_util::future::try_join_all;

use super::{Exception, Stage, outcome};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let handles = stage.coroutines().into_iter().map(|coroutine| stage.spawn(coroutine));
    let mut group = try_join_all(handles.map(outcome).map(Box::pin));
    if let Err(error) = (&mut group).await {
        stage.print(format!("A task failed with: {error}, canceling all tasks"));
        drop(group);
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
