//! Joins tasks as they end until a first one fails, aborts the rest, and tells what all have failed with.
//!
//! tokio's set cancels nothing by itself: who wants a group has to say so. What is aborted cannot fail any more, so more
//! than one error is there only if several tasks had failed by then.
//!
//! Knows nothing of a task that fails while it is dropped: a destructor has nobody to tell.

use super::{Exception, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let mut tasks = stage.join_set();
    for coroutine in stage.coroutines() {
        tasks.spawn(coroutine);
    }
    let mut errors = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined.map_err(Exception::from).flatten() {
            Err(error) if !error.is_cancelled() => {
                tasks.abort_all();
                errors.push(error);
            }
            _ => {}
        }
    }
    for error in errors {
        stage.print(format!("A task failed with: {error}, canceling all tasks"));
    }
    Ok(())
}
