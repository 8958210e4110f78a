"""Whether something on the way of a value may have refused it, though nobody here can prove it.

Sees the functions around a flow in one file, in any language: conditions that leave or enclose,
and calls that check. A condition that proves harmlessness ended the flow before it comes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rlm_gate.detectors._taint import around, signs
from rlm_gate.detectors._taint.reading import lines_of
from rlm_gate.detectors._taint.values import Lines
from rlm_gate.syntax import Node

_BRANCHES: Final = frozenset(
    {
        "elif_clause",
        "else_if_clause",
        "if_statement",
        "assert_statement",
        "if_expression",  # of Kotlin, as the next one
        "when_entry",
    }
)
_CHOICES: Final = frozenset({"conditional_expression", "ternary_expression"})
_BINDS: Final = frozenset(
    {
        "assignment",
        "assignment_expression",
        "assignment_statement",
        "short_var_declaration",
        "variable_declarator",
        "enhanced_for_statement",
        "for_in_statement",
        "for_statement",
        "foreach_statement",
        "property_declaration",  # of Kotlin: val and var
    }
)
_STATEMENT: Final = "expression_statement"
# Kotlin's trees hardly have fields: which children stand for them
_BODIES: Final = frozenset({"control_structure_body", "function_body"})
_NAMED: Final = frozenset(
    {"variable_declaration", "multi_variable_declaration", "directly_assignable_expression"}
)
_PARAMETERS: Final = frozenset({"function_value_parameters"})
_READ: Final = frozenset({*_BRANCHES, *_CHOICES, *_BINDS, _STATEMENT})


class _Flow(NamedTuple):
    """A flow: its sink, what its steps say, what carries its value, what was learnt of that."""

    sink: Node
    kind: str
    said: Sequence[str]
    carriers: frozenset[str]
    learnt: frozenset[str] = frozenset()


def doubted(sink: Node, steps: Sequence[Lines], kind: str) -> bool:
    """Say whether a condition or a check on the way mentions the value or what was learnt of it."""
    root = around.whole(sink)
    spans = [*_spans(root, sink, steps)]
    home = next(around.functions(sink), None)
    parts = [one for one in _parts(root, spans) if not _is_behind(one, sink, home)]
    said = [*around.said_at(sink, steps)]
    flow = _Flow(sink, kind, said, _begun(sink, steps, said[0], parts))
    flow = _followed(parts, flow)
    return bool(flow.carriers) and (
        any(_is_guard(one, flow) for one in parts)
        or any(signs.CHAIN.search(head) or signs.WRAPS.search(head) for head in around.heads(sink))
        or (kind == "path" and _is_glued(parts, flow))
    )


def _is_glued(parts: Sequence[Node], flow: _Flow) -> bool:
    """Say whether the value stands behind something drawn or counted, with no slash between."""
    bound = (one.text() for one in parts if one.kind() in _BINDS and _is_on_way(one, flow))
    names = {one for one in flow.carriers if signs.NAME.fullmatch(one)}
    texts = "\n".join((*flow.said, *bound, flow.sink.text()))
    marked = signs.NAME.sub(lambda one: "@" if one[0] in names else one[0], texts)
    return signs.GLUED.search(marked) is not None


def _is_behind(node: Node, sink: Node, home: Node | None) -> bool:
    """Say whether the node stands behind the sink in the function that is its home."""
    after = node.range().start.index >= sink.range().end.index
    return after and (home is None or _holds(home, node))


def _spans(root: Node, sink: Node, steps: Sequence[Lines]) -> Iterator[Lines]:
    """Yield the lines that are read: the functions around the sink, and those of the steps."""
    functions = [*around.functions(sink)]
    last = sink.range().end.line + 1
    if not functions:
        yield 1, last
        return
    for one in functions:
        yield one.range().start.line + 1, last
    outer = functions[-1].range()
    for line in {start for start, _ in steps}:
        if not outer.start.line < line <= outer.end.line + 1:
            yield _function_at(root, line)


def _function_at(root: Node, line: int) -> Lines:
    """Return the lines of the innermost function around a line of another function."""
    found, waiting = (1, line), [root]
    while waiting:
        node = waiting.pop()
        first, last = lines_of(node)
        if first <= line <= last:
            if node.kind() in around.FUNCTIONS and first >= found[0]:
                found = first, last
            waiting.extend(one for one in node.children() if one.is_named())
    return found


def _parts(node: Node, spans: Sequence[Lines]) -> Iterator[Node]:
    """Yield the conditions, assignments and statements that begin within these lines."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        start, end = lines_of(node)
        if not any(start <= last and end >= first for first, last in spans):
            continue
        if node.kind() in _READ and any(first <= start <= last for first, last in spans):
            yield node
        inner = [one for one in node.children() if one.is_named()]
        if node.kind() == "statements":  # Kotlin's, whose calls stand there bare
            for one in inner:
                line = lines_of(one)[0]
                if one.kind() == "call_expression" and any(a <= line <= b for a, b in spans):
                    yield one
        waiting.extend(inner)


def _body(node: Node) -> Node | None:
    return node.field("body") or _child(node, _BODIES)


def _child(node: Node, kinds: frozenset[str]) -> Node | None:
    return next((one for one in node.children() if one.kind() in kinds), None)


def _begun(
    sink: Node, steps: Sequence[Lines], source: str, parts: Sequence[Node]
) -> frozenset[str]:
    """Return the names and expressions that hold the value where it comes in."""
    last = steps[0][1]
    found = {"".join(one.split()) for one in signs.ASKED.findall(source)}
    found |= next((bound for step in steps if (bound := _bound_at(step, parts))), set())
    functions = [*around.functions(sink)]
    far = [one for one in functions if one.range().start.line + 1 > last]
    given = any(_heads(one, steps[0]) for one in functions)
    for function in far if found and not given else functions:
        parameters = (
            function.field("parameters")
            or function.field("parameter")
            or _child(function, _PARAMETERS)
        )
        found.update(signs.NAME.findall(parameters.text()) if parameters is not None else ())
    return frozenset(one for one in found if not signs.REQUESTS.match(one))


def _heads(function: Node, step: Lines) -> bool:
    """Say whether the value comes in where the function names its parameters."""
    body = function.field("body") or _child(function, _BODIES)
    last = (body.range().start if body is not None else function.range().end).line + 1
    return function.range().start.line + 1 <= step[0] <= last


def _bound_at(step: Lines, parts: Sequence[Node]) -> set[str]:
    """Return the names that hold the value from these lines on, none that hold a whole request."""
    found = set[str]()
    for one in parts:
        body = _body(one)
        end = (body.range().start if body is not None else one.range().end).line + 1
        if one.kind() in _BINDS and step[0] <= end and one.range().start.line < step[1]:
            found.update(signs.NAME.findall(_target(one)))
    return {one for one in found if not signs.REQUESTS.match(one)}


def _followed(parts: Sequence[Node], flow: _Flow) -> _Flow:
    """Return the flow with all that was made of the value: carriers that get to the sink, or not.

    A value that comes in by another function keeps its names there.
    """
    bound = [one for one in parts if one.kind() in _BINDS]
    bound.sort(key=lambda one: one.range().start.index)
    known, learnt = {*flow.carriers}, set[str]()
    for one in bound:
        names = {*signs.NAME.findall(_target(one))} - known
        value = _value(one)
        body = _body(one)  # of a loop: there the value is what it was bound to
        if not names or (_holds(one, flow.sink) and not (body and _holds(body, flow.sink))):
            continue
        if _mentions(value, frozenset(known)):
            known |= {name for name in names if not signs.REQUESTS.match(name)}
            learnt |= names if _asks(value, flow._replace(carriers=frozenset(known))) else set()
        elif _mentions(value, frozenset(learnt)):
            learnt |= names
    reaching = {*signs.NAME.findall(flow.sink.text())}
    for one in reversed(bound):
        if not reaching.isdisjoint(signs.NAME.findall(_target(one))):
            reaching.update(signs.NAME.findall(_value(one)))
    plain = {one for one in known if signs.NAME.fullmatch(one)}
    carriers = (plain & reaching or plain & flow.carriers) | (known - plain)
    return flow._replace(carriers=frozenset(carriers), learnt=frozenset(learnt - carriers))


def _is_on_way(node: Node, flow: _Flow) -> bool:
    return not flow.carriers.isdisjoint(signs.NAME.findall(_target(node)))


def _value(node: Node) -> str:
    value = node.field("right") or node.field("value")
    if value is None and _body(node) is not None:
        return _target(node)
    if value is None and _child(node, _NAMED) is not None:
        value = [one for one in node.children() if one.is_named()][-1]
    return value.text() if value is not None else ""


def _target(node: Node) -> str:
    body = _body(node)
    target = node.field("left") or node.field("name")
    if target is None and body is None:
        target = _child(node, _NAMED)
    if target is None and body is not None:
        return node.text()[: body.range().start.index - node.range().start.index]
    return target.text() if target is not None else ""


def _holds(node: Node, inner: Node) -> bool:
    span, sink = node.range(), inner.range()
    return span.start.index <= sink.start.index and sink.end.index <= span.end.index


def _is_guard(node: Node, flow: _Flow) -> bool:
    if node.kind() in _BINDS or node.kind() in {_STATEMENT, "call_expression"}:
        return _is_check(node, flow)
    choice = node.kind() in {*_CHOICES, "if_expression"} and _is_chosen(node, flow)
    if not choice and node.kind() not in _BRANCHES:
        return False
    condition = _condition(node)
    if condition is None or _holds(condition, flow.sink) or not _tests(condition.text(), flow):
        return False
    return choice or node.kind() == "assert_statement" or _decides(node, condition, flow)


def _is_chosen(choice: Node, flow: _Flow) -> bool:
    """Say whether the choice makes the value that gets to the sink."""
    binding = (one for one in choice.ancestors() if one.kind() in _BINDS)
    if choice.kind() == "if_expression":  # a statement too, where nothing takes what it gives
        binding = (one for one in [*choice.ancestors()][:1] if one.kind() in _BINDS)
    return any(_is_on_way(one, flow) for one in binding) or _holds(flow.sink, choice)


def _decides(node: Node, condition: Node, flow: _Flow) -> bool:
    """Say whether the sink is not reached, or another way, where the value was refused."""
    body = node.field("consequence") or _body(node)
    if body is None:
        return False
    refused = signs.NEGATED.search(condition.text()) is not None
    if not _holds(node, flow.sink):
        sets = _replaces(body, flow) if refused else _sets(body, flow)
        plain = _tests(condition.text(), flow, listed=False)
        return sets or (plain and signs.LEAVES.search(body.text()) is not None)
    return refused != _holds(body, flow.sink)


def _condition(node: Node) -> Node | None:
    parts = [one for one in node.children() if one.is_named()]
    second = node.kind() == "conditional_expression" and len(parts) > 2  # a if b else c
    return node.field("condition") or next(iter(parts[second:]), None)


def _sets(body: Node, flow: _Flow) -> bool:
    """Say whether something that gets to the sink is set in this branch alone."""
    inside = _parts(body, [lines_of(body)])
    return any(one.kind() in _BINDS and _is_on_way(one, flow) for one in inside)


def _replaces(body: Node, flow: _Flow) -> bool:
    """Say whether the branch puts something else in the place of the value."""
    inside = (one for one in _parts(body, [lines_of(body)]) if one.kind() in _BINDS)
    return any(
        _is_on_way(one, flow) and not _mentions(_value(one), flow.carriers) for one in inside
    )


def _tests(condition: str, flow: _Flow, *, listed: bool = True) -> bool:
    """Say whether a part of the condition asks more of the value than whether it is there."""
    for clause in signs.JOINED.split(condition):
        if not listed and signs.LISTED.match(clause):
            continue
        if flow.kind == "path" and signs.PIECE.search(clause):
            continue
        if flow.learnt and _mentions(clause, flow.learnt):
            return True
        if _mentions(clause, flow.carriers) and _asks(clause, flow):
            return True
    return False


def _asks(text: str, flow: _Flow) -> bool:
    """Say whether a call that is not known gets the value, or it is compared with what varies."""
    called = [
        one
        for one in signs.CALLED.findall(text)
        if not signs.ASIDE.match(one) and not (flow.kind == "sql" and signs.STORES.match(one))
    ]
    if signs.EQUALS.match("".join(called)) and signs.SPELT.search(text):
        return False  # what is proved by that is proved
    if called:
        return True
    if flow.kind in signs.HOSTS and signs.ADDRESS.search(text):
        return True
    sides = signs.COMPARED.split(text)
    if len(sides) < 2 or signs.CALLED.search(text):  # something and something
        return False
    return not any(signs.LITERAL.match(one) for one in sides) and ".length" not in text


def _is_check(node: Node, flow: _Flow) -> bool:
    """Say whether a call gets the value or the whole request and by its name refuses some."""
    text = node.text()
    if _holds(node, flow.sink) or len(text.partition("\n")[0]) > _LONG:
        return False
    if signs.WHOLE.search(text):
        return True
    if not _mentions(text, flow.carriers):
        return False
    if node.kind() in _BINDS:
        known = signs.CUT.search(text) or any(
            signs.ESCAPES.search(one) for one in signs.CALLED.findall(text)
        )
        return bool(known) and _is_on_way(node, flow)
    called = signs.CALLED.search(text)
    if called is None or signs.ASIDE.match(called[1]):
        return False
    return signs.LOOKS.search(called[1]) is not None


_LONG: Final = 400  # characters: a longer statement holds others


def _mentions(text: str, names: frozenset[str]) -> bool:
    if not names.isdisjoint(signs.NAME.findall(text)):
        return True
    packed = "".join(text.split())
    return any(one in packed for one in names if not one.isidentifier())
