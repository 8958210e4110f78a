"""Find secrets by their known formats, or by a telling name before a random value; mask them.

Sees text only and asks nobody whether a secret still works. A value that is plainly made up is no
secret; where a format carries a checksum, a wrong one makes the find a guess.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from rlm_gate import kept, rusttests
from rlm_gate.core import Corpus, Finding, Rule, Severity, Skip, SourceFile, hashes
from rlm_gate.core.records import dataclass
from rlm_gate.detectors import (
    Complaint,
    Region,
    Text,
    asked_of,
    choice_complaints,
    entries,
    finding,
)
from rlm_gate.detectors._formats import FORMATS
from rlm_gate.detectors._names import HOSTED, REMOTE, by_address, by_name
from rlm_gate.detectors._values import CHECKS, checksum_fits, digest, lapses, made_up, worded

PSEUDONYM = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}secret:"
"""What the pseudonyms begin with that models read in the place of secrets."""

_ENGINE = "secrets"
_SAMPLES = kept.expression(
    r"(?:^|/)(?:dev|\.github|docs?|docs_src|(?<!com/)examples?|(?<!com/example/)demos?|samples?|sample-[\w-]+|t"
    r"|specs?|testsuite|e2e"
    r"|(?:test|dev|demo|example|sample|local|ci)[_-][\w-]+|playground|sandbox"
    r"|integration|suites|conformance|fixtures?|\w*(?<!la)(?<!con)tests?|[\w-]+[_-]tests?)/"
    r"|(?:^|/)(?:test|fake|dummy|mock|sample|example)[_-][^/]*\Z"
    r"|(?:^|[/._-])(?:localhost|127\.0\.0\.1|snakeoil|dummy|selfsigned|self-signed)[._-][^/]*\Z"
)
# Keys of developers' machines and of hosts that nobody has.
_TRIED = kept.expression(r"(?:^|/)(?:development|[\w.-]+\.example\.(?:com|org|net))/")
# What a name or the head of the file says of keys that were made for tests.
_CALLED_SO = kept.expression(
    r"(?i:(?<![a-z])(?:test|tests|testing|fake|dummy|mock|sample|example)(?![a-z]))"
    r"|(?:Test|Fake|Dummy|Mock|Sample|Example)(?![a-z])[^\n]*[=:(]"
)
_SAID_SO = kept.expression(
    r"(?i)\btests?[- ]only\b|\bonly (?:be )?(?:used )?(?:for|in|by) (?:unit |the )?test(?:s|ing)\b"
    r"|\bnot (?:a )?real (?:keys?|secrets?|credentials?)\b"
    r"|\bmust not be used\s+(?:\S+\s+)?in production"
)
_HEAD, _SHOWN = 600, Severity.MEDIUM  # what is there for readers may be made for them
_TOP = kept.expression(r"[^\s#]")
_DEVELOPERS = kept.expression(r"(?:development|dev|test|testing|ci|local)\s*:")
_SAYS = kept.expression(r"(?i)\b(?:example|sample|e\.g\.)")
# an address, or a message of JSON, as a comment shows what others send
_SHOWS = kept.expression(r"https?://|[?&]\w+=|\A[^\w\"']*\"\w+\"\s*:")
_COMMENT = kept.expression(r"\s*(?://|#(?!!)|/?\*|--|;;|<!--)")
# What developers click and try, texts for translators, forms to copy; tokens of services that only
# count what tests cover are public by their manuals.
# an address names its key's identifier, not the key: one signed for some minutes, one of a shop
_SIGNED = kept.expression(r"(?i)[?&]X-Amz-(?:Credential|Signature)=|[?&]AWSAccessKeyId=")
_ASKED = kept.expression(r"(?i)://[^?]*(?:\?|%3F).*(?:=|%3D)\Z", re.DOTALL)
_APART, _ADDRESS, _COMMENTED = kept.expression(r"[\s\"'<>`\\]"), 2000, 3000
_ASIDE = kept.expression(
    r"(?i)(?:^|/)(?:\.claude|\.cursor|\.vscode|\.dev|postman|insomnia|openapi|swagger|api-?docs"
    r"|seeders?|seeds?|lang|langs|languages?|locales?|translations?|i18n|l10n|mocks?|suites|stubs"
    r"|test-?fixtures|unittests?)/"
    r"|\.(?:dist|template|tmpl|tpl|resx|postman_collection\.json|postman_environment\.json)\Z"
    r"|(?:^|/)(?:launchsettings\.json|\.?codecov\.ya?ml|\.coveralls\.ya?ml|(?:populate|seed|faker?|demo)s?(?:[_-]\w+)?\.\w+|\w+seeder\.\w+"
    r"|(?:openapi|swagger)[\w.-]*\.(?:ya?ml|json)|(?:\.env\.)?(?:test|testing|ci)(?:\.env)?)\Z"
)
_SETTINGS = frozenset({"ini", "yaml", "json", "toml", "xml", "bash", "dockerfile", "text"})
_TESTS = kept.expression(
    r"(?:^|/)(?:tests?|testsuite|[\w-]+[_-]tests|__tests__|testdata|fixtures)/"
    r"|(?:^|/)(?:test_[^/]*\.py|[^/]*_test\.(?:py|go)|[^/]*\.(?:test|spec)\.[^/]*)\Z"
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
    """Check ``formats``.

    known: tokens and keys told by their form; guessed: all others; sample: keys, and tokens too in
    tests, that stand among examples and tests; settings: what opens a service or signs tokens in
    a program's settings; remote: of the guesses, passwords of databases that the internet knows.
    """
    del languages  # secrets hide in any text
    yield from choice_complaints(options, "formats", _SORTS)


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return None: any text."""
    del options
    return None


def version() -> str:
    """Return this module's own: the formats are part of it."""
    return "20"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Yield every secret of every file, once for each rule that asks for its sort."""
    for file, wanted in asked_of(corpus, rules):
        yield from _judge(file, wanted)


def find(text: str) -> tuple[Secret, ...]:
    """Return the secrets of a text in order, none within another: certain ones come first."""
    formed = [*_by_format(text)]
    known = _apart(secret for secret in formed if secret.certain)
    doubtful = (secret for secret in formed if not secret.certain)
    named = itertools.chain(by_address(text), by_name(text))
    guesses = [
        *doubtful,
        *(Secret(at, end, kind, text[at:end], kind == HOSTED) for at, end, kind in named),
    ]
    taken = [secret.start for secret in known]
    free = []
    for guess in _apart(guesses):
        before = bisect_left(taken, guess.end) - 1
        if before < 0 or known[before].end <= guess.start:
            free.append(guess)
    return tuple(sorted([*known, *free]))


def secrets_of(text: str) -> tuple[Secret, ...]:
    """Do as ``find`` for the text of a file, which is masked as often as it is shown somewhere."""
    if text in _CLEAN:
        return ()
    return _find_again(text) if len(text) < _SMALL else find(text)


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
    for secret in secrets_of(text):
        parts.append(text[end : secret.start])
        lines = re.split(r"(\r?\n|\r)", secret.value)
        parts += [name(secret, line) if line.strip() else line for line in lines]
        end = secret.end
    return "".join([*parts, text[end:]])


def _pseudonym(kind: str, value: str, mapping: dict[str, str]) -> str:
    """Name a value by 16 bits of its hash: too few to test guesses of a weak password against."""
    digest = hashes.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:4]
    for number in itertools.count(1):
        more = f"-{number}" if number > 1 else ""
        pseudonym = f"{PSEUDONYM}{kind}:{digest}{more}{_RIGHT}"
        if mapping.setdefault(pseudonym, value) == value:
            break
    return pseudonym


def _judge(file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    raw = file.text
    secrets = secrets_of(raw)
    text = Text.of(raw) if secrets else None
    told: set[str] = set()
    for secret in secrets:
        again = secret.value in told
        told.add(secret.value)
        for rule in rules:
            wanted = {entry.options["formats"] for entry in entries(rule, _ENGINE)}
            if text and wanted & _sorts(secret, file.path, raw):
                region = text.region(*_without_returns(raw, secret))
                found = finding(rule, file.path, text.lines, region, _ENGINE)
                shown = (
                    _SAMPLES.search(file.path) is not None
                    or _is_told(text.lines, region)
                    or _is_within_comment(raw, secret.start)
                )
                meant = _is_named(secret, raw)
                meant |= not secret.certain and (
                    again
                    or (shown and _SAYS.search(found.quote) is not None)
                    or _is_developers(file, text.lines, region)
                    or bool(
                        _SAYS.search(
                            "".join(text.lines[max(0, region.start - 2) : region.start - 1])
                        )
                    )
                    or _is_no_use(secret, file)
                    or (shown and _SHOWS.search(found.quote) is not None)
                )
                level = Severity.LOW if meant else _SHOWN
                yield (
                    replace(found, severity=min(found.severity, level)) if shown or meant else found
                )
    yield from _in_settings(file, rules)


def _in_settings(file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    """Yield what opens or signs something, of a file that is called as settings are."""
    name = file.path.rpartition("/")[2].lower()
    asking = [rule for rule in rules if {"formats": "settings"} in _options(rule)]
    if asking and not _SAMPLES.search(file.path) and any(one in name for one in _CALLED_SETTINGS):
        from rlm_gate.detectors import _settings

        text = Text.of(file.text)
        for start, end, near in _settings.found(file.path, text.text):
            region = text.region(start, end)
            for rule in asking:
                found = finding(rule, file.path, text.lines, region, _ENGINE)
                yield replace(found, severity=min(found.severity, _SHOWN)) if near else found


def _options(rule: Rule) -> list[Mapping[str, Any]]:
    return [entry.options for entry in entries(rule, _ENGINE)]


def _is_developers(file: SourceFile, lines: Sequence[str], region: Region) -> bool:
    """Say whether it stands in the part of a configuration that only developers and tests read."""
    above = (line for line in reversed(lines[: region.start]) if _TOP.match(line))
    return file.language == "yaml" and _DEVELOPERS.match(next(above, "")) is not None


def _is_no_use(secret: Secret, file: SourceFile) -> bool:
    """Say whether a guess helps nobody: a token that lapses, a hash, a name, a trial."""
    return (
        lapses(secret.value)
        or _ASIDE.search(file.path) is not None
        or (secret.kind == "password" and digest(secret.value))
        or (file.language not in _SETTINGS and worded(secret.value))
    )


def _is_named(secret: Secret, raw: str) -> bool:
    """Say whether an address holds it that was signed, or that names who asks by an identifier."""
    before = _APART.split(raw[max(0, secret.start - _ADDRESS) : secret.start])[-1]
    behind = _APART.split(raw[secret.end : secret.end + _ADDRESS], maxsplit=1)[0]
    asked = secret.kind == "aws-access-key" and _ASKED.search(before) is not None
    return asked or _SIGNED.search(before + secret.value + behind) is not None


def _is_within_comment(raw: str, at: int) -> bool:
    """Say whether the place lies between the marks of a comment of several lines."""
    opened = raw.rfind("/*", max(0, at - _COMMENTED), at)
    closed = raw.find("*/", at, at + _COMMENTED)
    return 0 <= opened < raw.rfind("\n", 0, at) and closed > 0 and "*/" not in raw[opened:at]


def _is_told(lines: Sequence[str], region: Region) -> bool:
    """Say whether it stands in a comment of several lines, as an example does."""
    beside = (
        *lines[max(0, region.start - 2) : region.start - 1],
        *lines[region.end : region.end + 1],
    )
    return all(map(_COMMENT.match, lines[region.start - 1 : region.end])) and any(
        map(_COMMENT.match, beside)
    )


def _sorts(secret: Secret, path: str, text: str) -> set[str]:
    """Return what the secret counts as there; a key among examples was made for them."""
    if not secret.certain:
        return {"guessed", "remote"} if secret.kind == REMOTE else {"guessed"}
    key, tests = secret.kind == "private-key", bool(_TESTS.search(path))
    if key and (_SAMPLES.search(path) or _TRIED.search(path) or _is_for_tests(secret, path, text)):
        return {"sample"}
    return {"known", "sample"} if tests else {"known"}


def _is_for_tests(secret: Secret, path: str, text: str) -> bool:
    """Say whether the name it is given, or the head of the file, says that tests alone use it."""
    line = text.rfind("\n", 0, secret.start) + 1
    named = text[line : secret.start] or text[text.rfind("\n", 0, line - 1) + 1 : line]
    if path.endswith(".rs") and text.count("\n", 0, secret.start) >= rusttests.begin(text):
        return True
    return bool(_CALLED_SO.search(named) or _SAID_SO.search(text[:_HEAD]))


def is_clean(text: str) -> None:
    """Take it for known that the text of a file holds no secret: it was searched before."""
    if len(_CLEAN) < _MANY and len(text) < _SMALL:
        _CLEAN.add(text)


_CLEAN: set[str] = set()
_MANY = 1000


@lru_cache(maxsize=128)
def _find_again(text: str) -> tuple[Secret, ...]:
    return find(text)


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
    words = _long_words(text)
    likely = [form for mark, form in _TIGHT if mark in words]
    likely += [form for mark, form in _LOOSE if mark in text]
    for form in dict.fromkeys(likely):
        group = "value" if "value" in form.pattern.groupindex else 0
        for match in form.pattern.finditer(text):
            value = match[group]
            check = CHECKS.get(form.check)
            if (
                not made_up(value)
                and (check is None or check(value))
                and not _is_in_blob(text, match.start(group), match.end(group))
            ):
                certain = form.certain and (form.check != "crc" or checksum_fits(value))
                yield Secret(match.start(group), match.end(group), form.kind, value, certain)


def _is_in_blob(text: str, start: int, end: int) -> bool:
    """Say whether a token's form came about by chance, within a picture or the like in base64."""
    before, after = text[max(0, start - _BLOB) : start], text[end : end + _BLOB]
    left, right = _BLOB_ENDS.search(before), _BLOB_BEGINS.match(after)
    return len(left[0] if left else "") + len(right[0] if right else "") >= _BLOB


def _long_words(text: str) -> str:
    """Return the words that are long enough for a token: few, and much faster to search."""
    spaced = text.encode("utf-8", "replace").translate(_SPACED)
    return b" ".join([word for word in spaced.split() if len(word) >= _TOKEN]).decode("ascii")


_SMALL = 100_000  # characters of a text that is kept with its secrets
_SORTS = ("known", "guessed", "sample", "settings", "remote")
_CALLED_SETTINGS = (".env", "application", "appsettings", "bootstrap")
_LEFT = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"  # in no source by chance
_RIGHT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_LOOSE = tuple((mark, form) for form in FORMATS for mark in form.marks if not form.whole)
_TIGHT = tuple((mark, form) for form in FORMATS for mark in form.marks if form.whole)
_BLOB = 300  # characters of base64 around a token: no address or list of settings is as long
_BLOB_ENDS = kept.expression(r"[A-Za-z0-9+/]{1,300}\Z")
_BLOB_BEGINS = kept.expression(r"[A-Za-z0-9+/]+")
_TOKEN, _END = 20, 4  # an AWS key id, the shortest of all tokens, has 16 characters after AKIA
_ONE_TOKEN = kept.expression(r"[\w.~+/=-]+\Z")
_WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.~+/=:@?&%#-")
_SPACED = bytes(byte if byte in _WORD else 0x20 for byte in range(256))
