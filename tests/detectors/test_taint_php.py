"""The taint engine on PHP: what it follows, through markup too, and what stops it."""

from typing import Any

import pytest

from rlm_gate import examples
from rlm_gate.core import Confidence, Detect, Finding, Help, Rule, Severity
from rlm_gate.detectors import taint

SINK: dict[str, Any] = {
    "sink": "sql",
    "calls": [
        {"call": "{*.query,mysqli_query}", "args": [0, 1]},
        {"call": "{include,require_once,echo,print,exit,Response}"},
    ],
    "clean": ["{escape,*.quote}"],
    "replacing": ["'"],
}


def lines(code: str, **change: Any) -> list[int]:
    """Return the lines of the sinks that are reached."""
    rule = Rule(
        id="security/flow",
        title="t",
        severity=Severity.HIGH,
        precision=Confidence.HIGH,
        languages=("php",),
        message="m",
        help=Help("", ""),
        detect=(Detect("taint", {"language": "php", **SINK, **change}),),
    )
    file = examples.whole_file("src/app", "php", code)
    found = taint.detect(examples.corpus_of([file]), [rule])
    return sorted(one.span.start for one in found if isinstance(one, Finding))


def php(*statements: str, **change: Any) -> bool:
    body = "\n".join(statements)
    return bool(lines(f"<?php\n$q = $_GET['q'];\n{body}\n", **change))


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["$db->query($q);"], id="as it is"),
        pytest.param(["$db->query('a' . $q . 'b');"], id="joined"),
        pytest.param(['$db->query("a $q b");'], id="in a text"),
        pytest.param(["$db->query(\"a {$_POST['x']['y']} b\");"], id="an element in a text"),
        pytest.param(["$s = <<<EOT\na $q\nEOT;", "$db->query($s);"], id="heredoc"),
        pytest.param(["$s = 'a'; $s .= $q; $db->query($s);"], id="grown"),
        pytest.param(["[$a, $b] = explode(',', $q); $db->query($b);"], id="taken apart"),
        pytest.param(["['x' => $a] = $_POST; $db->query($a);"], id="taken apart by keys"),
        pytest.param(["$a = $q ?? 'b'; $db->query($a);"], id="or a default"),
        pytest.param(["$a = $q ?: 'b'; $db->query($a);"], id="elvis"),
        pytest.param(["$db->query($x ? $q : 'a');"], id="chosen"),
        pytest.param(["$db->query(match($x) { 1 => 'a', default => $q });"], id="match"),
        pytest.param(["foreach ($_GET as $k => $v) { $db->query($v); }"], id="an element"),
        pytest.param(["foreach ($_GET as $k => $v): $db->query($k); endforeach;"], id="a key"),
        pytest.param(["$a = ['x' => $q, 'y' => 1]; $db->query($a['x']);"], id="an array"),
        pytest.param(["$a[] = $q; $db->query(implode(',', $a));"], id="implode"),
        pytest.param(["if ($x) { } elseif ($y) { $db->query($q); }"], id="elseif"),
        pytest.param(["if ($x): else: $db->query($q); endif;"], id="alternative syntax"),
        pytest.param(["$f = function() use ($q, $db) { $db->query($q); };"], id="closure"),
        pytest.param(["$db->query(sprintf('%s', $q));"], id="sprintf"),
        pytest.param(["$r = &$q; $db->query($r);"], id="reference"),
        pytest.param(["$db->query(base64_decode(escape($q)));"], id="decoded after escaping"),
        pytest.param(["@mysqli_query($c, trim($q));"], id="with its warnings off"),
        pytest.param(["$db->query(preg_replace('/[^a-z]/', '', $q, 1));"], id="the first odd one"),
        pytest.param(["include 'a/' . $q;"], id="include"),
        pytest.param(["require_once($q);"], id="require"),
        pytest.param(["echo 'a', $q;"], id="echo of two"),
        pytest.param(["print($q);"], id="print"),
        pytest.param(["exit($q);"], id="exit"),
        pytest.param(['return new Response("<b>$q");'], id="a constructor"),
        pytest.param(["$b = json_decode(file_get_contents('php://input')); $db->query($b->x);"],
                     id="the body"),
        pytest.param(["preg_match('/x/', $q, $m); $db->query($m[0]);"], id="filled"),
        pytest.param(["class A { function f() { $this->x = $_POST['x'];",
                      "$this->db->query($this->x); } }"], id="a property"),
        pytest.param(["function f($x) { global $db; $db->query($x); }", "f($q);"], id="a function"),
        pytest.param(["class A { static function f($x) { $db->query($x); } }", "A::f($q);"],
                     id="a static method"),
        pytest.param(["class A { function f(Request $r) { $db->query($r->input('a')); } }"],
                     id="a framework's request"),
        pytest.param(["class A { function f(Request $r) { $db->query($r->name); } }"],
                     id="a field of Laravel's request"),
        pytest.param(["class A { #[Route('/{a}')] function f(string $a) { $db->query($a); } }"],
                     id="a route's parameter"),
        pytest.param(["$app->get('/{a}', function (ServerRequestInterface $r, $s, array $args) {",
                      "$db->query($args['a']); });"], id="Slim's arguments"),
    ],
)  # fmt: skip
def test_what_comes_from_outside_is_followed(statements: list[str]) -> None:
    assert php(*statements)


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["$db->query((int) $q);"], id="cast"),
        pytest.param(["$db->query(intval($q));"], id="number"),
        pytest.param(["$db->query($q + 1);"], id="sum"),
        pytest.param(["$db->query(escape($q));"], id="cleaned"),
        pytest.param(["$db->query($db->quote($q));"], id="cleaned by a method"),
        pytest.param(["$db->query(str_replace(\"'\", '', $q));"], id="without the sign that harms"),
        pytest.param(["$db->query(preg_replace('/[^a-z]/', '', $q));"], id="letters remain"),
        pytest.param(["$db->query(preg_replace('/[^a-z]/', '', $q, -1));"], id="all of them"),
        pytest.param(["$db->query(preg_replace('~[\"\\']~', '', $q));"], id="quotes by class"),
        pytest.param(["$db->query(sprintf('%d', $q));"], id="sprintf of a number"),
        pytest.param(["$db->query(implode(',', array_map('intval', $_GET['a'])));"], id="mapped"),
        pytest.param(["$db->query(filter_var($q, FILTER_VALIDATE_INT));"], id="filtered"),
        pytest.param(["$db->query(filter_input(INPUT_GET, 'a', FILTER_VALIDATE_INT));"],
                     id="filtered input"),
        pytest.param(["if (in_array($q, ['a', 'b'])) { $db->query($q); }"], id="in a list"),
        pytest.param(["if (!in_array($q, $known, true)) { die(); }", "$db->query($q);"],
                     id="else it ends"),
        pytest.param(["in_array($q, $known) or die('no');", "$db->query($q);"], id="or dies"),
        pytest.param(["if (!ctype_digit($q)) { throw new E(); }", "$db->query($q);"], id="thrown"),
        pytest.param(["if (isset($known[$q])) { $db->query($q); }"], id="a key of a table"),
        pytest.param(["if ($q === 'a' || $q === 'b') { $db->query($q); }"], id="compared"),
        pytest.param(["if (strpos($q, \"'\") === false) { $db->query($q); }"], id="no such sign"),
        pytest.param(["switch ($q) { case 'a': $s = 'x'; break; default: $s = 'y'; }",
                      "$db->query($s);"], id="switch"),
        pytest.param(["$q = 'a'; $db->query($q);"], id="overwritten"),
        pytest.param(["$r = $db->query('a'); $db->query($r['x']);"], id="what a query gives"),
        pytest.param(["$a = ['x' => $q, 'y' => 'b']; $db->query($a['y']);"], id="another element"),
        pytest.param(["$db->query($_FILES['f']['tmp_name']);"], id="the server's own name"),
        pytest.param(["class A { #[Route('/{a}')] function f(int $a) { $db->query(\"$a\"); } }"],
                     id="a typed parameter"),
        pytest.param(["class A { function f(Request $r) { $db->query($r->user->id); } }"],
                     id="a known part of the request"),
        pytest.param(["function f($x) { return intval($x); }", "$db->query(f($q));"],
                     id="cleaned by a function"),
        pytest.param(["class A { function f($x) { return 1; } }", "$db->query(A::f($q));",
                      "$db->query('a');"], id="a constant"),
    ],
)  # fmt: skip
def test_what_is_checked_or_cleaned_is_not(statements: list[str]) -> None:
    assert not php(*statements)


def test_markup_around_the_code_is_no_obstacle() -> None:
    page = (
        "<h1><?= $_GET['a'] ?></h1>\n"
        "<?= $_GET['b'] ?>\n"
        "<?php if ($x): ?>\n"
        "<b>it's <?php echo $_GET['c'] ?></b>\n"
        "<?php endif ?>\n"
        "<? echo escape($_GET['d']) ?> <?= escape($_GET['e']) ?>\n"
        "<? echo $_GET['f'] ?>\n"
    )
    assert lines(page) == [1, 2, 4, 7]


def test_a_page_without_the_word_echo_is_read_too() -> None:
    assert lines("<p>\n  <?= $_GET['a'] ?>\n</p>\n") == [2]


def test_what_other_files_make_of_input_is_no_text_of_the_page() -> None:
    page = {"sink": "xss", "calls": [{"call": "echo"}]}
    assert php("echo '<p>' . trim($q);", **page)
    assert php('function f($x) { return "<p>$x"; }', "echo f($q);", **page)
    assert not php("echo '<p>' . dressed($q), $this->url(['q' => $q]);", **page)
    assert php("$db->query(dressed($q));")


@pytest.mark.parametrize(
    ("function", "met"),
    [
        ("trim(...)", True),
        ("'trim'", True),
        ("htmlspecialchars(...)", False),
        ("'e'", False),
        ("dressed(...)", False),
    ],
)
def test_a_function_may_be_handed_on_by_its_name_or_by_dots(function: str, met: bool) -> None:
    page = {"sink": "xss", "calls": [{"call": "echo"}], "clean": ["{e,htmlspecialchars}"]}
    assert php(f"$d = array_map({function}, $_GET['a']);", "echo $d['x'];", **page) is met


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("$name", True),
        ("$this->name", True),
        ("$row['name']", True),
        ("$config['name']", False),
        ("$this->settings['name']", False),
        ("$_APP['name']", False),
        ("{$this->name()}", False),
        ("{$this->name($x)}", True),
    ],
)
def test_what_configures_the_program_is_its_authors_own(written: str, *, found: bool) -> None:
    sink = {"sources": ["unknown"], "text_has": "'\x02"}
    assert bool(lines(f"<?php\n$db->query(\"select '{written}'\");\n", **sink)) is found


def test_backticks_are_a_shell() -> None:
    sink = {"sink": "shell", "calls": [{"call": "shell_exec", "args": [0]}]}
    assert php("shell_exec('a');", "$x = `ls $q`;", **sink)
    assert not php("shell_exec('a');", "$x = `ls 'q'`;", **sink)


def test_the_flow_begins_at_the_source_and_ends_at_the_sink() -> None:
    assert lines("<?php\n$a = $_GET['a'];\n$b = trim($a);\n$db->query(\n  $b);\n") == [4]


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        pytest.param("$this->name", True, id="the-field-that-was-set"),
        pytest.param("$this->other", False, id="another-field"),
    ],
)
def test_a_field_goes_with_its_object_into_its_methods(shown: str, found: bool) -> None:
    code = (
        "<?php\nclass Page {\nfunction handle() {\n$this->name = $_POST['name'];\n"
        f"$this->show();\n}}\nfunction show() {{\n$db->query({shown});\n}}\n}}\n"
    )
    assert bool(lines(code)) is found


def test_a_field_that_a_method_sets_is_known_where_it_was_called() -> None:
    code = (
        "<?php\nclass Page {\nfunction handle() {\n$this->load();\n$db->query($this->name);\n}\n"
        "function load() {\n$this->name = $_POST['name'];\n}\n}\n"
    )
    assert lines(code) == [5]


def test_what_a_database_holds_is_no_request_s() -> None:
    code = "<?php\n$row = $result->fetch_assoc();\n$db->query($row['name']);\n"
    assert lines(code) == []
    assert lines(code, sources=["stored"]) == [3]


def test_the_helper_of_a_request_is_input_where_it_is_given_a_name() -> None:
    assert lines("<?php\n$db->query(request('q'));\n") == [2]
    assert lines("<?php\n$db->query(request());\n") == []


@pytest.mark.parametrize(
    "condition",
    ["empty($q)", "!$q", "$q == null", "is_null($q)", "!isset($q)", "!($q)", "empty($q) && $r"],
)
def test_what_is_empty_does_no_harm(condition: str) -> None:
    assert not php(f"if ({condition}) {{ $db->query($q); }}")


@pytest.mark.parametrize(
    "condition",
    ["!empty($q)", "$q", "$q != null", "isset($q)", "empty($q) || $r", "!isset($q, $r)"],
)
def test_what_is_not_empty_may_do_harm(condition: str) -> None:
    assert php(f"if ({condition}) {{ $db->query($q); }}")


def test_of_a_view_of_blade_only_what_is_run_or_printed_raw_is_read() -> None:
    view = (
        "@extends('page')\n<p onclick=\"go()\">{{ request('a') }}</p>\n@php\n  $b = request('b');\n"
        "@endphp\n<p>{{ $b }} {!! e($b) !!}</p>\n<p>{!! $b !!}</p>\n"
    )
    assert lines(view, sink="xss", clean=["e"]) == [7]


def test_what_a_statement_binds_is_the_databases() -> None:
    assert not php("$s->bind_result($a, $q);", "$db->query($q);")
    assert php("$s->bind_param('s', $q);", "$db->query($q);")


# what nobody knows, between quotes of a statement
QUOTED: dict[str, Any] = {"sources": ["unknown"], "text_has": r"^(?:update|delete)\b.*'\x02'"}


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        pytest.param("$q .= \" $k = '$v',\";", True, id="put behind it in a loop"),
        pytest.param("$q .= \" $k = '$v',\"; } $q = substr($q, 0, -1); {", True, id="cut off"),
        pytest.param("$q .= \" $k = '$v',\"; } $q = rtrim($q, ','); {", True, id="trimmed"),
        pytest.param('$q .= " $k = \'" . intval($v) . "\',";', False, id="a number"),
        pytest.param('$q .= " $k = ?,";', False, id="a place for a value"),
    ],
)
def test_what_a_loop_puts_behind_a_statement_is_part_of_its_text(
    statements: str, told: bool
) -> None:
    code = f"""<?php
class Db {{
  function change(array $data) {{
    $q = "update users set";
    foreach ($data as $k => $v) {{
      {statements}
    }}
    return $this->c->query($q);
  }}
}}
"""
    assert bool(lines(code, **QUOTED)) is told
