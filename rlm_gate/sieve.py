"""Sort files by which rules apply to them: a rule is asked once of all files that are alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import field
from typing import Final

from rlm_gate import detectors
from rlm_gate.core import Applies, Narrowed, Rule, SourceFile
from rlm_gate.core.records import dataclass

_PLACED: Final = frozenset({"language", "path"})
_SPOKEN: Final = frozenset({"language"})


@dataclass(frozen=True, slots=True)
class Answers:
    """The rules that apply to some files, those whose prefilter finds nothing there, the others."""

    fitting: tuple[Rule, ...]
    prefiltered: tuple[Rule, ...]
    away: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """What the rules say of all files at places alike. The open ones ask each file for more.

    ``known`` maps what the open rules say of a file, one word a rule or one answer a prefilter, to
    the one object that all files share of which they say the same.
    """

    open: tuple[Rule, ...]
    away: tuple[Rule, ...]
    prefilters: tuple[tuple[str, ...], ...]
    known: dict[tuple[object, ...], Answers] = field(default_factory=dict)


class Sieve:
    """Says of each file which of the rules apply; files that are alike get the same object.

    ``detectors.applies``, narrowed by policy or not, is asked about languages and paths once for
    all places alike, and what is known of prefilters is looked up. Any other ``applies`` is asked
    of every file, less the rules that do not speak its language.
    """

    def __init__(self, rules: Iterable[Rule], applies: Applies) -> None:
        self._rules = tuple(rules)
        self._applies = applies
        self._places: dict[Hashable, _Place] = {}
        narrowed = applies if isinstance(applies, Narrowed) else None
        self._kind: Callable[[str], Hashable] = narrowed.kind if narrowed else lambda _path: None
        self._alike = (narrowed.applies if narrowed else applies) is detectors.applies
        if self._alike:
            detectors.expect_paths(self._rules)

    def of(self, file: SourceFile) -> Answers:
        """Return what the rules say of the file."""
        key = self._key(file)
        place = self._places.get(key) or self._places.setdefault(key, self._placed(file))
        if not self._alike:
            words = self._asked(place, file)
            return place.known.get(words) or place.known.setdefault(words, _answers(place, words))
        found = self._looked_up(place, file)
        if found not in place.known:
            place.known[found] = _answers(place, _said(place, found))
        return place.known[found]

    def groups(self, files: Iterable[SourceFile]) -> list[tuple[Answers, list[SourceFile]]]:
        """Return the files that get the same answers together, each group in their order."""
        found: dict[int, tuple[Answers, list[SourceFile]]] = {}
        for file in files:  # each text is read once, for all rules
            answers = self.of(file)
            found.setdefault(id(answers), (answers, []))[1].append(file)
        return [*found.values()]

    def _key(self, file: SourceFile) -> Hashable:
        if not self._alike:
            return file.language
        return (*detectors.place(file), self._kind(file.path))

    def _placed(self, file: SourceFile) -> _Place:
        ends = _PLACED if self._alike else _SPOKEN
        away = {rule.id: self._applies(rule, file) in ends for rule in self._rules}
        left = tuple(rule for rule in self._rules if not away[rule.id])
        asked = tuple(dict.fromkeys(rule.prefilter for rule in left if rule.prefilter))
        return _Place(left, tuple(rule for rule in self._rules if away[rule.id]), asked)

    def _asked(self, place: _Place, file: SourceFile) -> tuple[str, ...]:
        """Return why each open rule does not apply to the file."""
        return tuple(self._applies(rule, file) for rule in place.open)

    def _looked_up(self, place: _Place, file: SourceFile) -> tuple[bool | None, ...]:
        """Return which prefilters match in the file; what is not known of it is found out."""
        found = tuple(map(detectors.prefilters(file).get, place.prefilters))
        if None in found:
            self._asked(place, file)
            found = tuple(map(detectors.prefilters(file).get, place.prefilters))
        return found


def _said(place: _Place, found: Sequence[bool | None]) -> list[str]:
    """Return why each open rule does not apply where these of the prefilters match."""
    missing = {one for one, matches in zip(place.prefilters, found, strict=True) if not matches}
    return ["prefilter" if rule.prefilter in missing else "" for rule in place.open]


def _answers(place: _Place, said: Sequence[str]) -> Answers:
    fitting: list[Rule] = []
    prefiltered: list[Rule] = []
    away = [*place.away]
    for rule, why in zip(place.open, said, strict=True):
        (away if why in _PLACED else prefiltered if why else fitting).append(rule)
    return Answers(tuple(fitting), tuple(prefiltered), tuple(away))
