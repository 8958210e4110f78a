"""Cells of the REPL that tests run."""

from __future__ import annotations

from rlm_gate.rlm.repl import Repl

TEXTS = {
    "src/a.py": "import os\n\ndef run(cmd):\n    os.system(cmd)\n",
    "src/b.py": "x = 1\r\nprint(x)\r\n",
    "docs/é.md": "# Title 😀\n",
}


def printed(repl: Repl, code: str) -> str:
    cell = repl.run(code)
    assert cell.error is None, cell.error
    return cell.output


# State and errors
