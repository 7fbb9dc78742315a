//! How tasks are made, gathered, waited for and cancelled.
//!
//! Knows nothing of other steps.

use crate::id::InstanceId;
use crate::program::{Make, ReturnWhen};

use super::super::expression::Expression;
use super::super::reader::Name;
use super::super::steps::{Operand, Subject, Wait};
use super::super::template::{Piece, Template};
use super::body::Body;
use super::helpers::Need;
use super::kinds::{COROUTINE, GATHER, Kinds, LIST, TASK};
use super::value::{Level, Printed, Use};
use super::words::literal;

impl Body<'_, '_> {
    pub(super) fn spawn(&mut self, what: &Operand, group: &Option<Expression>, into: &Option<Name>) {
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
            self.need_start_in();
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
        self.need_start_in();
        created(self.group.as_deref(), coro, name, is_by_name, is_named)
    }

    /// What makes a task that is found by its name, if that is asked for, is another thing in a task group.
    fn need_start_in(&mut self) {
        if self.learnt.needs(Need::ByName) && self.group.is_some() {
            self.learnt.need(Need::StartIn);
        }
    }

    pub(super) fn gather(&mut self, what: &Operand, return_exceptions: bool) -> Printed {
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
        // What starts at once is a matter of gather's, from child to child.
        if is_mixed && self.learnt.is_named() && !self.script.program.eager_tasks {
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

    pub(super) fn wait(&mut self, wait: &Wait) {
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
    pub(super) fn waits_for_object(&self, wait: &Wait) -> bool {
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

    pub(super) fn cancel_all(&mut self, message: &Option<Template>) {
        let message = self.optional_text(message);
        let free = ["task", "other"].into_iter().find(|name| !self.taken.contains(name)).unwrap_or("other");
        let task = self.taken.clone().take(free);
        self.line(format!("for {task} in asyncio.all_tasks() - {{asyncio.current_task()}}:"));
        self.line(format!("    {task}.cancel({message})"));
    }
}

/// `asyncio.create_task(…)`, or what stands for it.
pub(super) fn created(group: Option<&str>, coro: &str, name: Option<&str>, is_by_name: bool, is_named: bool) -> String {
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
