//! Where a task is suspended: the stack at the moment when a future in it keeps a copy of its waker.
//!
//! A future that is not ready has to clone the waker it is polled with, deep in the chain of awaits, and the stack there
//! names every `.await` of the chain by file, line and column. It costs microseconds, so only runs that are told about do
//! it. Each poll has a waker of another identity, because a future that still has the same one does not clone it again.
//!
//! Blind spots: an await that is ready at once keeps nothing; inside `FuturesUnordered` and its like, which wrap the waker
//! in one of their own, only the outer await shows.
//!
//! Knows nothing of what the places are for.

use std::backtrace::Backtrace;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;

use cooked_waker::{IntoWaker, Wake, WakeRef};

use super::shared::current;
use crate::id::TaskId;
use crate::trace::{Dormant, Frame, Sites};

/// A waker that notes where it is cloned, and whether that copy is woken.
pub(super) fn recording(task: TaskId, waker: Waker) -> Waker {
    Box::new(Recording { task, waker, kept: None }).into_waker()
}

/// A copy of a waker that a future keeps.
#[derive(Debug)]
pub(super) struct Kept {
    task: TaskId,
    /// The how manieth of all it is.
    number: u32,
    /// In the how manieth poll of the task it was taken.
    polls: u32,
    stack: Backtrace,
    /// Who has woken it first, and how often the task had been polled until then.
    woken: Mutex<Option<(Option<TaskId>, u32)>>,
    /// Whether another thread has.
    is_woken_from_outside: AtomicBool,
    /// How many copies of it there are.
    copies: AtomicU32,
}

impl Kept {
    fn first_wake(&self) -> MutexGuard<'_, Option<(Option<TaskId>, u32)>> {
        self.woken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn was_woken(&self) -> bool {
        self.is_woken_from_outside.load(Ordering::Relaxed) || self.first_wake().is_some()
    }
}

/// What a run leaves of where its tasks were.
#[derive(Debug)]
pub(super) struct Places {
    /// The wakers that were left somewhere.
    pub(super) kept: Vec<Arc<Kept>>,
    /// Those that a task itself has dropped in a poll although nobody had woken them.
    pub(super) dropped: Vec<LetGo>,
    /// Who has made a task that is tokio's alone, and how often it had been polled before.
    pub(super) strays: Vec<(TaskId, u32)>,
}

/// A copy that a task itself has dropped.
#[derive(Debug)]
pub(super) struct LetGo {
    /// The how manieth it is, from 0.
    pub(super) place: u32,
    pub(super) kept: Arc<Kept>,
    /// In the how manieth poll of the task.
    pub(super) polls: u32,
    /// The number of the waker that was left somewhere last.
    pub(super) newest: u32,
}

struct Recording {
    task: TaskId,
    waker: Waker,
    /// Nothing for the one that a task is polled with.
    kept: Option<Arc<Kept>>,
}

impl Clone for Recording {
    fn clone(&self) -> Recording {
        let kept = self.kept.clone().or_else(|| {
            let (shared, task) = (current()?, self.task);
            let polls = shared.suspensions(task) + 1;
            let kept = Arc::new(Kept {
                task,
                number: shared.next_kept(),
                polls,
                stack: Backtrace::force_capture(),
                woken: Mutex::default(),
                is_woken_from_outside: AtomicBool::new(false),
                copies: AtomicU32::new(0),
            });
            shared.keep(kept.clone());
            Some(kept)
        });
        if let Some(kept) = &kept {
            kept.copies.fetch_add(1, Ordering::Relaxed);
        }
        Recording { task: self.task, waker: self.waker.clone(), kept }
    }
}

impl WakeRef for Recording {
    fn wake_by_ref(&self) {
        match (&self.kept, current()) {
            (Some(kept), Some(shared)) => {
                kept.first_wake().get_or_insert_with(|| (shared.queue().running(), shared.suspensions(kept.task)));
            }
            (Some(kept), None) => kept.is_woken_from_outside.store(true, Ordering::Relaxed),
            (None, _) => {}
        }
        self.waker.wake_by_ref();
    }
}

impl Wake for Recording {}

/// Most futures that are done have been woken before. One that drops its waker unwoken is dropped itself, or has a newer one.
impl Drop for Recording {
    fn drop(&mut self) {
        let is_last = |kept: &&Arc<Kept>| kept.copies.fetch_sub(1, Ordering::Relaxed) == 1;
        let Some(kept) = self.kept.as_ref().filter(is_last) else { return };
        if let Some(shared) = current().filter(|_| !kept.was_woken()) {
            shared.let_go(self.task, kept);
        }
    }
}

/// After a poll in which a task was suspended: of the futures in it that kept a waker, those that were done by then have
/// dropped it, as a sleep does that is over. If none is left, whoever has it used it up at once, and the last one counts.
pub(super) fn leave_those_who_wait(kept: &mut Vec<Arc<Kept>>, task: TaskId, polls: u32) {
    let is_of_poll = |kept: &Kept| kept.task == task && kept.polls == polls;
    let waits = |kept: &Kept| kept.copies.load(Ordering::Relaxed) > 0;
    let last = kept.iter().rposition(|kept| is_of_poll(kept) && waits(kept));
    let last = last.or_else(|| kept.iter().rposition(|kept| is_of_poll(kept)));
    let mut at = 0;
    kept.retain(|kept| {
        at += 1;
        !is_of_poll(kept) || waits(kept) || Some(at - 1) == last
    });
}

/// Where tasks were suspended, where other threads have woken them, and which locks were handed to whom without any use.
pub(super) fn resolve(places: &Places) -> Sites {
    let all = &places.kept;
    let mut sites = Sites::default();
    places.strays.iter().for_each(|&(task, polls)| sites.add_stray(task, polls));
    let chains: Vec<Vec<Frame>> = all.iter().map(|kept| chain(&kept.stack.to_string())).collect();
    for (at, (kept, chain)) in all.iter().zip(&chains).enumerate().filter(|(_, (_, chain))| !chain.is_empty()) {
        let mut later = all[at..].iter().zip(&chains[at..]).filter(|(other, _)| is_same_poll(other, kept));
        let is_left_over = later.next_back().is_some_and(|(_, last)| are_one_after_the_other(chain, last));
        if !is_left_over {
            sites.add(kept.task, kept.polls, chain.clone());
        }
        if kept.is_woken_from_outside.load(Ordering::Relaxed) {
            sites.add_outside(chain.clone());
        }
    }
    add_dropped(&mut sites, places, &chains);
    for (kept, chain) in all.iter().zip(&chains).filter(|(_, chain)| is_lock(chain)) {
        let woken = *kept.first_wake();
        let Some((woken_by, polls)) = woken else { continue };
        let of_task = || all.iter().zip(&chains).filter(|(other, _)| other.task == kept.task);
        // If the wake had been of any use, the task would not wait just where it did before.
        let last = of_task().map(|(other, _)| other.polls).max().unwrap_or(0);
        let waits_still = of_task().any(|(other, now)| {
            let was_there = || of_task().any(|(before, there)| before.polls <= polls && there == now);
            polls < other.polls && other.polls == last && now != chain && is_lock(now) && was_there()
        });
        if waits_still {
            sites.add_dormant(Dormant { task: kept.task, chain: chain.clone(), woken_by });
        }
    }
    sites
}

/// Adds where futures waited that their own tasks have dropped. `chains` are those of the wakers that were left somewhere.
fn add_dropped(sites: &mut Sites, places: &Places, chains: &[Vec<Frame>]) {
    // What this package's own futures keep for those in them is told otherwise.
    let foreign = |kept: &Kept| {
        let (chain, is_ours) = chain_and_keeper(&kept.stack.to_string());
        if is_ours { Vec::new() } else { chain }
    };
    let dropped: Vec<Vec<Frame>> = places.dropped.iter().map(|let_go| foreign(&let_go.kept)).collect();
    let left = || places.kept.iter().zip(chains);
    let let_go = || places.dropped.iter().zip(&dropped);
    let mut numbered: BTreeMap<u32, (&Kept, &[Frame])> =
        left().map(|(kept, at)| (kept.number, (&**kept, &**at))).collect();
    numbered.extend(let_go().map(|(let_go, at)| (let_go.kept.number, (&*let_go.kept, &**at))));
    let (mut replacing, mut told) = (BTreeSet::new(), BTreeSet::new());
    for (LetGo { place, kept, polls, newest }, here) in let_go() {
        // Whoever is polled again takes the new waker and drops the old one, at once, and one is the newer of one only.
        let newer = newest + u32::from(drops_first(here));
        let successor = numbered.get(&newer).filter(|(newer, there)| {
            (newer.task, newer.polls) == (kept.task, *polls)
                && kept.number < newer.number
                && keeper(there) == keeper(here)
        });
        let is_told = if is_channel(here) {
            // A channel has the waker of a `recv` that was dropped until somebody receives again, or for ever.
            successor.is_some_and(|(_, there)| own_place(there) != own_place(here))
        } else {
            let goes_on = successor.is_some_and(|(newer, there)| {
                let is_before = |other: &Kept| other.number < newer.number && other.number != kept.number;
                let mut others = numbered.values().filter(|(other, at)| other.task == kept.task && at == there);
                there == here || !others.any(|(other, _)| is_before(other))
            });
            !(goes_on && replacing.insert(newer))
        };
        let is_older = |other: &Kept, there: &[Frame]| other.task == kept.task && other.polls < *polls && there == here;
        // What is ready may have taken the waker first and looked then, as a timer does.
        let waited_before =
            kept.polls < *polls || let_go().any(|(other, there)| other.polls == *polls && is_older(&other.kept, there));
        let was_ready = is_timer(here) || left().any(|(other, there)| other.was_woken() && is_older(other, there));
        let is_dropped = is_told && (waited_before || !was_ready) && is_worth_a_word(here);
        // Some keep two copies of it.
        if is_dropped && told.insert((kept.task, kept.polls, *polls, here)) {
            sites.add_dropped(*place, here.clone());
        }
    }
}

/// What is behind the innermost line of the package's own code, or that line if nothing is: what keeps the waker there.
fn leaf(chain: &[Frame]) -> &[Frame] {
    match chain.iter().rposition(|frame| frame.is_own) {
        Some(own) if own + 1 < chain.len() => &chain[own + 1..],
        Some(own) => &chain[own..],
        None => chain,
    }
}

/// Whether what keeps the waker takes a new one only after it has dropped the old one.
fn drops_first(chain: &[Frame]) -> bool {
    leaf(chain).iter().any(|frame| frame.file.ends_with("/sync/oneshot.rs"))
}

/// The files of what keeps the waker, of which one is enough if it is not one that all sorts of futures use.
fn keeper(chain: &[Frame]) -> (Option<&str>, Option<&str>) {
    let mut files = leaf(chain).iter().rev().map(|frame| frame.file.as_str());
    let innermost = files.next();
    let is_shared = innermost.is_some_and(|file| file.ends_with("/atomic_waker.rs"));
    (innermost, if is_shared { files.find(|file| Some(*file) != innermost) } else { None })
}

fn own_place(chain: &[Frame]) -> Option<String> {
    chain.iter().rfind(|frame| frame.is_own).map(Frame::place)
}

fn is_channel(chain: &[Frame]) -> bool {
    let channels = ["/sync/mpsc/", "/futures-channel"];
    leaf(chain).iter().any(|frame| channels.iter().any(|channel| frame.file.contains(channel)))
}

fn is_timer(chain: &[Frame]) -> bool {
    leaf(chain).iter().any(|frame| frame.file.ends_with("/time/sleep.rs"))
}

/// Whether a reader wants to know that what waited here was dropped. Not of the timer of a `timeout` that has not run out; and
/// some keep their waker when they have got what it was for.
fn is_worth_a_word(chain: &[Frame]) -> bool {
    let through = |files: &[&str]| leaf(chain).iter().any(|frame| files.iter().any(|file| frame.file.ends_with(file)));
    let is_of_many = through(&["/task/join_set.rs", "/util/idle_notified_set.rs", "/futures_unordered/mod.rs"]);
    let is_kept = through(&["/time/interval.rs", "/abortable.rs", "/sync/cancellation_token.rs"]);
    let is_of_timeout = through(&["/time/timeout.rs"]) && is_timer(chain);
    let is_silent = is_of_many || is_kept || is_of_timeout;
    !is_silent && chain.iter().any(|frame| frame.is_own)
}

/// The innermost line of the package's own code in which this is called, within a poll of a task.
pub(super) fn here() -> Option<Frame> {
    chain(&Backtrace::force_capture().to_string()).into_iter().rev().find(|frame| frame.is_own)
}

fn is_same_poll(one: &Kept, other: &Kept) -> bool {
    (one.task, one.polls) == (other.task, other.polls)
}

/// Whether two places of one poll are in one function that has left the first, where a channel keeps the waker of a `recv` that
/// a `select!` has dropped. It may also wait at both.
fn are_one_after_the_other(first: &[Frame], last: &[Frame]) -> bool {
    if !is_channel(first) {
        return false;
    }
    let place = |frame: &Frame| (frame.line, frame.column);
    let parting = first.iter().zip(last).find(|(one, other)| place(one) != place(other) || one.file != other.file);
    parting.is_some_and(|(one, other)| one.is_own && one.file == other.file && one.function == other.function)
}

/// Whether the chain ends in tokio's way to wait for a lock or a permit.
fn is_lock(chain: &[Frame]) -> bool {
    let Some(own) = chain.iter().rposition(|frame| frame.is_own) else { return false };
    let waits = |frame: &Frame| {
        let of_tokio = frame.file.split_once("/tokio-").map_or("", |(_, file)| file);
        ["/sync/mutex.rs", "/sync/semaphore.rs", "/sync/rwlock.rs"].iter().any(|lock| of_tokio.ends_with(lock))
    };
    chain[own..].iter().any(waits)
}

/// What a printed stack says about the code between the task's gate and the future that keeps the waker, the outermost
/// await first. Frames are told apart by their files: a package that is built with line tables alone has no paths of
/// functions.
fn chain(stack: &str) -> Vec<Frame> {
    chain_and_keeper(stack).0
}

/// The same, and whether it is a future of this package that keeps the waker.
fn chain_and_keeper(stack: &str) -> (Vec<Frame>, bool) {
    let mut frames: Vec<(String, Option<Location>)> = Vec::new();
    for line in stack.lines().map(str::trim) {
        if let Some(place) = line.strip_prefix("at ") {
            if let (Some((_, known @ None)), Some(found)) = (frames.last_mut(), place_of(place)) {
                *known = Some(found);
            }
        } else if let Some((_, function)) = line.split_once(": ") {
            frames.push((function.to_owned(), None));
        }
    }
    // This very file is in the stack, and shows how those of this package are written.
    let files = || frames.iter().filter_map(|(_, place)| place.as_ref().map(|(file, ..)| file.as_str()));
    let house = files().find_map(|file| file.strip_suffix("sim/executor/sites.rs")).unwrap_or("./").to_owned();
    let is_in = |frame: &(String, Option<Location>), end: &str| {
        frame.1.as_ref().and_then(|(file, ..)| file.strip_suffix(end)).is_some_and(|rest| rest == house)
    };
    // From the one that clones to the gate, which nobody but this room has.
    let gate = frames.iter().position(|frame| is_in(frame, "sim/executor/task.rs")).unwrap_or(frames.len());
    let clone = frames[..gate]
        .iter()
        .rposition(|(_, place)| place.as_ref().is_some_and(|(file, ..)| file.ends_with("/core/src/task/wake.rs")));
    let between = &frames[clone.map_or(0, |at| at + 1)..gate];
    let told = between.iter().rev().filter_map(|(function, place)| {
        let (file, line, column) = place.clone()?;
        is_told(&file, &house).then(|| Frame {
            function: function_name(function),
            is_own: is_own(&file),
            file: relative(&file),
            line,
            column,
        })
    });
    let mut chain: Vec<Frame> = told.collect();
    chain.dedup();
    let keeper = between.iter().find_map(|(_, place)| place.as_ref().map(|(file, ..)| file));
    let is_ours =
        keeper.and_then(|file| file.strip_prefix(&house)).is_some_and(|file| file.starts_with("sim/executor/"));
    (chain, is_ours)
}

/// A file, a line and a column.
type Location = (String, u32, u32);

/// `./src/upload.rs:57:20` in its parts.
fn place_of(text: &str) -> Option<Location> {
    let (rest, last) = text.rsplit_once(':')?;
    let last = last.parse().ok()?;
    match rest.rsplit_once(':').and_then(|(file, line)| Some((file, line.parse().ok()?))) {
        Some((file, line)) => Some((file.to_owned(), line, last)),
        None => Some((rest.to_owned(), last, 0)),
    }
}

/// Whether a file has code that a reader looks for: not what `async`, `select!` and closures are made of, and not this
/// package's own way of polling.
fn is_told(file: &str, house: &str) -> bool {
    let is_of_house = ["sim/executor/", "sim/check/"]
        .iter()
        .any(|room| file.strip_prefix(house).is_some_and(|file| file.starts_with(room)));
    !is_of_house && !["/core/src/", "/alloc/src/", "/std/src/"].iter().any(|part| file.contains(part))
}

pub(super) fn is_own(file: &str) -> bool {
    !file.contains("/.cargo/")
        && !file.contains("/registry/src/")
        && !file.contains("/rustc/")
        && !file.contains("/git/checkouts/")
}

/// Without what is the same for everybody in the package.
fn relative(file: &str) -> String {
    file.strip_prefix("./").unwrap_or(file).to_owned()
}

/// `upload` or `Semaphore::acquire`, without modules, types in angle brackets and the marks of closures; empty if only such
/// a mark is known.
fn function_name(path: &str) -> String {
    let inner = path.strip_prefix('<').map_or(path, |rest| rest.split(" as ").next().unwrap_or(rest));
    let mut plain = String::new();
    let mut depth = 0_usize;
    let method = path
        .strip_prefix('<')
        .and_then(|_| path.rsplit("::").find(|part| !part.starts_with("{{") && !part.contains('>')));
    for c in inner.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let mut parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty() && !part.starts_with('{')).collect();
    parts.extend(method);
    let from = parts.len().saturating_sub(2);
    let is_type = |part: &str| part.starts_with(char::is_uppercase);
    match parts[from..] {
        [first, second] if is_type(first) => format!("{first}::{second}"),
        [.., last] => last.to_owned(),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_called_as_in_the_source() {
        assert_eq!(function_name("store::upload::{{closure}}"), "upload");
        assert_eq!(function_name("store::pool::Pool::acquire::{{closure}}"), "Pool::acquire");
        let poll = "<tokio::sync::batch_semaphore::Acquire as core::future::future::Future>::poll";
        assert_eq!(function_name(poll), "Acquire::poll");
        assert_eq!(function_name("{async_fn#0}<store::Pool>"), "");
        assert_eq!(place_of("./src/upload.rs:57:20"), Some(("./src/upload.rs".to_owned(), 57, 20)));
        assert_eq!(place_of("/x/y.rs:57"), Some(("/x/y.rs".to_owned(), 57, 0)));
    }
}
