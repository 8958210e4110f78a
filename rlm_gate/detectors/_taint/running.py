"""What running statements is in every language; the languages say how each kind is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rlm_gate.detectors._taint.folding import first
from rlm_gate.detectors._taint.reading import MAX_STEPS, Env, Reading, merge
from rlm_gate.detectors._taint.values import Value
from rlm_gate.syntax import Node

_Step = Callable[[Node, Env], Env | None]


class Running:
    """Runs one statement after the other; None as an environment: nothing gets there."""

    reading: Reading
    statements: Mapping[str, str]  # kinds of nodes to methods; any other is an expression
    left: list[list[Env]]  # of each loop or switch, where break or continue left it

    def value(self, node: Node | None, env: Env) -> Value:
        """Return what an expression comes to; expressions know how."""
        raise NotImplementedError

    def block(self, node: Node | None, env: Env | None) -> Env | None:
        """Return the environment after a block; the language knows what one is."""
        raise NotImplementedError

    def _each(self, statements: Sequence[Node], env: Env | None) -> Env | None:
        for statement in statements:
            if env is None or self.reading.steps > MAX_STEPS:
                return env
            self.reading.steps += 1
            env = self._run(statement, env)
        return env

    def _run(self, statement: Node, env: Env) -> Env | None:
        run: _Step = getattr(self, self.statements.get(statement.kind(), "_expression"))
        return run(statement, env)

    def _expression(self, node: Node, env: Env) -> Env | None:
        """Evaluate an expression, or all that a statement without a meaning of its own has."""
        self.value(node, env)
        return env

    def _statement(self, node: Node, env: Env) -> Env | None:
        inner = first(node)
        return self._run(inner, env) if inner is not None else env

    def _body(self, node: Node, env: Env) -> Env | None:
        """Read a loop's body; where it leaves by break or continue, what it set counts too."""
        self.left.append([])
        after = self.block(node.field("body"), env)
        return merge([after, *self.left.pop()])

    def _leave(self, node: Node, env: Env) -> None:
        self._expression(node, env)

    def _stop(self, node: Node, env: Env) -> None:
        del node
        if self.left:
            self.left[-1].append(env)
