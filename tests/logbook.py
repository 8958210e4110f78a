"""Logs of coding agents with labels: what a reader who knows the formats would call out.

Written from the formats alone (session logs of a harness, Claude Code transcripts, Gas Town
events) and from what each indicator means, before any heuristic that looks for it. A label is true
or near: near ones look like the indicator and are none.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

INDICATORS = (
    "repeated_failure",
    "confidence_drop",
    "scope_creep",
    "human_input",
    "diminishing_returns",
    "circular",
)
ISSUE = (
    "# Export invoices as CSV\n\nThe billing page needs a button that exports the invoices of a "
    "month as CSV.\nWork in `src/billing/export.py` and its tests. Header row first, amounts with "
    "two decimals.\n"
)


@dataclass(frozen=True)
class Case:
    """A log, or the logs of several sessions on one issue. ``labels`` are true indicators."""

    name: str
    format: str
    files: dict[str, str]
    labels: frozenset[str]
    near: frozenset[str]


def cases(seed: int, count: int) -> list[Case]:
    """Return that many cases of each format, the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311  # no secret depends on it
    makers = {"session": _session, "transcript": _transcript, "events": _events}
    return [
        make(dice, f"{name}-{number}") for name, make in makers.items() for number in range(count)
    ]


def _choose(dice: random.Random, known: Sequence[str]) -> tuple[list[str], list[str]]:
    """Draw the true indicators of a case and, of the rest, those that are only near."""
    true = dice.sample(list(known), dice.choice((0, 1, 1, 2)))
    rest = [one for one in known if one not in true]
    return true, dice.sample(rest, min(len(rest), dice.choice((0, 1, 2))))


# What agents say. One pool for every format.

_ERRORS = (
    "TypeError: unsupported operand type(s) for +: 'NoneType' and 'int'",
    "AssertionError: assert '12.5' == '12.50'",
    "error TS2345: Argument of type 'string' is not assignable to parameter of type 'number'.",
    "ModuleNotFoundError: No module named 'billing.export'",
    "sqlite3.OperationalError: no such table: invoices",
    "panic: runtime error: index out of range [5] with length 5",
    "fatal: unable to access 'https://example.com/repo.git/': Could not resolve host: example.com",
    "npm ERR! code ERESOLVE",
)
_DOUBT = (
    "I'm not sure why this still fails.",
    "Hmm, I'm no longer confident that this approach is right.",
    "I don't understand what is going on here.",
    "Honestly, this is just a guess at this point.",
    "I am running out of ideas.",
    "This might or might not work.",
    "It's unclear to me why the parser rejects this row.",
)
_SURE = (
    "I know exactly what is wrong: the header is written twice.",
    "This is straightforward.",
    "Found the cause. The fix is simple.",
    "Clear: amounts need two decimals.",
)
_ASKS = (
    "Should amounts be rounded half up or half even? I can't decide this without you.",
    "I need the staging database password to go on. Can you provide it?",
    "Which delimiter do you want, comma or semicolon?",
    "Waiting for your approval before I delete the old table.",
    "I don't have permission to push to this branch; please grant access or push it yourself.",
    "Please confirm that old invoices may be left out.",
)
_CREEP = (
    "While I'm here, I'll also rewrite the login form to use the new components.",
    "I also took the opportunity to migrate the whole search module to async.",
    "Additionally I upgraded every dependency and reformatted the repository.",
    "I noticed the email templates are old, so I redesigned those too.",
)
_WORK = (
    "Reading the billing code.",
    "Now writing the header row.",
    "The amounts get two decimals.",
    "Adding a test for an empty month.",
    "Running the tests of the billing page.",
    "The button calls the export view.",
)
_ELSEWHERE = ("src/auth/login.tsx", "services/search/index.py", "emails/welcome.html", "Dockerfile")


def _same_error(dice: random.Random, times: int) -> list[str]:
    """Return one error as it looks each time: other lines, addresses and times around it."""
    error = dice.choice(_ERRORS)
    return [
        f'  File "/home/dev/run-{dice.randrange(999)}/src/billing/export.py", line '
        f"{dice.randrange(10, 400)}\n{error}"
        for _ in range(times)
    ]


def _failing(dice: random.Random, *, stuck: bool) -> list[str]:
    """Return what test runs say: failures that go down, or that stay."""
    counts = [9, 6, 2, 0] if not stuck else [9, 7, 7, 6, 7, 7]
    return [f"{count} failed, {40 - count} passed in {dice.uniform(1, 9):.2f}s" for count in counts]


# Session logs: `session-<issue>-<ms>.log`, an exit code and what the agent printed.


def _session(dice: random.Random, name: str) -> Case:
    true, near = _choose(dice, INDICATORS)
    says: list[str] = [dice.choice(_WORK)]
    for indicator in true:
        says += _SESSION[indicator](dice, True)
    for indicator in near:
        says += _SESSION[indicator](dice, False)
    says.append(dice.choice(_WORK))
    files: dict[str, str] = {}
    parts = 3 if "repeated_failure" in true and dice.random() < 0.5 else 1
    for number in range(parts):
        size = -(-len(says) // parts)
        text = "\n".join(says[number * size : (number + 1) * size])
        if parts > 1:
            text += "\n" + _same_error(random.Random(name), 1)[0]  # noqa: S311
        code = 1 if "repeated_failure" in true else 0
        if dice.random() < 0.5:
            told = {"type": "result", "subtype": "success", "is_error": bool(code), "result": text}
            text = json.dumps({**told, "num_turns": dice.randrange(3, 50), "session_id": name})
        stamp = 1_760_000_000_000 + number * 900_000
        log = f"Exit Code: {code}\n\n--- OUTPUT ---\n{text}\n"
        files[f"session-cs-{name}-{stamp}.log"] = log
    return Case(name, "session", files, frozenset(true), frozenset(near))


def _session_failure(dice: random.Random, true: bool) -> list[str]:
    if true:
        errors = _same_error(dice, dice.choice((3, 4)))
    elif dice.random() < 0.5:
        errors = _same_error(dice, 2)
    else:
        errors = [f"line {number}: {one}" for number, one in enumerate(dice.sample(_ERRORS, 3))]
    return [
        part for one in errors for part in (f"Running the tests again.\n{one}", "Trying a fix.")
    ]


def _told_failures(dice: random.Random, true: bool) -> list[str]:
    runs = _failing(dice, stuck=true)
    return [part for run in runs for part in (f"$ pytest -q\n{run}", dice.choice(_WORK))]


def _told_circle(dice: random.Random, true: bool) -> list[str]:
    first, second = dice.sample(("Decimal", "float", "int cents", "strings"), 2)
    steps = [f"Switching the amounts from {first} to {second}.", "Tests fail."]
    steps.append(f"Switching the amounts from {second} back to {first}." if true else "Mended.")
    if true:
        steps += ["Tests fail.", f"Switching the amounts from {first} to {second} again."]
    return steps


def _told_scope(dice: random.Random, true: bool) -> list[str]:
    if not true:
        return ["I left the login form alone: it is not part of this."]
    return [dice.choice(_CREEP), f"Modified: {dice.choice(_ELSEWHERE)}"]


def _doubt(dice: random.Random, true: bool) -> list[str]:
    if not true:
        return [dice.choice(_SURE), dice.choice(_SURE)]
    return [dice.choice(_SURE), "Tests fail.", *dice.sample(_DOUBT, dice.choice((2, 3)))]


def _ask(dice: random.Random, true: bool) -> list[str]:
    if true:
        return [dice.choice(_ASKS)]
    return ["Why did this fail? Because the header is written twice. Mending that."]


_Told = Callable[[random.Random, bool], list[str]]
_SESSION: dict[str, _Told] = {
    "repeated_failure": _session_failure,
    "confidence_drop": _doubt,
    "scope_creep": _told_scope,
    "human_input": _ask,
    "diminishing_returns": _told_failures,
    "circular": _told_circle,
}


# Claude Code transcripts: one JSON object a line.


@dataclass
class Tape:
    """A transcript as it grows."""

    dice: random.Random
    lines: list[str] = field(default_factory=list)

    def entry(self, kind: str, role: str, content: object) -> None:
        number = len(self.lines)
        stamp = f"2026-03-01T{number // 60:02d}:{number % 60:02d}:00.000Z"
        entry = {
            "parentUuid": f"u{number - 1}" if number else None,
            "isSidechain": False,
            "sessionId": "s1",
            "type": kind,
            "uuid": f"u{number}",
            "timestamp": stamp,
            "cwd": "/repo",
            "message": {"role": role, "content": content},
        }
        self.lines.append(json.dumps(entry))

    def user(self, text: str) -> None:
        self.entry("user", "user", text)

    def says(self, text: str) -> None:
        self.entry("assistant", "assistant", [{"type": "text", "text": text}])

    def tool(self, tool: str, given: dict[str, object], came: str, *, failed: bool = False) -> None:
        call = f"toolu_{len(self.lines)}"
        use = {"type": "tool_use", "id": call, "name": tool, "input": given}
        self.entry("assistant", "assistant", [use])
        told = {"type": "tool_result", "tool_use_id": call, "content": came, "is_error": failed}
        self.entry("user", "user", [told])

    def edit(self, path: str, old: str, new: str) -> None:
        given = {"file_path": path, "old_string": old, "new_string": new}
        self.tool("Edit", given, f"The file {path} has been updated.")

    def run(self, came: str, *, failed: bool) -> None:
        self.tool("Bash", {"command": "pytest -q tests/billing"}, came, failed=failed)


def _transcript(dice: random.Random, name: str) -> Case:
    true, near = _choose(dice, INDICATORS)
    tape = Tape(dice)
    tape.user(ISSUE)
    tape.says(dice.choice(_WORK))
    chosen = [(one, True) for one in true if one != "human_input"]
    chosen += [(one, False) for one in near]
    dice.shuffle(chosen)
    for indicator, is_true in chosen:
        _TAPED[indicator](tape, is_true)
        tape.edit("src/billing/export.py", f"step_{dice.random()}", f"step_{dice.random()}")
    if "human_input" in true:  # what was asked last is still open
        _TAPED["human_input"](tape, True)
    return Case(
        name,
        "transcript",
        {f"{name}.jsonl": "\n".join(tape.lines) + "\n"},
        frozenset(true),
        frozenset(near),
    )


def _taped_failure(tape: Tape, true: bool) -> None:
    dice = tape.dice
    errors = _same_error(dice, dice.choice((3, 5))) if true else list(dice.sample(_ERRORS, 3))
    if not true and dice.random() < 0.5:
        errors = _same_error(dice, 2)
    for error in errors:
        tape.run(f"Exit code 1\n{error}", failed=True)
        tape.edit("src/billing/export.py", f"a{dice.random()}", f"b{dice.random()}")


def _taped_circle(tape: Tape, true: bool) -> None:
    path = "src/billing/export.py"
    one, two, three = "amount = Decimal(raw)", "amount = float(raw)", "amount = round(raw, 2)"
    tape.edit(path, one, two)
    tape.edit(path, two, one if true else three)
    if true:
        tape.edit(path, one, two)


def _taped_scope(tape: Tape, true: bool) -> None:
    dice = tape.dice
    if not true:
        tape.edit("tests/billing/test_export.py", f"x{dice.random()}", "assert rows[0] == HEADER")
        return
    if dice.random() < 0.6:
        tape.says(dice.choice(_CREEP))
    for path in dice.sample(_ELSEWHERE, 3):
        tape.edit(path, f"c{dice.random()}", f"d{dice.random()}")


def _taped_ask(tape: Tape, true: bool) -> None:
    tape.says(tape.dice.choice(_ASKS))
    if not true:
        tape.user("Take the first. And yes, you may.")
        tape.says("Good, going on.")


def _taped_progress(tape: Tape, true: bool) -> None:
    for run in _failing(tape.dice, stuck=true):
        tape.run(run, failed=not run.startswith("0 "))
        tape.edit("src/billing/export.py", f"e{tape.dice.random()}", f"f{tape.dice.random()}")


def _taped_doubt(tape: Tape, true: bool) -> None:
    for text in _doubt(tape.dice, true):
        tape.says(text)


_TAPED: dict[str, Callable[[Tape, bool], None]] = {
    "repeated_failure": _taped_failure,
    "confidence_drop": _taped_doubt,
    "scope_creep": _taped_scope,
    "human_input": _taped_ask,
    "diminishing_returns": _taped_progress,
    "circular": _taped_circle,
}


# Gas Town's `.events.jsonl`. It has no words of the agent, so two indicators can't show in it.

_IN_EVENTS = ("repeated_failure", "human_input", "diminishing_returns", "circular")


def _events(dice: random.Random, name: str) -> Case:
    true, near = _choose(dice, _IN_EVENTS)
    told: list[tuple[str, str, dict[str, object]]] = [
        ("spawn", "gt", {"rig": "shop", "polecat": "nux"}),
        ("sling", "mayor", {"bead": "sh-1", "target": "shop/polecats/nux"}),
        ("session_start", "shop/polecats/nux", {"session_id": "u-1", "role": "shop/polecats/nux"}),
    ]
    for indicator in true:
        told += _EVENTED[indicator](dice, True)
    for indicator in near:
        told += _EVENTED[indicator](dice, False)
    if not {"repeated_failure", "human_input"} & set(true):
        told.append(("done", "shop/polecats/nux", {"bead": "sh-1", "branch": "polecat/nux"}))
    lines = [
        json.dumps(
            {
                "ts": f"2026-01-03T{10 + number // 60:02d}:{number % 60:02d}:09Z",
                "source": "gt",
                "type": kind,
                "actor": actor,
                "payload": payload,
                "visibility": "feed",
            }
        )
        for number, (kind, actor, payload) in enumerate(told)
    ]
    files = {f"{name}/.events.jsonl": "\n".join(lines) + "\n"}
    return Case(name, "events", files, frozenset(true), frozenset(near))


_Events = list[tuple[str, str, dict[str, object]]]


def _evented_failure(dice: random.Random, true: bool) -> _Events:
    if dice.random() < 0.5:
        merge = {"mr": "mr-7", "worker": "nux", "branch": "polecat/nux"}
        reason = dice.choice(("conflict in src/app.py", "tests failed: billing", "rebase failed"))
        times = dice.choice((3, 4)) if true else 2
        return [("merge_failed", "shop/refinery", {**merge, "reason": reason})] * times
    died = {"agent": "shop/polecats/nux", "reason": "zombie cleanup", "caller": "daemon"}
    times = 4 if true else 1
    return [("session_death", "daemon", {**died, "session": f"gt-{n}"}) for n in range(times)]


def _evented_ask(dice: random.Random, true: bool) -> _Events:
    reason = dice.choice(("needs credentials", "unclear requirement", "asks for a decision"))
    payload: dict[str, object] = {"rig": "shop", "target": "nux", "to": "human", "reason": reason}
    sent: _Events = [("escalation_sent", "shop/witness", payload)]
    if not true:
        sent.append(("escalation_acked", "mayor", payload))
        sent.append(("escalation_closed", "mayor", payload))
    return sent


def _evented_stall(dice: random.Random, true: bool) -> _Events:
    check = {"rig": "shop", "polecat": "nux", "issue": "sh-1"}
    found: _Events = []
    for number in range(dice.choice((4, 5))):
        status = "idle" if true else ("working", "testing", "pushing", "merging", "done")[number]
        found.append(("polecat_checked", "shop/witness", {**check, "status": status}))
        if true:
            nudge = {"rig": "shop", "target": "nux", "reason": "no progress"}
            found.append(("polecat_nudged", "shop/witness", nudge))
    return found


def _evented_circle(dice: random.Random, true: bool) -> _Events:
    bead = f"sh-{dice.randrange(2, 90)}"
    found: _Events = []
    for target in ("nux", "slit", "nux", "slit") if true else ("nux", "slit"):
        found.append(("sling", "mayor", {"bead": bead, "target": f"shop/polecats/{target}"}))
        found.append(("unhook", f"shop/polecats/{target}", {"bead": bead}))
    return found if true else found[:-1]


_EVENTED: dict[str, Callable[[random.Random, bool], _Events]] = {
    "repeated_failure": _evented_failure,
    "human_input": _evented_ask,
    "diminishing_returns": _evented_stall,
    "circular": _evented_circle,
}
