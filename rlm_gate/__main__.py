"""The command, and ``python -m rlm_gate``: from its first line on an interrupt is no traceback."""

import os
import signal
import sys
from types import FrameType

_INTERRUPTED = b"rlm-gate: interrupted before the work was done; run again\n"


def command() -> int:
    """Run the command line; most of the first tenth of a second is spent on reading modules."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from rlm_gate import cli

    return cli.command()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    os.write(2, _INTERRUPTED)
    os._exit(130)


if __name__ == "__main__":
    sys.exit(command())
