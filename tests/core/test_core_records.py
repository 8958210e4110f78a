"""The records of the hot path are what ``dataclasses`` would have made."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import field

import pytest

from rlm_gate.core.records import dataclass


@dataclass(frozen=True, slots=True)
class Lazy:
    """Every sort of field there is in this project."""

    name: str
    size: int = 3
    parts: list[str] = field(default_factory=list)
    secret: str = field(default="", repr=False, compare=False)
    cache: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)
    fixed: int = field(default=7, init=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Eager:
    """The same by the standard library."""

    name: str
    size: int = 3
    parts: list[str] = field(default_factory=list)
    secret: str = field(default="", repr=False, compare=False)
    cache: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)
    fixed: int = field(default=7, init=False)


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """One that is sorted."""

    first: int
    second: str


@dataclass(slots=True)
class Open:
    """One that changes."""

    count: int = 0


@dataclass(frozen=True, slots=True)
class Empty:
    """One without a field."""


def test_a_record_is_made_and_shown_as_a_dataclass_is() -> None:
    for arguments in ({}, {"size": 4}, {"parts": ["a"], "secret": "s"}):
        lazy, eager = Lazy("n", **arguments), Eager("n", **arguments)
        assert repr(lazy) == repr(eager).replace("Eager", "Lazy")
        assert dataclasses.asdict(lazy) == dataclasses.asdict(eager)
    assert Lazy.__match_args__ == Eager.__match_args__
    assert Lazy("n").parts is not Lazy("n").parts


@pytest.mark.parametrize("kind", [Lazy, Eager])
@pytest.mark.parametrize("arguments", [(), ("n", 1, [], "", {})])
def test_wrong_arguments_are_refused(kind: type, arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        kind(*arguments)


def test_equal_fields_make_equal_records_and_nothing_else_does() -> None:
    assert Pair(1, "a") == Pair(1, "a")
    assert hash(Pair(1, "a")) == hash(Pair(1, "a"))
    assert Pair(1, "a") != Pair(1, "b")
    assert Pair(1, "a") != (1, "a")
    assert Lazy("n", secret="one") == Lazy("n", secret="two")
    assert Lazy("n") != Eager("n")
    assert Empty() == Empty()
    assert Open(1) == Open(1)
    with pytest.raises(TypeError):
        hash(Open(1))


def test_records_are_sorted_by_their_fields() -> None:
    found = sorted([Pair(2, "a"), Pair(1, "b"), Pair(1, "a")])
    assert found == [Pair(1, "a"), Pair(1, "b"), Pair(2, "a")]
    assert Pair(1, "a") < Pair(1, "b") <= Pair(1, "b")
    assert Pair(2, "a") > Pair(1, "b") >= Pair(1, "b")
    with pytest.raises(TypeError):
        sorted([Empty(), Empty()])


def test_a_frozen_record_stays_as_it_is() -> None:
    record = Pair(1, "a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="first"):
        record.first = 2  # type: ignore[misc]  # that is what is tried
    with pytest.raises(dataclasses.FrozenInstanceError):
        del record.first
    with pytest.raises(AttributeError):
        object.__setattr__(record, "third", 3)
    changed = Open()
    changed.count = 2
    assert changed.count == 2


def test_a_class_derived_from_a_record_is_made_as_the_record_is() -> None:
    @dataclass(slots=True)
    class Plain:
        count: int = 1

    class Derived(Plain):
        __slots__ = ()

    assert (Derived(2).count, Plain(3).count, Derived().count) == (2, 3, 1)
    assert Plain(1) == Plain(1)
    assert Derived(1) != Plain(1)
    assert dataclasses.replace(Derived(1), count=4).count == 4


def test_what_dataclasses_tells_of_a_record_is_told_whoever_asks_first() -> None:
    @dataclass(frozen=True, slots=True)
    class Asked:
        name: str
        size: int = field(default=3, compare=False)

    assert dataclasses.is_dataclass(Asked)
    assert Asked.__match_args__ == ("name", "size")
    assert [(one.name, one.type, one.compare) for one in dataclasses.fields(Asked)] == [
        ("name", "str", True),
        ("size", "int", False),
    ]
    assert hash(Asked("a", 1)) == hash(Asked("a", 2))
    assert pickle.loads(pickle.dumps(Pair(1, "a"))) == Pair(1, "a")  # noqa: S301  # our own


def test_a_record_is_replaced_and_copied() -> None:
    assert dataclasses.replace(Pair(1, "a"), second="b") == Pair(1, "b")
    for again in (copy.copy, copy.deepcopy):
        assert again(Lazy("n", 5, ["p"])) == Lazy("n", 5, ["p"])


def test_defining_a_record_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def noted(text: str, *names: dict[str, object]) -> None:
        compiled.append(text)
        exec(text, *names)  # noqa: S102  # what dataclasses does

    monkeypatch.setattr(dataclasses, "exec", noted, raising=False)

    @dataclass(frozen=True, slots=True)
    class Late:
        value: int

    methods = [text for text in compiled if text.count("def ") > 1]
    assert methods == []  # from Python 3.13 on there is one outer function, here with none in it
    assert Late(1).value == 1
