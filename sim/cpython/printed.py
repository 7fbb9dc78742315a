"""Runs scripts that `atropos python` has printed, on virtual time and in the ordinary order.

    printed.py < REQUESTS   one request {"script": text} a line in, one answer {"printed": text} a line out

`random.uniform` gives its least value, as a sleep with a range does without a seed. An answer also has `error`: what left
the script, or nothing.

Knows nothing of what a script should print.
"""

import asyncio
import contextlib
import gc
import io
import json
import logging
import random
import sys
import warnings

import virtual_loop


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    random.uniform = lambda least, most: least
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line)["script"])), flush=True)


def run(script):
    """Runs one script, and tells what it has printed."""
    loop = virtual_loop.VirtualLoop()
    asyncio.set_event_loop_policy(virtual_loop._Policy(loop))
    out = io.StringIO()
    error = None
    names = {"__name__": "__main__"}
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(script, "script", "exec"), names)
        except BaseException as left:
            error = "{}: {}".format(type(left).__name__, left)
        printed = out.getvalue()
        # What is left of it may still print when it is collected, which is after its end.
        with contextlib.redirect_stderr(out):
            asyncio.set_event_loop_policy(None)
            del loop
            gc.collect()
    return {"printed": printed, "error": error}


if __name__ == "__main__":
    main()
