"""A scenario's steps as Python: each body becomes the source of one coroutine function.

The structure is Python's own (`try`, `for`, `return` through `finally`, the scope of `except … as e`), so that none
of it is imitated. What a step does, and everything that is recorded, goes through one object called `_atropos`, whose
methods stand in `judge.py`. Every simple step has the form

    try:
        _atropos.step()
        …
    except BaseException as _atropos_error:
        _atropos.surfaced(_atropos_error)
        raise

so that an error is recorded where it comes up, and not where it passes through.

Knows nothing of how a program is run, or of TOML.
"""

import ast
import re

# What a placeholder is taken for when a text is split: `{{`, `}}`, or `{expression:format}`, where a format may fill with
# a quote.
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{((?:[^{}'\":]|'[^']*'|\"[^\"]*\")*(?::(?:[^{}][<>^])?[^{}'\"]*)?)\}")
# What Python would read otherwise in an expression: a text, which is whatever stands between its quotes, and names, to
# which accents belong that stand for themselves, though they are no `\w`.
LITERAL_OR_NAME = re.compile(r"'[^']*'|\"[^\"]*\"|(?:\w|[^\x00-\x7f])+")
# What a name begins with that Python would take for another one, because it knows but one of several forms of a letter.
SPELT = "_atropos_spelt_"
VERBS = {
    "print", "sleep", "point", "raise", "return", "spawn", "await", "cancel", "cancel_all", "gather", "wait", "set",
    "add", "append", "remove", "assert", "if", "while", "for", "try", "with", "acquire", "release", "set_event",
    "clear_event", "notify", "notify_all", "put", "put_nowait", "get", "get_nowait", "task_done", "join",
    "set_result", "set_exception", "wait_for", "shield", "timeout", "reschedule", "uncancel", "task_group",
    "as_completed", "reset", "abort", "call_soon", "call_later", "add_done_callback", "remove_done_callback",
}


def source(name, steps, constants, program):
    """The Python source of a body.

    `constants` are the names in which its instances differ; `program` is a judge's JSON program, for the names of its
    tasks and shared variables.
    """
    return Writer(steps, constants, program).function(name)


def instance_names(program):
    """The names of all instances of all tasks, in file order."""
    return [instance["name"] for task in program["tasks"] for instance in task["instances"]]


class Writer:
    """Writes one function."""

    def __init__(self, steps, constants, program):
        self.steps = steps
        self.constants = set(constants)
        self.shared = set(program.get("shared", {}))
        self.objects = set(program.get("objects", {}))
        self.futures = {name for name, make in program.get("objects", {}).items() if make == "Future()"}
        self.instances = set(instance_names(program))
        self.locals = set()
        self.bind(steps)
        self.lines = []
        self.depth = 0
        self.blocks = 0

    def function(self, name):
        self.line("async def {}(_atropos):".format(name))
        self.block(self.steps)
        return "\n".join(self.lines) + "\n"

    # Names

    def bind(self, steps):
        """Collects the locals that these steps bind."""
        for step in steps:
            if isinstance(step, str):
                continue
            self.locals.update(step[key] for key in ("as", "done", "pending", "for", "task_group") if key in step)
            for name in [step["set"]] if "set" in step else [step["to"]] if "add" in step else []:
                if name not in self.shared:
                    self.locals.add(name)
            for clause, handler in clauses(step):
                if " as " in clause:
                    self.locals.add(clause.split(" as ")[1].strip())
                self.bind(handler)
            for key in ("then", "else", "do", "try", "finally"):
                self.bind(step.get(key, []))

    def name(self, name, spawning):
        if name in self.locals:
            return local(name)
        if name in self.constants:
            return "_atropos.constant({!r})".format(name)
        if name in self.shared:
            return "_atropos.shared[{!r}]".format(name)
        if name in self.futures:
            return "_atropos.object({!r})".format(name)
        if name == "coros":
            return "_atropos.coros()"
        if name == "current":
            return "_atropos.current()"
        if name in self.instances:
            return "_atropos.{}({!r})".format("called" if spawning else "named", name)
        raise ValueError("unknown name {!r}".format(name))

    def is_object(self, name):
        return name in self.objects - self.futures and name not in self.locals | self.constants | self.shared

    def place(self, name):
        return "_atropos.shared[{!r}]".format(name) if name in self.shared else local(name)

    # Expressions: Python's grammar, as much of it as scenarios have. (`ast.unparse` is younger than 3.8.)

    def expression(self, text, spawning=False):
        if not isinstance(text, str):
            return repr(text)
        text = LITERAL_OR_NAME.sub(for_python, text.strip())
        # In parentheses, so that it may go over several lines.
        return self.node(ast.parse("(" + text + ")", mode="eval").body, spawning)

    def node(self, node, spawning):
        def of(inner):
            return self.node(inner, spawning)

        kind = type(node).__name__
        if kind == "Name":
            return self.name(from_python(node.id), spawning)
        if kind == "Constant":
            return repr(node.value)
        if kind in ("List", "Tuple"):
            return "[" + ", ".join(of(item) for item in node.elts) + "]"
        if kind == "Attribute" and self.is_object(from_python(getattr(node.value, "id", ""))):
            is_property = node.attr in ("parties", "n_waiting", "broken")
            name = from_python(node.value.id)
            return "_atropos.object({!r}).{}{}".format(name, node.attr, "" if is_property else "()")
        if kind == "Attribute":
            if node.attr in ("done", "cancelled", "result", "exception", "cancelling", "expired"):
                return "({}).{}()".format(of(node.value), node.attr)
            return "_atropos.attribute({}, {!r})".format(of(node.value), from_python(node.attr))
        if kind == "Subscript":
            at = node.slice.value if type(node.slice).__name__ == "Index" else node.slice
            return "({})[{}]".format(of(node.value), of(at))
        if kind == "Call" and node.func.id in ("len", "range"):
            return "{}({})".format(node.func.id, ", ".join(of(argument) for argument in node.args))
        if kind == "BoolOp":
            word = " or " if isinstance(node.op, ast.Or) else " and "
            return "(" + word.join(of(value) for value in node.values) + ")"
        if kind == "UnaryOp":
            return "({}{})".format("not " if isinstance(node.op, ast.Not) else "-", of(node.operand))
        if kind == "BinOp":
            return "({} {} {})".format(of(node.left), "+" if isinstance(node.op, ast.Add) else "-", of(node.right))
        if kind == "Compare":
            signs = {"Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">="}
            parts = [of(node.left)]
            for op, right in zip(node.ops, node.comparators):
                parts += [signs[type(op).__name__], of(right)]
            return "(" + " ".join(parts) + ")"
        raise ValueError("no scenario has a {}".format(kind))

    def operand(self, text, spawning=False):
        """What a step works on: the name of a task as it stands, or an expression, or a list of either.

        A local goes before a task of the same name, except in `spawn`, which makes new tasks.
        """
        if isinstance(text, list):
            return "[" + ", ".join(self.operand(item, spawning) for item in text) + "]"
        if text in self.futures and text not in self.locals:
            return "_atropos.object({!r})".format(text)
        if text in self.instances and (spawning or text not in self.locals):
            return "_atropos.{}({!r})".format("called" if spawning else "named", text)
        return self.expression(text, spawning)

    def text(self, template):
        """A text with placeholders, as an expression."""
        parts = []
        end = 0
        for found in PLACEHOLDER.finditer(template):
            parts.append(repr(template[end : found.start()]))
            end = found.end()
            if found.group() in ("{{", "}}"):
                parts.append(repr(found.group()[0]))
                continue
            expression, form = split_format(found.group(1))
            parts.append("_atropos.shown({}, {!r})".format(self.expression(expression), form))
        parts.append(repr(template[end:]))
        parts = [part for part in parts if part != "''"] or ["''"]
        return " + ".join(parts)

    def message(self, step, key="message"):
        return self.text(step[key]) if key in step else "None"

    # Steps

    def line(self, text):
        self.lines.append("    " * self.depth + text)

    def block(self, steps):
        self.depth += 1
        for step in steps:
            self.step(step)
        if not steps:
            self.line("pass")
        self.depth -= 1

    def simple(self, *lines):
        self.line("try:")
        self.line("    _atropos.step()")
        for line in lines:
            self.line("    " + line)
        self.line("except BaseException as _atropos_error:")
        self.line("    _atropos.surfaced(_atropos_error)")
        self.line("    raise")

    def step(self, step):
        if isinstance(step, str):
            return self.word(step)
        # `timeout` is a verb by itself, and a key beside others.
        verb = min((key for key in step if key in VERBS), key=lambda verb: verb == "timeout")
        getattr(self, "write_" + verb)(step)

    def word(self, word):
        if word == "raise":
            self.line("_atropos.reraised()")
        self.line(word)

    def into(self, step, code, key="as"):
        return "{} = {}".format(local(step[key]), code) if key in step else code

    def write_print(self, step):
        self.simple("_atropos.print({})".format(self.text(step["print"])))

    def write_sleep(self, step):
        self.simple("await _atropos.sleep({!r})".format(step["sleep"]))

    def write_point(self, step):
        self.simple("_atropos.point({!r})".format(step["point"]))

    def write_raise(self, step):
        kind = step.get("type", "Exception")
        self.simple("raise _atropos.error({!r}, {})".format(kind, self.text(step["raise"])))

    def write_return(self, step):
        template = step["return"]
        whole = PLACEHOLDER.fullmatch(template)
        if whole and whole.group(1) is not None and split_format(whole.group(1))[1] == "":
            value = self.expression(split_format(whole.group(1))[0])
        else:
            value = self.text(template)
        self.simple("_atropos_result = " + value)
        self.line("return _atropos_result")

    def write_spawn(self, step):
        if "in" in step:
            group = self.expression(step["in"])
            call = "_atropos.spawn_in({}, {})".format(group, self.operand(step["spawn"], spawning=True))
            return self.simple(self.into(step, call))
        self.simple(self.into(step, "_atropos.spawn({})".format(self.operand(step["spawn"], spawning=True))))

    def write_await(self, step):
        self.simple(self.into(step, "await _atropos.awaited({})".format(self.operand(step["await"]))))

    def write_cancel(self, step):
        call = "_atropos.cancel({}, {})".format(self.operand(step["cancel"]), self.message(step))
        self.simple(self.into(step, call))

    def write_cancel_all(self, step):
        self.simple("_atropos.cancel_all({})".format(self.message(step)))

    def write_gather(self, step):
        call = "_atropos.gather({}, {})".format(self.operand(step["gather"]), step.get("return_exceptions", False))
        self.simple(self.into(step, call))

    def write_wait(self, step):
        what = step["wait"]
        has_placeholder = isinstance(what, str) and any(found.group(1) for found in PLACEHOLDER.finditer(what))
        if isinstance(what, str) and (has_placeholder or what in self.objects and what not in self.locals):
            return self.use(step, "wait", what)
        call = "await _atropos.wait({}, {!r}, {!r})".format(
            self.operand(step["wait"]), step.get("timeout"), step.get("return_when", "ALL_COMPLETED")
        )
        targets = (local(step.get("done", "_atropos_done")), local(step.get("pending", "_atropos_pending")))
        self.simple("{}, {} = {}".format(*targets, call))

    # Objects: a step that waits is a coroutine of asyncio's, the others are plain methods.

    def use(self, step, method, name, *arguments):
        call = "_atropos.use({})".format(", ".join([repr(method), repr(name), *arguments]))
        self.simple(self.into(step, "await " + call))

    def use_now(self, step, method, name, *arguments):
        call = "_atropos.use_now({})".format(", ".join([repr(method), repr(name), *arguments]))
        self.simple(self.into(step, call))

    def write_acquire(self, step):
        self.use(step, "acquire", step["acquire"])

    def write_release(self, step):
        self.use_now(step, "release", step["release"])

    def write_set_event(self, step):
        self.use_now(step, "set", step["set_event"])

    def write_clear_event(self, step):
        self.use_now(step, "clear", step["clear_event"])

    def write_notify(self, step):
        self.use_now(step, "notify", step["notify"], repr(step.get("n", 1)))

    def write_notify_all(self, step):
        self.use_now(step, "notify_all", step["notify_all"])

    def write_put(self, step):
        self.use(step, "put", step["into"], self.expression(step["put"]))

    def write_put_nowait(self, step):
        self.use_now(step, "put_nowait", step["into"], self.expression(step["put_nowait"]))

    def write_get(self, step):
        self.use(step, "get", step["get"])

    def write_get_nowait(self, step):
        self.use_now(step, "get_nowait", step["get_nowait"])

    def write_task_done(self, step):
        self.use_now(step, "task_done", step["task_done"])

    def write_join(self, step):
        self.use(step, "join", step["join"])

    def write_reset(self, step):
        self.use(step, "reset", step["reset"])

    def write_abort(self, step):
        self.use(step, "abort", step["abort"])

    def write_set_result(self, step):
        call = "_atropos.settle({!r}).set_result({})"
        self.simple(call.format(step["set_result"], self.expression(step["to"])))

    def write_set_exception(self, step):
        error = "_atropos.error({!r}, {})".format(step.get("type", "Exception"), self.message(step))
        self.simple("_atropos.settle({!r}).set_exception({})".format(step["set_exception"], error))

    # asyncio's library

    def write_wait_for(self, step):
        call = "await _atropos.wait_for({}, {!r})".format(self.operand(step["wait_for"]), step.get("timeout"))
        self.simple(self.into(step, call))

    def write_shield(self, step):
        self.simple(self.into(step, "_atropos.shield({})".format(self.operand(step["shield"]))))

    def write_timeout(self, step):
        length = None if step["timeout"] == "None" else step["timeout"]
        name = " as {}".format(local(step["as"])) if "as" in step else ""
        self.line("async with _atropos.timeout({!r}){}:".format(length, name))
        self.block(step["do"])

    def write_task_group(self, step):
        self.line("async with _atropos.task_group() as {}:".format(local(step["task_group"])))
        self.block(step["do"])

    def write_reschedule(self, step):
        self.simple("_atropos.reschedule({}, {!r})".format(self.expression(step["reschedule"]), step.get("in")))

    def write_uncancel(self, step):
        self.simple(self.into(step, "({}).uncancel()".format(self.operand(step["uncancel"]))))

    def write_as_completed(self, step):
        self.blocks += 1
        items = "_atropos_items_{}".format(self.blocks)
        call = "_atropos.as_completed({}, {!r})".format(self.operand(step["as_completed"]), step.get("timeout"))
        self.simple("{} = {}".format(items, call))
        self.line("for _atropos_next in {}:".format(items))
        self.depth += 1
        self.simple("{} = await _atropos.next_completed(_atropos_next)".format(local(step["as"])))
        self.depth -= 1
        self.block(step["do"])

    # Callbacks

    def write_call_soon(self, step):
        self.simple(self.into(step, "_atropos.call_soon({})".format(self.deferred(step["call_soon"]))))

    def write_call_later(self, step):
        call = "_atropos.call_later({!r}, {})".format(step["in"], self.deferred(step["call_later"]))
        self.simple(self.into(step, call))

    def write_add_done_callback(self, step):
        callback = self.deferred(step["add_done_callback"])
        call = "({}).add_done_callback({})"
        if "as" in step:
            call = "({}).add_done_callback({} := {})".format("{}", local(step["as"]), "{}")
        self.simple(call.format(self.operand(step["to"]), callback))

    def write_remove_done_callback(self, step):
        call = "({}).remove_done_callback({})"
        call = call.format(self.operand(step["from"]), self.expression(step["remove_done_callback"]))
        self.simple(self.into(step, call))

    def deferred(self, step):
        """A step that is taken later; what it works on is worked out now."""
        methods = {"set_event": "set", "clear_event": "clear"}
        verb = next(key for key in step if key in VERBS)
        if verb == "print":
            return "_atropos.deferred('print', {})".format(self.text(step["print"]))
        if verb == "cancel":
            return "_atropos.deferred('cancel', {}, {})".format(self.operand(step["cancel"]), self.message(step))
        if verb == "set_result":
            return "_atropos.deferred('settle', {!r}, 'set_result', {})".format(
                step["set_result"], self.expression(step["to"])
            )
        if verb == "set_exception":
            error = "_atropos.error({!r}, {})".format(step.get("type", "Exception"), self.message(step))
            return "_atropos.deferred('settle', {!r}, 'set_exception', {})".format(step["set_exception"], error)
        value = []
        if verb == "put_nowait":
            value = [self.expression(step["put_nowait"])]
        elif verb == "notify":
            value = [repr(step.get("n", 1))]
        name = step["into"] if verb == "put_nowait" else step[verb]
        arguments = [repr("use"), repr(methods.get(verb, verb)), repr(name), *value]
        return "_atropos.deferred({})".format(", ".join(arguments))

    def write_with(self, step):
        self.line("async with _atropos.entered({!r}):".format(step["with"]))
        self.block(step["do"])

    def write_set(self, step):
        self.simple("{} = {}".format(self.place(step["set"]), self.expression(step["to"])))

    def write_add(self, step):
        self.simple("{} += {}".format(self.place(step["to"]), self.expression(step["add"])))

    def write_append(self, step):
        self.simple("({}).append({})".format(self.expression(step["to"]), self.expression(step["append"])))

    def write_remove(self, step):
        self.simple("({}).remove({})".format(self.expression(step["from"]), self.expression(step["remove"])))

    def write_assert(self, step):
        condition = self.expression(step["assert"])
        self.simple(
            "if not {}:".format(condition), "    raise _atropos.error('AssertionError', {})".format(self.message(step))
        )

    def write_if(self, step):
        self.simple("_atropos_condition = bool({})".format(self.expression(step["if"])))
        self.line("if _atropos_condition:")
        self.block(step["then"])
        if "else" in step:
            self.line("else:")
            self.block(step["else"])

    def write_while(self, step):
        self.line("while True:")
        self.depth += 1
        self.simple("_atropos_condition = bool({})".format(self.expression(step["while"])))
        self.line("if not _atropos_condition:")
        self.line("    break")
        self.depth -= 1
        self.block(step["do"])

    def write_for(self, step):
        self.blocks += 1
        items = "_atropos_items_{}".format(self.blocks)
        self.simple("{} = iter({})".format(items, self.expression(step["in"])))
        self.line("for {} in {}:".format(local(step["for"]), items))
        self.depth += 1
        self.line("_atropos.step()")
        self.depth -= 1
        self.block(step["do"])

    def write_try(self, step):
        star = "*" if "except*" in step else ""
        if star:
            # Around it all, because what comes out of it may be a new error, and may have an end of the run in it.
            self.line("try:")
            self.depth += 1
        self.line("try:")
        self.block(step["try"])
        # A run that is over, or a coroutine that is dropped, is not the scenario's business.
        if not star:
            self.line("except _atropos.STOPS:")
            self.line("    raise")
        for clause, handler in clauses(step):
            kind, _, name = (part.strip() for part in clause.partition(" as "))
            name = local(name or "_atropos_caught")
            self.line("except{} _atropos.caught_types({!r}) as {}:".format(star, kind, name))
            self.line("    _atropos.caught({})".format(name))
            self.block(handler)
        if "else" in step:
            self.line("else:")
            self.block(step["else"])
        if "finally" in step:
            self.blocks += 1
            flight = "_atropos_flight_{}".format(self.blocks)
            self.line("finally:")
            self.line("    if not _atropos.is_over():")
            self.depth += 1
            self.line("    {} = _atropos.set_aside()".format(flight))
            self.block(step["finally"])
            self.line("    _atropos.take_up({})".format(flight))
            self.depth -= 1
        if star:
            self.depth -= 1
            self.line("except BaseException as _atropos_error:")
            self.line("    _atropos.left_star(_atropos_error)")
            self.line("    raise")


def local(name):
    """What a local is called in the source: nothing that means something there, and no two are one to Python."""
    return "v_" + for_python(name)


def for_python(found):
    """A text or a name of an expression as Python reads it as what it is."""
    word = found if isinstance(found, str) else found.group()
    if word[0] in "'\"":
        return repr(word[1:-1])
    return word if word.isascii() else SPELT + "_".join("{:x}".format(ord(character)) for character in word)


def from_python(name):
    """A name as it was before that."""
    if not name.startswith(SPELT):
        return name
    return "".join(chr(int(character, 16)) for character in name[len(SPELT) :].split("_"))


def clauses(step):
    """The clauses of a `try`, in order: an object, or a list of pairs for those whose objects have no order."""
    handlers = step.get("except*") or step.get("except", {})
    return list(handlers.items()) if isinstance(handlers, dict) else handlers


def split_format(placeholder):
    """The expression of a placeholder and its format: what follows a colon outside quotes and brackets."""
    quote, depth = None, 0
    for at, char in enumerate(placeholder):
        if quote:
            quote = None if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == ":" and depth == 0:
            return placeholder[:at], placeholder[at + 1 :]
    return placeholder, ""
