"""The engine of what a change adds without a word, and of words about parameters that are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Rule, SourceFile
from rlm_gate.detectors import _api, api

UNDOCUMENTED = rule("own/bare", detect=[Detect("api", {"find": "undocumented"})])
STALE = rule("own/stale", detect=[Detect("api", {"find": "stale-parameters"})])
TOLD = "".join(f'def f{number}():\n    """Return {number}."""\n\n\n' for number in range(4))


def found(wanted: Rule, *files: SourceFile, kind: str = "diff") -> list[tuple[int, str]]:
    judged = api.detect(corpus(*files, kind=kind), [wanted])
    return [(one.span.start, one.explanation) for one in judged if isinstance(one, Finding)]


def added(text: str, path: str = "a.py", before: str = TOLD) -> SourceFile:
    """Return a file to whose end the text was added."""
    first = before.count("\n") + 1
    whole = before + text
    return source(path, whole, status="modified", changed=[(first, whole.count("\n"))])


class Tree(dict[str, str]):
    """A tree that knows which of its files were read."""

    def __init__(self, files: dict[str, str]) -> None:
        super().__init__(files)
        self.read: set[str] = set()

    def get(self, path: str, default: Any = None) -> Any:
        self.read.add(path)
        return super().get(path, default)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("def new(a):\n    return a\n", [17], id="a function"),
        pytest.param("class New:\n    x = 1\n", [17], id="a class"),
        pytest.param("@cache\ndef new(a):\n    return a\n", [17], id="cached"),
        pytest.param("def _new(a):\n    return a\n", [], id="a private one"),
        pytest.param('def new(a):\n    """Say."""\n', [], id="a told one"),
        pytest.param("@app.get('/')\ndef new(a):\n    return a\n", [], id="a registered one"),
        pytest.param("class NewError(Exception):\n    pass\n", [], id="an error"),
    ],
)
def test_an_added_public_name_without_a_word_is_found(text: str, lines: list[int]) -> None:
    assert [line for line, _ in found(UNDOCUMENTED, added(text))] == lines


def test_what_was_there_before_and_whole_scopes_are_left_alone() -> None:
    text = TOLD + "def old(a,\n        b):\n    return a\n"
    assert not found(UNDOCUMENTED, source("a.py", text, status="modified", changed=[(18, 18)]))
    assert not found(UNDOCUMENTED, source("a.py", text), kind="all")


def test_all_says_what_is_public() -> None:
    text = "def new(a):\n    return a\n"
    before = '__all__ = ["f0", "f1", "f2", "f3"]\n' + TOLD
    assert not found(UNDOCUMENTED, added(text, before=before))
    assert found(UNDOCUMENTED, added(text, before=before.replace('"f3"', '"f3", "new"')))


def test_a_project_that_does_not_document_is_not_asked_to() -> None:
    bare = TOLD.replace('    """Return 1."""', "    return 1")
    assert not found(UNDOCUMENTED, added("def new(a):\n    return a\n", before=bare))


def test_a_new_file_is_compared_with_its_folder() -> None:
    new = source("a/new.py", "def new(a):\n    return a\n", status="added")
    beside = {f"a/{name}.py": TOLD for name in "bc"}
    below = {"a/b.py": TOLD, "a/c/d.py": TOLD * 9}
    other = {"b/b.py": TOLD * 9}
    for tree, expected in ((beside, 1), ({"a/b.py": TOLD}, 0), (below, 0), (other, 0)):
        judged = corpus(new, kind="diff")
        judged.tree.update(tree)  # type: ignore[attr-defined]  # a dict, in tests
        assert len(list(api.detect(judged, [UNDOCUMENTED]))) == expected


def test_of_a_folder_the_first_names_count_and_four_silent_ones_settle_it() -> None:
    new = source("a/new.py", "def new(a):\n    return a\n", status="added")
    bare = "".join(f"def g{number}():\n    return {number}\n\n\n" for number in range(4))
    private = "def _g():\n    return 1\n"
    for names, expected, read in (
        ([TOLD, TOLD, TOLD, TOLD, bare], 1, 4),  # sixteen names are enough
        ([TOLD * 4 + bare], 1, 1),  # of one file too
        ([bare, TOLD, TOLD, TOLD, TOLD * 2], 0, 1),
        ([private, TOLD, TOLD], 1, 3),
    ):
        asked = Tree({f"a/n{number}.py": text for number, text in enumerate(names)})
        judged = replace(corpus(new, kind="diff"), tree=asked)
        assert len(list(api.detect(judged, [UNDOCUMENTED]))) == expected
        assert len(asked.read) == read


@pytest.mark.parametrize(
    ("text", "names"),
    [
        pytest.param("Args:\n        a: x\n        gone: y\n", ["gone"], id="Google"),
        pytest.param("Args:\n        a (int, optional): x\n            gone: y\n", [], id="deeper"),
        pytest.param("Args:\n        a: x\n\n    Note:\n        gone: y\n", [], id="next section"),
        pytest.param(
            "Parameters\n    ----------\n    a : int\n        x\n    gone\n", ["gone"], id="NumPy"
        ),
        pytest.param(
            "Parameters\n    ----------\n    a\n\n    Returns\n    -------\n    gone : int\n",
            [],
            id="NumPy's returns",
        ),
        pytest.param(
            ":param int a: x\n    :param gone: y\n    :type b: z\n", ["gone"], id="Sphinx"
        ),
        pytest.param(":param a: x\n    :returns: gone: y\n", [], id="Sphinx' returns"),
    ],
)
def test_a_described_parameter_that_is_gone_is_found(text: str, names: list[str]) -> None:
    code = f'def f(self, a, *, b=1):\n    """Do.\n\n    {text}    """\n'
    told = [why.partition(" ")[0] for _, why in found(STALE, source("a.py", code), kind="all")]
    assert told == names


@pytest.mark.parametrize("head", ["def f(a, **more):", "def f(*all):", "@wraps(g)\ndef f(a):"])
def test_a_signature_that_may_take_more_is_left_alone(head: str) -> None:
    code = f'{head}\n    """Do.\n\n    :param gone: y\n    """\n'
    assert not found(STALE, source("a.py", code), kind="all")


def test_a_changed_signature_draws_the_words_that_stayed_into_the_change() -> None:
    code = 'def f(new):\n    """Do.\n\n    :param gone: y\n    """\n'
    file = source("a.py", code, status="modified", changed=[(1, 1)])
    [one] = api.detect(corpus(file, kind="diff"), [STALE])
    assert isinstance(one, Finding)
    assert [span.start for span in one.flow] == [4, 1]


def test_what_another_piece_of_the_corpus_judges_is_no_neighbour() -> None:
    changed = [added("def new(a):\n    return a\n", f"some/{name}.py", "") for name in "ab"]
    told = {"some/c.py": TOLD, "some/d.py": TOLD}
    bare = {"some/b.py": "def x():\n    return 1\n" * 9, "other/e.py": ""}
    whole = corpus(*changed, kind="diff")
    whole = replace(whole, tree={**told, **bare}, listing=lambda: ["some/a.py", *bare, *told])
    for piece in (whole, whole.piece(whole.files[:1])):
        assert piece.beside("some/a.py") == ["some/c.py", "some/d.py"]
        assert next(iter(api.detect(piece, [UNDOCUMENTED])))


@pytest.mark.parametrize("bare", [3, 4, 20])
def test_the_first_names_beside_decide(bare: int) -> None:
    """Names by the hundred that are told, further below, change nothing."""
    beside = "".join(f"def a{one}(x):\n    return x\n\n\n" for one in range(bare))
    beside += "".join(f'def b{one}(x):\n    """Say."""\n\n\n' for one in range(400))
    file = source("a.py", "def new(a):\n    return a\n", status="modified", changed=[(1, 2)])
    whole = replace(corpus(file, kind="diff"), tree={"b.py": beside, "a.py": file.text})
    assert bool([*api.detect(whole, [UNDOCUMENTED])]) == (bare < 4)


def test_no_tree_is_made_of_plain_files_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    def tree(text: str, language: str) -> Any:
        raise AssertionError((text, language))

    monkeypatch.setattr(_api, "Tree", tree)
    beside = "".join(f'def b{one}(x):\n    """Say."""\n\n\n' for one in range(40))
    file = source("a.py", "def new(a):\n    return a\n", status="modified", changed=[(1, 2)])
    whole = replace(corpus(file, kind="diff"), tree={"b.py": beside, "a.py": file.text})
    assert [*api.detect(whole, [UNDOCUMENTED])]
