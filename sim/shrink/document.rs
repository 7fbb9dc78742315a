//! Less of a scenario file, as text: every candidate is a text again, which the caller reads as it reads any file.
//!
//! **Smaller** is, in the order in which it is tried: fewer entries and keys, fewer instances, fewer items in lists,
//! fewer steps and keys of steps, fewer blocks, rounder lengths of time. What is left keeps its words, its comments and its layout; only
//! `about`, which every file has, is never taken away.
//!
//! Knows nothing of what is a valid file, of what a key means beyond the tables below, or of what a failure is.

use std::ops::Range;

use toml_edit::{DocumentMut, Item, Value};

use super::edit::{self, Part, Path};
use super::rounder::rounder;
use super::{RUNS_MAX, leave_out_pieces};

/// The key whose array, with everything inside it, is steps.
const STEPS: &str = "steps";
/// The key of a file that stays.
const KEPT: &str = "about";
/// The table whose values are what somebody expects: they are kept or left out, never changed.
const EXPECTED: &str = "expect";
/// The keys that say how many there are, of instances or of faults.
const COUNTS: &[&str] = &["count", "up_to"];
/// Arrays of one length, an item of each for an instance.
const EACH: &str = "each";
/// The tables that strike a task, and the keys in them that name one.
const STRIKES: [&[&str]; 2] = [&["fail", "cancel", "inject"], &["task", "by", "cancel"]];
/// The keys of lengths of time, and the table in which any text may be one.
const LENGTHS: [&[&str]; 2] = [&["sleep", "timeout", "time"], &["parameters"]];

/// In lists up to this length, any two items are left out together too.
const PAIRED_MAX: usize = 16;

/// What [`document`] has made of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The smallest text that was found; the one that was given if none is smaller.
    pub text: String,
    /// How many candidates were tried.
    pub runs: usize,
}

/// Finds a smaller scenario file with the same failure.
///
/// `same` reads a text, runs it, and says whether it fails in the same way; a text that is no valid scenario does not.
/// It is called [`RUNS_MAX`] times at most. The reductions are repeated until none of them succeeds, so shrinking the
/// result again changes nothing. A text that is no TOML comes back as it is.
///
/// ```
/// let text = "\
/// about = \"Two tasks.\"
///
/// [[task]]
/// name = \"a\"
/// steps = [{ sleep = \"90s\" }, { print = \"a\" }]
///
/// [[task]]
/// name = \"b\"
/// steps = [{ sleep = \"1s\" }, { raise = \"broken\" }]
/// ";
/// let shrunk = atropos::shrink::document(text, &mut |text| text.contains("broken"));
/// assert_eq!(shrunk.text, "\
/// about = \"Two tasks.\"
///
/// [[task]]
/// steps = [{ raise = \"broken\" }]
/// ");
/// ```
pub fn document(text: &str, same: &mut dyn FnMut(&str) -> bool) -> Document {
    let Ok(tree) = text.parse() else { return Document { text: text.to_owned(), runs: 0 } };
    let mut search = Search { tree, text: text.to_owned(), runs: 0, same };
    while search.round() {}
    Document { text: search.text, runs: search.runs }
}

/// The smallest text so far, and what it may still cost.
struct Search<'a> {
    tree: DocumentMut,
    text: String,
    runs: usize,
    same: &'a mut dyn FnMut(&str) -> bool,
}

impl Search<'_> {
    /// Every reduction once; whether any of them succeeded.
    fn round(&mut self) -> bool {
        let before = self.text.clone();
        self.leave_out_entries();
        self.leave_out_keys();
        self.lower_numbers();
        self.leave_out_instances();
        self.leave_out_items(|path, item| !is_step(path) && !is_each(path) && !is_expected(path) && item.is_array());
        self.leave_out_items(|path, item| is_step(path) && item.is_array());
        self.leave_out_step_keys();
        self.unwrap_blocks();
        self.round_lengths();
        self.text != before
    }

    /// Tries the document with an edit, and goes on from there if it is the same failure still.
    fn attempt(&mut self, edit: impl FnOnce(&mut Item)) -> bool {
        if self.runs == RUNS_MAX {
            return false;
        }
        let mut tree = self.tree.clone();
        edit(tree.as_item_mut());
        let text = format!("{}\n", tree.to_string().trim_matches('\n'));
        // The text is read again, so that what is tried next hangs on the text alone.
        let Ok(tree) = text.parse() else { return false };
        if text == self.text {
            return false;
        }
        self.runs += 1;
        let is_same = (self.same)(&text);
        if is_same {
            (self.tree, self.text) = (tree, text);
        }
        is_same
    }

    fn paths(&self, is_wanted: impl Fn(&[Part], &Item) -> bool) -> Vec<Path> {
        edit::paths(self.tree.as_item(), &is_wanted)
    }

    fn get(&self, path: &[Part]) -> &Item {
        edit::get(self.tree.as_item(), path)
    }

    /// Calls `pass` for each of the paths, found anew after every call, because a call may change those that follow.
    fn each(&mut self, is_wanted: impl Fn(&[Part], &Item) -> bool, mut pass: impl FnMut(&mut Self, &Path)) {
        let mut at = 0;
        while let Some(path) = self.paths(&is_wanted).get(at) {
            pass(self, path);
            at += 1;
        }
    }

    /// Leaves out entries of the file: keys, tables, and the tables of an array of tables one by one.
    fn leave_out_entries(&mut self) {
        let entries = |search: &Self| -> Vec<Path> {
            search.paths(|path, item| match path {
                [Part::Key(key)] => key != KEPT && !item.is_array_of_tables(),
                [Part::Key(_), Part::Index(_)] => item.is_table(),
                _ => false,
            })
        };
        self.leave_out(entries);
    }

    /// Leaves out keys of the tables that are no steps.
    fn leave_out_keys(&mut self) {
        let is_table = |path: &[Part], item: &Item| !path.is_empty() && !is_step(path) && item.is_table_like();
        self.each(is_table, |search, table| {
            search.leave_out(|search| {
                // The table itself may be an entry that was left out with its last key.
                search.paths(|path, _| path.len() == table.len() + 1 && path.starts_with(table))
            });
        });
    }

    /// Leaves out what is listed, piece by piece.
    fn leave_out(&mut self, listed: impl Fn(&Self) -> Vec<Path>) {
        leave_out_pieces(listed(self).len(), &mut |piece: Range<usize>| {
            let doomed = listed(self)[piece].to_vec();
            self.attempt(|root| doomed.iter().rev().for_each(|path| remove(root, path)));
            listed(self).len()
        });
    }

    /// Lowers counts, and the numbers of the tasks that are struck.
    fn lower_numbers(&mut self) {
        let is_count = |path: &[Part], item: &Item| {
            !is_step(path) && last_key(path).is_some_and(|key| COUNTS.contains(&key)) && item.is_integer()
        };
        self.each(is_count, |search, path| {
            let count = |search: &Self| search.get(path).as_integer().and_then(|count| u64::try_from(count).ok());
            search.lower(1, count, |root, count| edit::set(edit::get_mut(root, path), count as i64));
        });
        let [tables, keys] = STRIKES;
        let is_name = |path: &[Part], item: &Item| match path {
            [Part::Key(table), Part::Index(_), Part::Key(key)] => {
                tables.contains(&table.as_str()) && keys.contains(&key.as_str()) && item.is_str()
            }
            _ => false,
        };
        self.each(is_name, |search, path| {
            let name = search.get(path).as_str().unwrap_or_default().to_owned();
            let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let (stem, _) = name.split_at(name.len() - digits);
            let number = |search: &Self| search.get(path).as_str()?.strip_prefix(stem)?.parse().ok();
            search.lower(0, number, |root, number| edit::set(edit::get_mut(root, path), format!("{stem}{number}")));
        });
    }

    /// Lowers a number: to the least, then by halves, then one by one.
    fn lower(&mut self, least: u64, number: impl Fn(&Self) -> Option<u64>, set: impl Fn(&mut Item, u64)) {
        while let Some(now) = number(self).filter(|&now| least < now) {
            let lower = [least, now / 2, now - 1];
            if !lower.into_iter().any(|to| least <= to && to < now && self.attempt(|root| set(root, to))) {
                break;
            }
        }
    }

    /// Leaves out instances: the same item of every array of an `each`.
    fn leave_out_instances(&mut self) {
        let is_table = |path: &[Part], item: &Item| last_key(path) == Some(EACH) && item.is_table_like();
        self.each(is_table, |search, path| {
            let arrays = edit::parts(search.get(path)).into_iter().map(|part| [path.as_slice(), &[part]].concat());
            let arrays: Vec<Path> = arrays.collect();
            let len = |search: &Self| arrays.iter().map(|path| edit::length(search.get(path))).min().unwrap_or(0);
            leave_out_pieces(len(search), &mut |piece: Range<usize>| {
                search.attempt(|root| {
                    arrays.iter().for_each(|path| edit::remove_range(edit::get_mut(root, path), piece.clone()));
                });
                len(search)
            });
        });
    }

    /// Leaves out items of arrays: pieces, then any two.
    fn leave_out_items(&mut self, is_wanted: impl Fn(&[Part], &Item) -> bool) {
        self.each(is_wanted, |search, path| {
            let len = |search: &Self| edit::length(search.get(path));
            leave_out_pieces(len(search), &mut |piece: Range<usize>| {
                search.attempt(|root| edit::remove_range(edit::get_mut(root, path), piece));
                len(search)
            });
            let mut second = len(search);
            while 1 < second && len(search) <= PAIRED_MAX {
                second -= 1;
                let is_gone = (0..second).rev().any(|first| {
                    search.attempt(|root| {
                        let array = edit::get_mut(root, path);
                        edit::remove(array, &Part::Index(second));
                        edit::remove(array, &Part::Index(first));
                    })
                });
                if is_gone {
                    second = len(search).min(second + 1);
                }
            }
        });
    }

    /// Leaves out what a step can do without: an `else`, a name that nobody uses, a clause of its `except`.
    fn leave_out_step_keys(&mut self) {
        self.each(
            |path, item| is_step(path) && item.is_inline_table(),
            |search, path| {
                // A step's first key is its verb.
                let verb = usize::from(last_key(path).is_none());
                for part in edit::parts(search.get(path)).into_iter().skip(verb).rev() {
                    search.attempt(|root| edit::remove(edit::get_mut(root, path), &part));
                }
            },
        );
    }

    /// Puts the steps of one block, or of all, in the place of the step around them.
    fn unwrap_blocks(&mut self) {
        let is_wanted = |path: &[Part], item: &Item| {
            is_step(path) && last_key(path).is_none() && item.is_inline_table() && !blocks(item).is_empty()
        };
        let mut at = 0;
        while let Some(path) = self.paths(is_wanted).get(at) {
            let mut candidates = blocks(self.get(path));
            if 1 < candidates.len() {
                candidates.push(candidates.concat());
            }
            let [around @ .., Part::Index(index)] = path.as_slice() else { break };
            let is_done = candidates.iter().any(|block| {
                self.attempt(|root| {
                    if let Some(array) = edit::get_mut(root, around).as_array_mut() {
                        edit::unwrap(array, *index, block);
                    }
                })
            });
            if !is_done {
                at += 1;
            }
        }
    }

    /// Makes lengths of time rounder.
    fn round_lengths(&mut self) {
        let [keys, tables] = LENGTHS;
        let is_length = |path: &[Part], item: &Item| {
            let is_parameter = matches!(path, [Part::Key(table), _] if tables.contains(&table.as_str()));
            let is_key = last_key(path).is_some_and(|key| keys.contains(&key));
            (is_parameter || is_key) && !is_expected(path) && item.is_str()
        };
        self.each(is_length, |search, path| {
            while let Some(text) = search.get(path).as_str() {
                let mut candidates = rounder(text).into_iter();
                if !candidates.any(|text| search.attempt(|root| edit::set(edit::get_mut(root, path), text))) {
                    break;
                }
            }
        });
    }
}

fn remove(root: &mut Item, path: &[Part]) {
    if let [parent @ .., part] = path {
        edit::remove(edit::get_mut(root, parent), part);
    }
}

fn last_key(path: &[Part]) -> Option<&str> {
    match path.last() {
        Some(Part::Key(key)) => Some(key),
        _ => None,
    }
}

/// Whether this is an array of steps of a body, or something in it.
fn is_step(path: &[Part]) -> bool {
    path.iter().any(|part| *part == Part::Key(STEPS.to_owned()))
}

/// Whether this stands in an `each`.
fn is_each(path: &[Part]) -> bool {
    path.iter().any(|part| *part == Part::Key(EACH.to_owned()))
}

fn is_expected(path: &[Part]) -> bool {
    path.first() == Some(&Part::Key(EXPECTED.to_owned()))
}

/// The steps of each block of a step: arrays with a step in it that is a table, of this step and not of an inner one.
fn blocks(step: &Item) -> Vec<Vec<Value>> {
    let is_block = |path: &[Part], item: &Item| {
        path.iter().all(|part| matches!(part, Part::Key(_)))
            && item.as_array().is_some_and(|array| array.iter().any(Value::is_inline_table))
    };
    let paths = edit::paths(step, &is_block);
    let arrays = paths.iter().filter_map(|path| edit::get(step, path).as_array());
    arrays.map(|array| array.iter().cloned().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a text to what is left of it, for a toy that says whether it fails; all that is left can be read, and fails.
    fn check(text: &str, fails: impl Fn(&str) -> bool, expected: &str) {
        let mut same = |text: &str| {
            assert!(text.parse::<DocumentMut>().is_ok(), "a candidate is no TOML:\n{text}");
            fails(text)
        };
        assert!(same(text), "the start does not fail");
        let shrunk = document(text, &mut same);
        assert_eq!(shrunk.text, expected);
        assert!(fails(&shrunk.text));
        assert_eq!(document(&shrunk.text, &mut same).text, expected, "shrinking the result again changes it");
    }

    fn has(words: &'static [&'static str]) -> impl Fn(&str) -> bool {
        move |text| words.iter().all(|word| text.contains(word))
    }

    const TWO: &str = r#"# What this file is for.
about = "Two tasks, one of which sleeps."
strategy = ["first", "second"]

[schedule]
timers = "insertion"

# The one that is quick.
[[task]]
name = "a"
steps = [{ print = "a" }]

# The one that sleeps.
[[task]]
name = "b"
count = 10 # as many as there are
steps = [
    # It waits a little first.
    { sleep = "100ms" },
    { print = "b {i}" }, # says who it is
    # It waits for long then.
    { sleep = "7250ms" },
]

# The failure of the other.
[[fail]]
task = "a"
raise = "broken"
"#;

    /// Whether a text has a task `b`, and a sleep of two seconds or more.
    fn sleeps_two_seconds(text: &str) -> bool {
        let document: DocumentMut = text.parse().unwrap();
        let paths = edit::paths(document.as_item(), &|path, _| last_key(path) == Some("sleep"));
        let mut lengths = paths.iter().filter_map(|path| edit::get(document.as_item(), path).as_str());
        text.contains("name = \"b\"")
            && lengths.any(|text| crate::time::duration::parse(text).unwrap() >= crate::time::Nanos::from_secs(2))
    }

    #[test]
    fn what_has_no_part_in_the_failure_goes_with_its_comments() {
        let expected = r#"# What this file is for.
about = "Two tasks, one of which sleeps."

# The one that sleeps.
[[task]]
name = "b"
steps = [
    # It waits for long then.
    { sleep = "2s" },
]
"#;
        check(TWO, sleeps_two_seconds, expected);
    }

    #[test]
    fn counts_and_the_numbers_of_those_that_are_struck_become_lower() {
        let text = r#"about = "."
[[task]]
name = "task {i}"
count = 10
steps = [{ point = "p" }]
[[fail]]
task = "task 5"
at = "p"
"#;
        let expected = r#"about = "."
[[task]]
count = 3
[[fail]]
task = "task 0"
"#;
        let fails = |text: &str| {
            let document: DocumentMut = text.parse().unwrap();
            let count = document["task"][0].get("count").and_then(Item::as_integer);
            let struck = document["fail"][0].get("task").and_then(Item::as_str).map(str::to_owned);
            count.is_some_and(|count| 3 <= count) && struck.is_some_and(|name| name.starts_with("task "))
        };
        check(text, |text| has(&["[[task]]", "[[fail]]"])(text) && fails(text), expected);
    }

    #[test]
    fn an_instance_goes_from_every_array() {
        let text = r#"about = "."
[[task]]
each = { secs = [2, 1.5, 0.8, 3], kind = ["slow", "slow", "quick", "odd"] }
steps = []
"#;
        let expected = r#"about = "."
[[task]]
each = { secs = [0.8], kind = ["quick"] }
"#;
        check(text, has(&["0.8", "quick", "secs"]), expected);
    }

    #[test]
    fn items_of_lists_go_but_not_those_that_are_expected() {
        let text = r#"about = "."
strategy = ["first", "second", "third"]
seeds = [1, 2, 3]
[main]
steps = [{ gather = ["a", "b", "c"], as = "all" }]
[expect]
prints = ["x", "y"]
"#;
        let expected = r#"about = "."
strategy = ["second"]
[main]
steps = [{ gather = ["b"] }]
[expect]
prints = ["x", "y"]
"#;
        check(text, has(&["strategy", "second", "gather", "\"b\"", "prints", "x"]), expected);
    }

    const NESTED: &str = r#"about = "Blocks."

[main]
steps = [
    { set = "x", to = "0" }, # nothing yet
    # As long as it lasts.
    { while = "True", do = [
        { for = "y", in = "range(3)", do = [
            { try = [
                # What matters.
                { wait = "tasks", timeout = "300ms" },
                { if = "x == 2", then = ["break"], else = [
                    { print = "no" },
                ] },
            ], except = { "CancelledError as e" = [
                { print = "cancelled" },
            ], "ValueError" = [] }, finally = [
                { print = "at last" },
            ] },
        ] },
    ] },
]
"#;

    #[test]
    fn steps_come_out_of_their_blocks() {
        let expected = r#"about = "Blocks."

[main]
steps = [
    # What matters.
    { wait = "tasks" },
]
"#;
        check(NESTED, has(&["wait"]), expected);
        let expected = r#"about = "Blocks."

[main]
steps = [
    { print = "no" },
    { print = "at last" },
]
"#;
        check(NESTED, has(&["no\"", "at last"]), expected);
    }

    #[test]
    fn blocks_that_are_not_needed_go_and_the_rest_keeps_its_layout() {
        let expected = r#"about = "Blocks."

[main]
steps = [
    { try = [], except = { "CancelledError as e" = [
        { print = "cancelled" },
    ] } },
]
"#;
        check(NESTED, has(&["try", "CancelledError", "cancelled"]), expected);
    }

    #[test]
    fn two_steps_that_only_go_together_go() {
        let text = r#"about = "."
[main]
steps = [
    { spawn = "a", as = "t" },
    { print = "here" },
    { await = "t" },
]
"#;
        let expected = r#"about = "."
[main]
steps = [
    { print = "here" },
]
"#;
        let fails = |text: &str| text.contains("here") && text.contains("spawn") == text.contains("await");
        check(text, fails, expected);
    }

    #[test]
    fn a_line_of_steps_stays_a_line() {
        let text = "about = \".\"\n[main]\nsteps = [{ a = 1 }, { b = 2 }, { c = 3 }, { d = 4 }]\n";
        check(text, has(&["a =", "b ="]), "about = \".\"\n[main]\nsteps = [{ a = 1 }, { b = 2 }]\n");
        check(text, has(&["c ="]), "about = \".\"\n[main]\nsteps = [{ c = 3 }]\n");
        check(text, has(&["b =", "d ="]), "about = \".\"\n[main]\nsteps = [{ b = 2 }, { d = 4 }]\n");
        check(text, has(&["steps"]), "about = \".\"\n[main]\nsteps = []\n");
    }

    #[test]
    fn any_words_that_have_to_stay_leave_a_fixed_point() {
        // Every word of the two files by itself, and every two neighbours: shrinking twice is shrinking once.
        for text in [TWO, NESTED] {
            let is_in_word = |c: char| c.is_ascii_alphanumeric();
            let words: Vec<&str> = text.split(|c| !is_in_word(c)).filter(|word| !word.is_empty()).collect();
            for pair in words.windows(2) {
                let mut same = |text: &str| pair.iter().all(|word| text.contains(word));
                let once = document(text, &mut same);
                assert!(same(&once.text), "{pair:?} went missing:\n{}", once.text);
                assert_eq!(document(&once.text, &mut same).text, once.text, "{pair:?}");
            }
        }
    }

    #[test]
    fn what_is_no_toml_comes_back_as_it_is() {
        let text = "about = ";
        assert_eq!(document(text, &mut |_| true), Document { text: text.to_owned(), runs: 0 });
    }
}
