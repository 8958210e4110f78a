"""What the code model keeps beside what it was given."""

from __future__ import annotations

import weakref
from dataclasses import replace

from builders import corpus, source

from rlm_gate.core import Corpus


def test_what_is_made_of_a_tree_is_made_once_for_all_pieces_and_ends_with_it() -> None:
    class Made:
        pass

    whole = corpus(source("a.py", ""), source("b.py", ""))
    asked: list[Corpus] = []

    def make(tree: Corpus) -> Made:
        asked.append(replace(tree))
        return Made()

    piece = whole.piece(whole.files[:1])
    made = piece.once("x", make)
    assert whole.once("x", make) is made
    assert whole.piece(whole.files[1:]).once("x", make) is made
    assert whole.once("y", make) is not made
    assert [one.files for one in asked] == [whole.files] * 2

    end = weakref.ref(made)
    del made, piece, whole
    assert end() is None
