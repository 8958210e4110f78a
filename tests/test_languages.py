"""Languages by name, extension and shebang."""

from __future__ import annotations

import pytest

from rlm_gate.languages import KNOWN, comment_prefixes, covers, language_of


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "python"),
        ("stub.pyi", "python"),
        ("A.PY", "python"),
        ("x.tsx", "tsx"),
        ("x.d.ts", "typescript"),
        ("x.mts", "typescript"),
        ("x.cts", "typescript"),
        ("x.jsx", "javascript"),
        ("x.cjs", "javascript"),
        ("note.ipynb", "json"),
        ("Dockerfile", "dockerfile"),
        ("build/Dockerfile.dev", "dockerfile"),
        ("api.dockerfile", "dockerfile"),
        ("Makefile", "make"),
        ("Jenkinsfile", "groovy"),
        ("Gemfile", "ruby"),
        ("site/Web.config", "xml"),
        ("site/next.config", "text"),
        (".env", "ini"),
        (".env.production", "ini"),
        (".github/workflows/ci.yml", "yaml"),
        ("main.tf", "hcl"),
        ("README", "text"),
        ("a.unheard-of", "text"),
        (".py", "text"),
        ("py", "text"),
        ("dir.py/file", "text"),
        ("odd\nname.rs", "rust"),
        ("bad\udcff.go", "go"),
    ],
)
def test_a_name_tells_the_language(path: str, language: str) -> None:
    assert language_of(path) == language


@pytest.mark.parametrize(
    ("first_line", "language"),
    [
        ("#!/usr/bin/env python3", "python"),
        ("#!/usr/bin/python3.11 -I", "python"),
        ("#!/usr/bin/env -S uv run --script", "python"),
        ("#!/usr/bin/env -S FOO=1 node", "javascript"),
        ("#! /bin/sh -e", "bash"),
        ("#!/bin/bash\r", "bash"),
        ("#!/usr/bin/env ts-node", "typescript"),
        ("#!/usr/local/bin/perl5", "perl"),
        ("#!/opt/unheard-of", "text"),
        ("#!", "text"),
        ("# python", "text"),
        ("", "text"),
    ],
)
def test_a_shebang_tells_the_language_of_a_file_without_extension(
    first_line: str, language: str
) -> None:
    assert language_of("bin/tool", first_line) == language


def test_the_name_outranks_the_shebang() -> None:
    assert language_of("tool.rb", "#!/usr/bin/env python") == "ruby"


@pytest.mark.parametrize(
    ("rule", "file", "applies"),
    [
        ("any", "text", True),
        ("python", "python", True),
        ("typescript", "tsx", True),
        ("tsx", "typescript", False),
        ("javascript", "typescript", False),
        ("python", "text", False),
    ],
)
def test_a_rule_covers_its_language_and_the_dialects(
    rule: str, file: str, *, applies: bool
) -> None:
    assert covers(rule, file) is applies


def test_every_language_a_name_can_give_is_known() -> None:
    assert {"python", "tsx", "text", "dockerfile", "make", "hcl"} <= KNOWN
    assert "any" not in KNOWN


@pytest.mark.parametrize(
    ("language", "prefixes"),
    [
        ("python", ("#",)),
        ("typescript", ("//", "/*")),
        ("php", ("#", "//", "/*")),
        ("sql", ("--", "/*")),
        ("html", ("<!--",)),
        ("css", ("/*",)),
        ("unheard-of", ()),
    ],
)
def test_comment_prefixes_are_the_languages_own(language: str, prefixes: tuple[str, ...]) -> None:
    assert comment_prefixes(language) == prefixes


def test_every_known_language_but_the_oddest_has_a_comment() -> None:
    assert [language for language in KNOWN if not comment_prefixes(language)] == []
