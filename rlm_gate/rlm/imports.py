"""What the imports at the head of a file say of the names in it. Text alone, no resolving."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

_IMPORTED = re.compile(
    r"^\s*from\s+(\S+)\s+import\s+(?:\([^)]*\)|.*)"
    r"|^\s*(?:import|export|const|let|var)\b[^;\n]*?(?:\{[^}]*\})?[^;\n]*?['\"]([^'\"]+)['\"]",
    re.MULTILINE,
)
"""An import with the module it names: Python's, or a script's."""
_IMPORT_LINE = re.compile(
    r"\s*(?:import\b|from\b.*\bimport\b|export\b.*\bfrom\b|#\s*include|use\b)"
)
_NAME = re.compile(r"\s*(?:type\s+)?[\w$.*]+(?:\s+as\s+[\w$]+)?,?\s*")
_LONGEST = 60
"""Most lines of one import that are looked at."""
_MEMBER = re.compile(r"\b([A-Za-z_]\w*)\.([A-Za-z_]\w{2,})\s*\(")


def imports(head: str, name: str, path: str) -> bool:
    """Say whether an import that names ``name`` names a module, or a package, of the path."""
    pure = PurePosixPath(path)
    modules = {pure.stem, *pure.parent.parts} - {"__init__", "index", "src", "lib"}
    for found in _IMPORTED.finditer(head):
        if not re.search(rf"\b{re.escape(name)}\b", found[0]):
            continue
        if modules & set(re.split(r"\W+", found[1] or found[2] or "")):
            return True
    return False


def is_import(line: str) -> bool:
    """Say whether the line imports something, in any of the languages with such lines."""
    return bool(_IMPORT_LINE.match(line)) or "require(" in line


def is_listed(lines: Sequence[str], number: int) -> bool:
    """Say whether the line imports, or is a name in the brackets of an import of several lines."""
    at = number
    while at > max(1, number - _LONGEST) and _NAME.fullmatch(lines[at - 1]):
        at -= 1
    head = lines[at - 1]
    return is_import(head) and (at == number or head.rstrip().endswith(("{", "(")))


def members(head: str, said: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name) for each call in ``said`` of a member of what ``head`` imports."""
    for module, name in dict.fromkeys(_MEMBER.findall(said)):
        if re.search(rf"^.*\bimport\b.*\b{re.escape(module)}\b", head, re.MULTILINE):
            yield module, name
