"""Pull requests and forks: whose policy holds, what a change to it does, who may accept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from conftest import GitRepo
from runners import Runner

Cli = Callable[..., Any]

RULE = """\
title: A planted word
severity: high
precision: high
languages: [any]
detect: [{engine: regex, pattern: PLANTED}]
message: Take the word out.
help: {why: The test says so., fix: Take it out.}
tests: {bad: ["PLANTED"], good: ["peace"]}
"""
ASKS = RULE.replace(
    "detect: [{engine: regex, pattern: PLANTED}]", "ask: {over: chunk, question: Really?}"
)
ASKS = ASKS.replace("precision: high\n", "")
OWN = ".rlm-gate/rules/own/planted.yaml"


@dataclass(frozen=True)
class Pull:
    """A pull request on GitHub: its repository, as actions/checkout leaves it, and its runner."""

    repo: GitRepo
    github: Runner
    cli: Cli

    def run(
        self,
        *arguments: str,
        event: str = "pull_request",
        labels: tuple[str, ...] = (),
        fork: str = "acme/app",
    ) -> Any:
        """Merge branch ``feature`` into main, say what GitHub would, and run ``ci``."""
        base, head = (self.repo.git("rev-parse", ref).strip() for ref in ("main", "feature"))
        self.repo.git("switch", "-q", "--detach", "main")
        if event == "pull_request":
            self.repo.git("merge", "-q", "--no-ff", "-m", "merge", "feature")
        pull = {
            "head": {"sha": head, "repo": {"full_name": fork}},
            "base": {"sha": base, "repo": {"full_name": "acme/app"}},
            "labels": [{"name": label} for label in labels],
        }
        self.github.event(event, pull_request=pull)
        return self.cli("ci", *arguments, rules=None)


@pytest.fixture
def pull(git_repo: GitRepo, github: Runner, cli: Cli) -> Pull:
    return Pull(git_repo, github, cli)


def base(repo: GitRepo, **files: str) -> None:
    repo.commit("base", **{"app.py": "x = 1\n", OWN: RULE} | files)
    repo.git("switch", "-q", "-c", "feature")


def test_the_policy_of_the_base_holds_and_not_that_of_the_change(pull: Pull) -> None:
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n"})
    pull.repo.git("rm", "-q", OWN)
    pull.repo.commit(
        "attack",
        **{
            ".rlm-gate.yaml": "packs: [docs]\nfail_on: never\nexclude: ['*']\n",
            "app.py": "x = 1\nPLANTED\n",
        },
    )

    done = pull.run("--offline", "--format=json")

    assert done.code == 1
    found = json.loads(done.out[done.out.index("{\n") : done.out.rindex("}\n") + 2])
    seen = {(one["rule"], one["path"], one["blocking"]) for one in found["findings"]}
    assert seen == {
        ("own/planted", "app.py", True),
        ("gate/policy-changed", ".rlm-gate.yaml", False),
        ("gate/policy-changed", OWN, False),
    }


def test_a_change_to_the_policy_alone_is_visible_and_does_not_block(pull: Pull) -> None:
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n"})
    pull.repo.commit("policy", **{".rlm-gate.yaml": "packs: [own]\nfail_on: never\n"})

    done = pull.run("--offline")

    assert done.code == 0
    assert "gate/policy-changed" in pull.github.summary
    assert "::notice file=.rlm-gate.yaml,line=2," in done.out


def test_the_base_can_make_a_change_to_the_policy_block(pull: Pull) -> None:
    strict = "packs: [own]\noverrides: [{paths: ['*'], severity: {gate/policy-changed: high}}]\n"
    base(pull.repo, **{".rlm-gate.yaml": strict})
    pull.repo.commit("policy", **{".rlm-gate.yaml": "packs: [own]\n"})
    assert pull.run("--offline").code == 1


def test_a_pull_request_that_brings_the_gate_is_judged_by_its_own_policy(pull: Pull) -> None:
    pull.repo.commit("base", **{"app.py": "x = 1\n"})
    pull.repo.git("switch", "-q", "-c", "feature")
    pull.repo.commit(
        "gate", **{".rlm-gate.yaml": "packs: [own]\n", OWN: RULE, "app.py": "PLANTED\n"}
    )

    done = pull.run("--offline")

    assert done.code == 1
    assert "has no policy yet; that of this change itself is used" in done.out
    headline, first = pull.github.summary.split("\n\n")[:2]
    assert headline.startswith("## ")
    assert "has no policy yet" in first


def test_with_secrets_at_hand_the_policy_of_the_head_is_not_trusted(pull: Pull) -> None:
    pull.repo.commit("base", **{"app.py": "x = 1\n"})
    pull.repo.git("switch", "-q", "-c", "feature")
    pull.repo.commit("gate", **{".rlm-gate.yaml": "budget: {usd: 1000}\nfail_on: never\n"})

    done = pull.run("--offline", event="pull_request_target")

    assert "that of this change is not trusted here; the defaults hold" in done.out
    assert "never fail" not in done.out


def test_folders_and_files_that_the_configuration_names_come_from_the_base_too(pull: Pull) -> None:
    base(
        pull.repo,
        **{
            ".rlm-gate.yaml": "extends: ./policy/base.yaml\n",
            "policy/base.yaml": "packs: [./house]\n",
            "policy/house/planted.yaml": RULE,
        },
    )
    pull.repo.commit(
        "attack",
        **{
            "policy/house/planted.yaml": RULE.replace("PLANTED", "OTHER"),
            "app.py": "PLANTED\n",
        },
    )

    done = pull.run("--offline")

    assert done.code == 1
    assert "house/planted" in done.out
    assert "policy/house/planted.yaml is policy of the gate" in done.out


def test_sub_projects_are_read_from_the_base_too(pull: Pull) -> None:
    base(
        pull.repo,
        **{".rlm-gate.yaml": "packs: [own]\n", "sub/.rlm-gate.yaml": "exclude: [gen/]\n"},
    )
    pull.repo.commit(
        "attack",
        **{
            "sub/.rlm-gate.yaml": "exclude: ['*']\n",
            "sub/a.py": "PLANTED\n",
            "sub/gen/b.py": "PLANTED\n",
        },
    )

    done = pull.run("--offline")

    assert done.code == 1
    assert "sub/a.py:1" in done.out
    assert "sub/gen/b.py:1" not in done.out


def test_owners_are_those_of_the_base(pull: Pull) -> None:
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n", "CODEOWNERS": "* @real\n"})
    pull.repo.commit("attack", **{"CODEOWNERS": "* @impostor\n", "app.py": "PLANTED\n"})

    done = pull.run("--offline")

    assert "owners: @real" in done.out
    assert "impostor" not in pull.github.summary


def test_a_mistake_in_the_policy_of_the_change_stops_nobody(pull: Pull) -> None:
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n"})
    pull.repo.commit("slip", **{".rlm-gate.yaml": "packs: nonsense\n", "app.py": "PLANTED\n"})
    assert pull.run("--offline").code == 1


def test_the_policy_of_any_commit_holds_where_it_is_named(git_repo: GitRepo, cli: Cli) -> None:
    base(git_repo, **{".rlm-gate.yaml": "packs: [own]\n"})
    git_repo.commit("attack", **{".rlm-gate.yaml": "fail_on: never\n", "app.py": "PLANTED\n"})

    def code(*arguments: str) -> int:
        return int(cli("check", "--offline", *arguments, rules=None).code)

    assert code("--diff=main") == 0
    assert code("--diff=main", "--policy-ref=main") == 1
    assert code("--diff=main", "--policy-ref=nowhere") == 2
    assert code("--all", "--policy-ref=main") == 2
    assert int(cli("ci", "--offline", "--diff=main", rules=None).code) == 1


@pytest.mark.parametrize(
    ("event", "fork", "policy", "code", "scope"),
    [
        ("pull_request", "mallory/app", "fail", 3, "deterministic"),
        ("pull_request", "mallory/app", "offline", 0, "deterministic"),
        ("pull_request", "acme/app", "offline", 3, "deterministic"),
    ],
)
def test_a_fork_without_a_key_fails_unless_detectors_are_enough(
    *, event: str, fork: str, policy: str, code: int, scope: str, pull: Pull
) -> None:
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n", ".rlm-gate/rules/own/asks.yaml": ASKS})
    pull.repo.commit("change", **{"app.py": "x = 2\n"})

    done = pull.run(f"--fork-policy={policy}", event=event, fork=fork)

    assert done.code == code
    assert pull.github.outputs["verdict-scope"] == scope
    if code == 3:
        assert "fork-policy: offline" in pull.github.summary
        assert "pull_request_target" in pull.github.summary
    else:
        assert "::warning title=rlm-gate%3A deterministic verdict::" in done.out


SUPPRESSED = "PLANTED  # rlm-gate: ignore[own/planted] -- we know\n"
LABEL = "rlm-gate/accepted"
FILE_FORM = """\
suppressions:
  - rule: own/planted
    path: app.py
    reason: we know
"""


def attack(pull: Pull) -> None:
    """Edit the configuration, delete the rule, suppress, and plant the flaw."""
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n"})
    pull.repo.git("rm", "-q", OWN)
    pull.repo.commit(
        "attack", **{".rlm-gate.yaml": "fail_on: never\n", "app.py": f"x = 1\n{SUPPRESSED}"}
    )


def test_the_whole_attack_fails_on_the_planted_finding(pull: Pull) -> None:
    attack(pull)

    done = pull.run("--offline")

    assert done.code == 1
    assert "::error file=app.py,line=2," in done.out
    first = pull.github.summary.split("\n\n")[1]
    assert "New suppression, app.py" in first
    assert "does not count" in first
    assert pull.github.outputs["blocking"] == "1"


def test_with_the_label_the_suppression_counts_and_stands_first(pull: Pull) -> None:
    attack(pull)

    done = pull.run("--offline", labels=("help wanted", LABEL))

    assert done.code == 0
    headline, first = pull.github.summary.split("\n\n")[:2]
    assert headline.startswith("## ✅")
    assert "New suppression, app.py" in first
    assert "counts" in first
    assert "carries the label" in first
    assert "gate/policy-changed" in pull.github.summary


@pytest.mark.parametrize(
    ("new", "labels", "code"),
    [
        ("deny", (LABEL,), 1),
        ("label", (), 1),
        ("label", (LABEL,), 0),
        ("allow", (), 0),
    ],
)
@pytest.mark.parametrize("form", ["comment", "file"])
def test_the_base_says_whether_new_suppressions_count(
    *, new: str, labels: tuple[str, ...], code: int, form: str, pull: Pull
) -> None:
    rule = f"packs: [own]\nsuppressions: {{new: {new}}}\n"
    base(pull.repo, **{".rlm-gate.yaml": rule})
    changed = {".rlm-gate.yaml": rule.replace(new, "allow"), "app.py": SUPPRESSED}
    if form == "file":
        changed |= {".rlm-gate/suppressions.yaml": FILE_FORM, "app.py": "PLANTED\n"}
    pull.repo.commit("attack", **changed)

    assert pull.run("--offline", labels=labels).code == code
    assert "New suppression, " in pull.github.summary.split("\n\n")[1]


def baseline_of(pull: Pull) -> str:
    """Return a baseline with what the head has, made by the gate."""
    assert pull.cli("baseline", "create", "--offline", "--all", rules=None).code == 0
    return (pull.repo.path / ".rlm-gate/baseline.json").read_text()


def test_a_baseline_entry_that_the_change_adds_does_not_count(pull: Pull) -> None:
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n"})
    pull.repo.commit("attack", **{"app.py": "x = 1\nPLANTED\n"})
    baseline_of(pull)
    pull.repo.commit("hide")

    assert pull.run("--offline").code == 1
    assert "New entries in .rlm-gate/baseline.json" in pull.github.summary.split("\n\n")[1]
    assert pull.run("--offline", labels=(LABEL,)).code == 0


def test_what_the_base_accepts_counts_though_the_change_takes_it_out(pull: Pull) -> None:
    base(
        pull.repo,
        **{
            ".rlm-gate.yaml": "packs: [own]\n",
            ".rlm-gate/suppressions.yaml": FILE_FORM,
        },
    )
    pull.repo.git("rm", "-q", ".rlm-gate/suppressions.yaml")
    pull.repo.commit("change", **{"app.py": "PLANTED\n"})

    assert pull.run("--offline").code == 0
    assert "New suppression" not in pull.github.summary


def test_what_is_pushed_was_accepted_before(git_repo: GitRepo, github: Runner, cli: Cli) -> None:
    before = git_repo.commit("base", **{".rlm-gate.yaml": "packs: [own]\n", OWN: RULE})
    after = git_repo.commit("merged", **{"app.py": SUPPRESSED})
    repository = {"default_branch": "main"}
    github.event("push", before=before, after=after, ref="refs/heads/main", repository=repository)

    assert cli("ci", "--offline", rules=None).code == 0
    assert "New suppression" in github.summary


@pytest.mark.parametrize("command", ["check", "ci"])
def test_elsewhere_a_flag_stands_for_the_label(command: str, git_repo: GitRepo, cli: Cli) -> None:
    base(git_repo, **{".rlm-gate.yaml": "packs: [own]\nsuppressions: {new: label}\n"})
    git_repo.commit("change", **{"app.py": SUPPRESSED})
    arguments = (command, "--offline", "--diff=main")

    assert cli(*arguments, rules=None).code == 1
    assert cli(*arguments, "--accept-new-suppressions", rules=None).code == 0


def test_an_unreadable_suppression_file_of_the_change_accepts_nothing(pull: Pull) -> None:
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n"})
    pull.repo.commit(
        "slip", **{".rlm-gate/suppressions.yaml": "suppressions: 3\n", "app.py": "PLANTED\n"}
    )

    done = pull.run("--offline", labels=(LABEL,))

    assert done.code == 1
    assert "no accepted findings count" in pull.github.summary.split("\n\n")[1]


COMMENT = "# rlm-gate: ignore[own/planted] -- the word is a constant\n"
EDITED = "PLANTED(request.args)\n"


def covered(pull: Pull, policy: str = "") -> None:
    """Put an accepted finding into the base, and edit the code under its comment."""
    rule = f"packs: [own]\n{policy}"
    base(pull.repo, **{".rlm-gate.yaml": rule, "app.py": f"{COMMENT}PLANTED(1)\n"})
    pull.repo.commit("edit", **{"app.py": f"{COMMENT}{EDITED}"})


@pytest.mark.parametrize(
    ("policy", "labels", "code"),
    [
        ("", (), 1),
        ("", (LABEL,), 0),
        ("suppressions: {new: deny}\n", (LABEL,), 1),
        ("suppressions: {new: allow}\n", (), 0),
    ],
)
def test_an_old_suppression_is_a_new_one_for_the_code_that_is_put_under_it(
    *, policy: str, labels: tuple[str, ...], code: int, pull: Pull
) -> None:
    covered(pull, policy)

    assert pull.run("--offline", labels=labels).code == code
    first = pull.github.summary.split("\n\n")[1]
    assert "Suppression of code that this change edits, app.py" in first
    assert ("does not count" in first) == (code == 1)


def test_at_the_end_of_an_edited_line_it_is_the_same(pull: Pull) -> None:
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n", "app.py": SUPPRESSED})
    pull.repo.commit("edit", **{"app.py": SUPPRESSED.replace("PLANTED", "PLANTED(2)")})

    assert pull.run("--offline").code == 1
    assert pull.run("--offline", labels=(LABEL,)).code == 0


def test_lines_taken_out_from_under_it_are_an_edit_too(pull: Pull) -> None:
    call = "PLANTED(\n    1,\n    checked=True,\n)\n"
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n", "app.py": f"{COMMENT}{call}"})
    pull.repo.commit("edit", **{"app.py": COMMENT + call.replace("    checked=True,\n", "")})

    assert pull.run("--offline").code == 0, "the finding's own line is none of the change's"
    assert "Suppression of code that this change edits" in pull.github.summary


def test_a_suppression_whose_code_the_change_leaves_alone_stays_an_old_one(pull: Pull) -> None:
    text = f"{COMMENT}PLANTED(1)\n"
    base(pull.repo, **{".rlm-gate.yaml": "packs: [own]\n", "app.py": f"{text}\n\nx = 1\n"})
    pull.repo.commit("edit", **{"app.py": f"y = 2\n\n{text}\n\nx = 3\n"})

    done = pull.run("--offline")

    assert done.code == 0
    assert "uppression" not in pull.github.summary


def test_locally_it_counts_and_is_named(git_repo: GitRepo, cli: Cli) -> None:
    base(git_repo, **{".rlm-gate.yaml": "packs: [own]\n", "app.py": f"{COMMENT}PLANTED(1)\n"})
    git_repo.write("app.py", f"{COMMENT}{EDITED}")

    done = cli("check", "--offline", rules=None)

    assert done.code == 0
    assert "Suppression of code that this change edits, app.py:1" in done.out
