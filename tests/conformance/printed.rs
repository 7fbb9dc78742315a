//! What `atropos python` prints, run by the interpreters: a script has to print what the scenario prints.
//!
//! Knows nothing of events: a script is no program of the judge, and tells nothing but its own output.

use atropos::choice::Ordinary;
use atropos::cpython::Script;
use atropos::event_loop::EventLoop;
use atropos::experiment::Runtime;
use atropos::generate::{Sketch, scenarios};
use atropos::harness::{Patience, Session, find, strategies};
use atropos::machine::Machine;
use atropos::report;
use atropos::scenario::Scenario;
use atropos::strategy;
use atropos::time::Nanos;
use atropos::trace::Outcome;
use proptest::char::range;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;
use proptest::sample::select;
use serde_json::{Value as Json, json};

use crate::python::{PATIENCE, interpreters};
use crate::{random, root};

/// How many random programs there are; each runs on every interpreter.
const SCRIPTS: u32 = 500;

/// How many scenarios with texts that look like code.
const HOSTILE: u32 = 250;

/// One interpreter a version, each running scripts.
struct Printers(Vec<Session>);

impl Printers {
    /// Nothing if there is no interpreter; then it was said.
    fn start() -> Option<Printers> {
        let start =
            |python| Session::start(python, Script::Printed, &Patience::of(PATIENCE)).expect("it was just asked");
        let scripts: Vec<Session> = interpreters().iter().map(start).collect();
        (!scripts.is_empty()).then_some(Printers(scripts))
    }

    /// Runs the script of a scenario on every interpreter, or on the one that the file is about; returns on how many. A
    /// scenario that does not end is compared on none.
    fn compare(&mut self, text: &str, strategy: Option<&str>, everywhere: bool) -> Result<u64, String> {
        let scenario = Scenario::parse(text, &strategies());
        let scenario = scenario.map_err(|errors| report::diagnostics("the scenario", text, &errors, false))?;
        let mut compared = 0;
        for printer in &mut self.0 {
            let profile = printer.interpreter().profile;
            if !everywhere && scenario.profile() != profile {
                continue;
            }
            let Ok(program) = scenario.program(strategy, Some(profile)) else { continue };
            let mut event_loop = EventLoop::new(&program);
            event_loop.run(&mut Ordinary);
            let trace = event_loop.trace();
            // A script cannot cancel from outside before its loop has turned once.
            let is_at_once = program.outside_cancels.iter().any(|cancel| cancel.at == Nanos(0));
            if matches!(trace.outcome, Outcome::OutOfSteps | Outcome::Livelocked) || is_at_once {
                continue;
            }
            let script = scenario.python(strategy, Some(profile)).map_err(|errors| format!("{errors:?}"))?;
            printer.send(&json!({ "script": script }).to_string());
            let answer: Json =
                serde_json::from_str(&printer.receive().map_err(|problem| format!("{problem}\n{script}"))?)
                    .map_err(|error| error.to_string())?;
            let (ours, theirs) = (report::transcript(&program, &trace), answer["printed"].as_str().unwrap_or_default());
            if ours != theirs {
                let version = &printer.interpreter().version;
                let error = &answer["error"];
                return Err(format!("{script}\nprints on Python {version}\n{theirs}\nnot\n{ours}\n{error}\n{text}"));
            }
            compared += 1;
        }
        Ok(compared)
    }
}

/// Every file under its own main and under every strategy, as the version that it is about.
#[test]
fn scenario_files_print_the_same_as_python() {
    let Some(mut printers) = Printers::start() else { return };
    let mut differences = Vec::new();
    let mut count = 0;
    for path in find(&[root().join("scenarios")]).unwrap() {
        let text = std::fs::read_to_string(&path).unwrap();
        let scenario = Scenario::parse(&text, &strategies()).unwrap();
        if !scenario.runtimes().contains(&Runtime::Asyncio) {
            continue;
        }
        let own = scenario.mains().contains(&None).then_some(None);
        for main in strategy::on(Runtime::Asyncio).map(|strategy| Some(strategy.name)).chain(own) {
            match printers.compare(&text, main, false) {
                Ok(compared) => count += compared,
                Err(difference) => differences.push(format!("{}, {main:?}: {difference}", path.display())),
            }
        }
    }
    println!("{count} scripts");
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(count > 100, "expected most files to run, but only {count} scripts did");
}

#[test]
fn random_programs_print_the_same_as_python() {
    let write = |sketch: &Sketch| sketch.to_string();
    check("scripts of random programs", SCRIPTS, scenarios, write);
}

/// Whatever stands in texts and names.
#[test]
fn hostile_texts_print_the_same_as_python() {
    let drawn = || (vec(words(), 8), vec(names(), 5));
    check("scripts with hostile texts", HOSTILE, drawn, |(words, names)| hostile(words, names));
}

/// The same, event by event.
#[test]
fn hostile_texts_run_as_on_python() {
    let Some(_) = crate::start() else { return };
    random::check(
        "hostile texts",
        HOSTILE,
        || (vec(words(), 8), vec(names(), 5)),
        || crate::start().expect("there was one"),
        |judges, (words, names)| crate::compare(judges, &hostile(&words, &names), None),
    );
}

fn check<S: Strategy>(what: &str, cases: u32, strategy: impl Fn() -> S + Sync, text: fn(&S::Value) -> String) {
    let Some(_) = Printers::start() else { return };
    random::check(
        what,
        cases,
        strategy,
        || Printers::start().expect("there were some"),
        |printers, drawn| printers.compare(&text(&drawn), None, true),
    );
}

/// Texts that would be something else if they were printed as they are.
fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        2 => select(&[
            "\"", "'", "\\", "{", "}", "{{", "\n", "\r", "\t", "\"\"\"", "'''", "#", "%s", "%", "\\n", "\\N{BULLET}", "{0}",
            "{i}", "{name!r}", "f\"", "$", "`", "\0", "\u{1b}[31m", "\u{202e}", "\u{2028}", "ß", "\u{1f600}", "é", ")", "(",
            "None", "import os", ";", "\u{feff}", "=", ":",
        ][..]).prop_map(str::to_owned),
        1 => characters().prop_map(String::from),
        1 => "[a-z ]{1,5}",
    ];
    vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// Characters that every version knows: how Python shows one that was added to Unicode later hangs on the version.
fn characters() -> impl Strategy<Value = char> {
    let ranges =
        [('\0', '\u{24f}'), ('Σ', 'ώ'), ('\u{2000}', '\u{2064}'), ('一', '\u{9fa5}'), ('\u{e000}', '\u{e0ff}')];
    select(ranges.to_vec()).prop_flat_map(|(first, last)| range(first, last))
}

/// Names that mean something in Python, or would become the same one there.
fn names() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("x"),
        select(
            &[
                "print",
                "asyncio",
                "random",
                "main",
                "list",
                "str",
                "type",
                "Exception",
                "ValueError",
                "__debug__",
                "__name__",
                "_",
                "self",
                "match",
                "names",
                "named",
                "by_name",
                "start",
                "started",
                "shown",
                "cancel",
                "elapsed",
                "began",
                "task",
                "run_task",
                "coro",
                "ﬁ",
                "fi",
                "größe",
                "ünï",
                "µ",
                "μ",
                "K",
                "ℋ",
                "名前",
                "İ",
                "nonlocal_",
                "isinstance",
                "int",
                "map",
                "format",
                "repr",
                "name_of",
                "type_name",
                "i_of",
                "task_2",
                "é",
                "ª",
                "e",
                "x_",
                "dict",
                "set",
            ][..]
        ),
    ]
}

/// A scenario in which all of that stands wherever a text or a name may.
fn hostile(words: &[String], names: &[&'static str]) -> String {
    let quoted = |text: &str| json!(text).to_string().replace('\u{7f}', "\\u007f");
    let doubled = |text: &str| text.replace('{', "{{").replace('}', "}}");
    let text = |at: usize| quoted(&doubled(&words[at]));
    let [a, b, shared, class, key] = names else { unreachable!("five names") };
    let (class, shared, key) = (format!("{class}C"), format!("{shared}S"), format!("{key}k"));
    let line = |text: String| text.replace(['\n', '\r'], " ").chars().filter(|c| !c.is_control()).collect::<String>();
    let first = line(format!("{}0", words[0]));
    let second = line(format!("1{}", words[1]));
    let (first_name, second_name) = (quoted(&doubled(&first)), quoted(&format!("{} {{i}}", doubled(&second))));
    let (first, second) = (quoted(&first), quoted(&format!("{second} 1")));
    let value = |at: usize| quoted(&words[at]);
    // A text in an expression, which cannot have both quotes, nor what Python reads as something else.
    let literal = |at: usize| format!("'{}'", words[at].replace(['\'', '\\', '\n', '\r'], ""));
    let jobs = line(format!("q{}", words[4]));
    let (jobs_key, jobs) = (quoted(&jobs), quoted(&doubled(&jobs)));
    let fill = words[2].chars().next().filter(|c| !"{}\n\r".contains(*c) && !c.is_control()).unwrap_or('"');
    let padded = quoted(&format!("{{name:{fill}>30}}|{{{key}:{fill}^9}}"));
    let compared = quoted(&format!("{} {{name == 'ab\"#c' or {key} != '{{x'}}", doubled(&words[3])));
    format!(
        r#"about = {about}
exceptions = ["{class}"]
[shared]
{shared_key} = 1
[objects]
{jobs_key} = "Queue()"
answer = "Future()"
[[task]]
name = {first_name}
steps = [
    {{ print = {t2} }},
    {{ print = "{{name}}" }},
    {{ set = "{a}", to = "name" }},
    {{ sleep = "1s" }},
    {{ point = {p} }},
    {{ print = "{{{a}}}{{name}}" }},
    {{ raise = {t3}, type = "{class}" }},
]
[[task]]
name = {second_name}
each = {{ {each_key} = [{v4}, {v5}], n = [1.5, 2] }}
steps = [
    {{ print = {padded} }},
    {{ print = {compared} }},
    {{ set = "{b}", to = "{key}" }},
    {{ add = 1, to = "{shared}" }},
    {{ sleep = "{{n}}s" }},
    {{ point = {p} }},
    {{ return = "{{{b}}}" }},
]
[main]
steps = [
    {{ spawn = {second}, as = "{a}" }},
    {{ spawn = {first}, as = "{b}2" }},
    {{ print = "{{{a}}} {{[{a}, 'x']}} {{{a}.{key}}}" }},
    {{ for = "current_", in = "[{a}, {b}2]", do = [
        {{ try = [
            {{ await = "current_", as = "result" }},
            {{ print = "{{result}}" }},
        ], except = {{ "{class} as e" = [
            {{ print = "{{e.type}} {{e}} {{[e]}}" }},
        ], "CancelledError as e" = [
            {{ print = "{{current_.name}} {{e}}" }},
        ], "Exception as e" = [
            {{ print = "{{e}} {{{shared}}}" }},
        ] }} }},
    ] }},
    {{ cancel = {second}, message = {t6} }},
    {{ put = {l0}, into = {jobs} }},
    {{ put_nowait = {l1}, into = {jobs} }},
    {{ get = {jobs}, as = "item" }},
    {{ set = "items", to = {list} }},
    {{ append = {l5}, to = "items" }},
    {{ print = "{{item}} {{items}} {{len(items[1])}}" }},
    {{ if = {is_first}, then = [{{ print = "the first" }}] }},
    {{ call_soon = {{ print = {t4} }} }},
    {{ set_exception = "answer", message = {t5}, type = "{class}" }},
    {{ try = [{{ await = "answer" }}], except = {{ "{class} as e" = [{{ print = "{{e}} {{[e]}}" }}] }} }},
    {{ try = [{{ assert = "item == 1", message = {t0} }}], except = {{ "AssertionError as e" = [{{ print = "{{e}} {{[e]}}" }}] }} }},
    {{ return = {t1} }},
]
[[fail]]
task = {first}
at = {p}
time = "1s"
print = {t7}
raise = {t6}
[[cancel]]
task = {second}
time = "1700ms"
message = {t7}
"#,
        about = value(0),
        shared_key = quoted(&shared),
        each_key = quoted(&key),
        p = value(7),
        l0 = quoted(&literal(0)),
        l1 = quoted(&literal(1)),
        l5 = quoted(&literal(5)),
        list = quoted(&format!("[item, {}]", literal(2))),
        is_first = quoted(&format!("item == {} and item != {}", literal(0), literal(3))),
        t0 = text(0),
        t1 = text(1),
        t4 = text(4),
        t5 = text(5),
        t2 = text(2),
        t3 = text(3),
        v4 = value(4),
        v5 = value(5),
        t6 = text(6),
        t7 = text(7),
    )
}
