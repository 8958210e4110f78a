"""What the readers of all frameworks hand over: routes, and how each is guarded."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_gate.core.records import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """What answers one kind of request.

    ``line`` is where it is named, ``end`` its last line (1-based). ``verb`` is in lower case,
    ``names`` are its path and that of its handler. ``group`` is the router or class it belongs to,
    ``guards`` the text of what asks before it, "" for nothing. ``unsure``: something stands before
    it that may ask. ``body`` is its handler's text, None where it was not found. ``changes`` says
    that it is known to change data, ``grave`` what is wrong with it whatever the others ask.
    """

    line: int
    end: int
    verb: str
    names: tuple[str, ...]
    group: str
    guards: str
    unsure: bool
    body: str | None
    changes: bool = False
    grave: str = ""


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes of a file, and whether something asks for all of them, in it or before it.

    ``names`` are the file's own, and the paths under which its routes are found. ``sure`` says
    that what asks for all of them would have been seen, ``logins`` that what asks before them was
    read and asks for no more than an account, ``marked`` that a mark of class or method asks, and
    nothing else does.
    """

    found: Sequence[Route]
    covered: bool = False
    names: tuple[str, ...] = ()
    sure: bool = True
    logins: bool = False
    marked: bool = False
