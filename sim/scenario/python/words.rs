//! Words of Python: identifiers that are free, literals of any text, numbers of seconds.
//!
//! Knows nothing of scenarios.

use std::collections::BTreeSet;

use crate::program::push_printable;

/// What a script may not use as a name of its own: Python's keywords, and every builtin that a printed script calls.
const TAKEN: &[&str] = &[
    "False",
    "None",
    "True",
    "__debug__",
    "and",
    "as",
    "assert",
    "async",
    "asyncio",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "dict",
    "elif",
    "else",
    "enumerate",
    "except",
    "finally",
    "for",
    "format",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "isinstance",
    "lambda",
    "len",
    "list",
    "main",
    "map",
    "nonlocal",
    "not",
    "or",
    "pass",
    "print",
    "raise",
    "random",
    "range",
    "repr",
    "return",
    "str",
    "try",
    "type",
    "while",
    "with",
    "yield",
];

/// The names that are taken at some place of a script.
#[derive(Clone, Debug)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// What is taken everywhere, and `more`.
    pub(super) fn new(more: impl IntoIterator<Item = String>) -> Taken {
        Taken(TAKEN.iter().map(|&word| word.to_owned()).chain(more).collect())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Gives away `wanted`, or what is nearest to it and free.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let base = if is_identifier(wanted) { wanted.to_owned() } else { identifier(wanted) };
        let also = std::iter::once(format!("{base}_")).chain((2..).map(|number| format!("{base}_{number}")));
        let free = std::iter::once(base.clone()).chain(also).find(|name| !self.0.contains(name));
        let free = free.expect("there are numbers enough");
        self.0.insert(free.clone());
        free
    }
}

/// Whether a name can stand in a script as it is. Python normalises identifiers; the letters that are kept here are
/// ones that it leaves alone, so two names that differ stay different.
fn is_identifier(name: &str) -> bool {
    name.chars().all(is_letter) && name.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

fn is_letter(c: char) -> bool {
    match c {
        '_' => true,
        '×' | '÷' | '\u{37e}' | '\u{387}' | '\u{3a2}' => false,
        'À'..='ÿ' | 'Ά'..='ώ' | 'Ѐ'..='ӿ' | 'א'..='ת' | 'ぁ'..='ん' | 'ァ'..='ン' | '一'..='\u{9fef}' => {
            !matches!(c, '\u{482}'..='\u{489}')
        }
        c => c.is_ascii_alphanumeric(),
    }
}

/// The words of a text as an identifier: `worker A-1` as `worker_a_1`.
pub(super) fn identifier(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c != '_' && is_letter(c) {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    match name.chars().next() {
        None => "task".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("task_{name}"),
        Some(_) => name.to_owned(),
    }
}

/// A text as a literal of Python.
pub(super) fn literal(text: &str) -> String {
    let mark = if text.contains('"') && !text.contains('\'') { '\'' } else { '"' };
    format!("{mark}{}{mark}", escaped(text, mark))
}

/// What stands between the marks of a literal.
pub(super) fn escaped(text: &str, mark: char) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c == mark || c == '\\' {
            out.push('\\');
        }
        push_printable(c, &mut out);
    }
    out
}

/// A text as a literal for a place within an f-string, where before 3.12 neither `"` nor a backslash may stand;
/// the caller looks whether it has come out so.
pub(super) fn inner_literal(text: &str) -> String {
    format!("'{}'", escaped(text, '\''))
}

/// Nanoseconds as a number of seconds.
pub(super) fn seconds(nanos: u64) -> String {
    let (whole, part) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    if part == 0 {
        return whole.to_string();
    }
    format!("{whole}.{part:09}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_free_and_are_pythons() {
        let mut taken = Taken::new(["balance".to_owned()]);
        let mut check = |wanted: &str, name: &str| assert_eq!(taken.take(wanted), name, "{wanted}");
        check("worker", "worker");
        check("worker", "worker_");
        check("worker", "worker_2");
        check("print", "print_");
        check("balance", "balance_");
        check("_", "_");
        check("__debug__", "__debug___");
        check("größe", "größe");
        check("ﬁle", "le");
        check("Worker A-1", "worker_a_1");
        check("5 tasks", "task_5_tasks");
        check("\u{1f600}", "task");
    }

    #[test]
    fn literals_hold_any_text() {
        let check = |text: &str, expected: &str| assert_eq!(literal(text), expected);
        check("plain {i}", "\"plain {i}\"");
        check("say \"hi\"", "'say \"hi\"'");
        check("\"it's\"", "\"\\\"it's\\\"\"");
        check("a\\b\n\u{1b}\u{202e}", "\"a\\\\b\\n\\x1b\\u202e\"");
    }

    #[test]
    fn seconds_are_as_short_as_they_can_be() {
        let check = |nanos: u64, expected: &str| assert_eq!(seconds(nanos), expected);
        check(0, "0");
        check(2_000_000_000, "2");
        check(300_000_000, "0.3");
        check(1, "0.000000001");
    }
}
