"""The prompt's own answer is one that the host takes, and it does what it says."""

from __future__ import annotations

import json

from rlm_gate.examples import corpus_of
from rlm_gate.learning import proof, proposal
from rlm_gate.learning.given import Shown
from rlm_gate.learning.proof import Ground
from rlm_gate.learning.proposal import Wanted
from rlm_gate.rlm.prompting import prompt


def test_the_answer_that_the_prompt_shows_holds() -> None:
    text = prompt("learn")
    shown = (
        Shown("a", True, "python", "requests.get(url, verify=True)\n"),
        Shown("b", False, "python", "requests.get(url, timeout=3)\n"),
        Shown("c", False, "python", "requests.get(url, params={'a': f(timeout=1)}, timeout=3)\n"),
    )
    wanted = Wanted("house/no-timeout", "no time limit", "low", shown)
    answer = text[text.rindex('{"cannot"') :]
    taken = proposal.take(answer, wanted, "m")
    assert taken.problems == ()
    assert taken.file is not None
    assert taken.file.rule is not None
    ground = Ground(corpus_of([]), 0)
    assert proof.prove(taken.file.rule, taken.file, shown, ground).problems == ()
    assert json.loads(answer)["entries"]
