"""What keeps strangers from a sink, and what has the same shape and keeps nobody."""

from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Severity
from rlm_gate.detectors import taint

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def worst(path: str, code: str, **options: Any) -> Severity | None:
    seeking = rule(detect=[Detect("taint", options)], severity=HIGH)
    found = taint.detect(corpus(source(path, code)), [seeking])
    return max((one.severity for one in found if isinstance(one, Finding)), default=None)


@pytest.mark.parametrize(
    ("condition", "meant"),
    [
        ("mode === 'subscribe' && req.query['hub.verify_token'] === VERIFY_TOKEN", LOW),
        ("verifyTokenEqual(token, process.env.VERIFY_TOKEN)", LOW),
        ("token && mode", HIGH),
        ("token === undefined", HIGH),
        ("token !== ''", HIGH),
        ("mode === 'subscribe'", HIGH),
    ],
)
def test_what_only_who_knows_a_key_gets_back_is_no_page_of_a_stranger(
    condition: str, meant: Severity
) -> None:
    code = (
        "app.get('/hook', (req, res) => {\n  const { mode, token } = req.query;\n"
        f"  if ({condition}) {{\n    return res.send(req.query['hub.challenge']);\n  }}\n}});\n"
    )
    calls = [{"call": "**.res.send", "args": [0]}]
    assert worst("a.js", code, language="javascript", sink="xss", calls=calls) == meant


def test_a_key_that_is_asked_for_after_the_answer_shields_nothing() -> None:
    code = (
        "app.get('/hook', (req, res) => {\n  const { token } = req.query;\n"
        "  res.send(req.query['hub.challenge']);\n"
        "  if (token === VERIFY_TOKEN) { count(); }\n});\n"
    )
    calls = [{"call": "**.res.send", "args": [0]}]
    assert worst("a.js", code, language="javascript", sink="xss", calls=calls) == HIGH


@pytest.mark.parametrize(
    ("statement", "meant"),
    [
        ("await fetch(new URL('/api/session', req.url));", MEDIUM),
        ("await fetch(`${req.nextUrl.origin}/api/plan`);", MEDIUM),
        ("await fetch(new URL(req.query.to, req.url));", HIGH),
        ("await fetch(`${process.env.RISK}?q=${encodeURIComponent(req.query.to)}`);", MEDIUM),
        ("await fetch(`${process.env.RISK}${req.query.to}`);", HIGH),
        ("await fetch(`${req.query.to}/x`);", HIGH),
    ],
)
def test_an_address_whose_host_the_operator_chose_asks_nobody_else(
    statement: str, meant: Severity
) -> None:
    code = f"app.get('/x', async (req, res) => {{\n  {statement}\n}});\n"
    calls = [{"call": "fetch", "args": [0]}]
    sources = ["remote", "address", "local"]
    found = worst("a.js", code, language="javascript", sink="ssrf", sources=sources, calls=calls)
    assert found == meant


@pytest.mark.parametrize(
    ("event", "meant"),
    [("test:status", MEDIUM), ("gpio:update", MEDIUM), ("chat message", HIGH), ("new-post", HIGH)],
)
def test_a_page_believes_its_own_server_but_not_what_others_typed(
    event: str, meant: Severity
) -> None:
    code = (
        f"socket.on('{event}', (said) => {{\n"
        "  document.getElementById('out').innerHTML = '<b>' + said.text + '</b>';\n});\n"
    )
    stores = ["*.innerHTML"]
    assert worst("a.js", code, language="javascript", sink="markup", stores=stores) == meant


def test_a_server_hears_strangers_by_its_sockets() -> None:
    code = (
        "socket.on('test:status', (said) => {\n"
        "  page.body.innerHTML = '<b>' + said.text + '</b>';\n});\n"
    )
    stores = ["*.innerHTML"]
    assert worst("a.js", code, language="javascript", sink="markup", stores=stores) == HIGH


@pytest.mark.parametrize(
    ("decorator", "meant"),
    [
        ("check_callback", MEDIUM),
        ("shop.verify_hmac", MEDIUM),
        ("validate_query_params(Known)", MEDIUM),
        ("check_login", HIGH),
        ("checkout", HIGH),
        ("counted", HIGH),
    ],
)
def test_a_decorator_that_refuses_what_was_sent_is_a_check(decorator: str, meant: Severity) -> None:
    code = (
        "from flask import request\n@app.route('/back')\n"
        f"@{decorator}\ndef back():\n    post('https://' + request.args['shop'] + '/token')\n"
    )
    calls = [{"call": "post", "args": [0]}]
    assert worst("a.py", code, language="python", sink="ssrf", calls=calls) == meant
