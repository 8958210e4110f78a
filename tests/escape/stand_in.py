"""A child that answers as it was told: the last argument's file holds its raw answer.

Tests put it in the place of the real child, to send frames that no real child would.
"""

import os
import sys

LAYERS = (
    "imports descriptors identity dumpable parent-death no-new-privileges memory cpu processes "
    "files network landlock seccomp audit-hook"
)
pairs = ",".join(f'["{name}",""]' for name in LAYERS.split())
body = f'{{"t":"ready","layers":[{pairs}]}}'.encode()
os.write(1, len(body).to_bytes(4, "big") + body)
os.read(0, 1 << 16)
with open(__file__ + ".answer", "rb") as answer:  # noqa: PTH123 - a script of a few lines
    raw = answer.read()
while raw:
    raw = raw[os.write(1, raw) :]
os.read(0, 1 << 16)
sys.exit(0)
