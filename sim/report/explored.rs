//! What an exploration covered: so many runs of which kinds, what they had to say, and what they never reached.
//!
//! Knows nothing of how the runs were drawn. It never says that a program is safe: nobody has seen every run.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Serialize;

use crate::id::InstanceId;
use crate::program::{Pattern, Program};
use crate::trace::{Phase, Trace};
use crate::verdict::{Ending, MustFind};

use super::json::line_of;
use super::limits;
use super::names::{counted, grouped, printable};
use super::paint::{Paint, Style};
use super::parting::mismatch;
use super::sites::Site;

/// What was done and seen. [`Covered::default`] is an exploration without a single run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Covered {
    /// All runs, whatever they were for.
    pub runs: u64,
    /// How many different failures there are; what had to be found is none.
    pub failures: u64,
    /// How many runs had one of them.
    pub failing: u64,
    /// In how many different orders events happened.
    pub distinct_orders: u64,
    /// In how many different ways runs ended.
    pub distinct_outcomes: u64,
    /// How many runs in plain order with a single fault were made: a cancellation, or a failure that may fire.
    pub faults_tried: u64,
    /// How many there are; none if the file allows no faults.
    pub faults_possible: u64,
    /// How many cancellations there were in all runs together.
    pub cuts_made: u64,
    /// How many more were planned for a moment at which nobody was there to be cancelled.
    pub cuts_missed: u64,
    /// Where somebody could have been cancelled and nobody was: at which operation of whose code, in which phase.
    pub never_cut: Vec<(InstanceId, u32, Phase)>,
    /// Where nobody ever was to be cancelled.
    pub never_reached: Vec<(InstanceId, u32, Phase)>,
    /// The seeds that were run with each question answered evenly.
    pub seeds: Option<Range<u64>>,
    /// The seeds that were run with orders by priorities.
    pub pct_seeds: Option<Range<u64>>,
    /// The seeds that were run by POS, by SURW, and with starvation.
    pub race_seeds: [Option<Range<u64>>; 3],
    /// How many runs reached a limit and were given up.
    pub unfinished: u64,
    /// How many of those at one instant.
    pub livelocked: u64,
    /// How the run in plain order was given up, if nothing else was tried for that.
    pub endless: Option<Ending>,
    /// Whether it was stopped before it was done.
    pub interrupted: bool,
    /// How fast it was, if that is to be told.
    pub runs_per_second: Option<f64>,
    /// What had to be found, if anything had.
    pub sought: Option<Sought>,
    /// A run that was not the same when it was made again.
    pub unstable: Option<Differing>,
}

/// What had to be found, and when it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    /// What, and within how many runs.
    pub what: MustFind,
    /// In how many runs it was found, if it was.
    pub found_in: Option<u64>,
    /// Whether all runs were made that decide it; a shard cannot tell.
    pub is_whole: bool,
}

/// Two runs that should be one and the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// How many runs it took to see it.
    pub run: u64,
    /// What happened first.
    pub first: Trace,
    /// What happened when it was made again.
    pub again: Trace,
}

/// So many places of a kind are named.
const MOST_NAMED: usize = 4;

/// The lines at the end of an exploration, in ANSI colours or without.
pub fn explored(program: &Program, covered: &Covered, color: bool) -> String {
    let paint = Paint::new(color);
    let speed = covered.runs_per_second.map(|rate| format!(" ({} runs/s)", grouped(rate.round() as u64)));
    let orders = counted(covered.distinct_orders, "distinct order", "distinct orders");
    let outcomes = counted(covered.distinct_outcomes, "outcome", "outcomes");
    let style = if covered.failures == 0 { Style::Good } else { Style::Bad };
    let mut failures = counted(covered.failures, "failure", "failures");
    if covered.failures > 0 {
        failures.push_str(&format!(", in {}", counted(covered.failing, "run", "runs")));
    }
    let failures = paint.text(&failures, style);
    let stopped = if covered.interrupted { "stopped early: " } else { "" };
    let mut out = format!(
        "{stopped}{}{}; {orders}, {outcomes}; {failures}{}\n",
        counted(covered.runs, "run", "runs"),
        covered.of_what(program),
        speed.unwrap_or_default()
    );
    if program.network.is_some() {
        let what =
            if program.is_rust() { "tasks that are spawned past `atropos::tokio`" } else { "handlers within one host" };
        out.push_str(&format!("not explored: the order of {what}, which is tokio's\n"));
    }
    if program.is_rust() && covered.cuts_missed > 0 {
        let planned = grouped(covered.cuts_made + covered.cuts_missed);
        let missed = grouped(covered.cuts_missed);
        out.push_str(&format!("not tested: {missed} of {planned} planned cuts, when nobody was there to be dropped\n"));
    }
    tell_places("never cut", &covered.never_cut, program, &mut out);
    tell_places("never reached, so never cut", &covered.never_reached, program, &mut out);
    if let Some(ending) = covered.endless {
        out.push_str(&limits::endless(program, ending));
    } else if covered.unfinished > 0 {
        out.push_str(&limits::unfinished(program, covered.unfinished, covered.livelocked, covered.runs));
    }
    if let Some(sought) = &covered.sought {
        let style = if sought.is_missed() { Style::Bad } else { Style::Good };
        out.push_str(&paint.text(&sought.told(), style));
        out.push('\n');
    }
    // Of real code it is told with suspects, as the failure of a test.
    if let Some(Differing { run, first, again }) = covered.unstable.as_ref().filter(|_| !program.is_rust()) {
        let differs = format!("Run {} is another one when it is made again.", grouped(*run));
        out.push_str(&paint.text(&differs, Style::Bad));
        out.push_str(" That says nothing about the scenario: it is a bug of Atropos.\n");
        out.push_str(&mismatch(program, first, again));
    }
    out
}

/// A line of JSON about an exploration: `explored` in `json.md`.
pub fn json_explored(program: &Program, covered: &Covered) -> String {
    let line = Line {
        event: "explored",
        runs: covered.runs,
        failures: covered.failures,
        failing: covered.failing,
        distinct_orders: covered.distinct_orders,
        distinct_outcomes: covered.distinct_outcomes,
        faults_tried: covered.faults_tried,
        faults_possible: covered.faults_possible,
        cuts_made: covered.cuts_made,
        never_cut: places(&covered.never_cut, program),
        never_reached: places(&covered.never_reached, program),
        seeds: covered.seeds.as_ref().map(|seeds| [seeds.start, seeds.end]),
        pct_seeds: covered.pct_seeds.as_ref().map(|seeds| [seeds.start, seeds.end]),
        pos_seeds: covered.race_seeds[0].as_ref().map(|seeds| [seeds.start, seeds.end]),
        surw_seeds: covered.race_seeds[1].as_ref().map(|seeds| [seeds.start, seeds.end]),
        starve_seeds: covered.race_seeds[2].as_ref().map(|seeds| [seeds.start, seeds.end]),
        unfinished: covered.unfinished,
        endless: covered.endless.map(Ending::name),
        interrupted: covered.interrupted,
        runs_per_second: covered.runs_per_second,
        must_find: covered.sought.as_ref().map(Sought::json),
        unstable: covered.unstable.as_ref().map(|differing| differing.run),
    };
    line_of(&line)
}

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    runs: u64,
    failures: u64,
    failing: u64,
    distinct_orders: u64,
    distinct_outcomes: u64,
    faults_tried: u64,
    faults_possible: u64,
    cuts_made: u64,
    never_cut: Vec<String>,
    never_reached: Vec<String>,
    seeds: Option<[u64; 2]>,
    pct_seeds: Option<[u64; 2]>,
    pos_seeds: Option<[u64; 2]>,
    surw_seeds: Option<[u64; 2]>,
    starve_seeds: Option<[u64; 2]>,
    unfinished: u64,
    endless: Option<&'static str>,
    interrupted: bool,
    runs_per_second: Option<f64>,
    must_find: Option<MustBeFound<'a>>,
    unstable: Option<u64>,
}

#[derive(Serialize)]
struct MustBeFound<'a> {
    oracle: &'static str,
    task: Option<&'a str>,
    within: u64,
    found_in: Option<u64>,
}

impl Sought {
    /// Whether it had to be found in these runs, and was not.
    pub fn is_missed(&self) -> bool {
        self.is_whole && self.found_in.is_none_or(|runs| self.what.within < runs)
    }

    fn told(&self) -> String {
        let MustFind { what, task, within } = &self.what;
        let whose = task.as_ref().map(|task| format!(" of `{}`", printable(task.text()))).unwrap_or_default();
        let within = counted(*within, "run", "runs");
        match self.found_in {
            Some(runs) if self.is_missed() => {
                format!("`{what}`{whose} has to be found within {within}, but was found in {} only", grouped(runs))
            }
            Some(runs) => {
                format!("`{what}`{whose} has to be found within {within}, and was found in {}", grouped(runs))
            }
            None => format!("`{what}`{whose} has to be found within {within}, but was not found"),
        }
    }

    fn json(&self) -> MustBeFound<'_> {
        let MustFind { what, task, within } = &self.what;
        MustBeFound { oracle: what, task: task.as_ref().map(Pattern::text), within: *within, found_in: self.found_in }
    }
}

impl Covered {
    /// Which runs there were.
    fn of_what(&self, program: &Program) -> String {
        let mut kinds = Vec::new();
        if self.faults_possible > 0 {
            let (one, more) = match (program.cuts.is_empty(), program.failures.is_empty()) {
                _ if program.is_rust() => ("single cut or change of order", "single cuts and changes of order"),
                _ if program.schedule.polls_any_order => {
                    ("single fault or change of order", "single faults and changes of order")
                }
                (false, true) => ("single cancellation", "single cancellations"),
                (true, false) => ("single failure", "single failures"),
                _ => ("single fault", "single faults"),
            };
            let all = counted(self.faults_possible, one, more);
            let which = if self.faults_tried < self.faults_possible {
                grouped(self.faults_tried)
            } else {
                "every one".to_owned()
            };
            kinds.push(format!("{which} of {all} in plain order"));
        }
        let told = |seeds: &Range<u64>| format!("seeds {}..{}", seeds.start, seeds.end);
        match (&self.seeds, &self.pct_seeds, &self.race_seeds) {
            (Some(seeds), Some(pct), [Some(pos), Some(surw), None])
                if [pct, pos, surw].iter().all(|more| *more == seeds) =>
            {
                kinds.push(format!("{} evenly, by PCT, POS and SURW", told(seeds)));
            }
            (Some(seeds), Some(pct), [None, None, None]) if seeds == pct => {
                kinds.push(format!("{} evenly and by PCT", told(seeds)))
            }
            (seeds, pct, [pos, surw, starve]) => {
                kinds.extend(seeds.as_ref().map(told));
                for (name, seeds) in [("PCT", pct), ("POS", pos), ("SURW", surw), ("starvation", starve)] {
                    kinds.extend(seeds.as_ref().map(|seeds| format!("{} by {name}", told(seeds))));
                }
            }
        }
        if program.cuts.is_empty() && program.failures.is_empty() && self.runs > 0 {
            kinds.push("nothing injected".to_owned());
        }
        if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) }
    }
}

/// A few lines of places, if there are any.
fn tell_places(what: &str, all: &[(InstanceId, u32, Phase)], program: &Program, out: &mut String) {
    let places = places(all, program);
    if places.is_empty() {
        return;
    }
    out.push_str(&format!("{what}:\n"));
    places.iter().take(MOST_NAMED).for_each(|place| out.push_str(&format!("  {place}\n")));
    if places.len() > MOST_NAMED {
        out.push_str(&format!("  and {}\n", counted((places.len() - MOST_NAMED) as u64, "more place", "more places")));
    }
}

/// Places in words: a `[[task]]` once, however many instances it has.
fn places(all: &[(InstanceId, u32, Phase)], program: &Program) -> Vec<String> {
    let mut told = BTreeSet::new();
    let places = all.iter().map(|&(instance, site, phase)| {
        let when = Site::new(instance, site, None).when(program, phase);
        format!("`{}` {when}", printable(&program.body(instance).name))
    });
    places.filter(|place| told.insert(place.clone())).collect()
}
