"""The inputs of action.yml as flags of ``rlm-gate ci``. A flag on the command line wins."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

from rlm_gate.errors import UsageError

_VALUES = {
    "base": "diff",
    "config": "config",
    "deadline": "deadline",
    "directory": "repo",
    "fail-on": "fail-on",
    "fork-policy": "fork-policy",
    "history-file": "history",
    "max-calls": "max-calls",
    "max-usd": "max-usd",
    "on-inconclusive": "on-inconclusive",
    "policy-ref": "policy-ref",
    "root-model": "root-model",
    "sub-model": "sub-model",
}
_FILES = {"html-file": "html", "json-file": "json", "junit-file": "junit", "sarif-file": "sarif"}
_SWITCHES = ("comment", "issue", "offline", "resume", "suggest")
_NAMES = (*_VALUES, *_FILES, *_SWITCHES, "rules", "scope")


class BadInput(UsageError):
    """An input of the action has a value that means nothing."""

    remedy = "The inputs and their values are listed in action.yml."


def join(
    arguments: argparse.Namespace,
    inputs: Mapping[str, str],
    declare: Callable[[argparse.ArgumentParser], None],
) -> argparse.Namespace:
    """Return the arguments with the inputs where no flag was given. Raises UsageError."""
    parser = _Parser(prog="rlm-gate ci", add_help=False)
    declare(parser)
    joined = argparse.Namespace(**vars(arguments))
    flags = [flag for name, value in sorted(inputs.items()) for flag in _flags(name, value)]
    for name, value in vars(parser.parse_args(flags)).items():
        if getattr(arguments, name) == parser.get_default(name):
            setattr(joined, name, value)
    return joined


class _Parser(argparse.ArgumentParser):
    """Tells of a mistake by an error, for it is an input's and not the command line's."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"inputs of the action: {message}")


def _flags(name: str, value: str) -> Iterator[str]:
    """Yield the input as flags, each one word: no value can be taken for a flag."""
    if name in _VALUES:
        yield f"--{_VALUES[name]}={value}"
    elif name in _FILES:
        yield f"--output={_FILES[name]}={value}"
    elif name == "rules":
        yield from (f"--rules={one.strip()}" for one in value.splitlines() if one.strip())
    elif name in _CHOICES:
        yield from _chosen(name, value)
    else:
        raise BadInput(f"unknown input {name!r}; there are {', '.join(sorted(_NAMES))}")


_CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    **{name: {"true": (f"--{name}",), "false": ()} for name in _SWITCHES},
    "scope": {"auto": (), "all": ("--all",)},
}


def _chosen(name: str, value: str) -> tuple[str, ...]:
    known = _CHOICES[name]
    if value not in known:
        raise BadInput(f"input {name}: {value!r} is none of {', '.join(known)}")
    return known[value]
