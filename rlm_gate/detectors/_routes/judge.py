"""Decide which routes change data for anybody, by what the routes beside them ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rlm_gate.core import Severity
from rlm_gate.core.records import dataclass
from rlm_gate.detectors._routes import words
from rlm_gate.detectors._routes.model import Route, Routes

_SOME = 2  # routes, or files, with a check that make one without it odd
_MOST = 4  # files with a check beside which one without any is no habit of the program


@dataclass(frozen=True, slots=True)
class Told:
    """A route to tell of, how bad it is, and what was seen."""

    route: Route
    severity: Severity
    why: str
    others: Sequence[Route] = ()


def is_bare(route: Route) -> bool:
    """Say whether a route changes data, for all that is seen, for whoever calls it."""
    if route.guards or route.unsure or route.grave:
        return False
    if route.body is not None and words.asks(route.body):
        return False
    if route.body is not None and words.ruins(route.body):
        return True
    if route.verb not in words.WRITING or words.is_open(*route.names):
        return False
    return route.changes or route.body is None or words.writes(route.body)


def within(routes: Routes, *, admins: Callable[[], bool]) -> Iterator[Told]:
    """Yield the bare routes of a file in which others of the same router ask.

    ``admins`` says whether the program has administrators: a role that is given away is grave then.
    """
    if routes.covered:
        return
    for one in routes.found:
        if one.grave:
            yield Told(one, Severity.HIGH, one.grave)
    yield from _promoting(routes.found, admins=admins)
    if routes.logins:
        yield from _for_any_account(routes)
    for group in dict.fromkeys(one.group for one in routes.found):
        yield from _group([one for one in routes.found if one.group == group], routes.names)


def _group(routes: Sequence[Route], names: tuple[str, ...]) -> Iterator[Told]:
    guarded = [one for one in routes if one.guards]
    writing = [one for one in guarded if one.verb in words.WRITING]
    bare = [one for one in routes if is_bare(one)]
    if len(guarded) < _SOME or not (writing or len(guarded) > _SOME):
        return
    if not words.is_admins(*names):
        yield from _unowned(routes)
    for one, others in _by_path(bare, names):
        yield Told(one, _weight(one, guarded, names), _why(one, guarded), others)


def _promoting(routes: Sequence[Route], *, admins: Callable[[], bool]) -> Iterator[Told]:
    """Yield registrations that give the role that the request names, and logins without proof."""
    for one in routes:
        if not one.body or one.verb != "post" or one.guards:
            continue
        if words.registers(*one.names) and words.takes_role(one.body):
            worst = Severity.HIGH if admins() else Severity.MEDIUM
            yield Told(one, worst, "whoever registers says which role to get")
        elif words.logs_in(*one.names) and words.gives_token(one.body):
            yield Told(one, Severity.HIGH, "it lets in whoever knows a name: it asks for no proof")


def _for_any_account(routes: Routes) -> Iterator[Told]:
    """Yield the gravest of the routes of administrators that ask for no more than an account."""
    asked = [one for one in routes.found if one.guards and one.verb in words.WRITING]
    bodies = [one.body for one in routes.found if one.body]
    if asked and not any(map(words.knows_role, bodies)):
        asked.sort(key=_gravest)
        why = (
            "these are routes of administrators, and any account may: the check before asks no role"
        )
        yield Told(asked[0], Severity.HIGH, why, asked[1:])


def _unowned(routes: Sequence[Route]) -> Iterator[Told]:
    """Yield what changes a record by its number for any account, where others ask whose it is."""
    changing = [one for one in routes if _changes_one(one) and not words.is_for_few(one.guards)]
    owned = [one for one in changing if one.body and words.knows_owner(one.body)]
    bare = [one for one in changing if one.body and not words.knows_owner(one.body)]
    if bare and len(owned) >= _SOME:
        lines = ", ".join(str(other.line) for other in owned[:5])
        why = f"any account may; others ask whose it is: lines {lines}"
        yield Told(bare[0], Severity.MEDIUM, why, bare[1:])


def _changes_one(route: Route) -> bool:
    by_number = any(one[0] == ":" for one in route.names[0].split("/") if one)
    known = route.body is not None and words.writes(route.body)
    asked = bool(route.guards) and not route.unsure
    return asked and known and by_number and route.verb in {"put", "patch", "delete"}


def _weight(route: Route, guarded: Sequence[Route], names: tuple[str, ...]) -> Severity:
    if _ruins(route):
        return Severity.HIGH
    seen = route.body is not None
    few = any(words.is_for_few(one.guards) for one in guarded)
    if route.verb == "post":
        admins = words.is_admins(*names, *route.names)
        return Severity.HIGH if seen and few and admins else Severity.MEDIUM
    return Severity.HIGH if seen or (few and len(guarded) > _SOME) else Severity.MEDIUM


def _by_path(
    bare: Sequence[Route], names: tuple[str, ...]
) -> Iterator[tuple[Route, Sequence[Route]]]:
    """Yield for each path the gravest of its routes, and the others; not what strangers may add."""
    told = [one for one in bare if not _strangers(one, names)]
    for path in dict.fromkeys(one.names[0] for one in told):
        here = [one for one in told if one.names[0] == path]
        here.sort(key=_gravest)
        yield here[0], here[1:]


def _strangers(route: Route, names: tuple[str, ...]) -> bool:
    """Say whether it may be meant for those without an account."""
    if route.verb != "post" or _ruins(route) or words.is_admins(*names, *route.names):
        return False
    path, *others = route.names
    end = words.static_end(path) if "/" in path else ""
    if end and any(one[0] in ":{<" for one in path.split("/") if one):
        return words.is_of_anybody(end)  # it does something to what is there
    return words.is_of_anybody(*names[:1], path, *others)


def _ruins(route: Route) -> bool:
    return route.body is not None and words.ruins(route.body) != ""


def _why(route: Route, guarded: Sequence[Route]) -> str:
    lines = ", ".join(str(one.line) for one in guarded[:5])
    return f"{len(guarded)} other routes of {route.group} ask who is calling: lines {lines}"


def alone(routes: Routes, beside: Sequence[Routes]) -> Iterator[Told]:
    """Yield the bare routes of a file in which none asks, where the files beside it do."""
    if routes.covered or any(one.guards for one in routes.found):
        return
    asking = [one for one in beside if _asks(one)]
    silent = [one for one in beside if not _asks(one) and any(map(is_bare, one.found))]
    bare = [one for one in routes.found if is_bare(one) and not _strangers(one, routes.names)]
    bare.sort(key=_gravest)
    few = len(asking) < _SOME or len(asking) <= len(silent)
    if routes.marked and bare and bare[0].verb != "post":
        few = False  # what asks for all would have been seen
    if bare and asking and (not few or _ruins(bare[0])):
        yield Told(
            bare[0],
            _weight_alone(bare[0], len(asking), len(silent), sure=routes.sure),
            f"nothing in this file asks who is calling; {len(asking)} files beside it do",
            bare[1:],
        )


def _weight_alone(route: Route, asking: int, silent: int, *, sure: bool) -> Severity:
    seen = route.body is not None and route.verb != "post"
    most = sure and asking >= _MOST and asking >= 2 * silent
    return Severity.HIGH if _ruins(route) or (seen and most) else Severity.MEDIUM


def _gravest(route: Route) -> tuple[bool, bool, int, str]:
    return not _ruins(route), route.verb == "post", route.line, route.verb


def _asks(routes: Routes) -> bool:
    return routes.covered or any(one.guards and one.verb in words.WRITING for one in routes.found)
