"""What a model may propose, and the rule file that the host makes of it.

The model writes words for people and search patterns, nothing else: id, severity, languages, tests
and what is trusted are the host's. A proposal passes the door that every rule file passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rlm_gate import languages, mistakes, rulefile, yamlmarks
from rlm_gate.learning import patience
from rlm_gate.learning.given import Shown
from rlm_gate.rlm.answers import Schema, strict_json
from rlm_gate.rulefile import RuleFile

PRECISION: Final = "medium"
_CONFIG: Final = frozenset({"rule", "constraints", "utils"})
_LINES: Final = {"title": 80, "message": 200}
_TEXTS: Final = {"why": 600, "fix": 600}


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(properties),
        "properties": dict(properties),
        "additionalProperties": False,
    }


SCHEMA: Final = _closed(
    {
        "cannot": _text(600),
        **{name: _text(most) for name, most in (*_LINES.items(), *_TEXTS.items())},
        "entries": {
            "type": "array",
            "maxItems": 6,
            "items": _closed(
                {
                    "engine": {"type": "string", "enum": ["astgrep", "regex"]},
                    "languages": {"type": "array", "maxItems": 8, "items": _text(30)},
                    "rule": _text(4_000),
                    "pattern": _text(500),
                }
            ),
        },
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user decides of the rule: ``id``, ``description``, ``severity`` (its label)."""

    id: str
    description: str
    severity: str
    shown: tuple[Shown, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the examples, that of the first one first; ``any`` for plain text."""
        spoken = dict.fromkeys(one.language for one in self.shown)
        return ("any",) if languages.UNKNOWN in spoken else tuple(spoken)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A model's answer as the host took it: a rule file, or why there is none.

    ``cannot`` are the model's words where it says that no pattern tells good from bad.
    """

    text: str = ""
    file: RuleFile | None = None
    problems: tuple[str, ...] = ()
    cannot: str = ""


def take(answer: str, wanted: Wanted, model: str) -> Proposal:
    """Make a rule file of an answer; every mistake in it is a problem to be told to the model."""
    try:
        given = strict_json(answer)
    except ValueError as error:
        return Proposal(problems=(f"the answer is no JSON: {error}",))
    if problem := Schema.of(SCHEMA).problem(given):
        return Proposal(problems=(problem,))
    if cannot := _one_line(given["cannot"]):
        return Proposal(cannot=cannot)
    detect, problems = _detect(given["entries"], wanted)
    problems += _wrong_words(given)
    if problems:
        return Proposal(problems=tuple(problems))
    try:
        text = _written(given, detect, wanted, model)
    except ValueError:
        return Proposal(problems=("the answer holds characters that no file can hold",))
    pack, _, stem = wanted.id.partition("/")
    file = rulefile.read(pack, f"{stem}.yaml", text.encode(), "rule")
    return Proposal(text, file, tuple(problem.text for problem in file.problems))


def _detect(
    entries: Sequence[Mapping[str, Any]], wanted: Wanted
) -> tuple[list[dict[str, Any]], list[str]]:
    made: list[dict[str, Any]] = []
    problems = [] if entries else ["entries: give one at least, or say in 'cannot' why not"]
    for number, entry in enumerate(entries):
        where = f"entries[{number}]"
        any_text = wanted.languages == ("any",)
        spoken = [
            name
            for name in dict.fromkeys(entry["languages"])
            if name in (languages.KNOWN if any_text else wanted.languages)
        ]
        strange = sorted(set(entry["languages"]) - set(spoken))
        if strange and not any_text:
            known = ", ".join(wanted.languages)
            problems.append(f"{where}.languages: {', '.join(strange)}: the examples are of {known}")
        reader = _by_shape if entry["engine"] == "astgrep" else _by_text
        options, wrong = reader(entry, wanted)
        problems += [f"{where}.{one}" for one in wrong]
        language = {"language": spoken[0] if len(spoken) == 1 else spoken} if spoken else {}
        made.append({"engine": entry["engine"], **language, **options})
    return made, problems


def _by_shape(entry: Mapping[str, Any], _wanted: Wanted) -> tuple[dict[str, Any], list[str]]:
    """Read ast-grep's rule: the object itself, or one of ``rule``, ``constraints``, ``utils``."""
    document = yamlmarks.parse(entry["rule"], "rule")
    if document.problems:
        return {}, [f"rule: not the YAML it should be: {one.text}" for one in document.problems]
    config = document.data
    if not isinstance(config, dict) or not config:
        return {}, ["rule: write a mapping of pattern, kind, any, has, ..."]
    if "rule" not in config:
        config = {"rule": config}
    strange = sorted(set(config) - _CONFIG)
    if strange:
        return {}, [f"rule: {', '.join(strange)}: only rule, constraints and utils stand beside it"]
    return config, []


def _by_text(entry: Mapping[str, Any], wanted: Wanted) -> tuple[dict[str, Any], list[str]]:
    pattern = entry["pattern"]
    if not pattern:
        return {}, ["pattern: write a regular expression"]
    problem = mistakes.regex(pattern) or patience.problem(
        pattern, [one.excerpt for one in wanted.shown]
    )
    return {"pattern": pattern}, [f"pattern: {problem}"] if problem else []


def _wrong_words(given: Mapping[str, Any]) -> list[str]:
    """Say which words are missing or hold what people can't see."""
    empty = [f"{name}: it is empty" for name in (*_LINES, *_TEXTS) if not given[name].strip()]
    seen = [
        f"{name}: it holds characters that people can't see; write plain text"
        for name in (*_LINES, *_TEXTS)
        if not " ".join(given[name].split()).isprintable()
    ]
    hidden = [
        f"entries[{number}].{name}: it holds characters that people can't see; write escapes"
        for number, entry in enumerate(given["entries"])
        for name in ("rule", "pattern")
        if not entry[name].replace("\n", "").replace("\t", "").isprintable()
    ]
    return [*empty, *seen, *hidden]


def _written(
    given: Mapping[str, Any], detect: list[dict[str, Any]], wanted: Wanted, model: str
) -> str:
    data = {
        "title": _one_line(given["title"]),
        "severity": wanted.severity,
        "precision": PRECISION,
        "languages": list(wanted.languages),
        "detect": detect,
        "message": _one_line(given["message"]),
        "help": {name: _one_line(given[name]) for name in _TEXTS},
        "tests": {
            "bad": [_example(one, wanted) for one in wanted.shown if one.bad],
            "good": [_example(one, wanted) for one in wanted.shown if not one.bad],
        },
    }
    return "".join(_head(wanted, model)) + yamlmarks.written(data)


def _head(wanted: Wanted, model: str) -> Iterator[str]:
    yield f"# Wanted: {_one_line(wanted.description)}\n"
    yield f"# Proposed once by {_one_line(model)}, proven by the examples; it asks no model.\n"


def _example(one: Shown, wanted: Wanted) -> str | dict[str, str]:
    plain = one.language in (wanted.languages[0], languages.UNKNOWN)
    return one.excerpt if plain else {"lang": one.language, "code": one.excerpt}


def _one_line(text: str) -> str:
    return " ".join(text.split())
