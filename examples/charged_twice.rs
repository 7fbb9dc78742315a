//! A client that tries again when an answer is late, and a shop that charges each time it is asked. On most days the answer
//! comes in time. On some the client gives up in the very millisecond in which the money is gone already, and pays twice.
//!
//! `cargo run --example charged_twice --features network` shows such a day, and that the same client with a key for each
//! payment, which the shop remembers, pays once on all of them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use atropos::check::{Found, Hosts, Network};
use atropos::tokio::task::spawn_local;
use atropos::turmoil;
use atropos::turmoil::net::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Every charge that the shop has made, by the key of its payment.
type Charges = Rc<RefCell<Vec<u8>>>;

/// How long the client waits for an answer before it asks again.
const PATIENCE: Duration = Duration::from_millis(50);

/// One byte is one payment: the shop charges, and says so with another byte.
async fn shop(charges: Charges, remembers_keys: bool) -> turmoil::Result {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let charges = charges.clone();
        spawn_local(async move {
            // A client that is gone before it has said what it wants is charged nothing.
            let Ok(key) = stream.read_u8().await else { return };
            if !remembers_keys || !charges.borrow().contains(&key) {
                charges.borrow_mut().push(key);
            }
            _ = stream.write_u8(b'!').await;
        });
    }
}

async fn pay(key: u8) -> std::io::Result<()> {
    let mut stream = TcpStream::connect("shop:80").await?;
    stream.write_u8(key).await?;
    stream.read_u8().await?;
    Ok(())
}

/// The order that is tested: one payment, tried up to five times.
fn order(hosts: &mut Hosts, remembers_keys: bool) -> impl Future<Output = ()> + use<> {
    let charges = Charges::default();
    let for_shop = charges.clone();
    hosts.host("shop", move || shop(for_shop.clone(), remembers_keys));
    async move {
        for _ in 0..5 {
            if timeout(PATIENCE, pay(1)).await.is_ok() {
                break;
            }
        }
        assert!(charges.borrow().len() < 2, "charged {} times", charges.borrow().len());
    }
}

/// Every latency from one millisecond to thirty, for every message.
fn find(remembers_keys: bool) -> Found {
    let latency = Duration::from_millis(1)..=Duration::from_millis(30);
    let network = Network::new().name("charged_twice").latency(latency).runs(400);
    network.find(move |hosts| order(hosts, remembers_keys))
}

fn main() {
    let naive = find(false);
    println!("{}\nA key for each payment:\n{}", naive.failures[0].story, find(true).covered);
}

#[test]
fn the_naive_client_pays_twice_when_it_gives_up_in_the_wrong_millisecond() {
    let found = find(false);
    assert_eq!(found.failures.len(), 1);
    let story = &found.failures[0].story;
    assert!(story.contains("charged 2 times") && story.contains("travels"), "{story}");
}

#[test]
fn with_a_key_for_each_payment_it_pays_once() {
    let found = find(true);
    assert!(found.failures.is_empty(), "{}", found.failures[0].story);
    // The ordinary run, each of its five messages as late as it may be, and the seeds.
    assert_eq!(found.runs, 206);
}
