"""What the code beside a signing key says of its worth."""

from __future__ import annotations

import pytest
from builders import corpus, finding, rule, source

from rlm_gate.core import Severity
from rlm_gate.elsewhere import weight

HIGH, MEDIUM = Severity.HIGH, Severity.MEDIUM
FALLBACK = "security/signing-key-fallback"
LITERAL = "security/literal-signing-key"
SETTINGS = "security/settings-credential"
ROUTE = "from flask import Blueprint, jsonify\n@views.route('/')\ndef home(): return jsonify({})\n"
KEY = "app.secret_key = 'quiet river stone'"


def weighed(rule_id: str, path: str, quote: str, *beside: tuple[str, str]) -> Severity:
    one = finding(rule_id, path, quote=quote)
    whole = corpus(source(path, quote + "\n"), *(source(*two) for two in beside))
    return weight(one, rule(rule_id), whole)


def flask_key(text: str, path: str = "app/pages.py", key: str = KEY) -> Severity:
    return weighed(LITERAL, "app/main.py", key, ("app/views.py", ROUTE), (path, text))


@pytest.mark.parametrize(
    "text",
    [
        "names = ['a']\n",
        "from sqlalchemy.orm import session\nsession.add(1)\n",
        "# from flask import session\n",
        "from flask_cors import CORS\nfrom flask_sqlalchemy import SQLAlchemy\n",
        "from flask import (\n    Flask,\n    flash,\n)\n",
        "from flask_wtf.csrf import CSRFProtect\n",
        "app.config['SECRET_KEY'] = os.environ.get('SECRET_KEY')\n",
        "os.environ.setdefault('SECRET_KEY', 'quiet')\n",
    ],
)
def test_a_key_of_flask_where_nothing_is_signed_is_worth_little(text: str) -> None:
    assert flask_key(text) is MEDIUM


@pytest.mark.parametrize(
    "text",
    [
        "from flask import Flask, session\n",
        "from flask import (\n    Flask,\n    session,\n)\n",
        "from flask import *\n",
        "import flask\nflask.session['user'] = 1\n",
        "from flask_login import LoginManager\n",
        "import jwt\n",
        "from itsdangerous import URLSafeSerializer\n",
        "token = sign(app.config['SECRET_KEY'])\n",
        "make(app.secret_key, 'links')\n",
        "from django.conf import settings\n",
    ],
)
def test_what_signs_anywhere_in_the_tree_keeps_the_key_grave(text: str) -> None:
    assert flask_key(text) is HIGH


def test_what_tests_sign_says_nothing_of_the_application() -> None:
    for path in ("tests/e2e/helpers.py", "app/conftest.py", "app/test_views.py"):
        assert flask_key("import jwt\n", path) is MEDIUM


def test_where_no_route_is_seen_nothing_is_known_of_what_is_signed() -> None:
    alone = ("app/views.py", "from flask import jsonify\n")
    assert weighed(LITERAL, "app/main.py", KEY, alone) is HIGH
    assert weighed(LITERAL, "app/main.py", KEY, ("app/views.py", ROUTE)) is MEDIUM


def test_other_keys_than_that_of_flask_sign_by_themselves() -> None:
    assert flask_key("", key="JWT_SECRET_KEY = 'quiet river stone'") is HIGH
    many = [(f"app/part{number}.py", "a = 1\n") for number in range(401)]
    assert weighed(LITERAL, "app/main.py", KEY, ("app/views.py", ROUTE), *many) is HIGH


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("const t = jwt.sign({ id }, process.env.JWT_SECRET, { expiresIn: '1h' });\n", MEDIUM),
        ("const t = jwt.sign({ id }, process.env.JWT_SECRET || 'hush-hush');\n", HIGH),
        ("const t = jwt.sign({ id }, process.env.JWT_SECRET ?? 'hush-hush');\n", HIGH),
        ("const t = jwt.verify(token, process.env.JWT_SECRET);\n", HIGH),
        ("// jwt.sign({ id }, process.env.JWT_SECRET)\n", HIGH),
        ("const t = jwt.sign({ id }, process.env.JWT_REFRESH_SECRET);\n", HIGH),
    ],
)
def test_a_fallback_is_never_taken_where_signing_in_needs_the_variable(
    text: str, meant: Severity
) -> None:
    quote = "const key = process.env.JWT_SECRET || 'hush-hush';"
    own = ("api/package.json", "{}\n")
    assert weighed(FALLBACK, "api/tokens.js", quote, own, ("api/login.js", text)) is meant
    assert weighed(FALLBACK, "api/tokens.js", quote, own, ("shop/login.js", text)) is HIGH
    assert weighed(FALLBACK, "api/tokens.js", quote, own, ("api/test/login.js", text)) is HIGH


def test_a_module_that_cannot_be_loaded_without_the_variable_needs_it() -> None:
    quote = "KEY = os.getenv('JWT_SECRET', 'hush-hush')"
    needs = ("login.py", "KEY = os.environ['JWT_SECRET']\n")
    within = ("login.py", "def key():\n    return os.environ['JWT_SECRET']\n")
    assert weighed(FALLBACK, "tokens.py", quote, needs) is MEDIUM
    assert weighed(FALLBACK, "tokens.py", quote, within) is HIGH


@pytest.mark.parametrize(
    ("path", "text", "meant"),
    [
        (
            "install/install.php",
            "$made = ['APP_SECRET' => RandomHelper::string(64)];\nfile_put_contents($a, $made);\n",
            MEDIUM,
        ),
        (
            "setup.sh",
            'sed -i "s/APP_SECRET=.*/APP_SECRET=$(openssl rand -hex 9)/" .env\n',
            MEDIUM,
        ),
        ("setup.sh", "# APP_SECRET=$(openssl rand -hex 32) >> .env\n", HIGH),
        ("setup.sh", 'echo "OTHER_SECRET=$(openssl rand -hex 32)" >> .env\n', HIGH),
        ("install.php", "echo 'set APP_SECRET'; file_put_contents($a, $b);\n", HIGH),
        ("install.php", "show(['APP_SECRET' => RandomHelper::string(64)]);\n", HIGH),
    ],
)
def test_a_key_that_the_installer_draws_anew_is_no_longer_in_use(
    path: str, text: str, meant: Severity
) -> None:
    assert weighed(SETTINGS, ".env", "APP_SECRET=23b571d0dce0d8a5", (path, text)) is meant
