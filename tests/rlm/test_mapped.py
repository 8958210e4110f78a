"""The file from which a child maps its corpus: streamed in, sealed, read back exactly."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_gate.errors import SandboxDied
from rlm_gate.rlm.mapped import MappedFile
from rlm_gate.rlm.sandbox.child import Corpus

TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=30)


def round_trip(texts: dict[str, str] | None, context: Any) -> Corpus:
    file = MappedFile(texts, context)
    file.seal({"variables": {}})
    corpus = Corpus(os.dup(file.descriptor))
    file.close()
    return corpus


@settings(deadline=None)
@given(st.dictionaries(TEXT, TEXT, max_size=5))
def test_texts_are_read_back_exactly(texts: dict[str, str]) -> None:
    corpus = round_trip(texts, None)
    index = corpus.index()
    assert index is not None
    assert {path: corpus.load(*place) for path, place in index.items()} == texts
    assert list(index) == list(texts)


@settings(deadline=None)
@given(
    TEXT
    | st.lists(TEXT, max_size=4)
    | st.dictionaries(TEXT, TEXT, max_size=4)
    | st.lists(st.integers() | st.none() | TEXT, max_size=4)
)
def test_context_is_read_back_exactly(context: Any) -> None:
    corpus = round_trip(None, context)
    assert corpus.index() is None
    assert corpus.context() == context
    corpus.close_unless_files()


@pytest.mark.skipif(sys.platform != "linux", reason="sealing is Linux's")
def test_nobody_can_change_it_afterwards() -> None:
    file = MappedFile({"a": "text"}, None)
    file.seal({})
    with pytest.raises(PermissionError):
        os.pwrite(file.descriptor, b"X", 0)
    with pytest.raises(PermissionError):
        os.ftruncate(file.descriptor, 1)
    file.close()


@pytest.mark.skipif(sys.platform != "linux", reason="memory files are Linux's")
def test_a_loaded_context_is_gone_from_the_file_and_was_never_held_twice() -> None:
    text = "0123456789abcdé\n" * 200_000
    file = MappedFile(None, ["first", text])
    file.seal({})
    before = os.fstat(file.descriptor).st_blocks * 512
    assert before >= len(text)
    assert not file.lasting
    corpus = Corpus(os.dup(file.descriptor))
    assert corpus.context() == ["first", text]
    assert os.fstat(file.descriptor).st_blocks * 512 <= before // 20
    file.close()


def test_failing_texts_leave_no_descriptor() -> None:
    class Broken(dict[str, str]):
        def __getitem__(self, key: str) -> str:
            raise OSError("gone")

    free = os.dup(0)
    os.close(free)
    with pytest.raises(OSError, match="gone"):
        MappedFile(Broken(a="x"), None)
    again = os.dup(0)
    os.close(again)
    assert again == free  # the lowest free number


@pytest.mark.parametrize("at", ["texts", "header"])
def test_no_room_for_the_texts_is_the_sandboxs_failure(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = None if at == "texts" else MappedFile({"a": "text"}, None)

    def full(_descriptor: int, _piece: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    attempt = file.seal if file else lambda texts: MappedFile(texts, None)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(SandboxDied, match="No space left"):
            attempt({"a": "text"})
    if file:
        file.close()
