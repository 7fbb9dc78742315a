//! Cuts on a network: the cancellations that the harness puts into a run, each at the beginning of a millisecond.
//!
//! What is a handle to the event loop is a tick here: time moves in no smaller steps, and within one tick the order is
//! tokio's own. So a task can be cut wherever it waits for time to pass, or for a message.
//!
//! Knows nothing of who draws the ticks, or of which are worth trying.

use std::rc::Rc;

use super::shared::Shared;
use crate::choice::{Cut, Kind, Options, Question};
use crate::id::{InstanceId, TaskId};
use crate::machine::{Opening, Openings};
use crate::program::Cuts;
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

/// Asks for every cut of the run, and makes them.
pub(super) async fn make(shared: Rc<Shared>) {
    for (cut, entry) in plan(&shared) {
        shared.sleep_until(Time(cut.handle * TICK.0)).await;
        let may_be = &shared.program.cuts[entry];
        if let Some(&(task, _)) = candidates(may_be, &shared.tasks()).get(cut.victim as usize) {
            shared.cut(task);
        }
    }
}

/// Whom an entry may cut, in creation order.
fn candidates(cuts: &Cuts, tasks: &[(TaskId, InstanceId)]) -> Vec<(TaskId, InstanceId)> {
    tasks.iter().copied().filter(|(_, instance)| cuts.victims[instance.index()]).collect()
}

/// Before anything has run.
fn plan(shared: &Shared) -> Vec<(Cut, usize)> {
    let mut plan = Vec::new();
    for (at, cuts) in shared.program.cuts.iter().enumerate() {
        let (handles, victims) = (cuts.handles, cuts.tasks);
        if handles == 0 || victims == 0 {
            continue;
        }
        for left in (1..=cuts.up_to).rev() {
            let options = Options::Cuts { handles, victims, left };
            let question = Question { kind: Kind::Cut, subject: TaskId::MAIN, site: at as u16, options };
            let answer = shared.ask(&question);
            let Some(cut) = Cut::from_answer(answer, victims) else { break };
            plan.push((cut, at));
        }
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
