"""How Go names things, assigns several values at once, and what types of parameters say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint.braces import Braces
from rlm_gate.detectors._taint.folding import named
from rlm_gate.detectors._taint.methods import formatted
from rlm_gate.detectors._taint.reading import Argument, Env, Frame, Function, Reading
from rlm_gate.detectors._taint.targets import part
from rlm_gate.detectors._taint.values import UNSET, Value, mixed, text
from rlm_gate.syntax import Node

_VERSION: Final = kept.expression(r"/v\d+\Z|\.v\d+\Z")
_TWICE: Final = (
    "template",
    "rand",
)  # packages of one name that differ: the folder tells them apart
_PLAIN: Final = kept.expression(r"(?:u?int\d*|float\d+|bool|byte|rune|time\.\w+|uuid\.UUID)\Z")
# the request of a remote procedure call, made from a description of its messages
_MESSAGE: Final = kept.expression(r"\*\w*(?:pb|proto)\w*\.\w+Req(?:uest)?\Z")
_CALLED: Final = "grpc.Request"
_ENTRIES: Final = kept.expression(r"\A[^\n]*\brange\s+[\w.]+\.File\s*\{")
_HEAD: Final = 120  # characters: a loop's first line
_PRINTS: Final = ("fmt.Fprintf", "fmt.Fprint", "fmt.Fprintln", "io.WriteString")
_ASIDE: Final = ("err", "ok", "_")
_SENDS: Final = "RoundTrip"  # it is given a request that is to be sent, not one that came


class Go(Braces):
    """Reads Go. Packages are known by their last name."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        self.structs: dict[str, dict[str, str]] = {}  # of this file: their fields' types
        self.receivers: dict[str, set[str]] = {}  # what methods of a type call their object

    def module(self, root: Node) -> Env:
        """Know the file's structs and receivers before its functions."""
        for one in named(root):
            if one.kind() == "type_declaration":
                self.structs.update(_structs(one))
            elif one.kind() == "method_declaration":
                name, kind = _receiver(one)
                self.receivers.setdefault(kind.lstrip("*"), set()).add(name)
        return super().module(root)

    def entered(self, function: Function) -> tuple[Env, Frame]:
        """Let parameters go by what their types say: a request, a framework's context."""
        env: Env = {}
        title = function.node.field("name")
        sends = title is not None and title.text() == _SENDS
        types = {} if sends else self.reading.words.data["types"]
        for name, node in self.parameters(function.node):
            kind = node.field("type")
            written = kind.text() if kind is not None else ""
            if name:
                taints = self.reading.source(_CALLED, node) if _MESSAGE.match(written) else ()
                fixed = bool(_PLAIN.match(written))
                env[name] = Value(name=types.get(written, name), taints=taints, fixed=fixed)
                env.update(self._fields(name, written))
        return {**self._of_receiver(function.node), **env}, Frame(text=function.node.text())

    def declare(self, node: Node, env: Env) -> None:
        """Keep a method under the type of its receiver."""
        outer = self.owner
        if node.kind() == "method_declaration":
            self.owner = _receiver(node)[1].lstrip("*")
        super().declare(node, env)
        self.owner = outer

    def _hand(self, node: Node, arguments: Sequence[Argument], env: Env) -> None:
        env.update(self._of_receiver(node))
        super()._hand(node, arguments, env)

    def _known(self, name: str, receiver: str, count: int) -> Function | None:
        """Find a method by its object: that of the method around, or one of its fields."""
        first, _, field = receiver.partition(".")
        if first in self.receivers.get(self.owner, ()):
            kind = self.structs.get(self.owner, {}).get(field, "").lstrip("*") if field else "this"
            receiver = receiver if "." in kind else kind or receiver
        return super()._known(name, receiver, count)

    def _of_receiver(self, node: Node) -> Env:
        name, kind = _receiver(node) if node.kind() == "method_declaration" else ("", "")
        return self._fields(name, kind) if name else {}

    def _fields(self, name: str, kind: str) -> Env:
        """Return what is known of the fields of a variable, whose type is a struct of the file."""
        types = self.reading.words.data["types"]
        return {
            f"{name}.{field}": Value(name=types.get(of, f"{name}.{field}"), fixed=of not in types)
            for field, of in self.structs.get(kind.lstrip("*"), {}).items()
            if of in types or _PLAIN.match(of)
        }

    def typed(self, node: Node) -> str:
        """Name the entries of an archive; nothing else is known of what a loop goes over."""
        return "zip.File" if _ENTRIES.search(node.text()[:_HEAD]) else ""

    def _fill(self, name: str, receiver: Value, arguments: Sequence[Argument],
              node: Node | None, env: Env) -> None:  # fmt: skip
        """Let a text grow by what is printed into it: ``fmt.Fprintf(&text, "%s", x)``."""
        target = _first(node) if name in _PRINTS else ""
        old = env.get(target)
        if old is None or old.shape != "text":
            super()._fill(name, receiver, arguments, node, env)
            return
        values = [one.value for one in arguments[1:]]
        made = formatted(values) if name.endswith("f") else text(values)
        env[target] = replace(text([old, made]), shape="text", const=UNSET)

    def _targets(self, node: Node, env: Env) -> Env | None:
        targets, values = self._sides(node)
        right = [self.function_value(one, env) for one in values]
        sign = node.field("operator")
        if sign is not None and sign.text() == "+=" and targets and right:
            right = [text([self.value(targets[0], env), right[0]])]
        for index, target in enumerate(targets):
            if target.text() == "err":  # of a call that fills its argument, what went wrong
                self.assign(target, Value(), env)
            elif len(right) == len(targets):
                self.assign(target, right[index], env)
            elif len(right) == 1:
                self._share(target, index, right[0], env)
            else:
                self._declared(target, node.field("type"), env)
        if len(targets) == 2 and len(values) == 1 and targets[1].text() == "ok":
            self._remember(values[0], env)
        return env

    def _declared(self, target: Node, kind: Node | None, env: Env) -> None:
        """Give a variable that is only declared what its type says."""
        written = kind.text() if kind is not None else ""
        known = self.reading.words.data["types"].get(written, "")
        made = _empty(kind)
        self.assign(target, replace(made, name=known, fixed=False) if known else made, env)
        env.update(self._fields(target.text(), written))

    def _sides(self, node: Node) -> tuple[list[Node], list[Node]]:
        left, right = node.field("left"), part(node, "right", "value")
        targets = named(left) if left is not None else [*node.field_children("name")]
        targets = [one for one in targets if one.is_named()]
        many = right is not None and right.kind() == "expression_list"
        values = named(right) if right is not None and many else [right] if right else []
        return targets, values

    def _share(self, target: Node, index: int, value: Value, env: Env) -> None:
        """Give one of several targets its part of what a call returns."""
        if value.row is not None and index < len(value.row):
            self.assign(target, value.row[index], env)
        elif index and target.text() in _ASIDE:
            self.assign(target, Value(), env)
        else:
            self.assign(target, value if not index else mixed([value]), env)

    def _remember(self, lookup: Node, env: Env) -> None:
        """Keep what ``_, ok := table[x]`` looks up, for conditions that ask for ok."""
        key = lookup.field("index")
        owner = lookup.field("operand")
        if key is not None and not self.value(owner, env).everything:
            env["ok?"] = self.value(key, env)
        else:
            env.pop("ok?", None)

    def _import(self, node: Node, env: Env) -> Env | None:
        for one in named(node):
            if one.kind() == "import_spec_list":
                self._import(one, env)
            elif one.kind() == "import_spec" and (path := one.field("path")) is not None:
                whole = _VERSION.sub("", path.text().strip('"`'))
                folder, _, last = whole.rpartition("/")
                alias = one.field("name")
                name = alias.text() if alias is not None else last.rpartition("-")[2]
                known = f"{folder.rpartition('/')[2]}_{last}" if last in _TWICE else last
                env[name] = Value(name=known.replace("-", "_"))
        return env


def _first(arguments: Node | None) -> str:
    given = named(arguments) if arguments is not None else []
    return given[0].text().lstrip("&") if given else ""


def _receiver(node: Node) -> tuple[str, str]:
    """Return what a method calls its object, and the type of it as written."""
    around = node.field("receiver")
    inner = named(around)[0] if around is not None and named(around) else None
    if inner is None:
        return "", ""
    name, kind = inner.field("name"), inner.field("type")
    return name.text() if name else "", kind.text().partition("[")[0] if kind else ""


def _structs(node: Node) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (name, types by field) of the structs that a statement declares."""
    for one in named(node):
        name, body = one.field("name"), one.field("type")
        if name is None or body is None or body.kind() != "struct_type":
            continue
        rows = [row for part in named(body) for row in named(part)]
        yield (
            name.text(),
            {
                field.text(): kind.text()
                for row in rows
                if (kind := row.field("type")) is not None
                for field in row.field_children("name")
            },
        )


def _empty(kind: Node | None) -> Value:
    """Return what a variable holds that is only declared."""
    builder = kind is not None and kind.text() in {"strings.Builder", "bytes.Buffer"}
    return Value(fixed=True, shape="text" if builder else "")


READER = Go
