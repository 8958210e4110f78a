"""Read SARIF 2.1.0 that anyone may have written: what has the wrong shape is left out, not trusted.

Knows no rules of ours and no files; ``sarif`` grounds what is read here.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlm_gate.core import Severity
from rlm_gate.errors import EngineError

LARGEST = 64 << 20  # bytes
_LONGEST = 500  # characters of a message
_MOST_STEPS = 20  # places of a flow
_ROOTS = frozenset(("SRCROOT", "ROOTPATH", "PROJECTROOT", "REPOROOT", "WORKINGDIR"))
_DEEPEST = 8  # bases of URIs on bases
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LEVELS = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "recommendation": Severity.LOW,
    "note": Severity.LOW,
    "none": Severity.INFO,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file as the tool names it. ``start`` 0: the file as a whole.

    ``snippet`` is what the tool says stands there, ``around`` (first line, text) what around it.
    """

    uri: str
    base: str
    start: int
    end: int
    snippet: str = ""
    around: tuple[int, str] = (0, "")


@dataclass(frozen=True, slots=True)
class Kind:
    """A rule of the tool. ``severity`` None: the results' levels tell. ``messages`` go by id."""

    id: str
    title: str = ""
    help: str = ""
    link: str = ""
    severity: Severity | None = None
    precision: str = ""
    tags: tuple[str, ...] = ()
    messages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One claim of the tool. ``suppressed``: the tool's user has accepted it there.

    ``commit``: it is about this commit of the history, as those of gitleaks are.
    """

    rule: str
    severity: Severity
    message: str
    place: Place | None
    flow: tuple[Place, ...] = ()
    suppressed: bool = False
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What one tool found. ``trouble`` is why its word is not complete, "" if it is."""

    tool: str
    kinds: Mapping[str, Kind]
    results: tuple[Result, ...]
    trouble: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)


def read(path: Path) -> tuple[Run, ...]:
    """Return the runs of a file. Raises EngineError for what is no SARIF at all."""
    try:
        if path.stat().st_size > LARGEST:
            raise EngineError(f"{path} is larger than {LARGEST >> 20} MiB; split it by tool")
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise EngineError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{path} is no SARIF: it is not JSON ({error})") from error
    runs = _at(data, "runs")
    if not isinstance(runs, list):
        raise EngineError(f"{path} is no SARIF: it has no list of runs")
    return tuple(_run(run) for run in runs if isinstance(run, dict))


def local_path(place: Place, bases: Mapping[str, str], root: str | None) -> str | None:
    """Return the path below ``root`` that a place means, None for one outside or elsewhere.

    URIs may be relative, ``file:``, percent-encoded, or a bare path of a careless tool. Where the
    scan ran in another folder, what is relative to its root is taken as relative to ours.
    """
    from urllib.parse import unquote

    base = bases.get(place.base, "")
    names = (unquote(_without_scheme(uri), errors="surrogateescape") for uri in (base, place.uri))
    folder, name = (text.replace("\\", "/") for text in names)
    remote = "://" in place.uri and not place.uri.startswith("file:")
    if remote or "\0" in name:
        return None
    joined = posixpath.normpath(posixpath.join(folder, name))
    top = posixpath.normpath(root).rstrip("/") + "/" if root else ""
    if top and joined.startswith(top):
        joined = joined[len(top) :]
    elif joined.startswith("/") and place.base.strip("%").upper() in _ROOTS:
        joined = posixpath.normpath(name)
    outside = joined in {".", ".."} or joined.startswith(("/", "../"))
    return None if outside else joined


def _without_scheme(uri: str) -> str:
    return re.sub(r"\Afile:(?://[^/]*)?", "", uri)


def _run(run: Mapping[str, Any]) -> Run:
    kinds: dict[str, Kind] = {}
    components = [_at(run, "tool", "driver"), *_listed(_at(run, "tool", "extensions"))]
    for component in components:
        for rule in _listed(_at(component, "rules")):
            kind = _kind(rule)
            if kind.id:
                kinds.setdefault(kind.id, kind)
    return Run(
        tool=_text(_at(run, "tool", "driver", "name")) or "unknown",
        kinds=kinds,
        results=tuple(_results(run, components, kinds)),
        trouble=_trouble(run),
        bases=_bases(run),
    )


def _results(
    run: Mapping[str, Any], components: Sequence[Any], kinds: Mapping[str, Kind]
) -> Iterator[Result]:
    artifacts = [_at(one, "location") for one in _listed(_at(run, "artifacts"))]
    for result in _listed(_at(run, "results")):
        told = _text(_at(result, "kind")) or "fail"
        if told not in {"fail", "open", "review"} or _at(result, "baselineState") == "absent":
            continue
        rule = _rule_id(result, components)
        if rule:
            yield Result(
                rule=rule,
                severity=_severity(result, kinds.get(rule)),
                message=_message(result, kinds.get(rule)),
                place=next(_places(_at(result, "locations"), artifacts), None),
                flow=tuple(_flow(result, artifacts))[:_MOST_STEPS],
                suppressed=any(_accepted(one) for one in _listed(_at(result, "suppressions"))),
                commit=_text(_at(result, "partialFingerprints", "commitSha")),
            )


def _message(result: Any, kind: Kind | None) -> str:
    """Return the result's words, its own or the rule's with the result's arguments put in."""
    said = _text(_at(result, "message", "text"))
    template = kind.messages.get(_text(_at(result, "message", "id")), "") if kind else ""
    if said or not template:
        return said
    given = [_text(one) for one in _listed(_at(result, "message", "arguments"))]

    def argument(match: re.Match[str]) -> str:
        number = int(match[1])
        return given[number] if number < len(given) else match[0]

    return _text(re.sub(r"\{([0-9]{1,2})\}", argument, template))


def _rule_id(result: Any, components: Sequence[Any]) -> str:
    named = _text(_at(result, "ruleId")) or _text(_at(result, "rule", "id"))
    if named:
        return named
    number = _number(_at(result, "ruleIndex")) or _number(_at(result, "rule", "index")) or 0
    extension = _at(result, "rule", "toolComponent", "index")
    which = _number(extension) + 1 if isinstance(extension, int) else 0
    rules = _listed(_at(components[which], "rules")) if which < len(components) else []
    return _text(_at(rules[number], "id")) if number < len(rules) else ""


def _kind(rule: Any) -> Kind:
    texts = ("shortDescription", "fullDescription", "help")
    said = [_text(_at(rule, key, "text")) for key in texts]
    properties = _at(rule, "properties")
    link = _at(rule, "helpUri")
    return Kind(
        id=_text(_at(rule, "id")),
        title=next(filter(None, (*said, _text(_at(rule, "name")))), ""),
        help=next(filter(None, reversed(said)), ""),
        link=link if isinstance(link, str) and re.fullmatch(r"https?://[!-~]{1,300}", link) else "",
        severity=_scored(_at(properties, "security-severity"))
        or _LEVELS.get(_text(_at(properties, "problem.severity")))
        or _LEVELS.get(_text(_at(rule, "defaultConfiguration", "level"))),
        precision=_text(_at(properties, "precision")),
        tags=tuple(filter(None, map(_text, _listed(_at(properties, "tags")))))[:20],
        messages={key: _text(_at(one, "text")) for key, one in _named(_at(rule, "messageStrings"))},
    )


def _severity(result: Any, kind: Kind | None) -> Severity:
    """Return the result's score, else the worse of its level and its rule's; else a warning."""
    scored = _scored(_at(result, "properties", "security-severity"))
    level = _LEVELS.get(_text(_at(result, "level")))
    by_kind = kind.severity if kind else None
    said = [one for one in (level, by_kind) if one is not None]
    return scored if scored is not None else max(said, default=Severity.MEDIUM)


def _scored(value: Any) -> Severity | None:
    """Return the severity of a score from 0.1 to 10, by the bounds GitHub uses."""
    try:
        score = float(value) if isinstance(value, str | int | float) else 0.0
    except (ValueError, OverflowError):
        return None
    bounds = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM))
    if not 0 < score <= 10:
        return None
    return next((severity for least, severity in bounds if score >= least), Severity.LOW)


def _places(locations: Any, artifacts: Sequence[Any]) -> Iterator[Place]:
    for location in _listed(locations):
        physical = _at(location, "physicalLocation")
        artifact = _at(physical, "artifactLocation")
        number = _at(artifact, "index")
        if _at(artifact, "uri") is None and isinstance(number, int):
            artifact = artifacts[number] if 0 <= number < len(artifacts) else None
        uri = _at(artifact, "uri")
        if isinstance(uri, str) and uri:
            start = _number(_at(physical, "region", "startLine"))
            end = _number(_at(physical, "region", "endLine"))
            base = _text(_at(artifact, "uriBaseId"))
            around = _number(_at(physical, "contextRegion", "startLine"))
            yield Place(
                uri,
                base,
                start,
                max(start, end),
                snippet=_snippet(_at(physical, "region")),
                around=(around, _snippet(_at(physical, "contextRegion"))),
            )


def _snippet(region: Any) -> str:
    text = _at(region, "snippet", "text")
    return text if isinstance(text, str) else ""


def _flow(result: Any, artifacts: Sequence[Any]) -> Iterator[Place]:
    for code in _listed(_at(result, "codeFlows"))[:1]:
        for thread in _listed(_at(code, "threadFlows"))[:1]:
            for step in _listed(_at(thread, "locations")):
                yield from _places([_at(step, "location")], artifacts)


def _accepted(suppression: Any) -> bool:
    return isinstance(suppression, dict) and suppression.get("status", "accepted") == "accepted"


def _trouble(run: Mapping[str, Any]) -> str:
    """Return why the tool did not judge everything; bandit hides it in the notifications."""
    for invocation in _listed(_at(run, "invocations")):
        errors = [
            _text(_at(note, "message", "text")) or "an error without a message"
            for key in ("toolExecutionNotifications", "toolConfigurationNotifications")
            for note in _listed(_at(invocation, key))
            if _at(note, "level") == "error"
        ]
        if errors:
            return f"{len(errors)} errors, first: {errors[0]}"
        if _at(invocation, "executionSuccessful") is False:
            return "it says that it did not finish"
    return ""


def _bases(run: Mapping[str, Any]) -> dict[str, str]:
    """Return the bases of URIs by name, each with those that it rests on in front."""
    named = dict(_named(_at(run, "originalUriBaseIds")))
    found = {}
    for name in named:
        parts, at, steps = [], name, 0
        while at in named and steps < _DEEPEST:
            uri = _at(named[at], "uri")
            parts.append(uri if isinstance(uri, str) else "")
            at, steps = _text(_at(named[at], "uriBaseId")), steps + 1
        found[name] = posixpath.join("", *reversed(parts))
    return found


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _named(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < 1 << 31 else 0


def _text(value: Any) -> str:
    """Return the text on one line, without control characters, of bounded length; "" for others."""
    return _CONTROL.sub(" ", value).strip()[:_LONGEST] if isinstance(value, str) else ""
