"""Tests of what opens or signs something in settings. All values are made up."""

import json

import pytest

from rlm_gate.detectors import _settings

KEY = "9f3bA72kLmQ0xZvR18sTyU6w"


def in_json(parent: str, **entries: str) -> str:
    return json.dumps({parent: entries}, indent=2)


def told(path: str, text: str) -> list[str]:
    return [text[start:end] for start, end, _near in _settings.found(path, text)]


def near(path: str, text: str) -> list[bool]:
    return [one.near for one in _settings.found(path, text)]


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
        pytest.param(
            "a/application.conf",
            f'jwt {{\n  # signs\n  secret = "{KEY}"\n  secret = ${{?JWT_SECRET}}\n}}\n',
            KEY,
            id="a key in HOCON",
        ),
        pytest.param(".env", "SMTP_PASS=abcd wxyz mnop qrst\n", "abcd wxyz mnop qrst", id="mail"),
        pytest.param(
            ".env",
            "PG_HOST=db.house.com\nPG_PASSWORD=hush7Now\n",
            "hush7Now",
            id="a database whose host stands beside it",
        ),
        pytest.param(
            "application.properties",
            "spring.datasource.url=jdbc:mysql://db.house.com/a\nspring.datasource.password=hush7Now\n",
            "hush7Now",
            id="a database elsewhere",
        ),
        pytest.param(
            "appsettings.json",
            in_json("ConnectionStrings", A="Server=160.250.130.226,1433;Password=@Hush7Now@;"),
            "Server=160.250.130.226,1433;Password=@Hush7Now@;",
            id="a connection whose password begins with a sign",
        ),
        pytest.param(
            "appsettings.json",
            in_json("JwtIssuerOptions", Issuer="shop", Secret=KEY),
            KEY,
            id="a key below what is named after the issuer",
        ),
        pytest.param(
            "appsettings.json",
            in_json("Minio", Client="172.24.201.4:9000", SecretKey="hush2Now!"),
            "hush2Now!",
            id="the key of a storage",
        ),
        pytest.param(
            "application.yml",
            "keycloak:\n  username: annmiller\n  password: Hush!8111474652\n",
            "Hush!8111474652",
            id="somebody's password",
        ),
        pytest.param(
            "application.yml",
            f"app:\n  encryption-key: ${{ENCRYPTION_KEY:{KEY}}}\n",
            f"${{ENCRYPTION_KEY:{KEY}}}",
            id="what the key is unless somebody sets it",
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
        pytest.param(
            "appsettings.json",
            in_json("A", Db="Server=.;User ID=a;Password=Hush7Now;"),
            id="a connection to this machine",
        ),
        pytest.param(
            "application.yml",
            "minio:\n  endpoint: http://localhost:9000\n  secret-key: Hush7Now!\n",
            id="a storage on this machine",
        ),
        pytest.param(
            "application.yml",
            "keycloak:\n  username: admin\n  password: Hush!8111474652\n",
            id="the account that every installation has",
        ),
        pytest.param(
            "application.yml",
            "server:\n  ssl:\n    user: ann\n    key-store-password: Hush!811147\n",
            id="of a store beside it",
        ),
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


PROFILE = "spring:\n  config:\n    activate:\n      on-profile: {name}\n  jwt:\n    secret: {key}\n"


@pytest.mark.parametrize(
    ("text", "is_near"),
    [
        pytest.param(PROFILE.format(name="local", key=KEY), True, id="a profile of developers"),
        pytest.param(PROFILE.format(name="prod", key=KEY), False, id="a profile of all"),
        pytest.param(
            PROFILE.format(name="dev", key=KEY) + "  url: https://login.house.com\n",
            False,
            id="a profile of developers that leads elsewhere",
        ),
        pytest.param(
            PROFILE.format(name="local", key="${JWT}") + f"---\njwt:\n  secret: {KEY}\n",
            False,
            id="behind the profile of developers",
        ),
    ],
)
def test_what_only_a_developer_starts_is_near(text: str, is_near: bool) -> None:
    assert near("application.yml", text) == [is_near]


def test_what_opens_a_machine_of_ones_own_network_is_near() -> None:
    text = in_json("A", Db="Host=172.24.201.4;Password=Hush7Now;")
    assert near("appsettings.json", text) == [True]


@pytest.mark.parametrize(("key", "is_near"), [("rzp_test_Rm7", True), ("rzp_live_Rm7", False)])
def test_the_key_of_a_trial_account_is_near(key: str, is_near: bool) -> None:
    text = in_json("Razorpay", KeyId=key, KeySecret=KEY)
    assert near("appsettings.json", text) == [is_near]


@pytest.mark.parametrize(
    ("value", "is_near"),
    [
        pytest.param("sesame", [True], id="a word"),
        pytest.param('"correct horse"', [True], id="several words"),
        pytest.param(KEY, [False], id="drawn at random"),
        pytest.param("your words", [], id="to be replaced"),
        pytest.param("keys/jwt.pem", [], id="a file"),
        pytest.param("jwt.pem", [], id="a file beside it"),
        pytest.param("${WORDS}", [], id="from outside"),
    ],
)
def test_a_signing_key_of_plain_words_is_near(value: str, is_near: list[bool]) -> None:
    assert near(".env", f"JWT_SECRET={value}\n") == is_near
