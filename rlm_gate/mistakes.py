"""Say what is wrong with one value that a person wrote, and what to do; "" where it is good.

Knows values, not files: where they stand, and what else stands there, is for ``schemas``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence

from rlm_gate import kept, languages

_NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_RULE_ID = kept.expression(rf"{_NAME}/{_NAME}\Z")
_WORD_NAME = kept.expression(r"[a-z][a-z0-9_]*\Z")
_FEW = 40
_ALIKE = 0.65  # of difflib's ratio: "noe" is like "one", and "nope" is not like "ignore"
_PLAIN_NAME = kept.expression(rf"{_NAME}\Z")


def regex(pattern: str) -> str:
    """Check a regular expression that is searched line by line (``re.MULTILINE``)."""
    if flaw := _flaw(pattern):
        return flaw
    everywhere = re.compile(pattern, re.MULTILINE).match("")
    return "this matches everywhere; require at least one character" if everywhere else ""


def word(pattern: str) -> str:
    """Check a part of regular expressions that several of them call by its name."""
    if not pattern:
        return "text is wanted, this is empty"
    if flaw := _flaw(pattern) or _flaw(f"(?:{pattern})"):
        return flaw
    groups = re.compile(pattern).groups
    return "a group here would renumber those around it; write (?:...)" if groups else ""


def word_name(text: str) -> str:
    """Check the name of such a part."""
    return "" if _WORD_NAME.match(text) else f"{text!r} is no name of a word; use a-z, 0-9 and _"


def line(text: str) -> str:
    """Check text that stands on one line."""
    return "" if text.strip() and "\n" not in text.strip() else "one line of text is wanted"


def text(text: str) -> str:
    """Check text of any length."""
    return "" if text.strip() else "text is wanted, this is empty"


def name(text: str) -> str:
    """Check the name of a pack or rule."""
    good = _PLAIN_NAME.match(text)
    return "" if good else f"{text!r} is no name; use a-z, 0-9 and single hyphens: sql-injection"


def rule_id(text: str) -> str:
    """Check the whole id of a rule."""
    good = _RULE_ID.match(text)
    return "" if good else "a rule id is wanted: <pack>/<rule>, of a-z, 0-9 and single hyphens"


def link(text: str) -> str:
    """Check a web address."""
    good = text.startswith(("https://", "http://")) and not re.search(r"\s", text)
    return "" if good else "a link is wanted: https://..."


def language(text: str) -> str:
    """Check a language that a rule or example names."""
    if text in languages.KNOWN:
        return ""
    return f"unknown language {text!r}; {hint(text, languages.KNOWN)}"


def hint(word: str, known: Iterable[str]) -> str:
    """Suggest what was meant, or name all there is; of many the nearest."""
    return _hint(word, sorted(known), "")


def rule_hint(name: str, ids: Iterable[str]) -> str:
    """Suggest which rule was meant. Within a pack only names are alike: it is part of all ids."""
    known = sorted(ids)
    pack, slash, stem = name.partition("/")
    mine = [one.removeprefix(pack + slash) for one in known if one.startswith(pack + slash)]
    return _hint(stem, mine, pack + slash) if slash and mine else _hint(name, known, "")


def near(word: str, known: Iterable[str], *, before: str = "") -> str:
    """Suggest what was meant, ``before`` in front of it; "" where nothing is like it."""
    import difflib

    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=_ALIKE)
    return f"did you mean {before + close[0]!r}?" if close else ""


def expiry(text: str) -> str:
    """Say what is wrong with the last day of a suppression, "" if it is a date."""
    from datetime import date

    try:
        good = date.fromisoformat(text).isoformat() == text
    except ValueError:
        good = False
    return "" if good else f"{text!r} is no date; write it as 2027-01-31"


def _hint(word: str, known: Sequence[str], before: str) -> str:
    import difflib

    if meant := near(word, known, before=before):
        return meant
    few = len(known) <= _FEW
    shown = known if few else difflib.get_close_matches(word, known, n=3, cutoff=0.0)
    named = ", ".join(before + one for one in shown)
    return f"known are {named}" if few else f"the nearest of {len(known)} are {named}"


def _flaw(pattern: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern, re.MULTILINE)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        return f"not a regular expression: {error.msg}{where}"
    except (OverflowError, RecursionError, Warning) as error:
        return f"not a usable regular expression: {error}"
    return ""
