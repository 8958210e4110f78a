r"""Take the disguise off a text: look-alikes, invisible characters, encodings, spelling tricks.

Each view keeps the lines of the text, so that what is found in one has a line in the file.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Iterator

from rlm_gate import kept

# Characters that show nothing. Joiners are among them: scripts need them, words of a phrase do not.
_INVISIBLE = kept.expression(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0100-\U000e01ef]"
)
_MARKS = kept.expression("[\u0300-\u036f\u0489\u20d0-\u20f0]")
_TAG = kept.expression("[\U000e0020-\U000e007e]")
_TAG_END = "\U000e007f"
# Letters of other alphabets that look like Latin ones (Unicode TR 39, the common part).
_LOOKS_LIKE = str.maketrans(
    "абсԁеԍһіјӏкмпорԛгѕтиѵѡхуαβγδεηικνορτυχωɑɡıℓոսօցвнзь",
    "abcdeghijlkmnopqrstuvwxyabydenikvoptuxwagilnuogbheb",
)
_ALIKE = kept.expression(f"[{''.join(map(chr, _LOOKS_LIKE))}]")
_LEET = bytes.maketrans(b"013457@$!|", b"oieastasil")
_LEET_WORDS = ("ignore", "instruction", "previous", "approve", "reviewer", "finding", "disregard")
_LEET_BYTES = tuple(word.encode() for word in _LEET_WORDS)
_ROT13_WORDS = tuple(codecs.encode(word, "rot13") for word in _LEET_WORDS)
_REVERSED_WORDS = tuple(word[::-1] for word in _LEET_WORDS)

_LATIN_RUN = bytes(ord("a") if chr(code).isalnum() and code < 128 else 32 for code in range(256))
_LONG = 22
_BLOB = kept.expression(r"(?<![\w+/-])[\w+/-]{22,}={0,2}", re.ASCII)
_MOST = 65_536  # characters of one encoded text that are looked at
_SPACED = kept.expression(r"(?<![a-z])(?:[a-z][ ._*\-]{1,3}){8,}[a-z](?![a-z])")
_WIDE_GAP = kept.expression(r"[ ._*\-]{2,}")
_LEAST_WORDS = 0.85
_OF_WORDS = bytes(code for code in range(128) if chr(code).isalpha() or code in b" ,.'\n:")

_ESCAPES = (
    ("\\x", kept.expression(r"\\x([0-9a-f]{2})"), 16),
    ("\\u", kept.expression(r"\\u([0-9a-f]{4})"), 16),
    ("&#x", kept.expression(r"&#x([0-9a-f]{2});"), 16),
    ("&#", kept.expression(r"&#(\d{2,3});"), 10),
    ("%", kept.expression(r"%([0-9a-f]{2})"), 16),
)
_MANY_ESCAPES = 6


def views(text: str) -> Iterator[str]:
    """Yield the text in lower case as it is, then undressed in each way that changes its words.

    All have the lines of ``text``, whose only line ends are single newlines.
    """
    lowered = text.lower()
    yield lowered
    if not text.isascii():
        folded = _folded_text(text, lowered)
        if folded != lowered:
            yield folded
        if not folded.isascii() and _ALIKE.search(folded):
            yield folded.translate(_LOOKS_LIKE)
        lowered = folded
    for way in (_leet, _rot13, _backwards, _spaced, _escaped, _encoded):
        yield from way(text, lowered)


def name_words(path: str) -> str:
    """Return a path with its words apart: ``IgnoreAll_files.md`` says "ignore all files md"."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", path)
    return re.sub(r"[\n\r_/.-]", " ", apart)


def _folded_text(text: str, lowered: str) -> str:
    """Fold the lines that are not of plain letters, all at once: no normal form joins two lines."""
    lines = lowered.split("\n")
    odd = [(at, one) for at, one in enumerate(text.split("\n")) if not one.isascii()]
    normal = _normal("\n".join(one for _, one in odd)).split("\n")
    folded = normal if len(normal) == len(odd) else [_folded(one) for _, one in odd]
    for (at, _), line in zip(odd, folded, strict=True):
        lines[at] = line.replace("\r", " ")
    return "\n".join(lines)


def _folded(line: str) -> str:
    if line.isascii():
        return line.lower()
    return _normal(line).replace("\n", " ").replace("\r", " ")


def _normal(text: str) -> str:
    from unicodedata import normalize

    shown = _INVISIBLE.sub("", text.replace(_TAG_END, ""))
    shown = _TAG.sub(lambda match: chr(ord(match[0]) - 0xE0000), shown)
    return normalize("NFKC", _MARKS.sub("", normalize("NFKD", shown))).lower()


def _by_line(text: str, change: Callable[[str], str]) -> str:
    return "\n".join(change(line) for line in text.split("\n"))


def _leet(_text: str, lowered: str) -> Iterator[str]:
    raw = lowered.encode("utf-8", "surrogatepass")
    spelled = raw.translate(_LEET)
    spelt = (word for word in _LEET_BYTES if word in spelled)
    if any(spelled.count(word) > raw.count(word) for word in spelt):
        yield spelled.decode("utf-8", "surrogatepass")


def _rot13(_text: str, lowered: str) -> Iterator[str]:
    if any(word in lowered for word in _ROT13_WORDS):
        yield codecs.encode(lowered, "rot13")


def _backwards(_text: str, lowered: str) -> Iterator[str]:
    if any(word in lowered for word in _REVERSED_WORDS):
        yield _by_line(lowered, lambda line: line[::-1])


def _spaced(_text: str, lowered: str) -> Iterator[str]:
    """Join letters that stand one by one; two blanks or more are the blank between words."""
    letters = lowered.encode("latin-1", "replace").translate(_LATIN_RUN)
    if b" a a a a a" in letters:
        yield _by_line(lowered, lambda line: _SPACED.sub(_joined, line))


def _joined(match: re.Match[str]) -> str:
    words = _WIDE_GAP.split(match[0])
    return " ".join(re.sub(r"[ ._*\-]", "", word) for word in words)


def _escaped(_text: str, lowered: str) -> Iterator[str]:
    for mark, shape, base in _ESCAPES:
        if lowered.count(mark) >= _MANY_ESCAPES:
            yield "\n".join(
                _unescaped(line, shape, base) if mark in line else ""
                for line in lowered.split("\n")
            )


def _unescaped(line: str, shape: re.Pattern[str], base: int) -> str:
    plain = shape.sub(lambda match: chr(int(match[1], base)), line)
    return _folded(plain.replace("\n", " "))


def _encoded(text: str, _lowered: str) -> Iterator[str]:
    """Yield what stands in base64 or in hexadecimal digits, each on the line of its blob."""
    if b"a" * _LONG not in text.encode("latin-1", "replace").translate(_LATIN_RUN):
        return
    said = [(blob.start(), one) for blob in _BLOB.finditer(text) for one in _decoded(blob[0])]
    if not any(one for _, one in said):
        return
    lines: dict[int, list[str]] = {}
    for at, one in said:
        lines.setdefault(text.count("\n", 0, at), []).append(one)
    yield "\n".join(" ".join(lines.get(at, ())) for at in range(text.count("\n") + 1))


def _decoded(blob: str) -> Iterator[str]:
    for said in (_base64(blob[:_MOST]), _hex(blob[:_MOST])):
        if _is_prose(said):
            yield " ".join(said.decode("ascii").lower().split())


def _base64(blob: str) -> bytes:
    standard = blob.rstrip("=").replace("-", "+").replace("_", "/")
    whole = standard[: len(standard) - (len(standard) % 4 == 1)]
    return _without_error(base64.b64decode, whole + "=" * (-len(whole) % 4))


def _hex(blob: str) -> bytes:
    return _without_error(bytes.fromhex, blob.removeprefix("0x"))


def _without_error(decode: Callable[[str], bytes], blob: str) -> bytes:
    try:
        return decode(blob)
    except (ValueError, binascii.Error):
        return b""


def _is_prose(said: bytes) -> bool:
    """Say whether the bytes are words: letters and blanks, nearly all of them."""
    if len(said) < _LONG // 2 or not said.isascii():
        return False
    return len(said) - len(said.translate(None, _OF_WORDS)) >= _LEAST_WORDS * len(said)
