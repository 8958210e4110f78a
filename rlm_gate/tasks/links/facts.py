"""What one file says about others: the unit from which the map is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass

IMPORT, PACKAGE, ENDPOINT, TABLE, TOPIC, TYPE = (
    "import",
    "package",
    "endpoint",
    "table",
    "topic",
    "type",
)
DEFINES, USES = "defines", "uses"


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """A claim of one line. ``line`` is 1-based.

    ``kind`` is import, package, endpoint, table, topic or type; ``role`` defines or uses. A topic
    is defined by who publishes to it and used by who subscribes. ``names`` are what an import takes
    from the module ("*" for all of it, empty for the module itself), or a type's members.
    """

    kind: str
    role: str
    name: str
    line: int
    names: tuple[str, ...] = ()


_VARIABLE = re.compile(
    r"\$\{[^}]*\}|\{[^}]*\}|<[^>]*>|(?<=/):\w+\??|(?<=/)\[[^\]]*\]|%[sdvq]|(?<=/)\*\w*"
    r"|\(\?P<\w+>[^)]*\)"
)
_ORIGIN = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]*", re.IGNORECASE)


def endpoint(method: str, path: str) -> str | None:
    """Return "GET /users/{}": one name for one route, whatever language wrote it.

    None for what is no path of a server: a relative name, or the root alone after a variable.
    """
    bare = _VARIABLE.sub("{}", _ORIGIN.sub("", path.strip().lstrip("^").rstrip("$")))
    bare = bare.partition("?")[0].partition("#")[0]
    if bare.startswith("{}/"):
        bare = bare[2:]
    if not bare.startswith("/") or any(char.isspace() for char in bare):
        return None
    plain = re.sub("/{2,}", "/", bare).rstrip("/") or "/"
    return f"{method.upper()} {plain}"


_TABLE = re.compile(r"[A-Za-z_][\w$.-]*\Z")


def table(name: str) -> str | None:
    """Return a table's name without quotes and schema, in lower case; None for what is none."""
    bare = name.strip().strip("`\"'[]").rpartition(".")[2].strip("`\"'[]")
    return bare.lower() if _TABLE.match(bare) else None
