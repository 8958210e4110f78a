"""Find values that a telling name or an address announces as secrets: ``password = ...``.

Reads text line by line as people write settings, without knowing any language's grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlm_gate import kept
from rlm_gate.detectors import _values as values

Guess = tuple[int, int, str]
"""Where a guessed secret begins and ends, and what it seems to be."""


def by_address(text: str) -> Iterator[Guess]:
    """Find passwords in addresses, unless the host is no real one or the password a stand-in."""
    place = text.find("://")
    while place >= 0:
        match = _AUTHORITY.match(text, place + 3)
        if match and not values.made_up(match["value"]) and _is_real(match):
            yield *match.span("value"), _kind(match, text[max(0, place - _SCHEME) : place])
        place = text.find("://", place + 3)


def by_name(text: str) -> Iterator[Guess]:
    """Find what a name like ``api_key`` is set to, in the ways of code and of configuration."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow when lowered, and offsets would be wrong
        lowered = text
    for name in _NAMES:
        start = lowered.find(name)
        while start >= 0:
            end = start + len(name)
            if name != "key" or _KEYS.search(lowered, max(0, start - _NEAR), start):
                yield from _announced(text, lowered, start, end)
            start = lowered.find(name, end)


def _announced(text: str, lowered: str, start: int, end: int) -> Iterator[Guess]:
    match = _ASSIGNED.match(text, end)
    harmless = match and (
        _HARMLESS.search(match["name"]) or _PUBLIC.search(lowered, max(0, start - _NEAR), start)
    )
    if match and not harmless:
        line = text.rfind("\n", 0, start) + 1
        before = max(line, start - _LINE)
        set_here = _SETTING.match(text, line, start) or _CONNECTION.search(text, before, start)
        kind = "password" if lowered[start:end] in _PASSWORDS else "secret"
        yield from _assigned(match, kind, setting=set_here is not None)


def _assigned(match: re.Match[str], kind: str, *, setting: bool) -> Iterator[Guess]:
    group = next(name for name in ("value", "bare", "second", "element") if match[name])
    value = match[group]
    name = group == "bare" and values.named(value)
    if name or values.made_up(value) or values.stand_in(value):
        return
    typed = kind == "password" and group in {"value", "element"} and values.typed(value)
    short = setting and group == "bare" and values.drawn(value)
    if typed or short or values.random(value):
        yield *match.span(group), kind


def _kind(authority: re.Match[str], before: str) -> str:
    value, host = authority["value"], authority["host"].lower()
    likely = values.given(value) or (
        value.isalnum() and len(value) >= _DRAWN and values.entropy(value) >= _ENTROPY
    )
    opens = likely and _DATABASES.search(before) and not _UNNAMED.search(host)
    if opens and _HOSTED.search(host):
        return HOSTED
    return REMOTE if opens and _REMOTE.search(host) else "connection-password"


def _is_real(authority: re.Match[str]) -> bool:
    value, host = authority["value"], authority["host"].lower()
    local = "." not in host.strip(".") or _NO_HOST.search(host) or host.startswith("127.")
    poor = value == authority["user"] or len({*value}) < _VARIETY
    return not (local or poor or values.stand_in(value))


_NEAR, _LINE, _VARIETY = 24, 400, 4

HOSTED = "hosted-database-password"
"""The password of a database that its provider lets anybody reach who has it."""

REMOTE = "remote-database-password"
"""The password of a database on some other machine, by a name or number that the internet knows."""

_SCHEME = 24
_DRAWN, _ENTROPY = 20, 3.5  # letters alone, as some providers draw them
_DATABASES = kept.expression(
    r"(?i)(?:postgres(?:ql)?|mysql2?|mariadb|mongodb|rediss?|amqps?)(?:\+\w+)?\Z"
)
# As their documents write the hosts of new databases, of those that are open to the internet.
_HOSTED = kept.expression(
    r"\.(?:neon\.tech|mongodb\.net|supabase\.com?|clever-cloud\.com|rlwy\.net|railway\.app|render\.com"
    r"|upstash\.io|redislabs\.com|redis-cloud\.com|cloudamqp\.com|elephantsql\.com|psdb\.cloud"
    r"|aivencloud\.com|db\.ondigitalocean\.com|cockroachlabs\.cloud|tidbcloud\.com|filess\.io"
    r"|mlab\.com|compute(?:-\d)?\.amazonaws\.com|database\.azure\.com|cosmos\.azure\.com)\Z"
)
_REMOTE = kept.expression(
    r"\A(?!(?:10|127|0|169\.254|192\.168|172\.(?:1[6-9]|2\d|3[01])|192\.0\.2|198\.51\.100|203\.0\.113)\.)"
    r"(?:(?:\d{1,3}\.){3}\d{1,3}|(?:[\w-]+\.)+(?!(?:lan|home|corp|intern|intranet|svc|docker|cluster|private"
    r"|localdomain|consul|service|net\.local)\Z)[a-z]{2,})\Z"
)
_UNNAMED = kept.expression(r"x{3,}|\babc|^(?:host|cluster0?\.mongodb|your|my|ep-x)\.")

# What stands after the :// of a service's address, where it has a password: user:password@host
_AUTHORITY = kept.expression(
    r"(?P<user>[^\s:/@\"'`<>{}$]{0,60}):(?P<value>[^\s:/@\"'`<>{}$]{3,100})@(?P<host>[A-Za-z0-9.-]+)"
)
_NO_HOST = kept.expression(r"(?:^|\.)(?:example|test|invalid|localhost|local|internal)(?:\.\w+)?\Z")

# Names that announce a secret, in lower case; what makes "key" one of them; and what makes a name
# harmless again, by its end or its beginning.
_PASSWORDS = frozenset(("password", "passwd", "passphrase", "pwd"))
_NAMES = (*sorted(_PASSWORDS), "secret", "token", "credential", "creds", "_auth", "key")
_KEYS = kept.expression(
    r"(?:api|access|auth|private|encrypt|encryption|signing|signature|master|aes|hmac|cipher|crypto"
    r"|client|service|account|shared|app|application|session|webhook|subscription|storage|admin|root)"
    r"[ _.-]?\Z"
)
_HARMLESS = kept.expression(
    r"(?:url|uri|path|file|name|field|label|title|text|type|id|prefix|suffix|header|regex|pattern"
    r"|hash|hint|help|class|template|column|param|parameter|env|var|variable|message|error|prompt"
    r"|placeholder|selector|format|length|policy|validator|scope|endpoint|issuer|audience|provider"
    r"|version|algorithm|handler|service|arn|ref|model|view|form|input|button|izer|ize|ise|s)\Z",
    re.IGNORECASE,
)
_PUBLIC = kept.expression(
    r"(?<![a-z])(?:public|publishable|csrf|xsrf|page|next|continuation|cursor|sync|anti_?forgery"
    r"|cancellation|invalid|wrong|bad|fake|test|mock|dummy|example|sample|random)[_-]?\Z"
)
# Between the name and the quoted value: closing quotes and brackets, a type, the operator. Or the
# name is a first argument, an attribute before ``value=``, or the name of an XML element.
_ASSIGNED = kept.expression(
    r"(?P<name>[\w-]{0,40}+)(?:[\"'\])]{0,2}[ \t]*"
    r"(?::[ \t]*[\w.\[\]| ]{1,30}[ \t]*|[ \t]*\b(?:string|str)[ \t]*)?"
    r"(?::{1,3}=|=>|[?.+]=|\?\?=|[:=])[ \t]*"
    r"(?:[fbru]{0,2}(?P<quote>[\"'`])(?P<value>[^\"'`\s]{8,200})(?P=quote)"
    r"|(?P<bare>[A-Za-z0-9+/=_.~!@%^&*-]{8,200})[\"']?[ \t]*(?=\r?$|[#;]|\\[nr]))"
    r"|[\"'](?:[ \t]*,|[ \t]+value[ \t]*=)[ \t]*[\"'](?P<second>[^\"'`\s]{8,200})[\"']"
    r"|>\s{0,40}(?P<element>[^<>\s]{8,200})\s{0,40}</)",
    re.IGNORECASE | re.MULTILINE,
)
# What may stand on the line before the name that a configuration file sets.
_SETTING = kept.expression(
    r"[ \t]*(?:(?:-|export|set|setx|ENV|ARG)[ \t]+|Environment=)?[\"']?[\w.:/-]*\Z", re.IGNORECASE
)
_CONNECTION = kept.expression(
    r"(?:server|data source|host|user ?(?:id|name)?|uid|database|catalog)[ ]*="
    r"[^=\n]{1,200};[^=\n]*\Z",
    re.IGNORECASE,
)
