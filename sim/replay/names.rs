//! What was asked in a run, by names: of every question who was asked, where, and what was chosen.
//!
//! A name has nothing in it that an edit elsewhere in the file would change: no number of a task, of a question or of a
//! line. Only in cuts are there handles to be counted, from when the victim last ran.
//!
//! Knows nothing of how a name is found again.

use std::collections::BTreeMap;

use crate::choice::{Choice, Choices, Deviation, Kind, Log, Options, Owner, Question};
use crate::experiment::Run;
use crate::id::{FutureId, InstanceId, TaskId};
use crate::machine::Openings;
use crate::program::Program;
use crate::time::{Nanos, TICK};
use crate::trace::{Leg, Names, What, Whose};

/// How many openings are looked at. What is cut after so many keeps its number for a name.
const OPENINGS_MAX: usize = 1 << 22;

/// What an injected failure does.
pub(super) const FIRES: &str = "fires";

/// A run in which everything that was asked has a name.
pub(super) struct Named {
    /// Its choices.
    pub(super) log: Log,
    /// Its questions but for those of cuts, in their order, whatever was answered.
    pub(super) questions: Vec<Deviation>,
    /// Its cuts, in the order of their questions: the entry, and the answer.
    pub(super) cuts: Vec<(usize, u64)>,
    /// Its futures by name.
    pub(super) futures: BTreeMap<String, FutureId>,
    /// Its connections by name.
    pub(super) connections: BTreeMap<String, u32>,
    /// Its tasks by number: the name, and the coroutine.
    pub(super) tasks: Vec<(String, InstanceId)>,
    /// Where it could have been cut, if that was to be found out.
    pub(super) openings: Openings,
}

impl Named {
    /// Makes a run and names what is asked in it; with openings if there is to be a cut in it.
    pub(super) fn run(run: &mut dyn Run, program: &Program, choices: &mut dyn Choices, with_openings: bool) -> Named {
        let mut noting = Noting { choices, options: Vec::new() };
        let openings = if with_openings {
            run.openings(&mut noting, OPENINGS_MAX)
        } else {
            run.run(&mut noting);
            Openings::default()
        };
        let trace = run.trace();
        let mut naming = Naming::new(program);
        let mut options = noting.options.iter();
        let (mut questions, mut cuts) = (Vec::new(), Vec::new());
        for moment in trace.iter() {
            naming.see(moment.what);
            let What::Chose(choice) = moment.what else { continue };
            let option = *options.next().expect("what was recorded was asked");
            if choice.kind != Kind::Cut {
                questions.push(naming.question(&choice, option, moment.time.to_string()));
            } else if choice.answer != 0 {
                cuts.push((usize::from(choice.site), choice.answer));
            }
        }
        let all_futures = (0..naming.names.futures() as u32).map(FutureId);
        Named {
            log: trace.log(),
            questions,
            cuts,
            // Of two with one name the first is meant.
            futures: all_futures.rev().map(|future| (naming.future(future), future)).collect(),
            connections: (1..=naming.names.requests() as u32).map(|at| (naming.names.request(at), at)).collect(),
            tasks: naming.tasks(),
            openings,
        }
    }
}

/// What a question's answer stood for.
#[derive(Clone, Copy)]
enum Picked {
    /// A future, and the how manieth of those options that are the same one, from 1.
    Future(FutureId, usize),
    Length(Nanos),
    Connection(u32),
    Fires(bool),
    Cut,
}

/// Passes questions on, and notes what was picked: a log has only numbers.
struct Noting<'a> {
    choices: &'a mut dyn Choices,
    options: Vec<Picked>,
}

impl Choices for Noting<'_> {
    fn answer(&mut self, question: &Question<'_>) -> u64 {
        let answer = self.choices.answer(question);
        self.options.push(match question.options {
            Options::Futures(futures) => {
                let (picked, before) = futures[..=answer as usize].split_last().expect("one is picked");
                Picked::Future(*picked, 1 + before.iter().filter(|other| *other == picked).count())
            }
            Options::Range { min, .. } => Picked::Length(Nanos(min + answer)),
            Options::Ticks { min, .. } => Picked::Length(Nanos((min + answer) * TICK.0)),
            Options::Moment { .. } if answer == 0 => Picked::Fires(false),
            Options::Moment { first, .. } => Picked::Length(Nanos((first + answer - 1) * TICK.0)),
            Options::Connections(connections) => Picked::Connection(connections[answer as usize]),
            Options::Fire { .. } => Picked::Fires(answer != 0),
            Options::Cuts { .. } | Options::Victims(_) => Picked::Cut,
        });
        answer
    }
}

/// A fold over the events of a run that gives its questions their names.
struct Naming<'p> {
    program: &'p Program,
    names: Names<'p>,
    /// By task: the coroutines that it runs in place, the innermost last. An error leaves one without an event; see
    /// [`Naming::point`].
    running: Vec<Vec<InstanceId>>,
    /// How often each subject has been asked at each site.
    visits: BTreeMap<(Kind, String, String), u32>,
}

impl<'p> Naming<'p> {
    fn new(program: &'p Program) -> Naming<'p> {
        Naming { program, names: Names::new(program), running: Vec::new(), visits: BTreeMap::new() }
    }

    fn see(&mut self, what: What) {
        self.names.see(what);
        self.running.resize_with(self.names.tasks(), Vec::new);
        match what {
            What::Called { task, instance } => self.running[task.index()].push(instance),
            What::CallReturned { task, .. } => _ = self.running[task.index()].pop(),
            _ => {}
        }
    }

    fn tasks(&self) -> Vec<(String, InstanceId)> {
        let all = (0..self.names.tasks() as u32).map(TaskId);
        all.filter_map(|task| Some((self.names.task(task), self.names.instance_of(task)?))).collect()
    }

    fn question(&mut self, choice: &Choice, picked: Picked, time: String) -> Deviation {
        let subject = match choice.kind.owner() {
            Owner::EventLoop => "event loop".to_owned(),
            Owner::Tokio => "tokio".to_owned(),
            Owner::Network => "network".to_owned(),
            Owner::Subject => self.names.task(choice.subject),
        };
        let site = match choice.kind {
            Kind::Failure => self.point(choice.subject, choice.site),
            Kind::SleepLength | Kind::Chosen | Kind::Branch => String::new(),
            Kind::MessageLatency | Kind::MessageLoss => Leg::name_of(choice.site).to_owned(),
            Kind::Outage => self.outage(choice.site),
            Kind::TimerOrder
            | Kind::ReadyOrder
            | Kind::TaskSetOrder
            | Kind::PollOrder
            | Kind::MessageOrder
            | Kind::Cut => time,
        };
        let chosen = match picked {
            Picked::Future(future, 1) => self.future(future),
            Picked::Future(future, nth) => format!("{} ({nth})", self.future(future)),
            Picked::Length(Nanos(number)) if matches!(choice.kind, Kind::Chosen | Kind::Branch) => number.to_string(),
            Picked::Length(length) => length.to_string(),
            Picked::Connection(connection) => self.names.request(connection),
            Picked::Fires(true) => FIRES.to_owned(),
            Picked::Fires(false) | Picked::Cut => String::new(),
        };
        let visit = self.visits.entry((choice.kind, subject.clone(), site.clone())).or_default();
        *visit += 1;
        Deviation { kind: choice.kind, subject, site, visit: *visit, chosen }
    }

    /// What fails: the verb of the file and the hosts.
    fn outage(&self, outage: u16) -> String {
        let network = self.program.network.as_ref();
        network.map_or_else(String::new, |network| network.outage(usize::from(outage)))
    }

    /// The name of a point of the coroutine that a task runs: the innermost one that has something to be asked there.
    fn point(&mut self, task: TaskId, point: u16) -> String {
        let own = self.names.instance_of(task).unwrap_or(InstanceId::MAIN);
        let is_asked = |instance: InstanceId| {
            usize::from(point) < self.program.body(instance).points.len()
                && self.program.actions_at(instance, point).iter().any(|action| action.asked.is_some())
        };
        let Some(running) = self.running.get_mut(task.index()) else { return String::new() };
        while running.pop_if(|instance| !is_asked(*instance)).is_some() {}
        let instance = running.last().copied().unwrap_or(own);
        self.program.body(instance).points.get(usize::from(point)).cloned().unwrap_or_default()
    }

    /// What a future belongs to. Gathers are counted by who made them, because everybody's change more often.
    fn future(&self, future: FutureId) -> String {
        match self.names.whose(future) {
            Some(Whose::Task(task)) => self.names.task(task),
            Some(Whose::Gather { ordinal, by, .. }) => format!("gather {ordinal} of {}", self.names.task(by)),
            Some(Whose::Shield { ordinal, by, .. }) => format!("shield {ordinal} of {}", self.names.task(by)),
            Some(Whose::Declared(object)) => self.program.objects[object.index()].name.clone(),
            None => format!("future {}", future.0),
        }
    }
}
