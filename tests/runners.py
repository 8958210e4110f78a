"""What a CI runner offers a step, for tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Runner(NamedTuple):
    """What GitHub's runner offers a step: files to write to, and an event."""

    outputs_file: Path
    summary_file: Path
    event: Callable[..., None]

    @property
    def outputs(self) -> dict[str, str]:
        found = re.findall(
            r"([\w-]+)<<(\w+)\n(.*?)\n\2\n", self.outputs_file.read_text(), re.DOTALL
        )
        return {name: value for name, _, value in found}

    @property
    def summary(self) -> str:
        return self.summary_file.read_text()
