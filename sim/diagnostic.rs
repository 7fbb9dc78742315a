//! What is wrong with a file that a user wrote, and where.
//!
//! Rooms that read files make these; the report renders them. Knows nothing of terminals.

use std::ops::Range;

/// One thing that is wrong: what was expected and found, the place, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// A full sentence without its full stop: "expected …, but found …".
    pub message: String,
    /// The bytes of the source that it is about, if it is about any.
    pub span: Option<Range<usize>>,
    /// A few words under the underlined place.
    pub label: String,
    /// Other places that belong to it, each with a few words: "first used here".
    pub others: Vec<(Range<usize>, String)>,
    /// What to do next, a sentence each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A message about a place.
    pub fn at(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        let (message, label) = (message.into(), label.into());
        Diagnostic { message, span: Some(span), label, others: Vec::new(), help: Vec::new() }
    }

    /// A message about a file as a whole.
    pub fn whole(message: impl Into<String>) -> Diagnostic {
        Diagnostic { message: message.into(), span: None, label: String::new(), others: Vec::new(), help: Vec::new() }
    }

    /// The same with one more hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }

    /// The same with one more place.
    #[must_use]
    pub fn other(mut self, span: Range<usize>, label: impl Into<String>) -> Diagnostic {
        self.others.push((span, label.into()));
        self
    }
}
