//! A program of nothing but names, for the tests of rooms that only read what a program is called and what it says.
//!
//! Knows nothing of steps: no machine could run it.

use crate::id::{InstanceId, TextId};

use super::{Body, Limits, Op, Program};

/// Main and one instance for each name, each with the point `commit`. [`text`] finds the texts that are added.
pub(crate) fn program(names: &[&str]) -> Program {
    let tasks: Vec<_> = std::iter::once("main").chain(names.iter().copied()).map(str::to_owned).collect();
    let mut program = Program::of_names(&tasks, &["PaymentError".to_owned()], Vec::new(), Limits::default());
    program.strategy = Some("gather".to_owned());
    program.bodies = vec![Body { points: vec!["commit".to_owned()], ops: vec![Op::Point(0)], ..Body::default() }];
    program.instances.iter_mut().for_each(|instance| instance.body = 0);
    program
}

/// Adds a text to a program.
pub(crate) fn text(program: &mut Program, text: &str) -> TextId {
    program.texts.push(text)
}

/// The instance called `name`.
pub(crate) fn instance(program: &Program, name: &str) -> InstanceId {
    let at = (0..program.instances.len()).position(|at| program.name(InstanceId(at as u32)) == name);
    InstanceId(at.expect("a name of the program") as u32)
}
