"""Validate one rule file into a Rule. Knows its pack's name, nothing of other files.

Imported only where no compiled pack is at hand: it brings in pydantic, YAML and the engines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlm_gate import detectors, globs, mistakes, rewrites, schemas, wording, words, yamlmarks
from rlm_gate.core import Ask, Confidence, Detect, Help, Rewrite, Rule, Severity
from rlm_gate.errors import EngineError, Problem
from rlm_gate.yamlmarks import Document, Loc

_FIX_KEYS = ("engine", "rewrite", "safety", "what")
_EXPRESSIONS = ("detect", "prefilter", "fix")
_LINEAR = frozenset({"rule", "constraints", "utils"})
_PROSE = frozenset({"rewrite", "what"})
_SHOWN = 40  # characters of a text that a problem names


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file that was read. ``rule`` and ``tests`` are None where ``problems`` says why."""

    document: Document
    rule: Rule | None
    tests: schemas.TestsModel | None
    problems: tuple[Problem, ...]


def read(pack: str, name: str, content: bytes, label: str, *, proven: bool = False) -> RuleFile:
    """Read the file ``name`` of that content as a rule of the pack; problems call it ``label``.

    ``proven``: a test has seen that none of its expressions takes for ever.
    """
    stem, _, extension = name.rpartition(".")
    document = words.filled(yamlmarks.parse_bytes(content, label))
    model, problems = schemas.check(schemas.RuleModel, document)
    further = (
        *_name_problems(document, stem, extension),
        *_detect_problems(document),
        *_fix_problems(document),
        *(() if proven else _slow_problems(document)),
    )
    known = {problem[:3] for problem in problems}
    problems = (*problems, *(problem for problem in further if problem[:3] not in known))
    if model is None or problems:
        return RuleFile(document, None, None, tuple(sorted(problems)))
    return RuleFile(document, _rule(f"{pack}/{stem}", model), model.tests, ())


def _name_problems(document: Document, stem: str, extension: str) -> Iterator[Problem]:
    if extension != "yaml":
        yield document.problem((), f"rename the file to {stem}.yaml")
    if mistake := mistakes.name(stem):
        yield document.problem((), f"the file's name is the rule's name: {mistake}")


def _detect_problems(document: Document) -> Iterator[Problem]:
    """Check what needs the engines, on the plain data: other mistakes shall not hide these."""
    written = document.data if isinstance(document.data, dict) else {}
    if document.whole and not written.keys() & {"detect", "ask"}:
        yield document.problem((), "add 'detect' or 'ask': this rule judges nothing")
    if "detect" in written and "precision" not in written:
        yield document.problem((), "'precision' is missing: low, medium or high, of its 'detect'")
    languages = _texts(written.get("languages"))
    entries = written.get("detect")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict) and isinstance(entry.get("engine"), str):
            yield from _engine_problems(document, index, entry, languages)


def _engine_problems(
    document: Document, index: int, entry: Mapping[str, Any], languages: Sequence[str]
) -> Iterator[Problem]:
    engine = entry["engine"]
    known = detectors.names()
    if engine not in known:
        text = f"unknown engine {engine!r}; known are {', '.join(known)}"
        yield document.problem(("detect", index, "engine"), text)
        return
    options = {key: value for key, value in entry.items() if key != "engine"}
    yield from _severity_problems(document, index, entry)
    try:
        for where, text in detectors.load(engine).validate(options, languages):
            yield document.problem(("detect", index, *where), f"detect[{index}]: {text}")
    except EngineError as error:
        yield document.problem(("detect", index, "engine"), f"can't be checked: {error}")


def _severity_problems(
    document: Document, index: int, entry: Mapping[str, Any]
) -> Iterator[Problem]:
    """Refuse an entry that promises more than its rule: it would count as much as that."""
    known = {severity.label: severity for severity in Severity}
    rule = known.get(str(document.data.get("severity")))
    own = known.get(str(entry.get("severity")))
    if rule and own and own > rule:
        text = f"severity: an entry's is at most its rule's ({rule.label}); lower it, or raise that"
        yield document.problem(("detect", index, "severity"), f"detect[{index}]: {text}")


def _fix_problems(document: Document) -> Iterator[Problem]:
    """Check the ways to mend with the engines that will search for what they replace."""
    written = document.data if isinstance(document.data, dict) else {}
    languages = _texts(written.get("languages"))
    entries = written.get("fix")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("rewrite"), str):
            continue
        if entry.get("engine") in rewrites.ENGINES:
            options = {key: value for key, value in entry.items() if key not in _FIX_KEYS}
            for where, text in rewrites.validate(
                entry["engine"], options, entry["rewrite"], languages
            ):
                yield document.problem(("fix", index, *where), f"fix[{index}]: {text}")


def _slow_problems(document: Document) -> Iterator[Problem]:
    """Refuse expressions that a text can stop: whoever writes what is judged may write that text.

    Of ast-grep's own keys only Rust's expressions are part, which take linear time.
    """
    from rlm_gate.detectors import _ambiguity

    written = document.data if isinstance(document.data, dict) else {}
    for key in _EXPRESSIONS:
        for loc, text in _leaves(written.get(key), (key,)):
            if pump := _ambiguity.doubled(text, re.MULTILINE, references=True):
                shown = json.dumps(pump[:_SHOWN])
                told = f"each further {shown} of a text doubles the time this expression takes"
                remedy = "let no repeated part repeat itself: (a+b)+ for (a+b?)+"
                yield document.problem(loc, f"{wording.dotted(loc)}{told}; {remedy}")


def _leaves(value: Any, loc: Loc) -> Iterator[tuple[Loc, str]]:
    """Yield the texts that ``re`` may read, and where they stand."""
    if isinstance(value, dict):
        linear = _LINEAR if value.get("engine") == "astgrep" else frozenset()
        for key in value.keys() - linear - _PROSE:
            yield from _leaves(value[key], (*loc, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _leaves(one, (*loc, index))
    elif isinstance(value, str):
        yield loc, value


def _rewrite(entry: schemas.FixModel) -> Rewrite:
    safe = entry.safety == "safe"
    return Rewrite(entry.engine, entry.model_extra or {}, entry.rewrite, safe, entry.what)


def _texts(written: Any) -> tuple[str, ...]:
    items = [written] if isinstance(written, str) else written if isinstance(written, list) else ()
    return tuple(item for item in items if isinstance(item, str))


def _rule(rule_id: str, model: schemas.RuleModel) -> Rule:
    return Rule(
        id=rule_id,
        title=model.title,
        severity=Severity.parse(model.severity),
        precision=Confidence(model.precision),
        languages=tuple(model.languages),
        message=model.message,
        help=Help(model.help.why, model.help.fix, tuple(model.help.links)),
        tags=tuple(model.tags),
        aliases=tuple(model.aliases),
        yields_to=tuple(model.yields_to),
        include=globs.to_regex(model.paths.include),
        exclude=globs.to_regex(model.paths.exclude),
        detect=tuple(Detect(entry.engine, entry.model_extra or {}) for entry in model.detect or ()),
        prefilter=tuple(model.prefilter or ()),
        ask=Ask(model.ask.over, model.ask.question) if model.ask else None,
        verify=model.verify,
        enabled=model.enabled,
        fix=tuple(_rewrite(entry) for entry in model.fix or ()),
        supporting=Severity.parse(model.supporting) if model.supporting else None,
    )
