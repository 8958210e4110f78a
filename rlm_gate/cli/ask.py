"""``rlm-gate ask``: a question about any amount of text."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rlm_gate.cli import _tasks
from rlm_gate.errors import UsageError
from rlm_gate.tasks import ask

HELP = ask.HELP
_STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the question, where to look, and the answer's schema."""
    parser.add_argument("question", metavar="QUESTION", help="in your own words")
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="files and directories; - is standard input"
    )
    parser.add_argument("--schema", metavar="FILE", help="a JSON Schema for the answer")
    _tasks.add_shared(parser, "ask")


def run(arguments: argparse.Namespace) -> int:
    """Ask, and print the answer with its evidence."""
    texts = {"stdin": _stdin()} if _STDIN in arguments.paths else {}
    paths = tuple(path for path in arguments.paths if path != _STDIN)
    request = ask.Request(arguments.question, paths, _schema(arguments.schema), texts)
    return _tasks.run("ask", arguments, lambda options: ask.run(request, options))


def _stdin() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _schema(path: str | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        schema = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--schema {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--schema {path}: no JSON: {error}") from error
    if not isinstance(schema, dict):
        raise UsageError(f"--schema {path}: a JSON Schema is an object")
    return schema
