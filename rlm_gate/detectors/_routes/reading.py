"""Read the routes of files and of those beside them, each once, and judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from rlm_gate.core import Corpus
from rlm_gate.detectors._routes import express, judge
from rlm_gate.detectors._routes.around import Around
from rlm_gate.detectors._routes.judge import Told
from rlm_gate.detectors._routes.model import Routes
from rlm_gate.languages import language_of
from rlm_gate.syntax import Tree, parse

_MOST = 40  # files beside one


class Reading:
    """The routes of a tree, read file by file as they are asked for."""

    def __init__(self, corpus: Corpus) -> None:
        """Look at the tree of that corpus."""
        self._around = Around(corpus)
        self._routes: dict[str, Routes] = {}

    def told(self, path: str, text: str, language: str) -> Iterator[Told]:
        """Yield the routes of the file that change data for anybody though others ask."""
        routes = self._of(path, text, lambda: parse(text, language))
        if not routes.found or routes.covered:
            return
        yield from judge.within(routes)
        if any(map(judge.is_bare, routes.found)) and not any(one.guards for one in routes.found):
            yield from judge.alone(routes, [*self._beside(path, language)])

    def _of(self, path: str, text: str, tree: Callable[[], Tree]) -> Routes:
        if path not in self._routes:
            self._routes[path] = express.read(path, text, tree, self._around)
        return self._routes[path]

    def _beside(self, path: str, language: str) -> Iterator[Routes]:
        near = [one for one in self._around.folder(path) if language_of(one) == language]
        for one in [one for one in near if one != path][:_MOST]:
            text = self._around.text(one)
            routes = self._of(one, text, partial(Tree, text, language))
            if routes.found:
                yield routes
