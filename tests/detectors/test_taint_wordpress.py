"""What WordPress does to a request before a flow sees it."""

import pytest
from grading import HIGH, LOW, MEDIUM, severities, sink

from rlm_gate.core import Severity

WPDB = sink("php", "sql", "**.wpdb.get_var")
TRIMMED = "$wpdb->get_var(rtrim($q, 'OR '));"


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("$n = $_GET['n']; $wpdb->get_var(\"SELECT a FROM t WHERE b = '$n'\");", [MEDIUM]),
        ("$n = $_GET['n']; $wpdb->get_var(\"SELECT a FROM t WHERE b LIKE '%$n%'\");", [MEDIUM]),
        ("$n = $_GET['n']; $wpdb->get_var(\"SELECT a FROM t WHERE b = $n\");", [HIGH]),
        ("$n = $_GET['n']; $wpdb->get_var(\"SELECT a FROM t WHERE c = 'd' AND b = $n\");", [HIGH]),
        (r"""$n = $_GET['n']; $wpdb->get_var("SELECT a FROM t WHERE b = \"$n\"");""", [MEDIUM]),
        (r"""$n = $_GET['n']; $wpdb->get_var("SELECT \"d\" FROM t WHERE b = $n");""", [HIGH]),
        ("$q = 'SELECT'; foreach ($_GET['n'] as $n) { $q .= \"b='$n'\"; } " + TRIMMED, [MEDIUM]),
        ("$q = \"SELECT a FROM t WHERE b = {$_GET['n']}\"; $wpdb->get_var(trim($q));", [HIGH]),
        ("$n = stripslashes($_GET['n']); $wpdb->get_var(\"SELECT '$n'\");", [HIGH]),
        ("$n = wp_unslash($_GET['n']); $wpdb->get_var(\"SELECT '$n'\");", [HIGH]),
    ],
)
def test_quotes_hold_what_wordpress_has_put_slashes_into(code: str, meant: list[Severity]) -> None:
    code = f"<?php\nfunction show() {{ global $wpdb; {code} }}\n"
    assert severities("a.php", code, **WPDB) == meant


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("check_admin_referer('a'); show($_GET['n']);", MEDIUM),
        ("if (!wp_verify_nonce($_GET['w'], 'a')) { return; } show($_GET['n']);", MEDIUM),
        ("show($_GET['n']); check_ajax_referer('a');", HIGH),
        ("show($_GET['n']);", HIGH),
    ],
)
def test_a_link_of_others_knows_no_nonce(code: str, meant: Severity) -> None:
    code = f"<?php\nfunction page() {{ {code} }}\n"
    assert severities("a.php", code, **sink("php", "xss", "show")) == [meant]


def test_rows_that_a_database_is_given_do_not_become_the_database() -> None:
    code = (
        "<?php\nfunction show() { global $wpdb; $wpdb->insert('t', array('a' => $_GET['n']));"
        "\n$wpdb->insert($wpdb->prefix . 't', array('a' => $_GET['n']));"
        "\n$wpdb->update($wpdb->prefix . 't', array('a' => $_GET['n']), array('b' => 1));"
        "\n$wpdb->get_var('SELECT a FROM ' . $wpdb->prefix . 't'); }\n"
    )
    assert severities("a.php", code, **WPDB) == []


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("show('<form action=\"' . $_SERVER['REQUEST_URI'] . '\">');", LOW),
        ("show(\"<form action='\" . $_SERVER['REQUEST_URI'] . \"'>\");", MEDIUM),
        ("show('<form action=\"' . urldecode($_SERVER['REQUEST_URI']) . '\">');", MEDIUM),
        ("show('<form action=\"' . $_SERVER['PHP_SELF'] . '\">');", MEDIUM),
    ],
)
def test_browsers_write_brackets_of_an_address_as_numbers(code: str, meant: Severity) -> None:
    told = sink("php", "xss", "show", sources=["remote", "address"])
    assert severities("a.php", f"<?php\nfunction page() {{ {code} }}\n", **told) == [meant]


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("_e('a'); show($_POST['n']);", MEDIUM),
        ("_e('a'); show($_REQUEST['page']);", MEDIUM),
        ("_e('a'); show($_REQUEST['n']);", HIGH),
        ("_e('a'); show(isset($_POST['n']) ? $_POST['n'] : $_GET['n']);", HIGH),
        ("show($_POST['n']);", MEDIUM),
        ("show($_REQUEST['page']);", HIGH),
    ],
)
def test_no_link_leads_to_a_form_of_wordpress_or_to_another_page(
    code: str, meant: Severity
) -> None:
    code = f"<?php\nfunction page() {{ {code} }}\n"
    assert severities("a.php", code, **sink("php", "xss", "show")) == [meant]


@pytest.mark.parametrize(
    ("part", "meant"),
    [
        ("apply_filters('parts', \"b = '\" . esc_sql($_GET['n']) . \"'\")", []),
        ("apply_filters('parts', 'b = ' . $_GET['n'])", [MEDIUM]),
    ],
)
def test_what_plug_ins_may_change_is_mostly_what_it_was(part: str, meant: list[Severity]) -> None:
    code = f"<?php\nfunction show() {{ global $wpdb; $p = {part};\n"
    code += '$wpdb->get_var("SELECT a FROM t WHERE $p"); }\n'
    assert severities("a.php", code, **WPDB, clean=["esc_sql"]) == meant


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("show(get_query_var('results'));", LOW),
        ("show(get_query_var('s'));", HIGH),
        ("show(get_query_var($name));", HIGH),
        ("add_filter('query_vars', 'more'); show(get_query_var('results'));", HIGH),
    ],
)
def test_what_no_address_brings_was_put_there_for_the_page(code: str, meant: Severity) -> None:
    assert severities("a.php", f"<?php\n{code}\n", **sink("php", "xss", "show")) == [meant]
