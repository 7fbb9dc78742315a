//! What tasks are called: by their future's type, unless somebody gives them a name.
//!
//! Runs on several threads share one list, so that a name has one number in all of them.
//!
//! Knows nothing of runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::id::InstanceId;
use crate::program::{Cuts, ErrorType, ErrorTypes, Limits, Program};

/// The names of tasks, and the places of panics, that were met so far.
#[derive(Debug)]
pub struct Registry {
    known: Mutex<Known>,
    /// Whether tokio draws numbers in these runs, so that it has to be steered.
    draws: AtomicBool,
}

#[derive(Debug)]
struct Known {
    tasks: Vec<String>,
    panics: Vec<String>,
}

impl Default for Registry {
    /// Main alone.
    fn default() -> Registry {
        let known = Known { tasks: vec!["main".to_owned()], panics: Vec::new() };
        Registry { known: Mutex::new(known), draws: AtomicBool::new(false) }
    }
}

impl Registry {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Whether tokio was seen to draw numbers.
    pub(super) fn draws(&self) -> bool {
        self.draws.load(Ordering::Relaxed)
    }

    /// It was.
    pub(super) fn set_draws(&self) {
        self.draws.store(true, Ordering::Relaxed);
    }

    /// The number of a task's name.
    pub(super) fn task(&self, name: &str) -> InstanceId {
        let tasks = &mut self.known().tasks;
        InstanceId(number(tasks, name) as u32)
    }

    /// The number of a place that panics.
    pub(crate) fn panic(&self, place: &str) -> ErrorType {
        let panics = &mut self.known().panics;
        let builtin = ErrorTypes::new([]).names().count();
        ErrorType((builtin + number(panics, place)) as u16)
    }

    /// Whether a program has all of these names.
    pub fn is_known(&self, program: &Program) -> bool {
        let known = self.known();
        known.tasks.len() == program.instances.len() && known.panics.len() == program.error_types.declared().len()
    }

    /// A program of these names.
    pub fn program(&self, cuts: Vec<Cuts>, limits: Limits) -> Program {
        let known = self.known();
        Program::of_names(&known.tasks, &known.panics, cuts, limits)
    }
}

fn number(known: &mut Vec<String>, name: &str) -> usize {
    known.iter().position(|other| other == name).unwrap_or_else(|| {
        known.push(name.to_owned());
        known.len() - 1
    })
}

/// `upload` for the future of `store::upload`, `upload block` for an `async` block in there.
pub(super) fn of_type<F: ?Sized>() -> String {
    short(std::any::type_name::<F>())
}

/// The last part of a path without what stands in angle brackets; the marks of closures become words.
pub(super) fn short(path: &str) -> String {
    let (mut plain, mut depth) = (String::new(), 0_usize);
    for c in path.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty()).collect();
    let closures =
        parts.iter().rev().take_while(|part| part.starts_with("{{closure}}") || part.starts_with("{closure")).count();
    let name = parts.iter().rev().nth(closures).copied().unwrap_or("task");
    if closures < 2 { name.to_owned() } else { format!("{name} block") }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_task_is_called_by_the_last_part_of_its_type() {
        assert_eq!(short("store::upload::{{closure}}"), "upload");
        assert_eq!(short("store::upload<alloc::vec::Vec<u8>>::{{closure}}"), "upload");
        assert_eq!(short("store::tests::a_cut::{{closure}}::{{closure}}"), "a_cut block");
        assert_eq!(short("tokio::time::sleep::Sleep"), "Sleep");
        assert_eq!(short("futures_util::future::Map<a::B, c::D>"), "Map");
        assert_eq!(short(""), "task");
    }
}
