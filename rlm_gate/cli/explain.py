"""``rlm-gate explain``: the whole story of one finding, from report and journal; asks nobody."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlm_gate.cli import _lastrun
from rlm_gate.errors import EngineError, UsageError
from rlm_gate.reports import _plain as plain

HELP = "Tell the whole story of a finding of the last run: evidence, calls, why it blocks or not."

_LISTS = ("findings", "refuted", "suppressed", "baselined")
_LEAST = 4
_PLACE = re.compile(r"(?P<path>.+):(?P<line>[0-9]+)(?::[0-9]+)?\Z", re.DOTALL)
_LONGEST = 2000  # characters of one line
_EFFECT = {
    ("model", "not asked"): "a model's word alone does not block: nobody argued against it",
    ("model", "refuted"): "a second reader refuted it with a line of code",
    ("model", "unclear"): "a model's finding must be confirmed to block, and it was not",
    ("model", "call failed"): "the second reading failed, so nothing is known: inconclusive",
    ("detector", "refuted"): "a second reader refuted it with a line of code",
    ("imported", "refuted"): "a second reader refuted it with a line of code",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the finding, and where its run is told of."""
    parser.add_argument(
        "fingerprint", metavar="FINGERPRINT", help="its first characters will do, or FILE:LINE"
    )
    parser.add_argument(
        "--report", metavar="F", type=Path, help="a JSON report (default: this folder's last run)"
    )
    parser.add_argument(
        "--journal", metavar="F", type=Path, help="the run's journal (default: the newest one here)"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Print the story. Raises UsageError for an unknown fingerprint, naming the nearest."""
    document = _document(arguments.report)
    state, finding = _named(document, arguments.fingerprint)
    path = arguments.journal or (None if arguments.report else _lastrun.journal())
    told = {
        "state": state,
        "finding": finding,
        "rule": next((one for one in document["rules"] if one["id"] == finding["rule"]), None),
        "threshold": document["threshold"],
        "why": _why(state, finding, document["threshold"]),
        "journal": str(path) if path else None,
        "calls": list(_calls(path, finding)) if path else [],
    }
    if arguments.format == "json":
        print(plain.disarm_json(json.dumps(told, indent=2, sort_keys=True)))
    else:
        for line in _lines(told):
            print(plain.disarm(plain.clip(plain.plain(line.replace("\n", " ")), _LONGEST)))
    return 0


def _document(path: Path | None) -> dict[str, Any]:
    if path is None:
        content = _lastrun.report()
        if content is None:
            raise UsageError(
                "no run of this folder is remembered",
                remedy="Run 'rlm-gate check' here first, or name a JSON report: --report F.",
            )
    else:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a JSON report: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != "rlm-gate/1":
        raise UsageError(f"{path}: not a report of rlm-gate; make one with --output json=F")
    return document


def _named(document: Mapping[str, Any], prefix: str) -> tuple[str, dict[str, Any]]:
    """Return what became of the one finding that is meant: by its fingerprint or by its place."""
    everything = [
        (name, {**one, **one.get("finding", {})})
        for name in _LISTS
        for one in document.get(name, ())
    ]
    place = _PLACE.match(prefix)
    if place:
        return _at(everything, place["path"], int(place["line"]))
    if len(prefix) < _LEAST:
        raise UsageError(f"{prefix!r}: give {_LEAST} characters of the fingerprint or more")
    fitting = [one for one in everything if one[1]["fingerprint"].startswith(prefix.lower())]
    if len(fitting) == 1:
        return fitting[0]
    near = fitting or _nearest(everything, prefix)
    what = "is the beginning of several" if fitting else "is no finding of that run"
    raise UsageError(f"{plain.one_line(prefix, 80)} {what}{_listed(near)}")


def _at(
    everything: Sequence[tuple[str, dict[str, Any]]], path: str, line: int
) -> tuple[str, dict[str, Any]]:
    """Return the one finding on a line, as reports name it: FILE:LINE."""
    path = path.removeprefix("./")
    here = [one for one in everything if one[1]["path"] == path]
    fitting = [one for one in here if one[1]["start_line"] <= line <= one[1]["end_line"]]
    if len(fitting) == 1:
        return fitting[0]
    near = fitting or sorted(here, key=lambda one: abs(one[1]["start_line"] - line))[:5]
    what = "several findings; name one by its fingerprint" if fitting else "no finding"
    shown = f"{plain.shown_path(path)}:{line}"
    raise UsageError(f"{shown}: {what} of that run{_listed(near)}")


def _listed(near: Sequence[tuple[str, dict[str, Any]]]) -> str:
    lines = "".join(
        f"\n  {one['fingerprint'][:16]} {one['rule']} {plain.shown_path(one['path'])}"
        f":{one['start_line']}"
        for _, one in near
    )
    return f"; there are:{lines}" if near else ""


def _nearest(
    everything: Sequence[tuple[str, dict[str, Any]]], prefix: str
) -> list[tuple[str, dict[str, Any]]]:
    from difflib import SequenceMatcher

    size = len(prefix)

    def likeness(one: tuple[str, dict[str, Any]]) -> float:
        return SequenceMatcher(None, prefix, one[1]["fingerprint"][:size]).ratio()

    return sorted(everything, key=likeness, reverse=True)[:5]


def _why(state: str, finding: Mapping[str, Any], threshold: str | None) -> str:
    severity = finding["severity"]
    if state in {"suppressed", "baselined"}:
        return f"it does not block: it is {state}{_by(finding.get('by') or {})}"
    if state == "findings" and finding["blocking"]:
        return (
            f"it blocks: {severity} reaches the threshold {threshold}, and nothing speaks against"
        )
    ranks = ("info", "low", "medium", "high", "critical")
    if threshold is None or ranks.index(severity) < ranks.index(threshold):
        return f"it does not block: {severity} is below the threshold ({threshold or 'never'})"
    effect = _EFFECT.get((finding["origin"], finding["verification"]), "the policy lets it pass")
    return f"it does not block: {effect}"


def _by(accepted: Mapping[str, Any]) -> str:
    """Say what accepted a finding: where it stands, until when, who owns it and why."""
    place = accepted.get("place")
    parts = [
        f" at {plain.shown_path(place['path'])}:{place['start_line']}" if place else "",
        f" until {accepted['until']}" if accepted.get("until") else "",
        f", owner {accepted['owner']}" if accepted.get("owner") else "",
        f": {accepted['reason']}" if accepted.get("reason") else "",
    ]
    return "".join(parts)


def _calls(path: Path, finding: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the calls that saw or judged the finding's place, in the order of the journal."""
    asked = _asked(path, finding)
    for kind, data in _records(path):
        if kind in {"reply", "failure"} and data["key"] in asked:
            yield _told(asked[data["key"]], kind, data)
        elif kind == "cell" and finding["path"] in f"{data['code']}{data['output']}":
            yield {"role": "root", "turn": data["turn"], "answer": data["code"], "cell": True}


def _asked(path: Path, finding: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return (role, model) by key. A reply from the cache was asked for in an earlier journal."""
    return {
        data["key"]: (role, data["request"]["model"])
        for one in (*sorted(path.parent.glob("*.jsonl")), path)
        for kind, data in _records(one, strict=one == path)
        if kind == "request" and (role := _role(data["request"], finding))
    }


def _records(path: Path, *, strict: bool = True) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from rlm_gate.rlm import journal

    try:
        yield from journal.read(path)
    except (OSError, EngineError) as error:
        if strict:
            raise UsageError(f"{path}: {error}") from error


def _role(request: Mapping[str, Any], finding: Mapping[str, Any]) -> str:
    """Say what a request had to do with the finding: map, refute or root; "" for nothing."""
    if request["tools"]:  # a turn of the root: its cell tells more
        return ""
    text = request["messages"][0]["text"]
    if f"# Block to judge: {finding['path']}\n" in text and finding["rule"] in text:
        return "map"
    same = f"# Rule {finding['rule']}\n" in text and f"# The code: {finding['path']}\n" in text
    return "refute" if same else ""


def _told(asked: tuple[str, str], kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    role, model = asked
    if kind == "failure":
        return {"role": role, "model": model, "error": data["error"]["kind"]}
    usage = data["reply"]["usage"]
    return {
        "role": role,
        "model": model,
        "answer": data["reply"]["text"],
        "input_tokens": usage["input_tokens"],
        "output_tokens": usage["output_tokens"],
        "usd": data["cost"],
        "cached": data["source"] != "model",
    }


def _lines(told: Mapping[str, Any]) -> Iterator[str]:
    finding, rule = told["finding"], told["rule"]
    place = f"{plain.shown_path(finding['path'])}:{finding['start_line']}"
    yield f"{place} {finding['severity']} {finding['rule']} ({finding['fingerprint'][:16]})"
    yield finding["message"]
    if rule:
        yield f"rule: {rule['title']}. {rule['help']['why']}"
        mine, whole = finding["severity"], rule["severity"]
        source = ", as the rule says" if mine == whole else f" here; the rule says {whole}"
        yield f"severity: {mine}{source}"
    yield "evidence:"
    numbers = range(finding["start_line"], finding["end_line"] + 1)
    for number, line in zip(numbers, finding["quote"].split("\n"), strict=False):
        yield f"  {number} | {line}"
    for step in finding["flow"]:
        yield f"  flows through {plain.shown_path(step['path'])}:{step['start_line']}"
    yield f"found by: {finding['engine']} ({finding['origin']}), confidence {finding['confidence']}"
    if finding["explanation"]:
        yield f"it says: {finding['explanation']}"
    yield f"second reading: {finding['verification']}"
    for call in told["calls"]:
        yield f"  {_call(call)}"
    yield f"verdict: {told['why']}"


def _call(call: Mapping[str, Any]) -> str:
    if "cell" in call:
        return f"root, turn {call['turn']}: {call['answer']}"
    if "error" in call:
        return f"{call['role']} by {call['model']}: failed ({call['error']})"
    price = "price unknown" if call["usd"] is None else f"${call['usd']:.4f}"
    cached = ", from the cache" if call["cached"] else ""
    spent = f"{call['input_tokens']} tokens in, {call['output_tokens']} out, {price}{cached}"
    return f"{call['role']} by {call['model']} ({spent}): {call['answer']}"
