//! Looks at the tasks again and again; aborts the rest once it finds one that failed.
//!
//! The time-out drops the future that joins, and a `JoinSet` loses nothing by that: what was joined is in the list, and
//! the others are in the set.
//!
//! Knows nothing of a failure before the next look.

use super::{Exception, Stage};

pub async fn main(stage: Stage) -> Result<(), Exception> {
    let mut tasks = stage.join_set();
    for coroutine in stage.coroutines() {
        tasks.spawn(coroutine);
    }
    while !tasks.is_empty() {
        let mut done = Vec::new();
        let join_all = async {
            while let Some(joined) = tasks.join_next().await {
                done.push(joined.map_err(Exception::from).flatten());
            }
        };
        _ = stage.timeout(stage.parameter("poll"), join_all).await;
        for error in done.into_iter().filter_map(Result::err).filter(|error| !error.is_cancelled()) {
            stage.print(format!("A task failed with: {error}, canceling all tasks"));
            tasks.abort_all();
        }
    }
    Ok(())
}
