"""A new rule's file: valid, with examples that hold, to be changed step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rlm_gate import mistakes
from rlm_gate.errors import UsageError, writing
from rlm_gate.packs import OWN_RULES, RESERVED, builtin_folder

_RULE: Final = """\
# Change every value; `rlm-gate rules test {id}` tells what no longer holds.
# Keys: docs/rules.md; for completion in editors: rlm-gate rules schema
title: {title}
severity: low
precision: low
languages: [python]
detect:
  - engine: astgrep
    language: python
    rule: {{pattern: "{call}($$$ARGS)"}}
fix:
  - engine: astgrep
    language: python
    rule: {{pattern: "{call}($$$ARGS)"}}
    rewrite: "better_{call}($$$ARGS)"
    safety: unsafe
    what: Call what should be called instead.
message: Say in one line what to do instead.
help:
  why: Say what goes wrong where this rule is broken.
  fix: Say how to mend it.
tests:
  bad:
    - code: value = {call}(1)
      fixed: value = better_{call}(1)
  good:
    - value = better_{call}(1)
    - 'text = "{call}(1)"'
"""


def create(name: str, root: Path) -> Path:
    """Write a rule ``pack/name`` below the repository's own rules and return its path.

    Raises UsageError for a name that no rule can have, a pack of ours, or a file that is there.
    """
    text = _RULE.format(id=name, title=_title(name), call=_stem(name).replace("-", "_"))
    return store(name, root, text)


def store(name: str, root: Path, text: str) -> Path:
    """Write the file of a rule. Raises UsageError as ``create`` does."""
    path = target(name, root)
    with writing(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_new(path, text)
        except FileExistsError as error:
            raise UsageError(
                f"{path} is there already; remove it or choose another name"
            ) from error
    return path


def _write_new(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            path.unlink()
            raise


def target(name: str, root: Path) -> Path:
    """Return where a new rule of that name will lie. Raises UsageError where it can't."""
    if problem := mistakes.rule_id(name):
        raise UsageError(f"{name!r}: {problem}")
    pack, _, stem = name.partition("/")
    if pack == RESERVED or (builtin_folder() / pack).is_dir():
        raise UsageError(f"the pack {pack!r} is rlm-gate's own; choose another name for yours")
    folder = root / OWN_RULES / pack
    if any(one.is_symlink() for one in (root / ".rlm-gate", root / OWN_RULES, folder)):
        raise UsageError(
            f"{OWN_RULES}/{pack} is behind a symbolic link; write the rule there by hand"
        )
    path = folder / f"{stem}.yaml"
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already; remove it or choose another name")
    return path


def _stem(name: str) -> str:
    return name.partition("/")[2]


def _title(name: str) -> str:
    return _stem(name).replace("-", " ").capitalize()
