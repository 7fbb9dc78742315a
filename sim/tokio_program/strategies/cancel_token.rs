//! Every task looks at a token beside its work; when one fails, main cancels the token and joins them all.
//!
//! No task is aborted: each drops its own work, at the await where it stands, and returns like any other.
//!
//! Knows nothing of a task that never awaits: nobody asks the token for it.

use tokio_util::sync::CancellationToken;

use super::{Exception, Stage};
use crate::program::Value;

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let token = CancellationToken::new();
    let mut tasks = stage.join_set();
    for coroutine in stage.coroutines() {
        let token = token.clone();
        tasks.spawn_with(coroutine, |work| async move {
            tokio::select! {
                biased;
                () = token.cancelled() => Ok(Value::None),
                result = work => result,
            }
        });
    }
    while let Some(joined) = tasks.join_next().await {
        if let Err(error) = joined.map_err(Exception::from).flatten() {
            stage.print(format!("A task failed with: {error}, canceling all tasks"));
            token.cancel();
        }
    }
    stage.sleep(stage.parameter("linger")).await;
    Ok(())
}
