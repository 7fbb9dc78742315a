//! What a printed script defines besides the scenario's own functions, where it needs it: few do.
//!
//! Knows nothing of what they are called with.

/// Something that a script needs and Python has under no name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// `import random`
    Random,
    /// That tasks are called as in the scenario.
    Names,
    /// That main's task is called so as well.
    MainName,
    /// What a coroutine is called, before there is a task.
    CoroutineNames,
    /// Finding the newest task of a name.
    ByName,
    /// A task that starts at once and is known by its name by then.
    Eager,
    /// Finding main by its name.
    MainByName,
    /// A task of what may be a coroutine, or a task already.
    Started,
    /// Cancelling a task by its name.
    Cancel,
    /// The time since the start of the run.
    Elapsed,
    /// Showing tasks by their names.
    Shown,
    /// The name of what may be a task or a coroutine.
    NameOf,
    /// The class of what may be no error.
    TypeName,
    /// Finding an object by its name.
    Objects,
    /// Making a task that can be found by its name in a task group.
    StartIn,
    /// A task that has a name and cannot be found by it, of what may be a coroutine, or a task already.
    OwnTask,
}

const NAMED: &str = r#"
names = {}


def named(name, coro):
    """Remembers what the task of a coroutine will be called."""
    names[coro] = name
    return coro
"#;

const START: &str = r#"
by_name = {}


def start(name, coro):
    """Makes a task that can be found by its name."""
    task = by_name[name] = asyncio.create_task(coro, name=name)
    return task
"#;

const START_IN: &str = r#"

def start_in(group, name, coro):
    """The same in a task group."""
    task = by_name[name] = group.create_task(coro, name=name)
    return task
"#;

/// What stands in the place of these where tasks start at once: a name that came after the first step would be late.
const START_EAGER: &str = r#"
by_name = {}


def start(name, coro):
    """Makes a task that can be found by its name."""
    return asyncio.create_task(named(name, coro))
"#;

const EAGER: &str = r#"
async def known(name, coro):
    """What a task of this name runs: it is known by it from its first step on."""
    task = by_name[name] = asyncio.current_task()
    names[task] = name
    return await coro


def eager(loop, coro, **options):
    """Makes a task that starts at once."""
    coro = known(names[coro], coro) if coro in names else coro
    return asyncio.eager_task_factory(loop, coro, **options)
"#;

const START_IN_EAGER: &str = r#"

def start_in(group, name, coro):
    """The same in a task group."""
    return group.create_task(named(name, coro))
"#;

const NAME_OF_EAGER: &str = r#"
def name_of(task):
    """What a task is called, or will be."""
    return names[task] if asyncio.isfuture(task) or asyncio.iscoroutine(task) else task.get_name()
"#;

const STARTED: &str = r#"
def started(coros):
    """A task for each coroutine; futures stay as they are."""
    tasks = {}
    for coro in coros:
        if coro not in tasks:
            tasks[coro] = coro if asyncio.isfuture(coro) else CREATE
    return [tasks[coro] for coro in coros]
"#;

const OWN_TASK: &str = r#"
def own_task(coro):
    """The task that wait_for makes for itself, with the name that it shows; futures stay as they are."""
    return coro if asyncio.isfuture(coro) else asyncio.create_task(coro, name=names.get(coro))
"#;

const OWN_TASK_EAGER: &str = r#"
async def unfound(name, coro):
    """What a task runs that shows this name and cannot be found by it."""
    names[asyncio.current_task()] = name
    return await coro


def own_task(coro):
    """The task that wait_for makes for itself, with the name that it shows; futures stay as they are."""
    return coro if asyncio.isfuture(coro) else asyncio.create_task(unfound(names[coro], coro))
"#;

/// The making of a task whose name only its coroutine knows.
const CREATE_IT: &str = "asyncio.create_task(coro, name=names.get(coro))";
const START_IT: &str = "start(names.get(coro), coro)";

const CANCEL: &str = r#"
def cancel(name, *message):
    """Cancels the newest task of that name, if there is one."""
    if name in by_name:
        by_name[name].cancel(*message)
"#;

const ELAPSED: &str = r#"
began = None


def elapsed():
    """Seconds since main began."""
    return asyncio.get_running_loop().time() - began
"#;

const NAME_OF: &str = r#"
def name_of(task):
    """What a task is called, or will be."""
    return names[task] if asyncio.iscoroutine(task) else task.get_name()
"#;

const TYPE_NAME: &str = r#"
def type_name(error):
    """The class of an error."""
    if not isinstance(error, BaseException):
        raise AttributeError("this is no error")
    return type(error).__name__
"#;

const SHOWN: &str = r#"
def shown(value, otherwise=lambda value: value):
    """A task by its name, also within a list, where Python would show an address."""
    if isinstance(value, asyncio.Task):
        return NAME_OF_VALUE
    if asyncio.isfuture(value):
        return "gather"
    if asyncio.iscoroutine(value):
        return names.get(value, "coroutine")
    if isinstance(value, list):
        return "[" + ", ".join(shown(item, repr) for item in value) + "]"
    return otherwise(value)
"#;

impl Need {
    /// The names that it takes.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Need::Random | Need::Names | Need::MainName | Need::MainByName => &[],
            Need::StartIn => &["start_in"],
            Need::OwnTask => &["own_task", "unfound"],
            Need::Objects => &["objects"],
            Need::CoroutineNames => &["names", "named"],
            Need::ByName => &["by_name", "start"],
            Need::Eager => &["known", "eager"],
            Need::Started => &["started"],
            Need::Cancel => &["cancel"],
            Need::Elapsed => &["began", "elapsed"],
            Need::Shown => &["shown"],
            Need::NameOf => &["name_of"],
            Need::TypeName => &["type_name"],
        }
    }

    /// What else it takes.
    pub(super) fn needs(self) -> &'static [Need] {
        match self {
            Need::Eager => &[Need::ByName, Need::CoroutineNames],
            Need::Started | Need::Shown | Need::NameOf | Need::OwnTask => &[Need::Names, Need::CoroutineNames],
            Need::Cancel | Need::MainByName | Need::StartIn => &[Need::ByName],
            _ => &[],
        }
    }

    /// What it is in Python; `is_by_name` says whether the newest task of a name is to be found, and `is_eager` whether
    /// tasks start at once.
    pub(super) fn text(self, is_by_name: bool, is_eager: bool) -> String {
        let create = if is_by_name { START_IT } else { CREATE_IT };
        let text = match self {
            Need::Random | Need::Names | Need::MainName | Need::MainByName | Need::Objects => "",
            Need::StartIn if is_eager => START_IN_EAGER,
            Need::StartIn => START_IN,
            Need::OwnTask if is_eager => OWN_TASK_EAGER,
            Need::OwnTask => OWN_TASK,
            Need::CoroutineNames => NAMED,
            Need::ByName if is_eager => START_EAGER,
            Need::ByName => START,
            Need::Eager => EAGER,
            Need::Started => STARTED,
            Need::Cancel => CANCEL,
            Need::Elapsed => ELAPSED,
            Need::Shown => SHOWN,
            Need::NameOf if is_eager => NAME_OF_EAGER,
            Need::NameOf => NAME_OF,
            Need::TypeName => TYPE_NAME,
        };
        // Where a name has to be there before the task is, it is kept beside the tasks.
        let name = if is_eager { "names[value]" } else { "value.get_name()" };
        text.replace("CREATE", create).replace("NAME_OF_VALUE", name)
    }
}
