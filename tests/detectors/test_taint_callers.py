"""Who gets to a sink: administrators, a program's owner, who debugs it, or only who asks."""

from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Severity
from rlm_gate.detectors import taint

HIGH, MEDIUM = Severity.HIGH, Severity.MEDIUM


def severities(path: str, code: str, **options: Any) -> list[Severity]:
    seeking = rule(detect=[Detect("taint", options)], severity=HIGH)
    found = taint.detect(corpus(source(path, code)), [seeking])
    return [one.severity for one in found if isinstance(one, Finding)]


RUN = {"language": "javascript", "sink": "shell", "calls": [{"call": "exec", "args": [0]}]}
ASK = {"language": "python", "sink": "shell", "calls": [{"call": "system", "args": [0]}]}
SEND = {"language": "javascript", "sink": "xss", "calls": [{"call": "**.res.send", "args": [0]}]}


@pytest.mark.parametrize(
    ("beside", "before", "meant"),
    [
        ("ownerOnly: true,", "", MEDIUM),
        ("devOnly: true,", "", MEDIUM),
        ("", "if (user.id !== config.ownerId) return;", MEDIUM),
        ("", "if (!config.developerIds.includes(interaction.user.id)) return;", MEDIUM),
        ("ownerOnly: false,", "", HIGH),
        ("category: 'owner',", "", HIGH),
        ("", "const ownerId = interaction.user.id;", HIGH),
        ("", "", HIGH),
    ],
)
def test_what_a_bot_does_for_its_owner_alone_is_less(
    beside: str, before: str, meant: Severity
) -> None:
    code = (
        f"module.exports = {{\n  name: 'run', {beside}\n  async execute(interaction) {{\n"
        f"    const user = interaction.user;\n    {before}\n"
        "    exec(interaction.options.getString('what'));\n  },\n};\n"
    )
    assert severities("a.js", code, **RUN) == [meant]


def test_the_constructor_of_a_command_says_who_may_give_it() -> None:
    code = (
        "class Run extends Command {\n"
        "  constructor(bot) { super(bot, { restriction: ['owner'] }); }\n"
        "  run(interaction) { exec(interaction.options.getString('what')); }\n}\n"
    )
    assert severities("a.js", code, **RUN) == [MEDIUM]
    assert severities("a.js", code.replace("owner", "member"), **RUN) == [HIGH]


@pytest.mark.parametrize(
    ("decorator", "before", "meant"),
    [
        ("@role_required(['Global Admin', 'Editor'])", "", MEDIUM),
        ("@role_required(['Editor'])", "", HIGH),
        ("@login_required", "if not settings.debug_mode:\n        return 403", MEDIUM),
        ("@login_required", "if settings.debug_mode:\n        print('debugging')", HIGH),
    ],
)
def test_a_role_or_a_mode_of_debugging_keeps_strangers_out(
    decorator: str, before: str, meant: Severity
) -> None:
    code = (
        f"@app.route('/a')\n{decorator}\ndef run():\n    {before or 'pass'}\n"
        "    return system(request.args['what'])\n"
    )
    assert severities("a.py", code, **ASK) == [meant]


@pytest.mark.parametrize(
    ("guard", "meant"),
    [
        ("if (process.env.NODE_ENV === 'production') return res.end();", MEDIUM),
        ("if (process.env.NODE_ENV !== 'development') { throw new Error(); }", MEDIUM),
        ("if (process.env.NODE_ENV !== 'production') console.log('asked');", HIGH),
        ("if (process.env.NODE_ENV === 'development') return res.end();", HIGH),
    ],
)
def test_what_production_refuses_is_less(guard: str, meant: Severity) -> None:
    code = f"app.get('/a', (req, res) => {{\n  {guard}\n  exec(req.query.what);\n}});\n"
    assert severities("a.js", code, **RUN) == [meant]


def test_a_guard_around_a_callback_is_read_and_that_of_another_route_is_not() -> None:
    inner = "if (user.role !== 'admin') return;\n  work(() => exec(req.query.what));"
    code = f"app.get('/a', (req, res) => {{\n  {inner}\n}});\n"
    assert severities("a.js", code, **RUN) == [MEDIUM]
    routes = "app.get('/b', isAdmin, show);\n  app.get('/a', (req) => exec(req.query.a));"
    code = f"module.exports = (app) => {{\n  {routes}\n}};"
    assert severities("a.js", code, **RUN) == [HIGH]


@pytest.mark.parametrize(
    ("head", "sent", "meant"),
    [
        ("", "req.body.content", MEDIUM),
        ("", "`<p>${req.body.content}</p>`", HIGH),
        ("", "req.query.content", HIGH),
        ("app.use(express.urlencoded());\n", "req.body.content", HIGH),
    ],
)
def test_a_body_that_an_api_sends_back_as_it_came_is_no_page(
    head: str, sent: str, meant: Severity
) -> None:
    code = f"{head}app.post('/a', (req, res) => {{\n  res.send({sent});\n}});\n"
    assert severities("a.js", code, **SEND) == [meant]
