"""Make a repository in which six workers built an application, and plant faults in their work.

Written from the categories that an assessment scores (code quality, completeness, git hygiene,
security, consistency between workers), before any heuristic that looks for them and without a look
at one. The same seed gives the same repository.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

WORKERS = ("ada", "bert", "cleo", "dara", "emil", "finn")
AREAS = ("billing", "catalog", "shipping", "search", "accounts", "reports")
_VERBS = ("load", "store", "merge", "check", "price", "rank", "route", "close", "split", "label")
_NOUNS = ("order", "parcel", "invoice", "query", "ledger", "member", "chart", "basket", "permit")


@dataclass(frozen=True)
class Planted:
    """One fault. ``marks``: a finding names it if its evidence quotes one of these texts."""

    kind: str
    category: str
    workers: tuple[str, ...]
    marks: tuple[str, ...]


@dataclass
class Commit:
    worker: str
    message: str
    files: dict[str, str]  # what the commit makes of each file


@dataclass
class Plan:
    """The history to be, and what was planted in it."""

    dice: random.Random
    commits: list[Commit] = field(default_factory=list)
    planted: list[Planted] = field(default_factory=list)
    criteria: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def commit(self, worker: str, message: str, **files: str) -> None:
        self.files.update(files)
        self.commits.append(Commit(worker, message, dict(files)))

    def append(self, worker: str, path: str, text: str, message: str) -> None:
        self.commit(worker, message, **{path: f"{self.files.get(path, '')}{text}"})

    def plant(self, kind: str, category: str, workers: tuple[str, ...], *marks: str) -> None:
        self.planted.append(Planted(kind, category, workers, marks))

    def name(self) -> str:
        number = self.dice.randrange(100)
        return f"{self.dice.choice(_VERBS)}_{self.dice.choice(_NOUNS)}_{number}"

    def key(self, length: int) -> str:
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ234567"
        return "".join(self.dice.choice(letters) for _ in range(length))

    def module(self, worker: str) -> str:
        return f"shop/{AREAS[WORKERS.index(worker)]}.py"


def make(folder: Path, seed: int, faults: int = 20) -> tuple[list[Planted], str]:
    """Write the repository into an empty folder; return what was planted, and the criteria."""
    plan = Plan(random.Random(seed))  # noqa: S311  # no secret depends on it
    _honest_work(plan)
    for kind in plan.dice.sample(sorted(KINDS), faults):
        KINDS[kind](plan, kind)
    _import(folder, plan.commits)
    sections = (
        f"## {worker}\n\n" + "".join(f"- {line}\n" for line in lines)
        for worker, lines in sorted(plan.criteria.items())
    )
    return plan.planted, "# Acceptance criteria\n\n" + "\n".join(sections)


def _honest_work(plan: Plan) -> None:
    settings = "".join(f"OPTION_{number} = {number * 3 + 1}\n" for number in range(30))
    shared = {
        "README.md": "# Shop\n\nA small shop.\n",
        "shop/settings.py": f'"""Options."""\n\n{settings}',
    }
    plan.commit("lead", "Start the shop with its settings", **shared)
    for worker, area in zip(WORKERS, AREAS, strict=True):
        names = sorted({f"{area}_{plan.name()}" for _ in range(4)})
        body = "\n\n".join(_function(plan, name) for name in names)
        head = f'"""What the shop knows of {area}."""\n\nfrom __future__ import annotations\n\n\n'
        plan.commit(
            worker, f"Add {area} with its sums and labels", **{plan.module(worker): head + body}
        )
        tests = "\n\n".join(
            f"def test_{name}_of_nothing_is_zero() -> None:\n    assert {name}([]) == 0\n"
            for name in names
        )
        imports = f"from shop.{area} import {', '.join(names)}\n\n\n"
        plan.commit(
            worker, f"Test {area} on empty input", **{f"tests/test_{area}.py": imports + tests}
        )
        plan.criteria[worker] = [f"`{name}` adds up what the {area} hold" for name in names[:2]]


def _function(plan: Plan, name: str) -> str:
    """Return a harmless function that no other resembles."""
    words = plan.dice.sample(("weight", "amount", "count", "share", "units", "total", "rate"), 3)
    factor = plan.dice.randrange(2, 99)
    shapes = (
        "    {0} = 0\n    for entry in entries:\n        {0} += entry * {f}\n    return {0}\n",
        "    {0} = [entry for entry in entries if entry > {f}]\n    return len({0})\n",
        "    {1} = sum(entries)\n    {2} = {1} // {f}\n    return {2} if {1} else 0\n",
        "    if not entries:\n        return 0\n    {0} = max(entries)\n    return {0} - {f}\n",
        "    {0} = {f}\n    while {0} < len(entries):\n        {0} += {f}\n    return {0}\n",
    )
    body = plan.dice.choice(shapes).format(*words, f=factor)
    head = f"def {name}(entries: list[int]) -> int:\n"
    return f'{head}    """Return what {words[0]} there is."""\n{body}'


def _import(folder: Path, commits: list[Commit]) -> None:
    """Write the history in one go, one author a worker, an hour between two commits."""
    stream: list[bytes] = []
    for number, commit in enumerate(commits):
        who = f"{commit.worker} <{commit.worker}@example.com> {1_760_000_000 + 3600 * number} +0000"
        text = commit.message.encode()
        stream.append(f"commit refs/heads/main\nmark :{number + 1}\nauthor {who}\n".encode())
        stream.append(f"committer {who}\ndata {len(text)}\n".encode() + text + b"\n")
        if number:
            stream.append(f"from :{number}\n".encode())
        for path, content in sorted(commit.files.items()):
            raw = content.encode()
            stream.append(f"M 100644 inline {path}\ndata {len(raw)}\n".encode() + raw + b"\n")
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=folder, input=b"".join(stream), check=True
    )


# The faults. Each takes one worker, or two where the fault lies between them.


def _line(category: str, message: str, *shapes: str) -> Callable[[Plan, str], None]:
    """Make a fault of a function with a bad line in it; ``{n}`` is a name, ``{k}`` a key."""

    def plant(plan: Plan, kind: str) -> None:
        worker = plan.dice.choice(WORKERS)
        shape = plan.dice.choice(shapes)
        text = shape.format(n=plan.name(), k=plan.key(16), l=plan.key(36))
        bad = next(line for line in text.split("\n") if line.endswith("#!")).removesuffix("  #!")
        plan.append(
            worker, plan.module(worker), "\n\n" + text.replace("  #!", ""), message.format(worker)
        )
        plan.plant(kind, category, (worker,), bad.strip())

    return plant


def _bad_message(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    message = plan.dice.choice(("wip", "fix", "asdf", "more stuff", "."))
    plan.append(worker, plan.module(worker), f"\n\nLIMIT_{plan.key(3)} = 9\n", message)
    plan.plant(kind, "git_hygiene", (worker,), message)


def _fixup(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    message = plan.dice.choice(("fixup! Add the sums", "squash! Test on empty input"))
    plan.append(worker, plan.module(worker), f"\n\nSTEP_{plan.key(3)} = 4\n", message)
    plan.plant(kind, "git_hygiene", (worker,), message)


def _conflict(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    text = "\n\n<<<<<<< HEAD\nRATE = 3\n=======\nRATE = 5\n>>>>>>> theirs\n"
    plan.append(worker, f"shop/rates_{worker}.py", text, "Take the rates of both branches")
    plan.plant(kind, "git_hygiene", (worker,), "<<<<<<< HEAD", ">>>>>>> theirs")


def _artefact(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    path = plan.dice.choice(
        (f"logs/{worker}.log", f".idea/{worker}.xml", f"dist/{worker}.whl.txt", f"{worker}.orig")
    )
    plan.commit(worker, "Write down what the last run said", **{path: "ok 1\nok 2\nok 3\n"})
    plan.plant(kind, "git_hygiene", (worker,), path)


def _dotenv(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    path = f"deploy/{worker}/.env"
    plan.commit(
        worker, "Keep the settings of the staging server", **{path: "MODE=staging\nPORT=81\n"}
    )
    plan.plant(kind, "git_hygiene", (worker,), path, "MODE=staging", "PORT=81")


def _mixed(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    files = {
        f"{top}/{worker}_{number}.py": f'"""Part {number}."""\n\nVALUE = {number}\n'
        for number, top in enumerate(("web", "tools", "shop", "ops", "data", "jobs") * 4)
    }
    plan.commit(worker, "Update everything for the release", **files)
    plan.plant(kind, "git_hygiene", (worker,), "Update everything for the release")


def _unmet(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    name = f"export_{plan.name()}"
    plan.criteria[worker].append(f"`{name}` writes a header before the rows")
    plan.plant(kind, "completeness", (worker,), name)


def _stubbed(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    name = f"notify_{plan.name()}"
    plan.criteria[worker].append(f"`{name}` tells the customer of a delay")
    end = plan.dice.choice(("raise NotImplementedError", "pass", "..."))
    text = f"\n\ndef {name}(customer: str) -> None:\n    {end}\n"
    plan.append(worker, plan.module(worker), text, "Tell the customer of a delay")
    plan.plant(kind, "completeness", (worker,), f"def {name}", name, "raise NotImplementedError")


def _untested(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    name = f"refund_{plan.name()}"
    plan.criteria[worker].append(f"`{name}` has a unit test")
    text = f"\n\ndef {name}(paid: int, back: int) -> int:\n    return min(paid, back) * 1\n"
    plan.append(worker, plan.module(worker), text, "Give money back, never more than was paid")
    plan.plant(kind, "completeness", (worker,), name)


_HELPER = '''

def {n}({a}: str) -> str:
    """{doc}"""
    {b} = {a}.strip().lower()
    {c} = []
    for {d} in {b}:
        if {d}.isalnum():
            {c}.append({d})
        elif {c} and {c}[-1] != "-":
            {c}.append("-")
    return "".join({c}).rstrip("-")
'''


def _twice(plan: Plan, kind: str) -> None:
    first, second = plan.dice.sample(WORKERS, 2)
    one = {"n": "slugify", "a": "text", "b": "low", "c": "out", "d": "char", "doc": "Make a slug."}
    two = {"n": "to_slug", "a": "name", "b": "base", "c": "parts", "d": "letter", "doc": "Slug."}
    plan.append(first, plan.module(first), _HELPER.format(**one), "Make slugs of titles")
    plan.append(second, plan.module(second), _HELPER.format(**two), "Name pages after members")
    plan.plant(kind, "consistency", (first, second), "def slugify", "def to_slug")


def _same_lines(plan: Plan, kind: str) -> None:
    first, second = plan.dice.sample(WORKERS, 2)
    number = plan.dice.randrange(30)
    before = plan.files["shop/settings.py"]
    old = next(line for line in before.split("\n") if line.startswith(f"OPTION_{number} ="))
    once, again = f"OPTION_{number} = 501", f"OPTION_{number} = 777"
    changed = before.replace(f"{old}\n", f"{once}\n")
    plan.commit(first, "Raise an option for large orders", **{"shop/settings.py": changed})
    changed = changed.replace(f"{once}\n", f"{again}\n")
    plan.commit(second, "Set an option as the tests want it", **{"shop/settings.py": changed})
    plan.plant(kind, "consistency", (first, second), once, again)


def _two_values(plan: Plan, kind: str) -> None:
    first, second = plan.dice.sample(WORKERS, 2)
    name = plan.dice.choice(("MAX_RETRIES", "DEFAULT_TIMEOUT", "PAGE_LENGTH"))
    marks = []
    for worker, value in ((first, 3), (second, 25)):
        marks.append(f"{name} = {value}")
        plan.append(worker, plan.module(worker), f"\n\n{marks[-1]}\n", "Name the limit")
    plan.plant(kind, "consistency", (first, second), *marks)


def _naming(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    names = [f"{plan.dice.choice(_VERBS)}{noun.title()}" for noun in _NOUNS[:5]]
    body = "".join(
        f"\n\ndef {name}(row: int) -> int:\n    return row + {len(name)}\n" for name in names
    )
    plan.append(worker, plan.module(worker), body, "Add the row helpers")
    plan.plant(kind, "consistency", (worker,), *(f"def {name}" for name in names))


def _long(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    name = plan.name()
    arms = "".join(
        f"    if state == {number}:\n        state = state * {number + 2} - {number}\n"
        for number in range(45)
    )
    text = f"\n\ndef {name}(state: int) -> int:\n{arms}    return state\n"
    plan.append(worker, plan.module(worker), text, "Move an order through its states")
    plan.plant(kind, "code_quality", (worker,), f"def {name}")


def _dead(plan: Plan, kind: str) -> None:
    worker = plan.dice.choice(WORKERS)
    lines = [f"# value_{n} = compute_{n}(order, {n})" for n in range(7)]
    text = "\n\n" + "\n".join([*lines, "# if value_3 > value_4:", "#     return value_3"]) + "\n"
    plan.append(worker, plan.module(worker), text, "Prepare the comparison")
    plan.plant(kind, "code_quality", (worker,), lines[0], lines[3])


_SECURITY, _QUALITY = "security", "code_quality"
KINDS: dict[str, Callable[[Plan, str], None]] = {
    "cloud-key": _line(
        _SECURITY,
        "Upload the nightly files",
        'def {n}() -> str:\n    access = "AKI' + 'A{k}"  #!\n    return access\n',
        'def {n}() -> str:\n    token = "ghp_' + '{l}"  #!\n    return token\n',
    ),
    "sql": _line(
        _SECURITY,
        "Look a member up by name",
        "def {n}(cursor, name):\n"
        "    cursor.execute(f\"SELECT * FROM members WHERE name = '{{name}}'\")  #!\n"
        "    return cursor.fetchone()\n",
        "def {n}(cursor, name):\n"
        "    cursor.execute(\"DELETE FROM members WHERE name = '%s'\" % name)  #!\n",
    ),
    "shell": _line(
        _SECURITY,
        "Pack the reports",
        "def {n}(path):\n    import subprocess\n\n"
        '    subprocess.run(f"tar czf out.tgz {{path}}", shell=True)  #!\n',
        'def {n}(path):\n    import os\n\n    os.system("gzip " + path)  #!\n',
    ),
    "eval": _line(
        _SECURITY,
        "Let a rule be written as a formula",
        "def {n}(formula, row):\n    return eval(formula, row)  #!\n",
        "def {n}(code):\n    exec(code)  #!\n",
    ),
    "pickle": _line(
        _SECURITY,
        "Read the cache back",
        "def {n}(raw):\n    import pickle\n\n    return pickle.loads(raw)  #!\n",
        "def {n}(text):\n    import yaml\n\n    return yaml.load(text, Loader=yaml.Loader)  #!\n",
    ),
    "tls": _line(
        _SECURITY,
        "Ask the carrier",
        "def {n}(url):\n    import requests\n\n"
        "    return requests.get(url, verify=False, timeout=5)  #!\n",
    ),
    "bare-except": _line(
        _QUALITY,
        "Survive a bad row",
        "def {n}(row):\n    try:\n        return int(row)\n    except:  #!\n        pass\n",
        "def {n}(row):\n    try:\n        row()\n    except Exception:  #!\n        pass\n",
    ),
    "mutable-default": _line(
        _QUALITY,
        "Collect the rows",
        "def {n}(row, seen=[]):  #!\n    seen.append(row)\n    return seen\n",
    ),
    "debugger": _line(
        _QUALITY,
        "Sum the rows once more",
        "def {n}(rows):\n    breakpoint()  #!\n    return sum(rows)\n",
        "def {n}(rows):\n    import pdb; pdb.set_trace()  #!\n    return sum(rows)\n",
    ),
    "todo": _line(
        _QUALITY,
        "Round to cents",
        "def {n}(amount):\n    # TODO: wrong below zero  #!\n    return round(amount, 2)\n",
        "def {n}(amount):\n    # FIXME rounding, see chat  #!\n    return round(amount, 1)\n",
    ),
    "long-function": _long,
    "dead-code": _dead,
    "bad-message": _bad_message,
    "fixup": _fixup,
    "conflict-markers": _conflict,
    "artefact": _artefact,
    "dotenv": _dotenv,
    "mixed-commit": _mixed,
    "unmet-criterion": _unmet,
    "stubbed-criterion": _stubbed,
    "untested-criterion": _untested,
    "helper-twice": _twice,
    "same-lines": _same_lines,
    "two-values": _two_values,
    "naming": _naming,
}
