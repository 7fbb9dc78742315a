//! Exception groups: making one, and what `except*` takes out of one and leaves of it.
//!
//! A group is an error like any other; what it is made of stands in the memory under its text, which is its own.
//!
//! Knows nothing of task groups, which make most of them.

use std::fmt::Write as _;

use super::{Error, ErrorType, ErrorTypes, Memory, Value};
use crate::id::{ListId, TextId};

/// What an exception group is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    /// Its text, which no other group has.
    text: TextId,
    message: &'static str,
    /// Its errors, a list of its own.
    parts: ListId,
    /// The group that it was taken out of, or itself.
    origin: TextId,
}

/// Groups in groups beyond this many levels are not looked into, as Python's recursion limit has it.
const DEEPEST: u32 = 200;

impl Memory {
    /// An exception group of these errors, whose list is its own from here on.
    pub fn new_error_group(&mut self, types: &ErrorTypes, message: &'static str, parts: ListId) -> Error {
        self.derive(types, message, parts, None)
    }

    fn derive(&mut self, types: &ErrorTypes, message: &'static str, parts: ListId, origin: Option<TextId>) -> Error {
        let list = self.list(parts);
        let of_exceptions =
            list.iter().all(|part| matches!(part, Value::Error(error) if types.is_a(error.ty, ErrorType::EXCEPTION)));
        let (count, plural) = (list.len(), if list.len() == 1 { "" } else { "s" });
        self.charge_items(count);
        let mut shown = std::mem::take(&mut self.scratch.text);
        shown.clear();
        _ = write!(shown, "{message} ({count} sub-exception{plural})");
        let text = self.texts.push(&shown);
        self.scratch.text = shown;
        self.error_groups.push(Group { text, message, parts, origin: origin.unwrap_or(text) });
        let ty = if of_exceptions { ErrorType::EXCEPTION_GROUP } else { ErrorType::BASE_EXCEPTION_GROUP };
        Error { ty, message: Some(text) }
    }

    /// What an exception group says and is made of; nothing for any other error.
    pub fn group_parts(&self, error: Error) -> Option<(&'static str, ListId)> {
        self.group(error).map(|group| (group.message, group.parts))
    }

    /// What an exception group is made of; nothing for any other error.
    pub fn error_parts(&self, error: Error) -> Option<ListId> {
        self.group(error).map(|group| group.parts)
    }

    fn group(&self, error: Error) -> Option<Group> {
        let text = error.message?;
        let at = self.error_groups.binary_search_by_key(&text, |group| group.text).ok()?;
        Some(self.error_groups[at])
    }

    /// What `except* ty` catches of an error, as a group, and what it leaves.
    pub fn split_error(&mut self, types: &ErrorTypes, error: Error, ty: ErrorType) -> (Option<Error>, Option<Error>) {
        if self.group(error).is_some() {
            return self.split(types, error, &|part| types.is_a(part.ty, ty), 0);
        }
        if !types.is_a(error.ty, ty) {
            return (None, Some(error));
        }
        let parts = self.new_list();
        self.list_mut(parts).push(Value::Error(error));
        (Some(self.new_error_group(types, "", parts)), None)
    }

    /// Takes an error apart into what fits and what does not.
    fn split(
        &mut self,
        types: &ErrorTypes,
        error: Error,
        fits: &dyn Fn(Error) -> bool,
        level: u32,
    ) -> (Option<Error>, Option<Error>) {
        if fits(error) {
            return (Some(error), None);
        }
        let Some(group) = self.group(error).filter(|_| level < DEEPEST) else { return (None, Some(error)) };
        let lists = [self.new_list(), self.new_list()];
        for at in 0..self.list(group.parts).len() {
            let Value::Error(part) = self.list(group.parts)[at] else { unreachable!("a group is made of errors") };
            let (matched, rest) = self.split(types, part, fits, level + 1);
            for (list, part) in lists.into_iter().zip([matched, rest]) {
                if let Some(part) = part {
                    self.list_mut(list).push(Value::Error(part));
                }
            }
        }
        let [matched, rest] = lists.map(|list| {
            if self.list(list).is_empty() {
                self.recycle(list);
                return None;
            }
            Some(self.derive(types, group.message, list, Some(group.origin)))
        });
        (matched, rest)
    }

    /// What comes out of a `try` with `except*`: what its clauses have raised, and what is left of the error.
    pub fn end_of_star(
        &mut self,
        types: &ErrorTypes,
        error: Error,
        raised: ListId,
        rest: Option<Error>,
    ) -> Option<Error> {
        let Some(original) = self.group(error) else {
            let first = self.list(raised).first().copied();
            return rest.or(first.and_then(|first| if let Value::Error(error) = first { Some(error) } else { None }));
        };
        // What was raised as it had been caught counts as not caught.
        let is_original = |memory: &Memory, value: Value| match value {
            Value::Error(other) => memory.group(other).is_some_and(|group| group.origin == original.origin),
            _ => false,
        };
        let again = self.new_list();
        let new = self.new_list();
        for at in 0..self.list(raised).len() {
            let value = self.list(raised)[at];
            let list = if is_original(self, value) { again } else { new };
            self.list_mut(list).push(value);
        }
        if let Some(rest) = rest {
            self.list_mut(again).push(Value::Error(rest));
        }
        let uncaught = match self.list(again) {
            [] => None,
            &[Value::Error(only)] => Some(only),
            _ => {
                let leaves = self.new_list();
                for at in 0..self.list(again).len() {
                    let Value::Error(part) = self.list(again)[at] else { unreachable!("errors are raised") };
                    self.collect_leaves(part, leaves, 0);
                }
                let leaves = self.list(leaves).to_vec();
                self.split(types, error, &|part| leaves.contains(&Value::Error(part)), 0).0
            }
        };
        if self.list(new).is_empty() {
            return uncaught;
        }
        if let Some(uncaught) = uncaught {
            self.list_mut(new).push(Value::Error(uncaught));
        }
        match self.list(new) {
            &[Value::Error(only)] => Some(only),
            _ => Some(self.new_error_group(types, "", new)),
        }
    }

    fn collect_leaves(&mut self, error: Error, leaves: ListId, level: u32) {
        match self.group(error).filter(|_| level < DEEPEST) {
            None => self.list_mut(leaves).push(Value::Error(error)),
            Some(group) => {
                for at in 0..self.list(group.parts).len() {
                    let Value::Error(part) = self.list(group.parts)[at] else {
                        unreachable!("a group is made of errors")
                    };
                    self.collect_leaves(part, leaves, level + 1);
                }
            }
        }
    }
}
