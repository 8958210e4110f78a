"""A rule of ast-grep without its expressions and negations: what it matches, the rule may match.

ast-grep builds a rule's regular expressions anew for each search, mostly ten times as long as it
then searches. Where a rule wants two pieces of code to be the same, its bones alone are hardly ever
found, and cost next to nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rlm_gate import kept
from rlm_gate.detectors import _flows

_DEPTH: Final = 12
_RELATIONS: Final = frozenset({"has", "inside", "follows", "precedes"})
_KEPT: Final = frozenset({"kind", "pattern", "nthChild"})
_PLACES: Final = frozenset({"stopBy", "field"})
_LOOSE: Final = frozenset({"regex", "not", "matches"})  # without them a search would end earlier
_NAMED: Final = kept.expression(r"(?<!\$)\$[A-Z][A-Z0-9_]*", re.ASCII)


# By a configuration: itself, and its bones.
_KNOWN: dict[int, tuple[Mapping[str, Any], Mapping[str, Any] | None]] = {}
_MANY: Final = 4096


def of(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return ``bones`` of a configuration, made once: when it is first searched for."""
    known = _KNOWN.get(id(config))
    if known is None or known[0] is not config:
        if len(_KNOWN) >= _MANY:
            _KNOWN.clear()
        known = _KNOWN[id(config)] = config, bones(config)
    return known[1]


def bones(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a configuration that matches wherever this one does, None if asking is no use."""
    utils = {
        name: one
        for name, one in config.get("utils", {}).items()
        if not name.startswith(_flows.NAME)
    }
    found = _of(config["rule"], utils, _DEPTH)
    named = Counter(_names(found))
    return {"rule": found} if max(named.values(), default=0) > 1 else None


def _of(
    rule: Mapping[str, Any], utils: Mapping[str, Any], depth: int, *, blind: bool = False
) -> dict[str, Any]:
    """Return the bones of a rule, {} where nothing is left that a node must have.

    Those that are ``blind`` have no metavariables.
    """
    if not depth:
        return {}
    wanted: list[Mapping[str, Any]] = []
    made = {key: one for key, one in rule.items() if key in _KEPT}
    if blind and any(_names(made.get("pattern", ""))):
        del made["pattern"]
    for key, one in rule.items():
        if key in _RELATIONS:
            related = _related(key, one, utils, depth, blind=blind)
            made.update({key: related} if related else {})
        elif key == "all":
            some = [_of(each, utils, depth - 1, blind=blind) for each in one]
            wanted += [part for part in some if part]
        elif key == "any":
            wanted += _choice(one, utils, depth, blind=blind)
        elif key == "matches":
            named = _of(utils.get(one, {}), utils, depth - 1, blind=blind)
            wanted += [named] if named else []
    return {**made, "all": wanted} if wanted else made


def _choice(
    several: Sequence[Mapping[str, Any]], utils: Mapping[str, Any], depth: int, *, blind: bool
) -> list[Mapping[str, Any]]:
    """Return the bones of alternatives, blind where less is left of one: it would fit first."""
    some = [_of(each, utils, depth - 1, blind=blind) for each in several]
    if some != [*several]:
        some = [_of(each, utils, depth - 1, blind=True) for each in several]
    return [{"any": some}] if all(some) else []


def _related(
    name: str, relation: Mapping[str, Any], utils: Mapping[str, Any], depth: int, *, blind: bool
) -> dict[str, Any]:
    """Return the bones of a relation, blind where several nodes may fit and less is left of it.

    ast-grep takes the first that fits and never turns back: another one would fit first, and what
    its metavariables stand for would be in the way of the rest.
    """
    inner = {key: one for key, one in relation.items() if key not in _PLACES}
    found = _of(inner, utils, depth - 1, blind=blind)
    if "field" not in relation and (name == "has" or "stopBy" in relation) and found != inner:
        found = _of(inner, utils, depth - 1, blind=True)
    return {**found, **_placed(relation)} if found else {}


def _placed(relation: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a relation looks, or farther."""
    places = {key: one for key, one in relation.items() if key in _PLACES}
    return {**places, "stopBy": "end"} if _is_loose(places.get("stopBy")) else places


def _is_loose(node: Any) -> bool:
    if isinstance(node, Mapping):
        return not _LOOSE.isdisjoint(node) or any(map(_is_loose, node.values()))
    return isinstance(node, list | tuple) and any(map(_is_loose, node))


def _names(node: Any) -> Iterator[str]:
    """Yield the metavariables of all patterns, as often as they stand there."""
    if isinstance(node, str):
        yield from _NAMED.findall(node)
    elif isinstance(node, Mapping | list | tuple):
        for one in node.values() if isinstance(node, Mapping) else node:
            yield from _names(one)
