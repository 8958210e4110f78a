"""The page docs/cli.md, from the parsers: what --help says, word for word."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO

from rlm_gate import cli

_HEAD = """\
# The command line

Written by `make docs` from what `--help` prints; a test compares the two.
"""


def page() -> str:
    """Return the page; subcommands that take the same flags share a section."""
    helps: dict[str, list[tuple[str, ...]]] = {}
    for words in [(), *_commands()]:
        helps.setdefault(_unnamed(words), []).append(words)
    return "\n".join([_HEAD, *map(_section, helps.values())])


def _commands() -> Iterator[tuple[str, ...]]:
    """Yield every subcommand, and the subcommands of those that have some."""
    for name in cli.names():
        yield (name,)
        parser = ArgumentParser()
        cli.load(name).add_arguments(parser)
        for action in parser._actions:  # argparse has no other way to ask
            if isinstance(action.choices, dict):
                yield from ((name, inner) for inner in action.choices)


def _unnamed(words: tuple[str, ...]) -> str:
    """Return the flags of a subcommand without what tells it from the ones beside it."""
    usage, _, flags = _help(words).partition("\n\n")
    name = " ".join(("rlm-gate", *words))
    flat = " ".join(usage.removeprefix(f"usage: {name}").split())
    about, _, rest = flags.partition("\n\n")
    return f"{words[:1]} {flat} {rest}" if len(words) > 1 else f"{name} {flat} {about} {rest}"


def _section(same: list[tuple[str, ...]]) -> str:
    names = [" ".join(("rlm-gate", *words)) for words in same]
    title = names[0] + "".join(f", {words[-1]}" for words in same[1:])
    return f"## {title}\n\n```text\n{_help(same[0])}```\n"


def _help(words: tuple[str, ...]) -> str:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    said = StringIO()
    try:
        with redirect_stdout(said):
            cli.main([*words, "--help"])
    except SystemExit:
        pass
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return said.getvalue()


if __name__ == "__main__":
    sys.stdout.write(page())
