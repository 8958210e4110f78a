"""Every token here is made when the test runs, so that no scanner takes this file for a leak."""

import hashlib
import re
import string
import time
import zlib

import pytest
from builders import corpus, rule, source
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_gate.core import Detect, Finding, Rule, split_lines
from rlm_gate.detectors import secrets
from rlm_gate.detectors._formats import FORMATS

LETTERS = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
URL = LETTERS + "_-"


def drawn(count: int, alphabet: str = LETTERS, seed: int = 7) -> str:
    """Draw the same characters every time, without a known bit pattern."""
    digits, number = [], int.from_bytes(hashlib.sha512(f"{seed}".encode()).digest() * 2)
    for _ in range(count):
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    return "".join(digits)


def with_checksum(prefix: str, seed: int = 7) -> str:
    """Make a token as its issuer does: 30 characters, then their CRC-32 in base 62."""
    body = drawn(30, seed=seed)
    number, digits = zlib.crc32(body.encode()), ""
    alphabet = string.digits + string.ascii_uppercase + string.ascii_lowercase
    while number:
        number, digit = divmod(number, 62)
        digits = alphabet[digit] + digits
    return prefix + body + digits.rjust(6, "0")


def key_block(kind: str = "RSA PRIVATE", end: str = "\n") -> str:
    lines = [drawn(64, LETTERS + "+/", seed) for seed in range(4)]
    return end.join([f"-----BEGIN {kind} KEY-----", *lines, f"-----END {kind} KEY-----"])


# One secret of each kind, and a near miss: text of nearly that form which is none.
EXAMPLES = {
    "private-key": (
        key_block(),
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    ),
    "aws-access-key": ("AK" + "IA" + drawn(16, UPPER), "AKIAIOSFODNN7" + "EXAMPLE"),
    "aws-secret-key": (
        "aws_secret_access_key = " + drawn(40),
        "aws_secret_access_key = " + 40 * "x",
    ),
    "azure-ad-secret": (drawn(3) + "8Q~" + drawn(34), drawn(40)),
    "azure-storage-key": ("AccountKey=" + drawn(86) + "==", "AccountKey=" + drawn(20) + "=="),
    "anthropic-key": ("sk-" + "ant-api03-" + drawn(93, URL) + "AA", "sk-ant-api03-" + 95 * "x"),
    "databricks-token": ("da" + "pi" + drawn(32, HEX), "dapi" + drawn(12, HEX)),
    "digitalocean-token": ("dop" + "_v1_" + drawn(64, HEX), "dop_v1_" + drawn(32, HEX)),
    "discord-webhook": (
        "https://discord.com/api/webhooks/123456789012345678/" + drawn(68),
        "https://discord.com/api/webhooks/123456789012345678/" + 68 * "x",
    ),
    "docker-token": ("dckr" + "_pat_" + drawn(27), "dckr_pat_" + drawn(9)),
    "github-token": (with_checksum("gh" + "p_"), "ghp_" + 36 * "x"),
    "gitlab-token": ("gl" + "pat-" + drawn(20), "glpat-" + drawn(8)),
    "google-api-key": ("AI" + "za" + drawn(35), "AIza" + drawn(20)),
    "google-oauth-secret": ("GOC" + "SPX-" + drawn(28), "GOCSPX-" + drawn(10)),
    "grafana-token": ("gl" + "sa_" + drawn(32) + "_" + drawn(8, HEX), "glsa_" + drawn(32)),
    "huggingface-token": ("h" + "f_" + drawn(34, string.ascii_letters), "hf_hub_download"),
    "jwt": (
        "ey" + "J" + drawn(33) + ".eyJ" + drawn(50) + "." + drawn(43),
        "eyJ" + drawn(33) + "." + drawn(50),
    ),
    "linear-key": ("lin" + "_api_" + drawn(40), "lin_api_" + drawn(10)),
    "mailgun-key": ("key" + "-" + drawn(32, HEX), "key-" + drawn(31, HEX)),
    "newrelic-key": ("NR" + "AK-" + drawn(27, UPPER), "NRAK-" + drawn(9, UPPER)),
    "npm-token": (with_checksum("np" + "m_"), "npm_config_registry_and_more_words_here"),
    "openai-key": ("sk-" + "proj-" + drawn(60, URL), "sk-proj-" + 60 * "x"),
    "postman-key": ("PM" + "AK-" + drawn(24, HEX) + "-" + drawn(34, HEX), "PMAK-" + drawn(24, HEX)),
    "pypi-token": ("py" + "pi-AgEIcHlwaS5vcmc" + drawn(90, URL), "pypi-AgEIcHlwaS5vcmc"),
    "rubygems-key": ("ruby" + "gems_" + drawn(48, HEX), "rubygems_" + drawn(8, HEX)),
    "sendgrid-key": ("SG" + "." + drawn(22) + "." + drawn(43), "SG." + drawn(22)),
    "sentry-token": ("sn" + "trys_" + drawn(80), "sntrys_" + drawn(20)),
    "shopify-token": ("shp" + "at_" + drawn(32, HEX), "shpat_" + drawn(16, HEX)),
    "slack-token": ("xo" + "xb-2415738291-9384716250-" + drawn(24), "xoxb-your-token"),
    "slack-webhook": (
        "https://hooks.slack.com/services/T"
        + drawn(8, UPPER)
        + "/B"
        + drawn(8, UPPER)
        + "/"
        + drawn(24),
        "https://hooks.slack.com/services/T00000000/B00000000/" + 24 * "X",
    ),
    "square-token": ("sq" + "0atp-" + drawn(22), "sq0atp-" + drawn(5)),
    "stripe-key": ("sk" + "_live_" + drawn(24), "sk" + "_test_" + drawn(24)),
    "stripe-webhook-secret": ("wh" + "sec_" + drawn(32), "whsec_" + drawn(8)),
    "telegram-token": ("1283746591" + ":AA" + drawn(33), "12:AA" + drawn(33)),
    "terraform-token": (drawn(14) + ".atlasv1." + drawn(67), drawn(14) + ".atlasv1."),
    "twilio-key": ("S" + "K" + drawn(32, HEX), "SK" + drawn(30, HEX)),
    "vault-token": ("hv" + "s." + drawn(90), "hvs." + drawn(5)),
}


def kinds(text: str) -> list[str]:
    return [secret.kind for secret in secrets.find(text)]


def seeking(formats: str) -> Rule:
    return rule(f"security/{formats}", detect=[Detect("secrets", {"formats": formats})])


def test_every_format_has_an_example_and_a_near_miss() -> None:
    assert {form.kind for form in FORMATS} == EXAMPLES.keys()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_secret_of_each_kind_is_found_in_code(kind: str) -> None:
    text, _ = EXAMPLES[kind]
    [secret] = secrets.find(f'x = 1\nsettings = connect("{text}")\n')
    assert secret.kind == kind
    assert secret.value in text


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_near_miss_of_each_kind_is_not_found(kind: str) -> None:
    _, text = EXAMPLES[kind]
    assert secrets.find(f'x = 1\nsettings = connect("{text}")\n') == ()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_secret_inside_a_longer_word_is_none(kind: str) -> None:
    text, _ = EXAMPLES[kind]
    if kind not in {"private-key", "aws-secret-key", "discord-webhook", "slack-webhook"}:
        assert kind not in kinds(f"word{text}")


def test_the_key_that_an_emulator_has_for_everyone_is_no_secret() -> None:
    everyones = "Eby8vdM02" + "xNOcqFl" + drawn(70)
    assert not secrets.find(f"AccountName=dev;AccountKey={everyones}==")
    assert secrets.find(f"AccountName=dev;AccountKey={drawn(86)}==")


def test_a_wrong_checksum_makes_a_guess_of_it() -> None:
    token = with_checksum("gh" + "p_")
    forged = token[:-1] + ("a" if token[-1] != "a" else "b")
    assert [secret.certain for secret in secrets.find(f"x = '{token}'")] == [True]
    assert [secret.certain for secret in secrets.find(f"x = '{forged}'")] == [False]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('DB_PASSWORD = "{}"', id="python"),
        pytest.param('const apiKey = "{}";', id="camel"),
        pytest.param('"client_secret": "{}"', id="json"),
        pytest.param("api-key: '{}'", id="yaml"),
        pytest.param("AUTH_TOKEN={}", id="env"),
        pytest.param('password: str = "{}"', id="annotated"),
        pytest.param('config["SECRET_KEY"] = "{}"', id="subscript"),
        pytest.param("access_key => '{}'", id="arrow"),
        pytest.param('signing_key := "{}"', id="go"),
    ],
)
def test_a_random_value_after_a_telling_name_is_a_guess(text: str) -> None:
    value = "9f3bA72kLmQ0xZvR18sTyU6w"
    [secret] = secrets.find(text.format(value))
    assert (secret.value, secret.certain) == (value, False)


def test_a_typed_password_of_three_sorts_of_characters_is_a_guess() -> None:
    assert kinds('password = "kV9!mQ2x"') == ["password"]
    assert kinds('colour = "kV9!mQ2x"') == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("DB_PASSWORD={}\n", id="env"),
        pytest.param("export DB_PASSWORD={}\r\n", id="shell"),
        pytest.param("db:\n  password: {}\n", id="yaml"),
        pytest.param("    environment:\n      - API_TOKEN={}  # for now\n", id="compose"),
        pytest.param("spring.datasource.password={}\n", id="properties"),
        pytest.param("[db]\npassword = {}\n", id="ini"),
        pytest.param("ENV DB_PASSWORD={}\n", id="dockerfile"),
    ],
)
def test_a_short_password_without_quotes_is_found_where_a_setting_is_made(text: str) -> None:
    value = "kV9xQ2m" + "Lp7Rz4W"
    [secret] = secrets.find(text.format(value))
    assert (secret.value, secret.certain) == (value, False)


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD=changeme",
        "DB_PASSWORD=${DB_PASSWORD}",
        "DB_PASSWORD=$OTHER1Pass2",
        "DB_PASSWORD=<your1Own2>",
        "DB_PASSWORD=Example1Value2",
        "DB_PASSWORD=xxxxxxxxxxxx",
        "DB_PASSWORD=localhost2x3",
        "db:\n  password: {{ vault.db1_Pass2 }}",
        "db:\n  password: !Ref Db1Password2",
        "  password: String8",
        "  password: Utf8String",
        "  token: CancellationToken",
        "password=self.Make1Pass2()",
        "Call it with password=kV9xQ2mL",
        "if (a && b) token = V1Token2x",
        "password = Argon2Hasher",
        "password: 2026-10-01T10:00:00Z",
    ],
)
def test_a_setting_that_names_no_password_is_not_guessed(text: str) -> None:
    assert secrets.find(f"{text}\n") == ()


@pytest.mark.parametrize(
    "text",
    [
        'password = os.environ["DB_PASSWORD_9"]',
        'password = "correct horse battery"',
        'password = "changeme123!"',
        'password = "your-Password-1"',
        'password = "${DB_PASSWORD_1}"',
        'password = "{{ vault.db1_pass }}"',
        'password = "<your-password-1>"',
        'password = "Pass' + 'word123!"',
        'password_field = "id_password_1A!"',
        'token_url = "https://auth.acme-shop.com/oauth2/token/V1abc"',
        'secret_name = "projects/12/secrets/DbPassword9"',
        'token = "user.profile.tokens.current.value1"',
        'stored_password = "pbkdf2_sha256$260000$kV9mQ2xLr7$Zm9vYmFy="',
        "password: string; secretKey: Secret32;",
        "token = get_token_for_user_v2(request)",
        'api_key = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx1"',
        'secret = r"^(?P<a>\\d{4})[A-Z]+\\w*"',
    ],
)
def test_what_is_plainly_no_secret_is_not_guessed(text: str) -> None:
    assert secrets.find(text) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("postgres://app:Qz7vLm2pXr@db.acme-shop.com/main", ["connection-password"]),
        ("https://bot:9f3bA72kLm@git.acme-shop.com/x.git", ["connection-password"]),
        ("postgres://app:Qz7vLm2pXr@localhost/main", []),
        ("postgres://app:Qz7vLm2pXr@db/main", []),
        ("redis://:secret@cache.acme-shop.com", []),
        ("mysql://root:root@db.acme-shop.com/main", []),
        ("https://user:pass@example.com/", []),
        ("https://user:Qz7vLm2pXr@docs.example.org/", []),
        ("postgres://app:${PASSWORD}@db.acme-shop.com/main", []),
        ("https://acme-shop.com:8443/@app", []),
    ],
)
def test_a_password_in_an_address_of_a_real_host_is_a_guess(text: str, found: list[str]) -> None:
    assert kinds(f"URL = '{text}'") == found


def test_a_known_token_is_certain_whatever_its_name_suggests() -> None:
    token = with_checksum("gh" + "o_")
    [secret] = secrets.find(f'GITHUB_TOKEN = "{token}"')
    assert (secret.kind, secret.certain, secret.value) == ("github-token", True, token)


def test_offsets_hold_for_letters_that_grow_when_lowered() -> None:
    text = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}" + 'password = "kV9!mQ2x"'
    [secret] = secrets.find(text)
    assert text[secret.start : secret.end] == "kV9!mQ2x"


class TestDetect:
    def test_known_and_guessed_formats_are_two_rules(self) -> None:
        token = with_checksum("gh" + "p_")
        file = source("a.py", f'a = "{token}"\npassword = "kV9!mQ2x"\n')
        items = secrets.detect(corpus(file), [seeking("known"), seeking("guessed")])
        found = [item for item in items if isinstance(item, Finding)]
        assert [(one.rule_id, one.span.start) for one in found] == [
            ("security/known", 1),
            ("security/guessed", 2),
        ]
        assert found[0].columns == (6, 6 + len(token))
        assert found[0].quote == f'a = "{token}"'

    @pytest.mark.parametrize(
        ("path", "rules"),
        [
            ("deploy/server.key", ["security/known"]),
            ("documents/server.key", ["security/known"]),
            ("examples/tls/server.key", ["security/guessed"]),
            ("docs/usage.rst", ["security/guessed"]),
        ],
    )
    def test_a_private_key_among_examples_is_a_guess(self, path: str, rules: list[str]) -> None:
        file = source(path, key_block())
        items = secrets.detect(corpus(file), [seeking("known"), seeking("guessed")])
        assert [item.rule_id for item in items if isinstance(item, Finding)] == rules

    def test_a_token_among_examples_is_as_certain_as_elsewhere(self) -> None:
        file = source("examples/run.sh", f"TOKEN={with_checksum('gh' + 'p_')}\n")
        [found] = secrets.detect(corpus(file), [seeking("known")])
        assert isinstance(found, Finding)

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_a_key_of_many_lines_is_one_finding_over_all_of_them(self, end: str) -> None:
        file = source("a.pem", f"x{end}y{end}{key_block(end=end)}{end}")
        [found] = secrets.detect(corpus(file), [seeking("known")])
        assert isinstance(found, Finding)
        assert (found.span.start, found.span.end) == (3, 8)
        assert found.columns == (1, 30)

    def test_only_files_the_rule_applies_to_are_searched(self) -> None:
        python = rule(detect=[Detect("secrets", {"formats": "known"})], languages=("python",))
        file = source("a.env", f"A={with_checksum('gh' + 'p_')}\n")
        assert list(secrets.detect(corpus(file), [python])) == []

    def test_the_sort_of_formats_must_be_named(self) -> None:
        [(place, said)] = secrets.validate({}, ("any",))
        assert (place, said) == ((), "formats: choose from known, guessed")
        [(place, _)] = secrets.validate({"formats": "all"}, ("any",))
        assert place == ("formats",)


class TestMask:
    def test_a_secret_gets_the_same_pseudonym_everywhere(self) -> None:
        token = with_checksum("gh" + "p_")
        one, _ = secrets.mask(f'a = "{token}"')
        two, _ = secrets.mask(f"other: {token}\n")
        [name] = re.findall(r"\u2039secret:github-token:[0-9a-f]{4}\u203a", one)
        assert token not in one
        assert two == f"other: {name}\n"

    def test_two_secrets_of_the_same_short_hash_stay_apart(self) -> None:
        known: dict[str, str] = {}
        first = secrets._pseudonym("password", "one", known)
        known[first] = "another that hashed alike"
        assert secrets._pseudonym("password", "one", known) == f"{first[:-1]}-2\u203a"

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_lines_stay_lines(self, end: str) -> None:
        text = f"a{end}{key_block(end=end)}{end}b{end}"
        masked, mapping = secrets.mask(text)
        assert len(split_lines(masked)) == len(split_lines(text))
        assert "BEGIN" not in masked
        assert secrets.unmask(masked, mapping) == text

    def test_masking_twice_changes_nothing_more(self) -> None:
        text = f'password = "kV9!mQ2x"\nurl = "postgres://a:Qz7vLm2pXr@db.acme-shop.com"\n{key_block()}'
        masked, mapping = secrets.mask(text)
        assert len(mapping) == 2 + 6
        assert secrets.mask(masked) == (masked, {})

    @settings(max_examples=50, deadline=None)
    @given(
        st.lists(
            st.sampled_from([text for text, _ in EXAMPLES.values()])
            | st.text(st.characters(exclude_characters="\u2039\u203a")),
            max_size=6,
        )
    )
    def test_unmasking_gives_the_text_back(self, parts: list[str]) -> None:
        text = "\n".join(parts)
        masked, mapping = secrets.mask(text)
        assert secrets.unmask(masked, mapping) == text
        assert all(value not in masked for value in mapping.values() if len(value) > 8)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-----BEGIN RSA PRIVATE KEY-----" * 2_000, id="keys-without-end"),
        pytest.param("password" * 50_000, id="names"),
        pytest.param("token: " + "a" * 200_000, id="long-value"),
        pytest.param("http://" + "a:" * 100_000, id="address"),
        pytest.param("eyJ" + "a" * 100_000, id="jwt"),
        pytest.param("sk-proj-" * 20_000, id="prefixes"),
        pytest.param('secret = "' + "\\" * 100_000, id="backslashes"),
    ],
)
def test_no_text_makes_the_search_slow(text: str) -> None:
    start = time.process_time()
    secrets.find(text)
    assert time.process_time() - start < 2
