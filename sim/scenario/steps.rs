//! Steps: from the tables of a TOML array to a tree of verbs.
//!
//! Knows nothing of what names mean; that needs the whole file.

use toml::Spanned;
use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::program::{Operation, ReturnWhen};

use super::expression::{self, Expression, Iterable};
use super::reader::{Name, Quoted, Reader, Span, Table, Value, describe, listed, unknown};
use super::template::Template;

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) verb: Verb,
    pub(super) span: Span,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(super) enum Verb {
    Print(Template),
    Sleep(Template),
    Point(Name),
    Raise { ty: Option<Name>, message: Template },
    Reraise,
    Return(Option<Template>),
    Break,
    Continue,
    Spawn { what: Operand, group: Option<Expression>, into: Option<Name> },
    Await { what: Operand, into: Option<Name> },
    Cancel { what: Operand, message: Option<Template>, accepted: Option<Name> },
    CancelAll { message: Option<Template> },
    Gather { what: Operand, return_exceptions: bool, into: Option<Name> },
    Wait(Box<Wait>),
    Get { url: Template, timeout: Option<Template>, into: Option<Name> },
    Set { name: Name, value: Expression },
    Add { amount: Expression, name: Name },
    Append { item: Expression, list: Expression },
    Remove { item: Expression, list: Expression },
    Assert { condition: Expression, message: Option<Template> },
    If { condition: Expression, then: Vec<Step>, otherwise: Vec<Step> },
    While { condition: Expression, body: Vec<Step> },
    For { item: Name, over: Iterable, body: Vec<Step> },
    Try(Box<Try>),
    With { object: Template, body: Vec<Step> },
    TaskGroup { name: Name, body: Vec<Step> },
    Timeout { length: Option<Template>, into: Option<Name>, body: Vec<Step> },
    Reschedule { timeout: Expression, length: Option<Template> },
    WaitFor { what: Operand, timeout: Option<Template>, into: Option<Name> },
    Shield { what: Operand, into: Option<Name> },
    Uncancel { what: Operand, into: Option<Name> },
    Callback(Box<Callback>),
    RemoveCallback { what: Expression, from: Operand, into: Option<Name> },
    AsCompleted { what: Operand, timeout: Option<Template>, item: Name, body: Vec<Step> },
    SetException { object: Template, ty: Option<Name>, message: Template },
    Use { operation: Operation, object: Template, value: Option<Expression>, into: Option<Name> },
}

/// `loop.call_soon(…)`, `loop.call_later(…)`, `future.add_done_callback(…)`
#[derive(Clone, Debug)]
pub(super) struct Callback {
    pub(super) when: When,
    /// What is called: a step that takes no turn and binds nothing.
    pub(super) step: Step,
    /// Where the handle goes.
    pub(super) into: Option<Name>,
}

/// When a callback is called.
#[derive(Clone, Debug)]
pub(super) enum When {
    Soon,
    Later(Template),
    Done(Operand),
}

/// `await asyncio.wait(…)`
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub(super) what: Operand,
    pub(super) timeout: Option<Template>,
    pub(super) return_when: ReturnWhen,
    pub(super) done: Option<Name>,
    pub(super) pending: Option<Name>,
    /// What it waits for if that is the name of an object, and where the result goes.
    pub(super) object: Option<Template>,
    pub(super) into: Option<Name>,
}

/// `try` with all that belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub(super) body: Vec<Step>,
    pub(super) clauses: Vec<Clause>,
    /// Whether the clauses are `except*`.
    pub(super) is_star: bool,
    pub(super) otherwise: Vec<Step>,
    pub(super) finally: Option<Vec<Step>>,
}

/// `except TYPE as NAME`
#[derive(Clone, Debug)]
pub(super) struct Clause {
    pub(super) ty: Name,
    pub(super) name: Option<Name>,
    pub(super) body: Vec<Step>,
}

/// What a step works on: one thing, or a list of things written out.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    One(Subject),
    Each(Vec<Subject>),
}

/// A task's name as it is, or an expression; which of the two only the whole file tells.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) text: Quoted,
    pub(super) expression: Result<Expression, Box<Diagnostic>>,
}

/// Every verb, and the keys that may stand beside it.
const VERBS: &[(&str, &[&str])] = &[
    ("print", &[]),
    ("sleep", &[]),
    ("point", &[]),
    ("raise", &["type"]),
    ("return", &[]),
    ("spawn", &["as", "in"]),
    ("await", &["as"]),
    ("cancel", &["message", "as"]),
    ("cancel_all", &["message"]),
    ("gather", &["as", "return_exceptions"]),
    ("wait", &["timeout", "return_when", "done", "pending", "as"]),
    ("set", &["to"]),
    ("add", &["to"]),
    ("append", &["to"]),
    ("remove", &["from"]),
    ("assert", &["message"]),
    ("if", &["then", "else"]),
    ("while", &["do"]),
    ("for", &["in", "do"]),
    ("as_completed", &["as", "timeout", "do"]),
    ("call_soon", &["as"]),
    ("call_later", &["in", "as"]),
    ("add_done_callback", &["to", "as"]),
    ("remove_done_callback", &["from", "as"]),
    ("try", &["except", "except*", "else", "finally"]),
    ("with", &["do"]),
    ("acquire", &["as"]),
    ("release", &[]),
    ("set_event", &[]),
    ("clear_event", &[]),
    ("notify", &["n"]),
    ("notify_all", &[]),
    ("put", &["into"]),
    ("put_nowait", &["into"]),
    ("get", &["timeout", "as"]),
    ("get_nowait", &["as"]),
    ("task_done", &[]),
    ("join", &[]),
    ("reset", &[]),
    ("abort", &[]),
    ("set_result", &["to"]),
    ("set_exception", &["message", "type"]),
    ("wait_for", &["timeout", "as"]),
    ("shield", &["as"]),
    ("timeout", &["as", "do"]),
    ("reschedule", &["in"]),
    ("uncancel", &["as"]),
    ("task_group", &["do"]),
];

/// The steps that are a word.
const WORDS: &[(&str, Verb)] =
    &[("break", Verb::Break), ("continue", Verb::Continue), ("raise", Verb::Reraise), ("return", Verb::Return(None))];

/// The verbs that use an object, and the key under which they name it.
const USES: &[(&str, &str, Operation)] = &[
    ("acquire", "acquire", Operation::Acquire),
    ("release", "release", Operation::Release),
    ("set_event", "set_event", Operation::Set),
    ("clear_event", "clear_event", Operation::Clear),
    ("notify", "notify", Operation::Notify),
    ("notify_all", "notify_all", Operation::NotifyAll),
    ("put", "into", Operation::Put),
    ("put_nowait", "into", Operation::PutNowait),
    ("get", "get", Operation::Get),
    ("get_nowait", "get_nowait", Operation::GetNowait),
    ("task_done", "task_done", Operation::TaskDone),
    ("join", "join", Operation::Join),
    ("reset", "reset", Operation::Reset),
    ("abort", "abort", Operation::Abort),
    ("set_result", "set_result", Operation::SetResult),
];

const RETURN_WHEN: &[(&str, ReturnWhen)] = &[
    ("ALL_COMPLETED", ReturnWhen::AllCompleted),
    ("FIRST_COMPLETED", ReturnWhen::FirstCompleted),
    ("FIRST_EXCEPTION", ReturnWhen::FirstException),
];

impl Step {
    /// The steps inside this one, block by block.
    pub(super) fn blocks(&self) -> Vec<&[Step]> {
        match &self.verb {
            Verb::If { then, otherwise, .. } => vec![then, otherwise],
            Verb::While { body, .. }
            | Verb::For { body, .. }
            | Verb::AsCompleted { body, .. }
            | Verb::With { body, .. }
            | Verb::Timeout { body, .. }
            | Verb::TaskGroup { body, .. } => {
                vec![body]
            }
            Verb::Try(block) => {
                let clauses = block.clauses.iter().map(|clause| clause.body.as_slice());
                let last = [block.otherwise.as_slice(), block.finally.as_deref().unwrap_or_default()];
                std::iter::once(block.body.as_slice()).chain(clauses).chain(last).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The names that this step itself binds; those of `set` and `add` may be shared variables instead.
    pub(super) fn names(&self) -> Vec<&Name> {
        match &self.verb {
            Verb::Spawn { into, .. }
            | Verb::Await { into, .. }
            | Verb::Get { into, .. }
            | Verb::Gather { into, .. }
            | Verb::WaitFor { into, .. }
            | Verb::Shield { into, .. }
            | Verb::Uncancel { into, .. }
            | Verb::RemoveCallback { into, .. }
            | Verb::Timeout { into, .. }
            | Verb::Use { into, .. } => into.iter().collect(),
            Verb::Cancel { accepted, .. } => accepted.iter().collect(),
            Verb::Wait(wait) => wait.done.iter().chain(&wait.pending).chain(&wait.into).collect(),
            Verb::Set { name, .. } | Verb::TaskGroup { name, .. } => vec![name],
            Verb::For { item, .. } | Verb::AsCompleted { item, .. } => vec![item],
            Verb::Callback(callback) => callback.into.iter().collect(),
            Verb::Try(block) => block.clauses.iter().filter_map(|clause| clause.name.as_ref()).collect(),
            _ => Vec::new(),
        }
    }
}

/// An array of steps.
pub(super) fn read_steps(reader: &mut Reader, value: &Value) -> Option<Vec<Step>> {
    let DeValue::Array(array) = value.get_ref() else {
        let found = describe(value.get_ref());
        let error = Diagnostic::at(value.span(), format!("expected an array of steps, but found {found}"), found);
        let raw = reader.raw(value.span());
        return reader.error(match value.get_ref() {
            // Of dotted keys the first one is all that the place has.
            DeValue::Table(_) if raw.starts_with(['{', '[']) && !raw.contains('\n') => {
                error.help(format!("write [{raw}]"))
            }
            _ => error.help("each step stands in braces, and all of them in brackets: [{ sleep = \"1s\" }]"),
        });
    };
    // Every step is read, so that each can say what is wrong with it.
    let steps: Vec<Option<Step>> = array.iter().map(|step| read_step(reader, step)).collect();
    steps.into_iter().collect()
}

fn read_step(reader: &mut Reader, value: &Value) -> Option<Step> {
    if let DeValue::String(word) = value.get_ref() {
        let verb = WORDS.iter().find(|(known, _)| known == word).map(|(_, verb)| verb.clone());
        return match verb {
            Some(verb) => Some(Step { verb, span: value.span() }),
            None => {
                let error = unknown(value.span(), "step", word, WORDS.iter().map(|(word, _)| *word));
                reader.error(error.help("every other step is a table, such as { print = \"…\" }"))
            }
        };
    }
    let table = reader.table(value)?;
    let (verb, beside) = read_verb_name(reader, &table)?;
    for (key, _) in table.in_order() {
        if *key.get_ref() != verb && !beside.contains(&key.get_ref().as_ref()) {
            // What stands there already is not meant a second time.
            let is_free = |key: &str| table.get(key).is_none();
            let free = beside.iter().copied().filter(|key| is_free(key));
            let error = unknown(key.span(), "key", key.get_ref(), free);
            // The list stands there already, unless one of it is near.
            let help = match beside {
                [] => format!("nothing stands beside `{verb}`"),
                _ => format!("beside `{verb}` may stand {}", listed(beside.iter().copied())),
            };
            // Near in spelling is not near in meaning where a key says what something goes into.
            let is_for = |(one, other): &&(&str, &str)| *one == key.get_ref().as_ref() && beside.contains(other);
            let meant = GOES_INTO
                .iter()
                .find(is_for)
                .filter(|(_, meant)| is_free(meant))
                .map(|(_, meant)| format!("did you mean `{meant}`?"));
            let near = error.help.into_iter().find(|help| help.starts_with("did"));
            let help = meant.or(near).into_iter().chain([help]).collect();
            reader.errors.push(Diagnostic { help, ..error });
        }
    }
    let verb = read_verb(reader, verb, &table)?;
    Some(Step { verb, span: value.span() })
}

/// Keys that say what something goes into, each with another that a verb may have in its place.
const GOES_INTO: &[(&str, &str)] = &[("into", "as"), ("as", "into"), ("into", "to"), ("as", "to"), ("to", "into")];

/// Which of the keys is the verb.
fn read_verb_name(reader: &mut Reader, table: &Table) -> Option<(&'static str, &'static [&'static str])> {
    let is_beside = |key: &str| VERBS.iter().any(|(_, beside)| beside.contains(&key));
    let keys = table.in_order();
    let verb_of = |key: &str| VERBS.iter().find(|(verb, _)| *verb == key);
    // `timeout` is a verb by itself, and a key beside `wait`.
    let is_beside_another = |key: &str| {
        let others = keys.iter().filter(|(other, _)| *other.get_ref() != key);
        others.filter_map(|(other, _)| verb_of(other.get_ref())).any(|(_, beside)| beside.contains(&key))
    };
    let mut verbs = keys.iter().filter_map(|(key, _)| {
        let verb = verb_of(key.get_ref()).filter(|(verb, _)| !is_beside_another(verb))?;
        Some((key.span(), verb))
    });
    let Some((span, &(verb, beside))) = verbs.next() else {
        let names = VERBS.iter().map(|(verb, _)| *verb);
        return match keys.iter().find(|(key, _)| !is_beside(key.get_ref())) {
            Some((key, _)) => reader.error(unknown(key.span(), "step", key.get_ref(), names)),
            None => {
                let message = "expected a step with a verb, but found none";
                let help = "the verb says what the step does, as in { print = \"…\" } or { await = \"…\" }";
                reader.error(Diagnostic::at(table.span.clone(), message, "no verb").help(help))
            }
        };
    };
    if let Some((second, &(other, _))) = verbs.next() {
        let message = format!("expected one verb in a step, but found two: `{verb}` and `{other}`");
        return reader.error(
            Diagnostic::at(second, message, "the second")
                .other(span, "the first")
                .help("write two steps, one behind the other"),
        );
    }
    Some((verb, beside))
}

/// Whether somebody has written Python's `None` for a length of time.
fn is_none(value: &Value) -> bool {
    value.get_ref().as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case("none"))
}

/// The fields of one step, read by key.
struct Fields<'r, 's, 'a> {
    reader: &'r mut Reader<'s>,
    table: &'r Table<'a>,
    verb: &'static str,
}

impl<'a> Fields<'_, '_, 'a> {
    fn required(&mut self, key: &str) -> Option<&'a Value<'a>> {
        let verb = self.verb;
        let example = match (verb, key) {
            (_, "do" | "then") => "[…]",
            ("for", "in") => "\"range(3)\"",
            (_, "in") => "\"1s\"",
            (_, "as") => "\"a_name\"",
            (_, "into") => "\"the queue\"",
            (_, "message") => "\"what it says\"",
            ("append" | "remove", _) => "\"the list\"",
            ("add", _) => "\"what it is added to\"",
            ("add_done_callback" | "remove_done_callback", _) => "\"the task\"",
            _ => "\"the value\"",
        };
        let why = format!("`{verb}` needs it: {key} = {example}");
        self.reader.required(self.table, key, &why)
    }

    /// A length of time that may be missing, for which Python says `None`; `then` is what that means.
    fn optional_length(&mut self, key: &str, then: &str) -> Option<Option<Template>> {
        match self.table.get(key) {
            Some(value) if is_none(value) => {
                let message = "expected a duration such as \"1.5s\", but found None";
                let error = Diagnostic::at(value.span(), message, "no length of time");
                self.reader.error(error.help(format!("leave `{key}` out: then {then}")))
            }
            _ => self.optional(key, |reader, value| reader.length(value)),
        }
    }

    /// A key that may be missing: nothing inside something if it is, nothing at all if it is wrong.
    fn optional<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Reader, &'a Value<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.table.get(key) {
            Some(value) => read(self.reader, value).map(Some),
            None => Some(None),
        }
    }

    fn name(&mut self, key: &str) -> Option<Option<Name>> {
        self.optional(key, |reader, value| reader.name(value))
    }

    fn template(&mut self, key: &str) -> Option<Option<Template>> {
        self.optional(key, |reader, value| reader.template(value))
    }

    fn expression(&mut self, key: &str) -> Option<Expression> {
        let value = self.required(key)?;
        self.reader.expression(value)
    }

    fn steps(&mut self, key: &str) -> Option<Vec<Step>> {
        let value = self.required(key)?;
        read_steps(self.reader, value)
    }

    fn optional_steps(&mut self, key: &str) -> Option<Vec<Step>> {
        self.optional(key, read_steps).map(Option::unwrap_or_default)
    }

    fn operand(&mut self) -> Option<Operand> {
        let value = self.required(self.verb)?;
        match value.get_ref() {
            DeValue::Array(items) if ["spawn", "gather", "wait", "as_completed"].contains(&self.verb) => {
                let subjects: Vec<_> = items.iter().map(|item| read_subject(self.reader, item)).collect();
                subjects.into_iter().collect::<Option<_>>().map(Operand::Each)
            }
            _ => read_subject(self.reader, value).map(Operand::One),
        }
    }
}

fn read_subject(reader: &mut Reader, value: &Value) -> Option<Subject> {
    let text = reader.text(value)?;
    let expression = expression::parse(&text).map_err(Box::new);
    Some(Subject { text, expression })
}

fn read_verb(reader: &mut Reader, verb: &'static str, table: &Table) -> Option<Verb> {
    let value = table.get(verb)?;
    let mut fields = Fields { reader, table, verb };
    Some(match verb {
        "print" => Verb::Print(fields.reader.template(value)?),
        "sleep" => Verb::Sleep(fields.reader.length(value)?),
        "point" => Verb::Point(fields.reader.any_name(value)?),
        "raise" => {
            let message = fields.reader.template(value)?;
            Verb::Raise { ty: fields.optional("type", |reader, value| reader.any_name(value))?, message }
        }
        "return" => Verb::Return(Some(fields.reader.template(value)?)),
        "spawn" => Verb::Spawn {
            what: fields.operand()?,
            group: fields.optional("in", |reader, value| reader.expression(value))?,
            into: fields.name("as")?,
        },
        "await" => Verb::Await { what: fields.operand()?, into: fields.name("as")? },
        "cancel" => {
            Verb::Cancel { what: fields.operand()?, message: fields.template("message")?, accepted: fields.name("as")? }
        }
        "cancel_all" => {
            fields.reader.word(value, "set of tasks", &[("others", ())])?;
            Verb::CancelAll { message: fields.template("message")? }
        }
        "gather" => Verb::Gather {
            what: fields.operand()?,
            return_exceptions: fields
                .optional("return_exceptions", |reader, value| reader.boolean(value))?
                .unwrap_or(false),
            into: fields.name("as")?,
        },
        "wait" => Verb::Wait(Box::new(Wait {
            what: fields.operand()?,
            timeout: fields.optional_length("timeout", "it waits for as long as it takes")?,
            return_when: fields
                .optional("return_when", |reader, value| reader.word(value, "way to wait", RETURN_WHEN))?
                .unwrap_or(ReturnWhen::AllCompleted),
            done: fields.name("done")?,
            pending: fields.name("pending")?,
            object: value.get_ref().is_str().then(|| fields.reader.template(value)).flatten(),
            into: fields.name("as")?,
        })),
        "wait_for" => Verb::WaitFor {
            what: fields.operand()?,
            timeout: fields.optional_length("timeout", "it waits for as long as it takes")?,
            into: fields.name("as")?,
        },
        "shield" => Verb::Shield { what: fields.operand()?, into: fields.name("as")? },
        "uncancel" => Verb::Uncancel { what: fields.operand()?, into: fields.name("as")? },
        "call_soon" | "call_later" | "add_done_callback" => read_callback(&mut fields, value)?,
        "remove_done_callback" => {
            let from = fields.required("from")?;
            let from = Operand::One(read_subject(fields.reader, from)?);
            Verb::RemoveCallback { what: fields.reader.expression(value)?, from, into: fields.name("as")? }
        }
        "reschedule" => Verb::Reschedule {
            timeout: fields.reader.expression(value)?,
            length: fields.optional_length("in", "the timeout has no end")?,
        },
        "set_exception" => {
            let message = fields.required("message")?;
            Verb::SetException {
                object: fields.reader.template(value)?,
                message: fields.reader.template(message)?,
                ty: fields.optional("type", |reader, value| reader.any_name(value))?,
            }
        }
        "get" if asks_a_host(fields.reader, value) => Verb::Get {
            url: fields.reader.template(value)?,
            timeout: fields.optional_length("timeout", "it waits for as long as it takes")?,
            into: fields.name("as")?,
        },
        "get" if table.get("timeout").is_some() => {
            let message = "expected `timeout` beside a URL, but found a queue, whose `get` has none";
            let error = Diagnostic::at(table.key_span("timeout"), message, "nothing that a queue knows");
            return fields.reader.error(error.help("put it into { timeout = \"1s\", do = […] }"));
        }
        "set" => Verb::Set { name: fields.reader.name(value)?, value: fields.expression("to")? },
        "add" => {
            let amount = fields.reader.expression(value)?;
            let name = fields.required("to")?;
            Verb::Add { amount, name: fields.reader.name(name)? }
        }
        "append" => Verb::Append { item: fields.reader.expression(value)?, list: fields.expression("to")? },
        "remove" => Verb::Remove { item: fields.reader.expression(value)?, list: fields.expression("from")? },
        "assert" => Verb::Assert { condition: fields.reader.expression(value)?, message: fields.template("message")? },
        _ => match USES.iter().find(|(known, ..)| *known == verb) {
            Some(&(_, key, operation)) => read_use(&mut fields, value, key, operation)?,
            None => read_block(&mut fields, value)?,
        },
    })
}

/// Whether `get` sends a request: a file with hosts has no queues.
fn asks_a_host(reader: &Reader, value: &Value) -> bool {
    reader.has_hosts || value.get_ref().as_str().is_some_and(|text| text.contains("://"))
}

/// A step that uses an object.
fn read_use(fields: &mut Fields, value: &Value, key: &str, operation: Operation) -> Option<Verb> {
    let object = fields.required(key)?;
    let object = fields.reader.template(object);
    let value = match operation {
        Operation::Put | Operation::PutNowait => Some(fields.reader.expression(value)?),
        Operation::SetResult => Some(fields.expression("to")?),
        Operation::Notify => fields.optional("n", |reader, value| {
            let count = reader.integer(value, 0, i64::from(u32::MAX))?;
            Some(Expression::integer(count, value.span()))
        })?,
        _ => None,
    };
    Some(Verb::Use { operation, object: object?, value, into: fields.name("as")? })
}

/// A step that makes a callback, with the step that the callback is.
fn read_callback(fields: &mut Fields, value: &Value) -> Option<Verb> {
    let when = match fields.verb {
        "call_soon" => When::Soon,
        "call_later" => {
            let length = fields.required("in")?;
            When::Later(fields.reader.length(length)?)
        }
        _ => {
            let future = fields.required("to")?;
            When::Done(Operand::One(read_subject(fields.reader, future)?))
        }
    };
    let step = read_step(fields.reader, value)?;
    let fits = match &step.verb {
        Verb::Print(_) | Verb::SetException { .. } => true,
        Verb::Cancel { accepted, .. } => accepted.is_none(),
        Verb::Use { operation, into, .. } => !operation.waits() && into.is_none(),
        _ => false,
    };
    if !fits {
        let message = "expected a step that takes no turn and binds no name, but found another one";
        let help = "a callback may print, cancel, set or release something, notify, put_nowait or get_nowait";
        return fields.reader.error(Diagnostic::at(step.span, message, "no step for a callback").help(help));
    }
    let into = fields.name("as")?;
    Some(Verb::Callback(Box::new(Callback { when, step, into })))
}

/// The verbs that have steps inside them.
fn read_block(fields: &mut Fields, value: &Value) -> Option<Verb> {
    match fields.verb {
        "if" => {
            let condition = fields.reader.expression(value);
            let (then, otherwise) = (fields.steps("then"), fields.optional_steps("else"));
            Some(Verb::If { condition: condition?, then: then?, otherwise: otherwise? })
        }
        "while" => {
            let (condition, body) = (fields.reader.expression(value), fields.steps("do"));
            Some(Verb::While { condition: condition?, body: body? })
        }
        "for" => {
            let (item, over) = (fields.reader.name(value), read_iterable(fields));
            let body = fields.steps("do");
            Some(Verb::For { item: item?, over: over?, body: body? })
        }
        "as_completed" => {
            let (what, body) = (fields.operand(), fields.steps("do"));
            let timeout = fields.optional_length("timeout", "it waits for as long as it takes");
            let item = fields.required("as").and_then(|name| fields.reader.name(name));
            Some(Verb::AsCompleted { what: what?, timeout: timeout?, item: item?, body: body? })
        }
        "task_group" => {
            let (name, body) = (fields.reader.name(value), fields.steps("do"));
            Some(Verb::TaskGroup { name: name?, body: body? })
        }
        "timeout" => {
            let length = match value.get_ref().as_str() {
                Some("None") => Some(None),
                Some(_) if is_none(value) => {
                    let message = "expected a duration such as \"1.5s\", or None, but found another word";
                    let error = Diagnostic::at(value.span(), message, "no length of time");
                    fields.reader.error(error.help("write \"None\""))
                }
                _ => fields.reader.length(value).map(Some),
            };
            let (into, body) = (fields.name("as"), fields.steps("do"));
            Some(Verb::Timeout { length: length?, into: into?, body: body? })
        }
        "with" => {
            let (object, body) = (fields.reader.template(value), fields.steps("do"));
            Some(Verb::With { object: object?, body: body? })
        }
        _ => read_try(fields),
    }
}

fn read_iterable(fields: &mut Fields) -> Option<Iterable> {
    let value = fields.required("in")?;
    if !value.get_ref().is_str() {
        let instead = match value.get_ref() {
            DeValue::Integer(end) => Some(format!("a list, or \"range({end})\"")),
            _ => fields.reader.in_quotes(value),
        };
        return fields.reader.mismatch("a text", value, instead);
    }
    let text = fields.reader.text(value)?;
    match expression::parse_iterable(&text) {
        Ok(iterable) => Some(iterable),
        Err(error) => fields.reader.error(error),
    }
}

fn read_try(fields: &mut Fields) -> Option<Verb> {
    let body = fields.steps("try");
    let otherwise = fields.optional_steps("else");
    let finally = fields.optional("finally", read_steps);
    let star = fields.table.get("except*");
    if let (Some(_), Some(_)) = (star, fields.table.get("except")) {
        let message = "expected `except` or `except*` beside `try`, but found both";
        fields.reader.errors.push(Diagnostic::at(fields.table.key_span("except*"), message, "one kind of clauses"));
    }
    let clauses = match star.or(fields.table.get("except")) {
        Some(value) => read_clauses(fields.reader, value),
        None => Some(Vec::new()),
    };
    if star.is_none() && fields.table.get("except").is_none() && fields.table.get("finally").is_none() {
        let message = "expected `except` or `finally` beside `try`, but found neither";
        fields.reader.errors.push(Diagnostic::at(fields.table.key_span("try"), message, "nothing is caught here"));
    }
    let (body, clauses, otherwise, finally) = (body?, clauses?, otherwise?, finally?);
    Some(Verb::Try(Box::new(Try { body, clauses, is_star: star.is_some(), otherwise, finally })))
}

/// The clauses of `except`, in the order of the file.
fn read_clauses(reader: &mut Reader, value: &Value) -> Option<Vec<Clause>> {
    if !value.get_ref().is_table() {
        let found = describe(value.get_ref());
        let message = format!("expected a table of clauses, but found {found}");
        let is_word = |text: &&str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
        let class = value.get_ref().as_str().filter(is_word).unwrap_or("ValueError");
        let help = format!("a clause says what it catches, and what is done then: {{ \"{class}\" = […] }}");
        return reader.error(Diagnostic::at(value.span(), message, found).help(help));
    }
    let table = reader.table(value)?;
    let mut clauses = Some(Vec::new());
    for (key, steps) in table.in_order() {
        let quoted = reader.quoted(key.get_ref(), key.span());
        let (ty, name) = match quoted.text.split_once(" as ") {
            Some((ty, name)) => (ty, Some(name)),
            None => (quoted.text.as_str(), None),
        };
        let body = read_steps(reader, steps);
        if let Some((found, help)) = match ty {
            "" => Some(("nothing".to_owned(), "for a bare except write BaseException")),
            _ if ty.contains(['(', ',', '|']) => Some((format!("`{ty}`"), "one class a clause")),
            _ => None,
        } {
            let message = format!("expected the name of one class, but found {found}");
            return reader.error(Diagnostic::at(quoted.part(0..ty.len()), message, "not a class").help(help));
        }
        let good = name.is_none_or(|name| reader.is_name(name, &quoted.span));
        let clause = body.filter(|_| good).map(|body| Clause {
            ty: Spanned::new(quoted.part(0..ty.len()), ty.to_owned()),
            name: name.map(|name| Spanned::new(quoted.part(ty.len() + 4..quoted.text.len()), name.to_owned())),
            body,
        });
        clauses = clauses.zip(clause).map(|(mut clauses, clause)| {
            clauses.push(clause);
            clauses
        });
    }
    clauses
}
