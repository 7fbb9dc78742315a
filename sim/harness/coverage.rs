//! What an exploration covered, in numbers and places.
//!
//! Knows nothing of how that is told.

use std::collections::BTreeSet;

use crate::choice::{Choices, Ordinary, Seeded};
use crate::experiment::Experiment;
use crate::explore::{Explored, Failure, Unstable};
use crate::id::InstanceId;
use crate::program::{Body, Op, Program, Value};
use crate::report::{Covered, Differing, Sought};
use crate::trace::Phase;
use crate::verdict::Ending;

use super::Search;

impl<E: Experiment> Search<E> {
    /// What was covered, in numbers; with `runs_per_second`, if somebody measured that.
    pub fn covered(&mut self, runs_per_second: Option<f64>) -> Covered {
        let (never_cut, never_reached) = never(&self.experiment, &self.explored);
        let found_in = self.found_in();
        let sought = self.must_find.clone().map(|what| Sought { what, found_in, is_whole: self.is_whole });
        let is_failure = |failure: &&Failure| !self.is_sought(&failure.identity);
        let failures = self.explored.failures.iter().filter(is_failure).count() as u64;
        let explored = &mut self.explored;
        let livelocked = explored.endings.iter().filter(|((ending, _), _)| *ending == Ending::Livelocked);
        let livelocked = livelocked.map(|(_, count)| count).sum();
        Covered {
            runs: explored.runs,
            failures,
            sought,
            unstable: explored.unstable.as_ref().map(|Unstable { number, first, again, .. }| Differing {
                run: number + 1,
                first: first.clone(),
                again: again.clone(),
            }),
            failing: explored.failing,
            distinct_orders: explored.orders.count(),
            distinct_outcomes: explored.endings.len() as u64,
            faults_tried: explored.faults.1,
            faults_possible: explored.faults.0,
            cuts_made: explored.cuts.values().sum(),
            cuts_missed: explored.cuts_missed,
            never_cut,
            never_reached,
            seeds: explored.seeds.clone(),
            pct_seeds: explored.pct_seeds.clone(),
            race_seeds: explored.race_seeds.clone(),
            unfinished: explored.unfinished,
            livelocked,
            endless: explored.endless,
            interrupted: explored.is_interrupted,
            runs_per_second,
        }
    }
}

/// An operation of somebody's code, and in which phase a task is there.
type Place = (InstanceId, u32, Phase);

/// In so many runs, at most, is looked for tasks that could have been cut.
const LOOKED_AT: u64 = 16;

/// After so many places for a cut is no more looked for.
const OPENINGS_MAX: u64 = 1_000_000;

/// Where tasks may be cut and none was: where some were in one of a few runs, and where none ever was. Left out is where
/// nobody can be.
fn never(experiment: &dyn Experiment, explored: &Explored) -> (Vec<Place>, Vec<Place>) {
    let program = experiment.program();
    if program.is_rust() || explored.endless.is_some() {
        // Where it could be cut is only seen where it is cut, and nobody was to be cut if there was but one run.
        return Default::default();
    }
    let key = |(id, site, phase): Place| {
        let body = program.body(id);
        // The copies of a `finally` are one place.
        (program.instance(id).body, body.ops.get(site as usize).and_then(Op::awaits).ok_or(site), phase)
    };
    let cut: BTreeSet<_> = explored.cuts.keys().map(|&place| key(place)).collect();
    let left: Vec<Place> = places(&program).into_iter().filter(|&place| !cut.contains(&key(place))).collect();
    if left.is_empty() {
        return Default::default();
    }
    let mut seen = BTreeSet::new();
    let (mut run, mut total) = (experiment.begin(), 0);
    let seeds = explored
        .seeds
        .iter()
        .chain(&explored.pct_seeds)
        .chain(explored.race_seeds.iter().flatten())
        .next()
        .cloned()
        .unwrap_or(0..0);
    let seeds = seeds.take(LOOKED_AT as usize - 1).map(|seed| Box::new(Seeded::new(seed)) as Box<dyn Choices>);
    for mut choices in std::iter::once(Box::new(Ordinary) as Box<dyn Choices>).chain(seeds) {
        let openings = run.openings(&mut *choices, OPENINGS_MAX as usize);
        seen.extend(openings.list.iter().map(|opening| key((opening.instance, opening.site, opening.phase))));
        total += openings.total;
        if OPENINGS_MAX < total {
            break;
        }
    }
    left.into_iter().partition(|&place| seen.contains(&key(place)))
}

/// Where a task that may be cut can be: before its first line, and waiting or woken at each of its awaits.
fn places(program: &Program) -> Vec<Place> {
    let mut places = Vec::new();
    for (at, body) in (0_u32..).zip(&program.bodies) {
        let mut ids = (0..).map(InstanceId).take(program.instances.len());
        let victim =
            ids.find(|&id| program.instance(id).body == at && program.cuts.iter().any(|cuts| cuts.victims[id.index()]));
        let Some(victim) = victim else { continue };
        // On a network cuts come between ticks, and whoever is made or woken in a tick runs in it.
        let is_between_ticks = program.network.is_some();
        if !is_between_ticks {
            places.push((victim, 0, Phase::NotStarted));
        }
        for (site, _) in body.awaits() {
            if may_wait(program, at, body, site) {
                places.push((victim, site, Phase::Waiting));
            }
            if !is_between_ticks {
                places.push((victim, site, Phase::Woken));
            }
        }
    }
    places
}

/// Whether anybody who is here may have to wait, and not only to let the others run first, as with `sleep(0)`.
fn may_wait(program: &Program, at: u32, body: &Body, site: u32) -> bool {
    let Op::Sleep { max, .. } = body.ops[site as usize] else { return true };
    let mut ids = (0..).map(InstanceId).take(program.instances.len());
    ids.any(|id| program.instance(id).body == at && program.constant(id, max) != Value::Int(0))
}
