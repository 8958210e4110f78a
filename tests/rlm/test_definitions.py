"""Which lines of a long definition are shown."""

from __future__ import annotations

from rlm_gate.rlm.definitions import chosen
from rlm_gate.symbols import Symbol
from rlm_gate.syntax import outline

BODY = "".join(f"        step_{number}()\n" for number in range(30))
STORE = f'''\
class Store(Base):
    """Keep things."""

    TABLE = "things"

    def first(self, name):
{BODY}
    def owned(self, name, user):
        return self.get(name, owner=user)

    def last(self, name):
{BODY}'''


def shown(words: set[str], most: int = 40, text: str = STORE) -> list[str]:
    symbols = outline(text, "python")
    lines = text.split("\n")
    return [lines[number - 1] for number in chosen(symbols[0], symbols, lines, words, most)]


def test_of_a_long_class_the_head_the_used_member_and_the_declarations_are_shown() -> None:
    told = shown({"owned", "TABLE"})
    assert told[:4] == STORE.split("\n")[:4]
    assert "        return self.get(name, owner=user)" in told
    assert "    def first(self, name):" in told
    assert "    def last(self, name):" in told
    assert not any("step_" in line for line in told)


def test_a_used_member_that_is_long_is_cut() -> None:
    assert sum("step_" in line for line in shown({"last"})) == 23
    assert len(shown({"first", "last"})) == 40


def test_what_fits_is_shown_whole_and_a_long_function_from_its_start() -> None:
    assert shown(set(), most=90) == STORE.rstrip("\n").split("\n")
    function = f"def run():\n{BODY}"
    assert shown(set(), 5, function) == function.split("\n")[:5]


def test_a_class_without_members_is_shown_from_its_start() -> None:
    lines = [f"line {number}" for number in range(50)]
    assert chosen(Symbol(2, 45, "A", "class"), (), lines, set(), 3) == [2, 3, 4]
