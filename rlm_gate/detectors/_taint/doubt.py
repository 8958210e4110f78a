"""Whether something on the way of a value may have refused it, though nobody here can prove it.

Sees the functions around a flow in one file, in any language: conditions that leave or enclose,
and calls that check. A condition that proves harmlessness ended the flow before it comes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rlm_gate import kept
from rlm_gate.detectors._taint.reading import lines_of
from rlm_gate.detectors._taint.values import Lines
from rlm_gate.syntax import Node

FUNCTIONS: Final = frozenset(
    {
        "arrow_function",
        "constructor_declaration",
        "func_literal",
        "function_declaration",
        "function_definition",
        "function_expression",
        "method_declaration",
        "method_definition",
    }
)
_BRANCHES: Final = frozenset({"elif_clause", "else_if_clause", "if_statement", "assert_statement"})
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
    }
)
_STATEMENT: Final = "expression_statement"
_READ: Final = frozenset({*_BRANCHES, *_CHOICES, *_BINDS, _STATEMENT})
_NAME: Final = kept.expression(r"\$?[^\W\d][\w$]*")
# what is asked of a request: req.query.file, $_GET['file'], request.args.get("file")
_ASKED: Final = kept.expression(
    r"(?:\$_[A-Z]+|\b(?i:req|request|ctx|params|event)\b)"
    r"(?:\s*(?:\.|->|\?\.)\s*\w+|\s*\[\s*[\"'][^\"'\]\n]*[\"']\s*\]"
    r"|\(\s*[\"'][^\"'()\n]*[\"']\s*\))+"
)
_LEAVES: Final = kept.expression(
    r"\b(?:return|throw|raise|die|exit|abort|continue|break|panic|reject|redirect|next)\b"
)
_JOINED: Final = kept.expression(r"&&|\|\||\b(?:and|or|AND|OR)\b")
_NEGATED: Final = kept.expression(
    r"\A[\s(]*(?:!(?!=)|not\b)|(?<![!=])(?:===?|\bis)\s*(?:null|None|nil|false|undefined)\b"
)
_COMPARED: Final = kept.expression(r"[!=<>]==?|(?<![-=])[<>]|\b(?:not\s+in|in|is\s+not|is)\b")
_LITERAL: Final = kept.expression(
    r"[\s()]*(?:[\"'`][^\"'`]*[\"'`]|-?[\d.]+|null|None|nil|undefined|(?i:true|false|self::\w+)"
    r"|[A-Z][A-Z0-9_]+)[\s()]*\Z"
)
# to leave for what stands in a list lets all the rest pass
_LISTED: Final = kept.expression(r"[^!]*\b(?:includes|contains|has|in_array)\([^!=]*\Z")
# that a path has some word in it does not say where it leads, unless the word is a folder's
_PIECE: Final = kept.expression(
    r"[\w\])]\.(?:includes|contains|indexOf)\(\s*(?![^)]*(?:(?i:dir|root|base|path|folder)|\.\.|/))"
)
_CALLED: Final = kept.expression(r"([\w$]+)[!?]?\s*\(")
# says nothing of where a path leads or what a text does: its size, its end, whether there is one
_ASIDE: Final = kept.expression(
    r"(?i)(?:exists?(?:sync)?|\w*_exists|is_?(?:file|dir\w*|null|none|\w*empty|\w*blank|str|string"
    r"|instance|array)|[lf]?stat(?:sync)?|access(?:sync)?|ext|extname|splitext|pathinfo|\w*extension"
    r"|suffix|endswith|str_ends_with|hassuffix|len|length|strlen|count|size|basename|(?:to)?lower"
    r"|(?:to)?upper|to\w+case|strto\w+|trim\w*|strip|log|debug|info|warn\w*|error|print\w*|echo"
    r"|s?printf|format|string|str|stringify|tostring|\w+_encode|dumps|isset|empty|method|typeof"
    r"|bool(?:ean)?|has(?:text|length)?|get\w*|split|explode|if|while|for|switch|catch|function"
    r"|await|return|not|and|or|in|join|resolve|\w*read\w*|\w*open\w*|bind\w*)\Z"
)
_STORES: Final = kept.expression(
    r"(?i)(?:\w*query\w*|exec\w*|raw|prepare\w*|\w*fetch\w*|find\w*|select\w*|scan|save|all|run"
    r"|insert\w*|update\w*|create\w*|first|where|cursor|mysqli?_\w+|pg_\w+|num_rows|row\w*)\Z"
)
_LOOKS: Final = kept.expression(
    r"(?i)(?:\A|_|(?<=[a-z])(?-i:(?=[A-Z])))(?:check|valid|verif|assert|ensure|sanit|safe|guard"
    r"|requir|authori|allow|permit|deny|forbid|must|confirm|precondition|reject|protect|restrict)"
)
_CHAIN: Final = kept.expression(
    r"(?i)\b\w*(?:validat|sanitiz|schema|celebrate)\w*\s*[(.,]|\b(?:joi|zod|yup)\."
    r"|\b(?:param|query|body|check)\(\s*[\"'`]"
)


# what holds more than the value: who asks is no word about what is asked for
_REQUESTS: Final = kept.expression(
    r"\$?(?:req|request|res|resp|response|ctx|context|r|w|c|e|err|error|self|cls|this|next|event|args"
    r"|params|query|body|data|_GET|_POST|_REQUEST|_COOKIE|_SERVER|final|const|let|var|[A-Z]\w*)\Z"
)
# whoever looks at the parts of an address mostly looks at where it leads
_HOSTS: Final = frozenset({"ssrf", "redirect"})
_ADDRESS: Final = kept.expression(r"(?i)[._](?:scheme|protocol|host(?:name)?|netloc|origin)\b")


# a validator that is given the request whole looks at its parts by their names
_WHOLE: Final = kept.expression(
    r"(?i)(?:validat\w*(?:::make|\.make)?|verify\w*|safeparse|is_?valid|check\w*)\(\s*(?:\$?(?:this->)?"
    r"request|req|ctx|c|r|\$_(?:POST|GET|REQUEST)|\$input)\b(?!\.(?:user|session))|\$request->validate"
)
# the author of this thought of it, for this sink or for another
_ESCAPES: Final = kept.expression(
    r"(?i)(?!.*escape_string)(?:\A|_|(?<=[a-z])(?-i:(?=[A-Z])))(?:escape|saniti|purif|html_?special|html_?entit|quote"
    r"|clean|whitelist|safe)"
)
_CUT: Final = kept.expression(
    r"\b(?:substring|substr|slice)\((?:[^()]*,)?\s*0\s*,\s*\d\s*\)|\[:\d\]"
)
# In its last part a name that begins with what nobody chose: "3f2a-../x" is in no folder.
_GLUED: Final = kept.expression(
    r"(?i)(?:uuid|random|uniq|nanoid|millis|timestamp|date\.now|\btime\.time\(|\btime\(\)|\bnow\b|token_hex)[^/\\;,\n]*?"
    r"(?:\+|\}[^/{\n]*\{|%s[^/\n]*%s|\s\.\s)[^/\\;,\n]*?(?:name|@)"
)


_EQUALS: Final = kept.expression(r"(?:equals|equalsIgnoreCase|contentEquals|EqualFold|strcmp)+\Z")
_SPELT: Final = kept.expression(r"\(\s*[\"'][^\"']*[\"']\s*[,)]|[\"'][^\"']*[\"']\s*\.\s*equals")


class _Flow(NamedTuple):
    """A flow: its sink, what its steps say, what carries its value, what was learnt of that."""

    sink: Node
    kind: str
    said: Sequence[str]
    carriers: frozenset[str]
    learnt: frozenset[str] = frozenset()


def doubted(sink: Node, steps: Sequence[Lines], kind: str) -> bool:
    """Say whether a condition or a check on the way mentions the value or what was learnt of it."""
    root = [sink, *sink.ancestors()][-1]
    spans = [*_spans(root, sink, steps)]
    parts = [one for one in _parts(root, spans) if not _is_behind(one, sink)]
    said = [*said_at(root, steps)]
    flow = _Flow(sink, kind, said, _begun(sink, steps, said[0], parts))
    flow = _followed(parts, flow)
    return bool(flow.carriers) and (
        any(_is_guard(one, flow) for one in parts)
        or any(_CHAIN.search(head) for head in heads(sink))
        or (kind == "path" and _is_glued(parts, flow))
    )


def _is_glued(parts: Sequence[Node], flow: _Flow) -> bool:
    """Say whether the value stands behind something drawn or counted, with no slash between."""
    bound = (one.text() for one in parts if one.kind() in _BINDS and _is_on_way(one, flow))
    names = {one for one in flow.carriers if _NAME.fullmatch(one)}
    texts = "\n".join((*flow.said, *bound, flow.sink.text()))
    marked = _NAME.sub(lambda one: "@" if one[0] in names else one[0], texts)
    return _GLUED.search(marked) is not None


def _is_behind(node: Node, sink: Node) -> bool:
    """Say whether the node stands behind the sink in its function."""
    home = next((one for one in sink.ancestors() if one.kind() in FUNCTIONS), None)
    after = node.range().start.index >= sink.range().end.index
    return after and (home is None or _holds(home, node))


def said_at(root: Node, steps: Sequence[Lines]) -> Iterator[str]:
    """Yield the text of each step. A file's tree may begin behind its first lines."""
    lines, above = root.text().split("\n"), root.range().start.line
    for first, last in steps:
        yield "\n".join(lines[max(0, first - 1 - above) : max(0, last - above)])


def heads(sink: Node) -> Iterator[str]:
    """Yield what stands before the functions around: decorators, and what a route is given."""
    for one in sink.ancestors():
        parent = next(iter(one.ancestors()), None)
        if one.kind() in FUNCTIONS and parent is not None and parent.kind() in _HEADS:
            yield parent.text()[: one.range().start.index - parent.range().start.index]


# what stands before a function and says who may call it
_HEADS: Final = frozenset({"decorated_definition", "arguments", "argument_list"})


def _spans(root: Node, sink: Node, steps: Sequence[Lines]) -> Iterator[Lines]:
    """Yield the lines that are read: the functions around the sink, and those of the steps."""
    around = [one for one in sink.ancestors() if one.kind() in FUNCTIONS]
    last = sink.range().end.line + 1
    if not around:
        yield 1, last
        return
    for one in around:
        span = one.range()
        yield span.start.line + 1, last
    outer = around[-1].range()
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
            if node.kind() in FUNCTIONS and first >= found[0]:
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
        waiting.extend(one for one in node.children() if one.is_named())


def _begun(
    sink: Node, steps: Sequence[Lines], source: str, parts: Sequence[Node]
) -> frozenset[str]:
    """Return the names and expressions that hold the value where it comes in."""
    first, last = steps[0]
    found = {"".join(one.split()) for one in _ASKED.findall(source)}
    for one in parts:
        body = one.field("body")
        end = (body.range().start if body is not None else one.range().end).line + 1
        if one.kind() in _BINDS and first <= end and one.range().start.line < last:
            found.update(_NAME.findall(_target(one)))
    around = [one for one in sink.ancestors() if one.kind() in FUNCTIONS]
    far = [one for one in around if one.range().start.line + 1 > last]
    for function in far if found else around:
        parameters = function.field("parameters") or function.field("parameter")
        found.update(_NAME.findall(parameters.text()) if parameters is not None else ())
    return frozenset(one for one in found if not _REQUESTS.match(one))


def _followed(parts: Sequence[Node], flow: _Flow) -> _Flow:
    """Return the flow with all that was made of the value: carriers that get to the sink, or not.

    A value that comes in by another function keeps its names there.
    """
    bound = [one for one in parts if one.kind() in _BINDS]
    bound.sort(key=lambda one: one.range().start.index)
    known, learnt = {*flow.carriers}, set[str]()
    for one in bound:
        names = {*_NAME.findall(_target(one))} - known
        value = _value(one)
        if not names or _holds(one, flow.sink):
            continue
        if _mentions(value, frozenset(known)):
            known |= {name for name in names if not _REQUESTS.match(name)}
            learnt |= names if _asks(value, flow._replace(carriers=frozenset(known))) else set()
        elif _mentions(value, frozenset(learnt)):
            learnt |= names
    reaching = {*_NAME.findall(flow.sink.text())}
    for one in reversed(bound):
        if not reaching.isdisjoint(_NAME.findall(_target(one))):
            reaching.update(_NAME.findall(_value(one)))
    plain = {one for one in known if _NAME.fullmatch(one)}
    carriers = (plain & reaching or plain & flow.carriers) | (known - plain)
    return flow._replace(carriers=frozenset(carriers), learnt=frozenset(learnt - carriers))


def _is_on_way(node: Node, flow: _Flow) -> bool:
    return not flow.carriers.isdisjoint(_NAME.findall(_target(node)))


def _value(node: Node) -> str:
    value = node.field("right") or node.field("value")
    if value is None and node.field("body") is not None:
        return _target(node)
    return value.text() if value is not None else ""


def _target(node: Node) -> str:
    target, body = node.field("left") or node.field("name"), node.field("body")
    if target is None and body is not None:
        return node.text()[: body.range().start.index - node.range().start.index]
    return target.text() if target is not None else ""


def _holds(node: Node, inner: Node) -> bool:
    span, sink = node.range(), inner.range()
    return span.start.index <= sink.start.index and sink.end.index <= span.end.index


def _is_guard(node: Node, flow: _Flow) -> bool:
    if node.kind() == _STATEMENT or node.kind() in _BINDS:
        return _is_check(node, flow)
    choice = node.kind() in _CHOICES and _is_chosen(node, flow)
    if not choice and node.kind() not in _BRANCHES:
        return False
    condition = _condition(node)
    if condition is None or _holds(condition, flow.sink) or not _tests(condition.text(), flow):
        return False
    return choice or node.kind() == "assert_statement" or _decides(node, condition, flow)


def _is_chosen(choice: Node, flow: _Flow) -> bool:
    """Say whether the choice makes the value that gets to the sink."""
    around = (one for one in choice.ancestors() if one.kind() in _BINDS)
    return any(_is_on_way(one, flow) for one in around) or _holds(flow.sink, choice)


def _decides(node: Node, condition: Node, flow: _Flow) -> bool:
    """Say whether the sink is not reached, or another way, where the value was refused."""
    body = node.field("consequence") or node.field("body")
    if body is None:
        return False
    refused = _NEGATED.search(condition.text()) is not None
    if not _holds(node, flow.sink):
        sets = not refused and _sets(body, flow)
        plain = _tests(condition.text(), flow, listed=False)
        return sets or (plain and _LEAVES.search(body.text()) is not None)
    return refused != _holds(body, flow.sink)


def _condition(node: Node) -> Node | None:
    parts = [one for one in node.children() if one.is_named()]
    second = node.kind() == "conditional_expression" and len(parts) > 2  # a if b else c
    return node.field("condition") or next(iter(parts[second:]), None)


def _sets(body: Node, flow: _Flow) -> bool:
    """Say whether something that gets to the sink is set in this branch alone."""
    inside = _parts(body, [lines_of(body)])
    return any(one.kind() in _BINDS and _is_on_way(one, flow) for one in inside)


def _tests(condition: str, flow: _Flow, *, listed: bool = True) -> bool:
    """Say whether a part of the condition asks more of the value than whether it is there."""
    for clause in _JOINED.split(condition):
        if not listed and _LISTED.match(clause):
            continue
        if flow.kind == "path" and _PIECE.search(clause):
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
        for one in _CALLED.findall(text)
        if not _ASIDE.match(one) and not (flow.kind == "sql" and _STORES.match(one))
    ]
    if _EQUALS.match("".join(called)) and _SPELT.search(text):
        return False  # what is proved by that is proved
    if called:
        return True
    if flow.kind in _HOSTS and _ADDRESS.search(text):
        return True
    sides = _COMPARED.split(text)
    if len(sides) < 2 or _CALLED.search(text):  # something and something
        return False
    return not any(_LITERAL.match(one) for one in sides) and ".length" not in text


def _is_check(node: Node, flow: _Flow) -> bool:
    """Say whether a call gets the value or the whole request and by its name refuses some."""
    text = node.text()
    if _holds(node, flow.sink) or len(text.partition("\n")[0]) > _LONG:
        return False
    if _WHOLE.search(text):
        return True
    if not _mentions(text, flow.carriers):
        return False
    if node.kind() in _BINDS:
        known = _CUT.search(text) or any(_ESCAPES.search(one) for one in _CALLED.findall(text))
        return bool(known) and _is_on_way(node, flow)
    called = _CALLED.search(text)
    return called is not None and _LOOKS.search(called[1]) is not None


_LONG: Final = 400  # characters: a longer statement holds others


def _mentions(text: str, names: frozenset[str]) -> bool:
    if not names.isdisjoint(_NAME.findall(text)):
        return True
    packed = "".join(text.split())
    return any(one in packed for one in names if not one.isidentifier())
