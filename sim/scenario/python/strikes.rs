//! What strikes a task, as the Python that would do the same: a failure is raised where its point stands, a
//! cancellation from outside is a call of the loop.
//!
//! What `[[inject]]` offers is left out: without choices it does not happen.
//!
//! Knows nothing of other steps.

use std::ops::Range;

use super::super::faults::{Fault, Kind};
use super::super::reader::Name;
use super::super::template::Template;
use super::body::Body;
use super::helpers::Need;
use super::words::{literal, seconds};
use crate::id::InstanceId;

impl Body<'_, '_> {
    /// What happens at a point: nothing, if nobody strikes there.
    pub(super) fn point(&mut self, point: &Name) {
        let scenario = self.script.scenario;
        for fault in &scenario.faults {
            let is_here = fault.at.is_empty() || fault.at.iter().any(|at| at.get_ref() == point.get_ref());
            match &fault.kind {
                Kind::Fail { asked: None, ty, message, print } if is_here => {
                    let Some(group) = self.struck(&fault.task) else { continue };
                    let class = self.class(ty.as_ref().map_or("Exception", |ty| ty.get_ref()));
                    let mut lines: Vec<String> =
                        print.iter().map(|text| format!("print({})", self.text(text))).collect();
                    lines.push(format!("raise {class}({})", self.text(message)));
                    self.strike(fault, group, lines);
                }
                Kind::Cancel { by, message } if is_here && !fault.at.is_empty() => {
                    let Some(group) = self.struck(by.as_ref().unwrap_or(&fault.task)) else { continue };
                    let lines = match by {
                        None => vec![self.cancel_itself(message.as_ref())],
                        Some(_) => self.cancel_others(&fault.task, message.as_ref()),
                    };
                    self.strike(fault, group, lines);
                }
                Kind::Fail { .. } | Kind::Cancel { .. } => {}
            }
        }
    }

    /// The instances of this body that `name` means, if it means any.
    fn struck(&self, name: &Name) -> Option<Range<u32>> {
        let own = &self.script.cast.groups[self.body];
        let meant = self.script.cast.find(name.get_ref())?;
        let both = meant.start.max(own.start)..meant.end.min(own.end);
        (both.start < both.end).then_some(both)
    }

    /// Writes what a fault does, for these instances and from its time on.
    fn strike(&mut self, fault: &Fault, group: Range<u32>, lines: Vec<String>) {
        let own = self.script.cast.groups[self.body].clone();
        let mut conditions = Vec::new();
        if group != own {
            let i = self.constant("i");
            conditions.push(format!("{i} == {}", group.start - own.start));
        }
        if let Some(time) = fault.time.filter(|time| time.0 > 0) {
            self.learnt.need(Need::Elapsed);
            conditions.push(format!("elapsed() >= {}", seconds(time.0)));
        }
        let indent = if conditions.is_empty() { "" } else { "    " };
        if !conditions.is_empty() {
            self.line(format!("if {}:", conditions.join(" and ")));
        }
        lines.into_iter().for_each(|line| self.line(format!("{indent}{line}")));
    }

    /// The task that passes the point, unless its name may have become another one's.
    fn cancel_itself(&mut self, message: Option<&Template>) -> String {
        let text = message.map(|message| self.text(message));
        let mut own = self.script.cast.groups[self.body].clone();
        if !own.any(|id| self.learnt.repeated.contains(&InstanceId(id))) {
            return format!("asyncio.current_task().cancel({})", text.unwrap_or_default());
        }
        self.learnt.need(Need::Cancel);
        let name = self.constant("name");
        format!("cancel({name}{})", text.map(|text| format!(", {text}")).unwrap_or_default())
    }

    fn cancel_others(&mut self, task: &Name, message: Option<&Template>) -> Vec<String> {
        let victims = self.script.cast.find(task.get_ref()).unwrap_or_default();
        victims.map(|victim| format!("cancel({})", self.victim(InstanceId(victim), message))).collect()
    }

    /// Whom to cancel, and with which words.
    fn victim(&mut self, victim: InstanceId, message: Option<&Template>) -> String {
        self.learnt.need(Need::Cancel);
        if victim == InstanceId::MAIN {
            self.learnt.need(Need::MainByName);
        }
        let message = message.and_then(|message| self.script.cast.fold(victim, message).ok());
        let message = message.map(|message| format!(", {}", literal(&message))).unwrap_or_default();
        format!("{}{message}", literal(&self.script.cast.names[victim.index()]))
    }

    /// What the loop is told to do later, before main's first step.
    pub(super) fn cancel_from_outside(&mut self) {
        let scenario = self.script.scenario;
        for fault in &scenario.faults {
            let (Kind::Cancel { message, .. }, true) = (&fault.kind, fault.at.is_empty()) else { continue };
            let message = message.as_ref().filter(|_| self.script.has_messages());
            let time = fault.time.unwrap_or_default();
            for victim in self.script.cast.find(fault.task.get_ref()).unwrap_or_default() {
                let victim = self.victim(InstanceId(victim), message);
                // At once is before the tasks that main is about to make.
                self.line(match time.0 {
                    0 => format!("asyncio.get_running_loop().call_soon(cancel, {victim})"),
                    time => format!("asyncio.get_running_loop().call_later({}, cancel, {victim})", seconds(time)),
                });
            }
        }
    }
}
