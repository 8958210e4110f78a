"""The command line: finds a subcommand by its file name. The only place that prints and exits."""

from __future__ import annotations

import argparse
import atexit
import errno
import gc
import importlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, Protocol, cast

from rlm_gate import __version__
from rlm_gate.cli._later import read_later
from rlm_gate.cli._tell import outlive_readers
from rlm_gate.errors import (
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    EXIT_USAGE,
    GateError,
    UsageError,
)


class Command(Protocol):
    """What a module in this folder offers; its file name is the subcommand."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do the work and return the exit code."""


TERMINATED = "terminated"


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: stops the work like Ctrl-C does, so that reports are still written."""


def names() -> tuple[str, ...]:
    """Return the subcommands, sorted."""
    return tuple(
        sorted(file.stem.replace("_", "-") for file in Path(__file__).parent.glob("[!_]*.py"))
    )


def load(name: str) -> Command:
    """Import the subcommand of that name."""
    return cast("Command", importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


_REFUSALS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE}
    | {errno.EAGAIN, errno.ENOMEM, errno.EIO}
)
_MAKE_ROOM = "Make room, end some programs or raise the limits ('ulimit -a' shows them); run again."
_FEW_COLLECTIONS = 150_000  # objects more than before: a hook makes fewer in all

_HANG_UP = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows knows none
# Modules that others import at their top.
_SELDOM_READ = ("ast", "base64", "bz2", "inspect", "lzma")


def command() -> int:
    """Run the command line and end the process: nobody runs anything in it after this."""
    code = process()
    _heed(signal.SIGINT, signal.SIG_DFL)  # all is told: what ends now ends quietly
    _end_at_once(code)
    return code


def _end_at_once(code: int) -> None:
    """End the process without taking apart what it holds: that takes a twentieth of a hook's time.

    What was to be done at its end is done. A thread at work, or whoever traces or measures the
    process, is left the usual end. What the interpreter itself calls there has no public name, and
    where it is gone the end is the usual one; a function of ours that was registered first and so
    is called last could end the process as well, but not after what was registered before it.
    """
    observed = sys.gettrace() or sys.getprofile() or threading.active_count() > 1
    finish = getattr(atexit, "_run_exitfuncs", None)
    if finish and not observed:
        finish()
        with suppress(OSError, ValueError, AttributeError):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def process() -> int:
    """Run the command line of this process, which keeps nearly all it makes until it ends.

    So garbage is looked for less often, and not at the end: a tenth of a hook's time.
    """
    gc.set_threshold(_FEW_COLLECTIONS, *gc.get_threshold()[1:])
    for name in _SELDOM_READ:
        read_later(name)
    outlive_readers()
    try:
        return main()
    finally:
        gc.freeze()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code: 0, 1, 2, 3, 130 or 143."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _open_what_is_closed()
    try:
        _heed(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _terminate)
        _heed(_HANG_UP, _terminate)
        _check_place()
        parsed = _parsed(given)
        code = load(parsed.command).run(parsed)
        sys.stdout.flush()
    except GateError as error:
        warn(error.told(next(iter(given), "COMMAND")))
        return error.exit_code
    except KeyboardInterrupt as error:
        warn(f"{str(error) or 'interrupted'} before the work was done; run again")
        return EXIT_TERMINATED if isinstance(error, Terminated) else EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the outermost frame: a bug is never a green exit
        return _unexpected(error)
    return code


def warn(text: str) -> None:
    """Tell people on stderr; a secret in it, a file's name say, is only hinted at."""
    from rlm_gate.detectors import secrets

    with suppress(OSError):  # the exit code still tells it
        print(f"rlm-gate: {secrets.hinted(text)}", file=sys.stderr, flush=True)


class _Parser(argparse.ArgumentParser):
    """Tells a mistake and the way to help; the whole usage would hide it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and what was meant, as far as can be known, and end with 2."""
        from rlm_gate import mistakes

        choice = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        flag = re.match(r"unrecognized arguments: --([\w-]+)", message)
        meant = ""
        if choice:
            meant = mistakes.near(choice[1], re.findall(r"[\w-]+", choice[2]))
        elif flag:
            flags = re.findall(r"--([\w-]+)", self.format_help())
            meant = mistakes.near(flag[1], flags, before="--")
        warn(f"{message}{meant and f'; {meant}'}\nSee '{self.prog} --help'.")
        raise SystemExit(EXIT_USAGE)


def _parsed(given: Sequence[str]) -> argparse.Namespace:
    """Understand the command line; a flag nobody knows is shown beside its subcommand's usage."""
    parser = _parser(given)
    parsed, unknown = parser.parse_known_args(given)
    if unknown:
        parsed.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return parsed


def _parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser, loading only the subcommand that is asked for."""
    parser = _Parser(
        prog="rlm-gate",
        description="A quality gate that is never green without evidence.",
        epilog="Exit codes: 0 pass, 1 gate failed, 2 usage or configuration, 3 inconclusive.",
    )
    parser.add_argument("--version", action="version", version=f"rlm-gate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    known = names()
    wanted = next((word for word in given if word in known), None)
    for name in (wanted,) if wanted and given[0] == wanted else known:
        command = load(name)
        own = commands.add_parser(name, help=command.HELP, description=command.HELP)
        own.set_defaults(parser=own)
        command.add_arguments(own)
    return parser


def _heed(number: signal.Signals, handler: signal.Handlers | Callable[..., Any]) -> None:
    """Handle the signal so, unless whoever started us wants it ignored, as nohup does."""
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, handler)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated(TERMINATED)


def _check_place() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        remedy = "Change to a folder that is there, and run again."
        raise UsageError("the current folder does not exist any more", remedy=remedy) from error


def _open_what_is_closed() -> None:
    """Let nothing we open later get the number of a stream that our caller has closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _unexpected(error: Exception) -> int:
    """Tell a bug with its traceback, what the machine refuses by its name and the remedy."""
    if isinstance(error, MemoryError) or getattr(error, "errno", 0) in _REFUSALS:
        place = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        why = (isinstance(error, OSError) and error.strerror) or "out of memory"
        warn(f"{place}{why}\n{_MAKE_ROOM}")
    else:
        import traceback

        warn(f"this is a bug\n{''.join(traceback.format_exception(error)).rstrip()}")
    with suppress(OSError):
        sys.stdout.flush()
    return EXIT_INCONCLUSIVE
