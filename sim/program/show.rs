//! Values as text, the way Python's `str` and `repr` show them.
//!
//! A value holds ids; what they stand for is in a running machine's memory, or in a trace long after it. Both are a
//! [`Lookup`], so that a value looks the same in the program's own output and in a report on it.
//!
//! Knows nothing of machines or traces.

use std::fmt::Write as _;

use crate::id::{FutureId, InstanceId, ListId, TextId};

use super::{Error, ErrorType, Program, Value};

/// Where the things are found that a [`Value`] only names.
pub trait Lookup {
    /// A text that the run put together; nothing if the text is the program's own.
    fn made_text(&self, id: TextId) -> Option<&str>;
    /// What a list holds; nothing where lists are not kept.
    fn items(&self, id: ListId) -> Option<&[Value]>;
    /// The coroutine of the task whose future this is; nothing for a gather's.
    fn instance_of(&self, future: FutureId) -> Option<InstanceId>;
    /// What an exception group says and is made of, where that is kept.
    fn group_parts(&self, group: Error) -> Option<(&str, ListId)>;
}

/// Lists in lists beyond this many levels are not looked into: the levels are the scenario's to choose, the stack
/// that they would take is not.
pub(super) const DEEPEST_LIST: u32 = 32;

/// A list stops being shown when the text is this long, because a list that holds another one twice, which holds
/// another one twice, and so on, doubles the text with each level.
const LONGEST: usize = 1 << 20;

/// Appends Python's `str(value)`. A handle shows as its task's name, where Python shows an address.
pub fn display<L: Lookup>(program: &Program, lookup: &L, value: Value, out: &mut String) {
    match value {
        Value::Text(text) => out.push_str(text_of(program, lookup, text)),
        Value::Error(error) => {
            if let Some(message) = error.message {
                let text = text_of(program, lookup, message);
                // A KeyError speaks of a key, and quotes it.
                if error.ty == ErrorType::KEY_ERROR { quote(text, out) } else { out.push_str(text) }
            }
        }
        other => repr(program, lookup, other, out),
    }
}

/// Appends Python's `repr(value)`, handles as in [`display`].
pub fn repr<L: Lookup>(program: &Program, lookup: &L, value: Value, out: &mut String) {
    repr_within(program, lookup, value, DEEPEST_LIST, out);
}

fn repr_within<L: Lookup>(program: &Program, lookup: &L, value: Value, levels: u32, out: &mut String) {
    match value {
        Value::Unbound | Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(int) => _ = write!(out, "{int}"),
        Value::Text(text) => quote(text_of(program, lookup, text), out),
        Value::Handle(future) => match lookup.instance_of(future) {
            Some(instance) => out.push_str(program.name(instance)),
            None => out.push_str("gather"),
        },
        Value::Coroutine(instance) | Value::Call(instance) => out.push_str(program.name(instance)),
        Value::List(list) => {
            out.push('[');
            items_within(program, lookup, list, levels, out);
            out.push(']');
        }
        Value::Tuple(list) => {
            out.push('(');
            items_within(program, lookup, list, levels, out);
            // Without it, one thing in parentheses would be that thing.
            out.push_str(if lookup.items(list).is_some_and(|items| items.len() == 1) { ",)" } else { ")" });
        }
        Value::Timeout(_) => out.push_str("timeout"),
        Value::TaskGroup(_) => out.push_str("task group"),
        Value::Callback(_) => out.push_str("callback"),
        Value::Function(_) => out.push_str("function"),
        Value::Error(error) => {
            out.push_str(program.error_types.name(error.ty));
            out.push('(');
            if let Some((message, parts)) = lookup.group_parts(error) {
                quote(message, out);
                out.push_str(", ");
                repr_within(program, lookup, Value::List(parts), levels, out);
            } else if let Some(message) = error.message {
                quote(text_of(program, lookup, message), out);
            }
            out.push(')');
        }
    }
}

/// What stands between the brackets of a list.
fn items_within<L: Lookup>(program: &Program, lookup: &L, list: ListId, levels: u32, out: &mut String) {
    let Some(items) = lookup.items(list).filter(|_| levels > 0) else {
        out.push_str("...");
        return;
    };
    for (at, &item) in items.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        if out.len() > LONGEST {
            out.push_str("...");
            break;
        }
        repr_within(program, lookup, item, levels - 1, out);
    }
}

pub(super) fn text_of<'a, L: Lookup>(program: &'a Program, lookup: &'a L, id: TextId) -> &'a str {
    lookup.made_text(id).unwrap_or_else(|| program.text(id))
}

/// Appends Python's `repr` of a text: in `'` unless the text has one and no `"`, and on one line whatever is in it.
pub fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(mark);
    for c in text.chars() {
        if c == mark || c == '\\' {
            out.push('\\');
        }
        push_printable(c, out);
    }
    out.push(mark);
}

/// Appends a character, or Python's escape for one that does not print: it would break the line, show nothing, or
/// turn the text around it.
pub fn push_printable(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_printable(c) => out.push(c),
        c => {
            let code = u32::from(c);
            _ = match code {
                0..=0xff => write!(out, "\\x{code:02x}"),
                0x100..=0xffff => write!(out, "\\u{code:04x}"),
                _ => write!(out, "\\U{code:08x}"),
            };
        }
    }
}

/// Written out instead of asked of Unicode's tables, which grow with every release of Rust: what a run prints must not.
fn is_printable(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    let is_space = c != ' ' && c.is_whitespace();
    let is_private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
    !(c.is_control() || is_space || is_invisible || is_private)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::sample;

    /// Lists by number, and no text but the program's.
    struct Lists(Vec<Vec<Value>>);

    impl Lookup for Lists {
        fn made_text(&self, _: TextId) -> Option<&str> {
            None
        }

        fn items(&self, id: ListId) -> Option<&[Value]> {
            self.0.get(id.index()).map(Vec::as_slice)
        }

        fn instance_of(&self, _: FutureId) -> Option<InstanceId> {
            None
        }

        fn group_parts(&self, _: Error) -> Option<(&str, ListId)> {
            None
        }
    }

    fn shown(lists: Vec<Vec<Value>>) -> String {
        let mut out = String::new();
        repr(&sample::program(&[]), &Lists(lists), Value::List(ListId(0)), &mut out);
        out
    }

    #[test]
    fn quotes_as_python_does() {
        for (text, expected) in [
            ("plain", "'plain'"),
            ("it's", "\"it's\""),
            ("it's \"so\"", "'it\\'s \"so\"'"),
            ("a\\b\n\r\t\u{1b}[1m", "'a\\\\b\\n\\r\\t\\x1b[1m'"),
            ("é 日本 e\u{301}", "'é 日本 e\u{301}'"),
            ("\u{202e}\u{2028}\u{a0}\u{e0001}", "'\\u202e\\u2028\\xa0\\U000e0001'"),
        ] {
            let mut out = String::new();
            quote(text, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn lists_are_shown_as_deep_as_the_limit_and_no_deeper() {
        assert_eq!(shown(vec![vec![Value::Int(1), Value::List(ListId(1))], vec![Value::None]]), "[1, [None]]");
        let nested = (1..100).map(|next| vec![Value::List(ListId(next))]).collect();
        assert_eq!(shown(nested), format!("{}[...]{}", "[".repeat(32), "]".repeat(32)));
    }

    /// Thirty levels of pairs of the same list would be a billion items.
    #[test]
    fn a_list_that_doubles_with_each_level_ends() {
        let pairs = (1..31).map(|next| vec![Value::List(ListId(next)); 2]).chain([vec![Value::Int(7)]]).collect();
        assert!(shown(pairs).len() < 2 << 20);
    }
}
