//! Saved failures: the TOML file beside a scenario that keeps what was found in it, each failure with its story and its
//! token.
//!
//! The file is made by Atropos and kept by people, who write their own comments into it. So it is never written anew: a
//! failure is appended to its text, or only the token and the story of one are replaced.
//!
//! Knows nothing of where the file is, or of making a run of a token.

use toml::Spanned;
use toml::de::DeTable;

use crate::choice::Token;
use crate::diagnostic::Diagnostic;
use crate::program::push_printable;
use crate::verdict::{Expectation, Identity, Oracle};

use super::reader::{self, Quoted, Reader, Span, Table, Value};
use super::{open, tidy};

/// A failure that was found, and the run that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedFailure {
    /// What makes it the same failure again.
    pub identity: Identity,
    /// What happened, for whoever reads the file.
    pub story: String,
    /// The command that found it.
    pub found_by: Option<String>,
    /// The run; the strategy and the Python are the token's.
    pub token: Token,
}

impl SavedFailure {
    /// Whether two are one failure under one main, whatever runs show it.
    pub fn is_same(&self, other: &SavedFailure) -> bool {
        let which = |failure: &SavedFailure| {
            let SavedFailure { identity, token, .. } = failure.clone();
            (identity, token.strategy, token.profile)
        };
        which(self) == which(other)
    }
}

/// The failures in a file with this text, in its order.
///
/// # Errors
///
/// Everything that is wrong with the file, in the order of the places.
pub fn read_failures(text: &str) -> Result<Vec<SavedFailure>, Vec<Diagnostic>> {
    Ok(read(text)?.into_iter().map(|entry| entry.failure).collect())
}

/// The text of a file with one more failure in it; of the same failure the newer token and story replace the older ones.
/// A new file, for which `text` is empty, begins with what it is for; `scenario` is the name of the file that it stands
/// beside.
///
/// # Errors
///
/// Everything that is wrong with the file, in the order of the places.
pub fn add_failure(text: &str, failure: &SavedFailure, scenario: &str) -> Result<String, Vec<Diagnostic>> {
    if let Some(old) = read(text)?.into_iter().find(|entry| entry.failure.is_same(failure)) {
        let found_by = old.found_by.zip(failure.found_by.as_deref().map(quoted));
        let parts = [(old.story, long(&failure.story)), (old.token, quoted(&failure.token.to_string()))];
        let mut parts: Vec<(Span, String)> = parts.into_iter().chain(found_by).collect();
        parts.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let mut text = text.to_owned();
        for (span, part) in parts {
            text.replace_range(span, &part);
        }
        return Ok(text);
    }
    let mut text = if text.is_empty() { header(scenario) } else { text.to_owned() };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let SavedFailure { identity, story, found_by, token } = failure;
    text.push_str("\n[[failure]]\n");
    let keys = [
        ("strategy", token.strategy.as_deref()),
        ("python", token.profile.as_deref()),
        ("what", Some(identity.what)),
        ("task", identity.subject.as_deref()),
        ("error", identity.error.as_deref()),
        ("found_by", found_by.as_deref()),
    ];
    for (key, value) in keys {
        if let Some(value) = value {
            text.push_str(&format!("{key} = {}\n", quoted(value)));
        }
    }
    text.push_str(&format!("story = {}\ntoken = {}\n", long(story), quoted(&token.to_string())));
    Ok(text)
}

fn header(scenario: &str) -> String {
    let name: String = scenario.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    format!(
        "\
# Failures that Atropos found in {name}. Commit this file: whoever explores the scenario from now on runs them first.
# A failure that was fixed stays here, so that it is noticed if it comes back.
# `atropos replay TOKEN {name}` shows one again.
"
    )
}

/// A failure, and where what changes stands.
struct Entry {
    failure: SavedFailure,
    story: Span,
    token: Span,
    found_by: Option<Span>,
}

fn read(text: &str) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    let document: Spanned<DeTable<'_>> = open(text).map_err(|mut errors| {
        if text.lines().any(|line| line.starts_with("<<<<<<<")) {
            let help = "git could not merge two versions: keep the failures of both, and delete git's own lines";
            errors.iter_mut().for_each(|error| error.help.push(help.to_owned()));
        }
        errors
    })?;
    let table = Table { map: document.get_ref(), span: 0..0 };
    let mut reader = Reader::new(text);
    reader.only_keys(&table, &["failure"]);
    let list = table.get("failure").and_then(|list| reader.array(list)).unwrap_or_default();
    let entries: Vec<Entry> = list.iter().filter_map(|value| read_entry(&mut reader, value)).collect();
    if reader.errors.is_empty() { Ok(entries) } else { Err(tidy(reader.errors)) }
}

fn read_entry(reader: &mut Reader, value: &Value) -> Option<Entry> {
    let table = reader.table(value)?;
    reader.only_keys(&table, &["strategy", "python", "what", "task", "error", "found_by", "story", "token"]);
    let what = reader.required(&table, "what", "it says which failure this is: what = \"lost-cancel\"");
    let what = what.and_then(|value| reader.text(value)).and_then(|text| read_what(reader, &text));
    let story = reader.required(&table, "story", "it says what happened, in any words: story = \"…\"");
    let story = story.and_then(|value| reader.text(value));
    let token = reader.required(&table, "token", "it makes the run again: `atropos explore` prints it");
    let token = token.and_then(|value| reader.text(value)).and_then(|text| Some((read_token(reader, &text)?, text)));
    let mut optional = |key: &str| table.get(key).map_or(Some(None), |value| reader.text(value).map(Some));
    let (task, error, found_by) = (optional("task"), optional("error"), optional("found_by"));
    let (strategy, python) = (optional("strategy"), optional("python"));
    let (token, token_text) = token?;
    check(reader, &table, "strategy", strategy?, token.strategy.as_deref());
    check(reader, &table, "python", python?, token.profile.as_deref());
    let found_by_span = found_by.as_ref().and_then(|text| text.as_ref().map(|text| text.span.clone()));
    let [subject, error, found_by] = [task?, error?, found_by?].map(|text| text.map(|text| text.text));
    let (what, story) = (what?, story?);
    let failure = SavedFailure { identity: Identity { what, subject, error }, story: story.text, found_by, token };
    Some(Entry { failure, story: story.span, token: token_text.span, found_by: found_by_span })
}

/// The name of an oracle, or the key of an expectation.
fn read_what(reader: &mut Reader, text: &Quoted) -> Option<&'static str> {
    let known = || Oracle::ALL.into_iter().map(Oracle::name).chain(Expectation::KEYS);
    let what = known().find(|&known| known == text.text);
    what.or_else(|| reader.error(reader::unknown(text.span.clone(), "failure", &text.text, known())))
}

fn read_token(reader: &mut Reader, text: &Quoted) -> Option<Token> {
    match text.text.parse() {
        Ok(token) => Some(token),
        Err(bad) => {
            reader.error(Diagnostic::at(text.span.clone(), bad.to_string(), "this token").help(
                "take it from an older version of this file, or delete this [[failure]]: exploring finds it again",
            ))
        }
    }
}

/// The token alone counts, so a key that says something else would mislead whoever reads it.
fn check(reader: &mut Reader, table: &Table, key: &str, found: Option<Quoted>, token: Option<&str>) {
    if found.as_ref().map(|found| found.text.as_str()) == token {
        return;
    }
    let span = found.map_or(table.span.clone(), |found| found.span);
    let (message, help) = match token {
        Some(token) => {
            let line = format!("write {key} = {}", quoted(token));
            (format!("expected the `{key}` that the token was made for, which is `{token}`"), line)
        }
        None => (format!("expected no `{key}`, because the token was made without one"), "delete this line".to_owned()),
    };
    reader.errors.push(Diagnostic::at(span, message, "not what the token says").help(help));
}

/// A text in quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    text.chars().for_each(|c| push_escaped(c, &mut out));
    out + "\""
}

/// A text of several lines, in three quotes; so that no three of its own end it, every second quote in a row is escaped.
fn long(text: &str) -> String {
    let mut out = String::from("\"\"\"\n");
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\n' => out.push('\n'),
            '"' if !out.ends_with('"') && characters.peek().is_some() => out.push('"'),
            _ => push_escaped(c, &mut out),
        }
    }
    out + "\"\"\""
}

/// A character as TOML has it between quotes. What does not print is escaped as in Python, but for the escape that TOML
/// does not have.
fn push_escaped(c: char, out: &mut String) {
    if matches!(c, '"' | '\\') {
        return out.extend(['\\', c]);
    }
    let mut printable = String::new();
    push_printable(c, &mut printable);
    out.push_str(&printable.replace("\\x", "\\u00"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::{Deviation, Kind};

    fn failure(strategy: Option<&str>, story: &str) -> SavedFailure {
        let deviation = Deviation {
            kind: Kind::Cut,
            subject: "worker 3".to_owned(),
            site: "await 1".to_owned(),
            visit: 1,
            chosen: "waiting+3".to_owned(),
        };
        let strategy = strategy.map(str::to_owned);
        let identity = Identity { what: "lost-cancel", subject: Some("worker {i}".to_owned()), error: None };
        SavedFailure {
            identity,
            story: story.to_owned(),
            found_by: None,
            token: Token { scenario_hash: 7, strategy, profile: None, deviations: vec![deviation] },
        }
    }

    #[test]
    fn a_new_file_says_what_it_is_for() {
        let mut failure = failure(Some("cancel-each-task"), "It is lost.\nFor ever.\n");
        failure.found_by = Some("atropos explore a.toml --cancels 1".to_owned());
        let text = add_failure("", &failure, "a.toml").unwrap();
        let expected = r#"# Failures that Atropos found in a.toml. Commit this file: whoever explores the scenario from now on runs them first.
# A failure that was fixed stays here, so that it is noticed if it comes back.
# `atropos replay TOKEN a.toml` shows one again.

[[failure]]
strategy = "cancel-each-task"
what = "lost-cancel"
task = "worker {i}"
found_by = "atropos explore a.toml --cancels 1"
story = """
It is lost.
For ever.
"""
token = "…"
"#;
        assert_eq!(text.replace(&failure.token.to_string(), "…"), expected);
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let odd = "\r\n\t\0\u{1b}\u{85}\u{202e}é日\u{1f600}\u{e0001}";
        let stories = ["", "\n", "\"", "\"\"\"\"\"\"\"", "a\\", "\\\"\"\"", odd, "ends\"", "'''", "a\n\n  \nb\n"];
        let mut text = String::new();
        let mut failures = Vec::new();
        for (at, story) in stories.into_iter().enumerate() {
            let mut failure = failure(Some(&format!("{story}{at}")), story);
            failure.identity.error = Some(format!("{story}Error"));
            failure.token.profile = (at % 2 == 0).then(|| "3.9".to_owned());
            text = add_failure(&text, &failure, "a\nb.toml").unwrap();
            failures.push(failure);
        }
        assert_eq!(read_failures(&text), Ok(failures));
    }

    #[test]
    fn the_same_failure_is_kept_once_and_comments_stay() {
        let mut first = failure(None, "first");
        first.found_by = Some("atropos explore a.toml".to_owned());
        let text = add_failure("", &first, "a.toml").unwrap();
        let text = add_failure(&text, &failure(Some("other"), "another main"), "a.toml").unwrap();
        let text =
            text.replace("[[failure]]", "# See issue 3.\n[[failure]] # mine") + "# The end, without a line break.";
        let mut newer = failure(None, "newer and longer");
        newer.found_by = Some("atropos explore a.toml --cancels 2".to_owned());
        newer.token.deviations.clear();
        let replaced = add_failure(&text, &newer, "a.toml").unwrap();
        assert_eq!(read_failures(&replaced).unwrap(), [newer, failure(Some("other"), "another main")]);
        assert_eq!(replaced.matches('#').count(), text.matches('#').count());
        // What is there already changes nothing, and what is new comes last.
        assert_eq!(add_failure(&text, &first, "a.toml").unwrap(), text);
        let mut other = first.clone();
        other.identity.what = "deadlock";
        let longer = add_failure(&text, &other, "a.toml").unwrap();
        assert!(longer.starts_with(&text) && read_failures(&longer).unwrap().last() == Some(&other));
    }

    /// The first error, as its message and the text that is underlined.
    fn check(text: &str, message: &str, underlined: &str) {
        let errors = read_failures(text).unwrap_err();
        let found = errors[0].span.clone().map_or("", |span| &text[span]);
        assert_eq!((errors[0].message.as_str(), found), (message, underlined), "{text}\n{errors:#?}");
        assert!(errors.iter().all(|error| !error.help.is_empty()), "{errors:#?}");
        assert_eq!(add_failure(text, &failure(None, ""), "a.toml"), Err(errors));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_place() {
        let good = add_failure("", &failure(Some("cancel-each-task"), "lost"), "a.toml").unwrap();
        let changed = |from: &str, to: &str| {
            assert!(good.contains(from), "{from}");
            good.replace(from, to)
        };
        let token = quoted(&failure(Some("cancel-each-task"), "").token.to_string());
        check("[[fail]]\n", "there is no key `fail`", "fail");
        check("failure = 3", "expected an array, but found an integer", "3");
        check(&changed("story =", "stroy ="), "expected the key `story`, but found none", "[[failure]]");
        check(&changed("task =", "tsak ="), "there is no key `tsak`", "tsak");
        check(&changed("lost-cancel", "lost-cancle"), "there is no failure `lost-cancle`", "\"lost-cancle\"");
        check(&changed("what = \"lost-cancel\"\n", ""), "expected the key `what`, but found none", "[[failure]]");
        check(&changed(&format!("token = {token}"), ""), "expected the key `token`, but found none", "[[failure]]");
        check(&changed("\"lost-cancel\"", "3"), "expected a text, but found an integer", "3");
        let cut = format!("{}\"", &token[..20]);
        check(&changed(&token, &cut), "expected a whole token, but its end is missing: copy all of the line", &cut);
        let other = "expected the `strategy` that the token was made for, which is `cancel-each-task`";
        check(&changed("cancel-each", "cancel-every"), other, "\"cancel-every-task\"");
        check(&changed("strategy = \"cancel-each-task\"\n", ""), other, "[[failure]]");
        let none = "expected no `python`, because the token was made without one";
        check(&changed("story", "python = \"3.9\"\nstory"), none, "\"3.9\"");
    }

    #[test]
    fn two_versions_that_git_could_not_merge_are_told() {
        let errors = read_failures("<<<<<<< HEAD\n[[failure]]\n=======\n>>>>>>> main\n").unwrap_err();
        assert!(errors[0].message.starts_with("expected TOML") && errors[0].help[0].starts_with("git"), "{errors:#?}");
    }
}
