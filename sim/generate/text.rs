//! A sketch as the text of a scenario file: every number of the tree becomes a name that means something there.
//!
//! Knows nothing of chance.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Called, Clause, Copies, Family, Fault, Frame, Group, Pick, Sketch, Step};

/// The scenario file of a sketch.
pub(super) fn write(sketch: &Sketch) -> String {
    let mut writer = Writer {
        groups: &sketch.groups,
        families: sketch.families.iter().copied().filter(|family| is_there(family, sketch.has_timeouts)).collect(),
        has_timeouts: sketch.has_timeouts,
        ..Writer::default()
    };
    writer.coroutines_left = vec![true; writer.instances(0).len()];
    for (at, group) in sketch.groups.iter().enumerate() {
        writer.group(at, group);
    }
    writer.main(&sketch.main);
    for fault in &sketch.faults {
        writer.fault(fault);
    }
    let body = writer.out;
    let mut text = "about = \"A random scenario.\"\n".to_owned();
    if sketch.has_timeouts && sketch.is_eager {
        text.push_str("eager_tasks = true\n");
    }
    if body.contains("\"Oops") {
        text.push_str("exceptions = [\"Oops\"]\n");
    }
    let shared = [("seen", 0), ("left", 3)].map(|(name, first)| (name, first, body.contains(name)));
    if shared.iter().any(|(.., is_used)| *is_used) {
        text.push_str("\n[shared]\n");
    }
    for (name, first, _) in shared.iter().filter(|(.., is_used)| *is_used) {
        _ = writeln!(text, "{name} = {first}");
    }
    let mut declared: Vec<&str> = Vec::new();
    for Family { name, make, .. } in &writer.families {
        if declared.contains(name) || !body.contains(&format!("\"{name}\"")) && !body.contains(&format!("{{{name}.")) {
            continue;
        }
        if declared.is_empty() {
            text.push_str("\n[objects]\n");
        }
        declared.push(name);
        _ = writeln!(text, "{name} = \"{make}\"");
    }
    text + &body
}

/// Whether a version without timeouts has it.
fn is_there(family: &Family, has_timeouts: bool) -> bool {
    has_timeouts || family.name != "gate"
}

/// The name of a group as its `[[task]]` has it.
fn group_name(at: usize, group: &Group) -> String {
    let letter = char::from(b'a' + at as u8);
    if group.copies == Copies::One { letter.to_string() } else { format!("{letter} {{i}}") }
}

#[derive(Default)]
struct Writer<'a> {
    groups: &'a [Group],
    families: Vec<Family>,
    has_timeouts: bool,
    out: String,
    depth: usize,
    /// How many names of each kind there are, so that each is new.
    names: BTreeMap<&'static str, u32>,
    /// Every point: whose it is, and its name.
    points: Vec<(String, String)>,
    /// Which of main's coroutine objects nobody has started; each can be started once.
    coroutines_left: Vec<bool>,
    here: Scope,
}

/// What the body that is being written knows.
#[derive(Default)]
struct Scope {
    /// Its name, as faults call it.
    owner: String,
    is_main: bool,
    has_secs: bool,
    /// The groups from this one on may be awaited from here.
    below: usize,
    /// Tasks and gathers, the oldest first.
    handles: Vec<Handle>,
    /// Lists of handles.
    lists: Vec<String>,
    /// What gathers have returned.
    results: Vec<String>,
    /// Texts and the like.
    values: Vec<String>,
    /// The timeouts around this place, the innermost last.
    timeouts: Vec<String>,
    /// The handles of callbacks.
    callbacks: Vec<String>,
    /// What `add_done_callback` was given, and of which future.
    done_callbacks: Vec<(String, String)>,
    loops: u32,
    handlers: u32,
    /// How many loops there are around the `except*` clause that is being written: no jump leaves it.
    star: Option<u32>,
}

#[derive(Clone)]
struct Handle {
    name: String,
    is_task: bool,
}

impl<'a> Writer<'a> {
    fn group(&mut self, at: usize, group: &'a Group) {
        let name = group_name(at, group);
        _ = writeln!(self.out, "\n[[task]]\nname = \"{name}\"");
        self.out.push_str(match group.copies {
            Copies::One => "",
            Copies::Two => "count = 2\n",
            Copies::Each => "each = { secs = [1, 2] }\n",
        });
        let has_secs = group.copies == Copies::Each;
        self.here = Scope { owner: name, below: at + 1, has_secs, ..Scope::default() };
        self.body(&group.steps);
    }

    fn main(&mut self, steps: &[Step]) {
        self.out.push_str("\n[main]\n");
        self.here = Scope { owner: "main".to_owned(), is_main: true, ..Scope::default() };
        self.body(steps);
    }

    fn body(&mut self, steps: &[Step]) {
        self.out.push_str("steps = [\n");
        self.block(steps);
        self.out.push_str("]\n");
    }

    // What there is to pick from

    /// The names of all instances of the groups from `from` on.
    fn instances(&self, from: usize) -> Vec<String> {
        let mut names = Vec::new();
        for (at, group) in self.groups.iter().enumerate().skip(from) {
            let copies = if group.copies == Copies::One { 1 } else { 2 };
            names.extend((0..copies).map(|i| group_name(at, group).replace("{i}", &format!("{i}"))));
        }
        names
    }

    /// The handles of this body, the newest first; twice, so that they are picked more often than what follows them.
    fn handles(&self) -> Vec<String> {
        let newest_first = self.here.handles.iter().rev().map(|handle| handle.name.clone());
        newest_first.clone().chain(newest_first).collect()
    }

    /// What may be awaited here, handles first. A loop would start a coroutine object twice.
    fn awaitables(&self) -> Vec<String> {
        let mut found = self.handles();
        found.extend(self.instances(self.here.below));
        found.extend(self.free_coroutines());
        found.push("current".to_owned());
        found
    }

    fn free_coroutines(&self) -> impl Iterator<Item = String> {
        let is_open = self.here.is_main && self.here.loops == 0;
        let free = self.coroutines_left.iter().enumerate().filter(move |(_, is_left)| is_open && **is_left);
        free.map(|(at, _)| format!("coros[{at}]"))
    }

    /// Notes that what was picked is started, if it is a coroutine object.
    fn started(&mut self, picked: &[String]) {
        for (at, is_left) in self.coroutines_left.iter_mut().enumerate() {
            *is_left &= !picked.contains(&format!("coros[{at}]"));
        }
    }

    /// The list of all coroutine objects, if it is all there.
    fn take_coroutines(&mut self) -> Option<String> {
        let is_whole = self.free_coroutines().count() == self.coroutines_left.len();
        is_whole.then(|| {
            self.coroutines_left.fill(false);
            "coros".to_owned()
        })
    }

    fn conditions(&self) -> Vec<String> {
        let mut found = Vec::new();
        for Handle { name, .. } in self.here.handles.iter().rev() {
            found.push(format!("{name}.done"));
            found.push(format!("not {name}.cancelled"));
            found.push(format!("{name}.done and not {name}.cancelled and {name}.exception"));
            found.push(format!("{name}.exception"));
            found.push(format!("{name}.result == 'done'"));
        }
        found.extend(self.here.lists.iter().map(|list| format!("len({list}) > 1")));
        found.extend(self.here.values.iter().cloned());
        found.extend(["seen < 2", "seen > 0", "True"].map(str::to_owned));
        found
    }

    fn tellings(&self) -> Vec<String> {
        let mut found = Vec::new();
        for Handle { name, is_task } in self.here.handles.iter().rev() {
            found.push(format!("{name}: {{{name}.done}}, {{{name}.cancelled}}"));
            if *is_task {
                found.push(format!("{{{name}.name:>4}}"));
            }
        }
        found.extend(self.here.lists.iter().map(|list| format!("{list}: {{len({list})}}")));
        found.extend(self.here.values.iter().map(|value| format!("{value}: {{{value}}}")));
        found.push("seen: {seen:<3}|".to_owned());
        found
    }

    // Writing

    fn new_name(&mut self, prefix: &'static str) -> String {
        let count = self.names.entry(prefix).or_default();
        *count += 1;
        format!("{prefix}{count}")
    }

    fn new_handle(&mut self, prefix: &'static str, is_task: bool) -> String {
        let name = self.new_name(prefix);
        self.here.handles.push(Handle { name: name.clone(), is_task });
        name
    }

    fn line(&mut self, text: &str) {
        let depth = 4 * self.depth;
        _ = writeln!(self.out, "{:depth$}{text}", "");
    }

    fn block(&mut self, steps: &[Step]) {
        self.depth += 1;
        for step in steps {
            self.step(step);
        }
        self.depth -= 1;
    }

    fn message(&mut self, has_message: bool) -> String {
        if has_message { format!(", message = \"{}\"", self.new_name("message ")) } else { String::new() }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Print => {
                let text = self.new_name("line ");
                self.line(&format!("{{ print = \"{{name}}: {text}\" }},"));
            }
            Step::Sleep(length) => {
                let length = self.length(length);
                self.line(&format!("{{ sleep = {length} }},"));
            }
            Step::Point => {
                let point = self.new_name("point ");
                self.line(&format!("{{ point = \"{point}\" }},"));
                self.points.push((self.here.owner.clone(), point));
            }
            Step::Await(what, keep) => self.await_step(*what, *keep),
            Step::Spawn(what) => {
                let mut coroutines = self.instances(self.here.below);
                coroutines.extend(self.free_coroutines());
                let Some(coroutine) = picked(&coroutines, *what) else { return };
                self.started(std::slice::from_ref(&coroutine));
                let task = self.new_handle("t", true);
                self.line(&format!("{{ spawn = \"{coroutine}\", as = \"{task}\" }},"));
            }
            Step::SpawnAll => {
                let Some(coroutines) = self.take_coroutines() else { return };
                let list = self.new_name("ts");
                self.line(&format!("{{ spawn = \"{coroutines}\", as = \"{list}\" }},"));
                let count = self.coroutines_left.len();
                let tasks = (0..count).rev().map(|at| Handle { name: format!("{list}[{at}]"), is_task: true });
                self.here.handles.extend(tasks);
                self.here.lists.push(list);
            }
            Step::Cancel(whom, has_message, keep) => {
                let mut victims = self.handles();
                victims.extend(self.instances(0));
                victims.push("current".to_owned());
                let Some(victim) = picked(&victims, *whom) else { return };
                let message = self.message(*has_message);
                let accepted = if *keep { self.kept_value("ok") } else { String::new() };
                self.line(&format!("{{ cancel = \"{victim}\"{message}{accepted} }},"));
            }
            Step::CancelAll(has_message) => {
                let message = self.message(*has_message);
                self.line(&format!("{{ cancel_all = \"others\"{message} }},"));
            }
            Step::Raise(ty) => {
                let message = self.new_name("error ");
                self.line(&format!("{{ raise = \"{message}\", type = \"{ty}\" }},"));
            }
            Step::Return(_) if self.here.star.is_some() => {}
            Step::Return(what) => {
                let mut values = vec!["\"done\"".to_owned(), "\"{seen}\"".to_owned(), "\"{name}\"".to_owned()];
                values.extend(self.here.values.iter().map(|value| format!("\"{{{value}}}\"")));
                let value = picked(&values, *what).unwrap_or_default();
                self.line(&format!("{{ return = {value} }},"));
            }
            Step::Gather { all, of, return_exceptions, is_awaited } => {
                let operand = self.operand(*all, of, Writer::awaitables);
                let name = self.new_handle("g", false);
                let how = if *return_exceptions { ", return_exceptions = true" } else { "" };
                self.line(&format!("{{ gather = {operand}, as = \"{name}\"{how} }},"));
                if *is_awaited {
                    let results = self.kept_results();
                    self.line(&format!("{{ await = \"{name}\"{results} }},"));
                }
            }
            Step::Wait { all, of, timeout, return_when } => self.wait(*all, of, *timeout, return_when),
            Step::Tell(what) => {
                let telling = picked(&self.tellings(), *what).unwrap_or_default();
                self.line(&format!("{{ print = \"{telling}\" }},"));
            }
            Step::TellResults(which) => self.tell_results(*which),
            Step::Count => self.line("{ add = 1, to = \"seen\" },"),
            Step::Reckon(what, with) => self.reckon(*what, *with),
            Step::Assert(what) => {
                let condition = picked(&self.conditions(), *what).unwrap_or_default();
                self.line(&format!("{{ assert = \"{condition}\", message = \"expected {condition}\" }},"));
            }
            Step::Word(word) => {
                let is_there = match *word {
                    "raise" => self.here.handlers > 0,
                    _ => self.here.loops > self.here.star.unwrap_or(0),
                };
                if is_there {
                    self.line(&format!("\"{word}\","));
                }
            }
            Step::WaitFor(what, timeout, keep) => {
                let Some(awaited) = picked(&self.awaitables(), *what) else { return self.step(&Step::Sleep("1s")) };
                self.started(std::slice::from_ref(&awaited));
                let timeout = match *timeout {
                    "None" => String::new(),
                    length => format!(", timeout = {}", self.length(length)),
                };
                let is_value = !self.here.handles.iter().any(|handle| !handle.is_task && handle.name == awaited);
                let kept = if *keep && is_value { self.kept_value("x") } else { String::new() };
                self.line(&format!("{{ wait_for = \"{awaited}\"{timeout}{kept} }},"));
            }
            Step::Shield(what, is_awaited) => {
                let Some(inner) = picked(&self.awaitables(), *what) else { return self.step(&Step::Sleep("1s")) };
                self.started(std::slice::from_ref(&inner));
                let name = self.new_handle("s", false);
                self.line(&format!("{{ shield = \"{inner}\", as = \"{name}\" }},"));
                if *is_awaited {
                    self.line(&format!("{{ await = \"{name}\" }},"));
                }
            }
            Step::Uncancel(whom) => {
                let tasks = self.here.handles.iter().rev().filter(|handle| handle.is_task);
                let mut tasks: Vec<String> = tasks.map(|handle| handle.name.clone()).collect();
                tasks.insert(0, "current".to_owned());
                let Some(task) = picked(&tasks, *whom).filter(|_| self.has_timeouts) else { return };
                self.line(&format!("{{ uncancel = \"{task}\" }},"));
                self.line(&format!("{{ print = \"left: {{{task}.cancelling}}\" }},"));
            }
            Step::Reschedule(which, length) => {
                let Some(timeout) = picked(&self.here.timeouts, *which) else { return };
                let length = match *length {
                    "None" => String::new(),
                    length => format!(", in = {}", self.length(length)),
                };
                self.line(&format!("{{ reschedule = \"{timeout}\"{length} }},"));
            }
            Step::Callback(when, what, whom) => self.callback(*when, *what, *whom),
            Step::CallOff(which) => {
                let later = self.here.callbacks.iter().map(|callback| (callback.clone(), None));
                let when_done =
                    self.here.done_callbacks.iter().map(|(callback, future)| (callback.clone(), Some(future.clone())));
                let Some((callback, future)) = picked(&later.chain(when_done).collect::<Vec<_>>(), *which) else {
                    return;
                };
                if let Some(future) = future {
                    let count = self.kept_value("removed");
                    self.line(&format!("{{ remove_done_callback = \"{callback}\", from = \"{future}\"{count} }},"));
                    return;
                }
                self.line(&format!("{{ cancel = \"{callback}\" }},"));
                self.line(&format!("{{ print = \"{callback} off: {{{callback}.cancelled}}\" }},"));
            }
            Step::Use(which) => {
                let uses: Vec<&str> = self.families.iter().flat_map(|family| family.uses).copied().collect();
                match picked(&uses, *which) {
                    Some(step) => self.line(step),
                    None => self.step(&Step::Sleep("1s")),
                }
            }
            Step::Block(frame, body) => self.framed(frame, body),
        }
    }

    /// A callback does what takes no turn.
    fn callback(&mut self, when: Called, what: Pick, whom: Pick) {
        let text = self.new_name("call ");
        let mut doings = vec![format!("{{ print = \"{{name}}: {text}\" }}")];
        let mut victims = self.handles();
        victims.extend(self.here.callbacks.iter().cloned());
        victims.extend(self.instances(0));
        victims.push("current".to_owned());
        let victim = picked(&victims, whom).unwrap_or_default();
        doings.push(format!("{{ cancel = \"{victim}\" }}"));
        doings.push(format!("{{ cancel = \"{victim}\", message = \"{text}\" }}"));
        let at_once = |step: &&str| {
            let words = ["release", "set_", "clear_", "put_nowait", "get_nowait", "task_done", "cancel", "notify"];
            !step.contains(" as =") && words.iter().any(|word| step.starts_with(&format!("{{ {word}")))
        };
        let uses = self.families.iter().flat_map(|family| family.uses).filter(|step| at_once(step));
        let uses: Vec<String> = uses.map(|step| step.trim_end_matches(',').to_owned()).collect();
        for _ in 0..2 {
            doings.extend(uses.iter().cloned());
        }
        let doing = picked(&doings, what).unwrap_or_default();
        match when {
            Called::Soon => self.line(&format!("{{ call_soon = {doing} }},")),
            Called::Later(length) => {
                let (name, length) = (self.new_name("cb"), self.length(length));
                self.line(&format!("{{ call_later = {doing}, in = {length}, as = \"{name}\" }},"));
                self.here.callbacks.push(name);
            }
            Called::Done(future) => {
                let futures = self.handles();
                let Some(future) = picked(&futures, future) else { return };
                let mut kept = String::new();
                if whom % 2 == 1 {
                    let name = self.new_name("when_done");
                    kept = format!(", as = \"{name}\"");
                    self.here.done_callbacks.push((name, future.clone()));
                }
                self.line(&format!("{{ add_done_callback = {doing}, to = \"{future}\"{kept} }},"));
            }
        }
    }

    fn length(&self, length: &str) -> String {
        match length {
            "0" => "0".to_owned(),
            "{secs}s" if !self.here.has_secs => "\"1s\"".to_owned(),
            length => format!("\"{length}\""),
        }
    }

    /// Nothing to await is a sleep, so that a task that nobody is below does something too.
    fn await_step(&mut self, what: Pick, keep: bool) {
        let Some(awaited) = picked(&self.awaitables(), what) else { return self.step(&Step::Sleep("1s")) };
        self.started(std::slice::from_ref(&awaited));
        let is_gather = self.here.handles.iter().any(|handle| !handle.is_task && handle.name == awaited);
        let kept = match (keep, is_gather) {
            (false, _) => String::new(),
            (true, true) => self.kept_results(),
            (true, false) => self.kept_value("x"),
        };
        self.line(&format!("{{ await = \"{awaited}\"{kept} }},"));
    }

    fn kept_value(&mut self, prefix: &'static str) -> String {
        let name = self.new_name(prefix);
        self.here.values.push(name.clone());
        format!(", as = \"{name}\"")
    }

    fn kept_results(&mut self) -> String {
        let name = self.new_name("results");
        self.here.results.push(name.clone());
        format!(", as = \"{name}\"")
    }

    /// A list that is there already, or a list written out of what `candidates` there are.
    fn operand(&mut self, all: bool, of: &[Pick], candidates: fn(&Self) -> Vec<String>) -> String {
        let list = if all { self.take_coroutines().or_else(|| self.here.lists.last().cloned()) } else { None };
        if let Some(list) = list {
            return format!("\"{list}\"");
        }
        let candidates = candidates(self);
        let items: Vec<String> = of.iter().filter_map(|&pick| picked(&candidates, pick)).collect();
        self.started(&items);
        let quoted: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
        format!("[{}]", quoted.join(", "))
    }

    /// A coroutine object is not waited for: before 3.11 that makes a task which nobody has a handle of.
    fn wait(&mut self, all: bool, of: &[Pick], timeout: Option<&str>, return_when: &str) {
        let handles_or_names = |writer: &Self| {
            let mut found = writer.handles();
            found.extend(writer.instances(writer.here.below));
            found
        };
        let operand = if all && !self.here.lists.is_empty() {
            format!("\"{}\"", self.here.lists[self.here.lists.len() - 1])
        } else {
            self.operand(false, of, handles_or_names)
        };
        let timeout = timeout.map(|timeout| format!(", timeout = {}", self.length(timeout))).unwrap_or_default();
        let (done, pending) = (self.new_name("done"), self.new_name("pending"));
        self.line(&format!(
            "{{ wait = {operand}{timeout}, return_when = \"{return_when}\", done = \"{done}\", pending = \"{pending}\" }},"
        ));
        self.here.lists.extend([done, pending]);
    }

    /// What is printed of a result does not depend on what Python's own errors say.
    fn tell_results(&mut self, which: Pick) {
        let Some(results) = picked(&self.here.results, which) else { return };
        let item = self.new_name("r");
        self.line(&format!("{{ for = \"{item}\", in = \"{results}\", do = ["));
        self.line("    { try = [");
        self.line(&format!("        {{ if = \"{item}.type == 'CancelledError'\", then = ["));
        self.line(&format!("            {{ print = \"{{[{item}]}}\" }},"));
        self.line("        ], else = [");
        self.line(&format!("            {{ print = \"{{{item}.type}}\" }},"));
        self.line("        ] },");
        self.line("    ], except = { \"AttributeError\" = [");
        self.line(&format!("        {{ print = \"done: {{{item} == 'done'}}\" }},"));
        self.line("    ] } },");
        self.line("] },");
    }

    /// What is the same on every loop: lists that two names share, truth values as numbers, formats, and who is who.
    fn reckon(&mut self, what: Pick, with: Pick) {
        let [first, second] = [(); 2].map(|()| self.new_name("v"));
        let mut operands = ["'xy'", "[1, True]", "[]", "2", "True", "None", "''"].map(str::to_owned).to_vec();
        operands.extend(self.here.lists.iter().cloned());
        let operand = picked(&operands, with).unwrap_or_default();
        let named = self.instances(0).into_iter().filter(|name| !name.contains(' '));
        let someone = picked(&named.collect::<Vec<_>>(), with).unwrap_or_else(|| "current".to_owned());
        let before = picked(&["[0, 'x']", "'x'", "1", "[]"].map(str::to_owned), with / 7).unwrap_or_default();
        let reckonings = [
            format!("{{ add = \"{operand}\", to = \"{second}\" }},"),
            format!("{{ print = \"{{{first} == {operand}}} {{{operand}:<}} {{{first}:4}}\" }},"),
            format!("{{ for = \"n\", in = \"range({operand})\", do = [{{ print = \"{{n}} {{{first}[n]}}\" }}] }},"),
            format!("{{ print = \"{{{someone} == {someone}}} {{{someone} != {first}}}\" }},"),
            format!("{{ print = \"{{{first} < {operand}}} {{{first} - {operand}}}\" }},"),
            format!("{{ print = \"{{{first}[-1]}} {{len({operand})}} {{not {operand}}}\" }},"),
            format!("{{ for = \"n\", in = \"{second}\", do = [{{ print = \"{{n == {operand}}}\" }}] }},"),
        ];
        let reckoning = picked(&reckonings, what).unwrap_or_default();
        self.line(&format!("{{ set = \"{first}\", to = \"{before}\" }},"));
        self.line(&format!("{{ set = \"{second}\", to = \"{first}\" }},"));
        self.line("{ try = [");
        self.line(&format!("    {reckoning}"));
        self.line("], except = { \"TypeError\" = [{ print = \"no such types\" }], \"IndexError\" = [{ print = \"too far\" }] } },");
        self.line(&format!("{{ print = \"{{{first}}} {{{second}}}\" }},"));
    }

    fn framed(&mut self, frame: &Frame, body: &[Step]) {
        match frame {
            Frame::Bare => body.iter().for_each(|step| self.step(step)),
            Frame::Try { clauses, is_star, otherwise, finally } => {
                let is_star = *is_star && self.has_timeouts;
                self.try_step(body, clauses, is_star, otherwise.as_deref(), finally.as_deref());
            }
            Frame::If(condition, otherwise) => {
                let condition = picked(&self.conditions(), *condition).unwrap_or_default();
                self.line(&format!("{{ if = \"{condition}\", then = ["));
                self.block(body);
                if let Some(otherwise) = otherwise {
                    self.line("], else = [");
                    self.block(otherwise);
                }
                self.line("] },");
            }
            Frame::Times(count) => {
                let item = self.new_name("n");
                self.looping(&format!("for = \"{item}\", in = \"range({count})\""), body);
            }
            Frame::Each(which) => {
                let Some(list) = picked(&self.here.lists, *which) else { return self.framed(&Frame::Times(2), body) };
                let item = self.new_handle("h", false);
                self.looping(&format!("for = \"{item}\", in = \"{list}\""), body);
            }
            Frame::AsCompleted { all, of, timeout } => {
                let handles_or_names = |writer: &Self| {
                    let mut found = writer.handles();
                    found.extend(writer.instances(writer.here.below));
                    found
                };
                let operand = self.operand(*all, of, handles_or_names);
                let item = self.new_name("c");
                let timeout = timeout.map(|length| format!(", timeout = {}", self.length(length))).unwrap_or_default();
                self.line(&format!("{{ as_completed = {operand}{timeout}, as = \"{item}\", do = ["));
                if body.is_empty() {
                    self.line(&format!("    {{ print = \"done: {{{item} == 'done'}}\" }},"));
                }
                self.rest_of_loop(body);
            }
            Frame::Timeout(_) if !self.has_timeouts => self.framed(&Frame::Bare, body),
            Frame::Timeout(length) => {
                let name = self.new_name("cm");
                let length = if *length == "None" { "\"None\"".to_owned() } else { self.length(length) };
                self.line(&format!("{{ timeout = {length}, as = \"{name}\", do = ["));
                self.here.timeouts.push(name.clone());
                self.block(body);
                self.here.timeouts.pop();
                self.line("] },");
                self.line(&format!("{{ print = \"expired: {{{name}.expired}}, left: {{current.cancelling}}\" }},"));
            }
            Frame::TaskGroup(_) if !self.has_timeouts => self.framed(&Frame::Bare, body),
            Frame::TaskGroup(of) => {
                let name = self.new_name("tg");
                self.line(&format!("{{ task_group = \"{name}\", do = ["));
                self.depth += 1;
                for pick in of {
                    let mut coroutines = self.instances(self.here.below);
                    coroutines.extend(self.free_coroutines());
                    let Some(coroutine) = picked(&coroutines, *pick) else { continue };
                    self.started(std::slice::from_ref(&coroutine));
                    let task = self.new_handle("t", true);
                    self.line(&format!("{{ spawn = \"{coroutine}\", in = \"{name}\", as = \"{task}\" }},"));
                }
                self.depth -= 1;
                self.block(body);
                self.line("] },");
            }
            Frame::With(which) => {
                let held: Vec<&str> =
                    self.families.iter().filter(|family| family.is_held).map(|family| family.name).collect();
                let Some(name) = picked(&held, *which) else { return self.framed(&Frame::Bare, body) };
                self.line(&format!("{{ with = \"{name}\", do = ["));
                self.block(body);
                self.line("] },");
            }
            Frame::While => {
                self.line("{ while = \"left > 0\", do = [");
                self.line("    { add = -1, to = \"left\" },");
                self.rest_of_loop(body);
            }
        }
    }

    fn looping(&mut self, head: &str, body: &[Step]) {
        self.line(&format!("{{ {head}, do = ["));
        self.rest_of_loop(body);
    }

    fn rest_of_loop(&mut self, body: &[Step]) {
        self.here.loops += 1;
        self.block(body);
        self.here.loops -= 1;
        self.line("] },");
    }

    fn try_step(
        &mut self,
        body: &[Step],
        clauses: &[Clause],
        is_star: bool,
        otherwise: Option<&[Step]>,
        finally: Option<&[Step]>,
    ) {
        if clauses.is_empty() && finally.is_none() {
            return self.framed(&Frame::Bare, body);
        }
        self.line("{ try = [");
        self.block(body);
        let mut caught = Vec::new();
        for clause in clauses {
            // `except*` takes no groups, and only newer versions have them.
            let has_group = self.has_timeouts && !is_star;
            let is_lacking = !self.has_timeouts && clause.catches == "BrokenBarrierError";
            if caught.contains(&clause.catches) || clause.catches.ends_with("Group") && !has_group || is_lacking {
                continue;
            }
            let before = match (caught.is_empty(), is_star) {
                (false, _) => "], ",
                (true, false) => "], except = { ",
                (true, true) => "], \"except*\" = { ",
            };
            caught.push(clause.catches);
            self.clause(before, clause, is_star);
        }
        if caught.is_empty() && finally.is_none() {
            return self.line("], finally = [] },");
        }
        let mut end = if caught.is_empty() { "]" } else { "] }" };
        if let Some(otherwise) = otherwise.filter(|_| !caught.is_empty()) {
            self.line(&format!("{end}, else = ["));
            self.block(otherwise);
            end = "]";
        }
        if let Some(finally) = finally {
            self.line(&format!("{end}, finally = ["));
            self.block(finally);
            end = "]";
        }
        self.line(&format!("{end} }},"));
    }

    /// TOML 1.0 has no line break between two keys of an inline table.
    fn clause(&mut self, before: &str, Clause { catches, steps, leaves }: &Clause, is_star: bool) {
        let error = self.new_name("e");
        let star = if is_star { Some(self.here.loops) } else { self.here.star };
        let outer = std::mem::replace(&mut self.here.star, star);
        self.here.handlers += 1;
        self.line(&format!("{before}\"{catches} as {error}\" = ["));
        self.depth += 1;
        // The words of an error that Python itself raises are not the same in every version.
        let says_what_we_said = matches!(*catches, "CancelledError" | "KeyError" | "OSError" | "Oops");
        let what = match says_what_we_said {
            _ if is_star => format!("{{{error}.type}} of {{len({error}.exceptions)}}: {{{error}}}"),
            true => format!("{{{error}}}"),
            false => format!("{{{error}.type}}"),
        };
        self.line(&format!("{{ print = \"caught {what}\" }},"));
        if catches.ends_with("Group") {
            let part = self.new_name("part");
            self.line(&format!("{{ for = \"{part}\", in = \"{error}.exceptions\", do = ["));
            self.line(&format!("    {{ print = \"{{{part}.type}}\" }},"));
            self.line("] },");
        }
        self.depth -= 1;
        self.block(steps);
        if let Some(word) = leaves.filter(|word| self.here.star.is_none() || word == &"raise") {
            self.line(&format!("    \"{word}\","));
        }
        self.here.star = outer;
        self.here.handlers -= 1;
    }

    fn fault(&mut self, fault: &Fault) {
        let mut tasks: Vec<String> = vec!["main".to_owned()];
        tasks.extend(self.groups.iter().enumerate().map(|(at, group)| group_name(at, group)));
        tasks.extend(self.instances(0));
        tasks.rotate_left(1);
        let time = |time: &Option<&str>| time.map(|time| format!("time = \"{time}\"\n")).unwrap_or_default();
        match fault {
            Fault::CancelFromOutside { victim, time, message } => {
                let Some(victim) = picked(&tasks, *victim) else { return };
                _ = write!(self.out, "\n[[cancel]]\ntask = \"{victim}\"\ntime = \"{time}\"\n");
                self.fault_message(*message);
            }
            Fault::Cancel { at, victim, not_before, message } => {
                let Some((owner, point)) = picked(&self.points, *at) else { return };
                let victim = victim.and_then(|victim| picked(&tasks, victim)).unwrap_or_else(|| owner.clone());
                _ = write!(self.out, "\n[[cancel]]\ntask = \"{victim}\"\nat = \"{point}\"\n");
                if victim != owner {
                    _ = writeln!(self.out, "by = \"{owner}\"");
                }
                self.out.push_str(&time(not_before));
                self.fault_message(*message);
            }
            Fault::Fail { at, everywhere, not_before, raises, prints } => {
                let Some((owner, point)) = picked(&self.points, *at) else { return };
                _ = write!(self.out, "\n[[fail]]\ntask = \"{owner}\"\n");
                if *everywhere {
                    self.out.push_str(&time(&not_before.or(Some("0"))));
                } else {
                    _ = writeln!(self.out, "at = \"{point}\"");
                    self.out.push_str(&time(not_before));
                }
                if *prints {
                    self.out.push_str("print = \"{name} is struck\"\n");
                }
                _ = writeln!(self.out, "raise = \"struck\"\ntype = \"{raises}\"");
            }
        }
    }

    fn fault_message(&mut self, has_message: bool) {
        if has_message {
            let message = self.new_name("message ");
            _ = writeln!(self.out, "message = \"{message}\"");
        }
    }
}

fn picked<T: Clone>(candidates: &[T], pick: Pick) -> Option<T> {
    candidates.get(usize::from(pick) % candidates.len().max(1)).cloned()
}
