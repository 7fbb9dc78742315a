"""Times plain asyncio programs on virtual time, for comparison with the simulation.

    bench.py [ROUNDS]   {"gather10": {"fresh_ns": …, "reused_ns": …, "runs": …}, …}: median CPU time of a run
    bench.py --serve    answers each line `PROGRAM RUNS` with {"fresh_ns": …, "reused_ns": …}: the CPU time of that
                        many runs in all, so that another program can take turns with this one

A fresh loop is made by `asyncio.run`, for each run a new one; a reused one runs main, without the end of
`asyncio.run`, again and again. The loop is the virtual one with asyncio's own timers and tasks: exact time and creation
order would cost CPython a sixth more, and are not what is measured here. What the programs print goes nowhere, and the garbage collector runs between
measurements only.

Knows nothing of scenarios: these programs are written as one would write them.
"""

import asyncio
import gc
import json
import statistics
import sys
import time
from asyncio import base_events

import virtual_loop


class Loop(virtual_loop.VirtualLoop):
    """The virtual loop with times in floating point, and with asyncio's order of equal deadlines."""

    call_at = base_events.BaseEventLoop.call_at
    create_task = base_events.BaseEventLoop.create_task

    def __init__(self):
        super().__init__()
        self._now = 0.0


def nothing(*_):
    """Prints nothing."""


def gather_of(count, print=nothing):
    """Tasks of which the sixth fails half way; main cancels the others."""

    async def task(number):
        print(f">task {number} executing")
        await asyncio.sleep(1)
        if number == 5:
            print(f">task {number} failing")
            raise Exception("Something bad happened")
        await asyncio.sleep(1)
        print(f">task {number} done")

    async def main():
        tasks = [asyncio.create_task(task(number)) for number in range(count)]
        group = asyncio.gather(*tasks)
        try:
            await group
        except Exception as error:
            print(f"A task failed with: {error}, canceling all tasks")
            for one in tasks:
                one.cancel()
        await asyncio.sleep(2)

    return main


def chain():
    """Ten tasks that sleep a hundred times each."""

    async def task():
        for _ in range(100):
            await asyncio.sleep(0.001)

    async def main():
        await asyncio.gather(*[task() for _ in range(10)])

    return main


PROGRAMS = {"gather10": gather_of(10), "gather1000": gather_of(1000), "chain": chain()}


def fresh(main, runs):
    """The CPU time of that many runs, each on a loop of its own."""
    gc.collect()
    start = time.process_time_ns()
    for _ in range(runs):
        virtual_loop.run(main(), Loop())
    return time.process_time_ns() - start


def reused(main, runs):
    """The same on one loop."""
    loop = Loop()
    asyncio.set_event_loop(loop)
    gc.collect()
    start = time.process_time_ns()
    for _ in range(runs):
        loop.run_until_complete(main())
    spent = time.process_time_ns() - start
    asyncio.set_event_loop(None)
    loop.close()
    return spent


def measured(name, runs):
    return {"fresh_ns": fresh(PROGRAMS[name], runs), "reused_ns": reused(PROGRAMS[name], runs)}


def main(arguments):
    gc.disable()
    for name in PROGRAMS:
        measured(name, 3)
    if arguments == ["--serve"]:
        for line in sys.stdin:
            name, runs = line.split()
            print(json.dumps(measured(name, int(runs))), flush=True)
        return
    rounds = int(arguments[0]) if arguments else 20
    report = {}
    for name in PROGRAMS:
        runs = 5 if name == "gather1000" else 50
        samples = [measured(name, runs) for _ in range(rounds)]
        report[name] = {key: round(statistics.median(sample[key] / runs for sample in samples)) for key in samples[0]}
        report[name]["runs"] = rounds * runs
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1:])
