from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_gate import config, schemas, yamlmarks
from rlm_gate.config import Flags, ScopeRequest, Settings, layers
from rlm_gate.core import Budget, Severity
from rlm_gate.errors import ConfigError, UsageError

WHOLE = ScopeRequest("all")


def written(root: Path, text: str, flags: Flags | None = None) -> Settings:
    (root / config.CONFIG_FILE).write_text(text, encoding="utf-8")
    return config.settings(flags or Flags(), root)


def test_without_file_and_flags_the_defaults_hold(tmp_path: Path) -> None:
    found = config.settings(Flags(), tmp_path)
    assert found.fail_on is Severity.HIGH
    assert found.packs is None
    missing = ("ANTHROPIC_API_KEY",)
    assert found.models == config.Models("sonnet", "haiku", "no-key", missing=missing)
    assert (found.exclude, found.never_send, found.overrides) == ((), (), ())
    assert (found.on_inconclusive, found.ci, found.no_ignores) == ("fail", False, False)
    assert (found.budget.usd, found.budget.deadline, found.budget.user_usd) == (1.0, 600.0, False)
    assert replace(config.settings(Flags(), None), home=tmp_path) == found


@pytest.mark.parametrize("text", ["version: 1", "", "\n# nothing yet\n"])
def test_a_file_that_says_nothing_changes_nothing(text: str, tmp_path: Path) -> None:
    assert replace(written(tmp_path, text), home=None) == config.settings(Flags(), None)


def test_what_holds_without_a_file_is_the_schemas_defaults() -> None:
    model, _ = schemas.check(schemas.ConfigModel, yamlmarks.parse("version: 1", "f"))
    assert model
    dumped = model.model_dump(exclude_none=True, exclude={"version"})
    assert dumped | {"models": {}} == layers.NOTHING


@pytest.mark.parametrize(
    ("scope", "usd", "deadline"),
    [
        (ScopeRequest("worktree"), 1.0, 600.0),
        (ScopeRequest("staged"), 1.0, 600.0),
        (ScopeRequest("diff", "main"), 1.0, 600.0),
        (ScopeRequest("staged", paths=("a",)), 1.0, 600.0),
        (ScopeRequest("worktree", paths=("a",)), 5.0, 3600.0),
        (ScopeRequest("all"), 5.0, 3600.0),
        (ScopeRequest("rev", "v1"), 5.0, 3600.0),
    ],
)
def test_a_whole_scope_may_cost_more_by_default(
    scope: ScopeRequest, usd: float, deadline: float
) -> None:
    budget = config.settings(Flags(scope=scope), None).budget
    assert (budget.usd, budget.deadline, budget.user_usd) == (usd, deadline, False)


EVERYTHING = """\
version: 1
packs: [security, ./house/rules]
fail_on: low
models:
  root: opus
  sub: gemini-flash
  allowed: [claude-opus-5-5]
  prices: {own-model: {in: 1, out: 2.5, cache_read: 0}}
budget: {usd: 2.5, calls: 7, tokens: 1000, turns: 3, deadline: 60, cell_timeout: 1.5}
exclude: [vendor/]
never_send: ['*.pem']
overrides:
  - paths: ["tests/**"]
    ignore: [security/x]
    severity: {security/y: low, patterns: info}
on_inconclusive: warn
"""


def test_every_key_of_the_file_arrives(tmp_path: Path) -> None:
    found = written(tmp_path, EVERYTHING)
    assert found.packs == ("security", str(tmp_path / "house/rules"))
    assert found.fail_on is Severity.LOW
    assert (found.models.root, found.models.sub) == ("opus", "gemini-flash")
    assert found.models.allowed == ("claude-opus-5-5",)
    assert found.models.prices == {"own-model": {"in": 1, "out": 2.5, "cache_read": 0}}
    assert found.budget == Budget(2.5, 7, 1000, 3, 60, 1.5, user_usd=True)
    assert found.exclude == ("^(?:.+/)?vendor/",)
    assert found.never_send == ("^(?:.+/)?[^/]*\\.pem(?:/|\\Z)",)
    [override] = found.overrides
    assert (override.include, override.ignore) == (("^tests/",), ("security/x",))
    assert override.severity == {"security/y": Severity.LOW, "patterns": Severity.INFO}
    assert found.on_inconclusive == "warn"


def test_flags_outrank_the_file(tmp_path: Path) -> None:
    flags = Flags(
        rules=("elsewhere",),
        fail_on="never",
        root_model="m1",
        sub_model="m2",
        max_usd=0.0,
        max_calls=0,
        deadline=5.0,
        on_inconclusive="fail",
    )
    found = written(tmp_path, EVERYTHING, flags)
    assert found.packs == ("elsewhere",)
    assert found.fail_on is None
    assert (found.models.root, found.models.sub) == ("m1", "m2")
    assert (found.budget.usd, found.budget.max_calls, found.budget.deadline) == (0.0, 0, 5.0)
    assert found.budget.max_tokens == 1000
    assert found.on_inconclusive == "fail"


def test_selection_and_switches_pass_through() -> None:
    flags = Flags(
        select=("a",), ignore=("b/c",), no_ignores=True, allow_reduced_sandbox=True, scope=WHOLE
    )
    found = config.settings(flags, None)
    assert (found.select, found.ignore) == (("a",), ("b/c",))
    assert found.no_ignores
    assert found.allow_reduced_sandbox
    assert found.scope == WHOLE


def test_a_dollar_limit_of_the_user_is_told_from_the_default(tmp_path: Path) -> None:
    assert config.settings(Flags(max_usd=1.0), None).budget.user_usd
    assert written(tmp_path, "budget: {usd: 1}").budget.user_usd
    assert not written(tmp_path, "budget: {calls: 1}").budget.user_usd


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (Flags(max_usd=-1.0), "--max-usd -1.0"),
        (Flags(max_usd=float("nan")), "--max-usd nan"),
        (Flags(max_usd=float("inf")), "--max-usd inf"),
        (Flags(max_calls=-1), "--max-calls -1"),
        (Flags(deadline=-0.5), "--deadline -0.5"),
        (Flags(fail_on="severe"), "--fail-on severe"),
        (Flags(config="nowhere.yaml"), "--config nowhere.yaml: no such file"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused(flags: Flags, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        config.settings(flags, None)


@pytest.mark.parametrize(
    ("offline", "text", "key", "mode"),
    [
        (False, "version: 1", "", "no-key"),
        (False, "version: 1", "ANTHROPIC_API_KEY", "on"),
        (False, "version: 1", "ANTHROPIC_AUTH_TOKEN", "on"),
        (True, "version: 1", "ANTHROPIC_API_KEY", "offline"),
        (True, "version: 1", "", "offline"),
        (False, "models: off", "ANTHROPIC_API_KEY", "offline"),
        (False, "models: off", "", "offline"),
    ],
)
def test_models_are_on_with_a_key_unless_switched_off(
    *,
    offline: bool,
    text: str,
    key: str,
    mode: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if key:
        monkeypatch.setenv(key, "k")
    assert written(tmp_path, text, Flags(offline=offline)).models.mode == mode


@pytest.mark.parametrize(
    ("root", "sub", "keys", "missing"),
    [
        ("sonnet", "haiku", ["ANTHROPIC_AUTH_TOKEN"], []),
        ("sonnet", "gemini-flash", ["ANTHROPIC_API_KEY"], ["GEMINI_API_KEY"]),
        ("sonnet", "gemini-flash", ["GOOGLE_API_KEY"], ["ANTHROPIC_API_KEY"]),
        ("sonnet", "gemini-flash", ["ANTHROPIC_API_KEY", "GOOGLE_API_KEY"], []),
        ("gemini-pro", "gemini-flash", ["GEMINI_API_KEY"], []),
        ("openai:gpt-x", "haiku", [], ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]),
        ("openai:gpt-x", "openai:gpt-y", ["OPENAI_API_KEY"], []),
    ],
)
def test_models_need_the_keys_of_their_own_providers(
    root: str, sub: str, keys: list[str], missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in keys:
        monkeypatch.setenv(key, "k")
    models = config.settings(Flags(root_model=root, sub_model=sub), None).models
    assert (models.mode, list(models.missing)) == ("no-key" if missing else "on", missing)


def test_keys_and_addresses_are_gathered_by_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, f"of {name}")
    found = config.environment()
    assert found.keys == {"gemini": "of GEMINI_API_KEY", "openai": "of OPENAI_API_KEY"}
    assert found.addresses == {"openai": "of OPENAI_BASE_URL"}
    assert "of OPENAI_API_KEY" not in repr(found)


def test_an_empty_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    assert config.settings(Flags(), None).models.mode == "no-key"


def test_mistakes_of_the_file_come_in_one_pass(tmp_path: Path) -> None:
    text = "fail_on: none\nextend: x\nexclude: ['!a']\nversion: 1\nversion: 1\n"
    with pytest.raises(ConfigError) as caught:
        written(tmp_path, text)
    assert [problem[:2] for problem in caught.value.problems] == [
        (".rlm-gate.yaml", line) for line in (1, 2, 3, 5)
    ]
    assert caught.value.exit_code == 2


def test_a_named_file_replaces_the_default_one(tmp_path: Path) -> None:
    (tmp_path / config.CONFIG_FILE).write_text("nonsense")
    other = tmp_path / "other.yaml"
    other.write_text("fail_on: info")
    assert config.settings(Flags(config=str(other)), tmp_path).fail_on is Severity.INFO
    other.write_text("fail_on: 1")
    with pytest.raises(ConfigError, match=r"other\.yaml:1:10: fail_on"):
        config.settings(Flags(config=str(other)), tmp_path)


@pytest.mark.parametrize("name", [".rlm-gate.yml", "rlm-gate.yaml"])
def test_a_misspelt_name_is_not_passed_over(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("fail_on: info")
    with pytest.raises(ConfigError, match=r"rename it to \.rlm-gate\.yaml"):
        config.settings(Flags(), tmp_path)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("make", [make_folder, make_pipe, make_endless, make_dangling])
def test_what_is_no_file_is_refused_and_not_waited_for(make: object, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / config.CONFIG_FILE)
    with pytest.raises(ConfigError, match=r"\.rlm-gate\.yaml:1:1: can't be read"):
        config.settings(Flags(), tmp_path)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        written(tmp_path, "#" * 3_000_000)


def test_the_cached_form_is_the_same_and_follows_the_content(tmp_path: Path) -> None:
    first = written(tmp_path, EVERYTHING)
    entries = list((first.cache_dir / "config").iterdir())
    assert len(entries) == 1
    assert config.settings(Flags(), tmp_path) == first
    assert list((first.cache_dir / "config").iterdir()) == entries
    changed = EVERYTHING.replace("fail_on: low", "fail_on: info")
    assert written(tmp_path, changed).fail_on is Severity.INFO


def test_a_cached_configuration_needs_no_yaml(tmp_path: Path) -> None:
    written(tmp_path, EVERYTHING)
    code = (
        "import sys; from pathlib import Path; from rlm_gate import config, packs;"
        "config.settings(config.Flags(), Path.cwd());"
        "print([name for name in ('yaml', 'pydantic', 'pathspec') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_the_environment_is_gathered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CI": "True",
        "GITHUB_SHA": "abc",
        "RUNNER_TEMP": "/t",
        "PRE_COMMIT": "1",
        "PRE_COMMIT_TO_REF": "r",
        "ANTHROPIC_BASE_URL": "http://localhost:1",
        "NO_COLOR": "1",
        "COLUMNS": "72",
    }.items():
        monkeypatch.setenv(name, value)
    found = config.environment()
    assert found.ci
    assert found.github == {"GITHUB_SHA": "abc", "RUNNER_TEMP": "/t"}
    assert found.pre_commit == {"PRE_COMMIT": "1", "PRE_COMMIT_TO_REF": "r"}
    assert found.addresses == {"anthropic": "http://localhost:1"}
    assert found.keys == {}
    assert found.no_color
    assert found.columns == 72
    assert config.settings(Flags(), None).ci


@pytest.mark.parametrize(("value", "ci"), [("1", True), ("false", False), ("0", False)])
def test_ci_is_said_by_a_true_value(
    *, value: str, ci: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", value)
    assert config.environment().ci is ci


def test_folders_follow_the_xdg_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/is/ignored")
    monkeypatch.delenv("XDG_STATE_HOME")
    found = config.environment()
    assert found.cache_dir == Path("/home/someone/.cache/rlm-gate")
    assert found.state_dir == Path("/home/someone/.local/state/rlm-gate")
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    found = config.environment()
    assert (found.cache_dir, found.state_dir) == (Path("/c/rlm-gate"), Path("/s/rlm-gate"))
    monkeypatch.setenv("RLM_GATE_CACHE_DIR", "mine")
    assert config.environment().cache_dir == Path.cwd() / "mine"


def test_a_home_that_is_no_absolute_path_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the cache would lie in the repository that is judged."""
    monkeypatch.setenv("HOME", "here")
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name)
    found = config.environment()
    assert found.cache_dir.is_absolute()
    assert found.state_dir.is_absolute()
    assert Path.cwd() not in {*found.cache_dir.parents, *found.state_dir.parents}


def test_settings_take_the_environment_they_are_given(tmp_path: Path) -> None:
    env = replace(config.environment(), keys={"anthropic": "made-up"}, cache_dir=tmp_path)
    found = config.settings(Flags(), None, env)
    assert found.models.mode == "on"
    assert found.cache_dir == tmp_path
