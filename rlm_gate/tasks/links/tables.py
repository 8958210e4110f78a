"""Database tables that a file defines or touches: SQL, and the models of common mappers.

Home of sqlglot (extra ``graph``). Without it no SQL is read, and ``can_read_sql`` says so.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from rlm_gate.syntax import Node
from rlm_gate.tasks.links.facts import DEFINES, TABLE, USES, Fact, table
from rlm_gate.tasks.links.literals import JAVASCRIPT, Literals
from rlm_gate.tasks.links.parts import line_of, within

LARGEST = 200_000
"""Most characters of one statement: longer ones are dumps, whose first lines say it all."""
_LOOKS = re.compile(
    r"\A\s*(?:--[^\n]*\n\s*)*(?:SELECT\s.+?\sFROM\s|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s+\S+\s+SET\s"
    r"|DELETE\s+FROM\s|CREATE\s+(?:\w+\s+){0,2}TABLE\s|ALTER\s+TABLE\s|DROP\s+TABLE\s|WITH\s+\w+\s+AS\s"
    r"|REPLACE\s+INTO\s|MERGE\s+INTO\s|TRUNCATE\s)",
    re.IGNORECASE | re.DOTALL,
)
_HOLE = "rlm_gate_hole"


@cache
def can_read_sql() -> bool:
    """Say whether sqlglot is there."""
    return importlib.util.find_spec("sqlglot") is not None


def tables(literals: Literals, path: str) -> Iterator[Fact]:
    """Yield the tables of a file of code: in its SQL strings, and by its mappers."""
    for line, text in literals.strings():
        if _LOOKS.match(text):
            yield from in_sql(text, line)
    if literals.language == "python":
        yield from _mapped(literals, path)
    yield from _declared(literals)


def in_sql(text: str, first: int = 1) -> Iterator[Fact]:
    """Yield the tables of some SQL whose first line has that number; none without sqlglot.

    What no dialect of sqlglot's default parser understands is left out.
    """
    if not can_read_sql():
        return
    for offset, statement in _statements(text):
        lines = statement.split("\n")
        for role, name in sorted(_in_statement(statement)):
            yield Fact(TABLE, role, name, first + offset + _row(lines, name))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield (lines before it, statement), cut at semicolons that end a line."""
    start = 0
    for end in re.finditer(r";[ \t]*(?:--[^\n]*)?(?:\n|\Z)|\Z", text):
        piece = text[start : end.start()]
        if piece.strip() and len(piece) <= LARGEST:
            yield text.count("\n", 0, start), piece
        start = end.end()


def _row(lines: list[str], name: str) -> int:
    shape = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    return next((row for row, line in enumerate(lines) if shape.search(line)), 0)


def _in_statement(statement: str) -> set[tuple[str, str]]:
    import logging

    import sqlglot
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # it warns of what it can't read
    whole = statement.replace("{}", _HOLE)
    for dialect in ("", "sqlite", "postgres", "mysql"):
        try:
            parsed = sqlglot.parse(whole, read=dialect or None)
        except (SqlglotError, RecursionError):
            continue
        return {fact for one in parsed if one is not None for fact in _touched(one)}
    return set()


def _touched(parsed: Any) -> Iterator[tuple[str, str]]:
    from sqlglot import exp

    named = {cte.alias_or_name.lower() for cte in parsed.find_all(exp.CTE)}
    made = parsed.this if isinstance(parsed, exp.Create) and parsed.kind == "TABLE" else None
    made = made.find(exp.Table) if made is not None else None
    for one in parsed.find_all(exp.Table):
        name = table(one.name)
        if name and name not in named and _HOLE not in name:
            yield (DEFINES if one is made else USES), name


def _mapped(literals: Literals, path: str) -> Iterator[Fact]:
    """Yield the tables of SQLAlchemy's and Django's classes."""
    for node in within(literals.tree, {"kind": "class_definition"}):
        bases, body, name = (node.field(part) for part in ("superclasses", "body", "name"))
        if bases is None or body is None or name is None:
            continue
        given = _assigned(body, "__tablename__") or _assigned(body, "db_table")
        value = literals.value(given) if given is not None else None
        if value is None and re.search(r"\bmodels\.Model\b", bases.text()):
            parts = path.split("/")
            app = parts[-3] if "models" in parts[-2:-1] else parts[-2] if len(parts) > 1 else ""
            value = f"{app}_{name.text()}"
        found = table(value) if value else None
        if found:
            yield Fact(TABLE, DEFINES, found, line_of(given if given is not None else node))


def _assigned(body: Node, name: str) -> Node | None:
    shape = {"kind": "assignment", "has": {"field": "left", "regex": f"^{name}$"}}
    found = within(body, shape)
    return found[0].field("right") if found else None


_MAKERS = {"Table", "pgTable", "sqliteTable", "mysqlTable", "Entity", "createTable", "create_table"}


def _declared(literals: Literals) -> Iterator[Fact]:
    """Yield tables that a call declares or reads."""
    for call in literals.calls:
        name = table(call.value) if call.value and "{}" not in call.value else None
        if not name:
            continue
        if call.name in _MAKERS and (len(call.values) > 1 or call.decorates or call.name[0] == "E"):
            yield Fact(TABLE, DEFINES, name, call.line)
        elif call.name == "from" and literals.language in JAVASCRIPT and call.on != "Array":
            yield Fact(TABLE, USES, name, call.line)
    if literals.language == "go":
        yield from _gorm(literals)


def _gorm(literals: Literals) -> Iterator[Fact]:
    rule = {"kind": "method_declaration", "has": {"field": "name", "regex": "^TableName$"}}
    for node in within(literals.tree, rule):
        for part in within(node, {"kind": "interpreted_string_literal"}):
            name = table(literals.value(part) or "")
            if name:
                yield Fact(TABLE, DEFINES, name, line_of(part))
