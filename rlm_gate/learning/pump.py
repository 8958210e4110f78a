"""Search texts with one regular expression, in a process that its parent may kill.

Runs as a script (``python -I -S pump.py``): reads {"pattern", "texts", "seconds"} as JSON from
stdin and writes "ok" when every text was searched. Standard library only.
"""

from __future__ import annotations

import json
import re
import sys


def main() -> None:
    """Search every text; the system ends the process when its processor time is spent."""
    asked = json.load(sys.stdin)
    _limit(asked["seconds"])
    pattern = re.compile(asked["pattern"], re.MULTILINE)
    for text in asked["texts"]:
        for _ in pattern.finditer(text):
            pass
    sys.stdout.write("ok")


def _limit(seconds: int) -> None:
    try:
        import resource
    except ImportError:  # no POSIX: the parent's deadline alone holds
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


if __name__ == "__main__":
    main()
