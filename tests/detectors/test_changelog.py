"""The engine of changes that users notice and no changelog tells."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Corpus, Detect, Finding, SourceFile
from rlm_gate.detectors import changelog

RULE = rule("own/changelog", detect=[Detect("changelog", {})])
OPEN = "# Changelog\n\n## [Unreleased]\n\n## [1.0.0]\n- First.\n"
OPTION = 'parser.add_argument("--quiet")\n'


def new(path: str, text: str) -> SourceFile:
    return source(path, text, status="added")


def found(*files: SourceFile, kind: str = "diff", **tree: str) -> list[str]:
    judged = corpus(*files, kind=kind)
    named = {path.replace("__", "/").replace("_", "."): text for path, text in tree.items()}
    judged.tree.update(named)  # type: ignore[attr-defined]  # a dict, in tests
    return told(judged)


def told(judged: Corpus) -> list[str]:
    items = changelog.detect(judged, [RULE])
    return [one.explanation for one in items if isinstance(one, Finding)]


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        pytest.param("a.py", OPTION, "the option --quiet", id="argparse"),
        pytest.param("a.py", '@click.option("-q", "--quiet")\n', "the option --quiet", id="click"),
        pytest.param(
            "a.js", 'program.option("-q, --quiet");\n', "the option --quiet", id="commander"
        ),
        pytest.param(
            "a.go", 'c.Flags().BoolVar(&q, "quiet", false, "")\n', "the option quiet", id="cobra"
        ),
        pytest.param(
            "a/__init__.py", "from .b import c as c\n", "the exported name c", id="package"
        ),
        pytest.param(
            "src/index.ts", "export { load } from './a';\n", "the exported name load", id="index"
        ),
        pytest.param("a/b.go", "func New(a int) *A {\n}\n", "the exported name New", id="Go"),
        pytest.param("src/lib.rs", "pub fn load(a: u8) {}\n", "the exported name load", id="Rust"),
    ],
)
def test_what_users_see_and_no_line_tells_is_found(path: str, text: str, what: str) -> None:
    assert found(new(path, text), CHANGELOG_md=OPEN) == [
        f"{what} is new, and CHANGELOG.md has no line about it"
    ]


def test_a_deprecation_is_found_where_the_file_had_none() -> None:
    text = 'warnings.warn("use b", DeprecationWarning, stacklevel=2)\n'
    assert found(new("a.py", text), CHANGELOG_md=OPEN)
    moved = source("a.py", text, status="modified", changed=[(1, 1)], removed=[(1, text)])
    assert not found(moved, CHANGELOG_md=OPEN)


@pytest.mark.parametrize(
    "path",
    ["CHANGELOG.md", "docs/CHANGES.rst", "changelog.d/12.fixed", ".changeset/big-cats-run.md"],
)
def test_a_line_in_any_changelog_is_enough(path: str) -> None:
    assert not found(new("a.py", OPTION), new(path, OPEN), news__12_bugfix="x", CHANGELOG_md=OPEN)


def test_a_removed_entry_of_a_release_is_a_line_too() -> None:
    judged = replace(corpus(new("a.py", OPTION), kind="diff"), gone=frozenset({"news/1.bugfix"}))
    judged.tree.update({"news/2.bugfix": "x"})  # type: ignore[attr-defined]  # a dict, in tests
    assert not told(judged)


@pytest.mark.parametrize(
    "tree",
    [
        pytest.param({}, id="there is none"),
        pytest.param({"CHANGELOG_md": "## 1.0.0\n- Unreleased features were cut.\n"}, id="closed"),
        pytest.param({"b__CHANGELOG_md": OPEN}, id="of another package"),
        pytest.param({"news__a-b-c_md": "x", "news__config_json": "{}"}, id="a site's news"),
    ],
)
def test_where_nobody_keeps_one_none_is_wanted(tree: dict[str, str]) -> None:
    assert not found(new("a/a.py", OPTION), **tree)


def test_the_nearest_changelog_is_named_and_each_once() -> None:
    files = (new("a/a.py", OPTION + OPTION.replace("quiet", "loud")), new("b/b.py", OPTION))
    explained = found(*files, CHANGELOG_md=OPEN, a__CHANGELOG_md=OPEN)
    assert explained == [
        "the option --quiet is new, and CHANGELOG.md has no line about it",
        "the option --quiet is new (and 1 more), and a/CHANGELOG.md has no line about it",
    ]


def test_what_moves_between_files_is_not_new() -> None:
    was = source("b.py", "x = 1\n", status="modified", changed=(), removed=[(1, OPTION)])
    assert not found(new("a.py", OPTION), was, CHANGELOG_md=OPEN)


def test_what_is_gone_is_told_at_what_is_left() -> None:
    was = source("b.py", "x = 1\ny = 2\n", status="modified", changed=(), removed=[(1, OPTION)])
    assert found(was, CHANGELOG_md=OPEN) == [
        "the option --quiet is gone, and CHANGELOG.md has no line about it"
    ]
    judged = corpus(was, kind="diff")
    judged.tree.update({"CHANGELOG.md": OPEN})  # type: ignore[attr-defined]  # a dict, in tests
    [one] = changelog.detect(judged, [RULE])
    assert isinstance(one, Finding)
    assert (one.span.start, one.span.end) == (1, 2), "a finding that touches the removal counts"


def test_a_commit_and_a_whole_scope_are_not_asked() -> None:
    assert not found(new("a.py", OPTION), kind="staged", CHANGELOG_md=OPEN)
    assert not found(source("a.py", OPTION), kind="all", CHANGELOG_md=OPEN)
