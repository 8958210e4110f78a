"""Tests of what opens or signs something in settings. All values are made up."""

import pytest

from rlm_gate.detectors import _settings

KEY = "9f3bA72kLmQ0xZvR18sTyU6w"


def told(path: str, text: str) -> list[str]:
    return [text[start:end] for start, end in _settings.found(path, text)]


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        pytest.param(".env", f"export JWT_SECRET='{KEY}'\n", KEY, id="a key in .env"),
        pytest.param("a/application.yml", f"jwt:\n  secret: {KEY}\n", KEY, id="a key in YAML"),
        pytest.param(
            "a/appsettings.json",
            f'{{\r\n  "Jwt": {{\r\n    "Key": "{KEY}"\r\n  }}\r\n}}\r\n',
            KEY,
            id="a key in JSON, lines that end as on Windows",
        ),
        pytest.param(".env", "SMTP_PASS=abcd wxyz mnop qrst\n", "abcd wxyz mnop qrst", id="mail"),
        pytest.param(
            "application.properties",
            "spring.datasource.url=jdbc:mysql://db.house.com/a\nspring.datasource.password=hush7Now\n",
            "hush7Now",
            id="a database elsewhere",
        ),
    ],
)
def test_what_opens_or_signs_something_is_found_where_the_value_stands(
    path: str, text: str, value: str
) -> None:
    assert told(path, text) == [value]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(".env.development", f"JWT_SECRET={KEY}\n", id="of developers by its name"),
        pytest.param(".env", f"NODE_ENV=development\nJWT_SECRET={KEY}\n", id="of developers"),
        pytest.param("docker/application.yml", f"jwt:\n  secret: {KEY}\n", id="for one machine"),
        pytest.param(".env", "JWT_SECRET=change-me-1-please\n", id="to be replaced"),
        pytest.param("application.yml", "jwt:\n  secret: ${JWT_SECRET}\n", id="from outside"),
        pytest.param(".env", "DB_HOST=localhost\nDB_PASSWORD=hush7Now\n", id="database here"),
        pytest.param(".env", "DB_HOST=10.0.0.7\nDB_PASSWORD=hush7Now\n", id="database inside"),
        pytest.param(
            ".env", "MAIL_HOST=sandbox.smtp.mailtrap.io\nMAIL_PASSWORD=80214627f\n", id="no mail"
        ),
        pytest.param("application.yml", f"a:\n  jwt:\n    cookie-key: {KEY}\n", id="a name of it"),
        pytest.param("src/notes.yml", f"jwt:\n  secret: {KEY}\n", id="no settings"),
    ],
)
def test_what_is_for_developers_or_opens_nothing_is_not_told(path: str, text: str) -> None:
    assert told(path, text) == []
