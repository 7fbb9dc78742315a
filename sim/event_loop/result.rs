//! What is left of a run when it has ended: what main came to, and what the shared variables hold, in one line.
//!
//! Knows nothing of how anything came about.

use super::{EventLoop, Owner};
use crate::id::{FutureId, InstanceId, ListId, TextId};
use crate::program::{Error, Lookup, Value, display, repr};
use crate::trace::Outcome;

impl EventLoop<'_> {
    pub(super) fn told_result(&self) -> String {
        let mut told = String::new();
        match self.outcome {
            Some(Outcome::Finished(value)) => {
                told.push_str("main returned ");
                repr(self.program, self, value, &mut told);
            }
            Some(Outcome::Failed(error)) => {
                told.push_str("main raised ");
                told.push_str(self.program.error_types.name(error.ty));
                let mut said = String::new();
                display(self.program, self, Value::Error(error), &mut said);
                if !said.is_empty() {
                    told.push_str(": ");
                    told.push_str(&said);
                }
            }
            Some(Outcome::Deadlocked) => told.push_str("deadlock"),
            Some(Outcome::OutOfSteps) => told.push_str("out of steps"),
            Some(Outcome::Livelocked) => told.push_str("livelock"),
            None => told.push_str("not ended"),
        }
        for ((name, _), &value) in self.program.shared.iter().zip(self.memory.shared()) {
            told.push_str(&format!("; {name} = "));
            repr(self.program, self, value, &mut told);
        }
        told
    }
}

/// What the values of a run name.
impl Lookup for EventLoop<'_> {
    fn made_text(&self, id: TextId) -> Option<&str> {
        self.memory.texts_ref().get(id)
    }

    fn items(&self, id: ListId) -> Option<&[Value]> {
        Some(self.memory.list(id))
    }

    fn instance_of(&self, future: FutureId) -> Option<InstanceId> {
        match self.futures[future].owner {
            Owner::Task(task) => Some(self.tasks[task.index()].instance),
            _ => None,
        }
    }

    fn group_parts(&self, group: Error) -> Option<(&str, ListId)> {
        self.memory.group_parts(group)
    }
}
