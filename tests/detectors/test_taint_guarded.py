"""Which conditions and checks are about the value that gets to the sink, and which are not."""

import pytest
from grading import HIGH, MEDIUM, severities

from rlm_gate.core import Severity


def script(body: str) -> list[Severity]:
    code = f"app.get('/', async (req, res) => {{\n  const name = req.query.name;\n{body}\n}});\n"
    calls = [{"call": "exec", "args": [0]}]
    return severities("a.js", code, language="javascript", sink="shell", calls=calls)


def view(body: str, head: str = "@app.get('/')\ndef show(name: str):\n") -> list[Severity]:
    code = head + "".join(f"    {line}\n" for line in body.split("\n"))
    calls = [{"call": "system", "args": [0]}]
    return severities("a.py", code, language="python", sink="shell", calls=calls)


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ("if not suits(name):\n    return None\nsystem('ls ' + name)", MEDIUM),
        ("if not suits(other):\n    return None\nsystem('ls ' + name)", HIGH),
        ("name = name if suits(name) else 'x'\nsystem('ls ' + name)", MEDIUM),
        ("name = suits() if ready else name\nsystem('ls ' + name)", HIGH),
        ("size = 1 if suits(name) else 2\nsystem('ls ' + name)", HIGH),
        ("system('ls ' + (name if suits(name) else ''))", MEDIUM),
        (
            "for part in name.split():\n    if not ok(part):\n        return\n    system(part)",
            MEDIUM,
        ),
        ("for part in name.split(','):\n    system('ls ' + part)", HIGH),
        ("check_name(name)\nsystem('ls ' + name)", MEDIUM),
        ("check_name(other)\nsystem('ls ' + name)", HIGH),
        ("system('ls ' + name)\ncheck_name(name)", HIGH),
        ("other = quote_name(name)\nsystem('ls ' + name)", HIGH),
        ("with lock:\n    if suits(name):\n        system('ls ' + name)", MEDIUM),
    ],
)
def test_a_parameter_is_followed_to_the_sink(body: str, meant: Severity) -> None:
    assert view(body) == [meant]


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ("const size = suits(name) ? 1 : 2;\nexec('ls ' + name);", HIGH),
        ("const file = suits(name) ? name : 'x';\nexec('ls ' + file);", MEDIUM),
        ("exec('ls ' + (suits(name) ? name : 'x'));", MEDIUM),
        (
            "for (const part of name.split(',')) {\n  if (!suits(part)) return;\n  exec(part);\n}",
            MEDIUM,
        ),
        ("for (const part of name.split(',')) {\n  exec(part);\n}", HIGH),
        ("for (const part of others) {\n  if (!suits(part)) return;\n}\nexec(name);", HIGH),
        ("const sum = digest(name);\nif (!sum) return;\nexec(name);", MEDIUM),
        ("const sum = digest(other);\nif (!sum) return;\nexec(name);", HIGH),
        ("const made = name + '-a';\nif (!suits(made)) return;\nexec(made);", MEDIUM),
        ("const made = name + '-a';\nif (!suits(made)) return;\nexec(name);", HIGH),
        ("exec(name);\nconst late = digest(name);\nif (!late) return;", HIGH),
    ],
)
def test_a_value_of_a_request_is_followed_to_the_sink(body: str, meant: Severity) -> None:
    assert script(body) == [meant]


@pytest.mark.parametrize(
    ("check", "meant"), [("if (!suits(name)) return null;", MEDIUM), ("", HIGH)]
)
def test_a_parameter_of_java_is_followed_too(check: str, meant: Severity) -> None:
    code = (
        "class A {\n  @GetMapping\n  String show(@RequestParam String name) {\n"
        f'    {check}\n    return run("ls " + name);\n  }}\n}}\n'
    )
    calls = [{"call": "run", "args": [0]}]
    assert severities("A.java", code, language="java", sink="shell", calls=calls) == [meant]


def test_what_another_function_looks_at_says_nothing_of_this_one() -> None:
    other = "def other(name):\n    if not suits(name):\n        return None\n    return 1\n\n\n"
    head = other + "@app.get('/')\ndef show(name: str):\n"
    assert view("system('ls ' + name)", head) == [HIGH]
    behind = "system('ls ' + name)\n\n\ndef later(name):\n    if not suits(name):\n        return"
    assert view(behind) == [HIGH]
