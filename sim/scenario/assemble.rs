//! From a scenario to the program of one strategy: bodies, instances, what fills their slots, and what strikes them.
//!
//! Knows nothing of TOML, nor of how a body's names are resolved or its blocks flattened.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::experiment::Runtime;
use crate::id::{InstanceId, TextId};
use crate::program::{Body, Instance, Make, Object, Operation, Profile, Program, Slot, Value};
use crate::time::duration;

use super::Scenario;
use super::cast::{Cast, Main};
use super::constants::Constants;
use super::faults;
use super::file::Task;
use super::flatten::{TooLarge, flatten};
use super::hosts::check_url;
use super::reader::{Span, listed, no_length, unknown};
use super::resolve::{Fill, Resolved, Surroundings, Tables, lacking, resolve};
use super::strategy_text::StrategyText;
use super::template::{Piece, Template};

/// How many constants and points all instances together may have, and how many bytes of text.
const SLOTS_MAX: usize = 50_000_000;
const TEXT_MAX: usize = 256 << 20;

/// How many different keys all `each` of a file together may have.
const KEYS_MAX: usize = 60_000;

/// The program of `scenario` under a strategy, or with its own main.
pub(super) fn assemble(
    scenario: &Scenario,
    strategy: Option<&StrategyText>,
    profile: Profile,
) -> Result<Program, Vec<Diagnostic>> {
    let Some(main) = Main::of(scenario, strategy) else {
        let help = "name a strategy: `run --strategy NAME`";
        return Err(vec![Diagnostic::whole("expected a main of the file's own, but found none").help(help)]);
    };
    let mut errors = Vec::new();
    let cast = Cast::new(&main, &scenario.tasks, &mut errors);
    let keys = keys(&scenario.tasks, &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut tables = Tables::default();
    let bodies = resolve_all(scenario, profile, &main, &cast, &keys, &mut tables, &mut errors);
    let mut strikes =
        faults::Resolver::new(&cast, &bodies, &scenario.error_types, profile, &mut tables.texts, &mut errors);
    for fault in &scenario.faults {
        strikes.fault(fault);
    }
    let strikes = strikes.strikes;
    let cuts = scenario.victims.iter().map(|victims| victims.cuts(&cast, &mut errors)).collect();
    scenario.expectations.check(&cast, &mut errors);
    find_circle(&cast, &bodies, &mut errors);
    check_size(&cast, &bodies, &mut errors);
    for (object, span) in scenario.objects.iter().zip(&scenario.object_spans) {
        if let Make::Barrier(_) = object.make {
            errors.extend(lacking(profile, span, "asyncio.Barrier", |profile| profile.has_timeouts));
        }
    }
    if let Some(span) = &scenario.eager_tasks {
        errors.extend(lacking(profile, span, "asyncio.eager_task_factory", |profile| profile.has_eager_tasks));
    }
    let asyncio_only: Vec<Span> =
        bodies.iter().filter_map(|body| body.asyncio_only.clone()).chain(strikes.asyncio_only.clone()).collect();
    check_runtimes(scenario, &asyncio_only, &mut errors);
    let is_tokio_only = strategy.is_some_and(|strategy| strategy.python.is_none());
    if let Some(span) = main.span.clone().filter(|_| is_tokio_only && scenario.runtimes.contains(&Runtime::Asyncio)) {
        let error =
            Diagnostic::at(span, "expected a strategy that asyncio has, but found one of tokio alone", "only on tokio");
        errors.push(error.help("say that the file is for tokio: runtimes = [\"tokio\"]"));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut program = Program {
        strategy: strategy.map(|strategy| strategy.name.clone()),
        profile,
        bodies: Vec::new(),
        instances: Vec::new(),
        texts: tables.texts,
        consts: Vec::new(),
        exprs: tables.exprs,
        templates: tables.templates,
        deferred: tables.deferred,
        error_types: scenario.error_types.clone(),
        keys: keys.clone(),
        shared: scenario.shared.clone(),
        objects: scenario.objects.clone(),
        eager_tasks: scenario.eager_tasks.is_some(),
        is_asyncio_only: scenario.eager_tasks.is_some() || !scenario.objects.is_empty() || !asyncio_only.is_empty(),
        is_tokio_only,
        actions: Vec::new(),
        action_ranges: Vec::new(),
        outside_cancels: Vec::new(),
        failures: Vec::new(),
        cuts,
        network: scenario.network.clone(),
        schedule: scenario.schedule,
        limits: scenario.limits.run,
        parameters: main.lengths(),
    };
    for (at, body) in bodies.iter().enumerate() {
        if let Err(error) = write_instances(&cast, at, body, &strikes, &mut program) {
            errors.push(if at == 0 { main.blame(error) } else { error });
        }
    }
    program.outside_cancels = strikes.outside;
    program.failures = strikes.failures;
    let numbers = (0..).zip(&keys).map(|(number, key)| (key.as_str(), number)).collect();
    for (at, body) in bodies.into_iter().enumerate() {
        match write_body(&cast, &scenario.tasks, at, body, &numbers, &mut program) {
            Ok(body) => program.bodies.push(body),
            Err(TooLarge) => {
                let message = "expected a body of at most 1000000 operations, but found a bigger one";
                let help = "a `finally` is written out on every way that leaves it; do not nest many of them";
                let span = if at == 0 { main.span.clone() } else { Some(scenario.tasks[at - 1].span.clone()) };
                let error = Diagnostic { span, label: "too large".to_owned(), ..Diagnostic::whole(message) };
                errors.push(error.help(help));
            }
        }
    }
    if errors.is_empty() { Ok(program) } else { Err(errors) }
}

/// The names of what a task may be asked for besides its name: `i`, then the keys of every `each`.
fn keys(tasks: &[Task], errors: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut keys = vec!["i".to_owned()];
    let mut known = BTreeSet::from(["i"]);
    for task in tasks {
        let new = task.each.iter().map(|(key, _)| key).filter(|key| known.insert(key));
        keys.extend(new.cloned());
        if keys.len() > KEYS_MAX {
            let message = format!("expected at most {KEYS_MAX} different keys of `each` in a file, but found more");
            errors.push(Diagnostic::at(task.span.clone(), message, "one too many here"));
            break;
        }
    }
    keys
}

fn resolve_all<'a>(
    scenario: &'a Scenario,
    profile: Profile,
    main: &'a Main<'a>,
    cast: &'a Cast<'a>,
    keys: &'a [String],
    tables: &mut Tables,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Resolved<'a>> {
    static NOBODY: std::collections::BTreeMap<String, InstanceId> = std::collections::BTreeMap::new();
    let around = Surroundings {
        instances: &cast.ids,
        cast: Some(cast),
        shared: &scenario.shared,
        objects: &scenario.objects,
        profile,
        keys,
        error_types: &scenario.error_types,
        coros: None,
    };
    let coros = Some(cast.names.len() - 1);
    let around_main = match main.strategy {
        Some(_) => Surroundings { instances: &NOBODY, cast: None, shared: &[], objects: &[], coros, ..around },
        None => Surroundings { coros, ..around },
    };
    let mut in_main = Vec::new();
    let mut bodies = vec![resolve(main.steps, &cast.constants[0], around_main, tables, &mut in_main)];
    errors.extend(in_main.into_iter().map(|error| main.blame(error)));
    if main.strategy.is_some() {
        // It has a twin, whatever its steps are.
        bodies[0].asyncio_only = None;
    }
    for (task, constants) in scenario.tasks.iter().zip(&cast.constants[1..]) {
        bodies.push(resolve(&task.steps, constants, around, tables, errors));
    }
    bodies
}

/// A coroutine that nobody makes a task of, and that awaits itself by way of others, never gets anywhere.
fn find_circle(cast: &Cast, bodies: &[Resolved], errors: &mut Vec<Diagnostic>) {
    if bodies[0].uses_coros {
        return;
    }
    let mut is_done = vec![false; cast.names.len()];
    for body in bodies {
        for id in &body.started {
            is_done[id.index()] = true;
        }
    }
    let awaited = |id: InstanceId| &bodies[cast.body_of(id)].awaited;
    let starts: Vec<InstanceId> = bodies.iter().flat_map(|body| body.awaited.iter().map(|(id, _)| *id)).collect();
    for start in starts {
        // The way from `start`, each with the number of its next await.
        let mut way = vec![(start, 0)];
        while let Some((id, next)) = way.last_mut() {
            if is_done[id.index()] {
                way.pop();
                continue;
            }
            let Some((to, span)) = awaited(*id).get(*next) else {
                is_done[id.index()] = true;
                way.pop();
                continue;
            };
            *next += 1;
            match way.iter().position(|(id, _)| id == to) {
                Some(from) => return errors.push(circle(cast, &way[from..], span)),
                None => way.push((*to, 0)),
            }
        }
    }
}

fn circle(cast: &Cast, way: &[(InstanceId, usize)], span: &Span) -> Diagnostic {
    let first = way[0].0;
    let names = way.iter().map(|(id, _)| *id).chain([first]).map(|id| format!("`{}`", cast.names[id.index()]));
    let names = names.collect::<Vec<_>>().join(" awaits ");
    Diagnostic::at(span.clone(), format!("expected awaits that end, but found a circle: {names}"), "closes the circle")
        .help("make a task of one of them, with `spawn`, before it is awaited")
}

fn check_size(cast: &Cast, bodies: &[Resolved], errors: &mut Vec<Diagnostic>) {
    let sizes = bodies
        .iter()
        .zip(&cast.constants)
        .zip(&cast.groups)
        .map(|((body, constants), group)| group.len() * (constants.len() + body.fills.len() + body.points.len()));
    let size: usize = sizes.sum();
    if size > SLOTS_MAX {
        let message = format!("expected at most {SLOTS_MAX} texts, lengths and points in all, but found {size}");
        errors.push(
            Diagnostic::whole(message).help("have fewer tasks, or fewer steps in the task of which there are many"),
        );
    }
}

/// What only asyncio has cannot run on anything else.
fn check_runtimes(scenario: &Scenario, asyncio_only: &[Span], errors: &mut Vec<Diagnostic>) {
    let Some(runtime) = scenario.runtimes.iter().find(|runtime| **runtime != Runtime::Asyncio) else { return };
    if let Some(span) = &scenario.eager_tasks {
        let message = format!("expected a file that {} can run, but found tasks that start at once", runtime.name());
        let error = Diagnostic::at(span.clone(), message, "only on asyncio");
        errors.push(error.help("leave `eager_tasks` out"));
    }
    if !scenario.objects.is_empty() && asyncio_only.is_empty() {
        let message =
            format!("expected a file that {} can run, but found objects that only asyncio has", runtime.name());
        errors.push(Diagnostic::whole(message).help("leave them out of [objects]"));
    }
    for span in asyncio_only {
        let message = format!("expected steps that {} has, but found one that only asyncio has", runtime.name());
        let error = Diagnostic::at(span.clone(), message, "only on asyncio");
        let error = error.help(format!("leave \"{}\" out of `runtimes`", runtime.name()));
        errors.push(error);
    }
}

/// Writes the instances of a body with their constants and what strikes them.
fn write_instances(
    cast: &Cast,
    at: usize,
    body: &Resolved,
    strikes: &faults::Strikes,
    program: &mut Program,
) -> Result<(), Diagnostic> {
    // What has no placeholder is the same for all.
    let fixed: Vec<Option<TextId>> = body.fills.iter().map(|fill| fixed_text(fill, program)).collect();
    for id in cast.groups[at].clone().map(InstanceId) {
        let values = cast.values(id);
        let constants = Constants { names: &cast.constants[at], values: &values };
        let consts = program.consts.len() as u32;
        program.consts.extend(values.iter().map(|value| value.value(&mut program.texts)));
        let Value::Text(name) = program.consts[consts as usize] else { unreachable!("the first constant is the name") };
        for (fill, fixed) in body.fills.iter().zip(&fixed) {
            let value = match (fill, fixed) {
                (_, Some(text)) => Value::Text(*text),
                (Fill::Url(template), None) => {
                    let url = constants.fold(template)?;
                    if let Some(error) = check_url(program.network.as_ref(), &url, || template.source.span.clone()) {
                        return Err(named(error, template, cast, id));
                    }
                    Value::Text(program.texts.push(&url))
                }
                (Fill::Text(template), None) => Value::Text(program.texts.push(&constants.fold(template)?)),
                (Fill::Least(template), None) => Value::Int(length(constants, template, cast, id)?.0),
                (Fill::Most(template), None) => Value::Int(length(constants, template, cast, id)?.1),
                (Fill::Object(template, operation), None) => Value::Int(object(
                    constants,
                    template,
                    *operation,
                    &program.objects,
                    cast.names[id.index()].as_str(),
                )?),
            };
            program.consts.push(value);
        }
        if program.texts.bytes().0.len() > TEXT_MAX {
            let message = format!("expected at most {TEXT_MAX} bytes of text in all tasks, but found more");
            return Err(Diagnostic::whole(message));
        }
        let points = program.action_ranges.len() as u32;
        strikes.write(id, body.points.len(), &mut program.actions, &mut program.action_ranges);
        program.instances.push(Instance { name, body: at as u32, consts, points });
    }
    Ok(())
}

/// An error of a text with placeholders says for which task it is one.
fn named(error: Diagnostic, template: &Template, cast: &Cast, id: InstanceId) -> Diagnostic {
    match template.pieces.as_slice() {
        [Piece::Text(_)] => error,
        _ => error.help(format!("this is so for `{}`", cast.names[id.index()])),
    }
}

fn fixed_text(fill: &Fill, program: &mut Program) -> Option<TextId> {
    let Fill::Text(template) = fill else { return None };
    match template.pieces.as_slice() {
        [] => Some(program.texts.push("")),
        [Piece::Text(text)] => Some(program.texts.push(text)),
        _ => None,
    }
}

/// The least and the most of a length, in nanoseconds.
fn length(constants: Constants, template: &Template, cast: &Cast, id: InstanceId) -> Result<(i64, i64), Diagnostic> {
    let text = constants.fold(template)?;
    let source = &template.source;
    match duration::parse_range(&text) {
        Ok((least, most)) => Ok((least.0 as i64, most.0 as i64)),
        Err(problem) if text == source.text => Err(no_length(source, problem)),
        Err(problem) => {
            let help = format!("for `{}` this text is \"{text}\"", cast.names[id.index()]);
            Err(Diagnostic::at(source.span.clone(), problem.message, problem.label).help(help))
        }
    }
}

/// The number of the object that a step names.
fn object(
    constants: Constants,
    template: &Template,
    operation: Operation,
    objects: &[Object],
    instance: &str,
) -> Result<i64, Diagnostic> {
    let name = constants.fold(template)?;
    let source = &template.source;
    let in_instance = |error: Diagnostic| match name == source.text {
        true => error,
        false => error.help(format!("for `{instance}` this text is \"{name}\"")),
    };
    let method = operation.method();
    match objects.iter().position(|object| object.name == name) {
        Some(at) if objects[at].make.operations().contains(&operation) => Ok(at as i64),
        Some(at) => {
            let class = objects[at].make.class();
            let message = format!("expected an object with `{method}`, but found the {class} `{name}`");
            let error = Diagnostic::at(source.span.clone(), message, format!("a {class}"));
            let can = objects[at].make.operations().iter().map(|operation| operation.method());
            Err(in_instance(error.help(format!("it has {}", listed(can)))))
        }
        None => {
            let fitting = objects.iter().filter(|object| object.make.operations().contains(&operation));
            let error = unknown(source.span.clone(), "object", &name, fitting.map(|object| object.name.as_str()));
            let declare = "an object is declared under [objects]: NAME = \"Lock()\"".to_owned();
            Err(in_instance(if objects.is_empty() { Diagnostic { help: vec![declare], ..error } } else { error }))
        }
    }
}

fn write_body(
    cast: &Cast,
    tasks: &[Task],
    at: usize,
    body: Resolved,
    numbers: &BTreeMap<&str, u16>,
    program: &mut Program,
) -> Result<Body, TooLarge> {
    let slots = cast.constants[at].iter().enumerate();
    // The name is no key, and main's parameters are none either.
    let keys =
        slots.filter(|_| at > 0).filter_map(|(slot, key)| Some((*numbers.get(key.as_str())?, Slot(slot as u32))));
    let keys = keys.collect();
    let flat = flatten(&body.nodes, body.locals, &mut program.exprs)?;
    let name = if at == 0 { "main" } else { &tasks[at - 1].name.source.text };
    Ok(Body { name: name.to_owned(), keys, points: body.points, ..flat })
}
