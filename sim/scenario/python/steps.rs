//! Steps, one arm a verb; what belongs to a verb and takes more than a few lines has a function of its own.
//!
//! Knows nothing of how values are written, or of how tasks are made.

use crate::program::Operation;

use super::super::expression::{Expression, Iterable, Kind};
use super::super::reader::Name;
use super::super::steps::{Operand, Step, Subject, Try, Verb};
use super::super::template::Template;
use super::body::Body;
use super::helpers::Need;
use super::kinds::{ERROR, Kinds, PLAIN};
use super::value::{Level, Printed, Use};

impl Body<'_, '_> {
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

    pub(super) fn step(&mut self, step: &Step) {
        match &step.verb {
            Verb::Print(template) => {
                let text = self.printed(template);
                self.line(format!("print({text})"));
            }
            Verb::Sleep(template) => self.sleep(template),
            Verb::Point(name) => self.point(name),
            Verb::Raise { ty, message } => {
                let message = self.text(message);
                let class = self.class(ty.as_ref().map_or("Exception", |ty| ty.get_ref()));
                self.line(format!("raise {class}({message})"));
            }
            Verb::Reraise => self.line("raise"),
            Verb::Return(None) => self.line("return"),
            Verb::Return(Some(template)) => self.returned(template),
            Verb::Break => self.line("break"),
            Verb::Continue => self.line("continue"),
            Verb::Spawn { what, group, into } => self.spawn(what, group, into),
            Verb::Await { what, into } => {
                let what = self.single(what);
                self.run_in_place(&what);
                let kinds = self.awaited(what.kinds);
                self.assign(into, &format!("await {}", what.at(Level::Primary)), kinds);
            }
            Verb::Cancel { what, message, accepted } => {
                let (what, message) = (self.single(what), self.optional_text(message));
                let call = format!("{}.cancel({message})", what.at(Level::Primary));
                self.assign(accepted, &call, Kinds::of(PLAIN));
            }
            Verb::CancelAll { message } => self.cancel_all(message),
            Verb::Gather { what, return_exceptions, into } => {
                let gather = self.gather(what, *return_exceptions);
                self.assign(into, &gather.text, gather.kinds);
            }
            Verb::Wait(wait) if self.waits_for_object(wait) => {
                let object = wait.object.as_ref().map(|object| self.object(object)).unwrap_or_default();
                self.use_object(Operation::Wait, &object, None, &wait.into);
            }
            Verb::Wait(wait) => self.wait(wait),
            // A script is written only of a file without hosts.
            Verb::Get { .. } => self.line("raise OSError(\"Network is unreachable\")"),
            Verb::Set { name, value } => self.set(name, value),
            Verb::Add { amount, name } => self.add(amount, name),
            Verb::Append { item, list } => self.append(item, list),
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

    fn sleep(&mut self, template: &Template) {
        let length = self.length(template);
        let bounds = match (length.most, length.both) {
            (None, None) => return self.line(format!("await asyncio.sleep({})", length.least)),
            (_, Some(both)) => format!("*{both}"),
            (Some(most), None) => format!("{}, {most}", length.least),
        };
        self.learnt.need(Need::Random);
        self.line(format!("await asyncio.sleep(random.uniform({bounds}))"));
    }

    fn returned(&mut self, template: &Template) {
        let value = match template.sole_value() {
            Some(expression) => self.expression(expression, Use::Any),
            None => Printed::new(self.text(template), PLAIN),
        };
        self.learnt.returned |= value.kinds;
        self.line(format!("return {}", value.text));
    }

    /// What a step works on that takes one thing.
    pub(super) fn single(&mut self, what: &Operand) -> Printed {
        match what {
            Operand::One(subject) => self.subject(subject, Use::Any),
            Operand::Each(_) => self.operand(what),
        }
    }

    fn set(&mut self, name: &Name, value: &Expression) {
        let printed = self.expression(value, Use::Any);
        self.assign_name(name, &printed.text, "=", printed.kinds);
        if let Kind::Name(other) = &value.kind {
            // Two names of one list: what one of them may hold, the other one may.
            let kinds = self.kinds_of(name.get_ref());
            self.learn_kinds(other, kinds);
        }
    }

    fn add(&mut self, amount: &Expression, name: &Name) {
        let value = self.expression(amount, Use::Any);
        match amount.kind {
            Kind::Int(int) if int < 0 && int != i64::MIN => {
                self.assign_name(name, &(-int).to_string(), "-=", value.kinds);
            }
            _ => self.assign_name(name, &value.text, "+=", value.kinds),
        }
    }

    fn append(&mut self, item: &Expression, list: &Expression) {
        let (item, target) = (self.expression(item, Use::Any), self.expression(list, Use::Any));
        if let Kind::Name(name) = &list.kind {
            self.learn_kinds(name, Kinds { own: 0, items: item.kinds.own | item.kinds.items });
        }
        self.line(format!("{}.append({})", target.at(Level::Primary), item.text));
    }

    pub(super) fn optional_text(&mut self, text: &Option<Template>) -> String {
        text.as_ref().map(|text| self.text(text)).unwrap_or_default()
    }

    /// A class of errors, as Python calls it.
    pub(super) fn class(&self, name: &str) -> String {
        match name {
            "CancelledError" | "InvalidStateError" | "QueueEmpty" | "QueueFull" | "BrokenBarrierError" => {
                format!("asyncio.{name}")
            }
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

    pub(super) fn repeated(&mut self, body: &[Step]) {
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
}
