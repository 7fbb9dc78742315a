//! `explore`, `replay` and what is saved between them, as a user sees it.

use std::path::Path;
use std::process::Stdio;

use super::{atropos, folder, seen, shows, shows_in};

/// A task that takes whatever comes for an error that it can live with.
const LOST: &str = include_str!("../lost.toml");

/// The same without the mistake.
fn fixed() -> String {
    LOST.replace("BaseException", "Exception")
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The token that is saved for a scenario, of which there has to be one.
fn token(folder: &Path, name: &str) -> String {
    let text = read(folder, name);
    let mut tokens = text.lines().filter_map(|line| line.strip_prefix("token = \""));
    let token = tokens.next().unwrap().trim_end_matches('"').to_owned();
    assert_eq!(tokens.next(), None);
    token
}

#[test]
fn help() {
    shows("help-explore", &[], "explore --help", 0);
    shows("help-replay", &[], "replay --help", 0);
    shows("help-shrink", &[], "shrink --help", 0);
}

/// From the first find on a failure is run first, and stays when it is fixed.
#[test]
fn a_failure_is_saved_and_run_first_from_then_on() {
    let here = folder("saved", &[("lost.toml", LOST)]);
    shows_in(&here, "explore-finds", "explore lost.toml", 1);
    let saved = read(&here, "lost.failures.toml");
    insta::with_settings!({ snapshot_path => "../../snapshots/cli", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("explore-saved-file", saved);
    });
    shows_in(&here, "explore-again", "explore lost.toml", 1);
    assert_eq!(read(&here, "lost.failures.toml"), saved, "what is saved is not saved again");
    shows_in(&here, "explore-again-json", "explore lost.toml --format json", 1);

    write(&here, "lost.toml", &fixed());
    shows_in(&here, "explore-fixed", "explore lost.toml", 0);
    shows_in(&here, "explore-fixed-json", "explore . --format json", 0);
    assert_eq!(read(&here, "lost.failures.toml"), saved, "what is fixed stays as it is");

    // A scenario that exists to be caught says so, and then it is no failure.
    write(&here, "lost.toml", &format!("{LOST}\n[expect]\nmust_find = {{ oracle = \"lost-cancel\", within = 10 }}\n"));
    let (text, code) = seen(&here, "explore lost.toml");
    assert!(code == 0 && text.contains("holds now (lost-cancel") && text.contains("has to be found"), "{text}");

    write(&here, "lost.toml", &fixed().replace("\"worker\"", "\"runner\""));
    shows_in(&here, "explore-edited", "explore lost.toml", 0);
    shows_in(&here, "check-with-saved-failures", "check .", 0);
    shows_in(&here, "run-saved-failures", "run lost.failures.toml", 2);
}

#[test]
fn who_does_not_want_to_save_does_not() {
    let here = folder("no-save", &[("lost.toml", LOST)]);
    let (text, code) = seen(&here, "explore lost.toml --no-save");
    assert_eq!(code, 1);
    assert!(!text.contains("saved") && !here.join("lost.failures.toml").exists(), "{text}");
}

/// A failure that holds at its old place and is there at a new one is still one failure: it is shown at the new place.
#[test]
fn the_same_failure_is_saved_once_wherever_it_is_found() {
    let here = folder("once", &[("lost.toml", LOST)]);
    assert_eq!(seen(&here, "explore lost.toml").1, 1);
    let first = token(&here, "lost.failures.toml");
    let later = LOST.replace("steps = [\n", "steps = [\n    { sleep = \"1s\" },\n");
    write(&here, "lost.toml", &later);
    assert_eq!(seen(&here, "explore lost.toml").1, 1);
    let second = token(&here, "lost.failures.toml");
    assert_ne!(first, second);
    let (text, code) = seen(&here, &format!("replay {second} lost.toml"));
    assert!(code == 1 && text.contains("lost-cancel: `worker`"), "{text}");
}

/// Two explorations of one file at once: each saves under its own main, and none takes away what the other saves.
#[test]
fn several_may_save_at_once() {
    let strategies = ["cancel-each-task", "cancel-all-tasks", "wait-first-exception", "await-one-by-one"];
    let many = LOST.replace("[main]\nsteps = [{ spawn = \"worker\", as = \"task\" }, { wait = [\"task\"] }]\n", "");
    let many = many.replacen("\n\n", &format!("\nstrategy = {strategies:?}\n\n"), 1);
    let here = folder("at-once", &[("many.toml", many.as_str())]);
    let explore = |strategy: &&str| {
        let arguments = format!("explore many.toml --strategy {strategy} --seeds 0..1");
        atropos(&here, &arguments).stdout(Stdio::null()).spawn().unwrap()
    };
    let children: Vec<_> = strategies.iter().map(explore).collect();
    for mut child in children {
        assert_eq!(child.wait().unwrap().code(), Some(1));
    }
    let saved = read(&here, "many.failures.toml");
    for strategy in strategies {
        assert!(saved.contains(&format!("strategy = \"{strategy}\"\nwhat = \"lost-cancel\"")), "{strategy}:\n{saved}");
    }
    let left: Vec<_> = std::fs::read_dir(&here).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing is left over: {left:?}");
}

#[test]
fn a_file_of_failures_that_somebody_broke() {
    let broken = "[[failure]]\nwhat = \"lost-cancle\"\nstory = \"It is lost.\"\ntoken = \"a1-AAAA\"\n";
    let files = [("lost.toml", LOST), ("lost.failures.toml", broken)];
    shows("broken-failures", &files, "explore lost.toml", 2);
    let unmerged = [("lost.toml", LOST), ("lost.failures.toml", "<<<<<<< HEAD\n[[failure]]\n=======\n")];
    shows("unmerged-failures", &unmerged, "explore lost.toml", 2);
}

/// Nothing is lost when it cannot be saved: the story is told, and the exit code says it.
#[cfg(unix)]
#[test]
fn a_folder_in_which_nothing_can_be_saved() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    let here = folder("read-only", &[("lost.toml", LOST)]);
    std::fs::set_permissions(&here, PermissionsExt::from_mode(0o555)).unwrap();
    let mut command = atropos(&here, "explore lost.toml --seeds 0..1");
    // Who may do anything is nobody for this test.
    if std::fs::write(here.join("anybody"), "").is_ok() {
        std::fs::remove_file(here.join("anybody")).unwrap();
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    std::fs::set_permissions(&here, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let (text, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(text.contains("lost-cancel: `worker`") && !text.contains("is saved"), "{text}");
    assert_eq!(error, "error: failures could not be saved in lost.failures.toml: permission denied\n");
    assert!(!here.join("lost.failures.toml").exists());
}

#[test]
fn ranges_and_shards_that_are_none() {
    let files = [("lost.toml", LOST)];
    shows("seeds-empty", &files, "explore lost.toml --seeds 5..5", 2);
    shows("seeds-reversed", &files, "explore lost.toml --seeds 7..3", 2);
    shows("seeds-one", &files, "explore lost.toml --seeds 7", 2);
    shows("shard-too-great", &files, "explore lost.toml --shard 4/3", 2);
    shows("shard-zero", &files, "explore lost.toml --shard 0/3", 2);
    shows("shard-of-none", &files, "explore lost.toml --shard 0/0", 2);
    shows("for-no-time", &files, "explore lost.toml --for 0s", 2);
    shows("for-no-unit", &files, "explore lost.toml --for 5", 2);
}

#[test]
fn tokens_that_name_no_run_of_this_file() {
    let here = folder("tokens", &[("lost.toml", LOST), ("other.toml", OTHER), ("fixed.toml", &fixed())]);
    assert_eq!(seen(&here, "explore lost.toml").1, 1);
    let token = token(&here, "lost.failures.toml");
    // The same word in every snapshot.
    assert_eq!(token, TOKEN);
    shows_in(&here, "replay", &format!("replay {TOKEN} lost.toml"), 1);
    shows_in(&here, "replay-trace", &format!("replay {TOKEN} lost.toml --trace"), 1);
    shows_in(&here, "replay-fixed", &format!("replay {TOKEN} fixed.toml"), 0);
    shows_in(&here, "replay-of-another-file", &format!("replay {TOKEN} other.toml"), 0);
    let damaged = TOKEN.replace("ndvcm", "ndvcn");
    assert_ne!(damaged, TOKEN);
    shows_in(&here, "replay-damaged", &format!("replay {damaged} lost.toml"), 2);
    shows_in(&here, "replay-cut-off", &format!("replay {} lost.toml", &TOKEN[..20]), 2);
    shows_in(&here, "replay-another-version", &format!("replay a2-{} lost.toml", &TOKEN[3..]), 2);
    shows_in(&here, "replay-no-token", "replay 7 lost.toml", 2);
    shows_in(&here, "replay-of-a-folder", &format!("replay {TOKEN} ."), 2);
}

/// What is saved of [`LOST`].
const TOKEN: &str = "a1-JVqlkQAyjBBMAAAEBndvcmtlcgdhd2FpdCAxAQl3YWl0aW5nKzB2Segq";

/// The mistake among much else: it is there at any time of a second, in every order.
const NOISY: &str = r#"
# A comment about it all.
about = "A mail is sent, and tried again whatever comes, while others count and log."

[shared]
sent = 0
logged = 0

[[task]]
name = "logger {i}"
count = 4
steps = [
    { for = "n", in = "range(3)", do = [{ sleep = "100ms..900ms" }, { add = 1, to = "logged" }] },
    { print = "{logged} lines" },
]

[[task]]
name = "mailer"
steps = [
    # It has to log in first.
    { sleep = "1s" },
    { try = [{ sleep = "1s" }, { add = 1, to = "sent" }], except = { "BaseException" = [{ print = "again" }] } },
    { if = "sent == 0", then = [{ sleep = "1s" }, { add = 1, to = "sent" }], else = [{ print = "sent" }] },
    { sleep = "250ms" },
]

[main]
steps = [
    { gather = "coros", as = "all", return_exceptions = true },
    { await = "all" },
    { print = "{sent} sent" },
]

[[inject]]
cancel = "mailer"

[[inject]]
cancel = "logger *"

[expect]
deadline = "10s"
"#;

#[test]
fn a_scenario_is_made_small() {
    let here = folder("shrink", &[("noisy.toml", NOISY), ("fixed.toml", &NOISY.replace("BaseException", "Exception"))]);
    shows_in(&here, "explore-in-small", "explore noisy.toml", 1);
    let token = token(&here, "noisy.failures.toml");
    shows_in(&here, "shrink", &format!("shrink {token} noisy.toml"), 0);
    shows_in(&here, "shrink-to-a-file", &format!("shrink noisy.toml {token} --output small.toml"), 0);
    assert!(seen(&here, &format!("shrink {token} noisy.toml")).0.contains(&read(&here, "small.toml")));
    // The last line shows it again, in the file that was written.
    let (text, _) = seen(&here, &format!("shrink {token} noisy.toml --output small.toml"));
    let command = text.lines().find_map(|line| line.trim().strip_prefix("atropos replay")).unwrap();
    let (again, code) = seen(&here, &format!("replay{command}"));
    assert!(code == 1 && again.contains("lost-cancel: `mailer`") && !again.contains("edited"), "{again}");
    shows_in(&here, "shrink-what-passes", &format!("shrink {token} fixed.toml"), 2);
    let (text, code) = seen(&here, &format!("shrink {token} noisy.toml --failure lost-cancle"));
    assert!(code == 2 && text.contains("there is no failure `lost-cancle`; did you mean `lost-cancel`?"), "{text}");
    shows_in(&here, "shrink-nowhere", &format!("shrink {token} noisy.toml --output nowhere/small.toml"), 2);
}

const OTHER: &str = r#"
about = "Nothing like it."

[main]
steps = [{ sleep = "1s" }, { print = "done" }]
"#;

#[test]
fn a_scenario_that_most_runs_cannot_finish() {
    let endless = r#"
about = "A worker polls until somebody stops it, which hardly anybody does."

[[task]]
name = "worker {i}"
count = 9
steps = [{ sleep = "1s" }]

[[task]]
name = "worker that polls"
steps = [{ while = "True", do = [{ sleep = "10ms..1s" }] }]

[main]
steps = [{ gather = "coros", as = "workers", return_exceptions = true }, { await = "workers" }]

[[inject]]
cancel = "worker *"

[limits]
steps = 200

[expect]
outcome = "out-of-steps"

[allow]
lost-cancel = "told elsewhere"
lost-result = "told elsewhere"
unsettled = "told elsewhere"
"#;
    shows("explore-endless", &[("endless.toml", endless)], "explore endless.toml --no-save --seeds 0..100", 0);
}

/// Nobody says that it may go on for ever, so that is what is found, and it is not made a thousand times.
#[test]
fn a_scenario_that_does_not_end_in_plain_order() {
    let endless = r#"
about = "A client that tries again until it has an answer, which it never has."

[[task]]
name = "client"
steps = [{ while = "True", do = [{ sleep = "100ms..200ms" }, { print = "again" }] }]

[main]
steps = [{ gather = "coros", as = "all" }, { await = "all" }]

[[inject]]
cancel = "client"

[limits]
steps = 200
"#;
    let here = folder("no-end", &[("endless.toml", endless)]);
    shows_in(&here, "explore-no-end", "explore endless.toml --no-save", 1);
    shows_in(&here, "explore-no-end-exhaustive", "explore endless.toml --exhaustive", 1);
    let (json, code) = seen(&here, "explore endless.toml --no-save --format json");
    assert!(code == 1 && json.contains("\"runs\":1,") && json.contains("\"endless\":\"out-of-steps\""), "{json}");
    let strategies =
        endless.replace("[main]\nsteps = [{ gather = \"coros\", as = \"all\" }, { await = \"all\" }]\n", "");
    let strategies = strategies.replacen("\n\n", "\nstrategy = [\"shield\", \"cancel-each-task\"]\n\n", 1);
    write(&here, "strategies.toml", &strategies);
    shows_in(&here, "compare-no-end", "compare shield cancel-each-task strategies.toml", 1);
    // A shard that has no part in that run has nothing to do, and says why.
    let (shard, code) = seen(&here, "explore endless.toml --no-save --shard 2/2");
    assert!(code == 0 && shard.contains("0 runs") && shard.contains("nothing else was tried"), "{shard}");
}

/// Ten tasks in small: one may fail, and what becomes of the others hangs on the strategy.
const DOWNLOADS: &str = r#"
about = "Three downloads, one of which may fail half way."
strategy = ["gather-cancel-wrong", "cancel-each-task"]

[shared]
written = 0

[[task]]
name = "download {i}"
count = 3
steps = [{ sleep = "1s" }, { point = "half way" }, { sleep = "1s" }, { add = 1, to = "written" }]

[[inject]]
task = "download 1"
at = "half way"
raise = "no route"
"#;

#[test]
fn two_strategies_are_compared_by_how_their_runs_end() {
    let here = folder("compare", &[("downloads.toml", DOWNLOADS)]);
    shows_in(&here, "compare", "compare gather-cancel-wrong cancel-each-task downloads.toml", 1);
    shows_in(&here, "compare-with-itself", "compare shield shield downloads.toml", 0);
    // What only one does is shown by the command under it.
    let (told, _) = seen(&here, "compare gather-cancel-wrong cancel-each-task downloads.toml");
    let command = told.lines().find_map(|line| line.trim().strip_prefix("atropos ")).unwrap();
    let (shown, _) = seen(&here, command);
    assert!(shown.contains("2 finished, 1 failed, 0 cancelled"), "{shown}");
}

/// Nothing that was not done counts as the same, or as good.
#[test]
fn only_asyncio_is_gone_through() {
    let hosts = r#"
about = "Two downloads from a mirror."
strategy = ["shield", "cancel-each-task"]

[[host]]
name = "mirror"
delay = "10ms..20ms"

[[task]]
name = "download {i}"
count = 2
steps = [{ get = "http://mirror/a", as = "status" }, { return = "{status}" }]
"#;
    let here = folder("beyond-search", &[("downloads.toml", DOWNLOADS), ("hosts.toml", hosts)]);
    shows_in(&here, "compare-hosts", "compare shield cancel-each-task hosts.toml", 2);
    shows_in(&here, "explore-exhaustive-hosts", "explore --exhaustive --strategy shield hosts.toml", 2);
    let mixed = "explore --exhaustive --strategy shield downloads.toml hosts.toml";
    shows_in(&here, "explore-exhaustive-mixed", mixed, 0);
    let on_tokio = "explore --exhaustive --strategy cancel-each-task --runtime tokio downloads.toml";
    shows_in(&here, "explore-exhaustive-tokio", on_tokio, 2);
}

#[test]
fn ends_that_a_file_does_not_list() {
    let listed = "[expect]\noutcomes = [\"main returned None; written = 3; 3 finished\", \"main returned None\"]\n";
    let text = format!("{DOWNLOADS}\n{listed}");
    let arguments = "explore downloads.toml --strategy cancel-each-task --exhaustive";
    shows("explore-unlisted", &[("downloads.toml", &text)], arguments, 1);
}
