//! One function: its head, and its steps, one arm a verb.
//!
//! Knows nothing of how values are written.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::InstanceId;
use crate::program::{Make, Operation, ReturnWhen};

use super::super::constants::Constant;
use super::super::expression::{Expression, Iterable, Kind};
use super::super::steps::{Name, Operand, Step, Subject, Try, Verb, Wait};
use super::super::template::{Piece, Template};
use super::helpers::Need;
use super::kinds::{COROUTINE, ERROR, GATHER, Kinds, LIST, PLAIN, TASK};
use super::value::{Level, Printed, Use};
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
    taken: Taken,
    /// The shared variables that it changes.
    globals: BTreeSet<String>,
    lines: Vec<String>,
    depth: usize,
    loops: u32,
    /// The task group in which tasks are being made.
    group: Option<String>,
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
        if !matches!(script.steps(body.body).last(), Some(Step { verb: Verb::Return(_), .. })) {
            // Its end gives `None`.
            body.learnt.returned |= Kinds::of(PLAIN);
        }
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
            self.line("asyncio.current_task().set_name(\"main\")");
        }
        if self.learnt.needs(Need::MainByName) {
            self.line("by_name[\"main\"] = asyncio.current_task()");
        }
        if self.learnt.needs(Need::Elapsed) {
            self.globals.insert("began".to_owned());
            self.line("began = asyncio.get_running_loop().time()");
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

    /// Whether `coros` is spawned once and never named, so that the calls can stand where the tasks are made.
    fn is_written_in_place(&self) -> bool {
        let uses = self.learnt.uses.get(&(0, "coros".to_owned())).map_or(0, BTreeSet::len);
        let is_spawned = uses == 1 && self.learnt.spawns_coros;
        is_spawned && self.learnt.is_named() && !self.learnt.needs(Need::CoroutineNames)
    }

    /// The items of a list of all coroutines, each made of its call, its name, and whether that is to be kept.
    fn coros(&mut self, item: impl Fn(String, String, bool) -> String) -> Vec<String> {
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

    pub(super) fn block(&mut self, steps: &[Step]) {
        self.depth += 1;
        let before = self.lines.len();
        let mut at = 0;
        while let Some(step) = steps.get(at) {
            at += if self.awaited_at_once(step, steps.get(at + 1)) { 2 } else { 1 };
        }
        if self.lines.len() == before {
            self.line("pass");
        }
        self.depth -= 1;
    }

    /// Writes a step; a gather and the await of it that follows become one line if nobody else asks for the gather.
    fn awaited_at_once(&mut self, step: &Step, next: Option<&Step>) -> bool {
        if let Verb::Gather { what, return_exceptions, into: Some(group) } = &step.verb
            && let Some(Verb::Await { what: Operand::One(Subject { expression: Ok(awaited), .. }), into }) =
                next.map(|next| &next.verb)
            && matches!(&awaited.kind, Kind::Name(name) if name == group.get_ref())
        {
            let key = (self.body, group.get_ref().clone());
            let others = self.learnt.uses.get(&key).is_some_and(|uses| uses.iter().any(|&at| at != awaited.span.start));
            if !others {
                let gather = self.gather(what, *return_exceptions);
                let kinds = self.awaited(gather.kinds);
                self.assign(into, &format!("await {}", gather.text), kinds);
                return true;
            }
        }
        self.step(step);
        false
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

    // Steps

    fn step(&mut self, step: &Step) {
        match &step.verb {
            Verb::Print(template) => {
                let text = self.printed(template);
                self.line(format!("print({text})"));
            }
            Verb::Sleep(template) => {
                let length = self.length(template);
                let seconds = match (length.most, length.both) {
                    (None, None) => length.least,
                    (most, both) => {
                        self.learnt.need(Need::Random);
                        let both = both.map(|both| format!("*{both}"));
                        format!(
                            "random.uniform({})",
                            both.unwrap_or_else(|| format!("{}, {}", length.least, most.unwrap_or_default()))
                        )
                    }
                };
                self.line(format!("await asyncio.sleep({seconds})"));
            }
            Verb::Point(name) => self.point(name),
            Verb::Raise { ty, message } => {
                let message = self.text(message);
                let class = self.class(ty.as_ref().map_or("Exception", |ty| ty.get_ref()));
                self.line(format!("raise {class}({message})"));
            }
            Verb::Reraise => self.line("raise"),
            Verb::Return(None) => {
                self.learnt.returned |= Kinds::of(PLAIN);
                self.line("return");
            }
            Verb::Return(Some(template)) => {
                let value = match template.sole_value() {
                    Some(expression) => self.expression(expression, Use::Any),
                    None => Printed::new(self.text(template), PLAIN),
                };
                self.learnt.returned |= value.kinds;
                self.line(format!("return {}", value.text));
            }
            Verb::Break => self.line("break"),
            Verb::Continue => self.line("continue"),
            Verb::Spawn { what, group, into } => self.spawn(what, group, into),
            Verb::Await { what, into } => {
                let what = match what {
                    Operand::One(subject) => self.subject(subject, Use::Any),
                    Operand::Each(_) => self.operand(what),
                };
                self.run_in_place(&what);
                let kinds = self.awaited(what.kinds);
                self.assign(into, &format!("await {}", what.at(Level::Primary)), kinds);
            }
            Verb::Cancel { what, message, accepted } => {
                let what = match what {
                    Operand::One(subject) => self.subject(subject, Use::Any),
                    Operand::Each(_) => self.operand(what),
                };
                let message = self.optional_text(message);
                let call = format!("{}.cancel({message})", what.at(Level::Primary));
                self.assign(accepted, &call, Kinds::of(PLAIN));
            }
            Verb::CancelAll { message } => {
                let message = self.optional_text(message);
                let task = self.taken.clone().take("task");
                self.line(format!("for {task} in asyncio.all_tasks() - {{asyncio.current_task()}}:"));
                self.line(format!("    {task}.cancel({message})"));
            }
            Verb::Gather { what, return_exceptions, into } => {
                let gather = self.gather(what, *return_exceptions);
                self.assign(into, &gather.text, gather.kinds);
            }
            Verb::Wait(wait) if self.waits_for_object(wait) => {
                let object = wait.object.as_ref().map(|object| self.object(object)).unwrap_or_default();
                self.use_object(Operation::Wait, &object, None, &wait.into);
            }
            Verb::Wait(wait) => self.wait(wait),
            Verb::Set { name, value } => {
                let printed = self.expression(value, Use::Any);
                self.assign_name(name, &printed.text, "=", printed.kinds);
                if let Kind::Name(other) = &value.kind {
                    // Two names of one list: what one of them may hold, the other one may.
                    let kinds = self.kinds_of(name.get_ref());
                    self.learn_kinds(other, kinds);
                }
            }
            Verb::Add { amount, name } => {
                let amount = self.expression(amount, Use::Any);
                self.assign_name(name, &amount.text, "+=", amount.kinds);
            }
            Verb::Append { item, list } => {
                let (item, target) = (self.expression(item, Use::Any), self.expression(list, Use::Any));
                if let Kind::Name(name) = &list.kind {
                    self.learn_kinds(name, Kinds { own: 0, items: item.kinds.own | item.kinds.items });
                }
                self.line(format!("{}.append({})", target.at(Level::Primary), item.text));
            }
            Verb::Remove { item, list } => {
                let (item, list) = (self.expression(item, Use::Any), self.expression(list, Use::Any));
                self.line(format!("{}.remove({})", list.at(Level::Primary), item.text));
            }
            Verb::Assert { condition, message } => {
                let condition = self.expression(condition, Use::Walked);
                let message = message.as_ref().map(|message| format!(", {}", self.text(message))).unwrap_or_default();
                self.line(format!("assert {}{message}", condition.text));
            }
            Verb::If { condition, then, otherwise } => self.condition("if", condition, then, otherwise),
            Verb::While { condition, body } => {
                let condition = self.expression(condition, Use::Walked);
                self.line(format!("while {}:", condition.text));
                self.repeated(body);
            }
            Verb::For { item, over, body } => {
                let (over, kinds) = self.iterable(over);
                self.learn_kinds(item.get_ref(), kinds);
                let item = self.locals.get(item.get_ref()).cloned().unwrap_or_default();
                self.line(format!("for {item} in {over}:"));
                self.repeated(body);
            }
            Verb::Try(block) => self.try_block(block),
            _ => self.library_step(step),
        }
    }

    pub(super) fn optional_text(&mut self, text: &Option<Template>) -> String {
        text.as_ref().map(|text| self.text(text)).unwrap_or_default()
    }

    /// A class of errors, as Python calls it.
    pub(super) fn class(&self, name: &str) -> String {
        match name {
            "CancelledError" | "InvalidStateError" | "QueueEmpty" | "QueueFull" => format!("asyncio.{name}"),
            _ => self.script.classes.get(name).cloned().unwrap_or_else(|| name.to_owned()),
        }
    }

    fn condition(&mut self, word: &str, condition: &Expression, then: &[Step], otherwise: &[Step]) {
        let condition = self.expression(condition, Use::Walked);
        self.line(format!("{word} {}:", condition.text));
        self.block(then);
        match otherwise {
            [] => {}
            [Step { verb: Verb::If { condition, then, otherwise }, .. }] => {
                self.condition("elif", condition, then, otherwise)
            }
            _ => {
                self.line("else:");
                self.block(otherwise);
            }
        }
    }

    fn repeated(&mut self, body: &[Step]) {
        self.loops += 1;
        self.block(body);
        self.loops -= 1;
    }

    fn iterable(&mut self, over: &Iterable) -> (String, Kinds) {
        match over {
            Iterable::List(list) => {
                let list = self.expression(list, Use::Walked);
                (list.text, list.kinds.item())
            }
            Iterable::Range(from, to) => {
                let from = from.as_ref().map(|from| format!("{}, ", self.expression(from, Use::Any).text));
                let to = self.expression(to, Use::Any).text;
                (format!("range({}{to})", from.unwrap_or_default()), Kinds::of(PLAIN))
            }
        }
    }

    fn try_block(&mut self, block: &Try) {
        if block.clauses.is_empty() && block.finally.is_none() {
            // Nothing is caught, so there is nothing to try.
            self.depth -= 1;
            self.block(&block.body);
            self.block(&block.otherwise);
            self.depth += 1;
            return;
        }
        self.line("try:");
        if block.clauses.is_empty() {
            // Python has no `else` without `except`; where nothing is caught it is the end of the body.
            let steps: Vec<Step> = block.body.iter().chain(&block.otherwise).cloned().collect();
            self.block(&steps);
        } else {
            self.block(&block.body);
        }
        for clause in &block.clauses {
            let class = match clause.ty.get_ref().as_str() {
                // asyncio has one of its own there.
                "TimeoutError" if !self.script.program.profile.has_timeouts => {
                    "(TimeoutError, asyncio.TimeoutError)".to_owned()
                }
                class => self.class(class),
            };
            let name = match &clause.name {
                Some(name) => {
                    self.learn_kinds(name.get_ref(), Kinds::of(ERROR));
                    format!(" as {}", self.locals[name.get_ref()])
                }
                None => String::new(),
            };
            let star = if block.is_star { "*" } else { "" };
            self.line(format!("except{star} {class}{name}:"));
            self.block(&clause.body);
        }
        if !block.clauses.is_empty() && !block.otherwise.is_empty() {
            self.line("else:");
            self.block(&block.otherwise);
        }
        if let Some(finally) = &block.finally {
            self.line("finally:");
            self.block(finally);
        }
    }

    // Tasks

    fn spawn(&mut self, what: &Operand, group: &Option<Expression>, into: &Option<Name>) {
        let group = group.as_ref().map(|group| self.expression(group, Use::Any).at(Level::Primary));
        let outer = std::mem::replace(&mut self.group, group);
        let created = match what {
            Operand::Each(subjects) => {
                let items: Vec<String> = subjects.iter().map(|subject| self.spawned(subject).text).collect();
                Printed { kinds: Kinds::list(TASK), ..Printed::new(format!("[{}]", items.join(", ")), LIST) }
            }
            Operand::One(subject) => self.spawned(subject),
        };
        self.group = outer;
        self.assign(into, &created.text, created.kinds);
    }

    /// What `spawn` makes of one subject: a task, or of a list a list of tasks.
    fn spawned(&mut self, subject: &Subject) -> Printed {
        if let Some(id) = self.instance(subject).filter(|_| self.sees_the_file()) {
            self.started(id, subject.text.span.start);
            let (call, name) = (self.call(id), literal(&self.script.cast.names[id.index()]));
            return Printed::new(self.create(&call, Some(&name)), TASK);
        }
        let what = self.subject_expression(subject, Use::Walked);
        let is_coros = what.text == "coros" && !self.locals.contains_key("coros");
        self.learnt.spawns_coros |= is_coros && self.runs_once();
        if is_coros && self.is_written_in_place() {
            let is_by_name = self.learnt.needs(Need::ByName);
            let group = self.group.clone();
            let items = self.coros(|call, name, _| created(group.as_deref(), &call, Some(&name), is_by_name, true));
            let text = match items.as_slice() {
                [only] if only.starts_with("*(") => format!("[{}]", &only[2..only.len() - 1]),
                _ => format!("[{}]", items.join(", ")),
            };
            return Printed { kinds: Kinds::list(TASK), ..Printed::new(text, LIST) };
        }
        let coro = self.taken.clone().take("coro");
        if !what.kinds.may_be(LIST) {
            return Printed::new(self.create(&what.text, None), TASK);
        }
        let each = format!("[{} for {coro} in {}]", self.create(&coro, None), what.text);
        if what.kinds.is_list() {
            return Printed { kinds: Kinds::list(TASK), ..Printed::new(each, LIST) };
        }
        let text = format!("{each} if isinstance({}, list) else {}", what.text, self.create(&what.text, None));
        Printed { text, level: Level::Or, kinds: Kinds { own: TASK | LIST, items: TASK } }
    }

    /// The making of a task, under its name if names are asked for.
    fn create(&mut self, coro: &str, name: Option<&str>) -> String {
        let is_named = self.learnt.is_named();
        if is_named && name.is_none() {
            self.learnt.need(Need::Names);
            self.learnt.need(Need::CoroutineNames);
        }
        let is_by_name = self.learnt.needs(Need::ByName);
        if is_by_name && self.group.is_some() {
            self.learnt.need(Need::StartIn);
        }
        created(self.group.as_deref(), coro, name, is_by_name, is_named)
    }

    fn gather(&mut self, what: &Operand, return_exceptions: bool) -> Printed {
        let mut is_mixed = false;
        let mut arguments = match what {
            Operand::One(subject) => {
                let what = self.subject(subject, Use::Walked);
                is_mixed = what.kinds.items & COROUTINE != 0;
                vec![what.at(Level::Primary)]
            }
            Operand::Each(subjects) => {
                let items: Vec<Printed> = subjects.iter().map(|subject| self.starting_subject(subject)).collect();
                is_mixed |= items.iter().any(|item| item.kinds.may_be(COROUTINE));
                items.into_iter().map(|item| item.text).collect()
            }
        };
        let is_one = matches!(what, Operand::One(_));
        if is_mixed && self.learnt.is_named() {
            let items = if is_one { arguments.remove(0) } else { format!("[{}]", arguments.join(", ")) };
            arguments = vec![format!("*{}", self.started_items(items))];
        } else if is_one {
            arguments[0].insert(0, '*');
        }
        if return_exceptions {
            arguments.push("return_exceptions=True".to_owned());
        }
        Printed::new(format!("asyncio.gather({})", arguments.join(", ")), GATHER)
    }

    /// A list in which every coroutine has become a task of its name, where names are asked for.
    pub(super) fn started_items(&mut self, items: String) -> String {
        if !self.learnt.is_named() {
            return items;
        }
        self.learnt.need(Need::Started);
        format!("started({items})")
    }

    fn wait(&mut self, wait: &Wait) {
        let what = self.operand(&wait.what);
        // From 3.11 on a coroutine is an error here, and stays what it is.
        let starts = self.script.program.profile.wait_takes_coroutines && what.kinds.items & COROUTINE != 0;
        let mut arguments = vec![if starts { self.started_items(what.text) } else { what.text }];
        if let Some(timeout) = &wait.timeout {
            let length = self.length(timeout);
            arguments.push(format!("timeout={}", length.least));
        }
        match wait.return_when {
            ReturnWhen::AllCompleted => {}
            ReturnWhen::FirstCompleted => arguments.push("return_when=asyncio.FIRST_COMPLETED".to_owned()),
            ReturnWhen::FirstException => arguments.push("return_when=asyncio.FIRST_EXCEPTION".to_owned()),
        }
        let call = format!("await asyncio.wait({})", arguments.join(", "));
        if wait.done.is_none() && wait.pending.is_none() {
            return self.line(call);
        }
        let nobody = self.taken.clone().take("_");
        let mut targets = Vec::new();
        let mut listed = Vec::new();
        for name in [&wait.done, &wait.pending] {
            let Some(name) = name.as_ref().map(Name::get_ref) else {
                targets.push(nobody.clone());
                continue;
            };
            self.learn_kinds(name, Kinds::list(TASK | GATHER));
            self.learnt.sets.insert((self.body, name.clone()));
            let local = self.locals.get(name).cloned().unwrap_or_default();
            if self.learnt.lists.contains(&(self.body, name.clone())) {
                listed.push(format!("{local} = list({local})"));
            }
            targets.push(local);
        }
        self.line(format!("{} = {call}", targets.join(", ")));
        listed.into_iter().for_each(|line| self.line(line));
    }

    /// Whether a `wait` is that of an event or a condition, and not `asyncio.wait`.
    fn waits_for_object(&self, wait: &Wait) -> bool {
        let Some(object) = &wait.object else { return false };
        let name = &object.source.text;
        let is_object =
            self.script.scenario.objects.iter().any(|other| other.name == *name && other.make != Make::Future);
        let has_placeholder = object.pieces.iter().any(|piece| matches!(piece, Piece::Value(..)));
        self.sees_the_file() && (has_placeholder || is_object && !self.locals.contains_key(name))
    }

    /// Notes that a coroutine may run in place of the task of its name.
    pub(super) fn run_in_place(&mut self, what: &Printed) {
        if what.kinds.may_be(COROUTINE) {
            let everybody = (1..self.script.cast.names.len()).map(|at| InstanceId(at as u32));
            self.learnt.repeated.extend(everybody);
        }
    }

    // Names

    pub(super) fn assign(&mut self, name: &Option<Name>, value: &str, kinds: Kinds) {
        match name {
            None => self.line(value),
            Some(name) => self.assign_name(name, value, "=", kinds),
        }
    }

    fn assign_name(&mut self, name: &Name, value: &str, sign: &str, kinds: Kinds) {
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

    fn kinds_of(&self, name: &str) -> Kinds {
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

/// `asyncio.create_task(…)`, or what stands for it.
fn created(group: Option<&str>, coro: &str, name: Option<&str>, is_by_name: bool, is_named: bool) -> String {
    let known = |name: Option<&str>| name.map_or_else(|| format!("names.get({coro})"), str::to_owned);
    let create = format!("{}.create_task", group.unwrap_or("asyncio"));
    match (is_by_name, is_named) {
        (true, _) => match group {
            Some(group) => format!("start_in({group}, {}, {coro})", known(name)),
            None => format!("start({}, {coro})", known(name)),
        },
        (false, true) => format!("{create}({coro}, name={})", known(name)),
        (false, false) => format!("{create}({coro})"),
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
