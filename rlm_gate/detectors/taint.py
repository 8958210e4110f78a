"""Follow values from outside to sinks within a function, by abstract interpretation of its tree.

Sees one file at a time: assignments, branches, loops, elements, functions of the same file. What it
can't see is in docs/detectors.md. Sources and what every sink trusts are data: ``_taint/*.json``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import count
from operator import itemgetter
from typing import Any

from rlm_gate import kept, mistakes, syntax
from rlm_gate.core import (
    Corpus,
    Detect,
    Finding,
    Rule,
    Severity,
    Skip,
    SourceFile,
    Span,
    display_path,
)
from rlm_gate.detectors import (
    LINE_OPTIONS,
    Complaint,
    Region,
    Text,
    _scripts,
    applying,
    entries,
    finding,
    language_complaints,
    line_complaints,
    lines_fit,
    listed,
    pattern_problem,
    reads,
    severity_of,
    unknown_keys,
    weighed,
)
from rlm_gate.detectors._taint import exploit, spec
from rlm_gate.detectors._taint.reading import MAX_STEPS, Hit, Reading
from rlm_gate.detectors._taint.spec import Entry, Specs
from rlm_gate.detectors._taint.worth import WORD, Looks, Words, any_of, leading_to, near_change
from rlm_gate.detectors._where import speaks
from rlm_gate.languages import family
from rlm_gate.markup import only_php

_ENGINE = "taint"
_READERS = {  # of a language and its dialects
    "csharp": "csharp",
    "go": "go",
    "java": "java",
    "javascript": "javascript",
    "kotlin": "kotlin",
    "php": "php",
    "python": "flow",
}
_PATTERNS = (
    "clean_named",
    "function_has",
    "function_lacks",
    "known_by",
    "known_file",
    "needs",
    "safe_prefix",
    "text_has",
)
_HARM = ("calls", "stores", "returns")
_OPTIONS = ("language", "sink", "sources", *_HARM, "clean", "replacing", "parameters", *_PATTERNS)
_CALL = ("call", "args", "when", "unless", "has", "lacks", "argv", "program", "text", "roles")
_LONGEST_LINE = 10_000
_SINKS = (
    "arguments code cors decision deserialize dispatch fields header ldap log mail-link markup"
    " mongo nosql objects path prompt redirect regex secret session shell sql sql-bare ssrf"
    " ssrf-page state template trust upload xml xpath xss zip"
)
SINKS = frozenset(_SINKS.split())
"""The kinds of harm that the built-in rules name, and the engine knows some of."""
_OWN_SINK = kept.expression(r"own-[a-z][a-z-]*\Z")


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check what an entry names: its kind of sink, sources, patterns, and the line options."""
    yield from unknown_keys(options, (*_OPTIONS, *LINE_OPTIONS))
    yield from language_complaints(options, languages)
    for language in listed(options.get("language")):
        if family(language) not in _READERS:
            yield ("language",), f"taint reads {', '.join(_READERS)}, typescript; not {language!r}"
    yield from line_complaints(options)
    yield from _sink_complaints(options)
    yield from _source_complaints(options)
    for key in ("stores", "clean"):
        yield from _pattern_complaints(options, key)
    for number, call in enumerate(_as_list(options.get("calls"))):
        yield from _call_complaints(call, number)


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the languages the entry names, and those that hold them."""
    named = frozenset(listed(options["language"]))
    held = _scripts.holding(named)
    return named | held | {"tsx"} if "typescript" in named else named | held


def version() -> str:
    """Of the parser and of this engine."""
    from importlib.metadata import version as installed

    return f"60+{installed('ast-grep-py')}"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Read each file that has both a word of a source and one of a sink."""
    spoken: dict[str, _Spoken] = {}
    for file in corpus.files:
        read = _scripts.scripts_of(file) or file
        if read.language not in spoken:
            spoken[read.language] = _Spoken(rules, read.language)
        mine = spoken[read.language].judging(file) if file.status != "deleted" else {}
        if mine:
            judge = _Judge(spoken[read.language].tables.of(mine), read.language)
            yield from judge.judge(read, Text.of(file.text))


class _Spoken:
    """The rules' entries for a language, made ready when a file first asks for them."""

    def __init__(self, rules: Sequence[Rule], language: str) -> None:
        self.tables = spec.Tables()
        self._ready: dict[int, Entry] = {}
        self._own: dict[int, list[tuple[int, Detect]]] = {}
        numbers = count()
        for rule in rules:
            own = entries(rule, _ENGINE) if speaks(rule.languages, language) else ()
            if spoken := [one for one in own if reads(one.options, language)]:
                self._own[id(rule)] = [(next(numbers), one) for one in spoken]
        self._open = tuple(rule for rule in rules if id(rule) in self._own)

    def judging(self, file: SourceFile) -> dict[int, Entry]:
        """Return the entries of the rules that apply to the file, by their numbers."""
        mine: dict[int, Entry] = {}
        for rule in applying(self._open, file):
            for number, detect in self._own[id(rule)]:
                if number not in self._ready:
                    self._ready[number] = spec.entry_of(rule, detect)
                mine[number] = self._ready[number]
        return mine


class _Judge:
    """The entries that judge a file."""

    def __init__(self, specs: Specs, language: str) -> None:
        self._specs = specs
        self._words = spec.vocabulary(language)
        self._braces = family(language) != "python"
        self._sinks = any_of(self._specs.words)
        self._wary = [
            (entry.needs, any_of(spec.words(entry)))
            for entry in specs.entries
            if spec.UNKNOWN in entry.sources
        ]
        self._needs = _source_words(language)
        mocks = self._words.data.get("mocks")  # what answers nobody but tests
        self._mocks = kept.expression(str(mocks)) if mocks else None

    def judge(self, file: SourceFile, shown: Text) -> Iterator[Finding | Skip]:
        """Yield what is found in the file, each place and rule once, in the lines as shown."""
        text = Text.of(file.text)
        sinks = self._worth(only_php(text.text) if file.language == "php" else text.text)
        if sinks is None:
            return
        if self._braces and max(map(len, text.lines)) > _LONGEST_LINE:
            why = f"taint: lines of more than {_LONGEST_LINE:,} characters are not followed"
            yield Skip(display_path(file.path), why)
            return
        if self._mocks and self._mocks.search(text.text):
            return
        reading = Reading(self._specs, self._words)
        try:
            _read(reading, file, sinks)
        except RecursionError:
            why = "taint: an expression is nested too deep to be followed; the rest was judged"
            yield Skip(display_path(file.path), why)
        for node in reading.cut:
            where = f"{display_path(file.path)}:{node.range().start.line + 1}"
            yield Skip(where, f"taint: reading the function ended after {MAX_STEPS} statements")
        yield from _findings(reading.hits, file.path, shown)

    def _worth(self, text: str) -> Words | None:
        """Return the words of sinks to look for, None where nothing can be found."""
        words = frozenset(WORD.findall(text))
        names, begins = self._needs
        if not names.isdisjoint(words) or begins.search(text):
            return self._sinks if self._sinks.among(words, text) else None
        wary = (sinks for needs, sinks in self._wary if needs is None or needs.search(text))
        return next((sinks for sinks in wary if sinks.among(words, text)), None)


def _read(reading: Reading, file: SourceFile, sinks: Words) -> None:
    """Read the file's statements, then each function that can hold a sink."""
    reader = _reader(file.language, reading)
    env = reader.module(syntax.parse(file.text, file.language).root)
    done: set[int] = set()
    looks = Looks(sinks)
    while waiting := [one for one in reader.found if one.place[0] not in done]:
        names = leading_to(looks, reading.functions)
        near = near_change(file, reader.found, reading.functions, looks)
        for function in waiting:
            done.add(function.place[0])
            function.env = {**env, **function.env}
            if (looks.has(function) or looks.calls(function, names)) and near(function):
                reader.function(function)


def _reader(language: str, reading: Reading) -> Any:
    """Return what reads the language; imported when the first text needs it."""
    module = importlib.import_module(f"{spec.__package__}.{_READERS[family(language)]}")
    return module.READER(reading)


def _findings(hits: Sequence[Hit], path: str, text: Text) -> Iterator[Finding]:
    """Turn hits into findings; one place and rule are told once, by the first worst flow."""
    seen: set[tuple[str, int]] = set()
    weighing = [(_severity(hit), hit) for hit in hits]  # once: it reads the code around
    opened = {
        _cause(hit): severity
        for severity, hit in sorted(weighing, key=itemgetter(0))
        if not exploit.only_asks(hit)
    }
    for severity, hit in sorted(weighing, key=itemgetter(0), reverse=True):
        if exploit.only_asks(hit) and opened.get(_cause(hit), Severity.INFO) >= severity:
            continue  # whether it is there, of the same value that is then opened
        span = hit.node.range()
        key = (hit.entry.rule.id, span.start.index)
        region = Region(
            span.start.line + 1, span.start.column + 1, span.end.line + 1, span.end.column + 1
        )
        steps = hit.taint.steps if hit.taint is not None else ()
        found = finding(hit.entry.rule, path, text.lines, region, _ENGINE, hit.entry.options)
        begins = [line for first, last in steps[:1] for line in text.lines[first - 1 : last]]
        lines = "\n".join((*begins, found.quote))
        found = replace(
            found,
            severity=min(weighed(hit.entry.rule.severity, hit.entry.options, lines), severity),
            flow=tuple(Span(path, *step) for step in steps),
            explanation=_told([first for first, _ in steps], found.span.start),
        )
        needs = hit.entry.needs
        fits = needs is None or needs.search(text.text) is not None
        if fits and key not in seen and lines_fit(hit.entry.options, found.quote):
            seen.add(key)
            yield found


def _cause(hit: Hit) -> tuple[object, ...]:
    """Return the rule and where the value came in; a value of no known origin is its own cause."""
    taint = hit.taint
    return (hit.entry.rule.id, taint.steps[0]) if taint and taint.steps else (id(hit),)


def _told(lines: Sequence[int], sink: int) -> str:
    """Say by which lines the value came, for those who read a finding without its flow."""
    if not lines:
        return "Nothing in this file says where the value comes from."
    between = [str(line) for line in lines[1:] if line != sink]
    if not between and lines[0] == sink:
        return f"What comes in at line {sink} does harm there."
    way = f" by line{'s' * (len(between) > 1)} {', '.join(between)}" if between else ""
    return f"What comes in at line {lines[0]} gets to line {sink}{way}."


def _severity(hit: Hit) -> Severity:
    return exploit.severity(hit, severity_of(hit.entry.rule, hit.entry.options))


@lru_cache(maxsize=8)
def _source_words(language: str) -> tuple[frozenset[str], re.Pattern[str]]:
    """Return words and a pattern: a text in which something comes from outside has one of them."""
    words = spec.vocabulary(language)
    begins = kept.expression(str(words.data["beginnings"]))
    if family(language) != "python":
        return frozenset(), begins
    return frozenset(word for word in words.sources.words if len(word) > 3), begins


def _harm_complaints(options: Mapping[str, Any]) -> Iterator[Complaint]:
    kind = options.get("sink")
    place = ("sink",) if "sink" in options else ()
    if not isinstance(kind, str):
        yield place, "sink: name the kind of harm in small letters, as sql or path"
    elif kind not in SINKS and not _OWN_SINK.match(kind):
        hint = mistakes.hint(kind, SINKS)
        yield place, f"sink: unknown harm {kind!r}; {hint}; one of your own begins with 'own-'"


def _sink_complaints(options: Mapping[str, Any]) -> Iterator[Complaint]:
    yield from _harm_complaints(options)
    if options.keys().isdisjoint(_HARM):
        yield (), "name at least one sink: calls, stores or returns"
    if options.get("returns", "html") not in {"html", "view"}:
        yield ("returns",), "returns: write html or view, or leave it out"
    for key in _PATTERNS:
        if key in options and (problem := pattern_problem(options[key])):
            yield (key,), f"{key}: {problem}"
    if options.get("parameters", True) is not True:
        yield ("parameters",), "parameters: write true, or leave it out"
    if "replacing" in options and not listed(options["replacing"]):
        yield ("replacing",), "replacing: list the texts whose removal makes a value harmless"


def _source_complaints(options: Mapping[str, Any]) -> Iterator[Complaint]:
    if "sources" not in options:
        return
    spoken = [one for one in listed(options.get("language")) if family(one) in _READERS]
    origins = (spec.vocabulary(one).origins for one in spoken or ["python"])
    known = frozenset({spec.UNKNOWN}).union(*origins)
    named = listed(options["sources"])
    for source in named:
        if source not in known:
            yield ("sources",), f"sources: {source!r} is not one of {', '.join(sorted(known))}"
    if not named:
        yield ("sources",), f"sources: list some of {', '.join(sorted(known))}"


def _pattern_complaints(options: Mapping[str, Any], key: str) -> Iterator[Complaint]:
    if key not in options:
        return
    patterns = listed(options[key])
    if not patterns:
        yield (key,), f"{key}: list dotted names, as os.system or '*.execute'"
    for pattern in patterns:
        if problem := _name_problem(pattern):
            yield (key,), f"{key}: {problem}"


def _call_complaints(call: Any, number: int) -> Iterator[Complaint]:
    place = ("calls", number)
    if not isinstance(call, Mapping) or not listed(call.get("call")):
        yield place, "calls: write {call: os.system}, with args, when, unless or argv"
        return
    for pattern in listed(call["call"]):
        if problem := _name_problem(pattern):
            yield (*place, "call"), f"call: {problem}"
    for key, value in call.items():
        if key not in _CALL:
            yield (*place, key), f"unknown key {key!r}; a call has {', '.join(_CALL)}"
        elif key in _CHECKS and (problem := _CHECKS[key](value)):
            yield (*place, key), f"{key}: {problem}"


def _args_problem(value: Any) -> str:
    fits = isinstance(value, list | tuple) and all(isinstance(one, int | str) for one in value)
    return "" if fits else "list positions from 0, keywords, or receiver"


def _when_problem(value: Any) -> str:
    return "" if isinstance(value, Mapping) else "write a mapping of keywords to constants"


_CHECKS: Mapping[str, Callable[[Any], str]] = {
    "args": _args_problem,
    "has": pattern_problem,
    "lacks": pattern_problem,
    "when": _when_problem,
}


def _name_problem(pattern: str) -> str:
    broken = [one for one in spec.expanded(pattern) if not spec.PATTERN.match(one)]
    hint = "write a dotted name; *. in front for any receiver, {a,b} for alternatives"
    return f"{broken[0]!r} is no name to look for; {hint}" if broken else ""


def _as_list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
