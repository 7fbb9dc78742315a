# Makes modules of the texts in the first line of the input, and runs the last of them, which then reads the rest.
import json, sys, types

request = json.loads(sys.stdin.readline())
sys.argv = ["atropos"] + request["arguments"]
for name, text in request["modules"]:
    is_last = name == request["modules"][-1][0]
    module = types.ModuleType("__main__" if is_last else name)
    module.__file__ = name + ".py"
    sys.modules[module.__name__] = module
    exec(compile(text, module.__file__, "exec"), module.__dict__)
