"""Takes the markup around PHP away, so that a grammar without markup can read what is left."""

from __future__ import annotations

import re

_PHP = re.compile(
    r"""(<\?(?:php\b|=|(?=\s)))((?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|/\*.*?\*/"""
    r"""|(?://|\#)(?:(?!\?>)[^\n])*|(?!\?>).)*+)(\?>|\Z)""",
    re.DOTALL,
)

# A view of Blade, without a tag of PHP: what it escapes is left out, as its own words are.
_VIEW = re.compile(r"\s*(?:[<@{]|--)")
_BLADE = re.compile(
    r"(?m)^[ \t]*@(?:extends|section|yield|php|if|foreach|forelse|include|csrf|push|component"
    r"|props)\b|\{\{|\{!!"
)
_RUN = re.compile(
    r"(?P<raw>\{!!)(?P<value>(?:(?!!!\})[^{}])*+)!!\}|@php\b(?!\s*\()(?P<code>(?:(?!@endphp).)*+)@endphp",
    re.DOTALL,
)

ECHO = "!!!"  # stands for <?= where echo has no room: as long as the tag, and nobody writes it


def only_php(text: str) -> str:
    """Return the text with spaces in the place of the markup around PHP's tags.

    The grammar knows no markup. Every character keeps its place; what ``<?=`` prints is echoed.
    """
    if "<?" not in text:
        return _of_blade(text) if _VIEW.match(text) and _BLADE.search(text) else text
    done, end = "", 0
    for piece in _PHP.finditer(text):
        done += _blank(text[end : piece.start(2)])
        if piece[1] == "<?=":
            done = f"{done[:-5]}echo " if done.endswith(" " * 5) else f"{done[:-3]}{ECHO}"
        done += piece[2] + (";" + " " * (len(piece[3]) - 1) if piece[3] else "")
        end = piece.end()
    return done + _blank(text[end:])


def _of_blade(text: str) -> str:
    """Return what a view of Blade runs as it stands: ``@php`` and what ``{!! !!}`` prints."""
    done, end = "", 0
    for piece in _RUN.finditer(text):
        done += _blank(text[end : piece.start()])
        if piece["raw"] is None:
            done += f"    {piece['code']};      "
        elif done.endswith("  "):
            done = f"{done[:-2]}echo {piece['value']};  "
        else:
            done += f"{ECHO}{piece['value']};  "
        end = piece.end()
    return done + _blank(text[end:])


def _blank(markup: str) -> str:
    return re.sub(r"[^\n]", " ", markup)
