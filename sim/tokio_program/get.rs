//! The step `get`: a request to a host of the network, and what becomes of it.
//!
//! Knows nothing of what carries it there.

use std::rc::Rc;

use super::shared::Shared;
use crate::body::{Ask, NoAnswer, Said};
use crate::id::{TaskId, TextId};
use crate::program::{Effects as _, Error, ErrorType, Url, Value};
use crate::time::Nanos;
use crate::trace::What;

/// Asks for what is at a URL; its status, if an answer comes in time.
pub(super) async fn get(
    shared: &Rc<Shared>,
    task: TaskId,
    url: TextId,
    timeout: Option<Nanos>,
) -> Result<Value, Error> {
    let Some(http) = shared.http.clone() else {
        return Err(raise(shared, task, ErrorType::OS_ERROR, "Network is unreachable"));
    };
    let ask = match ask(shared, task, url) {
        Ok(ask) => ask,
        Err((ty, message)) => return Err(raise(shared, task, ty, &message)),
    };
    let request = http.next();
    shared.record(What::Requested { task, request, host: ask.host, url });
    let answer = http.get(ask);
    let answer = match timeout {
        None => answer.await,
        Some(timeout) => {
            let due = shared.now() + timeout;
            let _timer = shared.timer(due);
            match tokio::time::timeout_at(shared.start_plus(Nanos(due.0)), answer).await {
                Ok(answer) => answer,
                Err(_) => return Err(raise(shared, task, ErrorType::TIMEOUT_ERROR, "")),
            }
        }
    };
    match answer {
        Ok(Said { status, retry_after }) => {
            shared.record(What::Responded { task, request, status, retry_after });
            let own = shared.running(task).current_future();
            shared.memory().set_status(own, status);
            Ok(Value::Int(status.into()))
        }
        Err(NoAnswer::Refused) => Err(raise(shared, task, ErrorType::CONNECTION_REFUSED_ERROR, "Connection refused")),
        Err(NoAnswer::Reset) => Err(raise(shared, task, ErrorType::CONNECTION_RESET_ERROR, "Connection reset by peer")),
        Err(NoAnswer::NoPortLeft) => Err(raise(shared, task, ErrorType::OS_ERROR, "Cannot assign requested address")),
    }
}

/// What is to be asked, and of whom. Only a URL that was put together during the run can still be wrong.
fn ask(shared: &Rc<Shared>, task: TaskId, url: TextId) -> Result<Ask, (ErrorType, String)> {
    let memory = shared.memory();
    let text = memory.texts_ref().get(url).unwrap_or_else(|| shared.program.text(url));
    let Url { host, port, path } = Url::parse(text).map_err(|message| (ErrorType::VALUE_ERROR, message.to_owned()))?;
    let found = shared.program.network.as_ref().and_then(|network| network.find(host));
    let unknown = || (ErrorType::OS_ERROR, format!("Name or service not known: {host}"));
    Ok(Ask { task, host: found.ok_or_else(unknown)?, authority: (host.to_owned(), port), path: path.to_owned() })
}

fn raise(shared: &Rc<Shared>, task: TaskId, ty: ErrorType, message: &str) -> Error {
    let message = (!message.is_empty()).then(|| shared.memory().texts().intern(message));
    let error = Error { ty, message };
    shared.record(What::Raised { task, error });
    error
}
