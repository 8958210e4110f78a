"""Find what opens or signs something in the settings that a program runs with.

Reads lines of ``.env``, properties, YAML and JSON, without knowing their grammars. What only
developers run with, and what leads to a machine of their own, is left to others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rlm_gate import kept
from rlm_gate.detectors import _values as values

_PATH = kept.expression(
    r"(?i)(?:^|/)(?:\.env(?:\.(?:prod|production|live|backup|bak|old|save|prod\w*\.backup"
    r"|production\.backup))?|(?:prod|production)\.env"
    r"|(?:application|bootstrap)(?:-(?:prod|production|live|\w*sql|druid))?\.(?:ya?ml|properties)"
    r"|appsettings(?:\.(?:prod|production|live))?\.json)\Z",
)
# Beside the program, for one machine: docker/application.yml, but not docker/.env.production.
_BESIDE = kept.expression(
    r"(?i)(?:^|/)[^/]*(?:localhost|docker|local|dev)[^/]*/(?![^/]*prod)[^/]*\Z"
)
_ENV = kept.expression(r"(?i)(?:^|/)[^/]*\.env[^/]*\Z")
_DEVELOPERS = kept.expression(
    r"(?im)^[ \t]*[\w.]*(?:APP_ENV|NODE_ENV|FLASK_ENV|RAILS_ENV|DJANGO_ENV|ENVIRONMENT)[ \t]*="
    r"[ \t]*[\"']?(?:local|dev|test)"
)
_LINE = kept.expression(
    r"(?P<indent>[ \t]*)(?:export[ \t]+)?[\"']?(?P<name>[A-Za-z][\w.-]*)[\"']?[ \t]*[:=][ \t]*"
    r"(?P<quote>[\"']?)(?P<value>[^\n]*?)(?P=quote)[ \t]*,?[ \t]*\Z"
)
_OPENS = kept.expression(
    r"(?P<indent>[ \t]*)[\"']?(?P<name>[A-Za-z][\w.-]*)[\"']?[ \t]*:[ \t]*\{?\Z"
)
_FALLBACK = kept.expression(r"\$\{[\w.-]+:(?P<value>[^${}]+)\}\Z")

_SIGNS = kept.expression(
    r"(?i)jwt[\w.-]*?[._-]?(?:secret|(?:secret|signing|private)[._-]?key)\Z|jwt(?:settings)?[._-]?key\Z"
    r"|(?:session|cookie|token|auth|refresh)[\w.-]*?[._-]?secret(?:[._-]?key)?\Z"
    r"|^(?:app_|django_|flask_)?secret_key(?:_base)?\Z|^app_(?:secret|key)\Z"
)
_HARMLESS = kept.expression(
    r"(?i)public|expir|issuer|audience|header|cookie_?name|key_?id|path|file|store|alias|prefix|api|csrf",
)
_MAIL = kept.expression(r"(?i)(?:mail|smtp)[\w.-]*?pass(?:word|wd)?\Z")
_APP_PASSWORD = kept.expression(r"[a-z]{4}(?P<space> ?)(?:[a-z]{4}(?P=space)){2}[a-z]{4}\Z")
_MIXED = kept.expression(r"(?=.*[a-z][A-Z])(?=.*[A-Z]{2}|.*[A-Z].*[A-Z])[A-Za-z]{10,}\Z")
_DATABASE = kept.expression(
    r"(?i)(?:db|database|datasource|mysql|mariadb|postgres\w*|pg|mongo\w*|sql\w*|rds)[\w.-]*?pass(?:word|wd)?\Z",
)
_PAYS = kept.expression(
    r"(?i)(?:payos|vnpay|momo|razorpay|paypal|stripe|payment|checksum|cloudinary|twilio|aws|facebook|oauth"
    r"|google|github)[\w.-]*?(?:secret(?:[_-]?key)?|checksum[_-]?key|auth[_-]?token)\Z"
    r"|(?:payos|vnpay|momo|razorpay)[\w.-]*?api[_-]?key\Z|checksum[_-]?key\Z"
)
# Where the file's databases are: DB_HOST=, jdbc:mysql://
_HOSTS = kept.expression(
    r"(?i)(?:db|database|mysql|mariadb|postgres\w*|pg|mongo\w*|sql\w*)[\w.-]*?(?:host|server|endpoint)"
    r"[\"']?[ \t]*[:=][ \t]*[\"']?(?P<host>[\w.-]+)"
    r"|(?:jdbc:\w+|mongodb(?:\+srv)?|postgres(?:ql)?|mysql):(?:\w+:)?//(?:[^\s/@\"']{0,99}@)?"
    r"(?P<place>[\w.-]+)"
)
_MACHINE = kept.expression(
    r"(?i)[^.]*\Z|.*(?:localhost|\.local|\.internal|\.test|\.svc|example)|127\.|0\.0|10\.|192\.168\."
    r"|172\.(?:1[6-9]|2\d|3[01])\.|host\.docker"
)
_SENDS_NOWHERE = kept.expression(r"(?i)mailtrap|mailhog|mailpit|ethereal\.email|maildev|papercut")
_CONNECTS = kept.expression(
    r"(?i)(?:server|data source|host)[ ]*=[ ]*(?:tcp:)?(?P<host>[\w.-]+)[^\n]*?"
    r";[ ]*(?:password|pwd)[ ]*=[ ]*(?P<value>[^;\"'\s]{6,})"
)
_PLACEHOLDER = kept.expression(
    r"(?i)change|your|example|replace|insert|some_?random|place[_-]?holder|dummy|sample|xxx|todo|default|insecure"
    r"|set[_-]|fill|here|test|demo|ch4n|[<>{}]|^@|\$\{|^(?:null|none|true|false)\Z"
)
_SHORT, _KEY, _LONG, _ENTROPY = 6, 8, 16, 2.5


class _File(NamedTuple):
    """What the whole file says: what it is, for whom, and where it leads."""

    env: bool
    developers: bool
    sends: bool
    stores: bool


def found(path: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the values begin and end that open a service or sign tokens for whoever reads."""
    if not _PATH.search(path) or _BESIDE.search(path):
        return
    file = _File(
        env=_ENV.search(path) is not None,
        developers=_DEVELOPERS.search(text) is not None and "prod" not in path.lower(),
        sends=_SENDS_NOWHERE.search(text) is None,
        stores=_stores(text),
    )
    for start, name, value, offset in _entries(text):
        if _tells(name, value, file):
            yield start + offset, start + offset + len(value)


def _tells(name: str, value: str, file: _File) -> bool:
    connection = _CONNECTS.search(value)
    if connection:
        return not _MACHINE.match(connection["host"]) and _is_real(connection["value"])
    if _SIGNS.search(name) and not _HARMLESS.search(name):
        return not file.developers and _signs(value, env=file.env)
    if _MAIL.search(name):
        mixed = values.given(value) or _MIXED.match(value) is not None
        return file.sends and (
            _APP_PASSWORD.match(value) is not None or (mixed and _is_real(value))
        )
    if _DATABASE.search(name):
        return file.stores and _is_real(value)
    return bool(_PAYS.search(name)) and values.random(value) and _is_real(value)


def _signs(value: str, *, env: bool) -> bool:
    """Say whether the value is a key: what stands in ``.env`` may be there to be replaced."""
    default = _FALLBACK.match(value)
    value = default["value"] if default else value
    if " " in value or "/" in value[:1] or not _is_real(value) or len(value) < _KEY:
        return False
    plain = value.removeprefix("base64:")
    return not env or values.random(plain) or (len(plain) >= _LONG and values.typed(plain))


def _is_real(value: str) -> bool:
    return (
        len(value) >= _SHORT
        and value.isascii()
        and not _PLACEHOLDER.search(value)
        and values.entropy(value) >= _ENTROPY
    )


def _stores(text: str) -> bool:
    """Say whether a database of the file is on another machine."""
    named = (one["host"] or one["place"] for one in _HOSTS.finditer(text))
    return any(not _MACHINE.match(host) for host in named)


def _entries(text: str) -> Iterator[tuple[int, str, str, int]]:
    """Yield (where the line begins, the dotted name, the value, where it begins in the line)."""
    above: list[tuple[int, str]] = []
    start = 0
    for whole in text.splitlines(keepends=True):
        line = whole.rstrip("\r\n")
        if opens := _OPENS.match(line):
            indent = len(opens["indent"])
            above = [*(one for one in above if one[0] < indent), (indent, opens["name"])]
        elif match := _LINE.match(line):
            indent = len(match["indent"])
            parents = [name for at, name in above if at < indent]
            yield start, ".".join([*parents, match["name"]]), match["value"], match.start("value")
        start += len(whole)
