"""Know which texts speak to the reviewer, so that what a model says after reading them is nothing.

Who read hostile text may have been talked into anything: a call that saw it examined no line, and
its refutation proves nothing (design §7.3, §7.6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rlm_gate.core import Corpus, Span, split_lines
from rlm_gate.detectors import injection
from rlm_gate.languages import language_of
from rlm_gate.rlm.blocks import Block
from rlm_gate.rlm.planner import MapCall, imports_head
from rlm_gate.rlm.surroundings import Context


@dataclass(slots=True)
class Flagged:
    """The texts of one run. ``accepted`` paths are those whose text the policy says is harmless."""

    corpus: Corpus
    accepted: Callable[[str], bool] = lambda _path: False
    _known: dict[str, frozenset[int]] = field(default_factory=dict)

    def call(self, call: MapCall, beside: Sequence[Context] = ()) -> bool:
        """Say whether a call of the map shows such text: in its rows, its context or its path."""
        if any(self.span(span) for context in beside for span in context.spans):
            return True
        path = call.file.path
        if self.accepted(path):
            return False
        head = imports_head(call.file, call.file.lines, call.shown.start)
        return (
            self.name(path)
            or any(self._touched(span) for span in (*call.parts, head) if span)
            or any(injection.speaks(block.text) for block in call.removed)
        )

    def block(self, block: Block) -> bool:
        """Say whether a block shows such text."""
        if self.accepted(block.path):
            return False
        lines = self._lines(block.path)
        return self.name(block.path) or any(
            row.line in lines if row.line else injection.speaks(row.text) for row in block.rows
        )

    def heard(self, text: str) -> bool:
        """Say whether a text that was shown speaks, other than by lines of accepted files."""
        if not injection.speaks(text):
            return False
        known = self._accepted_lines()
        shown = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return any(
            not any(line in shown[number - 1] for line in known) for number in injection.lines(text)
        )

    def judged(self) -> bool:
        """Say whether the judged lines hold such text, in their files' names or the scope's."""
        return injection.name_speaks(self.corpus.scope.label) or any(
            self.name(file.path) or any(self._touched(span) for span in file.in_scope)
            for file in self.corpus.files
            if not self.accepted(file.path)
        )

    def name(self, path: str) -> bool:
        """Say whether a path itself speaks."""
        return not self.accepted(path) and injection.name_speaks(path)

    def span(self, span: Span) -> bool:
        """Say whether some lines of a file hold such text."""
        return not self.accepted(span.path) and (self.name(span.path) or self._touched(span))

    def _accepted_lines(self) -> frozenset[str]:
        paths = [path for path in self.corpus.tree if self.accepted(path)]
        return frozenset(
            text
            for path in paths
            for number in self._lines(path)
            if (text := split_lines(self.corpus.tree[path])[number - 1].strip())
        )

    def _touched(self, span: Span) -> bool:
        return any(span.start <= line <= span.end for line in self._lines(span.path))

    def _lines(self, path: str) -> frozenset[int]:
        if path not in self._known:
            file = self.corpus.file(path)
            text = file.text if file else self.corpus.tree.get(path, "")
            self._known[path] = injection.lines(text, language_of(path), path)
        return self._known[path]


@dataclass(slots=True)
class Ears:
    """What the root and those it asks have read, turn by turn. ``heard`` once it was hostile."""

    flagged: Flagged
    heard: bool = False

    def text(self, shown: str) -> None:
        """Take a text that was shown: a cell's output, a prompt."""
        self.heard = self.heard or self.flagged.heard(shown)

    def spans(self, shown: tuple[Span, ...]) -> None:
        """Take lines that were passed beside a prompt."""
        self.heard = self.heard or any(map(self.flagged.span, shown))
