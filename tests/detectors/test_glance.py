"""Docstrings read from lines: what is told is what the tree shows, and a doubt is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlm_gate.detectors import _api, _glance

HERE = Path(__file__).parents[2]
PLAIN = {
    "one-line signature": 'def a(x):\n    """Say."""\n\n\ndef b():\n    return 1\n',
    "signature over lines": 'def a(\n    x: int = 1,  # one\n) -> list[int]:\n    """Say."""\n',
    "a comment before the docstring": "class A(B):  # why\n    # what\n\n    'Say.'\n",
    "coroutine": "async def a():\n    pass\n",
    "empty classes": "class A:\n    pass\n\n\nclass B:\n    ...\n\n\nclass C:\n    x = 1\n",
    "private names": 'def _a():\n    """Say."""\n\n\nclass B:\n    def c(self):\n        pass\n',
    "plain decorators": '@property\n@functools.cache\ndef a():\n    """Say."""\n',
    "a decorator that registers": '@cache\n@app.route("/")\ndef a():\n    """Say."""\n',
    "a statement above": "x = (1)\ndef a():\n    return x\n",
    "defined twice": 'def a():\n    """Say."""\n\n\ndef a():\n    return 1\n',
    "bytes and formats": "def a():\n    b'x'\n\n\ndef c():\n    f'x'\n",
    "raw docstring": "def a():\n    r'x'\n",
    "listed": '__all__ = ["b"]\n\n\ndef a():\n    """Say."""\n\n\ndef b():\n    return 1\n',
    "nothing": "x = 1\n",
}
IN_DOUBT = {
    "within a text": '"""\ndef a():\n    pass\n"""\n',
    "within another text": "x = '''\nclass A:\n    y = 1\n'''\n",
    "on one line": "def a(): return 1\n",
    "decorator over lines": "@register(\n    1,\n)\ndef a():\n    return 1\n",
    "nobody closes": "def a(\n    x,\n",
    "code before the bracket": "def a(\nx = 1\n)",
    "cut": "def a():",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_what_is_told_is_what_the_tree_shows(text: str) -> None:
    assert _glance.documented(text) is not None
    shown = tuple(one.documented for one in _api.symbols(text, "python"))
    assert _api.documented_beside(text, "python") == shown


@pytest.mark.parametrize("text", IN_DOUBT.values(), ids=IN_DOUBT)
def test_what_is_in_doubt_is_left_to_the_tree(text: str) -> None:
    assert _glance.documented(text) is None
    shown = tuple(one.documented for one in _api.symbols(text, "python"))
    assert _api.documented_beside(text, "python") == shown


@pytest.mark.parametrize("folder", ["rlm_gate", "tests", "benchmarks"])
def test_this_project_reads_alike(folder: str) -> None:
    read = 0
    for path in sorted((HERE / folder).rglob("*.py")):
        text = path.read_text()
        glanced = _glance.documented(text)
        if glanced is not None:
            read += 1
            shown = tuple(one.documented for one in _api.symbols(text, "python"))
            assert _api.documented_beside(text, "python") == shown, path
    assert read > 10
