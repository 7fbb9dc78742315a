//! What the names in the steps of one body mean: from steps to a tree of operations.
//!
//! A name is, in this order: a local that a step of the body binds; a constant of the instance; a shared variable;
//! `coros` in main; `current`; a task. Everything that can be wrong with a body by itself is found here.
//!
//! Knows nothing of jumps, nor of the values of constants.

mod operands;
mod steps;

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::id::InstanceId;
use crate::program::{
    self, Attribute, Deferred, ErrorType, ErrorTypes, Expr, Local, Object, Op, Operation, Profile, Texts,
};

use super::cast::Cast;
use super::flatten::Node;
use super::reader::{Name, Quoted, Span};
use super::steps::{Step, Verb};
use super::template::Template;

/// The attributes that do not depend on the file.
pub(super) const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("done", Attribute::Done),
    ("cancelled", Attribute::Cancelled),
    ("result", Attribute::Result),
    ("exception", Attribute::Exception),
    ("cancelling", Attribute::Cancelling),
    ("expired", Attribute::Expired),
    ("exceptions", Attribute::Exceptions),
    ("name", Attribute::Name),
    ("host", Attribute::Host),
    ("status", Attribute::Status),
    ("type", Attribute::Type),
];

/// What every body of a program sees. A strategy sees no tasks and no shared variables of the file: it has to mean
/// the same in every file.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) instances: &'a BTreeMap<String, InstanceId>,
    /// Who they are, where they are seen.
    pub(super) cast: Option<&'a Cast<'a>>,
    pub(super) shared: &'a [(String, i64)],
    pub(super) objects: &'a [Object],
    pub(super) profile: Profile,
    pub(super) keys: &'a [String],
    pub(super) error_types: &'a ErrorTypes,
    /// How long `coros` is, where there is one: in main.
    pub(super) coros: Option<usize>,
}

/// The tables of the program that grow with every body.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) texts: Texts,
    pub(super) exprs: Vec<Expr>,
    pub(super) templates: Vec<Vec<program::Piece>>,
    pub(super) deferred: Vec<Deferred>,
}

/// What goes into a slot that an operation reads, once for each instance.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fill<'a> {
    Text(&'a Template),
    Url(&'a Template),
    Least(&'a Template),
    Most(&'a Template),
    /// The object of this name, which has to know this operation.
    Object(&'a Template, Operation),
}

/// A body whose names are resolved.
#[derive(Default)]
pub(super) struct Resolved<'a> {
    pub(super) nodes: Vec<Node>,
    pub(super) locals: Vec<String>,
    pub(super) points: Vec<String>,
    /// What follows the constants in the slots.
    pub(super) fills: Vec<Fill<'a>>,
    /// The coroutines that the body awaits by name whatever happens, and where.
    pub(super) awaited: Vec<(InstanceId, Span)>,
    /// The coroutines of which it makes tasks by name.
    pub(super) started: Vec<InstanceId>,
    /// The first place at which it does what only asyncio has.
    pub(super) asyncio_only: Option<Span>,
    /// Whether it uses `coros`.
    pub(super) uses_coros: bool,
}

/// Resolves the steps of a body whose instances have `constants`, in the order of their slots.
pub(super) fn resolve<'a>(
    steps: &'a [Step],
    constants: &'a [String],
    around: Surroundings<'a>,
    tables: &mut Tables,
    errors: &mut Vec<Diagnostic>,
) -> Resolved<'a> {
    let mut resolver = Resolver {
        around,
        constants,
        tables,
        errors,
        out: Resolved::default(),
        bound: Vec::new(),
        handles: BTreeMap::new(),
        points: BTreeMap::new(),
        path: Vec::new(),
        loops: 0,
        clauses: 0,
        star: None,
        unsure: 0,
        calling: false,
    };
    resolver.find_locals(steps);
    let mut nodes = resolver.steps(steps);
    if let Some(coros) = resolver.local(COROS).filter(|_| resolver.out.uses_coros) {
        nodes.insert(0, Node::Op(Op::Coroutines(coros)));
    }
    resolver.out.nodes = nodes;
    resolver.out
}

const COROS: &str = "coros";

/// The class that somebody wrote where the message of an error stands, and what to say about it.
pub(super) fn class_as_message<'m>(message: &'m Template, types: &ErrorTypes) -> Option<(&'m str, Diagnostic)> {
    let Quoted { text, span, .. } = &message.source;
    types.find(text)?;
    let error = Diagnostic::at(span.clone(), "expected a message, but found the name of a class", "a class");
    Some((text, error))
}

/// What is wrong with something that a profile does not have.
pub(super) fn lacking(profile: Profile, span: &Span, what: &str, has: fn(&Profile) -> bool) -> Option<Diagnostic> {
    let message = format!("Python {} has no {what}", profile.name);
    let first = Profile::ALL.iter().find(|profile| has(profile))?.name;
    let help = format!("there is one from Python {first} on: `python = \"{first}\"`");
    let error = || Diagnostic::at(span.clone(), message, format!("not in {}", profile.name)).help(help);
    (!has(&profile)).then(error)
}

/// What is wrong with naming this class, if the profile does not have it. Groups, and asyncio's own error of a barrier,
/// are as old as `asyncio.timeout`.
pub(super) fn lacking_class(profile: Profile, ty: ErrorType, name: &Name) -> Option<Diagnostic> {
    lacking(profile, &name.span(), name.get_ref(), |profile| profile.has_timeouts).filter(|_| is_of_asyncio(ty))
}

/// Whether asyncio alone can raise this class.
pub(super) fn is_of_asyncio(ty: ErrorType) -> bool {
    ty.is_group() || ty == ErrorType::BROKEN_BARRIER_ERROR
}

/// What is wrong with raising an error of this class by a message, if it is a group.
pub(super) fn no_group(ty: ErrorType, name: &Name) -> Option<Diagnostic> {
    let message = format!("expected a class that is made of a message, but found {}", name.get_ref());
    let error =
        || Diagnostic::at(name.span(), message, "a group").help("a task group raises one, if a task of its fails");
    ty.is_group().then(error)
}

/// How many names of one kind fit the operations' numbers.
const NAMES_MAX: usize = 60_000;

struct Resolver<'a, 't> {
    around: Surroundings<'a>,
    constants: &'a [String],
    tables: &'t mut Tables,
    errors: &'t mut Vec<Diagnostic>,
    out: Resolved<'a>,
    /// For each local, whether a step may have bound it by now.
    bound: Vec<bool>,
    /// Where each name got a task, and on which branch.
    handles: BTreeMap<&'a str, Vec<(Path, Span)>>,
    points: BTreeMap<&'a str, Span>,
    path: Path,
    loops: u32,
    clauses: u32,
    /// How many loops there were around the `except*` clause that is being read: nothing leaves one by a jump.
    star: Option<u32>,
    /// How many blocks around this step may be left out.
    unsure: u32,
    /// Whether a task's name is a call of its coroutine, as in `spawn`.
    calling: bool,
}

/// The branches that lead to a step: where the branching step stands, and which branch.
type Path = Vec<(usize, usize)>;

impl<'a> Resolver<'a, '_> {
    fn error<T>(&mut self, error: Diagnostic) -> Option<T> {
        self.errors.push(error);
        None
    }

    fn find_locals(&mut self, steps: &'a [Step]) {
        for step in steps {
            let sets = matches!(step.verb, Verb::Set { .. });
            for name in step.names() {
                if self.is_shared(name.get_ref()) {
                    if !sets {
                        let message =
                            format!("expected a name of this body, but found the shared `{}`", name.get_ref());
                        let help = "bind another name, and keep it with { set = …, to = … }";
                        self.errors.push(Diagnostic::at(name.span(), message, "a shared variable").help(help));
                    }
                } else if self.local(name.get_ref()).is_none() {
                    self.add_local(name.get_ref(), &name.span());
                }
            }
            for block in step.blocks() {
                self.find_locals(block);
            }
        }
    }

    fn add_local(&mut self, name: &str, span: &Span) {
        if self.out.locals.len() == NAMES_MAX {
            self.errors.push(Diagnostic::at(
                span.clone(),
                format!("expected at most {NAMES_MAX} names in one body, but found more"),
                "one too many",
            ));
        } else if self.out.locals.len() < NAMES_MAX {
            self.out.locals.push(name.to_owned());
            self.bound.push(false);
        }
    }

    fn local(&self, name: &str) -> Option<Local> {
        self.out.locals.iter().position(|local| local == name).map(|at| Local(at as u16))
    }

    fn is_shared(&self, name: &str) -> bool {
        self.around.shared.iter().any(|(shared, _)| shared == name)
    }

    fn bind(&mut self, name: &Name) -> Option<Local> {
        let local = self.local(name.get_ref())?;
        self.bound[usize::from(local.0)] = true;
        Some(local)
    }

    fn bind_optional(&mut self, name: &Option<Name>) -> Option<Local> {
        self.bind(name.as_ref()?)
    }

    /// Binds a name to a new task; a second task under the same name would lose the first.
    fn bind_handle(&mut self, name: &'a Option<Name>) -> Option<Local> {
        let name = name.as_ref()?;
        let earlier = self.handles.entry(name.get_ref()).or_default();
        let excludes = |other: &Path| self.path.iter().any(|a| other.iter().any(|b| a.0 == b.0 && a.1 != b.1));
        if let Some((_, span)) = earlier.iter().find(|(path, _)| !excludes(path)) {
            let message = format!("expected a new name for a new task, but found `{}` again", name.get_ref());
            self.errors.push(
                Diagnostic::at(name.span(), message, "would lose the first task")
                    .other(span.clone(), "the first")
                    .help("give the second another name"),
            );
        }
        earlier.push((self.path.clone(), name.span()));
        self.bind(name)
    }
}
