import pytest

from rlm_gate import syntax
from rlm_gate.languages import KNOWN
from rlm_gate.symbols import KINDS, Symbol


def outline(language: str, text: str) -> list[tuple[str, str, int, int]]:
    return [(one.name, one.kind, one.start, one.end) for one in syntax.outline(text, language)]


@pytest.mark.parametrize("language", sorted(name for name in KNOWN if syntax.grammar(name)))
def test_every_grammar_named_here_exists(language: str) -> None:
    assert list(syntax.find("x", language, {"rule": {"kind": "ERROR", "regex": "^$"}})) == []


@pytest.mark.parametrize("language", ["sql", "dockerfile", "text", "klingon", ""])
def test_a_language_without_a_grammar_never_reaches_the_parser(language: str) -> None:
    assert syntax.grammar(language) is None
    with pytest.raises(ValueError, match=r"no grammar for"):
        syntax.parse("x", language)
    assert syntax.outline("x", language) == ()
    assert "has no grammar for" in (syntax.validate({"rule": {"kind": "x"}}, language) or "")


def test_a_match_tells_its_place_text_and_variables() -> None:
    text = "x = 1\r\ny = '\N{GRINNING FACE}'; call(a, b,\r\n c)\r\n"
    [match] = syntax.find(text, "python", {"rule": {"pattern": "call($FIRST, $$$REST)"}})
    assert (match.start_line, match.start_col) == (2, 10)
    assert (match.end_line, match.end_col) == (3, 4)
    assert match.text == "call(a, b,\n c)"
    assert match.metavars == {"FIRST": "a", "REST": "b,\n c"}


def test_variables_that_caught_nothing_are_left_out() -> None:
    either = {"rule": {"any": [{"pattern": "call($A)"}, {"pattern": "call($B, $C)"}]}}
    [match] = syntax.find("call(a)", "python", either)
    assert match.metavars == {"A": "a"}


def test_trouble_is_where_the_grammar_gives_up() -> None:
    text = "a = 1\nx = = 3\nb = 2\nc = (1,\n  2 3\n"
    assert syntax.parse(text, "python").trouble() == ((2, 2), (4, 5))
    assert syntax.parse("", "python").trouble() == ()
    assert syntax.parse("function f() {}\n", "javascript").trouble() == ()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"rule": {"pattern": "call("}}, "'call(' does not parse by itself"),
        ({"rule": {"pattern": "call($A"}}, "'call($A' does not parse by itself"),
        ({"rule": {"pattern": "x = [$A"}}, "does not parse by itself"),
        ({"rule": {"kind": "nosuch"}}, "`nosuch` is invalid"),
        ({"rule": {"regex": "("}}, "unclosed group"),
        ({"rule": {"matches": "gone"}}, "`gone` is not defined"),
        ({"rule": {"has": {"kind": "call", "field": "nose"}}}, "nose"),
    ],
)
def test_what_ast_grep_refuses_is_told_in_one_line(config: dict[str, object], said: str) -> None:
    told = syntax.validate(config, "python") or ""
    assert said in told
    assert "\n" not in told
    assert "backtrace" not in told


def test_a_good_configuration_is_no_problem() -> None:
    assert syntax.validate({"rule": {"pattern": "$F($$$A, $_, $_B)"}}, "python") is None
    assert syntax.validate({"rule": {"pattern": "$F($$$A)"}}, "php") is None


PYTHON = """\
import os

@decorated
class Shop:
    size = 1

    @property
    def open(self):
        def inner():
            pass
        return inner

    class Till:
        async def count(self): pass


def main(): pass
"""

JAVASCRIPT = """\
export class Shop {
  open() {}
  close = () => {};
  #hidden() {}
}
function main() { const inner = () => 1; return inner; }
export default class extends Shop {}
const later = async function () {};
const size = 3, Till = class { count() {} };
module.exports.start = function () {};
const routes = { show() {}, edit: () => {} };
"""

TYPESCRIPT = """\
export abstract class Shop<T> {
  private open(): void {}
  close = (): void => {};
}
interface Till { count(): number }
type Size = { a: number };
enum Kind { A }
namespace Inner { export function deep() {} }
export const main = async <T,>(x: T): Promise<void> => {};
"""

GO = """\
package shop

type Till struct { size int }

func (t *Till) Count() int { return t.size }
func (t Box[K]) Open() {}
func Main() {}
"""

RUST = """\
pub struct Till { size: i32 }
impl Till { pub fn count(&self) -> i32 { self.size } }
impl<T> Shop for Vec<T> { fn open() {} }
trait Shop { fn open(); }
mod inner { pub fn deep() {} }
"""

JAVA = """\
class Shop {
  Shop() {}
  void open() {}
  interface Till { int count(); }
  enum Kind { A }
  record Pair(int a, int b) {}
}
"""

CPP = """\
namespace shop {
class Till { int count() { return 1; } ~Till() {} };
}
void shop::Till::open() {}
template <class T> T *make(T x) { return &x; }
struct Box { int size; };
"""

CASES = {
    "python": (
        PYTHON,
        [
            ("Shop", "class", 3, 14),
            ("Shop.open", "method", 7, 11),
            ("Shop.open.inner", "function", 9, 10),
            ("Shop.Till", "class", 13, 14),
            ("Shop.Till.count", "method", 14, 14),
            ("main", "function", 17, 17),
        ],
    ),
    "javascript": (
        JAVASCRIPT,
        [
            ("Shop", "class", 1, 5),
            ("Shop.open", "method", 2, 2),
            ("Shop.close", "method", 3, 3),
            ("Shop.#hidden", "method", 4, 4),
            ("main", "function", 6, 6),
            ("main.inner", "function", 6, 6),
            ("later", "function", 8, 8),
            ("Till", "class", 9, 9),
            ("Till.count", "method", 9, 9),
            ("module.exports.start", "function", 10, 10),
            ("show", "method", 11, 11),
            ("edit", "function", 11, 11),
        ],
    ),
    "typescript": (
        TYPESCRIPT,
        [
            ("Shop", "class", 1, 4),
            ("Shop.open", "method", 2, 2),
            ("Shop.close", "method", 3, 3),
            ("Till", "interface", 5, 5),
            ("Size", "type", 6, 6),
            ("Kind", "enum", 7, 7),
            ("Inner", "module", 8, 8),
            ("Inner.deep", "function", 8, 8),
            ("main", "function", 9, 9),
        ],
    ),
    "go": (
        GO,
        [
            ("Till", "type", 3, 3),
            ("Till.Count", "method", 5, 5),
            ("Box.Open", "method", 6, 6),
            ("Main", "function", 7, 7),
        ],
    ),
    "rust": (
        RUST,
        [
            ("Till", "class", 1, 1),
            ("Till.count", "method", 2, 2),
            ("Vec<T>.open", "method", 3, 3),
            ("Shop", "interface", 4, 4),
            ("inner", "module", 5, 5),
            ("inner.deep", "function", 5, 5),
        ],
    ),
    "java": (
        JAVA,
        [
            ("Shop", "class", 1, 7),
            ("Shop.Shop", "method", 2, 2),
            ("Shop.open", "method", 3, 3),
            ("Shop.Till", "interface", 4, 4),
            ("Shop.Till.count", "method", 4, 4),
            ("Shop.Kind", "enum", 5, 5),
            ("Shop.Pair", "class", 6, 6),
        ],
    ),
    "cpp": (
        CPP,
        [
            ("shop", "module", 1, 3),
            ("shop.Till", "class", 2, 2),
            ("shop.Till.count", "method", 2, 2),
            ("shop.Till.~Till", "method", 2, 2),
            ("shop::Till::open", "function", 4, 4),
            ("make", "function", 5, 5),
            ("Box", "class", 6, 6),
        ],
    ),
    "c": (
        "struct s { int x; };\nint *f(int a) { return 0; }\nint (*g(int a))(int) { return 0; }\n",
        [("s", "class", 1, 1), ("f", "function", 2, 2), ("g", "function", 3, 3)],
    ),
    "csharp": (
        "namespace N {\nclass A { A() {} int P { get; } void F() { void g() {} } }\n}\n",
        [
            ("N", "module", 1, 3),
            ("N.A", "class", 2, 2),
            ("N.A.A", "method", 2, 2),
            ("N.A.P", "method", 2, 2),
            ("N.A.F", "method", 2, 2),
            ("N.A.F.g", "function", 2, 2),
        ],
    ),
    "ruby": (
        "module M\n  class A\n    def f; end\n    def self.g; end\n  end\nend\n",
        [
            ("M", "module", 1, 6),
            ("M.A", "class", 2, 5),
            ("M.A.f", "method", 3, 3),
            ("M.A.g", "method", 4, 4),
        ],
    ),
    "php": (
        "<?php\nclass A {\n  function f() {}\n}\nfunction g() {}\ntrait T {}\n",
        [
            ("A", "class", 2, 4),
            ("A.f", "method", 3, 3),
            ("g", "function", 5, 5),
            ("T", "class", 6, 6),
        ],
    ),
    "kotlin": (
        "class A {\n    fun f() {\n    }\n}\n\nfun g() = 1\n",
        [("A", "class", 1, 4), ("A.f", "method", 2, 3), ("g", "function", 6, 6)],
    ),
    "swift": (
        "class A {\n  func f() {}\n  init() {}\n}\nfunc g() {}\n",
        [
            ("A", "class", 1, 4),
            ("A.f", "method", 2, 2),
            ("A.init", "method", 3, 3),
            ("g", "function", 5, 5),
        ],
    ),
    "scala": (
        "class A {\n  def f() = 1\n}\nobject O {\n  def g(): Int = 2\n}\n",
        [
            ("A", "class", 1, 3),
            ("A.f", "method", 2, 2),
            ("O", "class", 4, 6),
            ("O.g", "method", 5, 5),
        ],
    ),
    "bash": (
        "f() {\n  :\n}\nfunction g { :; }\n",
        [("f", "function", 1, 3), ("g", "function", 4, 4)],
    ),
    "lua": ("function M.f()\nend\n", [("M.f", "function", 1, 2)]),
}


@pytest.mark.parametrize("language", CASES)
def test_the_outline_names_functions_and_classes_with_their_lines(language: str) -> None:
    text, expected = CASES[language]
    assert outline(language, text) == expected


def test_tsx_is_outlined_as_typescript() -> None:
    assert outline("tsx", "const Page = () => <p>x</p>;\n") == [("Page", "function", 1, 1)]


def test_every_language_with_symbols_is_tested() -> None:
    assert {*CASES, "tsx"} == KINDS.keys()


def test_broken_code_still_has_the_outline_of_what_parses() -> None:
    assert outline("python", "def f():\n  return 1\n\ndef (:\n") == [("f", "function", 1, 2)]


def test_symbols_sort_by_place() -> None:
    symbols = syntax.outline(PYTHON, "python")
    assert list(symbols) == sorted(symbols, key=lambda one: (one.start, -one.end))
    assert symbols[0] == Symbol(3, 14, "Shop", "class")


def test_php_between_markup_is_read_at_its_place() -> None:
    text = (
        "<p title='it'>\n<?php if ($a): // it's ?>\n<b id=\"<?= f(1) ?>\">"
        "<?php echo '?>' . f(2); endif; ?>\n"
        "</b> f(3) <?php\nf(4);\n"
    )
    found = [*syntax.find(text, "php", {"rule": {"kind": "function_call_expression"}})]
    assert [(one.text, one.start_line, one.start_col) for one in found] == [
        ("f(1)", 3, 12),
        ("f(2)", 3, 39),
        ("f(4)", 5, 1),
    ]
    assert syntax.parse(text, "php").trouble() == ()
    echoes = [*syntax.find(text, "php", {"rule": {"kind": "echo_statement"}})]
    assert [one.start_line for one in echoes] == [3, 3]


def test_only_the_wanted_parts_are_searched_and_the_root_with_them() -> None:
    tree = syntax.Tree("one()\n\n\ndef two():\n    three()\n", "python")
    parts = tree.parts(lambda first, last: first <= 5 <= last)

    def lines(rule: dict[str, object]) -> list[int]:
        return [match.start_line for match in tree.find({"rule": rule}, parts)]

    assert lines({"kind": "call"}) == [5]
    assert lines({"any": [{"kind": "module"}, {"kind": "call"}]}) == [1, 1, 5]
    assert lines({"has": {"kind": "call", "stopBy": "end"}})[0] == 1
    assert lines({"kind": "call", "inside": {"kind": "module", "stopBy": "end"}}) == [5]
    assert lines({"pattern": "one()"}) == []
    assert [*tree.find({"rule": {"kind": "call"}}, [])] == []


def test_a_tree_is_read_again_only_where_a_comment_stands_in_the_parts() -> None:
    text = "run(  # why\n    1)\nrun(2)\n"
    tree = syntax.parse(text, "python")
    first, second = tree.root.children()
    assert tree.uncommented(text, "python", [second]) is tree
    bare = tree.uncommented(text, "python", [first])
    assert bare is not tree
    assert len(bare.root.text()) == len(text)
    assert "why" not in bare.root.text()


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        pytest.param(r'f("a\n") == f("b\n")', "f($A) == f($A)", 0, id="a variable used twice"),
        pytest.param(r'f("a\n") == f("a\n")', "f($A) == f($A)", 1, id="the same string twice"),
        pytest.param(r'f("b\n")', r'f("a\n")', 0, id="a string in the pattern"),
        pytest.param(r'f("a\n")', r'f("a\n")', 1, id="the string of the pattern"),
        pytest.param(r'f("a\"") == f("b\"")', "f($A) == f($A)", 0, id="an escaped quote"),
        pytest.param(r'f("\xe9") == f("\xe9")', "f($A) == f($A)", 1, id="a long escape"),
        pytest.param(r'f(f"a\n{x}") == f(f"b\n{x}")', "f($A) == f($A)", 0, id="pieces of code"),
        pytest.param(r'f("é\n", g == g)', "$A == $A", 1, id="no string is compared"),
        pytest.param("f('a\\\nb') == f('a\\\nb')", "f($A) == f($A)", 1, id="over a line's end"),
    ],
)
@pytest.mark.parametrize("language", ["python"])
def test_strings_are_compared_by_their_text_and_not_by_their_escapes(
    language: str, text: str, pattern: str, found: int
) -> None:
    matches = [*syntax.find(text, language, {"rule": {"pattern": pattern}})]
    assert len(matches) == found


def test_an_expression_for_backslashes_sees_them_though_strings_are_compared() -> None:
    config = {
        "rule": {"pattern": "f($A) == f($A)"},
        "constraints": {"A": {"regex": r"\\n"}},
    }
    assert [*syntax.find(r'f("a\n") == f("a\n")', "python", config)]


@pytest.mark.parametrize(
    ("text", "patterns", "found"),
    [
        (r'h("q\t", "a\n", "b\n")', ["h($B, $A, $A)"], 0),
        (r'h("q\t", "a\n", "a\n")', ["h($B, $A, $A)"], 1),
        (r'f("b\n")', [r'f("a\n")', "g(1)"], 0),
        (r'f("a\n")', [r'f("a\n")', "g(1)"], 1),
    ],
)
def test_one_doubt_among_several_strings_or_patterns_is_enough(
    text: str, patterns: list[str], found: int
) -> None:
    config = {"rule": {"any": [{"pattern": one} for one in patterns]}}
    assert len([*syntax.find(text, "python", config)]) == found
