"""Judge a value: drawn at random, typed as a password, made up, or only a stand-in for a secret."""

from __future__ import annotations

import base64
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Mapping

from rlm_gate import kept


def made_up(value: str) -> bool:
    """Say whether the value is an example. A key's long body has every short word by chance."""
    if value.startswith("-----BEGIN"):
        body = "".join(value.split("-----")[2:3])
        return "..." in value or (len(body) > _BODY and len({*body}) < _LETTERS_OF_KEYS)
    return bool(_EXAMPLE.search(value)) or entropy(value) < _MADE_UP_ENTROPY


def stand_in(value: str) -> bool:
    """Say whether the value is a word for a secret, the name of one, or a hash or cipher text."""
    return bool(_STAND_IN.search(value) or _HASHED.match(value))


def random(value: str) -> bool:
    """Say whether the value looks drawn at random: long, of letters and digits, high entropy."""
    if _HEX.match(value) or _UUID.match(value):
        return entropy(value) > _HEX_ENTROPY
    plain = value.isascii() and _PATHLIKE.match(value) is None
    mixed = bool(re.search(r"[0-9]", value) and re.search(r"[A-Za-z]", value))
    return plain and mixed and len(value) >= _LONG and entropy(value) > _ENTROPY


def typed(value: str) -> bool:
    """Say whether a person may have typed this as a password: three sorts of characters."""
    sorts = (r"[a-z]", r"[A-Z]", r"[0-9]", r"[^A-Za-z0-9]")
    if not value.isascii():
        return False
    kinds = sum(1 for sort in sorts if re.search(sort, value))
    return kinds >= _SORTS_OF_CHARACTERS and _PATHLIKE.match(value) is None


def drawn(value: str) -> bool:
    """Say whether a short value without quotes is no word or name: digits stand here and there."""
    return typed(value) and len(_DIGITS.findall(value)) >= _RUNS_OF_DIGITS


def named(value: str) -> bool:
    """Say whether a value without quotes is a name: words with a number, or a dotted one."""
    return _NAME.match(value) is not None


def worded(value: str) -> bool:
    """Say whether a long value is words with a number or two, as names in code are put together."""
    if len(value) < _LONG or not _WORDS_ONLY.match(value):
        return False
    words = _CAMEL.findall(value)
    return bool(words) and sum(map(len, words)) >= _WORD_LENGTH * len(words)


def digest(value: str) -> bool:
    """Say whether the value has the length of a SHA hash, as one is kept of a password."""
    return len(value) in _DIGESTS and _HEX.match(value) is not None


def lapses(value: str) -> bool:
    """Say whether the value is a JSON web token that says when it ends."""
    parts = value.split(".")
    if len(parts) != _JWT_PARTS or not value.startswith("eyJ"):
        return False
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    except ValueError:
        return False
    return b'"exp"' in claims


def given(value: str) -> bool:
    """Say whether a value that stands where a password must stand is one."""
    return not stand_in(value) and len({*value}) >= _VARIETY and bool(_DIGITS.search(value))


def entropy(value: str) -> float:
    """Return Shannon's entropy in bits a character."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def checksum_fits(token: str) -> bool:
    """Check the last six digits, a CRC-32 in base 62 of what stands after the prefix."""
    body = token.partition("_")[2]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return body[-6:] == digits.rjust(6, "0")


def _login(value: str) -> bool:
    """Say whether the value is a user and a password in base64, as HTTP sends them."""
    try:
        user, colon, password = (
            base64.b64decode(value, validate=True).decode("ascii").partition(":")
        )
    except ValueError:
        return False
    shown = password.isprintable() and user.isprintable() and "Aladdin" not in user  # RFC 7617's
    return bool(colon and shown and len(password) >= _SHORTEST) and given(password)


CHECKS: Mapping[str, Callable[[str], bool]] = {"login": _login, "random": random, "password": given}
"""What a value must be, beside its form, to count at all; see ``Format.check``."""

_LEFT = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"  # what pseudonyms begin with
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LONG, _ENTROPY, _HEX_ENTROPY, _MADE_UP_ENTROPY = 16, 3.5, 3.0, 2.5
_SORTS_OF_CHARACTERS, _VARIETY, _SHORTEST = 3, 4, 6
_BODY, _LETTERS_OF_KEYS = 60, 12  # a key's body is longer, and of more different letters
_RUNS_OF_DIGITS = 2
_WORD_LENGTH, _JWT_PARTS = 3, 3
_DIGESTS = frozenset({40, 56, 64, 96, 128})
_WORDS_ONLY = kept.expression(r"[A-Za-z][\w.-]*\Z")
_CAMEL = kept.expression(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DIGITS = kept.expression(r"[0-9]+")
_HEX = kept.expression(r"(?:[0-9a-f]{32,}|[0-9A-F]{32,})\Z")
_UUID = kept.expression(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z")
# Hashes of passwords, sums of files, and what sops, Ansible, Vault, Spring, Jasypt encrypted.
_HASHED = kept.expression(
    r"\$?(?:pbkdf2|bcrypt|argon2|scrypt|sha\d|md5|crypt|2[abxy])[\w:.-]*\$|(?:sha\d{1,3}|md5)[-:]|scram-|EJ\[\d:"
    r"|\{?(?:enc|cipher|encrypted|kms)[\[(:}]|\$ANSIBLE_VAULT|vault:v\d|ssh-(?:rsa|ed25519)|AAAA[BC]3Nza",
    re.IGNORECASE,
)
# Names, paths, addresses and calls: what code puts after a telling name without being a secret.
_PATHLIKE = kept.expression(
    r"[a-z]+://|urn:|[./~@#]|\+.*\+\Z|0[xX][0-9a-fA-F]+\Z|\w+\(|[A-Za-z_]+(?:[./:-][A-Za-z_]+)*[0-9]?\Z"
    r"|\d+/(?:\d+)?(?:second|minute|hour|day|week|month)s?\Z"
    r"|[a-z][a-z0-9]{2,20}(?::[a-z]+(?:_[a-z]+){1,6}){1,4}:?\Z|.*(?:\\[dwsxu]|\(\?|\.\*)"
)
_NAME = kept.expression(
    r"[A-Za-z]+(?:[-_.][A-Za-z]+)+[-_.]?[0-9]{1,4}\Z|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\Z"
)
_EXAMPLE = kept.expression(
    rf"{_LEFT}|"
    r"[<>{}…]|\$\(|%\(|\.\.\.|\*\*\*|(?:(?<![0-9A-Fa-f])|(?<=[-_]))(?:0123456|1234567)"
    r"|&lt;|(.)\1{4}|(?:(.)\2{3}){2}|(?:1234-){2}|example|sample|dummy|(?i:your|fake|test|redacted|placeholder|deadbeef"
    r"|abcdefgh|some_?random|random_?string|changeme|change-me|change_me|insert|replace|qwerty|foobar|notreal|not-real|mock"
    r"|eyJzdWIiOiIxMjM0|here\Z|Eby8vdM02xNOcqFl)",  # the last one is the Azure emulator's
    re.IGNORECASE,
)
_STAND_IN = kept.expression(
    r"pass(?:word|wd)?\Z|^pass(?:word|wd|phrase)?|secret|token|^(?:none|null|true|false|undefined)\Z"
    r"|^(?:user|admin|root|guest|postgres|mysql|redis|foo|bar|baz|xxx+|hunter2)\Z|^[*.•-]+\Z"
    r"|wrong|invalid|(?:\A|\|)(?:required|nullable|string|confirmed|(?:min|max):\d+)(?:\||\Z)"
    # words with hyphens, as flags and parts of addresses are called
    r"|\A(?=[a-z0-9-]*\b(?:password|key|salt|auth|credentials?)\b)"
    r"(?:[a-z]+|v?[0-9]+)(?:-(?:[a-z]+|v?[0-9]+)){2,}\Z"
    r"|\$|env|%[sdv(]|\bcreds?\b|my[_-]|demo|example|default|(?:^|_)abc(?:123|def)?\Z|^!\w",
    re.IGNORECASE,
)
