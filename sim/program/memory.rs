//! Everything that running bodies remember: frames, locals, lists, shared variables, texts put together on the way.
//!
//! Plain data that a machine can copy, compare, hash and use again for the next run without allocating.
//!
//! Knows nothing of tasks or time.

use crate::id::{FutureId, InstanceId, ListId};

use super::groups::Group;
use super::{Instance, Program, Texts, Value};
use crate::reuse::clone_in_place;

/// A coroutine that is being run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameId(pub u32);

/// Which coroutine a frame runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A new one, of a call.
    Call,
    /// The coroutine object in `coros`.
    Object,
    /// That object again, though it has ended: it raises `RuntimeError`, whatever it is told.
    Spent,
}

/// Whether the name of its instance means a new task from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It does: `spawn`, `gather` and the like give the file a task to speak of.
    ByName,
    /// It does not: `wait_for` has made it for itself, where newer Pythons make none. A name that meant it would mean
    /// something else from one profile to the next.
    ByNobody,
}

/// How far the coroutine object of an instance has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Progress {
    Unstarted,
    Started,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Frame {
    pub(super) instance: InstanceId,
    pub(super) source: Source,
    /// The instance's code and constants, so that nothing has to be looked up to go on.
    pub(super) body: u32,
    pub(super) consts: u32,
    /// The operation that runs next, or the one at which it waits.
    pub(super) pc: u32,
    /// Whether it has run at all: then what it is resumed with belongs to the operation at `pc`.
    pub(super) begun: bool,
    /// Where its locals begin.
    pub(super) locals: u32,
    /// Who runs this coroutine in place and gets what it returns.
    pub(super) caller: Option<FrameId>,
    /// Whether it has ended, and only waits for newer frames to give its memory back.
    closed: bool,
}

/// The memory of a run.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct Memory {
    pub(super) frames: Vec<Frame>,
    pub(super) locals: Vec<Value>,
    lists: Lists,
    pub(super) shared: Vec<Value>,
    /// The coroutine objects in `coros`.
    coroutines: Vec<Progress>,
    /// The newest task of each instance.
    pub(super) newest: Vec<Option<FutureId>>,
    /// The exception groups, in the order of their texts.
    pub(super) error_groups: Vec<Group>,
    /// Texts that are not the program's.
    pub(super) texts: Texts,
    pub(super) scratch: Scratch,
    /// How many times each injected failure may still fire.
    pub(super) fires_left: Vec<u32>,
    /// The status of the last answer that each task got, sorted by task.
    statuses: Vec<(FutureId, u16)>,
    /// Below zero if more was asked for than was left.
    pub(super) steps_left: i64,
}

clone_in_place!(Memory {
    frames,
    locals,
    lists,
    shared,
    coroutines,
    newest,
    error_groups,
    texts,
    scratch,
    fires_left,
    statuses,
    steps_left,
});

/// Strings that are used again and again and mean nothing in between, so they are no part of what is compared, hashed or
/// copied.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// A text that is being put together.
    pub(super) text: String,
    /// A value that is being shown in it.
    pub(super) shown: String,
}

impl Clone for Scratch {
    fn clone(&self) -> Scratch {
        Scratch::default()
    }

    fn clone_from(&mut self, _: &Scratch) {}
}

impl PartialEq for Scratch {
    fn eq(&self, _: &Scratch) -> bool {
        true
    }
}

impl Eq for Scratch {}

impl std::hash::Hash for Scratch {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// Lists, with those of earlier runs kept for their memory; they are no part of what is compared or hashed.
#[derive(Debug, Default)]
struct Lists {
    all: Vec<List>,
    used: u32,
    /// Lists of this run that nothing refers to any more.
    free: Vec<ListId>,
}

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct List {
    items: Vec<Value>,
    /// Whether it stands for a Python set whose order nobody has looked at yet.
    is_unordered: bool,
}

clone_in_place!(List { items, is_unordered });

impl Lists {
    fn live(&self) -> &[List] {
        &self.all[..self.used as usize]
    }
}

impl Clone for Lists {
    fn clone(&self) -> Lists {
        Lists { all: self.live().to_vec(), used: self.used, free: self.free.clone() }
    }

    /// What is not used any more keeps its memory.
    fn clone_from(&mut self, other: &Lists) {
        let live = other.live();
        let room = self.all.len().max(live.len());
        self.all.resize_with(room, List::default);
        self.all[..live.len()].clone_from_slice(live);
        self.used = other.used;
        self.free.clone_from(&other.free);
    }
}

impl PartialEq for Lists {
    fn eq(&self, other: &Lists) -> bool {
        self.live() == other.live()
    }
}

impl Eq for Lists {}

impl std::hash::Hash for Lists {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.live().hash(state);
    }
}

impl Memory {
    /// Empties it for a run of `program`, keeping what was allocated.
    pub fn reset(&mut self, program: &Program) {
        self.frames.clear();
        self.locals.clear();
        self.lists.used = 0;
        self.lists.free.clear();
        self.error_groups.clear();
        self.shared.clear();
        self.shared.extend(program.shared.iter().map(|&(_, initial)| Value::Int(initial)));
        self.coroutines.clear();
        self.coroutines.resize(program.instances.len(), Progress::Unstarted);
        self.newest.clear();
        self.newest.resize(program.instances.len(), None);
        self.texts.restart_above(&program.texts);
        self.statuses.clear();
        self.fires_left.clear();
        self.fires_left.extend(program.failures.iter().map(|failure| failure.up_to));
        self.steps_left = i64::try_from(program.limits.steps).unwrap_or(i64::MAX);
    }

    /// A frame at the start of `instance`, run on behalf of `caller` if it is run in place.
    pub fn open(
        &mut self,
        program: &Program,
        instance: InstanceId,
        source: Source,
        caller: Option<FrameId>,
    ) -> FrameId {
        let Instance { body, consts, .. } = *program.instance(instance);
        let locals = self.locals.len() as u32;
        let count = program.bodies[body as usize].locals.len();
        if count > 0 {
            self.locals.resize(self.locals.len() + count, Value::Unbound);
        }
        self.frames.push(Frame { instance, source, body, consts, pc: 0, begun: false, locals, caller, closed: false });
        FrameId(self.frames.len() as u32 - 1)
    }

    /// The coroutine that a frame runs, and the operation at which it is.
    pub fn site(&self, frame: FrameId) -> (InstanceId, u32) {
        let Frame { instance, pc, .. } = self.frames[frame.0 as usize];
        (instance, pc)
    }

    /// Ends a frame, and gives the memory of all ended frames back that no newer one stands on: so what is left does not
    /// hang on the order in which frames ended. Returns its caller.
    pub fn close(&mut self, frame: FrameId) -> Option<FrameId> {
        let ended = &mut self.frames[frame.0 as usize];
        ended.closed = true;
        let caller = ended.caller;
        if ended.source == Source::Object {
            self.coroutines[ended.instance.index()] = Progress::Ended;
        }
        while let Some(newest) = self.frames.pop_if(|newest| newest.closed) {
            self.locals.truncate(newest.locals as usize);
        }
        caller
    }

    /// How many coroutines deep `frame` is.
    pub fn depth(&self, mut frame: FrameId) -> u32 {
        let mut depth = 1;
        while let Some(caller) = self.frames[frame.0 as usize].caller {
            depth += 1;
            frame = caller;
        }
        depth
    }

    /// A new empty list.
    pub fn new_list(&mut self) -> ListId {
        self.lists.free.pop().unwrap_or_else(|| self.unused_list())
    }

    /// A new list with the items of another one.
    pub fn copy_of(&mut self, id: ListId) -> ListId {
        let copy = self.new_list();
        let mut items = std::mem::take(self.list_mut(copy));
        items.extend_from_slice(self.list(id));
        *self.list_mut(copy) = items;
        copy
    }

    /// Two new empty lists, the second of which has the next id: lists that were given back lie anywhere.
    pub fn new_pair(&mut self) -> [ListId; 2] {
        [self.unused_list(), self.unused_list()]
    }

    fn unused_list(&mut self) -> ListId {
        let id = ListId(self.lists.used);
        self.lists.used += 1;
        match self.lists.all.get_mut(id.index()) {
            Some(old) => {
                old.items.clear();
                old.is_unordered = false;
            }
            None => self.lists.all.push(List::default()),
        }
        id
    }

    /// Gives a list back that nothing refers to.
    pub fn recycle(&mut self, id: ListId) {
        let list = &mut self.lists.all[id.index()];
        list.items.clear();
        list.is_unordered = false;
        self.lists.free.push(id);
    }

    /// Counts work that a single operation does as steps: lists have to be paid for, or a program within its limit
    /// could ask for more memory than there is. False once that is more than was left.
    pub fn charge(&mut self, steps: u64) -> bool {
        self.steps_left = self.steps_left.saturating_sub_unsigned(steps);
        self.has_steps_left()
    }

    /// Whether no more was asked for than was left.
    pub(super) fn has_steps_left(&self) -> bool {
        self.steps_left >= 0
    }

    /// Counts the making of a list with so many items.
    pub fn charge_items(&mut self, count: usize) {
        self.charge(1 + count as u64 / 8);
    }

    /// From here on the list stands for a set: who walks it first has to decide in which order.
    pub fn make_unordered(&mut self, id: ListId) {
        self.lists.all[id.index()].is_unordered = true;
    }

    /// Whether the order of the list is still to be decided; it is decided once.
    pub fn take_unordered(&mut self, id: ListId) -> bool {
        std::mem::take(&mut self.lists.all[id.index()].is_unordered)
    }

    /// The items of a list.
    pub fn list(&self, id: ListId) -> &[Value] {
        &self.lists.all[id.index()].items
    }

    /// The items of a list, to be changed.
    pub fn list_mut(&mut self, id: ListId) -> &mut Vec<Value> {
        &mut self.lists.all[id.index()].items
    }

    /// Takes one of the steps that the program may execute; false if there is none left.
    #[inline]
    pub fn take_step(&mut self) -> bool {
        self.steps_left -= 1;
        self.has_steps_left()
    }

    /// An item of a list that has nothing but handles.
    ///
    /// # Panics
    ///
    /// If the item is something else.
    pub fn handle(&self, id: ListId, at: usize) -> FutureId {
        match self.list(id)[at] {
            Value::Handle(future) => future,
            other => panic!("expected a handle, but found {other:?}"),
        }
    }

    /// The shared variables.
    pub fn shared(&self) -> &[Value] {
        &self.shared
    }

    /// Texts that were put together during the run.
    pub fn texts(&mut self) -> &mut Texts {
        &mut self.texts
    }

    /// The same, to be read.
    pub fn texts_ref(&self) -> &Texts {
        &self.texts
    }

    /// Marks the coroutine object of an instance as started, and says how far it had come.
    pub(super) fn start_object(&mut self, instance: InstanceId) -> Progress {
        let progress = &mut self.coroutines[instance.index()];
        let before = *progress;
        if before == Progress::Unstarted {
            *progress = Progress::Started;
        }
        before
    }

    /// Whether the coroutine object of an instance has been started.
    pub fn is_started(&self, instance: InstanceId) -> bool {
        self.coroutines[instance.index()] != Progress::Unstarted
    }

    /// The status of the last answer that a task got.
    pub fn status(&self, task: FutureId) -> Option<u16> {
        let at = self.statuses.binary_search_by_key(&task, |(known, _)| *known).ok()?;
        Some(self.statuses[at].1)
    }

    /// A task has got an answer.
    pub fn set_status(&mut self, task: FutureId, status: u16) {
        match self.statuses.binary_search_by_key(&task, |(known, _)| *known) {
            Ok(at) => self.statuses[at].1 = status,
            Err(at) => self.statuses.insert(at, (task, status)),
        }
    }

    /// The newest task of an instance.
    pub fn newest(&self, instance: InstanceId) -> Option<FutureId> {
        self.newest[instance.index()]
    }

    /// Makes `task` the newest task of an instance.
    pub fn set_newest(&mut self, instance: InstanceId, task: FutureId) {
        self.newest[instance.index()] = Some(task);
    }
}
