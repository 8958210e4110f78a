"""Which page of PHP cannot run where it lies."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import corpus, finding, rule, source

from rlm_gate.core import Severity, Span
from rlm_gate.elsewhere import weight

HIGH, MEDIUM = Severity.HIGH, Severity.MEDIUM
SQL = "security/sql-injection"
PAGE = '<?php\nrequire_once("inc/guard.php");\n\nmysqli_query($db, "select " . $_GET["a"]);\n'


def weighed(*beside: tuple[str, str], page: str = PAGE, path: str = "old/list.php") -> Severity:
    last = page.count("\n")
    one = replace(finding(SQL, path, quote="mysqli_query("), span=Span(path, last, last))
    files = [source(path, page), source("inc/guard.php", "<?php\n")]
    return weight(one, rule(SQL), corpus(*files, *(source(*two) for two in beside)))


def test_a_page_whose_required_file_is_not_there_never_gets_to_the_line() -> None:
    assert weighed() is MEDIUM
    assert weighed(path="list.php") is HIGH
    assert weighed(("old/inc/guard.php", "<?php\n")) is HIGH
    assert weighed(page=PAGE.replace("inc/guard", "inc/other")) is HIGH


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE.replace("require_once", "include_once"), id="may be missing"),
        pytest.param(PAGE.replace("require_once", "// require_once"), id="a comment"),
        pytest.param(PAGE.replace("require_once", "if ($a) {\n  require_once"), id="not always"),
        pytest.param(PAGE.replace("<?php", "<?php\nchdir('..');"), id="from elsewhere"),
        pytest.param("<?php\nmysqli_query($_GET['a']);\n", id="requires nothing"),
    ],
)
def test_what_may_run_all_the_same_stays_grave(page: str) -> None:
    assert weighed(page=page) is HIGH


@pytest.mark.parametrize(
    ("path", "text", "meant"),
    [
        ("index.php", "<?php include 'old/list.php';\n", HIGH),
        ("index.php", "<?php include __DIR__ . '/old/' . $page . '.php';\n", HIGH),
        ("index.php", "<?php $pages = ['list' => 'list.php'];\n", HIGH),
        ("index.php", "<?php $from = 'old'; include \"$from/$page.php\";\n", HIGH),
        ("index.php", "<?php $modes = ['new', 'old'];\n", MEDIUM),
        ("tests/all.php", "<?php include 'old/list.php';\n", MEDIUM),
        ("old/index.php", "<?php include 'list.php';\n", HIGH),
        (".htaccess", "php_value include_path /srv/shop\n", HIGH),
        ("index.php", "<?php include 'new/lists.php';\n// old/list.php\n", MEDIUM),
        ("old/index.php", "<a href='list.php'>all</a>\n", MEDIUM),
    ],
)
def test_a_page_that_another_may_load_stays_grave(path: str, text: str, meant: Severity) -> None:
    assert weighed((path, text)) is meant
