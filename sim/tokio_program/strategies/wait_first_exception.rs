//! Joins tasks as they end until a first one fails, aborts the rest, and waits until they are gone.
//!
//! `shutdown` is `abort_all` and then joining what is left: main does not go on before every destructor has run.
//!
//! Knows nothing of a second failure: it is aborted or dropped like the rest.

use super::{Exception, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let mut tasks = stage.join_set();
    for coroutine in stage.coroutines() {
        tasks.spawn(coroutine);
    }
    while let Some(joined) = tasks.join_next().await {
        match joined.map_err(Exception::from).flatten() {
            Err(error) if !error.is_cancelled() => {
                stage.print(format!("A task failed with: {error}, canceling all tasks"));
                tasks.shutdown().await;
            }
            _ => {}
        }
    }
    Ok(())
}
