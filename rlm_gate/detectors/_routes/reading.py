"""Read the routes of files and of those beside them, each once, and judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from rlm_gate import kept
from rlm_gate.core import Corpus
from rlm_gate.detectors._routes import (
    chains,
    controllers,
    decorated,
    express,
    judge,
    pages,
    procedures,
    rails,
)
from rlm_gate.detectors._routes.around import Around
from rlm_gate.detectors._routes.judge import Told
from rlm_gate.detectors._routes.model import Routes
from rlm_gate.languages import language_of
from rlm_gate.syntax import Tree, parse

_ADMIN = kept.expression(
    r"(?i)['\"](?:super_?)?admin['\"]|isadmin|\benum\b[^{}]{0,40}\{[^{}]{0,200}\badmin\b"
)
_MOST = 40  # files beside one


class Reading:
    """The routes of a tree, read file by file as they are asked for."""

    def __init__(self, corpus: Corpus) -> None:
        """Look at the tree of that corpus."""
        self._around = Around(corpus)
        self._routes: dict[str, Routes] = {}

    def told(self, path: str, text: str, language: str) -> Iterator[Told]:
        """Yield the routes of the file that change data for anybody though others ask."""
        routes = self._of(path, text, language, lambda: parse(text, language))
        if not routes.found or routes.covered:
            return
        yield from judge.within(routes, admins=partial(self._has_admins, path))
        if any(map(judge.is_bare, routes.found)) and not any(one.guards for one in routes.found):
            yield from judge.alone(routes, [*self._beside(path, text, language)])

    def _has_admins(self, path: str) -> bool:
        """Say whether the files beside it, or those of users and checks, name administrators."""
        near = [*self._around.folder(path)[:_MOST], *self._around.checks[:_MOST]]
        return any(_ADMIN.search(self._around.text(one)) for one in near)

    def _of(self, path: str, text: str, language: str, tree: Callable[[], Tree]) -> Routes:
        if path not in self._routes:
            self._routes[path] = _reader(text, language)(path, text, tree, self._around)
        return self._routes[path]

    def _beside(self, path: str, text: str, language: str) -> Iterator[Routes]:
        read = _reader(text, language)
        where = _BESIDE.get(read, _folder)
        near = [one for one in where(path, self._around) if language_of(one) == language]
        for one in [one for one in near if one != path][:_MOST]:
            said = self._around.text(one)
            if _reader(said, language) is read:
                routes = self._of(one, said, language, partial(Tree, said, language))
                if routes.found:
                    yield routes


Reader = Callable[[str, str, Callable[[], Tree], Around], Routes]

_READERS: dict[str, Reader] = {
    "csharp": controllers.csharp,
    "java": chains.read,
    "php": pages.read,
    "python": decorated.read,
    "ruby": rails.read,
}
_BESIDE: dict[Reader, Callable[[str, Around], list[str]]] = {
    controllers.csharp: controllers.beside,
    controllers.nest: controllers.beside,
    pages.read: pages.beside,
    rails.read: rails.beside,
}


def _reader(text: str, language: str) -> Reader:
    if language in _READERS:
        return _READERS[language]
    if "@Controller" in text:
        return controllers.nest
    return procedures.read if "Procedure" in text and "outer" in text else express.read


def _folder(path: str, around: Around) -> list[str]:
    return around.folder(path)
