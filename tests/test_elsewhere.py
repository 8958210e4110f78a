"""What other files say against the weight of a finding."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from builders import corpus, finding, rule, source

from rlm_gate.core import Severity, Span
from rlm_gate.elsewhere import weight
from rlm_gate.policy import Policy, narrow

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
SECRET = "security/hardcoded-secret"
FALLBACK = "security/signing-key-fallback"


def weighed(path: str, beside: str, *, supporting: Severity | None = LOW) -> Severity:
    lesser = replace(rule(), supporting=supporting)
    whole = corpus(source(path, "a = 1\n"), source(beside, ""))
    return weight(finding(path=path), lesser, whole)


def test_a_module_beside_a_package_of_its_name_is_never_loaded() -> None:
    assert weighed("house/settings.py", "house/settings/__init__.py") is LOW
    assert weighed("house/settings.py", "house/settings/base.py") is HIGH
    assert weighed("house/settings.py", "other/settings/__init__.py") is HIGH
    assert weighed("house/settings.js", "house/settings/__init__.py") is HIGH


def test_what_weighs_the_same_everywhere_does_so_there() -> None:
    assert weighed("house/settings.py", "house/settings/__init__.py", supporting=None) is HIGH


@pytest.mark.parametrize(
    ("path", "text", "meant"),
    [
        ("src/env.ts", "if (!process.env.JWT_SECRET) throw new Error('no key');", MEDIUM),
        ("src/env.ts", "if (!process.env.JWT_SECRET) {\n  log();\n  process.exit(1);\n}", MEDIUM),
        (
            "src/config.ts",
            "for (const one of REQUIRED = ['PORT', 'JWT_SECRET']) check(one);",
            MEDIUM,
        ),
        ("src/config.ts", "requireEnv(['PORT', 'JWT_SECRET']);", MEDIUM),
        ("src/env.ts", "const env = z.object({ JWT_SECRET: z.string().min(32) });", MEDIUM),
        ("src/env.ts", "const env = Joi.object({ JWT_SECRET: Joi.string().required() });", MEDIUM),
        ("src/env.ts", "const env = z.object({ JWT_SECRET: z.string().default('hush') });", HIGH),
        ("src/env.ts", "// throws if (!process.env.JWT_SECRET) throw", HIGH),
        ("src/env.ts", "if (!process.env.PORT) throw new Error('no port');", HIGH),
        ("src/env.ts", "export const key = process.env.JWT_SECRET;", HIGH),
        ("test/env.ts", "if (!process.env.JWT_SECRET) throw new Error('no key');", HIGH),
        ("src/pages.ts", "if (!process.env.JWT_SECRET) throw new Error('no key');", HIGH),
    ],
)
def test_a_fallback_that_another_file_refuses_never_signs(
    path: str, text: str, meant: Severity
) -> None:
    quote = "const key = process.env.JWT_SECRET || 'hush-hush';"
    one = finding(FALLBACK, "src/auth.ts", quote=quote)
    whole = corpus(source("src/auth.ts", quote), source(path, text + "\n"))
    assert weight(one, rule(FALLBACK), whole) is meant
    assert weight(replace(one, rule_id="security/example"), rule(), whole) is HIGH


def key_of(*beside: tuple[str, str], path: str = "certs/app.key") -> Severity:
    text = "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIE\n"
    one = finding(SECRET, path, quote="hidden", severity=Severity.CRITICAL)
    whole = corpus(source(path, text), *(source(*two) for two in beside))
    return weight(one, rule(SECRET, severity=Severity.CRITICAL), whole)


def certificate(name: str) -> str:
    body = base64.encodebytes(b"\x30\x82" + name.encode().ljust(200, b"\x01")).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("localhost", MEDIUM), ("shop.local", MEDIUM), ("shop.house.com", Severity.CRITICAL)],
)
def test_a_key_is_worth_what_its_certificate_names(name: str, meant: Severity) -> None:
    assert key_of(("certs/app.crt", certificate(name))) is meant
    assert key_of(("other/app.crt", certificate(name))) is Severity.CRITICAL


def test_the_key_of_a_sandbox_opens_nothing_of_worth() -> None:
    asks = "pay = Pay(key='app.key', url='https://openapi.{}pay.com')\n"
    assert key_of(("certs/pay.py", asks.format("sandbox."))) is MEDIUM
    assert key_of(("certs/pay.py", asks.format(""))) is Severity.CRITICAL
    made = "mkcert -key-file app.key localhost\n"
    assert key_of(("certs/make.sh", made)) is MEDIUM
    assert key_of() is Severity.CRITICAL


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        pytest.param("sandbox/app.key", (), id="the name of a folder"),
        pytest.param("certs/app.key", ("certs/pay.py", "# app.key: sandbox\n"), id="a comment"),
        pytest.param("certs/app.key", ("certs/pay.py", "SANDBOX = 'app.key'\n"), id="a name"),
        pytest.param(
            "certs/app.key",
            ("certs/README.md", "app.key: see https://sandbox.house.com/\n"),
            id="prose",
        ),
    ],
)
def test_what_an_author_calls_a_key_lowers_nothing(path: str, beside: tuple[str, ...]) -> None:
    assert key_of(*([beside] if beside else []), path=path) is Severity.CRITICAL  # type: ignore[list-item]


def test_the_policy_asks_and_what_the_user_says_of_the_rule_counts_still() -> None:
    lesser = replace(rule(), supporting=LOW)
    files = source("house/settings.py", "a = 1\n"), source("house/settings/__init__.py", "")
    one = finding(path="house/settings.py", quote="a = 1")
    kept = narrow([one], corpus(*files), [lesser], Policy(HIGH))
    assert [found.severity for found in kept] == [LOW]


SLASHES = (
    "<?php function slashes($all) { foreach ($all as $k => $v) { $all[$k] = addslashes($v); } }"
)


@pytest.mark.parametrize(
    ("quote", "text", "meant"),
    [
        ("$db->query(\"a = '{$_GET['k']}'\")", "$_GET = slashes($_GET);", MEDIUM),
        ("$db->query('a = \\'' . $_GET['k'] . '\\'')", "$_GET = slashes($_GET);", MEDIUM),
        ("$db->query('a = ' . $_GET['k'])", "$_GET = slashes($_GET);", HIGH),
        ("$db->query(\"a = '\" . $_GET['k'] . \"'\")", "$_POST = slashes($_POST);", MEDIUM),
        ("$db->query(\"a = '$_GET[k]'\")", "$_GET = array_map('addslashes', $_GET);", MEDIUM),
        (
            "$db->query(\"a = '$_GET[k]'\")",
            "foreach (['_GET', '_POST'] as $r) { foreach ($$r as $k => $v) $$r[$k] = slashes($v);}",
            MEDIUM,
        ),
        ("$db->query(\"a = {$_GET['k']}\")", "$_GET = slashes($_GET);", HIGH),
        ("$db->query(\"a = '$_GET[k]' and b = $_GET[l]\")", "$_GET = slashes($_GET);", HIGH),
        ("$db->query(\"a = '{$_GET['k']}'\")", "// $_GET = slashes($_GET);", HIGH),
        ("$db->query(\"a = '{$_GET['k']}'\")", "$_GET = trimmed($_GET);", HIGH),
        ("$db->query(\"a = '\" . urldecode($_GET['k']))", "$_GET = slashes($_GET);", HIGH),
    ],
)
def test_a_quote_that_every_request_has_behind_a_backslash_ends_no_text(
    quote: str, text: str, meant: Severity
) -> None:
    whole = corpus(
        source("a.php", quote), source("lib/func.php", SLASHES), source("core.php", text)
    )
    told = replace(finding("security/sql-injection", path="a.php"), quote=quote)
    assert weight(told, rule(), whole) is meant


@pytest.mark.parametrize(
    ("source_line", "quote", "meant"),
    [
        ("$k = $_GET['k'];", "$res = $db->query(\"a from {$db_pre}t where b = '{$k}'\")", MEDIUM),
        ("$k = $_GET['k'];", '$res = $db->query("a from {$db_pre}t where b = {$k}")', HIGH),
        ("$k = $_GET['k'];", "$res = $db->query($k)", HIGH),
        ("$k = read();", "$res = $db->query(\"a from {$db_pre}t where b = '{$k}'\")", HIGH),
    ],
)
def test_a_name_that_holds_such_a_quote_is_as_safe_in_quotes(
    source_line: str, quote: str, meant: Severity
) -> None:
    start = "<?php $_GET = array_map('addslashes', $_GET);"
    whole = corpus(source("a.php", f"{source_line}\n{quote}\n"), source("core.php", start))
    told = finding("security/sql-injection", path="a.php")
    told = replace(told, quote=quote, flow=(Span("a.php", 1, 1), Span("a.php", 2, 2)))
    assert weight(told, rule(), whole) is meant


@pytest.mark.parametrize(
    ("name", "meant"), [("your.own.shop.org", MEDIUM), ("yourown.house.com", Severity.CRITICAL)]
)
def test_a_certificate_that_asks_for_a_name_is_an_example(name: str, meant: Severity) -> None:
    assert key_of(("certs/app.crt", certificate(name))) is meant
