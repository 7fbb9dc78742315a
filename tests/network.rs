//! The simulated network: equal runs everywhere, what a search finds in it, what it does at its limits.

use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use atropos::choice::{Kind, Seeded};
use atropos::experiment::Runtime;
use atropos::explore::{Plan, Sampler};
use atropos::harness::{File, Judged, Run, Setting, find, run_on_network};
use atropos::network::Cost;
use atropos::program::Program;
use atropos::trace::{Fate, Outcome, Serves, Trace, What};
use atropos::verdict::Ending;

fn file(name: &str, text: &str) -> File {
    File::parse(Path::new(name), text.to_owned()).unwrap_or_else(|rejected| panic!("{rejected}"))
}

fn scenarios() -> Vec<File> {
    find(&["scenarios/network".into()]).unwrap().iter().map(|path| File::load(path).unwrap()).collect()
}

fn run(file: &File, strategy: Option<&str>, seed: Option<u64>) -> Judged {
    let strategy = strategy.map(str::to_owned);
    file.run(&Run { strategy, runtime: Runtime::Turmoil, profile: None, seed }).unwrap()
}

fn plan(seeds: u64) -> Plan {
    Plan {
        faults: 10_000,
        seeds: 0..seeds,
        sampler: Sampler::Random,
        shard: (0, NonZero::<u64>::MIN),
        jobs: NonZero::new(2).unwrap(),
        ..Plan::default()
    }
}

/// A run with what it cost.
fn cost(program: &Arc<Program>, seed: u64) -> (Trace, Cost) {
    run_on_network(program, Box::new(Seeded::new(seed)))
}

#[test]
fn two_hundred_repetitions_of_a_seed_are_equal() {
    for file in scenarios() {
        // The article's program in full; the others are here so that every kind of fault is.
        let repetitions = if file.scenario.mains().len() > 1 { 200 } else { 20 };
        for main in file.scenario.mains() {
            let first = run(&file, main, Some(7)).trace;
            for _ in 0..repetitions {
                assert!(run(&file, main, Some(7)).trace == first, "{} differs from itself", file.path.display());
            }
        }
    }
}

#[test]
fn separate_processes_print_the_same_bytes() {
    for seed in ["0", "7"] {
        let output = |_| {
            let arguments = ["run", "scenarios/network", "--format", "json", "--seed", seed];
            Command::new(env!("CARGO_BIN_EXE_atropos")).args(arguments).output().unwrap().stdout
        };
        let first = output(0);
        assert!(first.windows(9).any(|bytes| bytes == b"\"carried\""), "messages are in it");
        assert!((1..4).map(output).all(|other| other == first), "two processes differ under seed {seed}");
    }
}

/// Two hundred processes, each with the article's program from one seed.
#[test]
fn two_hundred_processes_print_the_same_bytes() {
    let output = || {
        let file = "scenarios/network/too-many-requests.toml";
        let arguments = ["run", file, "--strategy", "cancel-same-host-on-429", "--format", "json", "--seed", "7"];
        Command::new(env!("CARGO_BIN_EXE_atropos")).args(arguments).output().unwrap().stdout
    };
    let first = output();
    assert!(first.len() > 1000, "the run is in it");
    assert!((1..200).all(|_| output() == first), "two processes differ");
}

/// The naive strategy knocks on, the right one does not, whatever the network does.
#[test]
fn a_search_finds_who_goes_on_knocking() {
    let file = File::load(Path::new("scenarios/network/too-many-requests.toml")).unwrap();
    let explore = |strategy: &str| {
        let setting = Setting { strategy: Some(strategy.to_owned()), ..Setting::default() };
        let search = file.explore(&setting, &plan(60), &mut |_| true).unwrap();
        let experiment = file.experiment(&setting).unwrap();
        for told in &search.told {
            let token = file.token(&setting, &experiment, told);
            let again = file.replay(&token).unwrap();
            assert!(again.unplaced.is_empty(), "{:?}", again.unplaced);
            assert_eq!(again.trace, told.trace, "a token is the whole run");
        }
        assert_eq!(search.explored.unstable.as_ref().map(|unstable| unstable.number), None);
        search.told.iter().map(|told| told.identity.what).collect::<Vec<_>>()
    };
    assert_eq!(explore("gather-return-exceptions"), ["retry-too-soon"]);
    assert_eq!(explore("cancel-same-host-on-429"), [""; 0]);
    assert_eq!(explore("cancel-each-task"), [""; 0]);
}

/// What the host sees of three requests that are cancelled together.
#[test]
fn a_host_drops_a_handler_or_is_connected_to_for_nobody_or_sees_nothing() {
    let file = File::load(Path::new("scenarios/network/too-many-requests.toml")).unwrap();
    let trace = run(&file, Some("cancel-same-host-on-429"), None).trace;
    let (mut asked, mut dropped, mut arrived) = (Vec::new(), Vec::new(), Vec::new());
    for moment in trace.iter() {
        match moment.what {
            What::Requested { request, .. } => asked.push(request),
            What::Served { request, does: Serves::Arrived, .. } => arrived.push(request),
            What::Served { request, does: Serves::Dropped, .. } => dropped.push((request, moment.time)),
            _ => {}
        }
    }
    let cancelled = trace.iter().find(|moment| matches!(moment.what, What::Cancelled { .. })).unwrap().time;
    assert_eq!(dropped.len(), 1);
    assert_eq!(dropped[0].1.0, cancelled.0 + 5_000_000, "one latency after its request was cancelled");
    let never: Vec<u32> = asked.iter().copied().filter(|request| !arrived.contains(request)).collect();
    assert_eq!(never.len(), 1, "one had been sent and never arrived as a request");
    assert_eq!(trace.tally().cancelled, 3, "and one was not even sent");
}

/// Every answer of a range is reached, and every order of two messages.
#[test]
fn order_delay_and_loss_are_questions() {
    let file = file(
        "two.toml",
        r#"
        about = "Two ask at once."
        [[host]]
        name = "shop"
        too_many = { after = 1, retry_after = "1s" }
        [network]
        latency = "1ms..3ms"
        loss = { chance = "20%", up_to = 1 }
        [[task]]
        name = "buyer {i}"
        count = 2
        steps = [{ get = "http://shop/", timeout = "1s", as = "status" }, { return = "{status}" }]
        [main]
        steps = [{ spawn = "coros", as = "tasks" }, { wait = "tasks" }]
        "#,
    );
    let mut kinds = std::collections::BTreeSet::new();
    let mut refused = std::collections::BTreeSet::new();
    let mut lost = 0;
    for seed in 0..200 {
        let trace = run(&file, None, Some(seed)).trace;
        kinds.extend(trace.log().iter().filter(|choice| choice.answer != 0).map(|choice| choice.kind));
        lost += u32::from(trace.iter().any(|moment| matches!(moment.what, What::Carried { fate: Fate::Lost, .. })));
        for moment in trace.iter() {
            if let What::Responded { task, status: 429, .. } = moment.what {
                refused.insert(task);
            }
        }
    }
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [Kind::PollOrder, Kind::MessageLatency, Kind::MessageOrder, Kind::MessageLoss]
    );
    assert_eq!(refused.len(), 2, "either may come first");
    assert!(20 < lost && lost < 190, "{lost} of 200");
}

/// The ordinary run is well; one millisecond of twenty leaves the buyer waiting for ever, and the search names it.
#[test]
fn a_search_finds_the_millisecond_of_a_crash() {
    let file = File::load(Path::new("scenarios/network/maybe-a-crash.toml")).unwrap();
    let search = file.explore(&Setting::default(), &plan(0), &mut |_| true).unwrap();
    assert!(search.is_good(), "the deadlock is what had to be found");
    assert_eq!(search.explored.faults, (21, 21), "one for each millisecond");
    let told = &search.told[0];
    assert_eq!(told.identity.what, "deadlock");
    assert_eq!(told.trace.log().iter().filter(|choice| choice.answer != 0).count(), 1);
}

const SILENT: &str = r#"
    about = "Nobody answers."
    [[host]]
    name = "shop"
    FAULT
    [[task]]
    name = "buyer"
    steps = [{ sleep = "10ms" }, { get = "http://shop/", as = "status" }]
    [main]
    steps = [{ await = "buyer" }]
"#;

/// An outcome, and at once: not a hang, and not an hour of ticks.
#[test]
fn who_waits_for_a_host_that_never_answers_is_deadlocked() {
    for fault in [
        "delay = \"1h\"\n[network]\nfaults = [{ partition = [\"client\", \"shop\"], at = \"0s\" }]",
        "[network]\nfaults = [{ crash = \"shop\", at = \"0s\" }]",
        "[network]\nfaults = [{ hold = [\"client\", \"shop\"], at = \"12ms\" }]",
        "[network]\nloss = \"100%\"",
    ] {
        let file = file("silent.toml", &SILENT.replace("FAULT", fault));
        let program = file.program(None, None).unwrap();
        let (trace, cost) = cost(&program, 1);
        assert_eq!(Ending::from(trace.outcome), Ending::Deadlocked, "{fault}");
        assert!(cost.ticks < 100, "{fault}: {cost:?}");
    }
}

#[test]
fn idle_hours_cost_nothing() {
    let file = file("slow.toml", &SILENT.replace("FAULT", "delay = \"1h\"\n[network]\nlatency = \"1h\""));
    let (trace, cost) = cost(&file.program(None, None).unwrap(), 0);
    assert!(matches!(trace.outcome, Outcome::Finished(_)));
    assert_eq!(trace.tally().ended.0, 3 * 3_600_000_000_000 + 3_600_000_000_000 + 10_000_000, "four hours on the way");
    assert!(cost.ticks < 100 && cost.skipped > 14_000_000, "{cost:?}");
}

/// A program that never comes to its end, as long as its hosts answer.
#[test]
fn who_asks_for_ever_runs_out_of_steps() {
    let file = file(
        "for-ever.toml",
        r#"
        about = "Asks again and again."
        [[host]]
        name = "shop"
        [limits]
        steps = 1000
        [main]
        steps = [{ while = "True", do = [{ get = "http://shop/", as = "status" }] }]
        "#,
    );
    assert_eq!(Ending::from(run(&file, None, None).trace.outcome), Ending::OutOfSteps);
}

/// turmoil forgets to take back some of its ports. Where it would panic, the program gets an error.
#[test]
fn ports_run_out_with_an_error() {
    let file = file(
        "ports.toml",
        r#"
        about = "Knocks on a door that is not there."
        [[host]]
        name = "shop"
        [main]
        steps = [
            { for = "at", in = "range(17000)", do = [
                { try = [{ get = "http://shop:81/" }], except = { ConnectionRefusedError = [] } },
            ] },
        ]
        [expect]
        raises = "OSError"
        "#,
    );
    let judged = run(&file, None, None);
    assert!(judged.verdict.is_good(), "{:?}", judged.trace.outcome);
    let asked = judged.trace.iter().filter(|moment| matches!(moment.what, What::Requested { .. })).count();
    assert_eq!(asked, (1 << 14) + 1, "and the last one failed");
}

/// A test of real hosts: two messages there and back, and what the test makes of it.
mod hosts {
    use super::*;
    use atropos::check::{Found, Hosts, Network, Sim};
    use atropos::turmoil;
    use atropos::turmoil::net::{TcpListener, TcpStream};
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Says back what it is told.
    async fn echo() -> turmoil::Result {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::task::spawn_local(async move {
                while let Ok(byte) = stream.read_u8().await {
                    if stream.write_u8(byte).await.is_err() {
                        break;
                    }
                }
            });
        }
    }

    async fn ask(byte: u8) -> std::io::Result<u8> {
        let mut stream = TcpStream::connect("echo:7").await?;
        stream.write_u8(byte).await?;
        stream.read_u8().await
    }

    fn asks_once(hosts: &mut Hosts) -> impl Future<Output = std::io::Result<()>> + use<> {
        hosts.host("echo", echo);
        async {
            assert_eq!(ask(7).await?, 7);
            Ok(())
        }
    }

    fn whats(found: &Found) -> Vec<&str> {
        found.failures.iter().map(|failed| failed.what).collect()
    }

    #[test]
    fn what_goes_well_at_any_pace_goes_well() {
        let found = Network::new().latency(millis(1)..=millis(20)).runs(100).find(asks_once);
        assert_eq!(whats(&found), [""; 0]);
        assert!(found.covered.contains("virtual milliseconds were made one by one"), "{}", found.covered);
    }

    /// A crash in the wrong millisecond is an error of the connection, or silence until the run is given up.
    #[test]
    fn a_crash_is_an_error_or_silence() {
        let network = Network::new().crash("echo", millis(0)..=millis(5), millis(10)).at_most(millis(200)).runs(20);
        let found = network.find(asks_once);
        let mut found = whats(&found);
        found.sort_unstable();
        assert_eq!(found, ["main-failed", "unsettled"]);
    }

    #[test]
    fn what_is_found_does_not_depend_on_the_number_of_threads() {
        let find = |jobs: usize| {
            let jobs = NonZero::new(jobs).unwrap();
            Network::new().latency(millis(1)..=millis(9)).jobs(jobs).runs(60).find(|hosts| {
                hosts.host("echo", echo);
                async { assert!(tokio::time::timeout(millis(12), ask(1)).await.is_ok(), "late") }
            })
        };
        let stories = |found: Found| found.failures.into_iter().map(|failed| failed.story).collect::<Vec<_>>();
        let one = stories(find(1));
        assert_eq!(one.len(), 1);
        assert_eq!(one, stories(find(3)));
    }

    #[test]
    fn a_host_that_fails_is_told() {
        let found = Network::new().runs(2).find(|hosts| {
            hosts.host("broken", || async { Err("out of paper")? });
            std::future::pending::<()>()
        });
        let told = &found.failures[0].story;
        assert!(told.starts_with("main-failed: main fails with a host: out of paper."), "{told}");
    }

    /// A host whose two tasks are woken by one message: in tokio's order the first of them is always first.
    fn races(hosts: &mut Hosts) -> impl Future<Output = ()> + use<> {
        hosts.host("shop", || async {
            let listener = TcpListener::bind("0.0.0.0:80").await?;
            let (mut stream, _) = listener.accept().await?;
            let bell = Rc::new(tokio::sync::Notify::new());
            let order = Rc::new(RefCell::new(Vec::new()));
            let tasks = [1, 2].map(|number| {
                let (bell, order) = (bell.clone(), order.clone());
                atropos::tokio::task::spawn_local(async move {
                    bell.notified().await;
                    order.borrow_mut().push(number);
                })
            });
            stream.read_u8().await?;
            bell.notify_waiters();
            for task in tasks {
                task.await?;
            }
            let first = order.borrow()[0];
            stream.write_u8(first).await?;
            std::future::pending().await
        });
        async {
            let mut stream = TcpStream::connect("shop:80").await.unwrap();
            tokio::time::sleep(millis(2)).await;
            stream.write_u8(0).await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), 1, "the second task was first");
        }
    }

    #[test]
    fn the_order_of_a_hosts_tasks_is_chosen() {
        assert_eq!(whats(&Network::new().runs(40).find(races)), ["panicked"]);
        let in_order = Network::new().runs(40).plain_order().find(races);
        assert_eq!(whats(&in_order), [""; 0], "{:?}", in_order.failures);
    }

    /// Dropped between its two messages, it has bought and not paid; and the host sees that in a task of its own.
    #[test]
    fn a_future_on_a_host_is_cut_at_every_await() {
        let found = Network::new().runs(60).find(|hosts| {
            hosts.host("shop", || async {
                let listener = TcpListener::bind("0.0.0.0:80").await?;
                loop {
                    let (mut stream, _) = listener.accept().await?;
                    atropos::tokio::task::spawn_local(async move {
                        if stream.read_u8().await.is_ok() {
                            assert!(stream.read_u8().await.is_ok(), "bought and not paid");
                        }
                    });
                }
            });
            async {
                Sim::here()
                    .cut(async {
                        let mut stream = TcpStream::connect("shop:80").await.unwrap();
                        stream.write_u8(b'b').await.unwrap();
                        tokio::time::sleep(millis(3)).await;
                        stream.write_u8(b'p').await.unwrap();
                    })
                    .named("buy")
                    .await;
                tokio::time::sleep(millis(10)).await;
            }
        });
        assert_eq!(whats(&found), ["panicked"]);
        let story = &found.failures[0].story;
        assert!(story.contains("bought and not paid") && story.contains("drop `buy` at"), "{story}");
    }

    /// What is taken and not given back is found when everything has settled, wherever it was taken.
    #[test]
    fn what_is_watched_has_to_be_given_back() {
        let found = Network::new().runs(10).find(|hosts| {
            hosts.host("echo", echo);
            async {
                let pool = Arc::new(tokio::sync::Semaphore::new(1));
                Sim::here().watch("permits", pool.clone());
                let buy = async {
                    pool.acquire().await.unwrap().forget();
                    ask(1).await.unwrap();
                    pool.add_permits(1);
                };
                Sim::here().cut(buy).named("buy").await;
            }
        });
        assert_eq!(whats(&found), ["main-failed"]);
        assert!(found.failures[0].story.contains("permits: 1 before, 0 now"), "{}", found.failures[0].story);
    }

    /// Each outcome is one, and none of them is a hang.
    #[test]
    fn a_host_that_never_rests_is_a_livelock() {
        let found = Network::new().runs(2).find(|hosts| {
            hosts.host("busy", || async {
                loop {
                    tokio::task::yield_now().await;
                }
            });
            async { tokio::time::sleep(millis(5)).await }
        });
        assert_eq!(whats(&found), ["livelock"]);
        assert!(found.failures[0].story.contains("busy"), "{}", found.failures[0].story);
    }

    #[test]
    fn a_task_of_a_host_that_panics_is_told() {
        let found = Network::new().runs(2).find(|hosts| {
            hosts.host("shop", || async {
                atropos::tokio::task::spawn_local(async { panic!("no stock") });
                std::future::pending().await
            });
            async { tokio::time::sleep(millis(5)).await }
        });
        assert_eq!(whats(&found), ["panicked"]);
        assert!(found.failures[0].story.contains("no stock"), "{}", found.failures[0].story);
    }

    /// turmoil lets every tick begin with another generator; both branches are chosen all the same, and runs are repeated.
    #[test]
    fn an_unbiased_select_on_a_host_is_chosen() {
        let found = Network::new().runs(60).find(|hosts| {
            hosts.host("echo", echo);
            async {
                for _ in 0..4 {
                    assert_eq!(ask(3).await.unwrap(), 3);
                    let first = tokio::select! {
                        () = std::future::ready(()) => true,
                        () = std::future::ready(()) => false,
                    };
                    assert!(first, "the last branch was first");
                }
            }
        });
        assert_eq!(whats(&found), ["panicked"]);
        assert!(
            found.failures[0].story.contains("polls the last branch of its `select!` first"),
            "{}",
            found.failures[0].story
        );
    }

    #[test]
    #[should_panic(expected = "there is no host `ecko` in this test")]
    fn a_fault_of_nobody_is_told() {
        Network::new().crash("ecko", millis(0)..=millis(5), millis(1)).find(asks_once);
    }

    #[test]
    #[should_panic(expected = "the test itself runs on `client`, which cannot crash")]
    fn a_crash_of_the_tests_own_host_is_told() {
        Network::new().crash("client", millis(0)..=millis(5), millis(1)).find(asks_once);
    }

    #[test]
    #[should_panic(expected = "`echo` has no link with itself")]
    fn a_link_of_a_host_with_itself_is_told() {
        Network::new().partition("echo", "echo", millis(0)..=millis(5), millis(1)).find(asks_once);
    }

    #[test]
    #[should_panic(expected = "a latency from 3ms to 1ms: the shortest is longer than the longest")]
    fn a_latency_turned_round_is_told() {
        _ = Network::new().latency(millis(3)..=millis(1));
    }

    #[test]
    #[should_panic(expected = "there are two hosts `echo` in this test")]
    fn two_hosts_of_one_name_are_told() {
        Network::new().find(|hosts| {
            hosts.host("echo", echo);
            asks_once(hosts)
        });
    }

    /// Faults that overlap, and one that is never over, are outcomes like others.
    #[test]
    fn faults_that_overlap_and_last_for_ever_come_to_an_end() {
        let network = Network::new()
            .partition("client", "echo", millis(1)..=millis(2), Duration::MAX)
            .hold("client", "echo", millis(0)..=millis(2), millis(3))
            .crash("echo", millis(1)..=millis(3), millis(2));
        let found = network.at_most(millis(300)).runs(60).find(|hosts| {
            hosts.host("echo", echo);
            // The whole list of what may become of it.
            async { _ = tokio::time::timeout(millis(100), ask(7)).await }
        });
        assert_eq!(whats(&found), [""; 0], "{:?}", found.failures);
        assert!(found.runs > 30);
    }

    #[test]
    fn an_error_that_the_test_returns_is_a_failure() {
        let found = Network::new().runs(2).find(|_| async { Err::<(), _>("out of paper") });
        assert!(found.failures[0].story.contains("out of paper"), "{:?}", found.failures);
    }
}
