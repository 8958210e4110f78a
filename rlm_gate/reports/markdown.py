"""Markdown for a job summary or a comment: the verdict, the findings, what was examined.

Text from files and models is written as character references, so that nothing in it is markup,
a link, a mention or the end of a table cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rlm_gate.core import Finding, Verdict
from rlm_gate.phrases import counted
from rlm_gate.reports import _digest as digest
from rlm_gate.reports import _unseen as unseen
from rlm_gate.reports._causes import also_at
from rlm_gate.reports._plain import clip, one_line, plain, shown_path
from rlm_gate.reports._policy import accepted, notices

HELP = "Markdown for a job summary or a comment"

_MAX_BYTES = 900 * 1024  # GitHub refuses a step summary over 1 MiB
_MAX_DETAILS = 20
_MAX_LINES = 50
_MAX_NAMES = 8
_MAX_TEXT = 400
_MAX_QUOTE = 1000
_ICON = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}
_COLUMNS = """\
| Blocks | Severity | Rule | Place | Message |
| --- | --- | --- | --- | --- |"""
# What GitHub's Markdown reads as markup, mathematics, a mention or an issue; what its autolinks
# need; and the "::" of workflow commands. The rest stays readable in the source.
_MARKUP = re.compile(r"[\\`*_\[\]<>#&~|@$]|:(?=[:/])|(?<=www)\.", re.IGNORECASE)


def render(verdict: Verdict, *, limit: int = _MAX_BYTES) -> bytes:
    """Return the summary, under 900 KiB: the table is cut first, and says by how much."""
    preface = digest.preface(verdict)
    head = [
        f"## {_ICON[verdict.status]} rlm-gate: {verdict.status}",
        *("\n".join(f"- {inert(text, 1000)}" for text in first) for first in [preface] if first),
        f"{inert(digest.mode(verdict))}\n\n{inert(digest.summary(verdict), 2000)}",
    ]
    tail = list(_fitting(_tail(verdict), limit // 2))
    room = limit - sum(map(_size, [*head, *tail]))
    blocks = [*head, *_table(verdict, room), *tail]
    return ("\n\n".join(blocks) + "\n").encode()


def _table(verdict: Verdict, room: int) -> Iterator[str]:
    findings = digest.worst_first(verdict)
    if not findings:
        return
    title = f"### Findings\n\n{_COLUMNS}"
    note = "{} in the other reports: this one has a limit."
    room -= _size(title) + _size(note) + 100
    rows = list(_fitting((_row(finding, verdict) for finding in findings), room))
    yield "\n".join([title, *rows])
    if len(rows) < len(findings):
        yield note.format(counted(len(findings) - len(rows), "more finding"))


def _row(finding: Finding, verdict: Verdict) -> str:
    cells = (
        "❌" if digest.blocks(finding, verdict) else "",
        finding.severity.label,
        inert(finding.rule_id),
        f"<code>{_place(finding)}</code>{_more(finding)}",
        inert(finding.message),
    )
    return f"| {' | '.join(cells)} |"


def _tail(verdict: Verdict) -> Iterator[str]:
    blocking = [one for one in digest.worst_first(verdict) if digest.blocks(one, verdict)]
    yield from (_details(finding, verdict) for finding in blocking[:_MAX_DETAILS])
    yield from _section("Examined", digest.examined(verdict))
    yield from _section("Questions not put", digest.not_evaluated(verdict, _MAX_LINES))
    gaps, skips = unseen.sentences(verdict, _MAX_NAMES)
    yield from _section("Not examined", iter(gaps))
    yield from _section("Skipped", iter(skips))
    yield from _section("Accepted", accepted(verdict))
    yield from _section("Policy", notices(verdict))
    yield from _section("Remarks", digest.remarks(verdict))


def _details(finding: Finding, verdict: Verdict) -> str:
    rule = verdict.rule(finding.rule_id)
    says = f"{finding.engine} says: {finding.explanation}" if finding.explanation else ""
    fix = f"Fix: {rule.help.fix}" if rule else ""
    also = also_at(finding, _MAX_LINES)
    told = (also, says, fix, digest.trust(finding, verdict))
    lines = [inert(text, 1000) for text in told if text]
    return "\n\n".join(
        (
            f"<details><summary><code>{_place(finding)}</code> {inert(finding.rule_id)}</summary>",
            f"<pre>{_references(plain(clip(finding.quote, _MAX_QUOTE)))}</pre>",
            "\n".join(f"- {line}" for line in lines),
            "</details>",
        )
    )


def _section(title: str, sentences: Iterable[str]) -> Iterator[str]:
    lines = list(sentences)
    if not lines:
        return
    shown = [f"- {inert(line)}" for line in lines[:_MAX_LINES]]
    if len(lines) > _MAX_LINES:
        shown.append(f"- and {len(lines) - _MAX_LINES:,} more")
    yield "\n".join([f"### {title}\n", *shown])


def _fitting(blocks: Iterable[str], room: int) -> Iterator[str]:
    """Yield the blocks as long as they fit."""
    for block in blocks:
        room -= _size(block)
        if room < 0:
            return
        yield block


def _size(block: str) -> int:
    return len(block.encode()) + 2


def _place(finding: Finding) -> str:
    return inert(f"{shown_path(finding.span.path)}:{finding.span.start}")


def _more(finding: Finding) -> str:
    places = also_at(finding, _MAX_NAMES)
    return f" {inert(places)}" if places else ""


def inert(text: str, limit: int = _MAX_TEXT) -> str:
    """Return the text as one line without any Markdown, HTML, link or mention in it."""
    return _references(one_line(text, limit))


def _references(text: str) -> str:
    return _MARKUP.sub(_reference, text)


def _reference(match: re.Match[str]) -> str:
    """Return the character's reference; GitHub finds @name and #1 even so, but not through this."""
    comment = "<!-- -->" if match[0] in "@#" else ""
    return f"&#{ord(match[0])};{comment}"
