"""Find what opens or signs something in the settings that a program runs with.

Reads lines of ``.env``, properties, YAML, JSON and HOCON, without knowing their grammars. What only
developers run with, and what leads to a machine of their own, is left to others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rlm_gate import kept
from rlm_gate.detectors import _values as values

_PATH = kept.expression(
    r"(?i)(?:^|/)(?:\.env(?:\.(?:prod|production|live|backup|bak|old|save|prod\w*\.backup"
    r"|production\.backup))?|(?:prod|production)\.env"
    r"|(?:application|bootstrap)(?:-(?:prod|production|live|\w*sql|druid))?\.(?:ya?ml|properties|conf)"
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
    r"(?P<indent>[ \t]*)[\"']?(?P<name>[A-Za-z][\w.-]*)[\"']?[ \t]*(?::[ \t]*\{?|\{)\Z"
)
_FALLBACK = kept.expression(r"\$\{[\w.-]+:(?P<value>[^${}]+)\}\Z")

_SIGNS = kept.expression(
    r"(?i)jwt[\w.-]*?[._-]?(?:secret|(?:secret|signing|private)[._-]?key)\Z|jwt(?:settings)?[._-]?key\Z"
    r"|(?:session|cookie|token|auth|refresh)[\w.-]*?[._-]?secret(?:[._-]?key)?\Z"
    r"|^(?:app_|django_|flask_)?secret_key(?:_base)?\Z|^app_(?:secret|key)\Z"
    r"|(?:^|[._-])(?:en|de)?crypt(?:ion)?[._-]?(?:secret|key)\Z"
)
_HARMLESS = kept.expression(
    r"(?i)public|expir|header|cookie_?name|key_?id|path|file|store|alias|prefix|api|csrf"
    r"|(?:issuer|audience)[^.]*\Z",
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
_KEEPS = kept.expression(
    r"(?i)(?:minio|s3|storage|blob|oss|cos|aliyun|qiniu|wasabi|r2)[\w.-]*?[._-]?secret"
    r"(?:[_-]?(?:access[_-]?)?key)?\Z|access[_-]?key[_-]?secret\Z"
)
# The account of somebody, not one that every installation has.
_PERSON = kept.expression(r"(?i)(?:user(?:[_-]?name)?|login|account|e-?mail)\Z")
_ANYBODY = kept.expression(
    r"(?i)(?:admin\w*|root|guest|user\w*|sa|postgres\w*|mysql|oracle|sys|system|scott|test\w*|demo\w*|default"
    r"|elastic|rabbitmq|rabbit|minio\w*|neo4j|actuator|eureka|nacos|druid|dev\w*|local\w*|app|api|none|null)?\Z"
)
_PASSWORD = kept.expression(r"(?i)pass(?:word|wd)?\Z")
_SERVES = kept.expression(r"(?i)(?:host|url|uri|address(?:es)?|endpoint|server|client|brokers?)\Z")
_LEADS = kept.expression(r"(?i)(?:\w+:){0,3}(?://)?(?:[^\s/@\"']{0,99}@)?(?P<host>[\w.-]+)")
# What is read only where somebody starts the program under that name: a document of Spring's YAML.
_APART = kept.expression(r"(?m)^---[^\n]*\n")
_PROFILE = kept.expression(
    r"(?m)^[ \t]*(?:spring\.)?(?:config\.activate\.)?(?:on-profile|profiles)[ \t]*[:=][ \t]*[\"']?"
    r"(?:local|dev|development|test|it)\b"
)
_SOMEWHERE = kept.expression(
    r"(?i)(?:https?|jdbc:\w+|mongodb(?:\+srv)?|amqps?|rediss?)://(?P<host>[\w.-]+)"
)
_TRIES = kept.expression(r"(?:rzp|sk|pk|rk)_test_\w")
# Where the file's databases are: DB_HOST=, jdbc:mysql://
_HOSTS = kept.expression(
    r"(?i)(?:db|database|mysql|mariadb|postgres\w*|pg|mongo\w*|sql\w*)[\w.-]*?(?:host|server|endpoint)"
    r"[\"']?[ \t]*[:=][ \t]*[\"']?(?P<host>[\w.-]+)"
    r"|(?:jdbc:\w+|mongodb(?:\+srv)?|postgres(?:ql)?|mysql):(?:\w+:)?//(?:[^\s/@\"']{0,99}@)?"
    r"(?P<place>[\w.-]+)"
)
_INSIDE = kept.expression(r"10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.")
_MACHINE = kept.expression(
    r"(?i)[^.]*\Z|\.|.*(?:localhost|\.local|\.internal|\.test|\.svc|example)|127\.|0\.0|10\.|192\.168\."
    r"|172\.(?:1[6-9]|2\d|3[01])\.|host\.docker"
)
_SENDS_NOWHERE = kept.expression(r"(?i)mailtrap|mailhog|mailpit|ethereal\.email|maildev|papercut")
_CONNECTS = kept.expression(
    r"(?i)(?:server|data source|host)[ ]*=[ ]*(?:tcp:)?(?P<host>[\w.-]+)[^\n]*?"
    r";[ ]*(?:password|pwd)[ ]*=[ ]*@?(?P<value>[^;\"'\s]{6,})"
)
_PLACEHOLDER = kept.expression(
    r"(?i)change|your|example|replace|insert|some_?random|place[_-]?holder|dummy|sample|xxx|todo|default|insecure"
    r"|set[_-]|fill|here|test|demo|ch4n|0123456|[<>{}]|^@|\$\{|^(?:null|none|true|false)\Z"
)
# A signing key that may be guessed: plain words, one or several between quotes.
_WORDS = kept.expression(
    r"(?!.*\.(?:pem|key|pub|crt|json)\Z)[A-Za-z0-9][\w!@.-]+(?: [\w!@.-]+){0,6}\Z"
)
_SHORT, _KEY, _LONG, _ENTROPY = 6, 8, 16, 2.5


class Told(NamedTuple):
    """Where a value begins and ends, and whether it opens only what is near: one's own network.

    So does a key of plain words: it may stand there only to be replaced.
    """

    start: int
    end: int
    near: bool


class _Entry(NamedTuple):
    """A name with its parents, ``spring.mail.password``, its value, and where that begins."""

    name: str
    value: str
    start: int


class _File(NamedTuple):
    """What the whole file says: what it is, for whom, and where it leads."""

    env: bool
    developers: bool
    sends: bool
    stores: bool


def found(path: str, text: str) -> Iterator[Told]:
    """Yield where the values begin and end that open a service or sign tokens for whoever reads."""
    if not _PATH.search(path) or _BESIDE.search(path):
        return
    file = _File(
        env=_ENV.search(path) is not None,
        developers=_DEVELOPERS.search(text) is not None and "prod" not in path.lower(),
        sends=_SENDS_NOWHERE.search(text) is None,
        stores=_stores(text),
    )
    entries = list(_entries(text))
    trials = list(_trials(text)) if "profile" in text else []
    for entry in entries:
        near = _tells(entry, file, entries)
        if near is not None:
            tried = any(start <= entry.start < end for start, end in trials)
            yield Told(entry.start, entry.start + len(entry.value), near or tried)


def _tells(entry: _Entry, file: _File, entries: Sequence[_Entry]) -> bool | None:
    """Say whether what the value opens is near, or a guess opens it; None: nothing is known."""
    name, value, _ = entry
    connection = _CONNECTS.search(value)
    if connection:
        inside = _INSIDE.match(connection["host"]) is not None
        real = _is_real(connection["value"])
        return inside if real and (inside or not _MACHINE.match(connection["host"])) else None
    if _KEEPS.search(name) or _PASSWORD.search(name) or _PAYS.search(name):
        opens = _lets_in(name, value, file) and not _stays(name, entries)
        return _is_for_trying(entry, entries) if opens else _opens(entry, entries)
    if not _SIGNS.search(name) or _HARMLESS.search(name) or file.developers:
        return None
    if _signs(value, env=file.env):
        return False
    return True if file.env and _WORDS.match(value) and not _PLACEHOLDER.search(value) else None


def _lets_in(name: str, value: str, file: _File) -> bool:
    """Say whether the value opens a mailbox, a database elsewhere, or an account that pays."""
    if _MAIL.search(name):
        mixed = values.given(value) or _MIXED.match(value) is not None
        return file.sends and (
            _APP_PASSWORD.match(value) is not None or (mixed and _is_real(value))
        )
    if _DATABASE.search(name):
        return file.stores and _is_real(value)
    return bool(_PAYS.search(name)) and values.random(value) and _is_real(value)


def _stays(name: str, entries: Sequence[_Entry]) -> bool:
    """Say whether the database is on the machine itself: PG_HOST = 127.0.0.1 beside PG_PASSWORD."""
    if not _DATABASE.search(name):
        return False
    host = _PASSWORD.sub("host", name).lower()
    beside = [one.value for one in entries if one.name.lower() in {host, f"{host}name"}]
    return bool(beside) and all(map(_MACHINE.match, beside))


def _is_for_trying(entry: _Entry, entries: Sequence[_Entry]) -> bool:
    """Say whether the identifier beside a key says that no money moves by it: ``rzp_test_...``."""
    return "." in entry.name and any(_TRIES.match(one.value) for one in _beside(entry, entries))


def _beside(entry: _Entry, entries: Sequence[_Entry]) -> list[_Entry]:
    """Return the entries of the same parent, itself too."""
    parent = entry.name.rpartition(".")[0]
    return [one for one in entries if one.name.rpartition(".")[0] == parent]


def _opens(entry: _Entry, entries: Sequence[_Entry]) -> bool | None:
    """Judge a storage's key, or a password beside somebody's name, by the address beside it."""
    parent, _, last = entry.name.rpartition(".")
    keeps = _KEEPS.search(entry.name) is not None
    if not keeps and not (parent and _PASSWORD.match(last)):
        return None
    beside = _beside(entry, entries)
    if not _is_real(entry.value) or not (values.random(entry.value) or values.typed(entry.value)):
        return None
    if not keeps and not any(
        _PERSON.search(one.name) and not _ANYBODY.match(one.value) and "$" not in one.value
        for one in beside
    ):
        return None
    served = [one.value for one in beside if _SERVES.search(one.name)]
    hosts = [match["host"] for match in map(_LEADS.match, served) if match]
    if any(map(_INSIDE.match, hosts)):
        return True
    return None if any(map(_MACHINE.match, hosts)) else False


def _trials(text: str) -> Iterator[tuple[int, int]]:
    """Yield the documents of YAML that are read on a developer's machine and lead nowhere else."""
    starts = [0, *(match.end() for match in _APART.finditer(text)), len(text)]
    for start, end in itertools.pairwise(starts):
        document = text[start:end]
        if _PROFILE.search(document) and all(
            _MACHINE.match(match["host"]) for match in _SOMEWHERE.finditer(document)
        ):
            yield start, end


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


def _entries(text: str) -> Iterator[_Entry]:
    """Yield each line that gives a value to a name."""
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
            name = ".".join([*parents, match["name"]])
            yield _Entry(name, match["value"], start + match.start("value"))
        start += len(whole)
