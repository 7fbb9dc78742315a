//! Cuts: the cancellations that the harness puts into a run.
//!
//! What is a handle to the event loop is a moment between two polls here, if whoever polls tells of those: before each poll
//! of any task, and once more before time moves. On a network it is a tick: time moves in no smaller steps, and within one
//! tick the order is tokio's own. So there a task can be cut wherever it waits for time to pass, or for a message.
//!
//! Knows nothing of who draws the ticks, or of which are worth trying.

use std::rc::Rc;

use super::shared::{Shared, Whereabouts};
use crate::choice::Cut;
use crate::id::{FutureId, InstanceId, TaskId};
use crate::machine::{Opening, Openings};
use crate::program::{Cuts, Error, Value};
use crate::time::{TICK, Time};
use crate::trace::Phase;

/// A wait of a task, from its beginning to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spell {
    pub(super) task: TaskId,
    /// Whose code it runs, and the operation at which it waits.
    pub(super) instance: InstanceId,
    /// As above.
    pub(super) site: u32,
    /// The how manieth wait of the task, from 1.
    pub(super) visit: u32,
    pub(super) from: Time,
    /// Nothing if it never ended.
    pub(super) to: Option<Time>,
}

/// So many ticks of one wait are listed: in a longer one nothing new is found later.
const TICKS_MAX: u64 = 10_000;

/// Cuts between two polls.
#[derive(Debug)]
pub(super) struct Cutter {
    /// What is planned, in the order of the moments.
    plan: Vec<(Cut, usize)>,
    /// How many moments there have been.
    moments: u64,
    /// By task, at which moment it was first seen to wait where it waits, and for the how manieth time that is.
    seen: Vec<(u64, u32, bool)>,
    /// Where cuts were possible, if that is to be listed, and at most how many.
    pub(super) openings: Option<(Openings, usize)>,
}

impl Cutter {
    /// Asks for every cut of the run.
    pub(super) fn new(shared: &Shared) -> Cutter {
        let openings = shared.listed.get().map(|most| (Openings::default(), most));
        Cutter { plan: plan(shared), moments: 0, seen: Vec::new(), openings }
    }

    /// One more moment: makes the cuts that are planned for it.
    pub(super) fn moment(&mut self, shared: &Shared, is_woken: &dyn Fn(FutureId) -> bool) {
        let moment = self.moments;
        self.moments += 1;
        let is_planned = self.plan.iter().any(|(cut, _)| cut.handle == moment);
        if !is_planned && self.openings.is_none() {
            return;
        }
        let tasks = shared.tasks();
        for (entry, cuts) in shared.program.cuts.iter().enumerate() {
            for (victim, (task, _)) in (0..).zip(candidates(cuts, &tasks)) {
                let Some(at) = shared.whereabouts(task) else { continue };
                let phase = match at.visit {
                    0 => Phase::NotStarted,
                    _ if is_woken(at.future()) => Phase::Woken,
                    _ => Phase::Waiting,
                };
                let cut = Cut { handle: moment, victim };
                self.list(entry, cut, task, phase, at, shared.now());
                if self.plan.contains(&(cut, entry)) {
                    shared.cut_there(task, phase, at);
                }
            }
        }
    }

    /// Lists an opening.
    fn list(&mut self, entry: usize, cut: Cut, task: TaskId, phase: Phase, at: Whereabouts, time: Time) {
        let Some((openings, most)) = &mut self.openings else { return };
        let Whereabouts { instance, site, visit, .. } = at;
        let is_woken = phase == Phase::Woken;
        self.seen.resize(self.seen.len().max(task.index() + 1), (cut.handle, u32::MAX, false));
        let seen = &mut self.seen[task.index()];
        if (seen.1, seen.2) != (visit, is_woken) {
            *seen = (cut.handle, visit, is_woken);
        }
        let age = cut.handle - seen.0;
        openings.add(&[Opening { entry, cut, task, phase, instance, site, visit, age, time }], *most);
    }

    /// What was listed, and how long the run was for cuts.
    pub(super) fn openings(&mut self, shared: &Shared) -> Openings {
        let openings = self.openings.take().map(|(openings, _)| openings).unwrap_or_default();
        let tasks = shared.tasks();
        let counts = shared.program.cuts.iter().map(|cuts| candidates(cuts, &tasks).len() as u32);
        Openings { handles: self.moments, tasks: counts.collect(), ..openings }
    }
}

/// Asks for every cut of the run, and makes them.
pub(super) async fn make(shared: Rc<Shared>) -> Result<Value, Error> {
    for (cut, entry) in plan(&shared) {
        shared.sleep_until(Time(cut.handle * TICK.0)).await;
        let may_be = &shared.program.cuts[entry];
        if let Some(&(task, _)) = candidates(may_be, &shared.tasks()).get(cut.victim as usize) {
            shared.cut(task);
        }
    }
    Ok(Value::None)
}

/// Whom an entry may cut, in creation order.
fn candidates(cuts: &Cuts, tasks: &[(TaskId, InstanceId)]) -> Vec<(TaskId, InstanceId)> {
    tasks.iter().copied().filter(|(_, instance)| cuts.victims[instance.index()]).collect()
}

/// Before anything has run.
fn plan(shared: &Shared) -> Vec<(Cut, usize)> {
    let mut plan = Vec::new();
    for (at, cuts) in shared.program.cuts.iter().enumerate() {
        let planned = Cut::plan(at as u16, cuts.up_to, cuts.handles, cuts.tasks, |question| shared.ask(question));
        plan.extend(planned.map(|cut| (cut, at)));
    }
    plan.sort_unstable();
    plan
}

/// Where a run could have been cut that waited like this and ended then: of more than `most` places, the first.
pub(super) fn openings(
    cuts: &[Cuts],
    tasks: &[(TaskId, InstanceId)],
    spells: &[Spell],
    end: Time,
    most: usize,
) -> Openings {
    let mut all = Vec::new();
    let mut openings = Openings { handles: end.0.div_ceil(TICK.0), ..Openings::default() };
    for (entry, cuts) in cuts.iter().enumerate() {
        let candidates = candidates(cuts, tasks);
        openings.tasks.push(candidates.len() as u32);
        for spell in spells {
            let victim = candidates.iter().position(|&(task, _)| task == spell.task);
            let Some(victim) = victim.map(|at| at as u32) else { continue };
            let to = spell.to.unwrap_or(end);
            let (first, last) = (spell.from.0 / TICK.0 + 1, to.0 / TICK.0);
            for handle in first..=last.min(first + TICKS_MAX) {
                let time = Time(handle * TICK.0);
                all.push(Opening {
                    entry,
                    cut: Cut { handle, victim },
                    task: spell.task,
                    // Whether it has been woken in this very tick only tokio knows.
                    phase: Phase::Waiting,
                    instance: spell.instance,
                    site: spell.site,
                    visit: spell.visit,
                    age: handle - first,
                    time,
                });
            }
        }
    }
    all.sort_by_key(|opening| (opening.cut.handle, opening.entry, opening.cut.victim));
    openings.add(&all, most);
    openings
}
