//! One function: its head, what it binds first, its lines, and its names.
//!
//! Knows nothing of what steps become, or of how values are written.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::InstanceId;

use super::super::constants::Constant;
use super::super::expression::Kind;
use super::super::reader::Name;
use super::super::steps::Step;
use super::super::template::{Piece, Template};
use super::helpers::Need;
use super::kinds::Kinds;
use super::words::{Taken, literal};
use super::{Learnt, Script, WIDTH, docstring, length};

/// A function in the making.
pub(super) struct Body<'w, 'a> {
    pub(super) script: &'w Script<'a>,
    pub(super) learnt: &'w mut Learnt,
    pub(super) body: usize,
    /// What the locals and the constants of the scenario are called here.
    pub(super) locals: BTreeMap<String, String>,
    pub(super) constants: BTreeMap<String, String>,
    /// Whether what is being written stands within the braces of an f-string.
    pub(super) is_in_text: bool,
    pub(super) taken: Taken,
    /// The shared variables that it changes.
    globals: BTreeSet<String>,
    pub(super) lines: Vec<String>,
    pub(super) depth: usize,
    pub(super) loops: u32,
    /// The task group in which tasks are being made.
    pub(super) group: Option<String>,
}

impl<'w, 'a> Body<'w, 'a> {
    /// The function of a body.
    pub(super) fn print(script: &'w Script<'a>, learnt: &'w mut Learnt, body: usize) -> String {
        let mut taken = script.taken.clone();
        let mut locals = BTreeMap::new();
        let mut names = Vec::new();
        collect(script.steps(body), &mut names);
        let is_shared = |name: &str| body_sees_the_file(script, body) && script.shared.contains_key(name);
        for name in names {
            if !is_shared(name) && !locals.contains_key(name) {
                locals.insert(name.to_owned(), taken.take(name));
            }
        }
        let mut constants = BTreeMap::new();
        for name in &script.cast.constants[body] {
            constants.insert(name.clone(), taken.take(name));
        }
        let mut body = Body {
            script,
            learnt,
            body,
            locals,
            constants,
            is_in_text: false,
            taken,
            globals: BTreeSet::new(),
            lines: Vec::new(),
            depth: 0,
            loops: 0,
            group: None,
        };
        body.block(script.steps(body.body));
        let steps = std::mem::take(&mut body.lines);
        body.function(steps)
    }

    /// The head, what it binds first, and its steps.
    fn function(mut self, steps: Vec<String>) -> String {
        self.depth = 1;
        let before = if self.body == 0 { self.before_main() } else { Vec::new() };
        let constants = self.first_constants();
        let parameters = self.parameters();
        let mut lines = vec![format!("async def {}({parameters}):", self.script.functions[self.body])];
        if let Some(strategy) = self.script.main.strategy.filter(|_| self.body == 0) {
            lines.push(docstring(&strategy.about, "    "));
        }
        if !self.globals.is_empty() {
            let globals: Vec<&str> = self.globals.iter().map(String::as_str).collect();
            lines.push(format!("    global {}", globals.join(", ")));
        }
        let is_empty = steps.iter().all(|step| step.trim() == "pass") && before.len() + constants.len() > 0;
        lines.extend(before);
        lines.extend(constants);
        if !is_empty {
            lines.extend(steps);
        }
        lines.join("\n") + "\n"
    }

    fn parameters(&self) -> String {
        let names = &self.script.cast.constants[self.body];
        if self.body > 0 {
            let told = names.iter().filter(|name| self.script.is_parameter(self.learnt, self.body, name));
            return told.map(|name| self.constants[name].as_str()).collect::<Vec<_>>().join(", ");
        }
        // What main may be told it has as defaults.
        let values = self.script.cast.values(InstanceId::MAIN);
        let used = names.iter().zip(&values).skip(1).filter(|(name, _)| self.uses(name));
        let default = |(name, value): (&String, &Constant)| {
            format!("{}={}", self.constants[name], length::form(self.script, self.learnt, 0, name).write(value))
        };
        used.map(default).collect::<Vec<_>>().join(", ")
    }

    fn uses(&self, name: &str) -> bool {
        self.learnt.used.contains(&(self.body, name.to_owned()))
    }

    /// What a function is not told but works out: its name, and what its only instance is given.
    fn first_constants(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let is_alone = self.script.cast.groups[self.body].len() == 1;
        let first = self.script.cast.groups[self.body].start;
        if self.uses("name") {
            let name = match self.body.checked_sub(1) {
                Some(task) if !is_alone => self.pieces(&self.script.scenario.tasks[task].name.pieces),
                _ => literal(&self.script.cast.names[first as usize]),
            };
            lines.push(format!("    {} = {name}", self.constants["name"]));
        }
        if is_alone && self.body > 0 {
            let values = self.script.cast.values(InstanceId(first));
            for (name, value) in self.script.cast.constants[self.body].iter().zip(&values).skip(1) {
                if self.uses(name) {
                    let value = length::form(self.script, self.learnt, self.body, name).write(value);
                    lines.push(format!("    {} = {value}", self.constants[name]));
                }
            }
        }
        lines
    }

    /// What main does before its first step.
    fn before_main(&mut self) -> Vec<String> {
        if self.learnt.is_named() && self.learnt.needs(Need::MainName) {
            self.line(match self.script.program.eager_tasks {
                true => "names[asyncio.current_task()] = \"main\"",
                false => "asyncio.current_task().set_name(\"main\")",
            });
        }
        if self.learnt.needs(Need::MainByName) {
            self.line("by_name[\"main\"] = asyncio.current_task()");
        }
        if self.learnt.needs(Need::Elapsed) {
            self.globals.insert("began".to_owned());
            self.line("began = asyncio.get_running_loop().time()");
        }
        if self.script.program.eager_tasks {
            let factory = self.eager_factory();
            self.line(format!("asyncio.get_running_loop().set_task_factory({factory})"));
        }
        if !self.script.scenario.objects.is_empty() {
            let by_name = self.learnt.needs(Need::Objects);
            for line in self.script.objects_made(by_name) {
                self.globals.insert(line.split(" = ").next().unwrap_or_default().to_owned());
                self.line(line);
            }
        }
        self.cancel_from_outside();
        if self.learnt.uses_coros && !self.locals.contains_key("coros") && !self.is_written_in_place() {
            let coros = self.coros(|call, name, named| if named { format!("named({name}, {call})") } else { call });
            self.wide("coros = ", &coros);
        }
        std::mem::take(&mut self.lines)
    }

    /// What makes tasks that start at once: asyncio's own, unless their names have to be known by then.
    fn eager_factory(&mut self) -> &'static str {
        if !self.learnt.is_named() {
            return "asyncio.eager_task_factory";
        }
        self.learnt.need(Need::Eager);
        "eager"
    }

    /// Whether `coros` is spawned once and never named, so that the calls can stand where the tasks are made.
    pub(super) fn is_written_in_place(&self) -> bool {
        let uses = self.learnt.uses.get(&(0, "coros".to_owned())).map_or(0, BTreeSet::len);
        let is_spawned = uses == 1 && self.learnt.spawns_coros;
        is_spawned && self.learnt.is_named() && !self.learnt.needs(Need::CoroutineNames)
    }

    /// The items of a list of all coroutines, each made of its call, its name, and whether that is to be kept.
    pub(super) fn coros(&mut self, item: impl Fn(String, String, bool) -> String) -> Vec<String> {
        let named = self.learnt.needs(Need::CoroutineNames);
        let mut items = Vec::new();
        for (at, task) in self.script.scenario.tasks.iter().enumerate() {
            let body = at + 1;
            let group = self.script.cast.groups[body].clone();
            let names = &self.script.cast.constants[body];
            let told: Vec<&String> =
                names.iter().filter(|name| self.script.is_parameter(self.learnt, body, name)).collect();
            let is_by_number = task.name.pieces.iter().all(|piece| match piece {
                Piece::Text(_) => true,
                Piece::Value(value, _) => matches!(&value.kind, Kind::Name(name) if name == "i"),
            });
            if group.len() > 3 && told.iter().all(|name| *name == "i") && is_by_number {
                let text = self.number_name(&task.name);
                let i = if told.is_empty() && !self.learnt.is_named() { "_" } else { "i" };
                let call = format!("{}({})", self.script.functions[body], if told.is_empty() { "" } else { "i" });
                items.push(format!("*({} for {i} in range({}))", item(call, text, named), group.len()));
            } else {
                for id in group.map(InstanceId) {
                    items.push(item(self.call(id), literal(&self.script.cast.names[id.index()]), named));
                }
            }
        }
        items
    }

    /// A name in which nothing but `i` is open, as a text of Python.
    fn number_name(&mut self, name: &Template) -> String {
        let locals = std::mem::take(&mut self.locals);
        let only_i = BTreeMap::from([("i".to_owned(), "i".to_owned())]);
        let constants = std::mem::replace(&mut self.constants, only_i);
        let text = self.pieces(&name.pieces);
        (self.locals, self.constants) = (locals, constants);
        text
    }

    // Lines

    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.lines.push(format!("{}{}", "    ".repeat(self.depth), text.as_ref()));
    }

    /// A list behind something, in a line if it fits.
    fn wide(&mut self, before: &str, items: &[String]) {
        let one = match items {
            [only] if only.starts_with("*(") => format!("{before}[{}]", &only[2..only.len() - 1]),
            _ => format!("{before}[{}]", items.join(", ")),
        };
        if one.chars().count() + 4 * self.depth <= WIDTH || items.len() < 2 {
            return self.line(one);
        }
        self.line(format!("{before}["));
        for item in items {
            self.line(format!("    {item},"));
        }
        self.line("]");
    }
    /// Whether a step stands where it runs once in a script at most.
    pub(super) fn runs_once(&self) -> bool {
        self.body == 0 && self.loops == 0
    }

    pub(super) fn sees_the_file(&self) -> bool {
        body_sees_the_file(self.script, self.body)
    }

    /// What a constant of the body is, instance by instance.
    pub(super) fn values(&self, name: &str) -> Vec<Constant> {
        self.script.values_of(self.body, name)
    }

    // Names

    pub(super) fn assign(&mut self, name: &Option<Name>, value: &str, kinds: Kinds) {
        match name {
            None => self.line(value),
            Some(name) => self.assign_name(name, value, "=", kinds),
        }
    }

    pub(super) fn assign_name(&mut self, name: &Name, value: &str, sign: &str, kinds: Kinds) {
        self.learn_kinds(name.get_ref(), kinds);
        let target = match (self.locals.get(name.get_ref()), self.script.shared.get(name.get_ref())) {
            (Some(local), _) => local.clone(),
            (None, Some(shared)) => {
                self.globals.insert(shared.clone());
                shared.clone()
            }
            (None, None) => name.get_ref().clone(),
        };
        self.line(format!("{target} {sign} {value}"));
    }

    pub(super) fn kinds_of(&self, name: &str) -> Kinds {
        let local = self.learnt.locals.get(&(self.body, name.to_owned()));
        local.or_else(|| self.learnt.shared.get(name)).copied().unwrap_or_default()
    }

    pub(super) fn learn_kinds(&mut self, name: &str, kinds: Kinds) {
        if self.locals.contains_key(name) {
            *self.learnt.locals.entry((self.body, name.to_owned())).or_default() |= kinds;
        } else if self.script.shared.contains_key(name) {
            *self.learnt.shared.entry(name.to_owned()).or_default() |= kinds;
        }
    }
}

fn body_sees_the_file(script: &Script, body: usize) -> bool {
    script.sees_the_file(body)
}

fn collect<'s>(steps: &'s [Step], names: &mut Vec<&'s str>) {
    for step in steps {
        names.extend(step.names().into_iter().map(|name| name.get_ref().as_str()));
        step.blocks().into_iter().for_each(|block| collect(block, names));
    }
}
