"""The README's picture: a real run in a real terminal's colours, as an SVG that loads nothing.

``make picture`` writes docs/picture.svg; a test holds that it is what the gate says today.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

TARGET = Path(__file__).parents[1] / "docs" / "picture.svg"
APP = """\
import sqlite3
import subprocess

from flask import request


def orders(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    customer = request.args["customer"]
    return db.execute(f"SELECT name FROM orders WHERE customer = '{customer}'").fetchall()


def archive() -> None:
    folder = request.form["folder"]
    subprocess.run(f"tar czf backup.tgz {folder}", shell=True, check=True)
"""
COMMAND = ("check", "--staged", "--offline", "--quiet")
_WIDTH = 100
# rich's own, less the font that it loads from elsewhere.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" \
role="img" aria-label="rlm-gate check --staged --offline --quiet in a terminal">
<style>
.{unique_id}-matrix {{ font-family: monospace; font-size: {char_height}px; \
line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" \
clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def captured() -> str:
    """Return what the gate says, in colour, about a small change that is staged."""
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder) / "shop"
        repo.mkdir()
        nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        own = {name: str(Path(folder) / name) for name in ("HOME", "RLM_GATE_CACHE_DIR")}
        env = {"PATH": os.environ["PATH"], "FORCE_COLOR": "1", "COLUMNS": str(_WIDTH)}
        env |= nothing | own | {"XDG_STATE_HOME": str(Path(folder) / "state")}
        git = ("git", "-c", "init.defaultBranch=main")
        subprocess.run((*git, "init", "-q"), cwd=repo, env=env, check=True)
        (repo / "app.py").write_text(APP)
        subprocess.run((*git, "add", "app.py"), cwd=repo, env=env, check=True)
        command = (sys.executable, "-m", "rlm_gate", *COMMAND)
        done = subprocess.run(command, cwd=repo, env=env, capture_output=True, check=False)
        return done.stdout.decode()


def picture(output: str) -> str:
    """Return the terminal as SVG."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bold green"), f"rlm-gate {' '.join(COMMAND)}"))
    console.print(Text.from_ansi(output))
    name = "rlm-gate"
    svg = console.export_svg(title=name, theme=MONOKAI, code_format=_FORMAT, unique_id=name)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


if __name__ == "__main__":
    TARGET.write_text(picture(captured()), encoding="utf-8")
