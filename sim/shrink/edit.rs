//! Edits of a TOML document that leave it looking as if somebody had written it so.
//!
//! In the tree that is edited, white space and comments stand before the thing that they precede, so that the comment
//! behind an item belongs to the next one. Here a comment above a thing, or behind it, goes when the thing goes.
//!
//! Knows nothing of scenarios: not what a key means, nor why something is removed.

use std::ops::Range;

use toml_edit::{Array, Decor, InlineTable, Item, Value};

/// One part of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A key of a table.
    Key(String),
    /// An item of an array, or a table of an array of tables.
    Index(usize),
}

/// The way from the document to something in it.
pub(super) type Path = Vec<Part>;

/// The paths to everything in a document that `is_wanted`, each before what is inside it.
pub(super) fn paths(root: &Item, is_wanted: &dyn Fn(&[Part], &Item) -> bool) -> Vec<Path> {
    let (mut found, mut path) = (Vec::new(), Path::new());
    walk(root, &mut path, &mut |path, item| {
        if is_wanted(path, item) {
            found.push(path.to_vec());
        }
    });
    found
}

fn walk(item: &Item, path: &mut Path, visit: &mut dyn FnMut(&[Part], &Item)) {
    visit(path, item);
    for part in parts(item) {
        let inner = get(item, std::slice::from_ref(&part));
        path.push(part);
        walk(inner, path, visit);
        path.pop();
    }
}

/// What leads one step further from here, in the order of the file.
pub(super) fn parts(item: &Item) -> Vec<Part> {
    match (item.as_table_like(), length(item)) {
        (Some(table), _) => table.iter().map(|(key, _)| Part::Key(key.to_owned())).collect(),
        (None, len) => (0..len).map(Part::Index).collect(),
    }
}

/// How many items an array has, or tables an array of tables; none if it is neither.
pub(super) fn length(item: &Item) -> usize {
    let tables = item.as_array_of_tables().map(|tables| tables.len());
    tables.or(item.as_array().map(Array::len)).unwrap_or(0)
}

/// What stands at a path that [`paths`] has found.
pub(super) fn get<'a>(root: &'a Item, path: &[Part]) -> &'a Item {
    path.iter().fold(root, |item, part| match part {
        Part::Key(key) => &item[key],
        Part::Index(index) => &item[index],
    })
}

/// The same, to change it.
pub(super) fn get_mut<'a>(root: &'a mut Item, path: &[Part]) -> &'a mut Item {
    path.iter().fold(root, |item, part| match part {
        Part::Key(key) => &mut item[key],
        Part::Index(index) => &mut item[index],
    })
}

/// Puts another value in the place of one, with the same white space around it.
pub(super) fn set(item: &mut Item, value: impl Into<Value>) {
    let Some(old) = item.as_value_mut() else { return };
    let mut value = value.into();
    *value.decor_mut() = old.decor().clone();
    *old = value;
}

/// Removes what `part` leads to.
pub(super) fn remove(parent: &mut Item, part: &Part) {
    match (parent, part) {
        (Item::Table(table), Part::Key(key)) => _ = table.remove(key),
        (Item::Value(Value::InlineTable(table)), Part::Key(key)) => remove_key(table, key),
        (Item::Value(Value::Array(array)), Part::Index(index)) => remove_item(array, *index),
        (Item::ArrayOfTables(tables), Part::Index(index)) => _ = tables.remove(*index),
        _ => {}
    }
}

/// Removes some items of an array.
pub(super) fn remove_range(parent: &mut Item, range: Range<usize>) {
    for index in range.rev() {
        remove(parent, &Part::Index(index));
    }
}

fn remove_key(table: &mut InlineTable, key: &str) {
    let is_first = table.iter().next().is_some_and(|(first, _)| first == key);
    let is_last = table.iter().last().is_some_and(|(last, _)| last == key);
    let Some((key, value)) = table.remove_entry(key) else { return };
    if is_first && let Some((mut next, _)) = table.iter_mut().next() {
        next.leaf_decor_mut().set_prefix(prefix(key.leaf_decor()));
    }
    if is_last && let Some((_, before)) = table.iter_mut().last() {
        before.decor_mut().set_suffix(suffix(value.decor()));
    }
}

fn remove_item(array: &mut Array, index: usize) {
    let removed = array.remove(index);
    let before_it = prefix(removed.decor());
    if array.is_empty() {
        array.set_trailing("");
    } else if let Some(next) = array.get_mut(index) {
        let joined = joined(&before_it, &prefix(next.decor()));
        next.decor_mut().set_prefix(joined);
    } else {
        let trailing = array.trailing().as_str().unwrap_or_default().to_owned();
        if trailing.contains('\n') {
            array.set_trailing(joined(&before_it, &trailing));
        }
        if let Some(last) = array.get_mut(index - 1) {
            last.decor_mut().set_suffix(suffix(removed.decor()));
        }
    }
}

/// The white space between the items on both sides of one that is removed, of that before it and that behind it: the
/// rest of a line belongs to what stands on that line, and the lines after it to what follows.
fn joined(before: &str, behind: &str) -> String {
    match (before.find('\n'), behind.find('\n')) {
        (Some(end), Some(start)) => format!("{}{}", &before[..end], &behind[start..]),
        (Some(end), None) => format!("{}\n{}", &before[..end], last_line(before)),
        (None, Some(start)) => behind[start..].to_owned(),
        (None, None) => before.to_owned(),
    }
}

/// Puts the items of `block`, which stand inside item `index`, in the place of that item.
pub(super) fn unwrap(array: &mut Array, index: usize, block: &[Value]) {
    let removed = array.remove(index);
    let outer = prefix(removed.decor());
    let len = block.len();
    for (at, item) in block.iter().enumerate() {
        let mut item = item.clone();
        let inner = prefix(item.decor());
        let by = match outer.contains('\n') && inner.contains('\n') {
            true => last_line(&inner).len().saturating_sub(last_line(&outer).len()),
            false => 0,
        };
        outdent(&mut item, by);
        let inner = prefix(item.decor());
        let laid_out = match (at, outer.contains('\n')) {
            (0, true) => {
                joined(&outer, &(if inner.contains('\n') { inner } else { format!("\n{}", last_line(&outer)) }))
            }
            (0, false) => outer.clone(),
            (_, true) if !inner.contains('\n') => format!("\n{}", last_line(&outer)),
            (_, false) if !inner.contains('#') => " ".to_owned(),
            _ => inner,
        };
        item.decor_mut().set_prefix(laid_out);
        item.decor_mut().set_suffix(if at + 1 == len { suffix(removed.decor()) } else { String::new() });
        array.insert_formatted(index + at, item);
    }
}

/// Moves every line that begins inside a value to the left.
fn outdent(value: &mut Value, by: usize) {
    let shifted = |text: &str| {
        let mut lines = text.split('\n');
        let first = lines.next().unwrap_or_default().to_owned();
        lines.fold(first, |all, line| {
            let spaces = line.len() - line.trim_start_matches(' ').len();
            all + "\n" + &line[by.min(spaces)..]
        })
    };
    let shift = |decor: &mut Decor| {
        let (before, behind) = (shifted(&prefix(decor)), shifted(&suffix(decor)));
        decor.set_prefix(before);
        decor.set_suffix(behind);
    };
    shift(value.decor_mut());
    match value {
        Value::Array(array) => {
            array.iter_mut().for_each(|item| outdent(item, by));
            let trailing = shifted(array.trailing().as_str().unwrap_or_default());
            array.set_trailing(trailing);
        }
        Value::InlineTable(table) => {
            for (mut key, item) in table.iter_mut() {
                shift(key.leaf_decor_mut());
                outdent(item, by);
            }
            let trailing = shifted(table.trailing().as_str().unwrap_or_default());
            table.set_trailing(trailing);
        }
        _ => {}
    }
}

fn prefix(decor: &Decor) -> String {
    decor.prefix().and_then(|raw| raw.as_str()).unwrap_or_default().to_owned()
}

fn suffix(decor: &Decor) -> String {
    decor.suffix().and_then(|raw| raw.as_str()).unwrap_or_default().to_owned()
}

/// The indentation of what follows.
fn last_line(white: &str) -> &str {
    white.rsplit('\n').next().unwrap_or_default()
}
