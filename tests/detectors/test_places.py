"""What counts as there: a page's links, as GitHub and generators of sites would follow them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import corpus, source

from rlm_gate.detectors._places import Places, Target


def places(*paths: str, **texts: str) -> Places:
    files = [source(path, texts.get(path.rpartition("/")[2], "x\n")) for path in paths]
    return Places(corpus(*files))


def test_a_link_to_nothing_is_lost_and_one_to_a_file_or_folder_is_not() -> None:
    tree = places("README.md", "src/a.py")
    assert tree.lost("README.md", "src/b.py", "link", site=False) == Target("src/b.py")
    for link in ("src/a.py", "src", "src/", "./src/a.py#L3", "/src/a.py", "src/a%2Epy"):
        assert tree.lost("README.md", link, "link", site=False) is None, link


@pytest.mark.parametrize(
    "link", ["https://example.org/x", "mailto:a@b.c", "../../issues/3", "{{ url }}/x", "//cdn/x"]
)
def test_what_leads_elsewhere_is_never_lost(link: str) -> None:
    assert places("docs/README.md").lost("docs/README.md", link, "link", site=False) is None


def test_below_a_submodule_everything_may_be_there() -> None:
    tree = places("README.md", "vendor/lib")  # an entry of the tree that is no folder of ours
    assert tree.lost("README.md", "vendor/lib/docs/a.md", "link", site=False) is None
    assert tree.lost("README.md", "vendor/other/a.md", "link", site=False)


def test_where_single_files_are_judged_the_disk_has_the_others(tmp_path: Path) -> None:
    (tmp_path / "beside.md").touch()
    page = source("README.md", "x\n")
    on_disk = Places(replace(corpus(page), root=str(tmp_path)))
    assert on_disk.lost("README.md", "beside.md", "link", site=False) is None
    assert on_disk.lost("README.md", "gone.md", "link", site=False) == Target("gone.md")
    of_git = Places(replace(corpus(page), root=str(tmp_path), repo=str(tmp_path)))
    assert of_git.lost("README.md", "beside.md", "link", site=False), "not committed: not there"


def test_a_path_that_may_lead_out_of_the_tree_is_unsure() -> None:
    tree = places("README.rst")
    assert tree.lost("README.rst", "../x.txt", "include", site=False) is None
    assert tree.lost("README.rst", "x.txt", "include", site=False)


def test_what_git_ignores_is_made_when_it_is_needed() -> None:
    ignored = corpus(
        source("README.md", "x\n"),
        source(".gitignore", "/out/\n"),
        source("pkg/README.md", "x\n"),
        source("pkg/.gitignore", "# made\n\nreport.html\n"),
    )
    tree = Places(ignored)
    assert tree.lost("README.md", "out/a.html", "link", site=False) is None
    assert tree.lost("pkg/README.md", "report.html", "link", site=False) is None
    assert tree.lost("README.md", "report.html", "link", site=False), "ignored below pkg alone"
    assert tree.lost("pkg/README.md", "out/a.html", "link", site=False), "ignored at the top alone"


@pytest.mark.parametrize("home", ["docs/img/x.png", "docs/en/img/x.png", "docs/fr/img/x.png"])
def test_a_translation_may_use_what_the_original_has(home: str) -> None:
    tree = places("docs/fr/README.md", home)
    assert tree.lost("docs/fr/README.md", "img/x.png", "link", site=False) is None
    assert tree.lost("docs/fr/README.md", "img/y.png", "link", site=False)


def test_a_site_may_have_it_below_any_folder_above_the_page() -> None:
    tree = places("docs/a/b.md", "docs/static/x.png")
    assert tree.lost("docs/a/b.md", "x.png", "link", site=True) is None
    assert tree.lost("docs/a/b.md", "x.png", "link", site=False)
    assert tree.lost("docs/a/b.md", "/routed/page", "link", site=True) is None
    assert tree.lost("docs/a/b.md", "gone.png", "link", site=True)


def test_a_name_in_other_letters_is_told() -> None:
    tree = places("docs/Guide.md")
    assert tree.differs_in_case("docs/guide.md") == "docs/Guide.md"
    assert tree.differs_in_case("docs/other.md") == ""


def test_an_anchor_is_asked_of_the_page_it_is_in() -> None:
    tree = places("README.md", "docs/a.md")
    assert tree.page("README.md", "docs/a.md#top%20one") == Target("docs/a.md", "top one")
    assert tree.page("README.md", "#here") == Target("README.md", "here")
    assert tree.page("README.md", "docs/b.md#x") is None
    assert tree.page("README.md", "docs/a.md") is None
