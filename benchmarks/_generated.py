"""Repositories and replies made by rule: Python modules of services, no two alike."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "gc.auto=0")
NOUNS = [
    "order",
    "invoice",
    "parcel",
    "ticket",
    "account",
    "tariff",
    "depot",
    "route",
    "shipment",
    "voucher",
    "claim",
    "ledger",
]
VERBS = [
    "load",
    "merge",
    "check",
    "settle",
    "route",
    "print",
    "weigh",
    "split",
    "close",
    "open",
    "count",
    "price",
]
FLAWED = 40
"""Every so many files has one function that runs what a caller chose."""


def repository(folder: Path, chars: int, *, parts: int, per_file: int) -> int:
    """Write and commit about ``chars`` characters in ``parts`` folders; return how many it is."""
    total = 0
    count = round(chars / per_file)
    parts = min(parts, count)
    for number in range(count):
        text = module(number, per_file)
        path = folder / f"repo{number % parts:04}" / f"module{number // parts:05}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        total += len(text)
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        subprocess.run([*GIT, *words], cwd=folder, check=True)
    return total


def emptiest(schema: Any) -> Any:
    """Return the smallest value that a schema of ours allows."""
    if "enum" in schema:
        return schema["enum"][0]
    made: dict[str, Any] = {"array": [], "string": "", "integer": 1, "boolean": False}
    if schema["type"] == "object":
        return {name: emptiest(schema["properties"][name]) for name in schema["required"]}
    return made[schema["type"]]


def module(number: int, size: int) -> str:
    """Return a module of about ``size`` characters."""
    parts: list[str] = []
    length = 0
    for part in _parts(Random(number), number):  # noqa: S311  # text that anyone can make again
        parts.append(part)
        length += len(part)
        if length >= size:
            break
    return "".join(parts)


def _parts(dice: Random, number: int) -> Iterator[str]:
    yield f'"""Service {number}: {dice.choice(NOUNS)}s and {dice.choice(NOUNS)}s."""\n\n'
    yield "from __future__ import annotations\n\nimport json\nimport os\nimport sys\n"
    if number % FLAWED == 0:
        yield f"\n\ndef run_{number}(command):\n    os.system(command)\n"
    step = 0
    while True:
        verb, noun, other = dice.choice(VERBS), dice.choice(NOUNS), dice.choice(NOUNS)
        limit = dice.randrange(10, 9000)
        name = f"{verb}_{noun}_{number}_{step}"
        yield (
            f"\n\ndef {name}({noun}s: list[dict], {other}: int = {limit}) -> dict:\n"
            f'    """{verb.capitalize()} every {noun} below {limit} of the {other}."""\n'
            f"    kept = {{}}\n"
            f"    for position, {noun} in enumerate({noun}s):\n"
            f'        key = {noun}.get("{other}_id", position) % {limit}\n'
            f"        if key in kept and {noun}.get('state') != \"{dice.choice(VERBS)}ed\":\n"
            f"            continue\n"
            f"        kept[key] = json.dumps({noun}, sort_keys=True) + str({other} + {step})\n"
            f"    return {{key: text for key, text in kept.items() if len(text) > {step % 7}}}\n"
        )
        step += 1
