//! A client of HTTP on the host of the tasks: hyper over a connection of its own for each request.
//!
//! Knows nothing of who answers.

use std::cell::RefCell;
use std::pin::{Pin, pin};

use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::{HOST, RETRY_AFTER};
use hyper_util::rt::TokioIo;
use turmoil::net::TcpStream;

use crate::body::{Ask, Http, NoAnswer, Said};
use crate::id::TaskId;

/// The first of the ports from which connections are opened: turmoil takes one after the other.
pub(super) const FIRST_PORT: u16 = 49152;

/// How many requests a run may send: turmoil forgets to take back the port of a connection that was given up while it was
/// opened.
const REQUESTS_MAX: usize = 1 << 14;

/// The requests of a run.
#[derive(Default)]
pub(super) struct Client {
    /// Whose each of them is. Each takes the next port, so port, request and connection are counted alike.
    requests: RefCell<Vec<TaskId>>,
}

impl Client {
    /// Whose request or connection it is; main's, if nobody knows.
    pub(super) fn owner(&self, connection: u32) -> TaskId {
        let requests = self.requests.borrow();
        let owner = connection.checked_sub(1).and_then(|at| requests.get(at as usize));
        owner.copied().unwrap_or(TaskId::MAIN)
    }
}

impl Http for Client {
    fn next(&self) -> u32 {
        self.requests.borrow().len() as u32 + 1
    }

    fn get(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Result<Said, NoAnswer>>>> {
        let mut requests = self.requests.borrow_mut();
        if requests.len() == REQUESTS_MAX {
            return Box::pin(std::future::ready(Err(NoAnswer::NoPortLeft)));
        }
        requests.push(ask.task);
        Box::pin(get(ask))
    }
}

/// Everything happens in this one future, so that dropping it closes the connection at once.
async fn get(Ask { authority: (host, port), path, .. }: Ask) -> Result<Said, NoAnswer> {
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|_| NoAnswer::Refused)?;
    let connection = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connection.map_err(|_| NoAnswer::Reset)?;
    let authority = if port == 80 { host } else { format!("{host}:{port}") };
    let request = Request::get(path).header(HOST, authority).body(Empty::<Bytes>::new());
    let request = request.expect("a URL that was read is one for hyper as well");
    let answer = async {
        let answer = sender.send_request(request).await?;
        let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let said = Said { status: answer.status().as_u16(), retry_after };
        answer.into_body().collect().await?;
        Ok::<Said, hyper::Error>(said)
    };
    let said = match select(pin!(answer), pin!(connection)).await {
        Either::Left((said, _)) => said,
        // The connection is over, so the answer is there or never comes.
        Either::Right((_, answer)) => answer.await,
    };
    said.map_err(|_| NoAnswer::Reset)
}
