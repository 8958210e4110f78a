"""Turn the bytes of a file into text: byte order marks, UTF-8, PEP 263, else Latin-1.

Nothing is guessed from statistics: what these rules can't tell is Latin-1, and says so.
"""

from __future__ import annotations

import codecs
import re
import warnings
from typing import Final, NamedTuple

HEAD: Final = 8000
"""How far into a file git, and so we, look for a NUL byte."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF32_LE, "UTF-32-LE"),  # before UTF-16-LE, whose mark is how this one begins
    (codecs.BOM_UTF32_BE, "UTF-32-BE"),
    (codecs.BOM_UTF16_LE, "UTF-16-LE"),
    (codecs.BOM_UTF16_BE, "UTF-16-BE"),
)
_UTF16_NULS: Final = 0.4
"""Of text in UTF-16 without a mark about half the bytes are NUL, and all of it may be UTF-8."""
_COOKIE: Final = rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)"  # PEP 263
_COMMENT: Final = rb"[ \t\f]*(?:#.*)?"


class Decoded(NamedTuple):
    """The text, how it was read, and whether its lines are those of the bytes.

    Where they are not (UTF-16, or a codec that makes line feeds of something else), line numbers
    that git counted in the bytes mean nothing in the text.
    """

    text: str
    encoding: str = "UTF-8"
    same_lines: bool = True

    @property
    def note(self) -> str:
        """What a report should say about it, "" for UTF-8."""
        return "" if self.encoding == "UTF-8" else f"read as {self.encoding}"


def decode(content: bytes, language: str = "text") -> Decoded | None:
    """Return the text, None for a binary file."""
    marked = _by_mark(content)
    if marked:
        return marked
    if _has_nul(content[:HEAD], language):
        return None
    declared = _by_cookie(content) if language == "python" else None
    return declared or _plain(content)


def decode_part(content: bytes, encoding: str) -> str:
    """Return some lines of a file whose encoding is known from other lines, else Latin-1."""
    text = _strict(content, encoding)
    return content.decode("latin-1") if text is None else text


def is_binary(head: bytes, language: str = "text") -> bool:
    """Say whether a file that begins so is binary; ``decode`` knows better if it has all of it.

    NUL bytes in what its name calls source code do not make it binary while it is UTF-8: JavaScript
    and shells run with NULs in a comment, and nobody would look at the rest.
    """
    return not head.startswith(tuple(mark for mark, _ in _MARKS)) and _has_nul(head, language)


def _has_nul(head: bytes, language: str) -> bool:
    nuls = head.count(0)
    many = nuls > len(head) * _UTF16_NULS or not _begins_as_utf8(head)
    return nuls > 0 and (language == "text" or many)


def _begins_as_utf8(head: bytes) -> bool:
    """Say whether the bytes are UTF-8 as far as they go: a character may be cut at the end."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeError:
        return False
    return True


def _by_mark(content: bytes) -> Decoded | None:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            text = _strict(content[len(mark) :], encoding)
            if text is not None:
                return Decoded(text, encoding, same_lines=encoding == "UTF-8")
    return None


def _plain(content: bytes) -> Decoded | None:
    text = _strict(content, "UTF-8")
    if text is not None:
        return Decoded(text)
    if b"\0" in content[:HEAD]:
        return None
    return Decoded(content.decode("latin-1"), "Latin-1")


def _by_cookie(content: bytes) -> Decoded | None:
    encoding = _declared(content)
    if not encoding:
        return None
    with warnings.catch_warnings():  # unicode_escape warns of escapes it does not know
        warnings.simplefilter("ignore")
        text = _strict(content, encoding)
        lines = [_strict(line, encoding) for line in content.split(b"\n")]
    if text is None or text == _strict(content, "UTF-8"):
        return None
    return Decoded(text, encoding, text.split("\n") == lines)


def _declared(content: bytes) -> str:
    """Return the encoding in the first two lines of a Python file, "" for none or UTF-8."""
    first, _, rest = content[: _second_end(content)].partition(b"\n")
    found = re.match(_COOKIE, first)
    if not found and re.fullmatch(_COMMENT, first.rstrip(b"\r")):
        found = re.match(_COOKIE, rest)
    name = found[1].decode() if found else ""
    return "" if name.lower().replace("_", "-") in {"utf-8", "utf8"} else name


def _second_end(content: bytes) -> int:
    first = content.find(b"\n")
    second = content.find(b"\n", first + 1)
    return len(content) if first < 0 or second < 0 else second


def _strict(content: bytes, encoding: str) -> str | None:
    """Decode, or return None. Lone surrogates, which some codecs give, become "?"."""
    try:
        text = content.decode(encoding)
    except (UnicodeError, LookupError):
        return None
    if encoding in {"UTF-8", "latin-1"}:
        return text
    return text.encode(errors="replace").decode()
