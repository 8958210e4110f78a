from __future__ import annotations

from rlm_gate.errors import ProviderError
from rlm_gate.providers import Message, ModelReply, ModelRequest, TokenUsage
from rlm_gate.rlm.loop import Step
from rlm_gate.rlm.repl import Cell, CellError
from rlm_gate.rlm.witness import Witness


def request(about: str) -> ModelRequest:
    return ModelRequest("m", "s", (Message("user", "What is it?"),), 10, about=about)


def reply(text: str = "fine") -> ModelReply:
    usage = TokenUsage(input_tokens=5, output_tokens=2, cache_read_tokens=3)
    return ModelReply(text, (), "end_turn", usage=usage)


def step(code: str, error: CellError | None = None) -> Step:
    cell = Cell(code, "out\n", 4, error, restarted=False, refusals=())
    return Step(1, "", cell, TokenUsage())


def test_sub_calls_belong_to_the_turn_whose_cell_made_them() -> None:
    witness = Witness()
    witness.called(request("map a.py:1-9"), reply(), 1, 0.5)
    for number in (1, 2):
        witness.called(request("root"), reply(), 1, 0.5)
        witness.called(request(f"sub question {number}"), reply(), 1, 0.5)
        witness.cell(step(f"cell {number}"))
    told = witness.trajectory()
    assert [call.about for call in told.calls] == ["a.py:1-9"]
    assert [(turn.number, turn.code, turn.output) for turn in told.turns] == [
        (1, "cell 1", "out\n"),
        (2, "cell 2", "out\n"),
    ]
    assert [turn.calls[0].about for turn in told.turns] == ["question 1", "question 2"]


def test_a_turn_without_a_cell_and_one_that_was_cut_off_are_told_too() -> None:
    witness = Witness()
    witness.called(request("root"), reply("only words"), 1, None)
    witness.called(request("root"), ProviderError("refusal", "no"), None, None)
    told = witness.trajectory()
    assert [(turn.call.answer, turn.call.error) for turn in told.turns] == [
        ("only words", ""),
        ("", "refusal"),
    ]
    assert witness.trajectory() == told


def test_what_is_unknown_is_none_and_tokens_count_what_was_read_from_a_cache() -> None:
    witness = Witness()
    witness.called(request("map a.py:1-9"), reply(), None, 0.5)
    (call,) = witness.trajectory().calls
    assert (call.usd, call.input_tokens, call.output_tokens) == (None, 8, 2)


def test_times_are_told_only_where_they_were_asked_for() -> None:
    for times, seconds in ((False, None), (True, 0.5)):
        witness = Witness(times=times)
        witness.called(request("verify r a.py:3"), reply(), 1, 0.5)
        assert witness.trajectory().calls[0].seconds == seconds


def test_secrets_are_masked_and_long_texts_cut() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:36]
    witness = Witness()
    witness.called(request("root"), reply(f"it is {token} " + "x" * 5000), 1, None)
    witness.cell(step(f"t = '{token}'", CellError("NameError", f"no {token}", 1, "")))
    (turn,) = witness.trajectory().turns
    assert token not in repr(turn)
    assert len(turn.call.answer) == 1000
    assert turn.error.startswith("NameError: no ")
