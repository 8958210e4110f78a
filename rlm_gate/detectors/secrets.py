"""Find secrets by their known formats, or by a telling name before a random value; mask them.

Sees text only and asks nobody whether a secret still works. A value that is plainly made up is no
secret; where a format carries a checksum, a wrong one makes the find a guess.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile
from rlm_gate.detectors import Complaint, Text, asked_of, choice_complaints, entries, finding
from rlm_gate.detectors._formats import (
    ASSIGNED,
    AUTHORITY,
    FORMATS,
    HARMLESS,
    NAMES,
    SETTING,
)

PSEUDONYM = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}secret:"
"""What the pseudonyms begin with that models read in the place of secrets."""

_ENGINE = "secrets"
_SAMPLES = re.compile(
    r"(?:^|/)(?:docs?|docs_src|examples?|demos?|samples?|sample-[\w-]+|t|specs?|testsuite|[\w-]+[_-]tests?)/"
)


@dataclass(frozen=True, slots=True, order=True)
class Secret:
    """A secret's place as offsets into the text. ``certain``: its format alone proves it."""

    start: int
    end: int
    kind: str
    value: str
    certain: bool = True


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``formats``: known (tokens and keys told by their form) or guessed (all others)."""
    del languages  # secrets hide in any text
    yield from choice_complaints(options, "formats", _SORTS)


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return None: any text."""
    del options
    return None


def version() -> str:
    """Return this module's own: the formats are part of it."""
    return "3"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Yield every secret of every file, once for each rule that asks for its sort."""
    for file, wanted in asked_of(corpus, rules):
        yield from _judge(file, wanted)


def find(text: str) -> tuple[Secret, ...]:
    """Return the secrets of a text in order, none within another: certain ones come first."""
    formed = [*_by_format(text)]
    known = _apart(secret for secret in formed if secret.certain)
    doubtful = (secret for secret in formed if not secret.certain)
    guesses = [*doubtful, *_by_address(text), *_by_name(text)]
    taken = [secret.start for secret in known]
    free = []
    for guess in _apart(guesses):
        before = bisect_left(taken, guess.end) - 1
        if before < 0 or known[before].end <= guess.start:
            free.append(guess)
    return tuple(sorted([*known, *free]))


def mask(text: str) -> tuple[str, dict[str, str]]:
    """Put a pseudonym in the place of every secret; return the text and pseudonym -> secret.

    The same secret has the same pseudonym everywhere, and lines stay lines: a secret of many lines
    gets a pseudonym for each.
    """
    mapping: dict[str, str] = {}
    return _replaced(text, lambda secret, line: _pseudonym(secret.kind, line, mapping)), mapping


def hinted(text: str) -> str:
    """Put in the place of every secret what people may see of it; lines stay lines."""
    return _replaced(text, lambda secret, _line: hint(secret))


def hint(secret: Secret) -> str:
    """Return the ends of a long token, ``AKIA…WXYZ``, and of anything else only what it is.

    The ends tell its owner which one to revoke; those of a password or a key's body would help to
    guess the rest.
    """
    value = secret.value
    if secret.certain and len(value) >= _TOKEN and _ONE_TOKEN.match(value):
        return f"{value[:_END]}…{value[-_END:]}"
    return f"{_LEFT}{secret.kind}{_RIGHT}"


def unmask(text: str, mapping: Mapping[str, str]) -> str:
    """Put the secrets back."""
    for pseudonym, value in mapping.items():
        text = text.replace(pseudonym, value)
    return text


def _replaced(text: str, name: Callable[[Secret, str], str]) -> str:
    """Replace every line of every secret by what ``name`` makes of it."""
    parts: list[str] = []
    end = 0
    for secret in find(text):
        parts.append(text[end : secret.start])
        lines = re.split(r"(\r?\n|\r)", secret.value)
        parts += [name(secret, line) if line.strip() else line for line in lines]
        end = secret.end
    return "".join([*parts, text[end:]])


def _pseudonym(kind: str, value: str, mapping: dict[str, str]) -> str:
    """Name a value by 16 bits of its hash: too few to test guesses of a weak password against."""
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:4]
    for number in itertools.count(1):
        more = f"-{number}" if number > 1 else ""
        pseudonym = f"{PSEUDONYM}{kind}:{digest}{more}{_RIGHT}"
        if mapping.setdefault(pseudonym, value) == value:
            break
    return pseudonym


def _judge(file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    raw = file.text
    secrets = find(raw)
    text = Text.of(raw) if secrets else None
    for secret in secrets:
        for rule in rules:
            sorts = {_SORTS[entry.options["formats"]] for entry in entries(rule, _ENGINE)}
            if text and _is_certain(secret, file.path) in sorts:
                region = text.region(*_without_returns(raw, secret))
                yield finding(rule, file.path, text.lines, region, _ENGINE)


def _is_certain(secret: Secret, path: str) -> bool:
    """Say whether its format proves it; a private key among examples was made for them."""
    return secret.certain and not (secret.kind == "private-key" and _SAMPLES.search(path))


def _without_returns(raw: str, secret: Secret) -> tuple[int, int]:
    """Translate offsets of the raw text to those of the text with single newlines."""
    if "\r\n" not in raw:
        return secret.start, secret.end
    start = secret.start - raw.count("\r\n", 0, secret.start)
    return start, secret.end - raw.count("\r\n", 0, secret.end)


def _apart(secrets: Iterable[Secret]) -> list[Secret]:
    kept: list[Secret] = []
    for secret in sorted(secrets, key=lambda secret: (secret.start, -secret.end)):
        if not kept or kept[-1].end <= secret.start:
            kept.append(secret)
    return kept


def _by_format(text: str) -> Iterator[Secret]:
    for form in dict.fromkeys([form for mark, form in _MARKS if mark in text]):
        group = "value" if "value" in form.pattern.groupindex else 0
        for match in form.pattern.finditer(text):
            value = match[group]
            if not _made_up(value):
                certain = form.certain and (not form.checksum or _checksum_fits(value))
                yield Secret(match.start(group), match.end(group), form.kind, value, certain)


def _checksum_fits(token: str) -> bool:
    """Check the last six digits, a CRC-32 in base 62 of what stands after the prefix."""
    body = token.partition("_")[2]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return body[-6:] == digits.rjust(6, "0")


def _by_address(text: str) -> Iterator[Secret]:
    """Find passwords in addresses, unless the host is no real one or the password a stand-in."""
    place = text.find("://")
    while place >= 0:
        match = AUTHORITY.match(text, place + 3)
        if match and _is_real(match):
            yield Secret(*match.span("value"), "connection-password", match["value"], certain=False)
        place = text.find("://", place + 3)


def _is_real(authority: re.Match[str]) -> bool:
    value, host = authority["value"], authority["host"].lower()
    local = "." not in host.strip(".") or _NO_HOST.search(host) or host.startswith("127.")
    stand_in = value == authority["user"] or _STAND_IN.search(value) or len({*value}) < _VARIETY
    return not (local or stand_in)


def _by_name(text: str) -> Iterator[Secret]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow when lowered, and offsets would be wrong
        lowered = text
    for name in NAMES:
        start = lowered.find(name)
        while start >= 0:
            end = start + len(name)
            match = ASSIGNED.match(text, end)
            if match and not HARMLESS.search(match["name"]):
                set_here = SETTING.match(text, text.rfind("\n", 0, start) + 1, start)
                kind = "password" if "pass" in name else "secret"
                yield from _assigned(match, kind, setting=set_here is not None)
            start = lowered.find(name, end)


def _assigned(match: re.Match[str], kind: str, *, setting: bool) -> Iterator[Secret]:
    group = "value" if match["value"] else "bare"
    value = match[group]
    if _made_up(value) or _STAND_IN.search(value) or _HASHED.match(value):
        return
    typed = kind == "password" and group == "value" and _typed(value)
    if typed or _random(value) or (setting and group == "bare" and _drawn(value)):
        yield Secret(*match.span(group), kind, value, certain=False)


def _random(value: str) -> bool:
    """Say whether the value looks drawn at random: long, of letters and digits, high entropy."""
    if _HEX.match(value):
        return _entropy(value) > _HEX_ENTROPY
    plain = _PATHLIKE.match(value) is None
    mixed = bool(re.search(r"[0-9]", value) and re.search(r"[A-Za-z]", value))
    return plain and mixed and len(value) >= _LONG and _entropy(value) > _ENTROPY


def _typed(value: str) -> bool:
    """Say whether a person may have typed this as a password: three sorts of characters."""
    sorts = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
    kinds = sum(1 for sort in sorts if re.search(sort, value))
    return kinds >= _SORTS_OF_CHARACTERS and _PATHLIKE.match(value) is None


def _drawn(value: str) -> bool:
    """Say whether a short value without quotes is no word or name: digits stand here and there."""
    return _typed(value) and len(_DIGITS.findall(value)) >= _RUNS_OF_DIGITS


def _made_up(value: str) -> bool:
    """Say whether the value is an example. A key's long body has every short word by chance."""
    if value.startswith("-----BEGIN"):
        return "..." in value
    return bool(_EXAMPLE.search(value)) or _entropy(value) < _MADE_UP_ENTROPY


def _entropy(value: str) -> float:
    """Return Shannon's entropy in bits a character."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


_SORTS = {"known": True, "guessed": False}
_LEFT = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"  # in no source by chance
_RIGHT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_MARKS = tuple((mark, form) for form in FORMATS for mark in form.marks)
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LONG, _ENTROPY, _HEX_ENTROPY, _MADE_UP_ENTROPY = 16, 3.5, 3.0, 2.5
_SORTS_OF_CHARACTERS, _VARIETY = 3, 4
_TOKEN, _END = 20, 4  # an AWS key id, the shortest of all tokens, has 16 characters after AKIA
_ONE_TOKEN = re.compile(r"[\w.~+/=-]+\Z")
_RUNS_OF_DIGITS = 2
_DIGITS = re.compile(r"[0-9]+")
_HEX = re.compile(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})\Z")
_HASHED = re.compile(
    r"\$?(?:pbkdf2|bcrypt|argon2|scrypt|sha\d|md5|crypt|2[abxy])[\w:.-]*\$", re.IGNORECASE
)
# Names, paths, addresses and calls: what code puts after a telling name without being a secret.
_PATHLIKE = re.compile(
    r"[a-z]+://|[./~@#]|\w+\(|[A-Za-z_]+(?:[./:_-][A-Za-z_]+)*[0-9]?\Z|.*(?:\\[dwsxu]|\(\?|\.\*)"
)
_EXAMPLE = re.compile(
    rf"{_LEFT}|"
    r"[<>{}…]|\$\(|%\(|\.\.\.|\*\*\*|(?:(?<![0-9A-Fa-f])|(?<=[-_]))(?:0123456|1234567)"
    r"|(.)\1{4}|example|sample|dummy|(?i:your|fake|test|redacted|placeholder|deadbeef|abcdefgh"
    r"|changeme|change-me|change_me|insert|replace|qwerty|foobar|notreal|not-real|mock|eyJzdWIiOiIxMjM0)",
    re.IGNORECASE,
)
_STAND_IN = re.compile(
    r"pass(?:word|wd)?\Z|^pass(?:word|wd|phrase)?|secret|token|^(?:none|null|true|false|undefined)\Z"
    r"|^(?:user|admin|root|guest|postgres|mysql|redis|foo|bar|baz|xxx+|hunter2)\Z|^[*.•-]+\Z"
    r"|\$|env|%[sdv(]|\bcreds?\b|my[_-]|demo|example|default",
    re.IGNORECASE,
)
_NO_HOST = re.compile(r"(?:^|\.)(?:example|test|invalid|localhost|local|internal)(?:\.\w+)?\Z")
