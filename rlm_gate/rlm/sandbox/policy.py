"""The language of a cell: RestrictedPython's allow-list of syntax, widened where models need it.

The one home of RestrictedPython. It judges and rewrites source; what an attribute may be is
decided at run time by ``guards``, whose names it puts into the code (see ``names``).
"""

# ruff: noqa: N802, N815 - ast.NodeTransformer finds its visitors by names such as visit_Name

from __future__ import annotations

import ast
from types import CodeType
from typing import Any, TypeAlias, TypeVar

from RestrictedPython.transformer import INSPECT_ATTRIBUTES, RestrictingNodeTransformer

from rlm_gate.rlm.sandbox.names import (
    ASCII,
    AUG_ATTR,
    AUG_ITEM,
    CLASSNAME,
    EXCEPTION,
    FIELDS,
    FORMAT,
    GETATTR,
    MAGIC,
    METACLASS,
    MOD,
    REPR,
    STR,
    SUPER_INIT,
    TEXT,
    TYPENAME,
    WRITE_ATTR,
    WRITE_ITEM,
    method_name,
)
from rlm_gate.rlm.sandbox.shapes import (
    is_number,
    is_plain_str,
    is_short_call,
    is_super_init,
    may_be_empty,
)

_REMEDIES = {
    "TryStar": ("except*", "use a plain except"),
    "MatchClass": ("a class pattern with inner patterns", "use 'case int():' or isinstance()"),
    "TypeAlias": ("a type statement", "leave it out: annotations are not evaluated here"),
    "TypeVar": ("a type parameter", "leave it out: annotations are not evaluated here"),
}
_MAGIC_REMEDY = "a class may define __init__, __repr__, __eq__, __len__, __iter__, __add__ and kin"

_SHOWN_BY = {ord("s"): TEXT, ord("r"): REPR, ord("a"): ASCII}  # by the conversion of an f-string

_Node = TypeVar("_Node", bound=ast.stmt)
_Visited: TypeAlias = Any  # a node, a list of nodes or None, as ast.NodeTransformer returns them


class RefusedCode(Exception):
    """The cell is not run: it is no Python, or uses what the sandbox leaves out."""

    def __init__(self, kind: str, message: str, line: int | None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.line = line


def compile_cell(source: str, name: str) -> CodeType:
    """Compile a cell under the policy. Raises RefusedCode with the line and the remedy."""
    try:
        tree = ast.parse(source, name)
        policy = Policy()
        tree = policy.visit(tree)
        if policy.refusals:
            raise _refused(policy.refusals)
        ast.fix_missing_locations(tree)
        return compile(tree, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise RefusedCode("SyntaxError", str(error.msg), error.lineno) from None
    except ValueError as error:  # NUL bytes, lone surrogates
        raise RefusedCode("SyntaxError", f"the source cannot be read: {error}", None) from None
    except (RecursionError, MemoryError):
        raise RefusedCode("SyntaxError", "the code is nested too deeply", None) from None


def _refused(refusals: list[tuple[int | None, str]]) -> RefusedCode:
    line, text = refusals[0]
    others = "".join(f"\nline {where}: {why}" for where, why in refusals[1:5])
    return RefusedCode("NotAllowed", f"{text}{others}", line)


def _call(name: str, node: ast.expr, *arguments: ast.expr) -> ast.Call:
    """Return a call of a guard, placed where ``node`` stands."""
    call = ast.Call(func=ast.Name(name, ast.Load()), args=list(arguments), keywords=[])
    return ast.copy_location(call, node)


def _plain(kind: type[_Node], node: ast.AST) -> _Node:
    """Return the same statement of another kind."""
    return ast.copy_location(kind(**dict(ast.iter_fields(node))), node)


def _parts(policy: Policy, node: Any) -> _Visited:
    return policy.node_contents_visit(node)


class Policy(RestrictingNodeTransformer):
    """Visit a tree once, collect ``refusals``, leave only what a cell may run.

    Reading items, iterating, unpacking and calling need no guard here: no object within reach
    gives more by them than its type's allow-list would (see ``guards``).
    """

    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[tuple[int | None, str]] = []
        self._fields: list[list[str]] = []  # of the classes around, innermost last
        self._class_bodies: set[int] = set()

    # Refusals

    def error(self, node: ast.AST, info: str) -> None:
        """Note why a node is refused."""
        self.refusals.append((getattr(node, "lineno", None), info))

    def not_allowed(self, node: ast.AST) -> None:
        """Refuse a kind of node, with what to write instead."""
        kind = type(node).__name__
        what, remedy = _REMEDIES.get(kind, (kind, "write it with plain statements"))
        self.error(node, f"{what} is not available in this sandbox: {remedy}")

    def check_name(
        self,
        node: Any,
        name: str | None,
        allow_magic_methods: bool = False,  # noqa: FBT001, FBT002 - the base's signature
    ) -> None:
        """Refuse names that start with two underscores or look like a guard's."""
        if name is None or (allow_magic_methods and name in MAGIC):
            return
        if name.startswith("__"):
            remedy = _MAGIC_REMEDY if allow_magic_methods else "choose another"
            self.error(node, f"the name {name!r} is not available: {remedy}")
        elif name != "_" and name.startswith("_") and name.endswith("_"):
            self.error(node, f"the name {name!r} is reserved: choose another")

    def _check_attribute(self, node: ast.Attribute) -> None:
        name = node.attr
        if name.startswith("__"):
            self.error(
                node,
                f"attributes like {name!r} are not available; type(x).__name__, vars() of your "
                "own objects and the public methods are",
            )
        elif name in INSPECT_ATTRIBUTES:
            self.error(node, f"the attribute {name!r} is not available: frames stay closed")

    # Names and attributes

    def visit_Name(self, node: ast.Name) -> _Visited:
        """Check stores and loads alike; ``__name__`` is "__main__"."""
        if isinstance(node.ctx, ast.Load) and node.id == "__name__":
            return ast.copy_location(ast.Constant("__main__"), node)
        self.check_name(node, node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> _Visited:
        """Guard reads by exact type, stores by ``<wattr>``."""
        if isinstance(node.ctx, ast.Load):
            return self._read(node)
        self._check_attribute(node)
        node.value = _call(WRITE_ATTR, node.value, self.visit(node.value))
        return node

    def _read(self, node: ast.Attribute) -> ast.expr:
        if node.attr in {"__name__", "__qualname__"}:
            inner = node.value
            if isinstance(inner, ast.Attribute) and inner.attr == "__class__":
                return _call(CLASSNAME, node, self.visit(inner.value))
            return _call(TYPENAME, node, self.visit(inner))
        self._check_attribute(node)
        return _call(GETATTR, node, self.visit(node.value), ast.Constant(node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> _Visited:
        """Guard stores and deletions of items."""
        node = self.node_contents_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = _call(WRITE_ITEM, node.value, node.value)
        return node

    def visit_Global(self, node: ast.Global) -> _Visited:
        """Check the names."""
        for name in node.names:
            self.check_name(node, name)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> _Visited:
        """Check the names."""
        for name in node.names:
            self.check_name(node, name)
        return node

    # Expressions

    def visit_Call(self, node: ast.Call) -> _Visited:
        """Allow calls; ``str(x)`` shows no address, ``super().__init__`` is the one dunder call."""
        function = node.func
        if isinstance(function, ast.Attribute) and is_super_init(function):
            node.args.insert(0, function.value)
            node.args = [self.visit(part) for part in node.args]
            node.keywords = [self.visit(part) for part in node.keywords]
            node.func = ast.copy_location(ast.Name(SUPER_INIT, ast.Load()), function)
            return node
        if isinstance(function, ast.Attribute) and is_short_call(function, node):
            shorter = method_name(function.attr, len(node.args))
            return _call(shorter, node, *map(self.visit, (function.value, *node.args)))
        if is_plain_str(node):
            name = self.visit(function)
            return _call(STR, node, name, self.visit(node.args[0]))
        return self.node_contents_visit(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> _Visited:
        """Let f-strings show values without addresses."""
        node = self.node_contents_visit(node)
        guard = _SHOWN_BY.get(node.conversion)
        if guard is not None:
            node.value, node.conversion = _call(guard, node.value, node.value), -1
        elif node.format_spec is None:
            node.value = _call(TEXT, node.value, node.value)
        elif may_be_empty(node.format_spec):
            node.value = _call(FORMAT, node.value, node.value, node.format_spec)
            node.format_spec = None
        return node

    def visit_BinOp(self, node: ast.BinOp) -> _Visited:
        """Let ``"%s" % x`` show values without addresses; leave plain arithmetic alone."""
        node = self.node_contents_visit(node)
        if isinstance(node.op, ast.Mod) and not (is_number(node.left) or is_number(node.right)):
            return _call(MOD, node, node.left, node.right)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> _Visited:
        """Allow loops in comprehensions, asynchronous ones as plain ones."""
        node.is_async = 0
        return self.node_contents_visit(node)

    # Asynchronous code, a habit from other engines, runs at once: every call here is synchronous

    def visit_Await(self, node: ast.Await) -> _Visited:
        """Leave ``await`` out."""
        return self.visit(node.value)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> _Visited:
        """Make it a plain function."""
        plain = _plain(ast.FunctionDef, node)
        if id(node) in self._class_bodies:
            self._class_bodies.add(id(plain))
        return self.visit_FunctionDef(plain)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> _Visited:
        """Make it a plain loop."""
        return self.visit_For(_plain(ast.For, node))

    def visit_AsyncWith(self, node: ast.AsyncWith) -> _Visited:
        """Make it a plain block."""
        return self.visit_With(_plain(ast.With, node))

    # Statements

    def visit_Assign(self, node: ast.Assign) -> _Visited:
        """Allow assignments; the targets are guarded where they write into an object."""
        return self.node_contents_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> _Visited:
        """Turn ``x: int = 1`` into ``x = 1``; in a class, remember the field for dataclasses."""
        is_field = id(node) in self._class_bodies and isinstance(node.target, ast.Name)
        if is_field and "ClassVar" not in ast.unparse(node.annotation):
            self._fields[-1].append(ast.unparse(node.target))
        if node.value is None:
            self.visit(node.target)
            return ast.copy_location(ast.Pass(), node)
        plain = ast.Assign(targets=[node.target], value=node.value)
        return self.visit_Assign(ast.copy_location(plain, node))

    def visit_AugAssign(self, node: ast.AugAssign) -> _Visited:
        """Allow ``x += 1`` as it is; on items and attributes read, compute and write by guards."""
        target, operator = node.target, ast.Constant(type(node.op).__name__)
        if isinstance(target, ast.Name):
            return self.node_contents_visit(node)
        where = self.visit(target.value)
        if isinstance(target, ast.Attribute):
            self._check_attribute(target)
            begun = _call(AUG_ATTR, target, operator, where, ast.Constant(target.attr))
        else:
            begun = _call(AUG_ITEM, target, operator, where, self.visit(target.slice))
        ended = ast.Call(func=begun, args=[self.visit(node.value)], keywords=[])
        statement = ast.Expr(ast.copy_location(ended, node))
        return ast.copy_location(statement, node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> _Visited:
        """Make a bare ``except:`` catch what code may catch: never the deadline."""
        self.check_name(node, node.name)
        node = self.node_contents_visit(node)
        if node.type is None:
            node.type = ast.copy_location(ast.Name(EXCEPTION, ast.Load()), node)
        return node

    def visit_Import(self, node: ast.Import) -> _Visited:
        """Check the names that are bound; which modules there are is decided at run time."""
        return self.check_import_names(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> _Visited:
        """Check the names that are read and bound; there are no packages to be relative to."""
        for alias in node.names:
            if alias.name.startswith("_") or alias.name == "*":
                self.error(node, f"{alias.name!r} cannot be imported: name public functions")
        if node.module == "__future__":
            return ast.copy_location(ast.Pass(), node)
        if node.level:
            self.error(node, "relative imports are not available: there are no packages here")
        return self.check_import_names(node)

    # Allowed as they are; their parts are visited. The one context manager in reach is StringIO.
    visit_For = visit_With = visit_Module = _parts
    visit_Match = visit_match_case = visit_MatchSequence = visit_MatchOr = _parts

    # Patterns: only those that read no attributes in C

    def visit_MatchValue(self, node: ast.MatchValue) -> _Visited:
        """Allow literals; a dotted name would be read past the guards."""
        self._check_literal(node.value)
        return node

    def visit_MatchSingleton(self, node: ast.MatchSingleton) -> _Visited:
        """Allow None, True and False."""
        return node

    def visit_MatchAs(self, node: ast.MatchAs) -> _Visited:
        """Check the captured name."""
        self.check_name(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> _Visited:
        """Check the captured name."""
        self.check_name(node, node.name)
        return node

    def visit_MatchMapping(self, node: ast.MatchMapping) -> _Visited:
        """Allow literal keys; of the subject only ``get`` is read, which every mapping gives."""
        self.check_name(node, node.rest)
        for key in node.keys:
            self._check_literal(key)
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        return node

    def visit_MatchClass(self, node: ast.MatchClass) -> _Visited:
        """Allow ``case int():``, a type check; inner patterns read attributes past the guards."""
        if node.patterns or node.kwd_patterns or not isinstance(node.cls, ast.Name):
            self.not_allowed(node)
        else:
            self.check_name(node, node.cls.id)
        return node

    def _check_literal(self, node: ast.expr) -> None:
        if any(isinstance(part, ast.Attribute | ast.Name) for part in ast.walk(node)):
            self.error(node, "dotted names in 'case' are not available: compare with == in an if")

    # Functions and classes

    def visit_FunctionDef(self, node: ast.FunctionDef) -> _Visited:
        """Allow functions; annotations are dropped, magic methods only in a class body."""
        self.check_name(node, node.name, allow_magic_methods=id(node) in self._class_bodies)
        self.check_function_argument_names(node)
        node.returns = None
        return self.node_contents_visit(node)

    def visit_arg(self, node: ast.arg) -> _Visited:
        """Drop the annotation: it would be evaluated."""
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> _Visited:
        """Allow classes, made by our metaclass, which checks their bases."""
        self.check_name(node, node.name)
        if node.keywords:
            self.error(node, "class keywords (metaclass=...) are not available: leave them out")
            return node
        for parameter in getattr(node, "type_params", ()):
            self.not_allowed(parameter)
        self._class_bodies.update(id(part) for part in node.body)
        self._fields.append([])
        node = self.node_contents_visit(node)
        fields = ast.Constant(" ".join(self._fields.pop()))
        node.body.append(ast.Assign(targets=[ast.Name(FIELDS, ast.Store())], value=fields))
        node.keywords = [ast.keyword(arg="metaclass", value=ast.Name(METACLASS, ast.Load()))]
        return node
