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
    """Return the page."""
    return "\n".join([_HEAD, *(_section(words) for words in [(), *_commands()])])


def _commands() -> Iterator[tuple[str, ...]]:
    """Yield every subcommand, and the subcommands of those that have some."""
    for name in cli.names():
        yield (name,)
        parser = ArgumentParser()
        cli.load(name).add_arguments(parser)
        for action in parser._actions:  # argparse has no other way to ask
            if isinstance(action.choices, dict):
                yield from ((name, inner) for inner in action.choices)


def _section(words: tuple[str, ...]) -> str:
    return f"## {' '.join(('rlm-gate', *words))}\n\n```text\n{_help(words)}```\n"


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
