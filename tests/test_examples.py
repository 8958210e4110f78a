from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rlm_gate import examples, languages, packs
from rlm_gate.core import Removed, Span
from rlm_gate.errors import Problem
from rlm_gate.examples import Example

if TYPE_CHECKING:
    from pathlib import Path

RULE = """\
title: T
severity: low
precision: low
languages: [python, go]
detect: [{engine: regex, pattern: bad}]
message: m
help: {why: w, fix: f}
tests:
  bad:
    - bad()
    - {lang: go, code: "bad()\\n"}
    - {before: "a\\nbad\\nc\\n", after: "a\\nc\\n", path: pkg/x.py}
  good:
    - fine()
    - {lang: javascript, code: bad(), stopped_by: language}
"""


def of(folder: Path) -> list[Example | Problem]:
    [pack] = packs.load_files([str(folder)], None)
    [file] = pack.files
    return list(examples.of_rule(pack, file))


def beside(tmp_path: Path, name: str, text: str) -> Example | Problem:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "my-rule.yaml").write_text(RULE)
    (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    [*_, last] = of(folder)
    return last


def test_examples_become_files_of_their_language_at_their_place(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "my-rule.yaml").write_text(RULE)
    found = [one for one in of(folder) if isinstance(one, Example)]
    assert [(one.file.path, one.file.language, one.bad) for one in found] == [
        ("src/demo_my_rule_bad_1.py", "python", True),
        ("src/demo_my_rule_bad_2.go", "go", True),
        ("pkg/x.py", "python", True),
        ("src/demo_my_rule_good_1.py", "python", False),
        ("src/demo_my_rule_good_2.js", "javascript", False),
    ]
    assert [one.place[1:] for one in found] == [(10, 7), (11, 7), (12, 7), (14, 7), (15, 7)]
    assert [one.stopped_by for one in found] == [None] * 4 + ["language"]
    assert found[0].fails("x") == Problem(f"{folder}/my-rule.yaml", 10, 7, "demo/my-rule: x")


def test_a_rule_for_any_text_has_examples_of_plain_text(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "r.yaml").write_text(RULE.replace("[python, go]", "[any]"))
    first = of(folder)[0]
    assert isinstance(first, Example)
    assert (first.file.language, first.file.path) == ("text", "src/demo_r_bad_1.text")


@pytest.mark.parametrize("language", sorted(languages.KNOWN))
def test_every_language_has_a_file_name_that_says_so(language: str) -> None:
    path = f"src/a.{examples._EXTENSIONS.get(language, language)}"
    assert languages.language_of(path) == language


def test_a_whole_file_is_judged_in_every_line() -> None:
    file = examples.whole_file("a.py", "python", "1\n2\n")
    assert file.changed == (Span("a.py", 1, 2),)
    assert (file.text, file.line_count, file.status) == ("1\n2\n", 2, "whole")
    assert examples.whole_file("a.py", "python", "").changed == ()


@pytest.mark.parametrize(
    ("before", "after", "status", "changed", "removed"),
    [
        ("a\nb\nc\n", "a\nc\n", "modified", [], [(1, "b")]),
        ("a\nc\n", "a\nb\nc\n", "modified", [(2, 2)], []),
        ("a\nb\n", "a\nx\ny\n", "modified", [(2, 3)], [(1, "b")]),
        ("a\nb\n", "b\n", "modified", [], [(0, "a")]),
        ("", "a\n", "added", [(1, 1)], []),
        ("a\nb\n", "", "deleted", [], [(0, "a\nb")]),
        ("a\n", "a\n", "modified", [], []),
    ],
)
def test_a_change_is_judged_where_the_texts_differ(
    before: str,
    after: str,
    status: str,
    changed: list[tuple[int, int]],
    removed: list[tuple[int, str]],
) -> None:
    file = examples.changed_file("a.py", "python", before, after)
    assert file.status == status
    assert file.changed == tuple(Span("a.py", *span) for span in changed)
    assert file.removed == tuple(Removed(*block) for block in removed)


def test_comments_beside_a_rule_say_what_is_found(tmp_path: Path) -> None:
    text = (
        "import x\n# ruleid: my-rule\nbad()\n# ok: demo/my-rule\nfine()\n"
        "# ruleid: other, my-rule\n# ok: something-else\nbad()\n"
    )
    found = beside(tmp_path, "my-rule.py", text)
    assert isinstance(found, Example)
    assert found.lines == {3, 7}
    assert found.bad
    assert found.place == (f"{tmp_path}/demo/my-rule.py", 1, 1)
    assert found.file.text == text


def test_annotations_may_stand_on_one_another_and_count_in_comments_only(tmp_path: Path) -> None:
    text = 'x = "ruleid: my-rule"\n# ruleid: my-rule\n# ruleid: my-rule\nbad()\n'
    found = beside(tmp_path, "my-rule.py", text)
    assert isinstance(found, Example)
    assert found.lines == {4}


def test_a_file_of_ok_lines_is_a_good_example(tmp_path: Path) -> None:
    found = beside(tmp_path, "my-rule.test.yaml", "# ok: my-rule\na: b\n")
    assert isinstance(found, Example)
    assert (found.bad, found.lines, found.file.language) == (False, frozenset(), "yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bad()\n", "no comment here says"),
        ("# ruleid: another\nbad()\n", "no comment here says"),
        ("\udcff", "can't be read as UTF-8"),
    ],
)
def test_a_file_beside_a_rule_that_proves_nothing_is_a_problem(
    text: str, said: str, tmp_path: Path
) -> None:
    found = beside(tmp_path, "my-rule.py", text)
    assert isinstance(found, Problem)
    assert said in found.text
    assert found.path == f"{tmp_path}/demo/my-rule.py"


def test_an_example_without_its_rule_is_a_stray(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "my-rule.yaml").write_text(RULE)
    for name in ("my-rule.py", "mine.py", "README.md", "_helper.py", ".x.py", "gone.test.yaml"):
        (folder / name).write_text("")
    [pack] = packs.load_files([str(folder)], None)
    assert [(one.path, one.text) for one in examples.strays(pack)] == [
        (f"{folder}/gone.test.yaml", "there is no gone.yaml beside it"),
        (f"{folder}/mine.py", "there is no mine.yaml beside it"),
    ]
