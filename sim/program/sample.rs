//! A program of nothing but names, for the tests of rooms that only read what a program is called and what it says.
//!
//! Knows nothing of steps: no machine could run it.

use crate::id::{InstanceId, TextId};

use super::{Body, ErrorTypes, Instance, Limits, Op, Profile, Program, Schedule, Texts};

/// Main and one instance for each name, each with the point `commit`. [`text`] finds the texts that are added.
pub(crate) fn program(names: &[&str]) -> Program {
    let mut texts = Texts::default();
    let instances = std::iter::once("main")
        .chain(names.iter().copied())
        .map(|name| Instance { name: texts.push(name), body: 0, consts: 0, points: 0 })
        .collect();
    Program {
        strategy: Some("gather".to_owned()),
        profile: Profile::NEWEST,
        bodies: vec![Body { points: vec!["commit".to_owned()], ops: vec![Op::Point(0)], ..Body::default() }],
        instances,
        texts,
        consts: Vec::new(),
        exprs: Vec::new(),
        templates: Vec::new(),
        deferred: Vec::new(),
        error_types: ErrorTypes::new(["PaymentError".to_owned()]),
        keys: Vec::new(),
        shared: Vec::new(),
        objects: Vec::new(),
        is_asyncio_only: false,
        is_tokio_only: false,
        actions: Vec::new(),
        action_ranges: Vec::new(),
        outside_cancels: Vec::new(),
        failures: Vec::new(),
        cuts: Vec::new(),
        network: None,
        schedule: Schedule::default(),
        limits: Limits::default(),
        parameters: Vec::new(),
    }
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
