"""Text from files and models, made safe to show: nothing hidden, reordering or commanding.

Knows no format: each report escapes on top of this what its own format needs.
"""

from __future__ import annotations

import re

from rlm_gate.core import display_path

# What a reader must not meet as itself: controls, line separators, lone surrogates, the two
# non-characters XML refuses, text-direction overrides and invisible characters that can hide
# instructions. The joiners U+200C and U+200D stay: scripts and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)

LINK = re.compile(r"https://[!-~]+")
"""A link that a report may carry on: nothing but https, in ASCII alone."""

_LINE_COMMAND = re.compile(r"(?m)^(\s*):(?=:)")
_COMMAND = re.compile(r"##(\w*)\[")
_LEADING = re.compile(r"\A((?:\s|\x1b\[[0-9;]*m)*)::")


def plain(text: str) -> str:
    r"""Return the text with hidden characters as ``\x1b`` or ``\u202e``; \n and \t stay."""
    return _HIDDEN.sub(_visible, text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 0) -> str:
    """Return the text as one line, white space collapsed, cut at ``limit`` characters."""
    return clip(" ".join(plain(text).split()), limit)


def shown_path(path: str) -> str:
    """Return the path for people; what stands in it can neither hide nor start a new line."""
    return plain(display_path(path)).replace("\t", "\\x09")


def clip(text: str, limit: int) -> str:
    """Cut the text at ``limit`` characters, an ellipsis the last of them. 0: no limit."""
    return text if not limit or len(text) <= limit else text[: limit - 1] + "…"


def disarm(line: str) -> str:
    """Return the line so that no CI runner takes it for a command.

    GitHub's runner obeys ``::name::`` after leading white space and ``##[name]`` anywhere
    (actions/runner, ActionCommand.cs); Azure has ``##vso[name]``, TeamCity ``##teamcity[name]``.
    """
    return disarm_inside(_LEADING.sub(r"\1\\::", line))


def disarm_inside(text: str) -> str:
    """Return the text without the commands that runners obey anywhere in a line."""
    return _COMMAND.sub(r"##\1\\[", text)


def disarm_json(text: str) -> str:
    """Return the same JSON value, a runner's commands in its strings spelled another way."""
    return _COMMAND.sub(r"##\1\\u005b", text)


def disarm_xml(text: str) -> str:
    """Return the same XML content, a runner's commands in it spelled another way."""
    return _LINE_COMMAND.sub(r"\1&#58;", _COMMAND.sub(r"##\1&#91;", text))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
