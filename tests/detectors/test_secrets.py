"""Every token here is made when the test runs, so that no scanner takes this file for a leak."""

import base64
import hashlib
import re
import string
import time
import zlib

import pytest
from builders import corpus, rule, source
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_gate.core import Detect, Finding, Rule, Severity, split_lines
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
    "sentry-token": ("sn" + "trys_eyJ" + drawn(80) + "_" + drawn(43), "sntrys_" + drawn(80)),
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


def _issued(*parts: str | tuple[int, str]) -> tuple[str, str]:
    """Return a token of these parts, drawn where a count and letters stand; and a piece of it."""
    token = "".join(part if isinstance(part, str) else drawn(*part) for part in parts)
    return token, token[: sum(len(part) for part in parts if isinstance(part, str)) + 3]


CAPITALS = string.ascii_uppercase + string.digits
UUID = "4f1c9a27-63be-4d08-9b15-e27a80c3d96f"
TEAMS = "https://acme.webhook.office.com/webhookb2/"
BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
EXAMPLES |= {
    "1password-secret-key": (
        "-".join(["A3", drawn(6, CAPITALS), drawn(11, CAPITALS), *3 * [drawn(5, CAPITALS)]]),
        f"A3-{drawn(6, CAPITALS)}-{drawn(11, CAPITALS)}",
    ),
    "1password-token": ("ops" + "_eyJ" + drawn(170) + drawn(170, seed=8), "ops_eyJ" + drawn(90)),
    "adobe-secret": _issued("p8", "e-", (32, LETTERS)),
    "age-key": _issued("AGE-SECRET", "-KEY-1", (58, BECH32)),
    "airtable-token": (f"pat{drawn(14)}." + drawn(64, HEX), f"pat{drawn(14)}." + drawn(20, HEX)),
    "alibaba-access-key": _issued("LT", "AI", (20, LETTERS)),
    "amazon-mws-token": ("amzn" + ".mws." + UUID, "amzn.mws." + UUID[:20]),
    "artifactory-key": _issued("AK", "Cp", (69, LETTERS)),
    "atlassian-token": _issued("AT", "ATT3xFfGF0", (160, LETTERS)),
    "authorization-header": (
        "Authorization: Bearer " + drawn(40),
        "Authorization: Bearer the-access-token-of-the-user",
    ),
    "authress-key": (
        "sc_" + drawn(12, HEX) + ".9x1f.acc" + "-" + drawn(14, HEX) + "." + drawn(40),
        "sc_" + drawn(12, HEX) + ".9x1f.acc",
    ),
    "aws-bedrock-key": _issued("ABSK", "QmVkcm9ja0FQSUtleS", (100, LETTERS)),
    "azure-sas-signature": (
        "https://acme.blob.core.windows.net/a?sv=2024-01-01&sig=" + drawn(43) + "%3D",
        "https://acme.blob.core.windows.net/a?sv=2024-01-01&sig=" + drawn(12),
    ),
    "azure-service-key": (drawn(52) + "JQQJ9" + "9" + drawn(26), drawn(52) + "JQQJ99"),
    "azure-shared-key": ("SharedAccess" + "Key=" + drawn(43) + "=", "SharedAccessKey=" + drawn(9)),
    "basic-login": ("Basic YXBwOmtWOXhR" + "Mm1McDdS", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    "brevo-key": ("xkeysib" + "-" + drawn(64, HEX) + "-" + drawn(16), "xkeysib-" + drawn(64, HEX)),
    "buildkite-token": _issued("bk", "ua_", (40, HEX)),
    "circleci-token": ("CCI" + "PAT_" + drawn(22) + "_" + drawn(40, HEX), "CCIPAT_" + drawn(22)),
    "clickhouse-key": _issued("4b", "1d", (38, LETTERS)),
    "clojars-token": _issued("CLO", "JARS_", (60, HEX)),
    "cloudflare-origin-key": (
        "v1.0" + "-" + drawn(24, HEX) + "-" + drawn(120, HEX) + drawn(26, HEX, 8),
        "v1.0-" + drawn(24, HEX),
    ),
    "cloudinary-url": (
        "cloudinary" + "://874837483274837:" + drawn(27) + "@acme",
        "cloudinary://k",
    ),
    "contentful-token": _issued("CF", "PAT-", (43, LETTERS)),
    "crates-token": _issued("c", "io", (32, LETTERS)),
    "curl-login": (
        "curl -s -u app:kV9xQ2m" + "Lp7 https://acme-shop.com/",
        "curl -s -u app:$PASSWORD9 https://acme-shop.com/",
    ),
    "defined-networking-key": ("dn" + "key-" + drawn(26) + "-" + drawn(52), "dnkey-" + drawn(26)),
    "docker-login": ('{"auth": "YXBwOmtWOXhR' + 'Mm1McDdS"}', '{"auth": "' + drawn(24, HEX) + '"}'),
    "doppler-token": _issued("dp", ".pt.", (43, LETTERS)),
    "dropbox-token": _issued("s", "l.u.", (140, LETTERS)),
    "duffel-token": _issued("duffel", "_live_", (43, LETTERS)),
    "dynatrace-token": (
        "dt0" + "c01." + drawn(24, CAPITALS) + "." + drawn(64, CAPITALS),
        "dt0c01." + drawn(24, CAPITALS),
    ),
    "easypost-key": _issued("EZ", "AK", (54, LETTERS)),
    "elevenlabs-key": _issued("s", "k_", (48, HEX)),
    "facebook-token": _issued("E", "AA", (120, LETTERS)),
    "figma-token": _issued("fi", "gd_", (40, LETTERS)),
    "firebase-server-key": (
        "AAAA" + drawn(7) + ":APA" + "91b" + drawn(134),
        "AAAA" + drawn(7) + ":APA91b" + drawn(9),
    ),
    "flutterwave-key": ("FLW" + "SECK-" + drawn(32, HEX) + "-X", "FLWSECK-" + drawn(12, HEX)),
    "fly-token": _issued("fo", "1_", (43, LETTERS)),
    "frameio-token": _issued("fio", "-u-", (64, LETTERS)),
    "gitlab-runner-token": _issued("GR13", "48941", (20, LETTERS)),
    "gocardless-token": _issued("li", "ve_", (40, LETTERS)),
    "google-oauth-token": _issued("ya", "29.", (120, LETTERS)),
    "groq-key": _issued("g", "sk_", (52, LETTERS)),
    "harness-key": (
        "pat." + drawn(22) + "." + drawn(24, HEX) + "." + drawn(20),
        "pat." + drawn(22) + ".name",
    ),
    "heroku-key": ("HR" + "KU-" + UUID, "HRKU-" + UUID[:20]),
    "hubspot-token": ("pat" + "-na1-" + UUID, "pat-na1-" + UUID[:20]),
    "infracost-key": _issued("i", "co-", (32, LETTERS)),
    "intra42-secret": _issued("s-s4t2", "ud-", (64, HEX)),
    "langsmith-key": (
        "lsv2" + "_pt_" + drawn(32, HEX) + "_" + drawn(10, HEX),
        "lsv2_pt_" + drawn(32, HEX),
    ),
    "lob-key": _issued("live", "_", (35, HEX)),
    "mailchimp-key": (drawn(32, HEX) + "-" + "us12", drawn(32, HEX) + "-user"),
    "mapbox-secret-token": ("sk" + ".eyJ1" + drawn(80) + "." + drawn(22), "sk.eyJ1" + drawn(20)),
    "maxmind-key": (drawn(6) + "_" + drawn(29) + "_mmk", drawn(6) + "_mmk"),
    "model-provider-key": _issued("s", "k-", (48, LETTERS)),
    "aiven-password": _issued("AV", "NS_", (19, LETTERS)),
    "mailersend-key": _issued("ml", "sn.", (64, HEX)),
    "neon-key": _issued("na", "pi_", (64, HEX)),
    "neon-password": _issued("np", "g_", (12, LETTERS)),
    "netlify-token": _issued("n", "fp_", (36, LETTERS)),
    "netrc-login": (
        "machine git.acme-shop.com login app password kV9xQ2m" + "Lp7",
        "machine git.acme-shop.com login app password $PASSWORD1",
    ),
    "notion-token": ("nt" + "n_" + drawn(11, "4713") + drawn(35), "ntn_" + drawn(20)),
    "nuget-key": _issued("o", "y2", (43, HEX)),
    "nvidia-key": _issued("nv", "api-", (64, LETTERS)),
    "octopus-key": _issued("A", "PI-", (26, CAPITALS)),
    "openrouter-key": _issued("sk", "-or-v1-", (64, HEX)),
    "openshift-token": _issued("sha", "256~", (43, LETTERS)),
    "perplexity-key": _issued("pp", "lx-", (48, LETTERS)),
    "pinecone-key": ("pc" + "sk_" + drawn(5) + "_" + drawn(60), "pcsk_" + drawn(5)),
    "plaid-token": ("access" + "-production-" + UUID, "access-production-" + UUID[:20]),
    "planetscale-token": _issued("psc", "ale_tkn_", (43, LETTERS)),
    "posthog-key": _issued("p", "hx_", (43, LETTERS)),
    "prefect-key": _issued("p", "nu_", (36, LETTERS)),
    "pulumi-token": _issued("p", "ul-", (40, HEX)),
    "readme-key": _issued("rd", "me_", (70, HEX)),
    "render-key": _issued("r", "nd_", (32, LETTERS)),
    "replicate-token": _issued("r", "8_", (37, LETTERS)),
    "resend-key": ("re" + "_" + drawn(8) + "_" + drawn(24), "re_compile_" + "pattern_of_the_words"),
    "scalingo-token": _issued("tk", "-us-", (48, LETTERS)),
    "settlemint-token": _issued("sm", "_aat_", (16, LETTERS)),
    "shippo-token": _issued("shippo", "_live_", (40, HEX)),
    "snyk-token": _issued("sn", "yk_uat.9c2f41ab.", (60, LETTERS)),
    "sonar-token": _issued("s", "qp_", (40, HEX)),
    "sourcegraph-token": _issued("s", "gp_", (40, HEX)),
    "supabase-key": _issued("s", "bp_", (40, HEX)),
    "tailscale-key": ("ts" + "key-auth-" + drawn(12) + "-" + drawn(32), "tskey-auth-" + drawn(12)),
    "teams-webhook": (
        f"{TEAMS}{UUID}@{UUID}/IncomingWebhook/{drawn(32, HEX)}/{UUID}",
        "https://acme.webhook.office.com/webhookb2/",
    ),
    "tencent-secret-id": _issued("AK", "ID", (32, LETTERS)),
    "typeform-token": _issued("t", "fp_", (59, LETTERS)),
    "wireguard-key": (
        "\nPrivate" + f"Key = {drawn(42)}A=\nListenPort = 51820\n",
        f"\nPublicKey = {drawn(42)}A=\n",
    ),
    "xai-key": _issued("x", "ai-", (80, LETTERS)),
    "yandex-key": _issued("AQ", "VN", (36, LETTERS)),
}
APART = {
    *("private-key", "aws-secret-key", "discord-webhook", "slack-webhook", "teams-webhook"),
    *("authorization-header", "basic-login", "docker-login", "netrc-login", "wireguard-key"),
    *("azure-sas-signature",),
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
    if kind not in APART:
        assert kind not in kinds(f"word{text}")


def test_the_form_of_a_token_within_a_picture_is_none() -> None:
    token, _ = EXAMPLES["facebook-token"]
    before, after = "iVBORw0KGgoA/AN+SU" * 40, "hEUgAAA/8z" * 40
    assert secrets.find(f'"image/png": "{before}/{token}/{after}"\n') == ()
    assert kinds(f'"address": "https://shop.com/{token}/{after[:60]}"\n') == ["facebook-token"]


def test_the_marks_of_keys_without_one_between_are_none() -> None:
    marks = [
        f"'-----{end} {kind}PRIVATE KEY-----'" for kind in ("", "EC ") for end in ("BEGIN", "END")
    ]
    assert secrets.find(f"strip(text, [{', '.join(marks)}])\n") == ()


def test_the_form_of_a_key_without_one_in_it_is_none() -> None:
    form = "-----{} PRIVATE" + " KEY-----"
    body = "\n".join(["x" * 64] * 20)
    assert secrets.find(f"{form.format('BEGIN')}\n{body}\n{form.format('END')}\n") == ()
    assert kinds(key_block()) == ["private-key"]


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
        pytest.param('var apiToken string = "{}"', id="go-typed"),
        pytest.param('masterKey := "{}"', id="go-camel"),
        pytest.param('API_TOKEN ::= "{}"', id="make"),
        pytest.param('API_TOKEN ?= "{}"', id="make-conditional"),
        pytest.param('$apiToken .= "{}";', id="php"),
        pytest.param('System.setProperty("API_TOKEN", "{}");', id="java-call"),
        pytest.param('<add key="ApiKey" value="{}" />', id="xml-attribute"),
        pytest.param("<apiKey>\n    {}\n</apiKey>", id="xml-element"),
        pytest.param('{{"run": "API_TOKEN={}\\nOTHER=1"}}', id="escaped-lines"),
        pytest.param("//registry.acme-shop.com/:_authToken={}", id="npmrc"),
        pytest.param("//registry.acme-shop.com/:_auth={}", id="npmrc-auth"),
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


def test_a_password_in_a_connection_string_is_found() -> None:
    value = "kV9xQ2m" + "Lp7"
    for text in (
        f'"Server=db.acme-shop.com;Database=main;User Id=app;Password={value};"',
        f'"Data Source=db.acme-shop.com;Uid=app;Pwd={value};"',
    ):
        assert [secret.value for secret in secrets.find(text)] == [value]


def test_a_uuid_after_a_telling_name_is_a_guess() -> None:
    assert kinds(f'HEROKU_TOKEN = "{UUID}"') == ["secret"]
    assert kinds(f'token_id = "{UUID}"') == []


@pytest.mark.parametrize(
    "text",
    [
        'password = "ENC[AES256_GCM,data:kV9mQ2xLr7,iv:Zm9vYmFy,tag:Qz7v,type:str]"',
        'password = "ENC(kV9mQ2xLr7Zm9vYmFyQz7vLm2p)"',
        'password: "{cipher}kV9mQ2xLr7Zm9vYmFyQz7vLm2p"',
        'api_key: "vault:v1:kV9mQ2xLr7Zm9vYmFyQz7vLm2p"',
        'secret = "sha256-kV9mQ2xLr7Zm9vYmFyQz7vLm2pXr8Tz"',
        'auth_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIkV9mQ2xLr7Zm9vYmFy"',
        'public_key = "kV9mQ2xLr7Zm9vYmFyQz7vLm2pXr8Tz"',
        '"LABEL_PASSWORD": "Contraseña"',
        '"TOKEN_HELP": "2FAアプリの6桁のトークンを入力してください",',
        'publicToken = "kV9mQ2xLr7Zm9vYmFyQz7vLm2pXr8Tz"',
        'next_token = "kV9mQ2xLr7Zm9vYmFyQz7vLm2pXr8Tz"',
        "csrf-token=kV9mQ2xLr7Zm9vYmFyQz7vLm2pXr8Tz",
        'cache_key = "kV9mQ2xLr7Zm9vYmFyQz7vLm2pXr8Tz"',
        'os.environ.get("API_TOKEN", "the-token-of-nobody")',
        "<apiKey>{{ vault.api_key_v1_of_the_app }}</apiKey>",
        '"Server=db;User Id=app;Password=${DB_PASSWORD_1};"',
    ],
)
def test_what_is_encrypted_or_public_is_not_guessed(text: str) -> None:
    assert secrets.find(text) == ()


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
        "    secret: acme-registry-2026",
        'const RELAY_API_KEY_STORAGE_KEY = "chat2api:relay_key:user_id:";',
        "    password: !encrypted/pkcs1-oaep",
        "Ed25519PrivateKey = ed25519.Ed25519PrivateKey",
        "dns_token = 0000111122223333444455556666777788889999aaaabbbb",
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
        ("postgres://app:Qz7vLm2pXr@db.acme-shop.com/main", ["remote-database-password"]),
        ("https://bot:9f3bA72kLm@git.acme-shop.com/x.git", ["connection-password"]),
        ("postgres://app:Qz7vLm2pXr@localhost/main", []),
        ("postgres://app:Qz7vLm2pXr@db/main", []),
        ("redis://:secret@cache.acme-shop.com", []),
        ("mysql://root:root@db.acme-shop.com/main", []),
        ("https://user:pass@example.com/", []),
        ("https://user:Qz7vLm2pXr@docs.example.org/", []),
        ("postgres://app:${PASSWORD}@db.acme-shop.com/main", []),
        ("https://acme-shop.com:8443/@app", []),
        ("https://bot:ghp_abc@git.acme-shop.com/x.git", []),
    ],
)
def test_a_password_in_an_address_of_a_real_host_is_a_guess(text: str, found: list[str]) -> None:
    assert kinds(f"URL = '{text}'") == found


@pytest.mark.parametrize(
    ("address", "host", "certain"),
    [
        ("postgres://app:Qz7vLm2pXr", "ep-calm-sun-12.eu-central-1.aws.neon.tech/main", True),
        ("postgresql+asyncpg://app:Qz7vLm2pXr", "b1-postgresql.services.clever-cloud.com/b1", True),
        ("mongodb+srv://app:Qz7vLm2pXr", "cluster0.k2vqe.mongodb.net/main", True),
        ("postgresql://postgres:Qz7vLm2pXr", "db.kqwertzuiopas.supabase.co:5432/postgres", True),
        ("postgresql://postgres:uRmWqLzKvBnTgXcJdHyPsEaFoIxNwQ", "m.proxy.rlwy.net:1/main", True),
        # an example of a document, a word, another service, a host of the firm's own
        ("mongodb+srv://app:Qz7vLm2pXr", "cluster0.mongodb.net/main", False),
        ("mongodb+srv://app:Qz7vLm2pXr", "cluster0.xxxxx.mongodb.net/main", False),
        ("mongodb+srv://app:riverside-and-the-old-mill", "cluster0.k2vqe.mongodb.net/main", False),
        ("mongodb+srv://app:riverside", "cluster0.k2vqe.mongodb.net/main", False),
        ("https://app:Qz7vLm2pXr", "cluster0.k2vqe.mongodb.net/main", False),
        ("postgres://app:Qz7vLm2pXr", "db.acme-shop.com/main", False),
    ],
)
def test_the_password_of_a_database_that_is_open_to_the_internet_is_certain(
    address: str, host: str, *, certain: bool
) -> None:
    assert [one.certain for one in secrets.find(f"URL = '{address}@{host}'")] == [certain]


def test_a_known_token_is_certain_whatever_its_name_suggests() -> None:
    token = with_checksum("gh" + "o_")
    [secret] = secrets.find(f'GITHUB_TOKEN = "{token}"')
    assert (secret.kind, secret.certain, secret.value) == ("github-token", True, token)


def test_offsets_hold_for_letters_that_grow_when_lowered() -> None:
    text = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}" + 'password = "kV9!mQ2x"'
    [secret] = secrets.find(text)
    assert text[secret.start : secret.end] == "kV9!mQ2x"


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("postgres://shop:{}@db.acme-shop.com/a", ["remote-database-password"]),
        ("mysql://shop:{}@51.15.92.7:3306/a", ["remote-database-password"]),
        ("mysql://shop:{}@172.20.0.3:3306/a", ["connection-password"]),
        ("mysql://shop:{}@203.0.113.7:3306/a", ["connection-password"]),
        ("mysql://shop:{}@db.shop.lan:3306/a", ["connection-password"]),
        ("https://shop:{}@db.acme-shop.com/a", ["connection-password"]),
        ("mysql://shop:{}@db:3306/a", []),
    ],
)
def test_the_password_of_a_database_elsewhere_is_told_from_others(
    address: str, meant: list[str]
) -> None:
    assert kinds(address.format("Qz7vLm2pXr") + "\n") == meant


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
            ("examples/tls/server.key", ["security/sample"]),
            ("docs/usage.rst", ["security/sample"]),
            ("tests/server.key", ["security/sample"]),
            ("acmetest/server.key", ["security/sample"]),
            ("latest/server.key", ["security/known"]),
            ("tls/localhost.key", ["security/sample"]),
            ("docker/development/keys/server.key", ["security/sample"]),
            ("peers/org1.example.com/keys/server.key", ["security/sample"]),
            ("peers/org1.shop.com/keys/server.key", ["security/known"]),
        ],
    )
    def test_a_private_key_among_examples_is_a_sample(self, path: str, rules: list[str]) -> None:
        file = source(path, key_block())
        sorts = [seeking("known"), seeking("guessed"), seeking("sample")]
        items = secrets.detect(corpus(file), sorts)
        assert [item.rule_id for item in items if isinstance(item, Finding)] == rules

    @pytest.mark.parametrize(
        ("path", "before"),
        [
            ("src/test_keys.rs", ""),
            ("src/keys.rs", 'const TEST_FAKE_KEY_0: &str = "'),
            ("src/keys.py", 'example_key = """'),
            ("src/keys.rs", '//! Not real credentials.\nconst KEY: &str = "'),
            ("src/auth.rs", '#[cfg(test)]\nmod tests {\n    const KEY: &str = "'),
            ("internal/suites/pki/backend.pem", ""),
            ("storage/conformance/keys.go", ""),
            ("docker/ci-config/signing.key", ""),
        ],
    )
    def test_a_private_key_whose_name_or_place_says_so_is_a_sample(
        self, path: str, before: str
    ) -> None:
        file = source(path, f"{before}{key_block()}\n")
        items = secrets.detect(corpus(file), [seeking("known"), seeking("sample")])
        assert [one.rule_id for one in items if isinstance(one, Finding)] == ["security/sample"]

    @pytest.mark.parametrize(
        ("path", "before"),
        [
            ("src/keys.rs", 'const LATEST_KEY: &str = "'),
            ("src/auth.rs", 'fn contest() {}\nconst KEY: &str = "'),
            ("src/auth.py", '#[cfg(test)]\nmod tests {\nKEY = "'),
        ],
    )
    def test_a_private_key_of_nearly_such_a_name_is_known(self, path: str, before: str) -> None:
        file = source(path, f"{before}{key_block()}\n")
        items = secrets.detect(corpus(file), [seeking("known"), seeking("sample")])
        assert [one.rule_id for one in items if isinstance(one, Finding)] == ["security/known"]

    def test_a_token_in_a_test_is_known_and_a_sample(self) -> None:
        file = source("tests/run.sh", f"TOKEN={with_checksum('gh' + 'p_')}\n")
        sorts = [seeking("known"), seeking("guessed"), seeking("sample")]
        items = secrets.detect(corpus(file), sorts)
        rules = [item.rule_id for item in items if isinstance(item, Finding)]
        assert rules == ["security/known", "security/sample"]

    def test_a_token_among_examples_is_as_certain_as_elsewhere(self) -> None:
        file = source("examples/run.sh", f"TOKEN={with_checksum('gh' + 'p_')}\n")
        [found] = secrets.detect(corpus(file), [seeking("known")])
        assert isinstance(found, Finding)

    @pytest.mark.parametrize(
        ("path", "before", "meant"),
        [
            ("deploy.sh", "", Severity.HIGH),
            ("deploy.sh", "# ", Severity.HIGH),
            ("examples/run.sh", "", Severity.MEDIUM),
            ("test-environments/login/run.sh", "", Severity.MEDIUM),
            ("event.go", "//   {\n//    ", Severity.MEDIUM),
        ],
    )
    def test_what_is_there_for_readers_is_medium_at_most(
        self, path: str, before: str, meant: Severity
    ) -> None:
        file = source(path, f"{before}TOKEN={with_checksum('gh' + 'p_')}\n")
        [found] = secrets.detect(corpus(file), [seeking("known")])
        assert isinstance(found, Finding)
        assert found.severity is meant

    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ('{"page": "<a href=\\"https://shop.com/a?SubscriptionId=%s&tag=b\\">"}', Severity.LOW),
            ("get('/a?X-Amz-Credential=%s%%2F2024')", Severity.LOW),
            ('{"page": "https://shop.com/a?b=c", "id": "%s"}', Severity.HIGH),
            ('{"page": "https://shop.com/a?X-Amz-Signature=c", "id": "%s"}', Severity.HIGH),
            ("https://%s.shop.com/a", Severity.HIGH),
        ],
    )
    def test_the_identifier_that_an_address_carries_opens_nothing(
        self, text: str, meant: Severity
    ) -> None:
        file = source("data/pages.json", text % ("AK" + "IAQ3EGRTV6K2NHSWPL") + "\n")
        [found] = secrets.detect(corpus(file), [seeking("known")])
        assert isinstance(found, Finding)
        assert found.severity is meant

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
        assert (place, said) == (
            (),
            "formats: choose from known, guessed, sample, settings, remote",
        )
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


def test_a_key_of_grafana_has_a_name_and_a_link_to_a_report_has_none() -> None:
    def packed(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    key = packed('{"k":"' + drawn(32) + '","n":"builds","id":1}')
    report = packed('{"k":"' + drawn(32, HEX) + '-ab","t":"' + drawn(36, HEX) + '"}')
    assert kinds(f'TOKEN = "{key}"\n') == ["grafana-token"]
    assert kinds(f'URL = "https://reports.test/view?r={report}"\n') == []
