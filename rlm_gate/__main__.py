"""``python -m rlm_gate``."""

import sys

from rlm_gate.cli import process

sys.exit(process())
