"""An asyncio event loop on virtual time, for CPython 3.8 to 3.13.

The loop is asyncio's own: `_run_once`, `run_until_complete`, tasks, futures and `asyncio.run` are the interpreter's
code. Three things are replaced, which are exactly the ones that differ from one real run to the next:

* the clock: an integer number of nanoseconds that stands still while anything is ready, and then jumps to the first
  deadline. If nothing is ready and no timer is set, the run has deadlocked, and `Deadlock` leaves `asyncio.run`.
* timers of equal deadline: they fire in the order in which they were set. asyncio's heap compares deadlines only, and
  what a heap makes of equal entries is no order that a real clock ever shows.
* sets of tasks (`all_tasks`, and with it the end of `asyncio.run`; `wait`'s arguments, `done` and `pending`; a group's): they are
  walked in the order in which the tasks were created, and not in that of their addresses. `as_completed` makes its set
  where nobody can take its place, so that part of its source is replaced.

Importing the module replaces the functions of asyncio that make such sets.

Knows nothing of scenarios or of recording.
"""

import asyncio
import collections.abc
import heapq
import inspect
import itertools
import math
import re
import textwrap
from asyncio import base_events, events, tasks

NANOSECONDS = 10**9


def run(main, loop):
    """`asyncio.run(main)` on this loop, which must be new."""
    asyncio.set_event_loop_policy(_Policy(loop))
    return asyncio.run(main)


class Deadlock(Exception):
    """Nothing is ready and no timer is set."""


class Instant:
    """Seconds since the start of the run that add up exactly: 0.3 and 0.3 and 0.3 is 0.9."""

    __slots__ = ("nanoseconds",)

    def __init__(self, nanoseconds):
        self.nanoseconds = nanoseconds

    def __add__(self, seconds):
        return Instant(self.nanoseconds + round(seconds * NANOSECONDS))

    __radd__ = __add__

    def __sub__(self, other):
        if isinstance(other, Instant):
            return (self.nanoseconds - other.nanoseconds) / NANOSECONDS
        return self + -other

    def __eq__(self, other):
        return isinstance(other, Instant) and self.nanoseconds == other.nanoseconds

    def __hash__(self):
        return hash(self.nanoseconds)

    def __lt__(self, other):
        return self.nanoseconds < other.nanoseconds

    def __le__(self, other):
        return self.nanoseconds <= other.nanoseconds

    def __gt__(self, other):
        return self.nanoseconds > other.nanoseconds

    def __ge__(self, other):
        return self.nanoseconds >= other.nanoseconds

    def __float__(self):
        return self.nanoseconds / NANOSECONDS

    def __repr__(self):
        return repr(float(self))


class _Timer(events.TimerHandle):
    """A timer whose place among equal deadlines is the order in which it was set."""

    __slots__ = ("_place",)

    def __lt__(self, other):
        return self._place < other._place


class VirtualLoop(base_events.BaseEventLoop):
    """asyncio's loop with a clock of its own; `turn` counts its iterations, the first one is 1."""

    def __init__(self):
        super().__init__()
        self.set_debug(False)
        # Then asyncio fires exactly the timers whose deadline is not after the current nanosecond.
        self._clock_resolution = 1 / NANOSECONDS
        # There is no I/O: to wait is to move the clock, see `select`.
        self._selector = self
        self._now = Instant(0)
        self._timers_set = itertools.count()
        self._futures_created = itertools.count()
        self.turn = 0
        # Whether the run was given up in the middle: then `asyncio.run` cleans up nothing.
        self.is_abandoned = False

    def time(self):
        return self._now

    def call_at(self, when, callback, *args, context=None):
        if not isinstance(when, Instant):
            when = Instant(round(when * NANOSECONDS))
        self._check_closed()
        timer = _Timer(when, callback, args, self, context)
        timer._place = (when.nanoseconds, next(self._timers_set))
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def create_task(self, coro, **options):
        # Its place is before that of the tasks that it makes if it starts at once.
        place = next(self._futures_created)
        task = super().create_task(coro, **options)
        if not hasattr(task, "creation"):
            task.creation = place
        return task

    def created(self, future):
        """Gives a task or a gather's future its place in creation order."""
        future.creation = next(self._futures_created)

    def select(self, timeout):
        """What asyncio calls to wait for I/O until the first deadline, or for ever if there is none."""
        if timeout is None:
            self.turn -= 1
            self.abandon(Deadlock())
        if timeout > 0:
            # Not `timeout` itself: asyncio waits for a day at most and then looks again.
            self._now = self._scheduled[0]._when
        return ()

    def abandon(self, error):
        """Gives the run up: the error leaves `asyncio.run` at once."""
        self.is_abandoned = True
        self.given_up_for = error
        raise error

    def run_until_complete(self, future):
        if not self.is_abandoned:
            return super().run_until_complete(future)
        if asyncio.iscoroutine(future):
            future.close()

    def _run_once(self):
        self.turn += 1
        super()._run_once()

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass


class TaskSet(collections.abc.MutableSet):
    """A set that is walked in the order in which its items were added."""

    def __init__(self, items=()):
        self._items = dict.fromkeys(items)

    def __contains__(self, item):
        return item in self._items

    def __iter__(self):
        return iter(self._items)

    def __len__(self):
        return len(self._items)

    def add(self, item):
        self._items[item] = None

    def discard(self, item):
        self._items.pop(item, None)


class TasksInCreationOrder(TaskSet):
    """The same in the order in which the tasks were created: one that starts at once adds others before it is added."""

    def __iter__(self):
        return iter(sorted(self._items, key=lambda task: task.creation))


class GatheringFuture(tasks._GatheringFuture):
    """What `gather` returns, with a place in creation order like a task's."""

    def __init__(self, children, *, loop):
        super().__init__(children, loop=loop)
        loop.created(self)


def in_creation_order(futures):
    """These futures as a set in creation order; those that have no place in it come last, as they stand."""
    return TaskSet(sorted(futures, key=lambda future: getattr(future, "creation", math.inf)))


class _Policy(events.BaseDefaultEventLoopPolicy):
    """Has `asyncio.run` take one loop that exists already."""

    def __init__(self, loop):
        super().__init__()
        self._loop_factory = lambda: loop


_stock_all_tasks = tasks.all_tasks
_stock_wait = tasks._wait


def _all_tasks(loop=None):
    if loop is not None and loop.is_abandoned:
        return TaskSet()
    return in_creation_order(_stock_all_tasks(loop))


async def _wait(fs, timeout, return_when, loop):
    done, pending = await _stock_wait(in_creation_order(fs), timeout, return_when, loop)
    return in_creation_order(done), in_creation_order(pending)


def _with_set_in_creation_order(function):
    """The same function, but the set of futures that it makes of its arguments is walked in creation order."""
    source = textwrap.dedent(inspect.getsource(function))
    made, count = re.subn(r"\{(ensure_future\([^}]*\) for \w+ in set\(\w+\))\}", r"in_creation_order([\1])", source)
    assert count == 1, source
    tasks.in_creation_order = in_creation_order
    names = {}
    exec(compile(made, "as_completed", "exec"), vars(tasks), names)
    return names[function.__name__]


if hasattr(tasks, "_AsCompletedIterator"):
    tasks._AsCompletedIterator.__init__ = _with_set_in_creation_order(tasks._AsCompletedIterator.__init__)
else:
    tasks.as_completed = asyncio.as_completed = _with_set_in_creation_order(tasks.as_completed)

if hasattr(asyncio, "TaskGroup"):
    _stock_group = asyncio.TaskGroup.__init__

    def _group(self):
        _stock_group(self)
        self._tasks = TasksInCreationOrder()

    asyncio.TaskGroup.__init__ = _group

# `wait` makes a set of its arguments before anything else, and up to 3.10 tasks of the coroutines among them: then
# in the order in which they stand.
tasks.set = TaskSet
tasks._wait = _wait
tasks._GatheringFuture = GatheringFuture
tasks.all_tasks = asyncio.all_tasks = _all_tasks
