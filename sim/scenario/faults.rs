//! `[[fail]]` and `[[cancel]]`: what strikes tasks at their points, or from outside at a time.
//!
//! Knows nothing of steps.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diagnostic::Diagnostic;
use crate::id::{InstanceId, TextId};
use crate::program::{Action, Error, ErrorType, ErrorTypes, Failure, OutsideCancel, Profile, Strike, Texts};
use crate::time::{Nanos, Time};

use super::cast::Cast;
use super::reader::{Name, Reader, Span, Table, Value, unknown};
use super::resolve::{Resolved, class_as_message, is_of_asyncio, lacking_class, no_group};
use super::template::Template;

/// How many strikes a file may come to, every instance counted.
const STRIKES_MAX: usize = 1_000_000;

/// One entry of `[[fail]]` or `[[cancel]]`.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) span: Span,
    pub(super) task: Name,
    /// The points; all of them, if none is named.
    pub(super) at: Vec<Name>,
    pub(super) time: Option<Nanos>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Fail { ty: Option<Name>, message: Template, print: Option<Template>, asked: Option<Asked> },
    Cancel { by: Option<Name>, message: Option<Template> },
}

/// A failure that fires only if the choices want it to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// How often, in a million; if it is not given, so that about one of the places is struck.
    pub(super) per_million: Option<u32>,
    pub(super) up_to: u32,
}

/// Reads an entry of `[[fail]]`.
pub(super) fn read_fail(reader: &mut Reader, value: &Value) -> Option<Fault> {
    let table = reader.table(value)?;
    reader.only_keys(&table, &["task", "at", "time", "print", "raise", "type"]);
    let failure = read_failure(reader, &table, None);
    let (task, at, time) = read_place(reader, &table)?;
    Some(Fault { span: table.span, task, at, time, kind: failure? })
}

/// What fires.
pub(super) fn read_failure(reader: &mut Reader, table: &Table, asked: Option<Asked>) -> Option<Kind> {
    let message =
        reader.required(table, "raise", "it says what the failure is called: raise = \"Something bad happened\"");
    let message = message.and_then(|value| reader.template(value));
    let ty = match table.get("type") {
        Some(value) => reader.any_name(value).map(Some),
        None => Some(None),
    };
    let print = match table.get("print") {
        Some(value) => reader.template(value).map(Some),
        None => Some(None),
    };
    Some(Kind::Fail { ty: ty?, message: message?, print: print?, asked })
}

/// Reads an entry of `[[cancel]]`.
pub(super) fn read_cancel(reader: &mut Reader, value: &Value) -> Option<Fault> {
    let table = reader.table(value)?;
    reader.only_keys(&table, &["task", "at", "by", "time", "message"]);
    let by = table.get("by").map(|value| reader.any_name(value));
    if table.get("by").is_some() && table.get("at").is_none() {
        let message = "expected `at` beside `by`, but found none";
        let help = "`by` says whose point it is, `at` which one";
        reader.errors.push(Diagnostic::at(table.key_span("by"), message, "at which of its points?").help(help));
    }
    let message = match table.get("message") {
        Some(value) => reader.template(value).map(Some),
        None => Some(None),
    };
    let (task, at, time) = read_place(reader, &table)?;
    let by = match by {
        Some(by) => Some(by?),
        None => None,
    };
    Some(Fault { span: table.span, task, at, time, kind: Kind::Cancel { by, message: message? } })
}

/// Which task, at which point, not before which time.
fn read_place(reader: &mut Reader, table: &Table) -> Option<(Name, Vec<Name>, Option<Nanos>)> {
    let task = reader.required(table, "task", "it says whom it strikes");
    let task = task.and_then(|value| reader.any_name(value));
    if table.get("at").is_none() && table.get("time").is_none() {
        let message = "expected `at` or `time`, but found neither";
        let help = "`at` names a point of the task, `time` is when: time = \"1s\"";
        reader.errors.push(Diagnostic::at(table.span.clone(), message, "when?").help(help));
        return None;
    }
    let at = table.get("at").map(|value| reader.any_name(value));
    let time = table.get("time").map(|value| reader.duration(value));
    Some((
        task?,
        at.map_or(Some(Vec::new()), |at| at.map(|at| vec![at]))?,
        time.map_or(Some(None), |time| time.map(Some))?,
    ))
}

/// The faults of a program, as its tables want them.
#[derive(Default)]
pub(super) struct Strikes {
    /// By instance and point, then in the order of the file.
    at_points: BTreeMap<(InstanceId, u16), Vec<Action>>,
    count: usize,
    pub(super) outside: Vec<OutsideCancel>,
    pub(super) failures: Vec<Failure>,
    /// Where one raises what no other runtime knows.
    pub(super) asyncio_only: Option<Span>,
}

/// Resolves the faults of a file against its tasks.
pub(super) struct Resolver<'a, 't> {
    cast: &'a Cast<'a>,
    bodies: &'a [Resolved<'a>],
    error_types: &'a ErrorTypes,
    profile: Profile,
    texts: &'t mut Texts,
    errors: &'t mut Vec<Diagnostic>,
    pub(super) strikes: Strikes,
}

impl<'a, 't> Resolver<'a, 't> {
    pub(super) fn new(
        cast: &'a Cast<'a>,
        bodies: &'a [Resolved<'a>],
        error_types: &'a ErrorTypes,
        profile: Profile,
        texts: &'t mut Texts,
        errors: &'t mut Vec<Diagnostic>,
    ) -> Resolver<'a, 't> {
        Resolver { cast, bodies, error_types, profile, texts, errors, strikes: Strikes::default() }
    }

    /// Adds what one fault comes to. Returns nothing if it is wrong.
    pub(super) fn fault(&mut self, fault: &Fault) -> Option<()> {
        let targets = self.targets(&fault.task)?;
        let from = Time::ZERO + fault.time.unwrap_or_default();
        match &fault.kind {
            Kind::Fail { ty, message, print, asked } => {
                let class = self.class(ty.as_ref(), message)?;
                if let Some(ty) = ty.as_ref().filter(|_| class.leaves_loop() || is_of_asyncio(class)) {
                    self.strikes.asyncio_only.get_or_insert_with(|| ty.span());
                }
                let points = self.all_points(&targets, fault)?;
                let asked = asked.map(|asked| self.asked(asked, targets.len() * points.len()));
                for target in targets {
                    let print = self.text(target, print.as_ref())?;
                    let error = Error { ty: class, message: self.text(target, Some(message))? };
                    for &point in &points {
                        self.strike(fault, target, point, Action { from, print, strike: Strike::Raise(error), asked })?;
                    }
                }
            }
            Kind::Cancel { by, message } => {
                let [at] = &fault.at[..] else {
                    return self.cancel_from_outside(fault, targets, message.as_ref());
                };
                let by_name = by.as_ref().unwrap_or(&fault.task);
                let strikers = self.targets(by_name)?;
                let points = self.points(&strikers, by_name, Some(at))?;
                for striker in strikers {
                    let victims = if by.is_some() { targets.clone() } else { striker..striker + 1 };
                    for victim in victims {
                        let message = self.text(victim, message.as_ref())?;
                        let strike = Strike::Cancel(InstanceId(victim), message);
                        self.strike(fault, striker, points.start, Action { from, print: None, strike, asked: None })?;
                    }
                }
            }
        }
        Some(())
    }

    fn cancel_from_outside(&mut self, fault: &Fault, targets: Range<u32>, message: Option<&Template>) -> Option<()> {
        for victim in targets {
            let message = self.text(victim, message)?;
            let at = fault.time.unwrap_or_default();
            self.strikes.outside.push(OutsideCancel { at, victim: InstanceId(victim), message });
        }
        Some(())
    }

    /// The class of a failure.
    fn class(&mut self, ty: Option<&Name>, message: &Template) -> Option<ErrorType> {
        let error = match ty {
            Some(ty) => match self.error_types.find(ty.get_ref()) {
                Some(class) => match no_group(class, ty).or_else(|| lacking_class(self.profile, class, ty)) {
                    None => return Some(class),
                    Some(error) => error,
                },
                None => unknown(ty.span(), "exception", ty.get_ref(), self.error_types.names()),
            },
            None => match class_as_message(message, self.error_types) {
                None => return Some(ErrorType::EXCEPTION),
                Some((class, error)) => error.help(format!("write raise = \"…\" and type = \"{class}\"")),
            },
        };
        self.errors.push(error);
        None
    }

    /// The instances that a name stands for: one, or all of a `[[task]]`.
    fn targets(&mut self, name: &Name) -> Option<Range<u32>> {
        let found = self.cast.find(name.get_ref());
        if found.is_none() {
            self.errors.push(unknown(name.span(), "task", name.get_ref(), self.cast.known()));
        }
        found
    }

    /// A failure that may fire at so many places.
    fn asked(&mut self, asked: Asked, places: usize) -> u16 {
        let fair = 1_000_000 / u32::try_from(places).unwrap_or(u32::MAX).clamp(2, 1_000_000);
        let per_million = asked.per_million.unwrap_or(fair);
        self.strikes.failures.push(Failure { per_million, up_to: asked.up_to });
        self.strikes.failures.len() as u16 - 1
    }

    /// The points that a failure names, or all of them.
    fn all_points(&mut self, targets: &Range<u32>, fault: &Fault) -> Option<Vec<u16>> {
        if fault.at.is_empty() {
            return self.points(targets, &fault.task, None).map(Range::collect);
        }
        let found: Vec<_> = fault.at.iter().map(|at| self.points(targets, &fault.task, Some(at))).collect();
        found.into_iter().map(|points| points.map(|points| points.start)).collect()
    }

    /// The point called `at` of these instances, or all of their points.
    fn points(&mut self, targets: &Range<u32>, task: &Name, at: Option<&Name>) -> Option<Range<u16>> {
        let points = &self.bodies[self.cast.body_of(InstanceId(targets.start))].points;
        if points.is_empty() {
            let message = format!("expected a task with a point, but found none in `{}`", task.get_ref());
            let point = at.map_or("working", |at| at.get_ref());
            let help = format!("`{}` has no point; add {{ point = \"{point}\" }} to its steps", task.get_ref());
            self.errors.push(Diagnostic::at(at.unwrap_or(task).span(), message, "nowhere to strike").help(help));
            return None;
        }
        let Some(at) = at else {
            return Some(0..points.len() as u16);
        };
        match points.iter().position(|point| point == at.get_ref()) {
            Some(point) => Some(point as u16..point as u16 + 1),
            None => {
                let known = points.iter().map(String::as_str);
                let mut error = unknown(at.span(), "point", at.get_ref(), known);
                error.message += &format!(" in `{}`", task.get_ref());
                self.errors.push(error);
                None
            }
        }
    }

    fn text(&mut self, instance: u32, template: Option<&Template>) -> Option<Option<TextId>> {
        let Some(template) = template else { return Some(None) };
        match self.cast.fold(InstanceId(instance), template) {
            Ok(text) => Some(Some(self.texts.intern(&text))),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    fn strike(&mut self, fault: &Fault, at: u32, point: u16, action: Action) -> Option<()> {
        self.strikes.count += 1;
        if self.strikes.count > STRIKES_MAX {
            let message = format!("expected at most {STRIKES_MAX} strikes in all, but found more");
            self.errors.push(Diagnostic::at(fault.span.clone(), message, "strikes too many tasks"));
            return None;
        }
        self.strikes.at_points.entry((InstanceId(at), point)).or_default().push(action);
        Some(())
    }
}

impl Strikes {
    /// Writes the actions of one instance's points behind `actions`, and where each point's begin and end.
    pub(super) fn write(
        &self,
        instance: InstanceId,
        points: usize,
        actions: &mut Vec<Action>,
        ranges: &mut Vec<(u32, u32)>,
    ) {
        for point in 0..points {
            let from = actions.len() as u32;
            if let Some(here) = self.at_points.get(&(instance, point as u16)) {
                actions.extend(here);
            }
            ranges.push((from, actions.len() as u32));
        }
    }
}
