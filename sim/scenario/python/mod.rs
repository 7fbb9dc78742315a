//! A scenario as an asyncio script that somebody could have written.
//!
//! It stands in the room of the scenario because it prints what was written: a `Program` has jumps where the file has
//! `try` and `for`, and no names where the file has names. Only here both are at hand, the tree of steps and what its
//! names mean.
//!
//! What a script needs besides its functions depends on everything in it: a task is given a name only if something
//! asks for the name. So the script is printed again and again, each time with what the last time has taught, until
//! there is nothing to learn.
//!
//! Knows nothing of interpreters, nor of running.

mod body;
mod helpers;
mod kinds;
mod length;
mod library;
mod steps;
mod strikes;
mod tasks;
mod value;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::id::InstanceId;
use crate::program::{ErrorTypes, Messages, Program};

use super::Scenario;
use super::cast::{Cast, Main};
use super::constants::Constant;
use super::steps::Step;
use super::strategy_text::StrategyText;
use super::template::Piece;

use body::Body;
use helpers::Need;
use kinds::Kinds;
use words::{Taken, identifier, literal};

/// How wide a line may be before a list in it is broken up.
const WIDTH: usize = 100;

/// What printing a script has taught about it. It only grows.
#[derive(Clone, Debug, Default, PartialEq)]
struct Learnt {
    needs: BTreeSet<Need>,
    /// What the locals of each body may be.
    locals: BTreeMap<(usize, String), Kinds>,
    shared: BTreeMap<String, Kinds>,
    returned: Kinds,
    /// The constants that a body uses.
    used: BTreeSet<(usize, String)>,
    /// The constants that have to be texts, because they are used as such.
    texts: BTreeSet<(usize, String)>,
    /// The locals that `wait` has bound to a set, and those of them that have to be lists.
    sets: BTreeSet<(usize, String)>,
    lists: BTreeSet<(usize, String)>,
    /// Where the locals of each body are used.
    uses: BTreeMap<(usize, String), BTreeSet<usize>>,
    /// Where tasks are made of an instance.
    starts: BTreeMap<InstanceId, BTreeSet<usize>>,
    /// The instances that may have more than one task, or run in place of somebody's.
    repeated: BTreeSet<InstanceId>,
    uses_coros: bool,
    /// Whether a task is made of each of them, in one place that is passed once.
    spawns_coros: bool,
    /// The keys that tasks are asked for.
    keys: BTreeSet<String>,
}

/// What is the same everywhere in a script.
struct Script<'a> {
    scenario: &'a Scenario,
    main: &'a Main<'a>,
    cast: &'a Cast<'a>,
    program: &'a Program,
    /// What is taken at the top of the script.
    taken: Taken,
    /// What each body, shared variable, class of errors and table of constants is called.
    functions: Vec<String>,
    shared: BTreeMap<String, String>,
    classes: BTreeMap<String, String>,
    tables: BTreeMap<String, String>,
    objects: BTreeMap<String, String>,
}

/// The script of a scenario under a strategy, or with its own main; `program` is the same scenario's under the same.
pub(super) fn script(scenario: &Scenario, strategy: Option<&StrategyText>, program: &Program) -> String {
    let Some(main) = Main::of(scenario, strategy) else { return String::new() };
    let cast = Cast::new(&main, &scenario.tasks, &mut Vec::new());
    let mut learnt = Learnt::default();
    loop {
        let before = learnt.clone();
        let script = Script::new(scenario, &main, &cast, program, &learnt);
        let text = script.print(&mut learnt);
        if learnt == before {
            return text;
        }
    }
}

impl Learnt {
    fn need(&mut self, need: Need) {
        if self.needs.insert(need) {
            need.needs().iter().for_each(|&other| self.need(other));
        }
    }

    fn needs(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }

    /// Whether tasks are made with their names.
    fn is_named(&self) -> bool {
        self.needs(Need::Names) || self.needs(Need::ByName)
    }
}

impl<'a> Script<'a> {
    fn new(
        scenario: &'a Scenario,
        main: &'a Main<'a>,
        cast: &'a Cast<'a>,
        program: &'a Program,
        learnt: &Learnt,
    ) -> Script<'a> {
        let helpers = learnt.needs.iter().flat_map(|need| need.names()).map(|&name| name.to_owned());
        let python = ErrorTypes::new([]);
        let mut taken = Taken::new(helpers.chain(python.names().map(str::to_owned)));
        let mut named = |name: &String, wanted: &str| (name.clone(), taken.take(wanted));
        let classes = scenario.error_types.declared().iter().map(|name| named(name, name)).collect();
        let shared = scenario.shared.iter().map(|(name, _)| named(name, name)).collect();
        let tables = learnt.keys.iter().map(|key| named(key, &format!("{key}_of"))).collect();
        let objects = scenario.objects.iter().map(|object| named(&object.name, &object.name)).collect();
        let mut script =
            Script { objects, scenario, main, cast, program, taken, functions: Vec::new(), shared, classes, tables };
        script.name_functions();
        script
    }

    /// A function is called like its tasks, and not like any local, so that both can be used side by side.
    fn name_functions(&mut self) {
        let mut locals: BTreeSet<String> = self.cast.constants.iter().flatten().cloned().collect();
        locals.insert("coros".to_owned());
        for body in 0..self.cast.groups.len() {
            collect_names(self.steps(body), &mut locals);
        }
        let mut functions = vec!["main".to_owned()];
        for task in &self.scenario.tasks {
            let words: Vec<&str> = task
                .name
                .pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Text(text) => Some(text.as_str()),
                    Piece::Value(..) => None,
                })
                .collect();
            let mut name = identifier(&words.join(" "));
            if locals.contains(&name) {
                name = format!("run_{name}");
            }
            while locals.contains(&name) {
                name.push('_');
            }
            functions.push(self.taken.take(&name));
        }
        self.functions = functions;
    }

    fn steps(&self, body: usize) -> &'a [Step] {
        match body.checked_sub(1) {
            None => self.main.steps,
            Some(task) => &self.scenario.tasks[task].steps,
        }
    }

    /// Whether the names of this body's steps may be those of the file: a strategy's are its own.
    fn sees_the_file(&self, body: usize) -> bool {
        body > 0 || self.main.strategy.is_none()
    }

    /// What becomes of a cancel's message from outside: where there are none, it is made without.
    fn has_messages(&self) -> bool {
        self.program.profile.messages != Messages::None
    }

    /// What a constant of a body is, instance by instance.
    fn values_of(&self, body: usize, name: &str) -> Vec<Constant> {
        let Some(at) = self.cast.constants[body].iter().position(|known| known == name) else { return Vec::new() };
        self.cast.groups[body].clone().map(|id| self.cast.values(InstanceId(id)).swap_remove(at)).collect()
    }

    /// Whether a function is told this constant: it uses it, and its instances differ in it.
    fn is_parameter(&self, learnt: &Learnt, body: usize, name: &str) -> bool {
        name != "name" && self.cast.groups[body].len() > 1 && learnt.used.contains(&(body, name.to_owned()))
    }

    fn print(&self, learnt: &mut Learnt) -> String {
        let functions: Vec<String> =
            (1..self.functions.len()).chain([0]).map(|body| Body::print(self, learnt, body)).collect();
        let imports = if learnt.needs(Need::Random) { "import asyncio\nimport random" } else { "import asyncio" };
        let mut out = docstring(&self.scenario.about, "") + "\n";
        add(&mut out, imports);
        for name in self.scenario.error_types.declared() {
            let class = &self.classes[name];
            if class == name {
                add(&mut out, &format!("class {class}(Exception):\n    pass"));
            } else {
                // The class still says its own name, wherever an error is shown.
                add(&mut out, &format!("{class} = type({}, (Exception,), {{}})", literal(name)));
            }
        }
        let shared: Vec<String> =
            self.scenario.shared.iter().map(|(name, value)| format!("{} = {value}", self.shared[name])).collect();
        add(&mut out, &shared.join("\n"));
        self.tables.iter().for_each(|(key, table)| add(&mut out, &self.table(key, table)));
        learnt
            .needs
            .iter()
            .for_each(|need| add(&mut out, &need.text(learnt.needs(Need::ByName), self.program.eager_tasks)));
        functions.iter().for_each(|function| add(&mut out, function));
        add(&mut out, "asyncio.run(main())");
        out
    }

    /// A dictionary from the names of the tasks to a constant of theirs.
    fn table(&self, key: &str, table: &str) -> String {
        let mut entries = Vec::new();
        for id in (1..self.cast.names.len()).map(|at| InstanceId(at as u32)) {
            let names = &self.cast.constants[self.cast.body_of(id)];
            if let Some(at) = names.iter().position(|name| name == key) {
                let value = plain(&self.cast.values(id)[at]);
                entries.push(format!("{}: {value}", literal(&self.cast.names[id.index()])));
            }
        }
        let line = format!("{table} = {{{}}}", entries.join(", "));
        if line.len() <= WIDTH { line } else { format!("{table} = {{\n    {},\n}}", entries.join(",\n    ")) }
    }
}

/// Adds a part of a script: two empty lines around functions and classes, one elsewhere.
fn add(out: &mut String, part: &str) {
    let part = part.trim_matches('\n');
    if part.is_empty() {
        return;
    }
    let defines = |line: &str| ["async def ", "def ", "class "].iter().any(|word| line.starts_with(word));
    let follows = out.lines().next_back().is_some_and(|line| line.starts_with(' '));
    out.push_str(if follows || defines(part) { "\n\n" } else { "\n" });
    out.push_str(part);
    out.push('\n');
}

/// A constant as it is.
fn plain(value: &Constant) -> String {
    match value {
        Constant::Int(int) => int.to_string(),
        Constant::Text(text) => literal(text),
    }
}

fn collect_names(steps: &[Step], names: &mut BTreeSet<String>) {
    for step in steps {
        names.extend(step.names().into_iter().map(|name| name.get_ref().clone()));
        step.blocks().into_iter().for_each(|block| collect_names(block, names));
    }
}

/// A text as a docstring, in as many lines as it needs.
fn docstring(text: &str, indent: &str) -> String {
    if text.trim() != text || text.is_empty() || text.contains(['"', '\\']) || words::escaped(text, '"') != text {
        return format!("{indent}{}", literal(text));
    }
    let mut lines = vec![String::from("\"\"\"")];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a first line");
        if last.len() + word.len() + indent.len() >= WIDTH && last.len() > 3 {
            lines.push(word.to_owned());
        } else {
            if !last.ends_with("\"\"\"") {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    // Several lines end with the quotes on a line of their own.
    let end = if lines.len() > 1 { format!("\n{indent}\"\"\"") } else { "\"\"\"".to_owned() };
    format!("{indent}{}{end}", lines.join(&format!("\n{indent}")))
}
