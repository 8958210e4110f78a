"""What a tree with errors proves: lines that the grammar could not read show no mere slip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rlm_gate import syntax
from rlm_gate.core import Finding, Severity, Skip, SourceFile, display_path

_REMEDY = "mend the file, or name it under 'exclude' in .rlm-gate.yaml"
_TOO_MANY = 10  # broken lines, as a tenth of the judged ones


@dataclass(slots=True)
class Errors:
    """The pieces of one tree that the grammar could not read, looked for once and when asked."""

    tree: syntax.Tree
    _lines: tuple[tuple[int, int], ...] | None = field(default=None, init=False)

    @property
    def lines(self) -> tuple[tuple[int, int], ...]:
        """The first and last line of each piece, 1-based."""
        if self._lines is None:
            self._lines = self.tree.trouble()
        return self._lines

    def blur(self, found: Finding) -> bool:
        """Say whether an error begins or ends within what was found, and it would only warn.

        What would block counts all the same: an odd word must not be a way around the gate.
        Of types in JavaScript a grammar makes assignments that nobody wrote.
        """
        if found.severity > Severity.MEDIUM:
            return False
        first, last = found.span.start, found.span.end
        return any(first <= begin <= last or first <= end <= last for begin, end in self.lines)


def trouble(
    file: SourceFile, errors: Errors, rule_ids: Sequence[str], engine: str
) -> Iterator[Skip]:
    """Report broken code in judged lines. The parser recovers, so a little of it is only a note.

    Grammars lag behind their languages: one new word must not make a whole file count as missing.
    """
    broken = {line for first, last in errors.lines for line in range(first, last + 1)}
    judged = {line for span in file.in_scope for line in range(span.start, span.end + 1)}
    lines = sorted(broken & judged)
    if lines:
        what = f"{display_path(file.path)}:{lines[0]}"
        many = f"{len(lines)} of {len(judged)} judged lines"
        if len(lines) * _TOO_MANY <= len(judged):
            why = f"{many} are not {file.language} to its grammar; matches in them may be missing"
            yield Skip(what, f"{engine}: {why}")
        else:  # the same reason for all such files, which are then told together
            why = f"{engine}: not {file.language} to its grammar: {_REMEDY}"
            yield Skip(f"{what} ({many})", why, path=file.path, rule_ids=tuple(rule_ids))
