//! Keeps the tasks in a `JoinSet`; when one fails, aborts all of the set.
//!
//! tokio has no list of all tasks: a set has those that were spawned into it and no others. That is what makes this the
//! good way here, while its Python twin also hits what has nothing to do with the group.
//!
//! Knows nothing of tasks outside of the set.

use super::{Exception, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let mut tasks = stage.join_set();
    for coroutine in stage.coroutines() {
        tasks.spawn(coroutine);
    }
    while let Some(joined) = tasks.join_next().await {
        if let Err(error) = joined.map_err(Exception::from).flatten() {
            stage.print(format!("A task failed with: {error}, canceling all tasks"));
            tasks.abort_all();
            break;
        }
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
