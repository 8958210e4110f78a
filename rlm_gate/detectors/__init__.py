"""The engines that judge without a model: found by file name, imported when asked for.

Also what they share: whether a rule applies to a file, and how a finding quotes it. Knows nothing
of packs, policy or reports.
"""

from __future__ import annotations

import importlib
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import accumulate, count
from operator import add
from pathlib import Path
from typing import Any, Protocol, cast

from rlm_gate import kept, mistakes
from rlm_gate.core import Corpus, Detect, Finding, Origin, Rule, Severity, Skip, SourceFile, Span
from rlm_gate.core.records import dataclass
from rlm_gate.detectors._literals import Sought, found
from rlm_gate.detectors._needs import alternatives
from rlm_gate.detectors._where import expect_paths as expect_paths
from rlm_gate.detectors._where import open_to as open_to
from rlm_gate.detectors._where import place as place
from rlm_gate.detectors._where import speaks
from rlm_gate.detectors._where import why_not as why_not
from rlm_gate.errors import UsageError
from rlm_gate.languages import covers

BESIDE = frozenset({"ruff"})
"""The engines whose work a process of their own does: they begin first, and the rest meanwhile."""

Place = tuple[str | int, ...]
Complaint = tuple[Place, str]


class Engine(Protocol):
    """What a module in this folder offers. Its name is what rules write after ``engine:``."""

    def validate(self, options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
        """Yield (where in the options, what is wrong and what to do) for a rule's languages."""

    def languages(self, options: Mapping[str, Any]) -> frozenset[str] | None:
        """Return the languages this entry can judge, None for every text."""

    def version(self) -> str:
        """Return what changes whenever the engine's answers may change."""

    def detect(self, corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
        """Judge every file of the corpus by the rules' entries for this engine.

        Whole files are judged; the gate narrows to the judged lines. A file that could not be
        judged is a Skip with its path and the rules concerned. One of ``BESIDE`` starts its process
        when it is called.
        """


def names() -> tuple[str, ...]:
    """Return the engines' names, sorted."""
    modules = Path(__file__).parent.glob("[!_]*.py")
    return tuple(sorted(module.stem for module in modules))


@cache
def load(name: str) -> Engine:
    """Import the engine of that name. Raises UsageError for one that does not exist."""
    if name not in names():
        raise UsageError(f"unknown engine {name!r}; choose from {', '.join(names())}")
    return cast("Engine", importlib.import_module(f"{__name__}.{name}"))


def reads_tree(name: str) -> bool:
    """Say whether the engine judges a file by what else the tree holds (its READS_TREE)."""
    return bool(getattr(load(name), "READS_TREE", False))


def by_file(name: str) -> bool:
    """Say whether the engine judges each file by itself: not by others that are judged with it.

    So do those that do not read the tree, and those that say so (their BY_FILE).
    """
    return bool(getattr(load(name), "BY_FILE", not reads_tree(name)))


def applies(rule: Rule, file: SourceFile) -> str:
    """Return "" where the rule applies to the file, else why not: language, path or prefilter.

    The one answer for engines, planner and coverage ledger. A prefilter is searched in the whole
    text, line by line for ``^`` and ``$``, and in the removed lines.
    """
    why = why_not(rule, file)
    if not why and rule.prefilter and not _worth_a_look(rule.prefilter, file):
        return "prefilter"
    return why


def applying(rules: Sequence[Rule], file: SourceFile) -> list[Rule]:
    """Return those of the rules that apply to the file; quicker than to ask for each."""
    known = prefilters(file)
    return [
        rule
        for rule in open_to(rules, file)
        if not rule.prefilter
        or (
            known[rule.prefilter]
            if rule.prefilter in known
            else _worth_a_look(rule.prefilter, file)
        )
    ]


def entries(rule: Rule, engine: str) -> tuple[Detect, ...]:
    """Return the rule's entries for that engine."""
    return tuple(entry for entry in rule.detect if entry.engine == engine)


@dataclass(frozen=True, slots=True)
class Text:
    """A text with single newlines, its lines, and where each begins."""

    text: str
    lines: tuple[str, ...]
    starts: tuple[int, ...]

    @classmethod
    @lru_cache(maxsize=4)  # several engines read one file
    def of(cls, raw: str) -> Text:
        r"""Cut the text at \n, \r\n and \r, as every part of the gate does."""
        text = raw.replace("\r\n", "\n").replace("\r", "\n") if "\r" in raw else raw
        lines = tuple(text.split("\n"))
        starts = map(add, accumulate(map(len, lines[:-1]), initial=0), count())
        return cls(text, lines, tuple(starts))

    def position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column of an offset into ``text``."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def region(self, start: int, end: int) -> Region:
        """Return the region between two offsets; a match's last newline does not add a line."""
        if end > start and self.text[end - 1] == "\n":
            end -= 1
        return Region(*self.position(start), *self.position(end))


@dataclass(frozen=True, slots=True)
class Region:
    """A piece of a text: 1-based lines and columns in code points, the end column exclusive."""

    start: int
    column: int
    end: int
    end_column: int


def finding(
    rule: Rule,
    path: str,
    lines: Sequence[str],
    region: Region,
    engine: str,
    options: Mapping[str, Any] | None = None,
) -> Finding:
    """Return the rule's finding on that region, quoting its whole lines.

    ``options`` are the entry's, whose severity counts if it is less than the rule's.
    """
    quote = "\n".join(lines[region.start - 1 : region.end])
    return Finding(
        rule_id=rule.id,
        severity=weighed(severity_of(rule, options or {}), options or {}, quote),
        confidence=rule.precision,
        message=rule.message,
        span=Span(path, region.start, region.end),
        quote=quote,
        origin=Origin.DETECTOR,
        engine=engine,
        columns=(region.column, region.end_column),
    )


def severity_of(rule: Rule, options: Mapping[str, Any]) -> Severity:
    """Return the severity of what an entry of the rule finds: its own if it is less."""
    said = options.get("severity")
    return rule.severity if said is None else min(rule.severity, Severity.parse(said))


def weighed(severity: Severity, options: Mapping[str, Any], quote: str) -> Severity:
    """Return what a find on these lines weighs.

    Medium at most where they may be meant, low at most where they lack what makes it bad.
    """
    doubt, grave = options.get("lines_doubt"), options.get("lines_grave")
    if grave is not None and multiline(grave).search(quote) is None:
        return min(severity, Severity.LOW)
    if doubt is not None and multiline(doubt).search(quote) is not None:
        return min(severity, Severity.MEDIUM)
    return severity


def listed(value: Any) -> tuple[str, ...]:
    """Return the texts of an option that is one text or a list of them; () for anything else."""
    many = (value,) if isinstance(value, str) else value
    fits = isinstance(many, list | tuple) and all(isinstance(item, str) for item in many)
    return tuple(many) if fits else ()


# What every engine of patterns has: a second look at the lines of a find, and its severity.
LINE_PATTERNS = ("lines_have", "lines_lack", "lines_doubt", "lines_grave")
LINE_OPTIONS = (*LINE_PATTERNS, "severity")


def line_complaints(options: Mapping[str, Any]) -> Iterator[Complaint]:
    """Check the options of all engines of patterns: regular expressions, and a severity."""
    levels = [one.label for one in Severity]
    if "severity" in options and options["severity"] not in levels:
        yield ("severity",), f"severity: choose from {', '.join(levels)}"
    for key in LINE_PATTERNS:
        if key in options and (problem := pattern_problem(options[key])):
            yield (key,), f"{key}: {problem}"


def lines_fit(options: Mapping[str, Any], quote: str) -> bool:
    """Say whether a find's lines have what the entry wants them to have, and lack the rest."""
    have, lack = options.get("lines_have"), options.get("lines_lack")
    return (have is None or multiline(have).search(quote) is not None) and (
        lack is None or multiline(lack).search(quote) is None
    )


@lru_cache(maxsize=4096)
def begins_lines(pattern: str) -> bool:
    """Say whether the pattern can match at the beginning of a line alone."""
    return pattern.startswith("^") and not alternatives(pattern)


def lines_possible(options: Mapping[str, Any], text: str) -> bool:
    """Say whether any lines of the text could fit; cheap, and never wrong when it says no."""
    have = options.get("lines_have")
    return have is None or bool(_WHOLE_TEXT.search(have)) or found(have, text, multiline)


def language_complaints(
    options: Mapping[str, Any], languages: Sequence[str]
) -> Iterator[Complaint]:
    """Check ``language``: one or several of the languages of the rule."""
    place = ("language",) if "language" in options else ()
    named = listed(options.get("language"))
    if not named:
        yield place, "language: name the language, or a list of them"
    for language in named:
        if not any(covers(wanted, language) for wanted in languages):
            known = ", ".join(languages)
            yield place, f"{language!r} is not among the rule's languages ({known})"


def reads(options: Mapping[str, Any], language: str) -> bool:
    """Say whether an entry with the option ``language`` judges files of that language."""
    return speaks(listed(options["language"]), language)


def unknown_keys(options: Mapping[str, Any], known: Sequence[str]) -> Iterator[Complaint]:
    """Yield a complaint for every option the engine does not have."""
    for key in options:
        if key not in known:
            remedy = mistakes.near(key, known) or f"this engine has {', '.join(known)}"
            yield (key,), f"unknown option {key!r}; {remedy}"


def choice_complaints(
    options: Mapping[str, Any], key: str, choices: Collection[str]
) -> Iterator[Complaint]:
    """Yield what is wrong where ``key``, one of the choices, is the only option there is."""
    yield from unknown_keys(options, (key,))
    if options.get(key) not in choices:
        yield (key,) if key in options else (), f"{key}: choose from {', '.join(choices)}"


def asked_of(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[tuple[SourceFile, list[Rule]]]:
    """Yield each file that some of the rules ask about, with these rules."""
    for file in corpus.files:
        if wanted := applying(rules, file):
            yield file, wanted


def pattern_problem(value: Any) -> str:
    """Say why the value is no regular expression that could match something; "" if it is one."""
    if not isinstance(value, str):
        return "write a regular expression (Python re) as a text"
    return mistakes.regex(value)


# (content, language, removed lines) -> prefilter -> whether it matches. Engines, planner and ledger
# ask the same of the same bytes.
_KNOWN: dict[tuple[object, ...], dict[tuple[str, ...], bool]] = {}
_MANY = 20_000


def prefilters(file: SourceFile) -> dict[tuple[str, ...], bool]:
    """Return which prefilters are known to match in the file; what is put in counts as known."""
    key = (file.sha256, file.language, file.removed)
    if key not in _KNOWN:
        if len(_KNOWN) >= _MANY:
            _KNOWN.clear()
        _KNOWN[key] = {}
    return _KNOWN[key]


_EXPECTED: list[tuple[tuple[str, ...], tuple[str, ...]]] = []  # languages and prefilters


def expect(rules: Iterable[Rule]) -> None:
    """Say which rules' prefilters will be asked: a file that is asked for one tells them all.

    What is made of a text to look for one serves the others, and would not be kept for them.
    """
    asked = [*{(rule.languages, rule.prefilter): None for rule in rules if rule.prefilter}]
    if asked != _EXPECTED:
        _EXPECTED[:] = asked
        _expected.cache_clear()


@lru_cache(maxsize=128)
def _expected(language: str) -> tuple[frozenset[tuple[str, ...]], Sought]:
    asked = frozenset(many for languages, many in _EXPECTED if speaks(languages, language))
    return asked, Sought(asked)


def _worth_a_look(patterns: tuple[str, ...], file: SourceFile) -> bool:
    known = prefilters(file)
    if patterns not in known:
        texts = [file.text, *(removed.text for removed in file.removed)]
        asked, sought = _expected(file.language)
        if patterns in asked:
            matching = set().union(*(sought.in_text(text, multiline) for text in texts))
            known.update((one, one in matching) for one in asked if one not in known)
        else:
            known[patterns] = any(found(one, text, multiline) for one in patterns for text in texts)
    return known[patterns]


@lru_cache(maxsize=4096)
def multiline(pattern: str) -> re.Pattern[str]:
    """Return the expression as a rule means it: ``^`` and ``$`` are a line's."""
    return kept.expression(pattern, re.MULTILINE)


_WHOLE_TEXT = kept.expression(r"\\[AZ]")  # means the ends of the lines here, of the file there


def readers() -> Callable[[Rule, SourceFile], tuple[str, ...]]:
    """Return what names the rule's engines that read a file's language, asking each once."""
    known: dict[tuple[str, str], tuple[str, ...]] = {}

    def engines(rule: Rule, file: SourceFile) -> tuple[str, ...]:
        key = (rule.id, file.language)
        if key not in known:
            names = {
                entry.engine
                for entry in rule.detect
                if _reads(load(entry.engine).languages(entry.options), file.language)
            }
            known[key] = tuple(sorted(names))
        return known[key]

    return engines


def _reads(languages: frozenset[str] | None, language: str) -> bool:
    return languages is None or any(covers(one, language) for one in languages)
