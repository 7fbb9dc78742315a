//! What is said of runs that were given up at a limit: which it is, and how it is raised where it was set.
//!
//! Knows nothing of what went on until then.

use crate::program::Program;
use crate::verdict::Ending;

use super::names::{counted, grouped};

/// `1,000,000 steps`: after how much a run is given up that ends so.
pub(super) fn limit(program: &Program, ending: Ending) -> String {
    let limits = program.limits;
    if ending == Ending::Livelocked {
        let turns = u64::from(limits.turns_at_one_instant);
        let (one, more) = if program.is_rust() { ("poll", "polls") } else { ("turn", "turns") };
        return format!("{} at one instant", counted(turns, one, more));
    }
    let (one, more) = match (program.is_rust(), program.network.is_some()) {
        (false, _) => ("step", "steps"),
        (true, false) => ("poll", "polls"),
        (true, true) => ("tick", "ticks"),
    };
    counted(limits.steps, one, more)
}

/// Where that limit is set.
pub(super) fn raised_by(program: &Program, ending: Ending) -> &'static str {
    match (program.is_rust(), ending) {
        (true, Ending::Livelocked) => "`Check::polls`, of which it is a tenth",
        (true, _) if program.network.is_some() => "`Network::at_most`",
        (true, _) => "`Check::polls`",
        (false, Ending::Livelocked) => "`turns_at_one_instant` under `[limits]`",
        (false, _) => "`steps` under `[limits]`",
    }
}

/// Why only one run was made, and what to do about it.
pub(super) fn endless(program: &Program, ending: Ending) -> String {
    let (limit, raised_by) = (limit(program, ending), raised_by(program, ending));
    let mut out = format!(
        "nothing else was tried: the run in plain order is given up after {limit}, and others would hardly end sooner\n\
         let the tasks come to an end, or raise the limit with {raised_by}"
    );
    if !program.is_rust() {
        out.push_str(&format!("; if it has no end, say `outcome = \"{}\"` under `[expect]`", ending.name()));
    }
    out.push('\n');
    out
}

/// That some runs were given up, of which `livelocked` at one instant, and if those are most of them, what to do about it.
pub(super) fn unfinished(program: &Program, unfinished: u64, livelocked: u64, runs: u64) -> String {
    let is_most = runs < unfinished.saturating_mul(2);
    let limit = |ending| limit(program, ending);
    let raised_by = |ending| raised_by(program, ending);
    let (which, raised_by) = match livelocked {
        0 => {
            let of = if is_most { format!(" of {}", limit(Ending::OutOfSteps)) } else { String::new() };
            (format!("the step limit{of}"), raised_by(Ending::OutOfSteps).to_owned())
        }
        all if all == unfinished => {
            (format!("the limit of {}", limit(Ending::Livelocked)), raised_by(Ending::Livelocked).to_owned())
        }
        _ => {
            let by = [Ending::OutOfSteps, Ending::Livelocked].map(raised_by);
            ("a limit".to_owned(), format!("{} and {}", by[0], by[1]))
        }
    };
    let mut out = format!("{} of {} hit {which}", grouped(unfinished), counted(runs, "run", "runs"));
    if is_most {
        out.push_str(&format!(", so they say little: raise it with {raised_by}, or let the tasks come to an end"));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Limits, sample};

    #[test]
    fn a_limit_is_raised_where_it_was_set() {
        let limits = Limits { steps: 20_000, turns_at_one_instant: 2_000 };
        let scenario = Program { limits, ..sample::program(&[]) };
        let rust = Program::of_names(&["main".to_owned()], &[], Vec::new(), limits);
        let told = |program, ending| endless(program, ending).lines().last().unwrap_or_default().to_owned();
        assert_eq!(
            told(&scenario, Ending::Livelocked),
            "let the tasks come to an end, or raise the limit with `turns_at_one_instant` under `[limits]`; if it has no \
             end, say `outcome = \"livelocked\"` under `[expect]`"
        );
        assert_eq!(
            told(&rust, Ending::Livelocked),
            "let the tasks come to an end, or raise the limit with `Check::polls`, of which it is a tenth"
        );
        assert_eq!(limit(&rust, Ending::Livelocked), "2,000 polls at one instant");
        assert_eq!(
            unfinished(&rust, 3, 0, 4),
            "3 of 4 runs hit the step limit of 20,000 polls, so they say little: raise it with `Check::polls`, or let the \
             tasks come to an end\n"
        );
        assert_eq!(unfinished(&scenario, 1, 0, 4), "1 of 4 runs hit the step limit\n");
        assert_eq!(unfinished(&scenario, 1, 1, 4), "1 of 4 runs hit the limit of 2,000 turns at one instant\n");
        assert_eq!(unfinished(&scenario, 2, 1, 4), "2 of 4 runs hit a limit\n");
        assert_eq!(
            unfinished(&scenario, 3, 3, 4),
            "3 of 4 runs hit the limit of 2,000 turns at one instant, so they say little: raise it with \
             `turns_at_one_instant` under `[limits]`, or let the tasks come to an end\n"
        );
        assert_eq!(
            unfinished(&scenario, 3, 1, 4),
            "3 of 4 runs hit a limit, so they say little: raise it with `steps` under `[limits]` and \
             `turns_at_one_instant` under `[limits]`, or let the tasks come to an end\n"
        );
    }
}
