"""Fill in the words that a rule names once and its expressions use: ``(?&people)``.

PCRE calls a named part by this name; neither Python's ``re`` nor Rust's ``regex`` knows the form,
so no expression means anything else by it. Engines, caches and reports see the filled in text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rlm_gate import kept, mistakes, wording
from rlm_gate.errors import Problem
from rlm_gate.yamlmarks import MAX_BYTES, Document, Loc

_CALL = kept.expression(r"\\.|\(\?&(?P<name>\w*)\)")
_USERS = ("detect", "prefilter", "fix")
_NO_EXPRESSIONS = frozenset({"rewrite", "what"})


def filled(document: Document) -> Document:
    """Return the document with ``words`` filled in; names nobody knows or uses are problems.

    A word takes no other word, so the text grows by one word a call; what would be larger than a
    file may be is refused.
    """
    data = document.data
    if not isinstance(data, dict):
        return document
    section = data.get("words")
    given = section if isinstance(section, Mapping) else {}
    filling = _Filling(document, given)
    whole = {
        key: filling.fill(value, (key,)) if key in _USERS else value for key, value in data.items()
    }
    for name in sorted(given.keys() - filling.used):
        filling.refuse(("words", name), f"nothing calls (?&{name}); call it or leave it out")
    return replace(document, data=whole, problems=(*document.problems, *sorted(filling.problems)))


@dataclass(slots=True)
class _Filling:
    """The way through one document: what was used so far, what was wrong, and how much may come.

    Of a wrong word ``schemas`` tells; a letter stands in for it, so that no engine does too.
    """

    document: Document
    given: Mapping[str, Any]
    room: int = MAX_BYTES
    used: set[str] = field(default_factory=set)
    problems: set[Problem] = field(default_factory=set)

    def fill(self, value: Any, loc: Loc) -> Any:
        """Return plain data with the words in its texts; rewrites and what they do are prose."""
        if isinstance(value, dict):
            return {
                key: one if key in _NO_EXPRESSIONS else self.fill(one, (*loc, key))
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [self.fill(one, (*loc, index)) for index, one in enumerate(value)]
        if isinstance(value, str) and "(?&" in value:
            return _CALL.sub(lambda call: self._word(call["name"], call[0], loc), value)
        return value

    def _word(self, name: str | None, text: str, loc: Loc) -> str:
        if name is None:  # an escaped character
            return text
        if name not in self.given:
            remedy = f"; {mistakes.hint(name, self.given)}" if self.given else "; give it there"
            self.refuse(loc, f"'words' has no {name!r}{remedy}")
        self.used.add(name)
        word = self.given.get(name)
        filling = word if isinstance(word, str) and not mistakes.word(word) else "x"
        self.room -= len(filling)
        if self.room < 0:
            self.refuse(loc, f"with its words this is larger than {MAX_BYTES >> 10} KiB")
            return text
        return f"(?:{filling})"

    def refuse(self, loc: Loc, text: str) -> None:
        """Note a mistake and go on."""
        self.problems.add(self.document.problem(loc, f"{wording.dotted(loc)}{text}"))
