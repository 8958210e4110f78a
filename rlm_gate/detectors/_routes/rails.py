"""Actions of Rails' controllers, and what runs before them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence

from rlm_gate import kept
from rlm_gate.core.records import dataclass
from rlm_gate.detectors._routes.around import Around
from rlm_gate.detectors._routes.model import Route, Routes
from rlm_gate.syntax import Tree

_CLASS = kept.expression(r"(?m)^\s*class\s+([\w:]+)\s*<\s*([\w:]+)")
_BEFORE = kept.expression(
    r"(?m)^\s*(?:prepend_)?before_(?:action|filter)\b([^\n]*(?:,\s*\n[^\n]*)*)"
)
_LIST = r"\s*(\[[^\]]*\]|%[iIwW][\[({][^\])}]*[\])}]|:\w+)"
_ONLY = kept.expression(rf"(?:only:|:only\s*=>){_LIST}")
_EXCEPT = kept.expression(rf"(?:except:|:except\s*=>){_LIST}")
_ALL = kept.expression(
    r"(?m)^\s*(?:load_and_authorize_resource|authorize_resource|http_basic_authenticate_with"
    r"|skip_before_action\s+:\w*(?:auth|login|user)|skip_authorization|doorkeeper_for"
    r"|include\s+\w*(?:Auth|Login|Secur|Admin|Session)|allow_unauthenticated|authenticated?_\w+"
    r"|acts_as_token_authentication|inherit_resources|ensure_\w+|require_\w+|verify_\w+)"
)
_DEF = kept.expression(r"(?m)^([ \t]*)def\s+(\w+[!?]?)")
_HIDDEN = kept.expression(r"(?m)^[ \t]*(?:private|protected)[ \t]*$")
_NAME = kept.expression(r"\w+")
_ASKS = kept.expression(
    r"(?<!@)\bcurrent_\w+|\bauthori[sz]e|signed_in|logged_in|\bsession\[|\bpolicy|\bpundit"
)
_OWNER = kept.expression(
    r"(?i)(?:check|verify|ensure|require|confirm|validate|is|be|only)_\w{0,20}owner|correct_user|authori[sz]e_(?!user|admin)|own_|verify_\w*(?:user|access)|check_user"
    r"|require_same|permission|belongs"
)
_LOGIN = kept.expression(r"(?i)authenticate|log_?in|logged|signed")
_READING = frozenset(("index", "show", "new", "edit", "search"))
_WRITES = kept.expression(
    r"\.(?:save|update\w*|destroy\w*|delete\w*|create|purge\w*|toggle|insert\w*|increment"
    r"|decrement|touch|\w+!)(?!\w)"
)
_VERBS = {"create": "post", "update": "patch", "destroy": "delete"}
_GUARD = kept.expression(
    r"(?i)auth(?!enticity|or\b|ors\b)|login|logged|signed|require_|admin|verify_(?!authenticity)"
    r"|ensure_|owner|permission|access|correct_|check_(?:user|role|admin|login|access|owner)|doorkeeper"
)


@dataclass(frozen=True, slots=True)
class _Before:
    """What runs before some actions: its text, the actions it is for, and those it is not for."""

    text: str
    only: frozenset[str]
    besides: frozenset[str]


def read(path: str, text: str, tree: Callable[[], Tree], around: Around) -> Routes:
    """Return the actions of a file of controllers."""
    del tree
    found = _CLASS.search(text)
    if found is None or not path.endswith("_controller.rb"):
        return Routes(())
    if _ALL.search(text) or _asks_above(found[2], around):
        return Routes((), covered=True)
    return Routes([*_actions(found[1], text)], names=())


def _asks_above(base: str, around: Around) -> bool:
    """Say whether a class that this one comes from asks, or is not known."""
    for _ in range(4):
        if base.endswith(("ActionController::Base", "ActionController::API")):
            return False
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", base.replace("::", "/")).lower()
        tail = f"{posixpath.basename(name)}.rb"
        files = around.named(tail)
        exact = [one for one in files if one.endswith(f"controllers/{name}.rb")]
        if not (exact or files):
            return True
        above = around.text((exact or files)[0])
        parent = _CLASS.search(above)
        if parent is None or _ALL.search(above) or any(map(_is_guard, _befores(above))):
            return True
        base = parent[2]
    return True


def _is_guard(before: _Before) -> bool:
    return _GUARD.search(before.text) is not None


def _befores(text: str) -> Iterator[_Before]:
    for found in _BEFORE.finditer(text):
        only, besides = _ONLY.search(found[1]), _EXCEPT.search(found[1])
        yield _Before(
            _EXCEPT.sub("", _ONLY.sub("", found[1])),
            frozenset(_NAME.findall(only[1])) if only else frozenset(),
            frozenset(_NAME.findall(besides[1])) if besides else frozenset(),
        )


def _actions(holder: str, text: str) -> Iterator[Route]:
    hidden = _HIDDEN.search(text)
    shown = text[: hidden.start()] if hidden else text
    befores = [*_befores(text)]
    defs = [*_DEF.finditer(shown)]
    for at, found in enumerate(defs):
        end = defs[at + 1].start() if at + 1 < len(defs) else len(shown)
        body = shown[found.start() : end]
        name = found[2]
        line = text.count("\n", 0, found.start(2)) + 1
        before = [
            one for one in befores if (not one.only or name in one.only) and name not in one.besides
        ]
        changes = name in _VERBS or (name not in _READING and _WRITES.search(body) is not None)
        asks = _ASKS.search(body) is not None
        guards = [one.text.strip() for one in before if _is_guard(one)]
        yield Route(
            line=line,
            end=line + body.rstrip().count("\n"),
            verb=_VERBS.get(name, "get"),
            names=(name, holder.removesuffix("Controller")),
            group=holder,
            guards=" ".join(guards),
            unsure=asks,
            body=body,
            changes=changes,
            grave=_grave(befores, before, name) if changes and not asks else "",
        )


def _is_owner(before: _Before) -> bool:
    return _OWNER.search(before.text) is not None and _LOGIN.search(before.text) is None


def _grave(befores: Sequence[_Before], before: Sequence[_Before], name: str) -> str:
    """Say which check of the owner updates and removals ask for, and this action does not.

    "" where it does not load the same record: another ``before_action`` loads it for both.
    """
    loaded = [one for one in before if not _is_guard(one) and one.only & {"update", "destroy"}]
    if name in _VERBS or not loaded or any(map(_is_owner, before)):
        return ""
    owners = [one for one in befores if _is_owner(one) and one.only & {"update", "destroy"}]
    return f"others that change the same ask {owners[0].text.strip(' ,')}" if owners else ""


def beside(path: str, around: Around) -> list[str]:
    """Return the other controllers of the folder."""
    return [one for one in around.folder(path) if one.endswith("_controller.rb")]
