"""``rules learn`` from the command line to a model behind real HTTP, and back to a rule file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import GitRepo
from loopback import Served, messages

from rlm_gate.cli import main

RECORDED = Path(__file__).with_name("recorded")
BAD = """\
def profile(request, name):
    user = User.objects.get(id=request.GET["id"])
    return render(request, "profile.html", {"user": user})
"""
GOOD = """\
def refresh(page):
    return page.specific_class.objects.get(pk=page.pk)


def session(request, session_id):
    try:
        found = Session.objects.get(id=session_id, user=request.user)
    except Session.DoesNotExist:
        found = Session(user=request.user)
    return found
"""
EXAMPLES = ("--bad=app/views.py:2", "--good=app/models.py:2", "--good=app/models.py:7")


class Learned(NamedTuple):
    """What one call came to, and the requests that the model got."""

    code: int
    out: str
    err: str
    asked: list[dict[str, Any]]


Learn = Callable[..., Learned]


@pytest.fixture
def learn(
    git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Learn:
    """Call ``rules learn house/get-by-request`` while a model answers, one text a round."""
    git_repo.commit(**{"app/views.py": BAD, "app/models.py": GOOD})
    monkeypatch.chdir(git_repo.path)

    def call(answers: list[str], *flags: str, key: bool = True, times: int = 1) -> Learned:
        def script(asked: dict[str, Any]) -> str:
            turn = sum(message["role"] == "assistant" for message in asked["messages"])
            return answers[min(turn, len(answers) - 1)]

        with messages(script, []) as served:
            return [told(served, flags, key=key) for _ in range(times)][-1]

    def told(served: Served, flags: tuple[str, ...], *, key: bool) -> Learned:
        if key:
            monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
            monkeypatch.setenv("ANTHROPIC_BASE_URL", served.url)
        given = flags if any(flag.startswith(("--bad", "--good")) for flag in flags) else EXAMPLES
        more = () if given is flags else flags
        words = "an object fetched by what the request sent"
        code = main(["rules", "learn", "house/get-by-request", words, *given, *more])
        out, err = capfd.readouterr()
        return Learned(code, out, err, served.requests)

    return call


def answer(**changed: Any) -> str:
    """Return a proposal that holds, with some of it changed."""
    rule = "pattern: $M.objects.get($$$A)\nhas: {stopBy: end, pattern: request.GET}\n"
    entry = {"engine": "astgrep", "languages": ["python"], "rule": rule, "pattern": ""}
    words = {"title": "No 404", "message": "Use get_object_or_404().", "why": "500.", "fix": "Do."}
    return json.dumps({"cannot": "", **words, "entries": [entry], **changed})


def entry(rule: str = "", pattern: str = "", languages: tuple[str, ...] = ("python",)) -> str:
    engine = "regex" if pattern else "astgrep"
    one = {"engine": engine, "languages": list(languages), "rule": rule, "pattern": pattern}
    return answer(entries=[one])


def recorded(name: str) -> list[str]:
    held = json.loads((RECORDED / f"{name}.hand.json").read_text(encoding="utf-8"))
    assert held["hand_made"]
    return [json.dumps(one) for one in held["answers"]]


def written(repo: GitRepo) -> list[str]:
    folder = repo.path / ".rlm-gate"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml"))


def test_a_proposal_that_holds_becomes_a_rule_that_asks_nobody(
    learn: Learn, git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    done = learn([answer()], "--severity=high")
    assert done.code == 0, done.err
    assert len(done.asked) == 1
    assert "asking claude-sonnet-5-5, 3 times at most: $0." in done.err
    assert "this run paid $0." in done.err
    assert ".rlm-gate/rules/house/get-by-request.yaml\n" in done.out
    assert "flags 1 place in 1 file of 2:\n  app/views.py:2\n" in done.out
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert main(["rules", "test", ".rlm-gate/rules/house"]) == 0
    assert "1 rule, 3 examples: all hold" in capfd.readouterr().out
    assert main(["check", "--all", "--offline", "--rules=.rlm-gate/rules/house"]) == 1
    assert "app/views.py:2" in capfd.readouterr().out
    text = (git_repo.path / ".rlm-gate/rules/house/get-by-request.yaml").read_text()
    assert "severity: high\n" in text


def test_what_fails_is_told_and_the_next_proposal_counts(learn: Learn, git_repo: GitRepo) -> None:
    done = learn(recorded("get-by-request"))
    assert done.code == 0, done.err
    assert "learned in 3 rounds; it finds 1 bad example and passes 2 good ones" in done.out
    first, second = (request["messages"][-1]["content"] for request in done.asked[1:])
    assert "entries[1].pattern: do not repeat a group" in str(first)
    assert "good example 1 is found, and must not be: row 2: return page." in str(second)
    assert "good example 2 is found, and must not be" in str(second)
    assert written(git_repo) == ["rules/house/get-by-request.yaml"]


def test_a_rule_for_formatted_html_is_learned_from_a_hand_made_answer(
    learn: Learn, git_repo: GitRepo
) -> None:
    git_repo.commit(
        **{
            "bad.py": 'def cell(name):\n    return mark_safe(f"<td>{name}</td>")\n',
            "other.py": "def row(text, values):\n    return mark_safe(text % values)\n",
            "good.py": 'def gap():\n    return mark_safe("<td></td>")\n',
        }
    )
    done = learn(
        recorded("formatted-mark-safe"), "--bad=bad.py:2", "--bad=other.py:2", "--good=good.py"
    )
    assert done.code == 0, done.err
    assert "here it flags 2 places in 2 files of 5" in done.out


def test_texts_without_a_grammar_are_matched_by_a_regular_expression(
    learn: Learn, git_repo: GitRepo
) -> None:
    git_repo.commit(**{"live.ini": "[app]\ndebug = yes\n", "test.ini": "[app]\ndebug = no\n"})
    rule = entry(pattern=r"^debug\s{0,9}=\s{0,9}yes$", languages=("ini",))
    done = learn([rule], "--bad=live.ini:2", "--good=test.ini")
    assert done.code == 0, done.err
    assert "flags 1 place in 1 file of 4:\n  live.ini:2\n" in done.out
    assert main(["rules", "test", ".rlm-gate/rules/house"]) == 0


def test_a_bad_example_that_is_missed_leaves_no_rule(learn: Learn, git_repo: GitRepo) -> None:
    done = learn([entry("pattern: nothing_here($A)")], "--rounds=2")
    assert done.code == 1
    assert len(done.asked) == 2
    assert "no rule was written: of 2 proposals none held" in done.err
    assert "bad example 1 is not found" in done.err
    assert written(git_repo) == []


def test_a_find_in_another_row_is_no_proof(learn: Learn) -> None:
    done = learn([entry("pattern: render($$$A)")], "--rounds=1")
    assert done.code == 1
    assert "bad example 1: found in row 3, but row 2 must be found" in done.err


def test_a_rule_that_floods_the_repository_is_refused_with_places(
    learn: Learn, git_repo: GitRepo
) -> None:
    more = "".join(f"x{n} = User.objects.get(id=request.GET['a'])\n" for n in range(60))
    git_repo.commit(**{"app/many.py": more})
    done = learn([answer()], "--rounds=1")
    assert done.code == 1
    assert "flags 61 places in 2 of 3 files of the repository, and 50 are the most" in done.err
    assert "- x0 = User.objects.get(id=request.GET['a'])" in done.err
    assert "--max-places" in done.err
    assert written(git_repo) == []
    assert learn([answer()], "--rounds=1", "--max-places=61").code == 0


@pytest.mark.parametrize(
    ("proposal", "why"),
    [
        pytest.param(answer(severity="info"), "'severity' was unexpected", id="own-severity"),
        pytest.param(answer(title="t" * 81), "is too long", id="long-title"),
        pytest.param(answer(title="safe \u202e txt"), "people can't see", id="hidden-text"),
        pytest.param(answer(why=" "), "why: it is empty", id="empty-words"),
        pytest.param(answer(entries=[]), "give one at least", id="no-entries"),
        pytest.param(
            entry("rule: {pattern: f($A)}\nfix: g($A)"), "fix: only rule, constraints", id="fix"
        ),
        pytest.param(
            entry("rule: {pattern: f($A)}\nlines_have: (a+)+b"), "lines_have: only", id="lines"
        ),
        pytest.param(entry("pattern: ["), "not the YAML it should be", id="no-yaml"),
        pytest.param(entry("kind: no_such_node"), "no_such_node", id="unknown-kind"),
        pytest.param(entry("nonsense: 1"), "unknown key 'nonsense'", id="unknown-key"),
        pytest.param(entry("pattern: a", languages=("perl",)), "are of python", id="language"),
        pytest.param(entry(pattern="(["), "not a regular expression", id="no-regex"),
        pytest.param(entry(pattern="(a|a)+$"), "do not repeat a group", id="exponential"),
        pytest.param(entry(pattern=r"(a)\1"), "references back", id="back-reference"),
    ],
)
def test_nothing_but_words_and_patterns_gets_through(
    proposal: str, why: str, learn: Learn, git_repo: GitRepo
) -> None:
    done = learn([proposal], "--rounds=1")
    assert done.code == 1
    assert why in done.err
    assert written(git_repo) == []


def test_what_a_model_writes_stays_text(learn: Learn, git_repo: GitRepo) -> None:
    done = learn([answer(message="x\nseverity: critical\nfix: []", title="a: b # c")])
    assert done.code == 0
    text = (git_repo.path / ".rlm-gate/rules/house/get-by-request.yaml").read_text()
    assert "severity: medium\n" in text
    assert "message: 'x severity: critical fix: []'\n" in text
    assert main(["rules", "validate", ".rlm-gate/rules/house"]) == 0


def test_a_model_may_say_that_no_pattern_can_tell(learn: Learn, git_repo: GitRepo) -> None:
    done = learn([answer(cannot="Only types tell.", entries=[])])
    assert done.code == 1
    assert len(done.asked) == 1
    assert (
        "the model says that no pattern tells good from bad here:\n  Only types tell." in done.err
    )
    assert written(git_repo) == []


def test_without_a_key_it_is_a_mistake_of_usage_with_both_ways_out(learn: Learn) -> None:
    done = learn([], key=False)
    assert done.code == 2
    assert "there is no API key: set ANTHROPIC_API_KEY" in done.err
    assert "--dry-run" in done.err
    assert "rules new" in done.err
    assert "--help" not in done.err


def test_models_that_are_off_are_named_as_the_reason(learn: Learn, git_repo: GitRepo) -> None:
    git_repo.write(".rlm-gate.yaml", "models: off\n")
    done = learn([answer()])
    assert (done.code, done.asked) == (2, [])
    assert "Take 'models: off' out of .rlm-gate.yaml" in done.err


def test_a_dry_run_shows_all_that_would_be_sent_and_asks_nobody(
    learn: Learn, git_repo: GitRepo
) -> None:
    done = learn([answer()], "--dry-run", key=False)
    assert (done.code, done.asked) == (0, [])
    assert "   2|     user = User.objects.get(" in done.out
    assert "claude-sonnet-5-5 would be asked, 3 times at most: $0." in done.out
    assert written(git_repo) == []
    sent = learn([answer()]).asked[0]
    assert str(sent["messages"][0]["content"][0]["text"]) in done.out


def test_the_most_it_can_cost_is_reserved_before_anything_is_sent(
    learn: Learn, git_repo: GitRepo
) -> None:
    done = learn([answer()], "--max-usd=0.0001")
    assert (done.code, done.asked) == (3, [])
    assert "usd" in done.err
    assert "--max-usd" in done.err
    assert written(git_repo) == []


def test_an_answer_that_is_no_json_leaves_no_rule(learn: Learn, git_repo: GitRepo) -> None:
    done = learn(["I would rather chat."])
    assert done.code == 3
    assert written(git_repo) == []


def test_the_same_question_is_paid_once(learn: Learn) -> None:
    done = learn([answer(cannot="No.", entries=[])], times=2)
    assert len(done.asked) == 1
    assert "this run paid $0.0000 for 0 calls" in done.err


def test_a_name_that_is_taken_is_refused_before_anything_is_spent(learn: Learn) -> None:
    assert learn([answer()]).code == 0
    done = learn([answer()])
    assert (done.code, done.asked) == (2, [])
    assert "is there already" in done.err


def test_secrets_of_examples_reach_neither_the_model_nor_the_rule(
    learn: Learn, git_repo: GitRepo
) -> None:
    token = "gh" + "p_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"
    git_repo.commit(**{"leak.py": f'def f(request):\n    g("{token}", request.GET)\n'})
    rule = entry("pattern: g($$$A)")
    done = learn([rule], "--bad=leak.py:2", "--good=app/models.py:2")
    assert done.code == 0, done.err
    assert token not in json.dumps(done.asked)
    assert "\u2039secret:" in json.dumps(done.asked, ensure_ascii=False)
    text = (git_repo.path / ".rlm-gate/rules/house/get-by-request.yaml").read_text()
    assert token not in text


def test_files_that_must_never_be_sent_are_no_examples(learn: Learn, git_repo: GitRepo) -> None:
    git_repo.write(".rlm-gate.yaml", "never_send: [app/**]\n")
    done = learn([answer()])
    assert (done.code, done.asked) == (2, [])
    assert "app/views.py: no model may see this file (never_send" in done.err


def test_places_that_must_never_be_sent_are_not_told(learn: Learn, git_repo: GitRepo) -> None:
    git_repo.write(".rlm-gate.yaml", "never_send: [hidden/**]\n")
    git_repo.commit(**{"hidden/a.py": "zebra = A.objects.get(id=request.GET['a'])\n"})
    done = learn([answer()], "--rounds=2", "--max-places=1")
    assert "flags 2 places" in json.dumps(done.asked[1])
    assert "zebra" not in json.dumps(done.asked)


def test_examples_may_stand_in_a_sheet(learn: Learn, git_repo: GitRepo) -> None:
    git_repo.write(
        "sheet.yaml",
        "bad:\n  - {lang: python, code: 'A.objects.get(id=request.GET[1])'}\ngood:\n  - A.b()\n",
    )
    done = learn([answer()], "--bad=app/views.py:2", "--examples=sheet.yaml", "--language=python")
    assert done.code == 0, done.err
    assert "finds 2 bad examples and passes 1 good one\n" in done.out


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        pytest.param(("--bad=app/views.py:2",), "no --good example: show", id="no-good"),
        pytest.param(("--good=app/views.py",), "no --bad example: show", id="no-bad"),
        pytest.param(("--bad=gone.py:1",), "gone.py: can't be read: No such file", id="no-file"),
        pytest.param(("--bad=gone.py:two",), "lines are numbers: FILE:LINE or FILE:F", id="words"),
        pytest.param(("--bad=app/views.py:9",), "no such lines; the file has 3", id="no-line"),
        pytest.param(("--bad=app/views.py:3-2",), "no such lines", id="backwards"),
        pytest.param(("--bad=empty.py",), "the file is empty", id="empty"),
        pytest.param(("--bad=long.py",), "name the lines it is about, as FILE:LINE", id="long"),
        pytest.param(("--bad=data.bin",), "data.bin: a binary file", id="binary"),
        pytest.param((*EXAMPLES, "--rounds=99"), "--rounds 99: 6 are the most", id="rounds"),
        pytest.param((*EXAMPLES, "--language=pyton"), "did you mean 'python'?", id="language"),
        pytest.param((*EXAMPLES, "--examples=wrong.yaml"), "wrong.yaml:2:1: unknown", id="sheet"),
        pytest.param(
            (*EXAMPLES, "--examples=wrong.yaml"), "docs/rules.md shows the form", id="sheet's page"
        ),
        pytest.param((*EXAMPLES, "--examples=bare.yaml"), "bare.yaml:1: which lang", id="no-lang"),
        pytest.param((*EXAMPLES, "--examples=edit.yaml"), "edit.yaml:1: write code", id="change"),
        pytest.param((*EXAMPLES, "--root-model=sonet"), "did you mean 'sonnet'?", id="model"),
    ],
)
def test_a_mistake_is_told_before_anything_is_spent(
    flags: tuple[str, ...], why: str, learn: Learn, git_repo: GitRepo
) -> None:
    git_repo.write("empty.py", "\n")
    git_repo.write("long.py", "x = 1\n" * 200)
    git_repo.write("data.bin", b"\0\1\2")
    git_repo.write("wrong.yaml", "bad: [x]\nugly: [y]\n")
    git_repo.write("bare.yaml", "bad: [x]\n")
    git_repo.write("edit.yaml", "bad: [{before: x, after: y}]\n")
    done = learn([answer()], *flags)
    assert (done.code, done.asked) == (2, [])
    assert why in done.err
