"""Read one file into facts, by its language or kind. What can't be read is said, never dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rlm_gate.languages import language_of
from rlm_gate.syntax import Tree
from rlm_gate.tasks.links import events, imports, manifests, openapi, routes, tables, types
from rlm_gate.tasks.links.facts import Fact
from rlm_gate.tasks.links.literals import JAVASCRIPT, Literals

CODE = JAVASCRIPT | {"python", "go"}
_TEST = re.compile(
    r"(?:^|/)(?:tests?|__tests__|testdata|fixtures|examples?)/|(?:^|/)(?:test_[^/]*|conftest)\.py$"
    r"|_test\.(?:py|go)$|\.(?:test|spec)\.[jt]sx?$"
)
_SCRIPTS = frozenset({"svelte", "vue"})


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One file of a repository: its label, the path in it, and its text."""

    repo: str
    path: str
    text: str

    @property
    def name(self) -> str:
        """Repository and path, by which evidence names it."""
        return f"{self.repo}/{self.path}"

    @property
    def language(self) -> str:
        """The language, the one inside for components with a script."""
        return "typescript" if self.kind in _SCRIPTS else self.kind

    @property
    def kind(self) -> str:
        """The language of the whole file; "vue" and "svelte" are kinds too."""
        return "vue" if self.path.endswith(".vue") else language_of(self.path)

    @property
    def code(self) -> str:
        """The text to parse: of a component only its script, on the lines where it stands."""
        return _script(self.text) if self.kind in _SCRIPTS else self.text


def facts(file: File) -> tuple[Fact, ...]:
    """Return what the file says, in order. Raises ValueError where its format can't be read."""
    return tuple(sorted(set(_facts(file))))


def _facts(file: File) -> Iterator[Fact]:
    if manifests.is_manifest(file.path):
        yield from manifests.packages(file.path, file.text)
    if file.language in CODE:
        yield from _code(file)
    elif file.language == "sql":
        yield from tables.in_sql(file.text)
    elif file.language in {"yaml", "json"} and openapi.is_openapi(file.text):
        yield from openapi.promised(file.path, file.text)


def _code(file: File) -> Iterator[Fact]:
    tree = Tree(file.code, file.language)
    literals = Literals(tree, file.language)
    yield from imports.imports(tree, literals, file.language)
    if _TEST.search(file.path):
        return  # the routes, tables and topics of a test are those of no service
    yield from routes.routes(literals, file.path)
    yield from tables.tables(literals, file.path)
    yield from events.topics(literals)
    yield from types.types(tree, file.language)


def _script(text: str) -> str:
    """Blank out what is not in a script element, so that lines stay what they are."""
    kept = [""] * (text.count("\n") + 1)
    shape = {"kind": "raw_text", "inside": {"kind": "script_element"}}
    plain = re.sub(r"(?s)<template.*</template>", lambda found: "\n" * found[0].count("\n"), text)
    for match in Tree(plain, "html").find({"rule": shape}):
        for offset, line in enumerate(match.text.split("\n")):
            kept[match.start_line - 1 + offset] = line
    return "\n".join(kept)
