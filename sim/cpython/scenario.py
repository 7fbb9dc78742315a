"""Turns scenario files into programs for `judge.py`: an independent reading of the same TOML. Python 3.11 or newer.

    scenario.py [--strategies FOLDER] [--strategy NAME] FILE…   one program a line for each file and strategy of it
    scenario.py --lines < REQUESTS   one program a line for each line {"toml": text, "strategy": text of a strategy};
                                     or {"unreadable": why} for a text that is no TOML 1.0

Only names are expanded here: the instances of a task, and a strategy's parameters. Steps go through as they are.

Knows nothing of what steps mean, or of whether a file is right.
"""

import argparse
import json
import pathlib
import sys
import tomllib

import judge

HERE = pathlib.Path(__file__).parent
STRATEGIES = HERE.parent / "strategy"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--strategies", type=pathlib.Path, default=STRATEGIES)
    parser.add_argument("--strategy")
    parser.add_argument("--lines", action="store_true")
    arguments = parser.parse_args()
    if arguments.lines:
        for line in sys.stdin:
            request = json.loads(line)
            strategy = request.get("strategy")
            try:
                show(program(tomllib.loads(request["toml"]), strategy and tomllib.loads(strategy)))
            except tomllib.TOMLDecodeError as error:
                # TOML 1.1 lets a step go over several lines; tomllib reads 1.0.
                show({"unreadable": str(error)})
    for file in arguments.files:
        scenario = tomllib.loads(file.read_text("utf-8"))
        for name in [arguments.strategy] if arguments.strategy else strategies(scenario):
            strategy = name and tomllib.loads((arguments.strategies / (name + ".toml")).read_text("utf-8"))
            show(program(scenario, strategy))


def show(program):
    print(json.dumps(program, ensure_ascii=False), flush=True)


def strategies(scenario):
    """The names of a scenario's strategies; nothing in place of a name if it brings its own main."""
    names = scenario.get("strategy")
    return [names] if isinstance(names, str) or names is None else names


def program(scenario, strategy=None):
    """The program of a scenario under a strategy, both as TOML gives them."""
    parameters = {}
    if strategy:
        given = scenario.get("parameters", {})
        parameters = {name: given.get(name, it["default"]) for name, it in strategy.get("parameters", {}).items()}
    return {
        "python": scenario.get("python"),
        "main": {"steps": (strategy or scenario)["main"]["steps"]},
        "parameters": parameters,
        "tasks": [
            {"name": task["name"], "steps": task.get("steps", []), "instances": list(instances(task))}
            for task in scenario.get("task", [])
        ],
        "shared": scenario.get("shared", {}),
        "objects": scenario.get("objects", {}),
        "eager_tasks": scenario.get("eager_tasks", False),
        "exceptions": scenario.get("exceptions", []),
        "fails": scenario.get("fail", []),
        "cancels": scenario.get("cancel", []),
    }


def instances(task):
    """The instances of a `[[task]]`; a float is the text that Python prints for it."""
    each = task.get("each", {})
    count = len(next(iter(each.values()))) if each else task.get("count", 1)
    for i in range(count):
        values = {"i": i}
        for key, items in each.items():
            values[key] = str(items[i]) if isinstance(items[i], float) else items[i]
        yield {"name": judge.filled(task["name"], values), "values": values}


if __name__ == "__main__":
    main()
