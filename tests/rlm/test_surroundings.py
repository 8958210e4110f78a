"""What a reader of a change sees of the rest of the repository."""

from __future__ import annotations

from typing import Any

import pytest
from builders import source

from rlm_gate.core import Removed, Span
from rlm_gate.rlm.surroundings import CONTEXT_BYTES, Context, Surroundings

VIEWS = """\
from app.files import load
from app.guards import staff_only


@staff_only
def remove(request):
    return load(request.args["name"]).unlink()


def show(request):
    data = load(request.args["name"])
    return render(data)
"""
FILES = """\
import os

ROOT = "/srv"


def load(name):
    return open(os.path.join(ROOT, name))
"""
TEXTS = {
    "app/views.py": VIEWS,
    "app/files.py": FILES,
    "app/guards.py": "def staff_only(view):\n    return view\n",
    "app/urls.py": 'from app.views import show\n\n\ndef routes(app):\n    app.add("/s", show)\n',
    "other/load.py": "def load(a):\n    return a\n",
    "tests/test_views.py": "from app.views import show\n\n\ndef test_show():\n    show(None)\n",
    "README.md": "Call load() and show().\n",
}
SHOWN = Span("app/views.py", 10, 12)


def around(texts: dict[str, str], shown: Span = SHOWN, **more: Any) -> tuple[Context, ...]:
    file = source(shown.path, texts[shown.path])
    return Surroundings(texts).around(file, shown, (shown,), **more)


def told(found: tuple[Context, ...]) -> list[tuple[str, str]]:
    return [(one.why, one.block.path) for one in found]


def test_definitions_callers_and_neighbours_are_found() -> None:
    assert told(around(TEXTS)) == [
        ("definition of load", "app/files.py"),
        ("uses show", "app/urls.py"),
        ("uses show", "tests/test_views.py"),
        ("how its neighbours are declared", "app/views.py"),
    ]


def test_the_neighbours_guards_are_among_their_declarations() -> None:
    rows = [row.text for row in around(TEXTS)[-1].block.rows]
    assert rows == ["@staff_only", "def remove(request):"]


def test_of_two_definitions_the_imported_one_is_shown() -> None:
    first = around(TEXTS)[0]
    assert first.block.rows[-1].text == "    return open(os.path.join(ROOT, name))"
    assert first.spans == (Span("app/files.py", 6, 7),)


def test_a_name_that_two_files_define_is_left_out_unless_it_is_imported() -> None:
    texts = {"a.py": "def f(x):\n    return helper(x)\n"}
    texts |= {f"m{n}.py": "def helper(x):\n    return x\n" for n in range(2)}
    texts["tests/m.py"] = texts["m0.py"]
    assert told(around(texts, Span("a.py", 1, 2))) == []
    texts["a.py"] = "from m1 import (\n    other,\n    helper,\n)\n" + texts["a.py"]
    assert told(around(texts, Span("a.py", 5, 6))) == [("definition of helper", "m1.py")]
    del texts["m1.py"]
    assert told(around(texts, Span("a.py", 5, 6))) == [("definition of helper", "m0.py")]


def test_a_member_of_an_imported_module_is_shown_however_common_its_name_is() -> None:
    texts = {
        "accounts.py": "import tokens\n\n\ndef join(link):\n    return tokens.decode(link)\n",
        "tokens.py": "def decode(token, trusted=True):\n    return token\n",
        "images.py": "def decode(data):\n    return data\n",
    }
    assert told(around(texts, Span("accounts.py", 4, 5))) == [("definition of decode", "tokens.py")]
    texts["accounts.py"] = texts["accounts.py"].replace("import tokens\n", "\n")
    assert told(around(texts, Span("accounts.py", 4, 5))) == []


def test_prose_and_examples_tell_less_than_the_product() -> None:
    texts = {
        "lib.py": "def helper(x):\n    return x\n",
        "CHANGES.rst": "helper() was added, helper(x).\n",
        "examples/a.py": "from lib import helper\n\nhelper(1)\n",
        "use.py": "from lib import helper\n\nhelper(2)\n",
    }
    assert told(around(texts, Span("lib.py", 1, 2))) == [
        ("uses helper", "use.py"),
        ("uses helper", "examples/a.py"),
    ]


def test_what_is_shown_already_is_not_shown_again() -> None:
    texts = {"a.py": "def helper(x):\n    return x\n\n\ndef f(x):\n    return helper(x)\n"}
    assert told(around(texts, Span("a.py", 1, 6))) == []


def test_it_stays_within_its_room() -> None:
    texts = {"a.py": "def f(x):\n    return one(x), two(x)\n"}
    texts["b.py"] = "def one(x):\n" + "    x += 1  # é\n" * 30 + "    return x\n"
    texts["c.py"] = "def two(x):\n    return x\n"
    whole = around(texts, Span("a.py", 1, 2))
    assert told(whole) == [("definition of one", "b.py"), ("definition of two", "c.py")]
    assert sum(one.size for one in whole) <= CONTEXT_BYTES
    assert all(len(one.render().encode()) <= one.size for one in whole)
    assert told(around(texts, Span("a.py", 1, 2), room=300)) == [("definition of two", "c.py")]


@pytest.mark.parametrize("path", ["app/files.py", "app/urls.py", "app/views.py"])
def test_a_line_put_above_changes_nothing_a_model_sees(path: str) -> None:
    moved = {**TEXTS, path: "# one more line\n\n\n" + TEXTS[path]}
    by = 3 if path == SHOWN.path else 0
    shown = Span(SHOWN.path, SHOWN.start + by, SHOWN.end + by)
    before = [one.render() for one in around(TEXTS)]
    assert [one.render() for one in around(moved, shown)] == before


def test_scripts_see_each_other_across_kinds() -> None:
    texts = {
        "src/api.ts": "import {clean} from './text';\nexport function save(v) {\n  clean(v);\n}\n",
        "src/text.js": "export function clean(v) {\n  return v;\n}\n",
        "src/text.py": "def clean(v):\n    return v\n",
    }
    assert told(around(texts, Span("src/api.ts", 2, 4))) == [("definition of clean", "src/text.js")]


def test_a_file_that_is_not_there_any_more_has_no_surroundings() -> None:
    file = source("gone.py", "")
    assert Surroundings(TEXTS).around(file, Span("gone.py", 1, 1), ()) == ()


def test_built_copies_and_tests_do_not_make_a_name_ambiguous() -> None:
    helper = "export default function isAbsolute(url) {\n  return url[0] !== '/';\n}\n"
    caller = "export function full(base, url) {\n  return isAbsolute(url) ? url : base;\n}\n"
    copies = [f"dist/{name}.js" for name in ("axios", "esm", "node", "browser")]
    texts = {
        "lib/isAbsolute.js": helper,
        "lib/full.js": caller,
        **dict.fromkeys((*copies, "vendor/a.js", "lib/a.min.js"), helper + caller),
        "test/isAbsolute.spec.js": helper,
    }
    found = told(around(texts, Span("lib/isAbsolute.js", 1, 3)))
    assert found[0] == ("uses isAbsolute", "lib/full.js")


def test_a_name_that_much_of_the_product_defines_still_has_no_callers() -> None:
    texts = {f"app/m{number}.py": "def load(a):\n    return a\n" for number in range(5)}
    texts["app/use.py"] = "def use(a):\n    return load(a)\n"
    assert told(around(texts, Span("app/m0.py", 1, 2))) == []


def test_a_function_declared_inside_another_is_shown_once() -> None:
    text = (
        "def outer(first):  # type: (int) -> int\n"
        "    def inner(second):\n"
        "        return second\n\n"
        "    return inner(first)\n\n\n"
        "def judged():\n"
        "    return 1\n"
    )
    (declared,) = around({"a.py": text}, Span("a.py", 8, 9))
    assert [row.line for row in declared.block.rows] == [1, 2]
    assert declared.spans == (Span("a.py", 1, 2),)


def test_what_the_author_says_comes_first_and_is_masked() -> None:
    token = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    file = source(SHOWN.path, TEXTS[SHOWN.path])
    found = Surroundings(TEXTS, lambda path: ("Show less", f"key {token}") if path else ())
    first, *_ = found.around(file, SHOWN, (SHOWN,))
    assert first.why == "what its author says of the change"
    assert first.spans == ()
    assert "Show less" in first.render()
    assert token not in first.render()


def test_a_caller_where_the_outside_comes_in_ranks_before_one_that_comes_first() -> None:
    texts = {
        "lib.py": "def helper(x):\n    return x\n",
        "a.py": "from lib import helper\n\n\ndef inner():\n    return helper(1)\n",
        "z.py": (
            "from lib import helper\n\n\n@app.route('/')\ndef page(arg):\n    return helper(arg)\n"
        ),
    }
    assert told(around(texts, Span("lib.py", 1, 2))) == [
        ("uses helper", "z.py"),
        ("uses helper", "a.py"),
    ]


def test_who_only_imports_a_name_does_not_use_it() -> None:
    texts = {
        "lib.py": "def helper(x):\n    return x\n",
        "a.py": "from lib import helper, other\n\nprint(other)\n",
    }
    assert told(around(texts, Span("lib.py", 1, 2))) == []


def test_a_name_in_an_import_of_several_lines_is_no_use_of_it() -> None:
    texts = {
        "src/net.ts": "export async function send(url: string) {\n  return url;\n}\n",
        "src/feed.ts": 'import {\n  keep,\n  send,\n} from "net";\n\n\n\nawait send(feed);\n',
        "src/list.ts": 'import {\n  send,\n} from "net";\n\nconst all = [\n  send,\n];\n',
    }
    found = around(texts, Span("src/net.ts", 1, 3))
    rows = {one.block.path: [row.text for row in one.block.rows] for one in found}
    assert "await send(feed);" in rows["src/feed.ts"]
    assert "import {" not in rows["src/feed.ts"]
    assert "const all = [" in rows["src/list.ts"]


def test_generated_code_is_shown_as_a_caller_only_where_nobody_else_calls() -> None:
    made = (
        "// Code generated by protoc-gen. DO NOT EDIT.\n\npackage rpc\n\nfunc a() { Rename(1) }\n"
    )
    texts = {
        "server/files.go": "package server\n\nfunc Rename(id int) int {\n\treturn id\n}\n",
        "gen/rpc.go": made,
    }
    shown = Span("server/files.go", 3, 5)
    assert told(around(texts, shown)) == [("uses Rename", "gen/rpc.go")]
    texts["web/page.go"] = "package web\n\nfunc Page() { Rename(2) }\n"
    assert told(around(texts, shown)) == [("uses Rename", "web/page.go")]


def test_of_a_long_class_the_member_that_is_used_is_shown() -> None:
    steps = "".join(f"        step_{number}()\n" for number in range(60))
    owned = "    def owned(self):\n        return 1\n"
    texts = {
        "app/store.py": f"class Store:\n    def first(self):\n{steps}\n{owned}",
        "app/page.py": "from app.store import Store\n\nstore = Store().owned()\n",
    }
    (found,) = around(texts, Span("app/page.py", 3, 3))
    rows = [row.text for row in found.block.rows]
    assert "        return 1" in rows
    assert not any("step_" in row for row in rows)


def test_what_a_removed_line_called_is_shown() -> None:
    texts = {
        "app/page.py": "from app.guards import allowed\n\n\ndef page(user):\n    return 1\n",
        "app/guards.py": "def allowed(user):\n    return user.is_staff\n",
    }
    shown = Span("app/page.py", 4, 5)
    assert around(texts, shown) == ()
    gone = (Removed(4, "    if not allowed(user):\n        raise KeyError"),)
    assert told(around(texts, shown, gone=gone)) == [("definition of allowed", "app/guards.py")]


def test_words_of_a_comment_are_no_names() -> None:
    texts = {
        "server/memo.go": "package a\n\nfunc Keep(a int) int {\n\t// Check it.\n\treturn a\n}\n",
        "server/health.go": "package server\n\ntype Check struct{}\n",
    }
    shown = Span("server/memo.go", 3, 6)
    assert around(texts, shown) == ()
    assert around(texts, shown, gone=(Removed(4, "\t// Check visibility."),)) == ()
    gone = (Removed(4, "\tvar one Check"),)
    assert told(around(texts, shown, gone=gone)) == [("definition of Check", "server/health.go")]


def test_what_is_shown_takes_its_room_from_what_follows() -> None:
    texts = {"a.py": "def f(x):\n    return one(x), two(x)\n"}
    texts["b.py"] = "def one(x):\n    return x\n"
    texts["c.py"] = "def two(x):\n    return x\n"
    first, second = around(texts, Span("a.py", 1, 2))
    room = first.size + second.size
    assert len(around(texts, Span("a.py", 1, 2), room=room)) == 2
    assert around(texts, Span("a.py", 1, 2), room=room - 1) == (first,)


def test_the_defaults_that_judged_lines_depend_on_are_shown() -> None:
    texts = {
        "app/retry.py": "from app.names import LIMIT\n\nSTRIPPED = ['a']\n\n\n"
        "def go(headers):\n    return headers - STRIPPED, LIMIT\n",
        "app/names.py": "LIMIT = 3\n",
    }
    found = told(around(texts, Span("app/retry.py", 6, 7)))
    assert found[:2] == [
        ("what it depends on is set here", "app/retry.py"),
        ("LIMIT is set here", "app/names.py"),
    ]
