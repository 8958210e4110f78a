"""What the engine ``guides`` knows of one corpus: its paths, its pages, and what a change took."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from rlm_gate.core import Corpus, SourceFile, Span, hashes, split_lines
from rlm_gate.detectors import _commands, _pages
from rlm_gate.detectors._pages import Link, Page
from rlm_gate.detectors._places import Places, Target, is_site
from rlm_gate.languages import language_of

_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$", re.MULTILINE)
_SHORT = 3
_NO_ANCHOR = re.compile(
    r"(?:L\d|top$|readme$|fn|user-content|:~:|/|!|_|issuecomment|pullrequest|diff-|file-|$)",
    re.IGNORECASE,
)
_LABEL_WORD = re.compile(r"[A-Za-z][\w .+/-]*\Z")


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that promises what is not there, why, and the place of the change that took it."""

    line: int
    why: str
    cause: Span | None = None


@dataclass(slots=True)
class Guides:
    """The pages of a corpus and what stands where they point."""

    corpus: Corpus
    places: Places
    gone_anchors: dict[tuple[str, str], Span] = field(default_factory=dict)

    @classmethod
    def of(cls, corpus: Corpus) -> Guides:
        """List the corpus."""
        return cls(corpus, Places(corpus), dict(_gone_anchors(corpus)))

    def broken(self, file: SourceFile, wanted: Collection[str]) -> Iterator[Broken]:
        """Yield what the page promises in vain, in the order of its lines."""
        text = file.text
        page = _pages.read(text, file.language)
        site = is_site(file.path, text)
        found: list[Broken] = []
        if "links" in wanted:
            found += self._links(file, page, site=site)
        if "commands" in wanted:
            told = _commands.broken(file.path, text, page, self.places, self.corpus)
            found += (Broken(*one) for one in told)
        yield from sorted(set(found), key=lambda one: (one.line, one.why))

    def _links(self, file: SourceFile, page: Page, *, site: bool) -> Iterator[Broken]:
        labels = _defined(file.text) if any(one.kind == "label" for one in page.links) else set()
        for link in page.links:
            if link.kind == "label":
                if not site and _is_label(link.target) and _label(link.target) not in labels:
                    yield Broken(link.line, f"no line defines the label [{link.target}]")
            elif lost := self.places.lost(file.path, link.target, link.kind, site=site):
                yield self._lost(link, lost)
            elif link.kind == "link":
                yield from self._anchor(file.path, link, page, site=site)

    def _lost(self, link: Link, lost: Target) -> Broken:
        cause = Span(lost.path, 1, 1) if self._took(lost.path) else None
        other = self.places.differs_in_case(lost.path)
        what = "this change takes it away" if cause else "there is no such file"
        hint = f"; there is {other}, in other letters" if other else ""
        return Broken(link.line, f"{lost.path}: {what}{hint}", cause)

    def _took(self, path: str) -> bool:
        return path in self.corpus.gone or any(
            one.startswith(f"{path}/") for one in self.corpus.gone
        )

    def _anchor(self, path: str, link: Link, page: Page, *, site: bool) -> Iterator[Broken]:
        target = self.places.page(path, link.target)
        if not target or _NO_ANCHOR.match(target.anchor) or language_of(target.path) != "markdown":
            return
        text = None if target.path == path else self.corpus.tree.get(target.path)
        there = page if target.path == path else _pages.read(text or "", "markdown")
        loose = site or is_site(target.path, text or "")
        if there.loose or target.path.endswith(".mdx") or _has(there, target.anchor, loose=loose):
            return
        cause = self.gone_anchors.get((target.path, _pages.squashed(target.anchor)))
        what = "this change takes its heading away" if cause else "no heading makes that anchor"
        yield Broken(link.line, f"{target.path}#{target.anchor}: {what}", cause)


def lost_names(corpus: Corpus) -> set[str]:
    """Return the texts of which an untouched page has one if it points at what a change took."""
    names = {posixpath.basename(path) for path in corpus.gone}
    anchored = {posixpath.basename(path) for path, _ in dict(_gone_anchors(corpus))}
    names |= {f"{name}#" for name in anchored}
    names |= {name for _, name in _commands.taken(corpus)}
    return {name for name in names if len(name) > _SHORT}


def page_of(path: str, text: str) -> SourceFile:
    """Return a page that is not judged itself, as a file of which every line counts."""
    count = len(split_lines(text))
    return SourceFile(
        path=path,
        status="whole",
        language=language_of(path),
        changed=(Span(path, 1, max(1, count)),),
        removed=(),
        line_count=count,
        sha256=hashes.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        read=lambda: text,
    )


def _gone_anchors(corpus: Corpus) -> Iterator[tuple[tuple[str, str], Span]]:
    for file in corpus.files:
        if file.language != "markdown" or file.status == "deleted":
            continue
        for block in file.removed:
            span = Span(file.path, block.after_line, block.after_line + 1)
            for heading in _HEADING.findall(block.text):
                yield (file.path, _pages.squashed(heading)), span


def _has(page: Page, anchor: str, *, loose: bool) -> bool:
    wanted = anchor.lower().removeprefix("user-content-")
    if wanted in page.anchors:
        return True
    short = _pages.squashed(wanted)
    if not short:
        return True
    return loose and any(_same(short, _pages.squashed(one)) for one in page.anchors)


def _same(wanted: str, made: str) -> bool:
    """Say whether two squashed anchors may be one: generators number and shorten them."""
    return wanted == made or wanted.rstrip("0123456789") == made.rstrip("0123456789")


def _defined(text: str) -> set[str]:
    return {_label(label) for label in re.findall(r"^[ >\t]*\[([^\]\n]+)\]:", text, re.MULTILINE)}


def _label(label: str) -> str:
    return " ".join(label.split()).casefold()


def _is_label(label: str) -> bool:
    return bool(_LABEL_WORD.match(label))
