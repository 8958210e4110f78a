from __future__ import annotations

import pytest
from builders import corpus, source

from rlm_gate.core import Notice, Span, Suppression
from rlm_gate.suppressions import in_file, written

ASK = "rlm-gate: ignore[a/b] -- why"
ELSE = "rlm-gate: ignore[a/b] -- no suppression"


def read(path: str, text: str) -> tuple[list[Suppression], list[Notice]]:
    found = list(in_file(source(path, text)))
    return (
        [one for one in found if isinstance(one, Suppression)],
        [one for one in found if isinstance(one, Notice)],
    )


# One file a language: a comment that counts, the lines it speaks of, and look-alikes in texts.
FORMS = [
    ("a.py", f"# {ASK}\nx = f(\n  1,\n)\ny = '# {ELSE}'\n'''\n# {ELSE}\n'''\n", (2, 4)),
    ("b.py", f"x = f(\n  1,\n)  # {ASK}\n", (3, 3)),
    ("c.py", f"# {ASK}\n@dec\ndef f(\n  a,\n):\n    g()\n    h()\n", (2, 5)),
    ("a.js", f"// {ASK}\nconst f = () => {{\n  g()\n}}\nx = `// {ELSE}`\n", (2, 2)),
    ("a.ts", f"f() /* {ASK} */\nx = '/* {ELSE} */'\n", (1, 1)),
    ("a.tsx", f"// {ASK}\nconst a = <p>// {ELSE}</p>\n", (2, 2)),
    ("a.go", f"package a\n\n// {ASK}\nvar x = `\n// {ELSE}\n`\n", (4, 6)),
    ("a.java", f'class A {{\n  // {ASK}\n  int x = 1;\n  String s = "// {ELSE}";\n}}\n', (3, 3)),
    ("a.c", f'/* {ASK} */\nint x;\nchar *s = "// {ELSE}";\n', (2, 2)),
    ("a.cpp", f'int x; // {ASK}\nauto s = R"(\n// {ELSE}\n)";\n', (1, 1)),
    ("a.cs", f'// {ASK}\nvar x = 1;\nvar s = @"\n// {ELSE}\n";\n', (2, 2)),
    ("a.rs", f'// {ASK}\nfn f() {{\n}}\nconst S: &str = "\n// {ELSE}\n";\n', (2, 2)),
    ("a.rb", f'# {ASK}\nx = 1\ny = "# {ELSE}"\n', (2, 2)),
    ("a.php", f"<?php\n// {ASK}\n$x = 1;\n$y = '# {ELSE}';\n", (3, 3)),
    ("a.kt", f'// {ASK}\nval x = 1\nval s = "// {ELSE}"\n', (2, 2)),
    ("a.swift", f'// {ASK}\nlet x = 1\nlet s = "// {ELSE}"\n', (2, 2)),
    ("a.scala", f'// {ASK}\nval x = 1\nval s = "// {ELSE}"\n', (2, 2)),
    ("a.lua", f"-- {ASK}\nx = 1\ny = '-- {ELSE}'\n", (2, 2)),
    ("a.sh", f"# {ASK}\nx=1\ncat <<E\n# {ELSE}\nE\n", (2, 2)),
    ("a.ex", f'# {ASK}\nx = 1\ny = "# {ELSE}"\n', (2, 2)),
    ("a.hs", f'-- {ASK}\nx = 1\ny = "-- {ELSE}"\n', (2, 2)),
    ("a.tf", f'# {ASK}\na = 1\nb = "# {ELSE}"\n', (2, 2)),
    ("a.html", f"<!-- {ASK} -->\n<p title='<!-- {ELSE} -->'>x</p>\n", (2, 2)),
    ("a.css", f"/* {ASK} */\na{{b:c}}\nd{{content:'/* {ELSE} */'}}\n", (2, 2)),
    ("a.yaml", f"# {ASK}\na: |\n  # {ELSE}\nb: '# {ELSE}'\n", (2, 2)),
    ("a.json", f'// {ASK}\n{{"a": "// {ELSE}"}}\n', (2, 2)),
    ("a.sql", f"-- {ASK}\nselect 1, '-- {ELSE}';\n", (2, 2)),
    ("Dockerfile", f"# {ASK}\nRUN x # {ELSE}\n", (2, 2)),
    ("Makefile", f"# {ASK}\na: b\n", (2, 2)),
    ("a.toml", f"# {ASK}\na = '# {ELSE}'\n", (2, 2)),
    ("a.ini", f"; {ASK}\na = 1\n", (2, 2)),
    ("a.xml", "<!-- rlm-gate: ignore[a/b] — why -->\n<a/>\n", (2, 2)),
    ("a.vue", f"<!-- {ASK} -->\n<p>x</p>\n", (2, 2)),
    ("a.scss", f"// {ASK}\na {{ b: c }}\n", (2, 2)),
    ("a.ps1", f"# {ASK}\n$x = 1\n", (2, 2)),
    ("a.md", f"<!-- {ASK} -->\ntext\n`<!-- {ELSE} -->`\n", (2, 2)),
]


@pytest.mark.parametrize(("path", "text", "target"), FORMS, ids=[form[0] for form in FORMS])
def test_comments_count_in_every_language_and_texts_in_none(
    path: str, text: str, target: tuple[int, int]
) -> None:
    found, notices = read(path, text)
    assert [(one.rules, one.reason) for one in found] == [(("a/b",), "why")]
    assert notices == []
    assert found[0].target
    assert (found[0].target.start, found[0].target.end) == target


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.sql", f"select 'x\n-- {ELSE}\n';\n"),
        ("a.md", f"```\n<!-- {ELSE} -->\n```\n"),
        ("Dockerfile", f"RUN cat <<E\n# {ELSE}\nE\n"),
        ("a.toml", f'a = """\n# {ELSE}\n"""\n'),
        ("Makefile", f"a:\n\t# {ELSE}\n"),
    ],
)
def test_without_a_grammar_what_may_be_a_text_is_refused_and_said(path: str, text: str) -> None:
    found, (notice,) = read(path, text)
    assert found == []
    assert notice.place.start == 2
    assert "may be a text" in notice.text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.txt", f"# {ELSE}\n"),
        ("a.py", f"# write {ELSE}\nx = 1\n"),
        ("a.py", "# rlm-gate: our quality gate\nx = 1\n"),
        ("a.py", f'"""{ELSE}"""\n'),
    ],
    ids=["no comments", "in the middle of prose", "about the gate", "docstring"],
)
def test_prose_suppresses_nothing_and_is_no_mistake(path: str, text: str) -> None:
    assert read(path, text) == ([], [])


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("ignore", "no rule"),
        ("ignore[a/b] because I say so", "does not follow ' -- '"),
        ("ignore[] -- why", "'' is no rule"),
        ("ignore[security] -- why", "a whole pack is not suppressed"),
        ("ignore[a/*] -- why", "'a/*' is no rule"),
        ("ignore[a/b] util=2027-01-31 -- why", "unknown option 'util'"),
        ("ignore[a/b] until=31.1.2027 -- why", "is no date"),
        ("ignore[a/b] until=2027-02-30 -- why", "is no date"),
        ("disable[a/b] -- why", "'disable' is nothing that rlm-gate does"),
    ],
)
def test_a_malformed_suppression_is_said_with_its_line_and_remedy(written: str, wrong: str) -> None:
    found, (notice,) = read("a.py", f"x = 1\ny = 2  # rlm-gate: {written}\n")
    assert found == []
    assert (notice.place.path, notice.place.start) == ("a.py", 2)
    assert wrong in notice.text


def test_a_comment_above_nothing_speaks_of_nothing() -> None:
    found, (notice,) = read("a.py", f"# {ASK}\n\nx = 1\n")
    assert found == []
    assert "speaks of no line" in notice.text


def test_stacked_comments_speak_of_the_same_line_and_name_several_rules() -> None:
    one = "# rlm-gate: ignore[a/b, c/d] until=2027-01-31 owner=@me -- one"
    text = f"{one}\n# rlm-gate: ignore[e/f] -- two\nx = 1\n"
    (first, second), notices = read("a.py", text)
    assert notices == []
    assert first.rules == ("a/b", "c/d")
    assert (first.until, first.owner, first.reason) == ("2027-01-31", "@me", "one")
    assert first.target == second.target
    assert first.target
    assert first.target.start == 3


def test_a_comment_in_code_that_does_not_parse_is_not_believed() -> None:
    found, notices = read("a.js", f"function ( {{{{ x\n// {ASK}\ny ) = = = ;\n")
    assert found == [] or notices == []
    assert all("does not parse" in one.text for one in notices)


@pytest.mark.parametrize("name", ["a/b c", "a/b?", "a/b/c", "A/b", "a/*", "a"])
def test_a_rule_is_named_wholly_by_pack_and_name(name: str) -> None:
    suppressions, [notice] = read("a.py", f"# rlm-gate: ignore[{name}] -- why\nx = 1\n")
    assert suppressions == []
    assert "is no rule" in notice.text


def test_without_a_grammar_only_a_line_that_is_all_comment_counts() -> None:
    assert read("a.sql", f"/* {ASK} */ SELECT 1;\nSELECT 2;\n") == ([], [])
    [one], _ = read("a.sql", f"/* {ASK} */\nSELECT 2;\n")
    assert one.target == Span("a.sql", 2, 2)


def test_without_a_grammar_stacked_comments_speak_of_the_line_below_them_all() -> None:
    found, _ = read("a.toml", f"# {ASK}\n# {ASK}\nx = 1\ny = 2\n")
    assert [one.target for one in found] == [Span("a.toml", 3, 3)] * 2


def test_what_a_deleted_file_said_accepts_nothing() -> None:
    text = f"# {ASK}\nx = 1\n"
    for status, count in (("whole", 1), ("deleted", 0)):
        assert len(written(corpus(source("a.py", text, status=status))).suppressions) == count
