//! Who is in a program: main and every instance of every `[[task]]`, with their names and constants.
//!
//! Knows nothing of what they do.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::diagnostic::Diagnostic;
use crate::id::InstanceId;
use crate::time::Nanos;

use super::Scenario;
use super::constants::{Constant, Constants};
use super::file::Task;
use super::reader::Span;
use super::steps::Step;
use super::strategy_text::StrategyText;
use super::template::Template;

/// The name of main; no task may have it.
const MAIN: &str = "main";

/// The main of a program, and what it is told.
pub(super) struct Main<'a> {
    pub(super) steps: &'a [Step],
    pub(super) strategy: Option<&'a StrategyText>,
    /// Where the file says which main it is.
    pub(super) span: Option<Span>,
    parameters: Vec<(&'a str, Constant)>,
}

impl<'a> Main<'a> {
    /// The main that is `strategy`, or the file's own, if it has one.
    pub(super) fn of(scenario: &'a Scenario, strategy: Option<&'a StrategyText>) -> Option<Main<'a>> {
        let Some(strategy) = strategy else {
            let (steps, span) = scenario.main.as_ref()?;
            return Some(Main { steps, strategy: None, span: Some(span.clone()), parameters: Vec::new() });
        };
        let listed = scenario.strategies.iter().find(|name| *name.get_ref() == strategy.name);
        let parameters = strategy.parameters.iter().map(|parameter| {
            let set =
                scenario.parameters.iter().find(|(name, value)| *name == parameter.name && parameter.takes(value));
            (parameter.name.as_str(), set.map_or(&parameter.value, |(_, value)| value).clone())
        });
        let parameters = parameters.collect();
        Some(Main {
            steps: &strategy.steps,
            strategy: Some(strategy),
            span: listed.map(|name| name.span()),
            parameters,
        })
    }

    /// The parameters that are lengths of time.
    pub(super) fn lengths(&self) -> Vec<(String, Nanos)> {
        let declared = self.strategy.map_or(&[][..], |strategy| &strategy.parameters);
        let set = declared.iter().zip(&self.parameters);
        set.filter_map(|(parameter, (name, value))| Some(((*name).to_owned(), parameter.length(value)?))).collect()
    }

    /// A strategy's text is not the user's file: what does not fit is told where the file names the strategy.
    pub(super) fn blame(&self, error: Diagnostic) -> Diagnostic {
        let Some(strategy) = self.strategy else { return error };
        let message = format!("the strategy `{}` does not fit this file: {}", strategy.name, error.message);
        let error = Diagnostic { message, others: Vec::new(), span: None, ..error };
        Diagnostic { span: self.span.clone(), ..error }
    }
}

/// Everybody, main first, then in the order of the file.
pub(super) struct Cast<'a> {
    main: &'a Main<'a>,
    tasks: &'a [Task],
    pub(super) names: Vec<String>,
    /// The tasks by name; main is not among them.
    pub(super) ids: BTreeMap<String, InstanceId>,
    /// The instances of each body, main's first.
    pub(super) groups: Vec<Range<u32>>,
    /// The names of the constants of each body, in the order of their slots.
    pub(super) constants: Vec<Vec<String>>,
}

impl<'a> Cast<'a> {
    /// Names everybody; a name that is taken or empty is an error.
    pub(super) fn new(main: &'a Main<'a>, tasks: &'a [Task], errors: &mut Vec<Diagnostic>) -> Cast<'a> {
        let parameters = main.parameters.iter().map(|(name, _)| (*name).to_owned());
        let main_alone = 0..1;
        let mut cast = Cast {
            main,
            tasks,
            names: vec![MAIN.to_owned()],
            ids: BTreeMap::new(),
            groups: Vec::from([main_alone]),
            constants: vec![std::iter::once("name".to_owned()).chain(parameters).collect()],
        };
        for task in tasks {
            let keys = task.each.iter().map(|(key, _)| key.clone());
            cast.constants.push(["name".to_owned(), "i".to_owned()].into_iter().chain(keys).collect());
            let first = cast.names.len() as u32;
            if let Err(error) = cast.name_all(task) {
                errors.push(error);
            }
            cast.groups.push(first..cast.names.len() as u32);
        }
        cast
    }

    fn name_all(&mut self, task: &Task) -> Result<(), Diagnostic> {
        let names = self.constants.last().map_or(&[][..], |names| &names[1..]).to_vec();
        for at in 0..task.count {
            let values: Vec<Constant> = own_constants(task, at).collect();
            let name = Constants { names: &names, values: &values }.fold(&task.name)?;
            let problem = |message: String, label: &str| Diagnostic::at(task.span.clone(), message, label);
            if name.is_empty() || name == MAIN || name.contains(char::is_control) {
                let message = format!("expected a name in one line and other than `main`, but found {name:?}");
                return Err(problem(message, "not the name of a task"));
            }
            if let Some(other) = self.ids.get(&name) {
                let message = format!("expected every task to have its own name, but found `{name}` twice");
                let error = problem(message, "the second");
                let body = self.body_of(*other);
                return Err(match self.tasks.get(body.wrapping_sub(1)).filter(|other| other.span != task.span) {
                    Some(first) => error.other(first.span.clone(), "the first"),
                    None => error.help("with `i` in it every instance has its own: name = \"task {i}\""),
                });
            }
            self.ids.insert(name.clone(), InstanceId(self.names.len() as u32));
            self.names.push(name);
        }
        Ok(())
    }

    /// The body that an instance runs.
    pub(super) fn body_of(&self, id: InstanceId) -> usize {
        self.groups.partition_point(|group| group.end <= id.0)
    }

    /// What is known of an instance before the run, in the order of the slots.
    pub(super) fn values(&self, id: InstanceId) -> Vec<Constant> {
        let body = self.body_of(id);
        let name = Constant::Text(self.names[id.index()].clone());
        match body.checked_sub(1) {
            None => {
                let parameters = self.main.parameters.iter().map(|(_, value)| value.clone());
                std::iter::once(name).chain(parameters).collect()
            }
            Some(task) => {
                let own = own_constants(&self.tasks[task], (id.0 - self.groups[body].start) as usize);
                std::iter::once(name).chain(own).collect()
            }
        }
    }

    /// Puts a text together that has nothing but an instance's constants in it.
    pub(super) fn fold(&self, id: InstanceId, template: &Template) -> Result<String, Diagnostic> {
        let values = self.values(id);
        Constants { names: &self.constants[self.body_of(id)], values: &values }.fold(template)
    }

    /// Who is meant by `name`: one instance, or all of the `[[task]]` that is written so.
    pub(super) fn find(&self, name: &str) -> Option<Range<u32>> {
        if name == MAIN {
            return Some(0..1);
        }
        if let Some(id) = self.ids.get(name) {
            return Some(id.0..id.0 + 1);
        }
        let task = self.tasks.iter().position(|task| task.name.source.text == name)?;
        Some(self.groups[task + 1].clone())
    }

    /// The instances of the `[[task]]` that is written so, or that is called so but for a placeholder at the end.
    pub(super) fn meant(&self, name: &str) -> Option<&[String]> {
        let task = self.tasks.iter().position(|task| {
            let written = task.name.source.text.as_str();
            let beginning = written.split_once('{').map(|(beginning, _)| beginning.trim_end());
            written == name || beginning == Some(name)
        })?;
        let Range { start, end } = self.groups[task + 1];
        Some(&self.names[start as usize..end as usize])
    }

    /// Each `[[task]]` as it is written, with the names of its instances.
    pub(super) fn written(&self) -> impl Iterator<Item = (&str, &[String])> {
        let groups = self.groups[1..].iter().map(|group| &self.names[group.start as usize..group.end as usize]);
        self.tasks.iter().map(|task| task.name.source.text.as_str()).zip(groups)
    }

    /// Every name that [`Cast::find`] knows; of a crowd only the first.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        let written = self.tasks.iter().map(|task| task.name.source.text.as_str());
        written.chain(self.names.iter().map(String::as_str).take(1000))
    }
}

/// `i`, then what `each` gives.
fn own_constants(task: &Task, at: usize) -> impl Iterator<Item = Constant> {
    std::iter::once(Constant::Int(at as i64)).chain(task.each.iter().map(move |(_, values)| values[at].clone()))
}
