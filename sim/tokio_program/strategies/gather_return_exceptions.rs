//! Joins all tasks, whatever becomes of them, and looks at the errors once all are done.
//!
//! `join_all` never stops early, so a failure stops nothing.
//!
//! Knows nothing of cancelling.

use futures_util::future::join_all;

use super::{Exception, JoinHandle, Stage, outcome};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let handles: Vec<JoinHandle> = stage.coroutines().into_iter().map(|coroutine| stage.spawn(coroutine)).collect();
    let names: Vec<String> = handles.iter().map(|handle| handle.name().to_owned()).collect();
    let results = join_all(handles.into_iter().map(outcome)).await;
    for (name, result) in names.iter().zip(results) {
        match result {
            Ok(_) => {}
            Err(error) if error.is_cancelled() => stage.print(format!("{name} was cancelled")),
            Err(error) => stage.print(format!("{name} failed with: {error}")),
        }
    }
    Ok(())
}
