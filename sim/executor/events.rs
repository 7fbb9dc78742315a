//! The `tracing` events of the code under test: in the lanes of a run that is told, at virtual time, and nowhere in all
//! others.
//!
//! Each run has a subscriber of its own on its thread, so nothing reaches one that the test has set: thousands of runs would
//! print thousands of times. That of a run which is not told wants to hear nothing.
//!
//! Knows nothing of what is recorded besides, or of how it is told.

use std::fmt::{Debug, Write};
use std::sync::{Mutex, MutexGuard};

use tracing_core::dispatcher::{Dispatch, with_default};
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Metadata, Subscriber};

use super::shared::current;
use crate::id::TaskId;

/// Does something, which is a run, and notes its events in it if it is told.
pub(super) fn during<T>(is_told: bool, run: impl FnOnce() -> T) -> T {
    let dispatch = if is_told { Dispatch::new(Lanes::default()) } else { Dispatch::none() };
    with_default(&dispatch, run)
}

/// Notes events in the run that goes on on this thread.
#[derive(Debug, Default)]
struct Lanes(Mutex<Spans>);

/// What spans there have been, the one with number 1 first, and which have been entered.
#[derive(Debug, Default)]
struct Spans {
    all: Vec<String>,
    entered: Vec<u64>,
}

impl Lanes {
    fn spans(&self) -> MutexGuard<'_, Spans> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Subscriber for Lanes {
    /// What the simulated network says of its messages stands in the lanes already.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.target().starts_with("turmoil")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        let (name, fields) = (span.metadata().name(), fields.told());
        let mut spans = self.spans();
        spans.all.push(if fields.is_empty() { name.to_owned() } else { format!("{name}{{{fields}}}") });
        Id::from_u64(spans.all.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(shared) = current() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut text = event.metadata().level().to_string();
        {
            let spans = self.spans();
            let names = spans.entered.iter().filter_map(|&number| spans.all.get(number as usize - 1));
            names.for_each(|name| _ = write!(text, " {name}:"));
        }
        shared.print(shared.maker().unwrap_or(TaskId::MAIN), &format!("{text} {}", fields.told()));
    }

    fn enter(&self, span: &Id) {
        self.spans().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut spans = self.spans();
        if let Some(at) = spans.entered.iter().rposition(|&number| number == span.into_u64()) {
            spans.entered.remove(at);
        }
    }
}

/// The message, and everything else by name.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<String>,
}

impl Fields {
    fn told(self) -> String {
        let message = Some(self.message).filter(|message| !message.is_empty());
        message.into_iter().chain(self.others).collect::<Vec<_>>().join(" ")
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.others.push(format!("{}={value:?}", field.name()));
        }
    }
}
