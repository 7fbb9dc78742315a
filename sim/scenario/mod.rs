//! Scenario files: TOML text becomes a [`Scenario`], which is near its text and knows where everything stands; and a
//! scenario becomes a [`Program`] for each main that it asks for. Every message about a bad file is made here.
//!
//! Knows nothing of running, of terminals, or of which strategies there are: their texts are handed in.
//!
#![doc = include_str!("reference.md")]

#[cfg(test)]
mod alone;
mod assemble;
mod brackets;
mod cast;
mod constants;
mod expect;
mod expression;
mod failures;
mod faults;
mod file;
mod flatten;
mod hosts;
mod inject;
mod objects;
mod python;
mod reader;
mod resolve;
mod steps;
mod strategy_text;
mod template;

pub use failures::{SavedFailure, add_failure, read_failures};
pub use strategy_text::{Parameter, StrategyText};

use toml::Spanned;
use toml::de::DeTable;

use crate::diagnostic::Diagnostic;
use crate::experiment::Runtime;
use crate::program::{ErrorTypes, Network, Object, Profile, Program, Schedule};
use crate::verdict::Expectation;

use constants::Constant;
use expect::Expectations;
use faults::Fault;
use file::{Bounds, Task};
use inject::Victims;
use reader::Name;
use reader::Span;
use steps::Step;

/// The reference of the format, as Markdown.
pub const REFERENCE: &str = include_str!("reference.md");

/// A scenario file that is valid: every program that it asks for can be built.
///
/// ```
/// use atropos::scenario::Scenario;
/// use atropos::strategy;
///
/// let known: Vec<_> = strategy::all().iter().map(|strategy| (strategy.name, strategy.text)).collect();
/// let text = r#"
///     about = "One of two fails."
///     strategy = "gather-cancel-wrong"
///
///     [[task]]
///     name = "worker {i}"
///     count = 2
///     steps = [{ sleep = "1s" }, { point = "working" }]
///
///     [[fail]]
///     task = "worker 1"
///     at = "working"
///     raise = "broken"
/// "#;
/// let scenario = Scenario::parse(text, &known).unwrap();
/// let program = scenario.program(Some("cancel-each-task"), None).unwrap();
/// assert_eq!(program.instances.len(), 3);
///
/// let errors = Scenario::parse(&text.replace("working", "wrking"), &known);
/// assert!(errors.is_ok(), "both places were renamed");
/// let errors = Scenario::parse(&text.replace("at = \"working\"", "at = \"wrking\""), &known).unwrap_err();
/// assert_eq!(errors[0].help, ["did you mean `working`?"]);
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    about: String,
    source: Option<String>,
    profile: Profile,
    strategies: Vec<Name>,
    main: Option<(Vec<Step>, Span)>,
    parameters: Vec<(String, Constant)>,
    runtimes: Vec<Runtime>,
    network: Option<Network>,
    seeds: Vec<u64>,
    error_types: ErrorTypes,
    shared: Vec<(String, i64)>,
    /// Where it says that tasks start at once.
    eager_tasks: Option<Span>,
    objects: Vec<Object>,
    object_spans: Vec<reader::Span>,
    schedule: Schedule,
    limits: Bounds,
    expectations: Expectations,
    tasks: Vec<Task>,
    faults: Vec<Fault>,
    victims: Vec<Victims>,
    known: Vec<StrategyText>,
}

impl Scenario {
    /// Reads a file. `strategies` are the name and the text of every strategy that there is.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file, in the order of the places.
    pub fn parse(text: &str, strategies: &[(&str, &str)]) -> Result<Scenario, Vec<Diagnostic>> {
        let scenario = file::read(text, strategies).map_err(tidy)?;
        let mut errors = Vec::new();
        for strategy in scenario.mains() {
            errors.extend(scenario.program(strategy, None).err().into_iter().flatten());
        }
        if errors.is_empty() { Ok(scenario) } else { Err(tidy(errors)) }
    }

    /// The program of a strategy, whether the file lists it or not, or with the file's own main; under the file's
    /// profile unless another is given.
    ///
    /// # Errors
    ///
    /// If there is no such main, or if this one does not fit: a failure in the file may speak of a point in its own
    /// main that a strategy does not have.
    pub fn program(&self, strategy: Option<&str>, profile: Option<Profile>) -> Result<Program, Vec<Diagnostic>> {
        let strategy = match strategy {
            None => None,
            Some(name) => match self.known.iter().find(|strategy| strategy.name == name) {
                Some(strategy) => Some(strategy),
                None => {
                    let names = self.known.iter().map(|strategy| strategy.name.as_str());
                    let error = reader::unknown(0..0, "strategy", name, names);
                    return Err(vec![Diagnostic { span: None, label: String::new(), ..error }]);
                }
            },
        };
        assemble::assemble(self, strategy, profile.unwrap_or(self.profile)).map_err(tidy)
    }

    /// The same as an asyncio script, with a strategy or with the file's own main.
    ///
    /// ```
    /// use atropos::scenario::Scenario;
    ///
    /// let text = "about = 'A greeting.'\n[main]\nsteps = [{ sleep = '1s' }, { print = 'hello' }]";
    /// let script = Scenario::parse(text, &[]).unwrap().python(None, None).unwrap();
    /// assert!(script.contains("    await asyncio.sleep(1)\n    print(\"hello\")\n"));
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no such main, if it does not fit, as in [`Scenario::program`], or if the file has hosts.
    pub fn python(&self, strategy: Option<&str>, profile: Option<Profile>) -> Result<String, Vec<Diagnostic>> {
        let program = self.program(strategy, profile)?;
        if program.network.is_some() {
            let message = "expected a file without hosts, but found a [[host]]: a script has no simulated network";
            return Err(vec![Diagnostic::whole(message).help("`atropos run` runs it")]);
        }
        let strategy = strategy.and_then(|name| self.known.iter().find(|strategy| strategy.name == name));
        if let Some(strategy) = strategy.filter(|strategy| strategy.python.is_none()) {
            let message = format!("expected a strategy that Python has, but `{}` is tokio's alone", strategy.name);
            return Err(vec![Diagnostic::whole(message).help("`atropos run --runtime tokio` runs it")]);
        }
        Ok(python::script(self, strategy, &program))
    }

    /// What the file expects of a run, on tokio or on asyncio.
    pub fn expectation(&self, strategy: Option<&str>, tokio: bool) -> Expectation {
        // A file that asyncio cannot run speaks of nothing else.
        let is_apart = self.expectations.speaks_of_tokio || self.runtimes.contains(&Runtime::Asyncio);
        self.expectations.of(strategy, tokio && is_apart)
    }

    /// What a reader learns.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Where it comes from.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Which Python it speaks of.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The strategies that the file lists; none if it brings its own main.
    pub fn strategies(&self) -> impl ExactSizeIterator<Item = &str> {
        self.strategies.iter().map(|name| name.get_ref().as_str())
    }

    /// The mains that the file asks for: its strategies, or nothing for its own.
    pub fn mains(&self) -> Vec<Option<&str>> {
        if self.main.is_some() { vec![None] } else { self.strategies().map(Some).collect() }
    }

    /// What the regression suite runs it on.
    pub fn runtimes(&self) -> &[Runtime] {
        &self.runtimes
    }

    /// Whether it has hosts, and so needs a network to run on.
    pub fn has_hosts(&self) -> bool {
        self.network.is_some()
    }

    /// The seeds that the regression suite runs besides the ordinary run.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }
}

/// What to do about what the reader of TOML says, by a part of its words.
const TOML_HELP: &[(&str, &str)] = &[
    ("recur", "the steps are nested too deep: give some of them to a [[task]] of its own, and await it"),
    ("must be quoted", "put texts in quotes: \"1s\""),
    (MISSING_COMMA, "put a comma between the two"),
    ("missing assignment", "write key = value"),
    ("duplicate key", "a key stands once in a table, and two steps are two tables: { … }, { … }"),
    ("string, expected `", "a text ends with the quote with which it begins; one of several lines has three of them"),
];

/// What it says where the next of several stands without a comma before it.
const MISSING_COMMA: &str = "missing comma";

/// What it says where a bracket should have been closed, by parts of its words.
const OPEN_BRACKETS: &[&str] = &["opening", "unclosed", "inline table element"];

/// Whether what begins a line here stands in no array: the head of a table, or a key with its value.
fn is_outside(text: &str, at: usize) -> bool {
    let is_blank = |c: char| c == ' ' || c == '\t';
    let begins_line = text[..at].trim_end_matches(is_blank).ends_with('\n');
    let here = &text[at..];
    let behind_word = here.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let is_key = behind_word.len() < here.len() && behind_word.trim_start_matches(is_blank).starts_with('=');
    // An array of numbers or texts has no letter there.
    let is_head = |rest: &str| rest.trim_start_matches(['[', ' ']).starts_with(|c: char| c.is_ascii_alphabetic());
    begins_line && (is_key || here.strip_prefix('[').is_some_and(is_head))
}

/// A TOML document.
fn open(text: &str) -> Result<Spanned<DeTable<'_>>, Vec<Diagnostic>> {
    DeTable::parse(text).map_err(|error| {
        let says = |part: &&str| error.message().contains(part);
        let span = error.span().unwrap_or(0..0);
        // Where a comma is missed in front of what stands in no array, a bracket is.
        let is_array = says(&MISSING_COMMA) && is_outside(text, span.start);
        let is_bracket = is_array || OPEN_BRACKETS.iter().any(says);
        let open = is_bracket.then(|| brackets::still_open(text, span.start)).flatten();
        let open = open.filter(|(_, bracket)| !is_array || *bracket == '[');
        let mut found = Diagnostic::at(span, format!("expected TOML: {}", error.message()), "here");
        let help = TOML_HELP.iter().find(|(part, _)| says(part));
        if let Some((_, help)) = help.filter(|(part, _)| open.is_none() || *part != MISSING_COMMA) {
            found = found.help(*help);
        }
        if let Some((at, bracket)) = open {
            let closing = if bracket == '[' { ']' } else { '}' };
            found =
                found.other(at..at + 1, "still open").help(format!("close this `{bracket}` with `{closing}` first"));
        }
        vec![found]
    })
}

/// Puts the errors into the order of the file, each once: strategies share the tasks, and so the errors in them.
fn tidy(mut errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    // What is about the file as a whole, such as a missing key, may follow from a misspelt one.
    errors.sort_by_key(|error| error.span.as_ref().map_or(usize::MAX, |span| span.start));
    let mut tidied: Vec<Diagnostic> = Vec::new();
    for error in errors {
        // Equal ones are about one place, and stand together; to look through all would take long where all is wrong.
        let start = |error: &Diagnostic| error.span.as_ref().map(|span| span.start);
        if !tidied.iter().rev().take_while(|other| start(other) == start(&error)).any(|other| *other == error) {
            tidied.push(error);
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::LazyLock;

    use super::*;
    use crate::id::InstanceId;
    use crate::program::{self, Action, ErrorType, Op, Strike};
    use crate::time::Nanos;
    use crate::verdict::Ending;

    /// The strategies' files, read from disk: a test of this room names no other room either.
    static STRATEGIES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/strategy");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut read: Vec<_> = files.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect();
        read.sort();
        read
    });

    fn known() -> Vec<(&'static str, &'static str)> {
        STRATEGIES.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }

    fn parsed(text: &str) -> Scenario {
        Scenario::parse(text, &known()).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
    }

    const TWO: &str = r#"
        about = "Two tasks."
        strategy = ["gather-cancel-wrong", "poll-and-cancel"]
        exceptions = ["PaymentError"]
        parameters = { linger = "3s" }
        runtimes = ["asyncio", "turmoil"]
        seeds = [7, 1]

        [expect]
        failed = 1
        raises = "PaymentError"
        [expect.poll-and-cancel]
        failed = 2
        outcome = "finished"
        ended = "1.5s"
        [expect.tokio]
        finished = 0

        [[task]]
        name = "worker {i}"
        each = { secs = [1.5, 2], kind = ["a", "b"] }
        steps = [{ print = "{name:>10} {kind}" }, { point = "p" }, { sleep = "{secs}s..{i + 3}s" }, { point = "q" }]

        [[cancel]]
        task = "worker {i}"
        at = "q"
        message = "not {name}"

        [[fail]]
        task = "worker 1"
        time = "1s"
        type = "PaymentError"
        raise = "no money for {name}"
        print = "oh"

        [[cancel]]
        task = "worker 0"
        time = "500ms"
    "#;

    #[test]
    fn what_differs_between_instances_stands_in_their_slots() {
        let program = parsed(TWO).program(Some("gather-cancel-wrong"), None).unwrap();
        let [Op::Print(program::Text::Const(text)), Op::Point(0), Op::Sleep { min, max }, ..] =
            program.bodies[1].ops[..]
        else {
            panic!("{:?}", program.bodies[1].ops)
        };
        for (at, line, least, most) in [(1, "  worker 0 a", 1_500_000_000, 3), (2, "  worker 1 b", 2_000_000_000, 4)] {
            let id = InstanceId(at);
            let program::Value::Text(text) = program.constant(id, text) else { panic!("a text") };
            assert_eq!(program.text(text), line);
            assert_eq!(program.constant(id, min), program::Value::Int(least));
            assert_eq!(program.constant(id, max), program::Value::Int(most * 1_000_000_000));
            assert_eq!(program.name(id), format!("worker {}", at - 1));
        }
        assert_eq!(program.keys, ["i", "secs", "kind"]);
        assert_eq!(program.parameters, [("linger".to_owned(), Nanos::from_secs(3))]);
    }

    #[test]
    fn faults_strike_where_and_whom_they_say() {
        let program = parsed(TWO).program(Some("poll-and-cancel"), None).unwrap();
        let (first, second) = (InstanceId(1), InstanceId(2));
        assert_eq!(program.actions_at(first, 0), []);
        let cancels = |actions: &[Action], victim| {
            matches!(actions[0].strike, Strike::Cancel(id, Some(text))
                if id == victim && program.text(text).starts_with("not worker"))
        };
        assert!(cancels(program.actions_at(first, 1), first));
        assert!(cancels(program.actions_at(second, 1), second));
        let [fail] = program.actions_at(second, 0) else { panic!("one") };
        assert_eq!(fail.from, crate::time::Time(1_000_000_000));
        let Strike::Raise(error) = fail.strike else { panic!("a failure") };
        assert_eq!(program.text(error.message.unwrap()), "no money for worker 1");
        assert!(program.error_types.is_a(error.ty, ErrorType::EXCEPTION));
        let [outside] = program.outside_cancels[..] else { panic!("one") };
        assert_eq!((outside.at, outside.victim, outside.message), (Nanos(500_000_000), first, None));
    }

    #[test]
    fn expectations_are_overridden_key_by_key() {
        let scenario = parsed(TWO);
        let general = scenario.expectation(Some("gather-cancel-wrong"), false);
        assert_eq!((general.failed, general.outcome), (Some(1), Some(Ending::Failed)));
        assert_eq!(general.raises, scenario.error_types.find("PaymentError"));
        let own = scenario.expectation(Some("poll-and-cancel"), false);
        assert_eq!((own.failed, own.outcome, own.raises), (Some(2), Some(Ending::Finished), None));
        assert_eq!(own.ended, Some(Nanos(1_500_000_000)));
        let tokio = scenario.expectation(Some("poll-and-cancel"), true);
        assert_eq!((tokio.finished, tokio.failed, tokio.outcome), (Some(0), None, Some(Ending::Finished)));
    }

    #[test]
    fn the_rest_of_the_file_can_be_asked_for() {
        let scenario = parsed(TWO);
        assert_eq!(scenario.about(), "Two tasks.");
        assert_eq!((scenario.source(), scenario.profile()), (None, Profile::NEWEST));
        assert_eq!(scenario.mains(), [Some("gather-cancel-wrong"), Some("poll-and-cancel")]);
        assert_eq!(scenario.runtimes(), [Runtime::Asyncio, Runtime::Turmoil]);
        assert_eq!(scenario.seeds(), [7, 1]);
        let errors = scenario.program(Some("cancel-each-tsk"), None).unwrap_err();
        assert_eq!(errors[0].help, ["did you mean `cancel-each-task`?"]);
        assert!(scenario.program(None, None).is_err());
    }

    #[test]
    fn every_strategy_reads_and_fits_every_file() {
        assert!(known().len() >= 7);
        for (name, text) in known() {
            let text = StrategyText::parse(name, text).unwrap();
            let python = text.python.as_deref();
            assert!(!text.about.contains('\n') && python.is_none_or(|python| python.contains("async def main():")));
            let program = parsed(TWO).program(Some(name), None).unwrap();
            let has_steps = matches!(program.bodies[0].ops[0], Op::Coroutines(_));
            assert_eq!((has_steps, program.is_tokio_only), (python.is_some(), python.is_none()), "{}", text.name);
        }
    }

    #[test]
    fn every_block_of_the_reference_is_a_scenario() {
        let blocks: Vec<&str> =
            REFERENCE.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
        assert!(blocks.len() > 10);
        for block in blocks {
            // A file of failures stands beside a scenario, and has a reader of its own.
            if block.starts_with("[[failure]]") {
                super::read_failures(block).unwrap_or_else(|errors| panic!("{block}\n{errors:#?}"));
                continue;
            }
            parsed(block);
        }
    }

    /// The first error, as its message and the text that is underlined.
    fn check(text: &str, message: &str, underlined: &str) {
        let errors = Scenario::parse(text, &known()).unwrap_err();
        let found = errors[0].span.clone().map_or("", |span| &text[span]);
        assert_eq!((errors[0].message.as_str(), found), (message, underlined), "{text}\n{errors:#?}");
    }

    #[test]
    fn errors_in_steps() {
        let check = |steps: &str, message: &str, underlined: &str| {
            check(
                &format!("about = ''\n[[task]]\nname = 'a'\nsteps = []\n[main]\nsteps = [{steps}]\n"),
                message,
                underlined,
            )
        };
        check("{ prnt = 'x' }", "there is no step `prnt`", "prnt");
        check(
            "{ print = 'x', sleep = '1s' }",
            "expected one verb in a step, but found two: `print` and `sleep`",
            "sleep",
        );
        check("{ as = 'x' }", "expected a step with a verb, but found none", "{ as = 'x' }");
        check("{ print = 5 }", "expected a text, but found an integer", "5");
        check("'stop'", "there is no step `stop`", "'stop'");
        check("{ spawn = 'a', as = 't', at = 1 }", "there is no key `at`", "at");
        check(
            "{ sleep = '{current}s' }",
            "expected a length of time that is known before the run, but found a placeholder that is not",
            "'{current}s'",
        );
        check("{ sleep = '2s..1s' }", "expected a range from the shorter to the longer, but found 2s..1s", "2s..1s");
        check("{ print = '{t}' }", "there is no name `t`", "t");
        check(
            "{ print = '{t}' }, { set = 't', to = 1 }",
            "expected a step that binds `t` before this one, but found none",
            "t",
        );
        check(
            "{ spawn = 'a', as = 't' }, { spawn = 'a', as = 't' }",
            "expected a new name for a new task, but found `t` again",
            "'t'",
        );
        check("'break'", "expected a `for` or a `while` around this step, but found none", "'break'");
        check("{ await = 'a b' }", "there is no task `a b`", "'a b'");
        check("{ await = 'coros[1]' }", "expected an index below 1, but found 1", "1");
        check("{ set = 'x', to = 'a.don' }", "there is no attribute `don`", "don");
        check(
            "{ point = 'p' }, { point = 'p' }",
            "expected every point of a body to have its own name, but found `p` twice",
            "'p'",
        );
        check("{ try = [], except = { 'ValuError' = [] } }", "there is no exception `ValuError`", "ValuError");
        check("{ set = \"x\\u0079\", to = 'z' }", "there is no name `z`", "z");
        check("{ add = 1, to = 'name' }", "expected a variable, but found `name`, which never changes", "'name'");
    }

    #[test]
    fn names_in_branches_and_loops() {
        let good = |steps: &str| {
            parsed(&format!("about = ''\n[[task]]\nname = 'a b'\nsteps = []\n[main]\nsteps = [{steps}]\n"));
        };
        good(
            "{ if = 'True', then = [{ spawn = 'a b', as = 't' }], else = [{ spawn = 'a b', as = 't' }] }, { await = 't' }",
        );
        good("{ try = [{ spawn = 'a b', as = 't' }], except = { 'Exception' = [{ spawn = 'a b', as = 't' }] } }");
        good(
            "{ for = 'x', in = 'range(2)', do = [{ if = 'x', then = [{ print = '{y}' }] }, { set = 'y', to = 'x' }] }",
        );
        good("{ gather = ['a b', 'coros[0]'], as = 'g' }, { wait = ['a b'], timeout = 0 }");
    }

    #[test]
    fn a_circle_of_awaits_is_an_error_unless_somebody_is_a_task() {
        let text = |main: &str| {
            format!(
                "about = ''\n[[task]]\nname = 'a'\nsteps = [{{ await = 'b' }}]\n[[task]]\nname = 'b'\n\
                 steps = [{{ await = 'a' }}]\n[main]\nsteps = [{main}]\n"
            )
        };
        let message = "expected awaits that end, but found a circle: `b` awaits `a` awaits `b`";
        check(&text("{ await = 'b' }"), message, "{ await = 'b' }");
        parsed(&text("{ spawn = 'a' }"));
        parsed(&text("{ gather = 'coros' }"));
    }
}
