"""Let a module be read when something in it is asked for, not when it is imported.

Made for ``inspect``, which ``dataclasses`` imports to word the docstring of a class that has none:
with ``ast``, ``dis`` and ``tokenize`` it is half of what that import takes, and a hook never asks.
``importlib.util.LazyLoader`` reads a module at the next import statement, which looks into its
``__spec__``; so what stands in here has none. PEP 810 makes this needless from Python 3.15 on.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def read_later(name: str) -> None:
    """Put a stand-in where the module will be, unless it was read already."""
    if name in sys.modules:
        return
    stand_in = ModuleType(name)

    def read(attribute: str) -> object:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        whole = importlib.import_module(name)
        vars(stand_in).update(vars(whole))
        return getattr(whole, attribute)

    vars(stand_in)["__getattr__"] = read
    sys.modules[name] = stand_in
