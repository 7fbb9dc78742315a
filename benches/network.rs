//! What it costs to explore a network, beside plain turmoil with the same tick, in one interleaved run.
//!
//! `cargo bench --bench network --features network` makes the article's program, eight requests to two hosts, once in every
//! round by hand on turmoil, with nothing recorded and nothing asked, and once in every round here. It prints the CPU time of a
//! run, the median of all rounds, and the median of the rounds' own ratios. What is claimed is that ratio: at most 1.2.

#[expect(dead_code, reason = "the benches share it, and each needs a part of it")]
mod common;

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use atropos::choice::{Choices, Ordinary, Seeded};
use atropos::harness::{File, run_on_network};
use atropos::turmoil::net::{TcpListener, TcpStream};
use atropos::turmoil::{self, Builder};
use common::{median, nanos, ratio};
use cpu_time::ProcessTime;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

const ROUNDS: usize = 15;
const RUNS: u32 = 20;

/// The tasks of the scenario: the host, the path, and when each begins, in milliseconds.
const TASKS: [(&str, &str, u64); 8] = [
    ("shop", "/a", 0),
    ("news", "/1", 0),
    ("shop", "/slow", 20),
    ("shop", "/a", 40),
    ("news", "/1", 45),
    ("shop", "/c", 52),
    ("shop", "/slow", 140),
    ("news", "/2", 150),
];

/// By hand: the same requests, with every one of them waited for.
fn plain() {
    let millis = Duration::from_millis;
    let mut sim = Builder::new()
        .rng_seed(0)
        .tick_duration(millis(1))
        .min_message_latency(millis(5))
        .max_message_latency(millis(5))
        .build();
    sim.host("shop", || serve(10, 2));
    sim.host("news", || serve(40, u32::MAX));
    sim.client("client", async {
        let tasks = TASKS.map(|(host, path, after)| {
            tokio::task::spawn_local(async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                let asked = tokio::time::timeout(Duration::from_secs(2), get(host, path));
                asked.await.expect("in time")
            })
        });
        let mut refused = 0;
        for task in tasks {
            refused += u32::from(task.await? == 429);
        }
        assert_eq!(refused, 3, "as in the scenario");
        Ok(())
    });
    sim.run().expect("it ends");
}

async fn get(host: &'static str, path: &'static str) -> u16 {
    let stream = TcpStream::connect((host, 80)).await.expect("somebody listens");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::task::spawn_local(connection);
    let request = Request::get(path).header("host", host).body(Empty::<Bytes>::new()).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let status = answer.status().as_u16();
    answer.into_body().collect().await.expect("a body");
    status
}

async fn serve(delay: u64, after: u32) -> turmoil::Result {
    let seen = Rc::new(Cell::new(0_u32));
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 80)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let seen = seen.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(|asked: Request<hyper::body::Incoming>| {
                seen.update(|seen| seen.saturating_add(1));
                let has_enough = seen.get() > after;
                async move {
                    let millis = if asked.uri().path() == "/slow" { 60 } else { delay };
                    let status = if has_enough { 429 } else { 200 };
                    if !has_enough {
                        tokio::time::sleep(Duration::from_millis(millis)).await;
                    }
                    Response::builder().status(status).body(Empty::<Bytes>::new())
                }
            });
            let http = hyper::server::conn::http1::Builder::new();
            _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn main() {
    let file =
        File::load(Path::new("scenarios/network/too-many-requests.toml")).expect("a scenario of this repository");
    let program = file.program(Some("gather-return-exceptions"), None).expect("a strategy of this file");
    let ours = |choices: Box<dyn Choices>| {
        let (trace, cost) = run_on_network(&program, choices);
        std::hint::black_box(trace.fingerprint());
        cost
    };
    println!("{:?} in the ordinary run", ours(Box::new(Ordinary)));
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS as u64 {
        times[0].push(time(|_| plain()));
        times[1].push(time(|_| _ = ours(Box::new(Ordinary))));
        times[2].push(time(|run| _ = ours(Box::new(Seeded::new(round * u64::from(RUNS) + u64::from(run))))));
    }
    println!("{:<20}{:>12}{:>18}", "", "us a run", "x plain turmoil");
    for (name, own) in ["plain turmoil", "here, ordinary", "here, from seeds"].into_iter().zip(&times) {
        let (micros, ratio) = (median(own).unwrap_or(0.0) / 1000.0, ratio(own, &times[0]).unwrap_or(0.0));
        println!("{name:<20}{micros:>12.0}{ratio:>18.2}");
    }
}

/// The CPU time of one of so many runs, in nanoseconds.
fn time(run: impl Fn(u32)) -> f64 {
    let from = ProcessTime::now();
    (0..RUNS).for_each(run);
    nanos(from.elapsed()) / f64::from(RUNS)
}
