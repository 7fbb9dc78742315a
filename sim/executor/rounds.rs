//! The loop: who is polled next, in tokio's own order or another one, and what happens when nobody is woken.
//!
//! A round is what tokio's current-thread runtime does between two looks at its clock: first the root, if it is woken,
//! then up to 61 tasks in the order in which they were woken. After that the loop goes back to tokio, which wakes those
//! who have yielded and whose timers are due, and moves the clock if nobody is woken.
//!
//! Knows nothing of what a task does when it is polled.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::time::{Duration, Instant, Sleep};

use super::draws::{self, Draws};
use super::queue::Queue;
use super::shared::Shared;
use super::strays::Strays;
use super::task::WOKEN_BY;
use super::{Setting, cut, outcome};
use crate::choice::{Kind, Options, Question};
use crate::id::{FutureId, TaskId};
use crate::time::Time;
use crate::trace::Outcome;

/// So many tasks does tokio poll between two looks at its clock.
const EVENT_INTERVAL: u32 = 61;

/// So many tasks at once may make a run longer.
const MOST_ALLOWED: u32 = 200_000;

/// Of more woken tasks, those who wait longest may be chosen.
const CHOSEN_FROM: usize = 64;

/// If nothing happens for so long, everybody waits for ever. It is less than tokio's idea of never, 30 years.
const FOR_EVER: Duration = Duration::from_secs(5 * 365 * 24 * 60 * 60);

/// The same where it is known that nobody waits for a time.
const GUESTS_WAIT: Duration = Duration::from_millis(1);

/// If nothing happens for so long, everything has settled.
const SETTLED: Duration = Duration::from_secs(60 * 60);

/// The same on a network, where each millisecond has to be made.
const SETTLED_ON_NETWORK: Duration = Duration::from_secs(1);

/// While everybody sleeps, so often a millisecond passes between two moments for a cut; then longer, a quarter more each
/// time.
const MILLISECONDS: u32 = 32;

/// The loop of one run; on a network, of what is on one host.
pub(super) struct Rounds {
    shared: Rc<Shared>,
    /// Which host.
    home: usize,
    queue: Rc<Queue>,
    any_order: bool,
    steps_max: u64,
    steps_at_one_instant_max: u64,
    steps: u64,
    /// How many steps there had been when the clock moved last.
    steps_before: u64,
    time: Time,
    options: Vec<TaskId>,
    futures: Vec<FutureId>,
    idle: Idle,
    /// What is known of the numbers that tokio draws, from the first round on.
    draws: Option<Draws>,
    /// Whether they are steered.
    is_steered: bool,
}

/// While nobody is woken.
struct Idle {
    /// How many polls there had been, of whomever, when it began, and when that was.
    steps: u64,
    since: Option<Instant>,
    /// How many moments have passed in it.
    moments: u32,
    sleep: Option<Pin<Box<Sleep>>>,
    /// When that is over, if it is set.
    until: Option<Instant>,
}

impl Rounds {
    pub(super) fn new(shared: Rc<Shared>, setting: &Setting, home: usize) -> Rounds {
        shared.enter(home);
        Rounds {
            queue: shared.queue(),
            shared,
            home,
            any_order: setting.any_order,
            steps_max: setting.limits.steps,
            steps_at_one_instant_max: u64::from(setting.limits.turns_at_one_instant),
            steps: 0,
            steps_before: 0,
            time: Time::ZERO,
            options: Vec::new(),
            futures: Vec::new(),
            draws: None,
            is_steered: false,
            idle: Idle { steps: u64::MAX, since: None, moments: 0, sleep: None, until: None },
        }
    }

    /// What tokio polls.
    pub(super) fn round(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        self.shared.enter(self.home);
        let time = self.shared.look_at_clock();
        self.learn_draws(time != self.time);
        self.queue.begin_round(context.waker());
        if let Some(strays) = self.shared.strays() {
            strays.begin(context);
        }
        if time != self.time {
            self.time = time;
            self.steps_before = self.steps;
        }
        let mut left = EVENT_INTERVAL;
        let mut is_beginning = true;
        loop {
            if let Some(outcome) = self.end() {
                self.look_at_draws();
                return Poll::Ready(outcome);
            }
            if self.shared.guest.is_some() && left > 0 && !self.queue.is_empty() {
                self.shared.moment(&self.queue);
            }
            self.queue.options(is_beginning, if self.any_order { CHOSEN_FROM } else { 1 }, &mut self.options);
            if self.options.is_empty() || left == 0 {
                break;
            }
            if let Some(owner) = cut::moment(&self.shared) {
                self.poll_victim(owner);
                left -= 1;
            } else {
                let task = self.choose();
                self.poll_task(task);
                left -= u32::from(task != TaskId::MAIN);
            }
            is_beginning = false;
        }
        let has_more = self.queue.end_round();
        if let Some(strays) = self.shared.strays() {
            strays.poll();
        }
        if has_more {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.idle(context)
    }

    /// How the run ends, if it does here.
    fn end(&self) -> Option<Outcome> {
        // The other hosts go on, and so does what the root has left behind.
        if let Some(end) = self.shared.end().filter(|_| !self.shared.is_on_network()) {
            return Some(outcome(end));
        }
        // A program may have many tasks at once, and each is polled a few times; but making ever more has to end.
        let allowance = 20 * u64::from(self.shared.most_alive().min(MOST_ALLOWED));
        if self.steps - self.steps_before > self.steps_at_one_instant_max.saturating_add(allowance) {
            Some(Outcome::Livelocked)
        } else if self.steps > self.steps_max.saturating_add(allowance) {
            Some(Outcome::OutOfSteps)
        } else {
            None
        }
    }

    /// Who is next.
    fn choose(&mut self) -> TaskId {
        if self.options.len() == 1 || !self.any_order || self.shared.has_ended() {
            return self.options[0];
        }
        let first = self.options[0];
        self.shared.futures(&mut self.options, &mut self.futures);
        // What is nobody's comes when it is its turn.
        if self.options.first() != Some(&first) || self.options.len() == 1 {
            return first;
        }
        let options = Options::Futures(&self.futures);
        let question = Question { kind: Kind::PollOrder, subject: TaskId::MAIN, site: self.home as u16, options };
        self.options[self.shared.ask(&question) as usize]
    }

    /// Polls who was cut, if that is here; on another host it is woken, and polled there.
    fn poll_victim(&mut self, owner: TaskId) {
        if self.shared.is_at_home(owner) {
            self.poll_task(owner);
        }
    }

    /// Polls a task; whether it is gone by that.
    fn poll_task(&mut self, task: TaskId) -> bool {
        self.steps += 1;
        self.shared.polls.update(|polls| polls + 1);
        let shared = &self.shared;
        let woken = self.queue.begin(task);
        if woken.is_aborted {
            shared.aborted(task, woken.by);
        }
        WOKEN_BY.set(woken.by);
        let mut is_gone = true;
        let strays = Strays::before(shared, task);
        let suspensions = shared.suspensions(task);
        if let Some(mut polled) = shared.begin_poll(task) {
            self.steer(task);
            let shared = &self.shared;
            shared.turn.set(Some(task));
            polled.aborts.set_polled(true);
            if let Some(poke) = &polled.poke {
                poke.wake_by_ref();
            }
            is_gone = Pin::new(&mut polled.set).poll(&mut Context::from_waker(&polled.aborts.waker)).is_ready();
            polled.aborts.set_polled(false);
            shared.turn.set(None);
            if is_gone {
                shared.is_gone(polled.set);
            } else {
                shared.end_poll(task, polled);
            }
        }
        let shared = &self.shared;
        self.queue.end(task, is_gone);
        if let Some(before) = strays {
            before.after(shared);
        }
        if self.is_steered {
            self.count_draws(task, suspensions);
        }
        is_gone
    }

    /// Finds out what tokio will draw: at the beginning, and on a network in each tick, because turmoil begins anew to block
    /// then.
    fn learn_draws(&mut self, is_new_tick: bool) {
        let is_on_network = self.shared.is_on_network();
        if self.draws.is_none() || is_on_network && is_new_tick {
            self.is_steered = self.shared.names.draws() || is_on_network && self.shared.is_measured();
            if self.is_steered || !is_on_network {
                let draws = Draws::learn();
                if !draws.is_known() {
                    self.shared.names.set_draws_unknown();
                }
                self.draws = Some(draws);
            }
        }
    }

    /// Decides what tokio draws in the next poll: the first branch of a `select!`, or the last one.
    fn steer(&mut self, task: TaskId) {
        if !self.is_steered || self.shared.is_closed() {
            return;
        }
        let options = Options::Range { min: 0, max: 1 };
        let subject = self.shared.who(task).map_or(task, |who| who.task);
        let question = Question { kind: Kind::Branch, subject, site: 0, options };
        let last = self.any_order && self.shared.may_draw(task) && self.shared.ask(&question) == 1;
        if let Some(draws) = &mut self.draws {
            draws.steer(last);
        }
    }

    /// Sees whether tokio has drawn in the poll of a task before which there had been so many.
    fn count_draws(&mut self, task: TaskId, suspensions: u32) {
        let Some(count) = self.draws.as_mut().and_then(Draws::count) else { return };
        if count > 0 {
            self.shared.has_drawn(task, suspensions);
        }
        let unsteered = u64::from(count.saturating_sub(draws::STEERED));
        self.shared.names.not_chosen(unsteered);
    }

    /// At the end of a run that was not steered: whether it should have been.
    fn look_at_draws(&mut self) {
        let Some(draws) = self.draws.as_mut().filter(|_| !self.is_steered) else { return };
        if draws.count() != Some(0) {
            self.shared.names.set_draws();
        }
    }

    /// Polls everybody once more although nobody has woken them: who gets anywhere by that has missed a wake.
    fn probe(&mut self) {
        let shared = self.shared.clone();
        shared.close();
        for task in shared.alive() {
            let is_gone = self.poll_task(task);
            if is_gone || !self.queue.is_empty() {
                shared.lost_wake(task);
                return;
            }
        }
    }

    /// Nobody is woken: sets a timer for what comes next if nobody ever is.
    fn idle(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        let shared = self.shared.clone();
        let begun = shared.last_look();
        let idle = &mut self.idle;
        let polls = shared.polls.get();
        if idle.steps != polls {
            (idle.steps, idle.since, idle.moments) = (polls, Some(begun), 0);
            shared.moment(&self.queue);
            if !self.queue.is_empty() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let since = idle.since.unwrap_or(begun);
        if let Some(guest) = &shared.guest {
            // Who has yielded is woken by tokio within this instant, and a timer moves the clock.
            if shared.waits_for_time() || self.idle.poll(since + GUESTS_WAIT, context).is_pending() {
                return Poll::Pending;
            }
            guest.end(Outcome::Deadlocked);
            return Poll::Ready(Outcome::Deadlocked);
        }
        let is_on_network = shared.is_on_network();
        let settled_after = if is_on_network { SETTLED_ON_NETWORK } else { SETTLED };
        loop {
            // Of several hosts, the moments pass on the test's own.
            let has_moments = self.home == 0 && shared.victims.borrow().are_awaited();
            let moment = has_moments.then(|| since + offset(self.idle.moments));
            let settled = (!shared.settlers.borrow().waiting.is_empty()).then(|| since + settled_after);
            // Whoever drives a network knows best when nothing is left to happen there.
            let for_ever = (!is_on_network).then(|| since + FOR_EVER);
            let Some(until) = [moment, settled, for_ever].into_iter().flatten().min() else { return Poll::Pending };
            if self.idle.poll(until, context).is_pending() {
                return Poll::Pending;
            }
            shared.look_at_clock();
            let now = shared.now();
            if moment.is_some_and(|moment| moment <= now) {
                self.idle.moments += 1;
                if let Some(owner) = cut::moment(&shared) {
                    self.poll_victim(owner);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            if settled.is_some_and(|settled| settled <= now) {
                let settled = std::mem::take(&mut shared.settlers.borrow_mut().waiting);
                settled.into_iter().for_each(|(_, waker)| waker.wake());
                return Poll::Pending;
            }
            if for_ever.is_some_and(|for_ever| for_ever <= now) {
                self.look_at_draws();
                self.probe();
                return Poll::Ready(Outcome::Deadlocked);
            }
        }
    }
}

impl Idle {
    /// Whether it is this late; or else the task that is polled is woken then, or before.
    fn poll(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if self.until.is_none_or(|set| until < set) {
            sleep.as_mut().reset(until);
            self.until = Some(until);
        }
        let polled = sleep.as_mut().poll(context);
        if polled.is_ready() {
            self.until = None;
        }
        polled
    }
}

/// How long after the last poll the moment with this number comes.
fn offset(moment: u32) -> Duration {
    let length = u64::from(moment.min(MILLISECONDS - 1) + 1);
    let longer = (MILLISECONDS..=moment).fold(length, |length, _| length + (length / 4).max(1));
    Duration::from_millis(longer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_an_idle_time_come_every_millisecond_and_then_ever_more_rarely() {
        let millis: Vec<u128> = (0..40).map(|moment| offset(moment).as_millis()).collect();
        assert_eq!(millis[..3], [1, 2, 3]);
        assert_eq!(millis[30..36], [31, 32, 40, 50, 62, 77]);
        assert!(60 < (0..).take_while(|&moment| offset(moment) < SETTLED).count());
    }
}
