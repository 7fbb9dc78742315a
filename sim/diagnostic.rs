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

/// The one of `known` that somebody may have meant who wrote `name`, if one is near enough. Of several that are equally
/// near, the last: who counts one too far means the last, and of versions it is the newest.
///
/// ```
/// use atropos::diagnostic::nearest;
/// assert_eq!(nearest("taks 1", ["task 0", "task 1"]), Some("task 1"));
/// assert_eq!(nearest("xyz", ["task 0", "task 1"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let most = length.div_ceil(3);
    let mut nearest = None;
    for other in known {
        // Names are the file's, and a comparison costs the product of their lengths: not where none could be near.
        if other.chars().count().abs_diff(length) > most {
            continue;
        }
        let distance = strsim::damerau_levenshtein(name, other);
        if distance <= nearest.map_or(most, |(least, _)| least) {
            nearest = Some((distance, other));
        }
    }
    nearest.map(|(_, other)| other)
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
