//! A machine for tests: runs main by itself, where sleeping takes no time and nothing else can be waited for.
//!
//! Knows nothing of tasks.

use crate::choice::Question;
use crate::id::{FutureId, InstanceId, ListId, ObjectId, TaskId, TextId};
use crate::program::{
    Effects, Error, Found, FutureState, Inquiry, Memory, Next, Program, Source, Value, display, resume,
};
use crate::time::Time;
use crate::trace::What;

struct Alone {
    memory: Memory,
    printed: Vec<TextId>,
}

/// Runs main. Returns what it prints, and last what it returns or raises.
pub(super) fn run(program: &Program) -> Vec<String> {
    let mut alone = Alone { memory: Memory::default(), printed: Vec::new() };
    alone.memory.reset(program);
    let frame = alone.memory.open(program, InstanceId::MAIN, Source::Call, None);
    let end = loop {
        match resume(program, &mut alone, frame, Ok(Value::None)) {
            Next::Sleep { .. } => {}
            Next::Returned(value) => break ("returned", value),
            Next::Raised(error) => break ("raised", Value::Error(error)),
            other => panic!("main alone cannot do this: {other:?}"),
        }
    };
    let printed = std::mem::take(&mut alone.printed).into_iter().map(Value::Text);
    let mut lines: Vec<String> = Vec::new();
    for value in printed.chain([end.1]) {
        let mut line = String::new();
        display(program, &alone, value, &mut line);
        lines.push(line);
    }
    let last = lines.last_mut().expect("the end has a line");
    *last = format!("{} {last}", end.0);
    lines
}

impl Effects for Alone {
    fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }
    fn memory_ref(&self) -> &Memory {
        &self.memory
    }
    fn current(&self) -> TaskId {
        TaskId::MAIN
    }
    fn current_future(&self) -> FutureId {
        FutureId(0)
    }
    fn now(&self) -> Time {
        Time::ZERO
    }
    fn ask(&mut self, _: &Question<'_>) -> u64 {
        0
    }

    fn record(&mut self, what: What) {
        if let What::Printed { text, .. } = what {
            self.printed.push(text);
        }
    }
    fn spawn(&mut self, _: InstanceId, _: Source, _: Found) -> Result<FutureId, Error> {
        unreachable!("alone")
    }
    fn cancel(&mut self, _: FutureId, _: Option<TextId>) -> Result<bool, Error> {
        unreachable!("alone")
    }
    fn cancel_all(&mut self, _: Option<TextId>) -> Result<(), Error> {
        unreachable!("alone")
    }
    fn gather(&mut self, _: Option<u32>, _: ListId, _: u32, _: bool) -> FutureId {
        unreachable!("alone")
    }
    fn state(&self, _: FutureId) -> FutureState {
        FutureState::Pending
    }
    fn result(&mut self, _: FutureId) -> Result<Value, Error> {
        unreachable!("alone")
    }
    fn exception(&mut self, _: FutureId) -> Result<Value, Error> {
        unreachable!("alone")
    }
    fn order_set(&mut self, _: ListId) {}
    fn instance_of(&self, _: FutureId) -> Option<InstanceId> {
        Some(InstanceId::MAIN)
    }
    fn cancelling(&self, _: FutureId) -> Option<u32> {
        unreachable!("alone")
    }
    fn expired(&mut self, _: u32) -> bool {
        unreachable!("alone")
    }
    fn call_off(&mut self, _: u32) {
        unreachable!("alone")
    }
    fn is_called_off(&mut self, _: u32) -> bool {
        unreachable!("alone")
    }
    fn completions_left(&self, _: u32) -> u32 {
        unreachable!("alone")
    }
    fn group_refusal(&mut self, _: u32) -> Option<String> {
        unreachable!("alone")
    }
    fn add_to_group(&mut self, _: u32, _: FutureId) {
        unreachable!("alone")
    }
    fn inquire(&mut self, _: ObjectId, _: Inquiry) -> Value {
        unreachable!("alone")
    }
}
