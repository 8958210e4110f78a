"""``python -m rlm_gate``."""

import sys

from rlm_gate.cli import command

sys.exit(command())
