"""The engine of links and commands, on small trees and on real changes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from builders import corpus, rule, source
from conftest import GitRepo

from rlm_gate.core import Detect, Finding, Rule
from rlm_gate.detectors import guides
from rlm_gate.detectors._pages import read, slug

LINKS = rule(
    "own/links",
    detect=[Detect("guides", {"find": "links"})],
    languages=("markdown", "restructuredtext"),
)
COMMANDS = rule(
    "own/commands",
    detect=[Detect("guides", {"find": "commands"})],
    languages=("markdown", "restructuredtext"),
)


def found(wanted: Rule, **texts: str) -> list[tuple[str, int, str]]:
    """Return path, line and reason of what is found in a tree; ``__`` in a name is a slash."""
    paths = {name.replace("__", "/").replace("_md", ".md"): text for name, text in texts.items()}
    files = [source(path, text) for path, text in paths.items()]
    judged = guides.detect(corpus(*files), [wanted])
    return [
        (one.span.path, one.span.start, one.explanation)
        for one in judged
        if isinstance(one, Finding)
    ]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        pytest.param("Hello, World!", "hello-world", id="punctuation goes"),
        pytest.param("Install & use", "install--use", id="each space is a hyphen"),
        pytest.param("snake_case stays", "snake_case-stays", id="underscores stay"),
        pytest.param("Größe 2", "größe-2", id="letters of all languages"),
        pytest.param("1.2.3 (2026-01-01)", "123-2026-01-01", id="versions"),
        pytest.param("🚀 Start", "-start", id="an emoji leaves its space"),
    ],
)
def test_anchors_are_made_as_github_makes_them(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


def test_the_same_heading_twice_is_numbered() -> None:
    assert read("# A\n## A\n### A b\n# `A`\n", "markdown").anchors == {"a", "a-1", "a-b", "a-2"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("a\nb [x](no.md)\n", 2, id="a link"),
        pytest.param("a\n\n![x](no.png)\n", 3, id="an image"),
        pytest.param("a\n<img\n  src='no.png'>\n", 2, id="a tag"),
        pytest.param("[x][y] [z][y]\n\n[y]: no.md\n", 3, id="once, where the label is defined"),
        pytest.param("a [text][nothing] b\n", 1, id="a label that nothing defines"),
        pytest.param("# A\n[x](#b)\n", 2, id="an anchor of this page"),
        pytest.param("[x](OTHER.md#b)\n", 1, id="an anchor of another page"),
        pytest.param("[x](other.md)\n", 1, id="other letters"),
        pytest.param("[x](/docs/no.md)\n", 1, id="from the root, in a README"),
        pytest.param("[x](a%20b.md)\n", 1, id="encoded"),
        pytest.param("| a | b |\n|---|---|\n| c | [x](no.md) |\n", 3, id="in a table"),
    ],
)
def test_what_leads_nowhere_is_found_in_its_line(text: str, line: int) -> None:
    assert [one[1] for one in found(LINKS, README_md=text, OTHER_md="# A\n")] == [line]


@pytest.mark.parametrize(
    "text",
    [
        "[x](OTHER.md)",
        "[x](./OTHER.md#a)",
        "[x](/OTHER.md?raw=true)",
        "[x](docs)",
        "[x](docs/)",
        "[x](docs/with%20space.md)",
        "[x](../../issues)",
        "[x](../../actions/workflows/a.yml/badge.svg)",
        "[x](https://example.org/no.md) <https://example.org> [y](//example.org/z)",
        "[x](mailto:a@example.org) [y](tel:1)",
        "[x]({{ base }}/no.md) [y](${x}/no.md) [z](<no.md>)"[:46],
        "`[x](no.md)`\n\n    [x](no.md)\n",
        "<!-- [x](no.md) <a href='no.md'> -->",
        "cells[i][j] and matrix [0][1]",
        "[x](#L12) [y](OTHER.md#L3) [z](#) [top](#top)",
        "# Ein `Titel` mit *Betonung*\n[x](#ein-titel-mit-betonung)",
        "<a id='here'></a>\n[x](#here)",
        "# A {#own}\n[x](#own)",
        "{% include 'a.md' %}\n[x](#made-elsewhere)",
    ],
)
def test_what_leads_somewhere_or_outside_is_left_alone(text: str) -> None:
    tree = {"README_md": text, "OTHER_md": "# A\n", "docs__with space_md": ""}
    assert found(LINKS, **tree) == []


@pytest.mark.parametrize(
    "link",
    [
        "/start/",
        "../start",
        "api.html",
        "llms.txt",
        "tool.blocks.Block",
        "/img/logo.png",
        "img/logo.png",
        "other.md",
        "guide/other.md",
        "../de/only-english.md",
        "build/made.md",
        "made-by-conf.md",
        "#third-tab",
    ],
)
def test_a_page_of_a_site_may_mean_other_roots(link: str) -> None:
    pages = {
        "docs__guide__page_md": f'[x]({link})\n\n=== "Third tab"\n    text\n',
        ".gitignore": "# made\nmade-by-*.md\n!x\n",
        "docs__guide__other_md": "",
        "docs__static__img__logo.png": "",
        "docs__en__only-english_md": "",
    }
    assert found(LINKS, **pages) == []


def test_an_example_in_restructured_text_is_no_link() -> None:
    text = "Like this::\n\n    .. image:: no.png\n\n.. code-block:: rst\n\n   `x <no.md>`_\n"
    found_ones = guides.detect(corpus(source("docs/a.rst", text + "\n.. image:: b.png\n")), [LINKS])
    assert [one.span.start for one in found_ones if isinstance(one, Finding)] == [9]


def test_a_page_of_a_site_that_nothing_has_is_found() -> None:
    [(path, line, why)] = found(LINKS, docs__guide__page_md="\n[x](nowhere.md)")
    assert (path, line) == ("docs/guide/page.md", 2)
    assert "docs/guide/nowhere.md: there is no such file" in why


def test_it_says_which_file_has_other_letters() -> None:
    [(_, _, why)] = found(LINKS, README_md="[x](Docs/A.md)", docs__a_md="")
    assert "docs/a.md, in other letters" in why


MAKEFILE = ".PHONY: lint test\nlint: ; ruff\ntest:\n\tpytest\n"
PACKAGE = '{"scripts": {"build": "tsc"}}'


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("make lnit", "make lnit: no Makefile has that target"),
        ("make lint && make tset", "make tset: no Makefile has that target"),
        ("npm run biuld", "npm biuld: no package.json has that script"),
        ("npm test", "npm test: no package.json has that script"),
        ("pip install -r requirements/dev.txt", "requirements/dev.txt: there is no such file"),
        ("python tools/run.py --all", "tools/run.py: there is no such file"),
        ("./tools/run.sh", "./tools/run.sh: there is no such file"),
        ("cd tools; bash more/go.sh", "more/go.sh: there is no such file"),
        ("python -m mine.server", "python -m mine.server: there is no such module"),
        ("python -m mine", "python -m mine: it has no __main__.py"),
        ("docker compose -f tools/dev.yml up", "tools/dev.yml: there is no such file"),
    ],
)
def test_a_command_of_what_is_not_there_is_found(line: str, why: str) -> None:
    tree = {"Makefile": MAKEFILE, "package.json": PACKAGE, "README.md": f"```sh\n{line}\n```\n"}
    tree |= {"tools/a.py": "", "mine/__init__.py": "", "tools/more/b.sh": ""}
    files = [source(path, text) for path, text in tree.items()]
    judged = guides.detect(corpus(*files), [COMMANDS])
    assert [one.explanation for one in judged if isinstance(one, Finding)] == [why]


@pytest.mark.parametrize(
    "line",
    [
        "make lint test",
        "make",
        "make -C other all",
        "make PREFIX=/usr install-$(uname)",
        "npm run build",
        "npm run build --workspace=a",
        "npm start",
        "yarn tsc",
        "pip install -r requirements.txt",
        "python app.py",
        "python tools/a.py",
        "python -m http.server",
        "python -m mine.cli",
        "cd elsewhere && make everything",
        "git clone https://example.org/x.git && cd x && make everything",
        "curl -o tools/b.sh https://example.org/b.sh\nsh tools/b.sh",
        "docker run -f tools/dev.yml",
        "echo 'unbalanced",
    ],
)
def test_a_command_that_works_or_is_another_project_s_is_left_alone(line: str) -> None:
    files = [
        source("Makefile", MAKEFILE),
        source("package.json", PACKAGE),
        source("tools/a.py", ""),
        source("mine/__init__.py", ""),
        source("mine/cli.py", ""),
        source("requirements.txt", ""),
        source("README.md", f"```sh\n{line}\n```\n"),
    ]
    assert list(guides.detect(corpus(*files), [COMMANDS])) == []


@pytest.mark.parametrize("package", ["[" * 50_000, "{", "[]", '{"scripts": []}'])
def test_a_package_that_can_not_be_read_is_believed(package: str) -> None:
    files = [source("package.json", package), source("README.md", "```sh\nnpm run biuld\n```\n")]
    assert list(guides.detect(corpus(*files), [COMMANDS])) == []


@pytest.mark.parametrize(
    "makefile",
    ["include other.mk\nlint:\n", "%:\n\t@tool $@\n", "$(TARGETS):\n\ttool\n", "$(eval x)\na:\n"],
)
def test_a_makefile_that_may_have_more_targets_is_believed(makefile: str) -> None:
    files = [source("Makefile", makefile), source("README.md", "```\n$ make all\n```\n")]
    assert list(guides.detect(corpus(*files), [COMMANDS])) == []


def checked(repo: GitRepo, *arguments: str) -> list[tuple[str, str, int, list[str]]]:
    """Return rule, path, line and the flow's paths of what the change brings."""
    words = ["--offline", "--fail-on", "never", "--format", "json"]
    words += ["--select", "docs/broken-link", "--select", "docs/missing-command"]
    done = subprocess.run(
        [sys.executable, "-m", "rlm_gate", "check", *words, *arguments],
        cwd=repo.path,
        capture_output=True,
        check=True,
    )
    return [
        (one["rule"], one["path"], one["start_line"], [step["path"] for step in one["flow"]])
        for one in json.loads(done.stdout)["findings"]
    ]


def test_a_change_that_takes_a_file_is_told_of_the_links_to_it(git_repo: GitRepo) -> None:
    readme = "# A\n\n[x](docs/a.md) ![y](b.png) [old](never.md)\n"
    git_repo.commit("first", **{"README.md": readme, "docs/a.md": "# A\n", "c.md": "no\n"})
    (git_repo.path / "b.png").write_bytes(b"\x89PNG\0\0")
    git_repo.git("add", "-A")
    git_repo.git("commit", "-qm", "second")
    git_repo.git("rm", "-q", "docs/a.md")

    assert checked(git_repo, "--staged") == [
        ("docs/broken-link", "README.md", 3, ["README.md", "docs/a.md"])
    ]

    git_repo.git("mv", "b.png", "c.png")
    flows = {one[3][-1] for one in checked(git_repo, "--staged")}
    assert flows <= {"docs/a.md", "b.png"}
    assert flows


def test_a_change_that_takes_a_heading_or_target_is_told_too(git_repo: GitRepo) -> None:
    readme = (
        "# A\n\n[x](GUIDE.md#old-way)\n\n[y](GUIDE.md#never)\n\n```sh\nmake lint\nmake no\n```\n"
    )
    files = {"README.md": readme, "GUIDE.md": "# G\n\n## Old way\n\nx\n", "Makefile": MAKEFILE}
    git_repo.commit("first", **files)
    git_repo.write("GUIDE.md", "# G\n\n## New way\n\nx\n")
    git_repo.write("Makefile", MAKEFILE.replace("lint", "check"))

    assert checked(git_repo) == [
        ("docs/broken-link", "README.md", 3, ["README.md", "GUIDE.md"]),
        ("docs/missing-command", "README.md", 8, ["README.md", "Makefile"]),
    ]


def test_a_change_of_code_alone_reads_no_page(git_repo: GitRepo) -> None:
    git_repo.commit("first", **{"README.md": "[x](no.md)\n", "a.py": "x = 1\n"})
    git_repo.write("a.py", "x = 2\n")

    assert checked(git_repo) == []


def test_an_added_link_is_judged_and_an_old_one_is_not(git_repo: GitRepo) -> None:
    git_repo.commit("first", **{"README.md": "[x](no.md)\n"})
    git_repo.write("README.md", "[x](no.md)\n\n[y](none.md)\n")

    assert [one[:3] for one in checked(git_repo)] == [("docs/broken-link", "README.md", 3)]


def test_of_an_untouched_page_only_what_the_change_broke_is_found() -> None:
    page = "[x](a.md)\n\n[y](never.md)\n"
    judged = corpus(source("b.md", "[z](none.md)\n", changed=[(1, 1)]), kind="diff")
    judged = replace(judged, tree={"b.md": "[z](none.md)\n", "README.md": page}, gone={"a.md"})
    places = [
        (one.span.path, one.span.start)
        for one in guides.detect(judged, [LINKS])
        if isinstance(one, Finding)
    ]
    assert sorted(places) == [("README.md", 1), ("b.md", 1)]


def test_what_lies_in_a_submodule_is_there() -> None:
    links = "[x](vendored/README.md) [y](vendored)\n"
    assert found(LINKS, README_md=links, vendored="") == []
    assert found(LINKS, README_md=links)


def test_outside_a_repository_what_lies_on_the_disk_is_there(tmp_path: Path) -> None:
    (tmp_path / "made.md").touch()
    judged = corpus(source("README.md", "[x](made.md)\n\n[y](never.md)\n"))
    on_disk = replace(judged, root=str(tmp_path))
    lines = [one.span.start for one in guides.detect(on_disk, [LINKS]) if isinstance(one, Finding)]
    assert lines == [3]


def test_a_command_that_the_page_says_is_to_come_is_not_missing() -> None:
    page = "```bash\n# Unit tests (coming soon)\nmake check\n\nmake lint\n```\n"
    judged = found(COMMANDS, README_md=page, Makefile="all:\n\ttrue\n")
    assert [line for _, line, _ in judged] == [5]
