from __future__ import annotations

from pathlib import Path

import pytest

from rlm_gate import owners

LINES = """\
# who owns what
*             @acme/everyone
*.js          @js-owner #inline comment
docs/*        docs@example.com
/build/logs/  @doctocat @acme/ops
apps/         @octocat
/apps/github
src/my\\ file  @spaces
"""


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("README", ("@acme/everyone",)),
        ("a/b.js", ("@js-owner",)),
        ("docs/start.md", ("docs@example.com",)),
        ("docs/build-app/trouble.md", ("@acme/everyone",)),
        ("build/logs/x/y", ("@doctocat", "@acme/ops")),
        ("lib/build/logs/x", ("@acme/everyone",)),
        ("lib/apps/x", ("@octocat",)),
        ("apps/x.js", ("@octocat",)),
        ("apps/github", ()),
        ("src/my file", ("@spaces",)),
    ],
)
def test_the_last_pattern_that_matches_counts(path: str, who: tuple[str, ...]) -> None:
    assert owners.parse(LINES).of(path) == who


@pytest.mark.parametrize("line", ["!*.py @a", "[ab].py @a", "\\#x @a", "*.py nobody", "*.py @a b"])
def test_a_line_that_github_does_not_understand_is_passed_over(line: str) -> None:
    assert owners.parse(f"* @first\n{line}\n").of("a.py") == ("@first",)


def test_the_first_file_where_github_looks_counts(tmp_path: Path) -> None:
    assert owners.read(tmp_path).of("x") == ()
    assert owners.read(None).of("x") == ()
    for name in reversed(owners.FILES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"* @{name.replace('/', '-')}\n")
        assert owners.read(tmp_path).of("x") == (f"@{name.replace('/', '-')}",)


def test_a_link_or_a_huge_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("* @a\n")
    (tmp_path / "CODEOWNERS").symlink_to(tmp_path / "real")
    assert owners.read(tmp_path).of("x") == ()
    (tmp_path / "CODEOWNERS").unlink()
    (tmp_path / "CODEOWNERS").write_text("* @a\n" + "#" * (3 << 20))
    assert owners.read(tmp_path).of("x") == ()
