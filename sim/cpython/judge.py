"""Runs scenario programs as real asyncio programs of the interpreter that executes this file, 3.8 to 3.13.

    judge.py < PROGRAMS              one JSON program a line in, one JSON run a line out
    judge.py --transcript < PROGRAM  what the programs print, and nothing else
    judge.py --source < PROGRAM      the Python that the programs become

# A program

    {"tasks": [{"name": "task {i}", "steps": […], "instances": [{"name": "task 0", "values": {"i": 0}}, …]}, …],
     "main": {"steps": […]},
     "parameters": {"linger": "2s"},        what main's steps may name; all from here on may be left out
     "shared": {"left": 3},
     "objects": {"lock": "Lock()"},
     "eager_tasks": false,                  whether the loop's task factory is asyncio's eager one
     "exceptions": ["PaymentError"],
     "fails": [{"task": …, "at": …, "time": …, "print": …, "raise": …, "type": …}, …],
     "cancels": [{"task": …, "at": …, "by": …, "time": …, "message": …}, …],
     "limits": {"steps": 300000, "turns": 200000}}

Steps, expressions, texts and durations stand in it as a scenario file has them; `scenario.py` makes it of one. A
`values` key is a constant of the instance: a text, or an integer. The `except` of a `try` is an object in the order
of its clauses, or a list of pairs. A sleep with a range lasts its minimum; sets are walked in creation order.

# A run

    {"python": "3.13.0", "events": […], "prints": ["…", …], "outcome": […]}

An outcome is `["finished", value]`, `["failed", error]`, `["deadlocked"]`, or `["cut", why]` when the run was given
up: a limit of `"turns"` or `"steps"` was reached, or Python's `"recursion"` limit was about to be (a circle of tasks
that await each other is cancelled, which some versions do not survive), or a `"coroutine"` was started again that had
not ended (whoever comes next takes a step of it, which is not told here); then `events` holds the first thousand only.
Or, in place of all of it, `{"error": "…"}` for a program that makes no sense.

An event is `[turn, time in ns, task, what, detail…]`, in the order of happening. A task is its number in creation
order, main is 0; a future is its number in creation order, tasks' and gathers' together, main's is 0. A value is what
JSON has, a list as Python's repr of it with tasks shown as their names, `{"future": n}`, `{"coroutine": name}`, or
`{"error": error}`. An error is `[type, message or null]`, with a third item `"python"` if it was Python itself that
raised it: such messages are only as good as the interpreter's version. By whom: a task's number, `"outside"`,
`"shutdown"`, `"timeout"`, `"task_group"` or `"callback"`. `wait_for` is told as blocked with `null` for the object.

    created        name, by              main too, at turn 0
    started                              its first line runs
    printed        text
    yielded                              it enters sleep(0)
    slept          until                 it enters a sleep, in ns
    awaited        future                it awaits a task or a gather that is not done
    waited         count, until or null  it enters wait, for so many distinct futures
    called_back                          a callback that it has made is called; what that does follows
    callback_failed  error               and that it raises is told to the loop
    called         name                  it runs a coroutine in place
    call_returned  value                 that coroutine returned
    resumed        how                   "yield", "timer", "future" or "object": it goes on after what it had entered, unless
                                         its cancellation arrives, which the next event tells instead
    cancel_delivered  message or null    CancelledError arrives in it, where it waits, and it was asked to cancel; one
                                         that never started is not told, it only ends as cancelled
    raised         error                 an error comes up in it: a step raises, a call fails, or what it awaited has
                                         failed (after `resumed`)
    caught         error
    struck         point                 a failure or cancellation of the scenario
    wait_returned  done, pending         in place of `resumed`
    cancel_requested  by, message        for every task that cancel() reaches, also through what it awaits; a task
                                         that was cancelled while it ran passes that on when it awaits
    cancel_refused    by, since          the first or a gather's child only: done since that turn
    gathered       future, children      so many distinct ones; main makes the one of the shutdown
    finished       value
    failed         error
    cancelled      message or null       also by returning, and without ever having started
    blocked        method, object        it uses an object and has to wait; told again whenever it has to once more
    used           method, object, count  it has used an object: 1 if a lock is locked or an event is set; a semaphore's
                                         permits; a queue's items, or those not done; the waiters not notified
    timeout_set    until or null         it has entered a timeout, or set it anew
    shielded       future, inner         it has made a shield
    dropped                              never ended, though the loop was closed
    unhandled      error                 told by run() at its end

In these the task is null:

    gather_finished          future
    gather_failed            future, error
    gather_cancel_requested  future, by, message
    gather_cancel_refused    future, by, since
    shutdown                 left        main has ended and so many tasks have not

Left out on purpose: turns in which nothing happens that a scenario can see, timers, asyncio's own tasks, and whether
a wait ended by its timeout. With a message, 3.8 has no cancel(): a step's raises TypeError, and a cancellation from
outside is made without it. The repr of a task in one of Python's own messages is cut down to `<Task>`.

Knows nothing of TOML, or of the simulation that it is compared with.
"""

import asyncio
import builtins
import collections.abc
import fractions
import functools
import itertools
import json
import re
import sys
import warnings
from asyncio import runners, tasks

import translate
import virtual_loop

KEPT_OF_CUT_RUNS = 1000
# How deep coroutines may run each other in place, and cancellations go: well below Python's own limit, and no deeper
# than any program has a reason to.
DEEPEST = 100
# How deep tasks may start within each other.
DEEPEST_START = 30
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}


def main(arguments):
    warnings.simplefilter("ignore")
    # A coroutine that could not be closed at the end of a run cannot be when it is collected either.
    sys.unraisablehook = lambda unraisable: None
    for line in sys.stdin:
        if line.strip():
            for answer in answers(json.loads(line), arguments):
                print(answer, flush=True)


def answers(program, arguments):
    """The lines to print for one program."""
    if "--source" in arguments:
        return Program(program).sources
    run = judge(program)
    if "--transcript" in arguments:
        return run.get("prints") or [json.dumps(run)]
    return [json.dumps(run, ensure_ascii=False)]


def judge(program):
    """Runs one program and tells what happened."""
    try:
        return Run(Program(program)).whole()
    except (AttributeError, KeyError, Mistake, StopIteration, SyntaxError, TypeError, ValueError) as error:
        return {"error": "{}: {}".format(type(error).__name__, error)}


class GivenUp(SystemExit):
    """The end of a run that is no business of the program's. asyncio lets a SystemExit out of a task and the loop."""


class Cut(GivenUp):
    """A limit was reached."""


class Mistake(GivenUp):
    """The program makes no sense, and only running it has shown that."""


class Program:
    """What the runs of one program have in common: its functions, and what it has in store for them."""

    def __init__(self, program):
        self.json = program
        self.tasks = program["tasks"]
        self.error_types = {name: type(name, (Exception,), {}) for name in program.get("exceptions", [])}
        self.instances = {}
        self.sources = []
        self.add([{"name": "main", "values": program.get("parameters", {})}], program["main"]["steps"], "main")
        for number, task in enumerate(self.tasks):
            self.add(task["instances"], task["steps"], "task_{}".format(number))

    def add(self, instances, steps, function):
        constants = set(instances[0]["values"]) | {"name"} if instances else ()
        source = translate.source(function, steps, constants, self.json)
        self.sources.append(source)
        names = {}
        exec(compile(source, function, "exec"), names)
        for instance in instances:
            values = dict(instance["values"], name=instance["name"])
            self.instances[instance["name"]] = (names[function], values)

    def group(self, name):
        """The instances that a name means: one, or all of a task's."""
        for task in self.tasks:
            if task["name"] == name:
                return [instance["name"] for instance in task["instances"]]
        return [name]

    def message(self, cancel, victim):
        """What a cancellation of the scenario says to one of its victims."""
        return filled(cancel["message"], self.instances[victim][1]) if "message" in cancel else None

    def actions(self, instance, point):
        """What strikes when an instance passes a point: cancellations first, each kind in file order."""
        for cancel in self.json.get("cancels", []):
            if "at" not in cancel or cancel["at"] != point:
                continue
            for victim in self.group(cancel["task"]):
                if instance in (self.group(cancel["by"]) if "by" in cancel else [victim]):
                    yield cancel, victim
        for fail in self.json.get("fails", []):
            if instance in self.group(fail["task"]) and fail.get("at", point) == point:
                yield fail, None


class Run(virtual_loop.VirtualLoop):
    """One run: the loop, and the record of what happens on it."""

    def __init__(self, program):
        super().__init__()
        self.program = program
        self.events = []
        self.prints = []
        self.is_over = False
        self.is_shielding = False
        self.shared = dict(program.json.get("shared", {}))
        self.coroutine_list = None
        self.coroutines = []
        self.records = []
        self.newest = {}
        self.futures = 0
        self.starts = 0
        if program.json.get("eager_tasks"):
            # Main is none of them: the loop does not run when its task is made.
            self.set_task_factory(asyncio.eager_task_factory)
        limits = program.json.get("limits", {})
        self.steps_left = limits.get("steps", 300_000)
        self.last_turn = limits.get("turns", 200_000)

    def whole(self):
        """Runs it from the start to the end."""
        for cancel in self.program.json.get("cancels", []):
            if "at" not in cancel:
                for victim in self.program.group(cancel["task"]):
                    when = virtual_loop.Instant(nanoseconds(cancel["time"]))
                    self.call_at(when, self.cancel_from_outside, victim, self.program.message(cancel, victim))
        outcome = self.outcome()
        self.is_over = True
        for record in self.records:
            record.task._log_destroy_pending = False
        for coroutine in self.coroutines:
            try:
                coroutine.close()
            except Exception:
                # What asyncio does on its way out may need the loop, which is closed, or has to wait; and the
                # program may catch that.
                pass
        events = self.events[:KEPT_OF_CUT_RUNS] if outcome[0] == "cut" else self.events
        version = "{}.{}.{}".format(*sys.version_info[:3])
        return {"python": version, "events": events, "prints": self.prints, "outcome": outcome}

    def outcome(self):
        try:
            outcome = ["finished", self.value(virtual_loop.run(Coroutine(self, "main"), self))]
        except virtual_loop.Deadlock:
            return ["deadlocked"]
        except Cut as cut:
            return ["cut", cut.args[0]]
        except Mistake:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not hasattr(error, "is_scenarios"):
                raise
            outcome = ["failed", told(error)]
        for record in self.records:
            if not record.task.done():
                self.record(record.number, "dropped")
        return outcome

    def record(self, task, what, *detail):
        if not self.is_over:
            self.events.append([self.turn, self.time().nanoseconds, task, what, *detail])

    def by(self):
        """The number of the task that runs; main stands for `asyncio.run`."""
        task = asyncio.current_task(self)
        return task.record.number if hasattr(task, "record") else 0

    def step(self):
        self.steps_left -= 1
        if self.steps_left < 0:
            self.abandon(Cut("steps"))

    # What asyncio calls

    def create_task(self, coro, **options):
        if not isinstance(coro, Coroutine):
            return super().create_task(coro, **options)
        if self.starts == DEEPEST_START:
            self.abandon(Cut("recursion"))
        coro.start_again(Cut("coroutine"))
        coro.record, coro.by = None, self.by()
        # What a task that starts at once does is not what its maker is doing.
        is_shielding, self.is_shielding = self.is_shielding, False
        self.starts += 1
        try:
            task = super().create_task(coro, **options)
        finally:
            self.starts -= 1
            self.is_shielding = is_shielding
        if coro.record is None:
            self.is_created(task, coro)
        return task

    def is_created(self, task, coro):
        """A coroutine has a task: told when that is made, or in its first step if that comes at once."""
        if not hasattr(task, "creation"):
            self.created(task)
        coro.record = task.record = Record(self, task, coro.name)
        if not self.records:
            made = self.program.json.get("objects", {})
            names = dict(vars(asyncio), Future=lambda: Future(loop=self))
            self.objects = {name: eval(make, names) for name, make in made.items()}
        self.records.append(task.record)
        if not coro.is_waited_for:
            self.newest[coro.name] = task
        coro.is_waited_for = False
        self.record(task.record.number, "created", coro.name, coro.by)

    def create_future(self):
        return Future(loop=self) if self.is_shielding else super().create_future()

    def numbered(self):
        self.futures += 1
        return self.futures - 1

    def _run_once(self):
        if self.turn == self.last_turn:
            self.abandon(Cut("turns"))
        super()._run_once()

    def call_exception_handler(self, context):
        callback = getattr(context.get("handle"), "_callback", None)
        if isinstance(callback, Deferred):
            self.record(callback.number, "callback_failed", told(context["exception"]))
        if context["message"].startswith("unhandled exception during"):
            self.record(context["task"].record.number, "unhandled", told(context["exception"]))

    # Cancellation

    def cancel(self, handle, message, by):
        if message is None:
            self.ask(handle, message, by)
            return handle.cancel()
        if sys.version_info >= (3, 9):
            self.ask(handle, message, by)
        return handle.cancel(msg=message)

    def cancel_from_outside(self, victim, message):
        if victim in self.newest:
            message = message if sys.version_info >= (3, 9) else None
            self.ask(self.newest[victim], message, "outside")
            self.newest[victim].cancel(*([] if message is None else [message]))

    def ask(self, handle, message, by, above=()):
        """Records whom `cancel()` is going to reach, by looking at what each task awaits."""
        self.ask_all([handle], message, by, above)

    def ask_all(self, handles, message, by, above=()):
        """The same for several, one after the other: a plain future is done as soon as it is reached."""
        self.reached = set()
        for handle in handles:
            self.ask_one(handle, message, by, above)

    def ask_one(self, handle, message, by, above):
        if not asyncio.isfuture(handle) or isinstance(handle, asyncio.Task) and not hasattr(handle, "record"):
            # No future; or one of asyncio's own tasks, which a task that outlives main can meet.
            return
        if handle in above or len(above) == DEEPEST:
            self.abandon(Cut("recursion"))
        if isinstance(handle, asyncio.Task):
            number = handle.record.number
            if handle.done():
                return self.record(number, "cancel_refused", by, handle.record.since)
            self.record(number, "cancel_requested", by, message)
            handle.record.is_asked = True
            awaited = handle._fut_waiter
            if isinstance(awaited, (asyncio.Task, Gather, Future)) and not awaited.done() and awaited not in self.reached:
                self.ask_one(awaited, message, by, above + (handle,))
        elif handle in self.reached:
            self.record(None, "gather_cancel_refused", handle.number, by, self.turn)
        elif handle.done():
            self.record(None, "gather_cancel_refused", handle.number, by, handle.since)
        else:
            self.record(None, "gather_cancel_requested", handle.number, by, message)
            if isinstance(handle, Future):
                self.reached.add(handle)
            for child in getattr(handle, "_children", ()):
                self.ask_one(child, message, by, above + (handle,))

    # Values

    def value(self, value):
        """A value as JSON."""
        if isinstance(value, asyncio.Task):
            return {"future": value.record.future}
        if asyncio.isfuture(value):
            return {"future": value.number}
        if isinstance(value, Coroutine):
            return {"coroutine": value.name}
        if isinstance(value, BaseException):
            return {"error": told(value)}
        return shown(value) if isinstance(value, (list, tuple)) else made(value) or value


class Record:
    """What is known of a task beyond what asyncio knows."""

    def __init__(self, run, task, name):
        self.task = task
        self.name = name
        self.number = len(run.records)
        self.future = run.numbered()
        # What it has entered: "yield", "timer", "future", "wait", "itself"; nothing before its first line.
        self.entered = None
        self.is_asked = False
        # How many coroutines it runs in place, each in the one before.
        self.depth = 0
        # The method and the object that it uses, while it does.
        self.using = None
        # The error that is on its way out of steps, so that it is recorded once.
        self.in_flight = None
        # The turn in which it ended.
        self.since = None


class Gather(virtual_loop.GatheringFuture):
    """What `gather` returns; tells when it is made and when it is done."""

    def __init__(self, children, *, loop):
        super().__init__(children, loop=loop)
        self.begin(loop, len(set(children)))

    def begin(self, run, children):
        self.number = run.numbered()
        run.record(run.by(), "gathered", self.number, children)

    def set_result(self, result):
        super().set_result(result)
        self.end("gather_finished")

    def set_exception(self, exception):
        super().set_exception(exception)
        self.end("gather_failed", told(exception))

    def end(self, what, *detail):
        run = self.get_loop()
        self.since = run.turn
        run.record(None, what, self.number, *detail)


tasks._GatheringFuture = Gather


class Future(asyncio.Future):
    """A future of the program's own, or a shield; tells when it is done. It is told by its number, as a gather."""

    def __init__(self, *, loop):
        super().__init__(loop=loop)
        self.number = loop.numbered()
        loop.created(self)

    def set_result(self, result):
        super().set_result(result)
        Gather.end(self, "gather_finished")

    def set_exception(self, exception):
        super().set_exception(exception)
        Gather.end(self, "gather_failed", told(exception))

    def cancel(self, *arguments, **message):
        is_accepted = super().cancel(*arguments, **message)
        if is_accepted:
            self.since = self.get_loop().turn
        return is_accepted


class Coroutine(collections.abc.Coroutine):
    """A coroutine of the program: what the task calls is seen, and passed on to a real coroutine."""

    def __init__(self, run, name):
        self.run = run
        self.name = name
        self.record = None
        self.real = None
        # Whether a task has been made of it, or somebody awaits it in place; and whether it has ended.
        self.is_started = False
        self.is_over = False
        # Whether the next task that is made of it is `wait_for`'s own.
        self.is_waited_for = False
        run.coroutines.append(self)

    def start_again(self, cut):
        """It gets a task, or somebody who awaits it, maybe not the first one; then it has to have ended."""
        if self.is_started and not self.is_over:
            self.run.abandon(cut)
        self.is_started = True

    def begin(self):
        """The real coroutine, made when it is needed: one that nobody awaits is no mistake here."""
        if self.real is None:
            function, values = self.run.program.instances[self.name]
            self.real = function(Here(self.run, self.name, values))
        return self.real

    def send(self, value):
        if self.record is None:
            self.run.is_created(asyncio.current_task(self.run), self)
        if self.record.entered is None:
            self.tell("started")
            self.record.entered = "start"
        elif self.record.entered != "wait":
            self.tell("resumed", self.record.entered)
        return self.advance(self.begin().send, value)

    def throw(self, error, *_):
        record = self.record
        if record.entered is not None:
            if isinstance(error, asyncio.CancelledError) and record.is_asked:
                record.is_asked = False
                self.tell("cancel_delivered", told(error)[1])
            else:
                if record.entered == "future":
                    self.tell("resumed", record.entered)
                self.tell("raised", told(error))
            record.in_flight = error
        return self.advance(self.begin().throw, error)

    def close(self):
        if self.real is not None:
            self.real.close()

    def __await__(self):
        return self.begin().__await__()

    def advance(self, method, argument):
        """One step of the task: until it waits, or to its end."""
        task = self.record.task
        try:
            awaited = self.seen_to_end(method, argument)
        except StopIteration as returned:
            self.record.since = self.run.turn
            if task._must_cancel:
                self.tell("cancelled", getattr(task, "_cancel_message", None))
            else:
                self.tell("finished", self.run.value(returned.value))
            raise
        except Here.STOPS:
            raise
        except BaseException as error:
            self.record.since = self.run.turn
            if isinstance(error, asyncio.CancelledError):
                self.tell("cancelled", told(error)[1])
            else:
                self.tell("failed", told(error))
            raise
        if task._must_cancel and isinstance(awaited, (asyncio.Task, Gather, Future)) and awaited is not task:
            # The task cancels what it awaits as soon as this returns.
            self.run.ask(awaited, getattr(task, "_cancel_message", None), self.record.number, (task,))
        if self.record.using is not None:
            self.tell("blocked", *self.record.using)
            self.record.entered = "object"
        return awaited

    def seen_to_end(self, method, argument):
        try:
            return method(argument)
        except BaseException:
            self.is_over = True
            raise

    def tell(self, what, *detail):
        self.run.record(self.record.number, what, *detail)


class Here:
    """What the steps of one coroutine do: `_atropos` in the translated functions."""

    STOPS = (GeneratorExit, GivenUp)

    def __init__(self, run, name, values):
        self.run = run
        self.name = name
        self.values = values
        self.shared = run.shared
        self.step = run.step

    def task(self):
        return asyncio.current_task(self.run).record

    def tell(self, what, *detail):
        self.run.record(self.task().number, what, *detail)

    def is_over(self):
        return self.run.is_over or self.run.is_abandoned

    # Names and expressions

    def constant(self, name):
        return self.values[name]

    def coros(self):
        if self.run.coroutine_list is None:
            names = translate.instance_names(self.run.program.json)
            self.run.coroutine_list = [Coroutine(self.run, name) for name in names]
        return self.run.coroutine_list

    def current(self):
        return asyncio.current_task(self.run)

    def called(self, name):
        return Coroutine(self.run, name)

    def named(self, name):
        return self.run.newest.get(name) or Coroutine(self.run, name)

    def attribute(self, value, name):
        if name == "exceptions" and hasattr(value, "exceptions"):
            return value.exceptions
        if name == "type" and isinstance(value, BaseException):
            return type(value).__name__
        if isinstance(value, (asyncio.Task, Coroutine)):
            of = value.record.name if isinstance(value, asyncio.Task) else value.name
            values = self.run.program.instances[of][1]
            if name == "host" or name == "status" and isinstance(value, asyncio.Task):
                # Of the last answer from a host; there is no network here.
                return None
            if name in values and (name == "name" or of != "main"):
                return values[name]
        raise AttributeError("{!r} object has no attribute {!r}".format(type(value).__name__, name))

    def shown(self, value, form):
        if isinstance(value, (asyncio.Future, Coroutine)) or form == "" and (made(value) or isinstance(value, list)):
            return format(shown(value), form)
        return without_tasks(format(value, form))

    # Errors

    def error_type(self, name):
        if name in self.run.program.error_types:
            return self.run.program.error_types[name]
        return getattr(builtins, name, None) or getattr(asyncio, name)

    def caught_types(self, name):
        """What a clause catches: asyncio's own `TimeoutError`, as there was one up to 3.10, is a `TimeoutError` too."""
        types = (self.error_type(name),)
        return types + (asyncio.TimeoutError,) if name == "TimeoutError" else types

    def error(self, name, message):
        error = self.error_type(name)(*([] if message is None else [message]))
        error.is_scenarios = True
        return error

    def surfaced(self, error):
        """An error leaves a simple step: it came up there, unless it came out of what the step awaited."""
        if isinstance(error, self.STOPS) or self.is_over():
            return
        task = self.task()
        if task.in_flight is not error:
            task.in_flight = error
            self.tell("raised", told(error))

    def caught(self, error):
        if self.is_over():
            # `except*` has caught what ends the run as well.
            raise GeneratorExit
        self.task().in_flight = None
        self.tell("caught", told(error))

    def left_star(self, error):
        """An error leaves a `try` with `except*`, which may have put it together."""
        if self.is_over():
            raise self.run.given_up_for if self.run.is_abandoned and not self.run.is_over else GeneratorExit
        self.task().in_flight = error

    def set_aside(self):
        """A `finally` begins: what is on its way out waits, and may come up in there once more."""
        task = self.task()
        waiting, task.in_flight = task.in_flight, None
        return waiting

    def take_up(self, waiting):
        self.task().in_flight = waiting

    def reraised(self):
        self.task().in_flight = sys.exc_info()[1]

    # Steps

    def print(self, text):
        self.run.prints.append(text)
        self.tell("printed", text)

    async def sleep(self, length):
        length = nanoseconds(length, self.values)
        if length == 0:
            self.task().entered = "yield"
            self.tell("yielded")
            return await asyncio.sleep(0)
        self.task().entered = "timer"
        self.tell("slept", self.run.time().nanoseconds + length)
        await asyncio.sleep(fractions.Fraction(length, virtual_loop.NANOSECONDS))

    def point(self, point):
        for action, victim in self.run.program.actions(self.name, point):
            if self.run.time().nanoseconds < nanoseconds(action.get("time", 0)):
                continue
            self.tell("struck", point)
            if "print" in action:
                self.print(filled(action["print"], self.values))
            if victim is None:
                raise self.error(action.get("type", "Exception"), filled(action["raise"], self.values))
            if victim in self.run.newest:
                self.cancel(self.run.newest[victim], self.run.program.message(action, victim))

    def spawn(self, what):
        if isinstance(what, list):
            return [asyncio.create_task(one) for one in what]
        return asyncio.create_task(what)

    async def awaited(self, what):
        if isinstance(what, Coroutine):
            what.start_again(Cut("coroutine"))
            if what.is_over:
                return await what
            task = self.task()
            task.depth += 1
            if task.depth == DEEPEST:
                self.run.abandon(Cut("recursion"))
            self.tell("called", what.name)
            try:
                value = await what
            finally:
                what.is_over = True
                task.depth -= 1
            self.tell("call_returned", self.run.value(value))
            return value
        # A future that blocks is a task that has awaited itself: to await it fails at once.
        if asyncio.isfuture(what) and not what.done() and not what._asyncio_future_blocking:
            task = self.task()
            task.entered = "itself" if what is task.task else "future"
            if task.entered == "future":
                self.tell("awaited", what.record.future if isinstance(what, asyncio.Task) else what.number)
        return await what

    def cancel(self, handle, message):
        return self.run.cancel(handle, message, self.task().number)

    def cancel_all(self, message):
        others = asyncio.all_tasks()
        others.remove(asyncio.current_task())
        for task in others:
            self.cancel(task, message)

    def gather(self, items, return_exceptions):
        if items:
            return asyncio.gather(*items, return_exceptions=return_exceptions)
        empty = asyncio.gather(return_exceptions=return_exceptions)
        self.run.created(empty)
        Gather.begin(empty, self.run, 0)
        Gather.end(empty, "gather_finished")
        return empty

    # Objects

    def object(self, name):
        return self.run.objects[name]

    async def use(self, method, name, *arguments):
        name = filled(name, self.values)
        with Using(self, method, name):
            return await getattr(self.object(name), method)(*arguments)

    def settle(self, name):
        return self.object(filled(name, self.values))

    async def wait_for(self, what, timeout):
        length = None if timeout is None else nanoseconds(timeout, self.values)
        seconds = None if length is None else fractions.Fraction(length, virtual_loop.NANOSECONDS)
        if length is None or length > 0 and sys.version_info >= (3, 12):
            # Then it awaits in place.
            return await asyncio.wait_for(self.awaited(what), seconds)
        if isinstance(what, Coroutine):
            # Its task is nobody else's: the name goes on meaning what it meant.
            what.is_waited_for = True
        record = self.task()
        record.using = ("wait_for", None)
        try:
            return await asyncio.wait_for(what, seconds)
        finally:
            record.using = None

    def shield(self, what):
        self.run.is_shielding = True
        try:
            outer = asyncio.shield(what)
        finally:
            self.run.is_shielding = False
        if outer is not what and isinstance(outer, Future):
            inner = what.number if isinstance(what, (Gather, Future)) else what.record.future
            self.tell("shielded", outer.number, inner)
        return outer

    def timeout(self, length):
        return Timeout(self, length)

    def task_group(self):
        return Group(self)

    def spawn_in(self, group, what):
        if isinstance(what, list):
            return [group.create_task(one) for one in what]
        return group.create_task(what)

    def as_completed(self, items, timeout):
        length = None if timeout is None else nanoseconds(timeout, self.values)
        seconds = None if length is None else fractions.Fraction(length, virtual_loop.NANOSECONDS)
        iterator = asyncio.as_completed(items, timeout=seconds)
        # Up to 3.12 it begins when it is asked for the first one, which a loop does at once.
        return itertools.chain(list(itertools.islice(iterator, 1)), iterator)

    async def next_completed(self, waiter):
        record = self.task()
        record.using = ("as_completed", None)
        try:
            return await waiter
        finally:
            record.using = None

    def call_soon(self, callback):
        return self.run.call_soon(callback)

    def call_later(self, length, callback):
        seconds = fractions.Fraction(nanoseconds(length, self.values), virtual_loop.NANOSECONDS)
        return self.run.call_later(seconds, callback)

    def deferred(self, verb, *arguments):
        return Deferred(self, verb, arguments)

    def reschedule(self, timeout, length):
        seconds = None if length is None else fractions.Fraction(nanoseconds(length, self.values), virtual_loop.NANOSECONDS)
        timeout.reschedule(None if seconds is None else self.run.time() + seconds)

    def use_now(self, method, name, *arguments):
        name = filled(name, self.values)
        value = getattr(self.object(name), method)(*arguments)
        self.used(method, name)
        return value

    def used(self, method, name):
        self.tell("used", method, name, count_after(self.object(name), method))

    def entered(self, name):
        return Entered(self, filled(name, self.values))

    async def wait(self, items, timeout, return_when):
        length = None if timeout is None else nanoseconds(timeout, self.values)
        seconds = None if length is None else fractions.Fraction(length, virtual_loop.NANOSECONDS)
        done, pending = await asyncio.wait(items, timeout=seconds, return_when=getattr(asyncio, return_when))
        self.tell("wait_returned", len(done), len(pending))
        return list(done), list(pending)


class Deferred:
    """A callback: what a step does, later and on no task. What is told of it is told of the task that made it."""

    def __init__(self, here, verb, arguments):
        self.run = here.run
        self.number = here.task().number
        self.call = getattr(self, "do_" + verb)
        self.arguments = arguments
        if verb == "cancel":
            # It is the method that is called later, so there has to be one.
            arguments[0].cancel
        elif verb == "use":
            method, name, *values = arguments
            self.arguments = [method, filled(name, here.values), *values]
        elif verb == "settle":
            self.arguments = [here.settle(arguments[0]), *arguments[1:]]

    def __call__(self, *_):
        self.tell("called_back")
        self.call(*self.arguments)

    def tell(self, what, *detail):
        self.run.record(self.number, what, *detail)

    def do_print(self, text):
        self.run.prints.append(text)
        self.tell("printed", text)

    def do_cancel(self, handle, message):
        self.run.cancel(handle, message, "callback")

    def do_use(self, method, name, *values):
        made = self.run.objects[name]
        getattr(made, method)(*values)
        self.tell("used", method, name, count_after(made, method))

    def do_settle(self, future, method, value):
        getattr(future, method)(value)


class Using:
    """While a task waits inside a method of an object, it is known which; and it is told when it is through."""

    def __init__(self, here, method, name):
        self.here = here
        self.using = (method, name)

    def __enter__(self):
        self.record = self.here.task()
        self.record.using = self.using

    def __exit__(self, kind, *_):
        self.record.using = None
        if kind is None:
            self.here.used(*self.using)


class Entered:
    """`async with` an object."""

    def __init__(self, here, name):
        self.here = here
        self.name = name

    async def __aenter__(self):
        self.here.step()
        try:
            with Using(self.here, "wait" if self.is_barrier() else "acquire", self.name):
                await self.here.object(self.name).__aenter__()
        except BaseException as error:
            self.here.surfaced(error)
            raise

    def is_barrier(self):
        """A barrier is waited at, and leaving it is nothing."""
        return type(self.here.object(self.name)).__name__ == "Barrier"

    async def __aexit__(self, *error):
        if self.here.is_over() or isinstance(error[1], Here.STOPS) or self.is_barrier():
            return
        waiting = self.here.set_aside()
        try:
            self.here.step()
            await self.here.object(self.name).__aexit__(*error)
            self.here.used("release", self.name)
        except BaseException as other:
            self.here.surfaced(other)
            raise
        self.here.take_up(waiting)


class Group:
    """`async with asyncio.TaskGroup()`."""

    def __init__(self, here):
        self.here = here

    async def __aenter__(self):
        self.here.step()
        self.group = ToldGroup()
        await self.group.__aenter__()
        self.group._parent_task = Parent(self.here.run, self.group._parent_task)
        return self.group

    async def __aexit__(self, *error):
        if self.here.is_over() or isinstance(error[1], Here.STOPS):
            return
        record = self.here.task()
        record.using = ("task_group", None)
        try:
            self.here.step()
            await self.group.__aexit__(*error)
        except BaseException as other:
            self.here.surfaced(other)
            raise
        finally:
            record.using = None


class Parent:
    """A task group's parent: what the group asks of it is told."""

    def __init__(self, run, task):
        self.run = run
        self.task = task

    def cancel(self):
        self.run.ask(self.task, None, "task_group")
        return self.task.cancel()

    def __getattr__(self, name):
        return getattr(self.task, name)


if hasattr(asyncio, "TaskGroup"):

    class ToldGroup(asyncio.TaskGroup):
        def _abort(self):
            victims = [task for task in self._tasks if not task.done()]
            self._parent_task.run.ask_all(victims, None, "task_group")
            super()._abort()


class Timeout:
    """`async with asyncio.timeout(…)`."""

    def __init__(self, here, length):
        self.here = here
        self.length = length

    async def __aenter__(self):
        self.here.step()
        length = None if self.length is None else nanoseconds(self.length, self.here.values)
        self.timeout = asyncio.timeout(None if length is None else fractions.Fraction(length, virtual_loop.NANOSECONDS))
        self.timeout.is_scenarios = True
        return await self.timeout.__aenter__()

    async def __aexit__(self, *error):
        if self.here.is_over() or isinstance(error[1], Here.STOPS):
            return
        try:
            self.here.step()
            await self.timeout.__aexit__(*error)
        except BaseException as other:
            self.here.surfaced(other)
            raise


def count_after(made, method):
    """What an object says after it was used."""
    kind = type(made).__name__
    if kind == "Semaphore":
        return made._value
    if kind == "Barrier":
        return made._count
    if kind == "Event":
        return int(made.is_set())
    if kind == "Queue":
        return made._unfinished_tasks if method in ("task_done", "join") else made.qsize()
    if method.startswith("notify"):
        return sum(not waiter.done() for waiter in made._waiters)
    return int(made.locked())


_wait = tasks._wait


async def _told_wait(fs, timeout, return_when, loop):
    """What `asyncio.wait` becomes once its arguments are in order and are tasks."""
    task = asyncio.current_task(loop).record
    task.entered = "wait"
    until = None if timeout is None else (loop.time() + timeout).nanoseconds
    loop.record(task.number, "waited", len(fs), until)
    return await _wait(fs, timeout, return_when, loop)


tasks._wait = _told_wait
_cancel_and_wait = tasks._cancel_and_wait


async def _told_cancel_and_wait(fut, **options):
    """What `wait_for` does with what it does not wait for any longer."""
    run = fut.get_loop()
    run.ask(fut, None, asyncio.current_task(run).record.number)
    await _cancel_and_wait(fut, **options)


tasks._cancel_and_wait = _told_cancel_and_wait

if hasattr(asyncio, "timeout"):
    _reschedule = asyncio.Timeout.reschedule
    _on_timeout = asyncio.Timeout._on_timeout

    def _told_reschedule(self, when):
        _reschedule(self, when)
        task = asyncio.current_task().record
        if when is None and self._timeout_handler is None and not hasattr(self, "is_scenarios"):
            # A `wait_for` without a timeout.
            return
        task.task.get_loop().record(task.number, "timeout_set", None if when is None else when.nanoseconds)

    def _told_on_timeout(self):
        self._task.get_loop().ask(self._task, None, "timeout")
        _on_timeout(self)

    asyncio.Timeout.reschedule = _told_reschedule
    asyncio.Timeout._on_timeout = _told_on_timeout

_cancel_all_tasks = runners._cancel_all_tasks


def _told_cancel_all_tasks(loop):
    """What `asyncio.run` does with what is left."""
    left = tasks.all_tasks(loop)
    if left:
        loop.record(None, "shutdown", len(left))
    loop.ask_all(left, None, "shutdown")
    _cancel_all_tasks(loop)


runners._cancel_all_tasks = _told_cancel_all_tasks


def told(error):
    """An error as JSON."""
    if hasattr(error, "exceptions"):
        return [type(error).__name__, str(error)]
    message = without_tasks(str(error.args[0])) if error.args else None
    if isinstance(error, asyncio.CancelledError) or hasattr(error, "is_scenarios"):
        return [type(error).__name__, message]
    return [type(error).__name__, message, "python"]


def made(value):
    """What is said of something that a step has made and Python shows by its address; nothing for anything else."""
    if type(value).__name__ == "Timeout":
        return "timeout"
    if type(value).__name__ == "ToldGroup":
        return "task group"
    if isinstance(value, asyncio.Handle):
        return "callback"
    return "function" if isinstance(value, Deferred) else None


def shown(value):
    """`repr`, but a task is its name, where Python shows an address."""
    if isinstance(value, asyncio.Task):
        return value.record.name
    if isinstance(value, asyncio.Future):
        return "gather"
    if isinstance(value, Coroutine):
        return value.name
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return made(value) or without_tasks(repr(value))


def without_tasks(message):
    """A message of Python's without the repr of a task, which has addresses and paths in it."""
    return re.sub(r"<Task .*>", "<Task>", message)


def filled(text, values):
    """A text all of whose placeholders are constants, or sums and differences of constants."""

    def value(found):
        if found.group() in ("{{", "}}"):
            return found.group()[0]
        name, form = translate.split_format(found.group(1))
        constant = name.strip()
        known = constant in values
        return format(values[constant] if known else eval(constant, {"__builtins__": {}}, values), form)

    return translate.PLACEHOLDER.sub(value, text)


def nanoseconds(length, values=None):
    """A duration of the scenario language as an integer; of a range, the minimum."""
    if not isinstance(length, str):
        return length
    return _nanoseconds(filled(length, values or {}))


@functools.lru_cache(maxsize=None)
def _nanoseconds(text):
    text = text.split("..")[0].strip()
    part = r"(\d+(?:\.\d+)?) ?([a-z]+) *"
    parts = re.findall(part, "0s" if text == "0" else text)
    if not parts or re.sub(part, "", text) not in ("", "0"):
        raise Mistake("no duration: {!r}".format(text))
    return sum(int(fractions.Fraction(number) * UNITS[unit]) for number, unit in parts)


if __name__ == "__main__":
    main(sys.argv[1:])
