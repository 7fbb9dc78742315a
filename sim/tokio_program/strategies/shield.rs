//! Joins the tasks, and needs no shield for them: who drops a join handle does not abort its task.
//!
//! An aborted main is dropped where it joins. Nobody is left who could wait, and the tasks go on only as long as the runtime
//! does.
//!
//! Knows nothing of its own cancellation: no line of it runs then.

use futures_util::future::try_join_all;

use super::{Exception, Stage, outcome};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let handles = stage.coroutines().into_iter().map(|coroutine| stage.spawn(coroutine));
    let group = try_join_all(handles.map(outcome).map(Box::pin));
    if let Err(error) = group.await {
        stage.print(format!("A task failed with: {error}, and the others go on"));
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
