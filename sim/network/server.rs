//! A host that answers HTTP as a program says: hyper on turmoil's sockets.
//!
//! Knows nothing of who asks.

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::rc::Rc;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::RETRY_AFTER;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::Duration;
use turmoil::net::{TcpListener, TcpStream};

use super::client::{Client, FIRST_PORT};
use super::{Running, Software};
use crate::body::Recording;
use crate::choice::{Kind, Options, Question};
use crate::id::HostId;
use crate::program::{Answer, Host, Reply, TooMany};
use crate::time::{Nanos, TICK, Time};
use crate::trace::{Leg, Serves, What};

/// What a host shares with the rest of the simulation.
#[derive(Clone)]
pub(super) struct Around {
    recording: Recording,
    client: Rc<Client>,
}

impl Around {
    pub(super) fn new(recording: &Recording, client: &Rc<Client>) -> Around {
        Around { recording: recording.clone(), client: client.clone() }
    }
}

/// The software of a host.
pub(super) fn software(id: HostId, host: &Host, around: Around) -> Software {
    let plan = Rc::new(host.clone());
    let make = move || -> Running {
        let server =
            Server { id, plan: plan.clone(), around: around.clone(), seen: Cell::new(0), quiet: Cell::default() };
        Box::pin(Rc::new(server).serve())
    };
    Software { name: host.name.clone(), port: Some(host.port), make: Box::new(make) }
}

/// A host that has been started.
struct Server {
    id: HostId,
    plan: Rc<Host>,
    around: Around,
    /// How many requests it has had since it counts.
    seen: Cell<u32>,
    /// Until when it answers 429.
    quiet: Cell<Time>,
}

/// The handler closes the connection instead of answering.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed without an answer")
    }
}

impl std::error::Error for Closed {}

impl Server {
    async fn serve(self: Rc<Server>) -> turmoil::Result {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.plan.port)).await?;
        loop {
            let (stream, from) = listener.accept().await?;
            let request = u32::from(from.port().saturating_sub(FIRST_PORT)) + 1;
            tokio::task::spawn_local(self.clone().connection(stream, request));
        }
    }

    async fn connection(self: Rc<Server>, mut stream: TcpStream, request: u32) {
        if self.plan.answers.iter().any(|answer| answer.does == Reply::Reset) {
            let mut head = [0; 2048];
            let length = stream.peek(&mut head).await.unwrap_or(0);
            let path = path(&head[..length]).unwrap_or_default();
            if self.answer(path).does == Reply::Reset {
                self.record(request, Serves::Reset);
                // What was not read makes turmoil send a RST.
                return drop(stream);
            }
        }
        let service = service_fn(|asked: Request<Incoming>| {
            let server = self.clone();
            async move { server.handle(request, asked.uri().path()).await }
        });
        let http = hyper::server::conn::http1::Builder::new()
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service);
        // What goes wrong with a connection is its client's affair, and is seen there.
        _ = http.await;
    }

    async fn handle(&self, request: u32, path: &str) -> Result<Response<Empty<Bytes>>, Closed> {
        self.record(request, Serves::Arrived);
        let mut handler = Handler { server: self, request, is_done: false };
        if let Some(retry_after) = self.has_enough() {
            handler.done(Serves::Answered(429));
            return Ok(response(429, Some(retry_after)));
        }
        let Answer { does, delay, .. } = self.answer(path);
        self.sleep(request, *delay).await;
        match *does {
            Reply::Status(status) => {
                handler.done(Serves::Answered(status));
                Ok(response(status, None))
            }
            Reply::Close | Reply::Reset => {
                handler.done(Serves::Closed);
                Err(Closed)
            }
        }
    }

    /// What it does with a request for this path.
    fn answer(&self, path: &str) -> &Answer {
        let answers = &self.plan.answers;
        answers.iter().find(|answer| answer.path.matches(path)).unwrap_or(&answers[answers.len() - 1])
    }

    /// Counts a request; for how long its client is to wait, if it is one too many.
    fn has_enough(&self) -> Option<u32> {
        let TooMany { after, retry_after } = self.plan.too_many?;
        let now = self.around.recording.now();
        if now < self.quiet.get() {
            return Some(retry_after);
        }
        if self.seen.get() < after {
            self.seen.update(|seen| seen + 1);
            return None;
        }
        self.seen.set(0);
        self.quiet.set(now + Nanos::from_secs(retry_after.into()));
        Some(retry_after)
    }

    async fn sleep(&self, request: u32, (least, most): (Nanos, Nanos)) {
        let (min, max) = (least.0.div_ceil(TICK.0), most.0.div_ceil(TICK.0));
        let now = self.around.recording.now();
        let mut ticks = min;
        if min < max {
            let subject = self.around.client.owner(request);
            let options = Options::Ticks { min, max };
            let question = Question { kind: Kind::MessageLatency, subject, site: Leg::Handling as u16, options };
            ticks += self.around.recording.ask(now, &question);
        }
        if ticks > 0 {
            let length = Nanos(ticks * TICK.0);
            let _timer = self.around.recording.timer(now + length);
            tokio::time::sleep(Duration::from_nanos(length.0)).await;
        }
    }

    fn record(&self, request: u32, does: Serves) {
        self.around.recording.record(self.around.recording.now(), What::Served { host: self.id, request, does });
    }
}

/// A handler that has not answered: dropped like that, it says so.
struct Handler<'a> {
    server: &'a Server,
    request: u32,
    is_done: bool,
}

impl Handler<'_> {
    fn done(&mut self, does: Serves) {
        self.is_done = true;
        self.server.record(self.request, does);
    }
}

impl Drop for Handler<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.server.record(self.request, Serves::Dropped);
        }
    }
}

fn response(status: u16, retry_after: Option<u32>) -> Response<Empty<Bytes>> {
    let mut response = Response::builder().status(status);
    if let Some(secs) = retry_after {
        response = response.header(RETRY_AFTER, secs);
    }
    response.body(Empty::new()).expect("a status from 100 to 599 is one")
}

/// The path in the head of a request: `GET /items HTTP/1.1`.
fn path(head: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    line.split(' ').nth(1)?.split('?').next()
}
