"""How Go names things, assigns several values at once, and what types of parameters say."""

from __future__ import annotations

from typing import Final

from rlm_gate import kept
from rlm_gate.detectors._taint.braces import Braces
from rlm_gate.detectors._taint.folding import named
from rlm_gate.detectors._taint.reading import Env, Frame, Function
from rlm_gate.detectors._taint.targets import part
from rlm_gate.detectors._taint.values import Value, mixed, text
from rlm_gate.syntax import Node

_VERSION: Final = kept.expression(r"/v\d+\Z|\.v\d+\Z")
_TWICE: Final = (
    "template",
    "rand",
)  # packages of one name that differ: the folder tells them apart
_PLAIN: Final = kept.expression(r"(?:u?int\d*|float\d+|bool|byte|rune|time\.\w+|uuid\.UUID)\Z")
_ASIDE: Final = ("err", "ok", "_")
_SENDS: Final = "RoundTrip"  # it is given a request that is to be sent, not one that came


class Go(Braces):
    """Reads Go. Packages are known by their last name."""

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
                env[name] = Value(name=types.get(written, name), fixed=bool(_PLAIN.match(written)))
        return env, Frame(text=function.node.text())

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
                self.assign(target, _empty(node.field("type")), env)
        if len(targets) == 2 and len(values) == 1 and targets[1].text() == "ok":
            self._remember(values[0], env)
        return env

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


def _empty(kind: Node | None) -> Value:
    """Return what a variable holds that is only declared."""
    builder = kind is not None and kind.text() in {"strings.Builder", "bytes.Buffer"}
    return Value(fixed=True, shape="text" if builder else "")


READER = Go
