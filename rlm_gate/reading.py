"""Turn one path of a selection into a judged file, or into a Skip that says why it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Final

from rlm_gate import conventions, lines
from rlm_gate.core import Removed, Skip, SourceFile, hashes
from rlm_gate.core.records import dataclass
from rlm_gate.decoding import Decoded, is_binary
from rlm_gate.languages import language_of
from rlm_gate.lines import Judged
from rlm_gate.listings import Entry
from rlm_gate.objects import Content
from rlm_gate.patches import Change
from rlm_gate.sources import Source, Texts, understand

_STATUS: Final = {"A": "added", "R": "renamed", "T": "added"}
_BINARY: Final = "binary"
_LFS: Final = "Git LFS: the content is not in the repository"
_MISSING: Final = "its content is not there to be read"
_FROM_TYPESCRIPT: Final = "generated, compiled from the TypeScript beside it"
_TOO_LARGE: Final = "text over 1 MiB"
UNREADABLE: Final = (
    *(_BINARY, _LFS, _MISSING, _TOO_LARGE),
    *("symbolic link", "submodule", "not a regular file"),
)
"""How the reasons begin for which a path can't be judged, whatever the configuration says."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the paths of one selection are read. ``whole`` scopes judge every line of a file.

    In a diff nothing that its author wrote into a file can take that file out of the gate.
    ``on_disk``: what is judged is the work tree's. Git names the content of a file that was renamed
    there by an id that no object has.
    """

    source: Source
    texts: Texts
    whole: bool
    excluded: re.Pattern[str] | None = None
    no_ignores: bool = False
    attributes: Mapping[str, Mapping[str, str]] | None = None
    on_disk: bool = False

    def entry(self, entry: Entry) -> SourceFile | Skip | None:
        """Return the whole file; None for one that was deleted from the work tree."""
        return self._file(entry, None)

    def change(self, change: Change) -> list[SourceFile | Skip]:
        """Return what a change leaves to judge: a file, a removed one, or both of a link."""
        if change.letter == "U":
            return [_skip(change.path, "unmerged: resolve the conflict first", blocking=True)]
        outcomes: list[SourceFile | Skip | None] = []
        if not change.new.is_file:
            outcomes.append(self._removed(change))
        if change.letter != "D":
            oid = change.new.oid if change.new.is_stored and not self.on_disk else ""
            outcomes.append(self._file(Entry(change.path, change.new.mode, oid), change))
        return [outcome for outcome in outcomes if outcome]

    def _file(self, entry: Entry, change: Change | None) -> SourceFile | Skip | None:
        why = entry.special or self._left_out(entry.path)
        if not why and change and not entry.oid:
            why = self._kept_by_lfs(entry.path)
        if why:
            return _skip(entry.path, why)
        try:
            content = self.source.read(entry)
        except OSError as error:
            return _skip(entry.path, f"can't be read: {error.strerror}", blocking=True)
        if content is None:
            gone = not change and not entry.oid
            return None if gone else _skip(entry.path, _MISSING, blocking=True)
        if content.special or not content.is_whole:
            return self._no_content(entry, content)
        return self._text(entry, change, content.data)

    def compiled(self, file: SourceFile, beside: Mapping[str, SourceFile]) -> Skip | None:
        """Return why a script needs no judging whose TypeScript is judged, None if it does."""
        if self.no_ignores or not self.whole or file.language != "javascript":
            return None
        sources = (beside.get(one) for one in conventions.sources_of(file.path))
        source = next((one for one in sources if one), None)
        if not source or conventions.by_attributes(self._attributes(file.path)) is not None:
            return None
        made = conventions.is_compiled(file.read(), source.read())
        return _skip(file.path, _FROM_TYPESCRIPT) if made else None

    def _no_content(self, entry: Entry, content: Content) -> Skip:
        if content.special:
            return _skip(entry.path, content.special)
        if is_binary(content.data, language_of(entry.path)):
            return self._binary(entry.path)
        return _skip(entry.path, _TOO_LARGE, blocking=not self.whole)

    def _binary(self, path: str) -> Skip:
        """Leave a binary file out; in a change, one that is named like code must be looked at."""
        code = language_of(path) != "text"
        why = f"{_BINARY}, though its name says {language_of(path)}" if code else _BINARY
        return _skip(path, why, blocking=code and not self.whole)

    def _text(self, entry: Entry, change: Change | None, data: bytes) -> SourceFile | Skip:
        path = entry.path
        language, decoded = understand(path, data)
        if not decoded:
            return self._binary(path)
        if conventions.is_lfs_pointer(data):
            return _skip(path, _LFS)
        left_out = self._left_out_by_content(path, language, decoded.text)
        if left_out:
            return _skip(path, left_out)
        self.texts.keep(path, decoded.text)
        judged, note = self._judged(path, language, decoded, change)
        sha256 = hashes.sha256(data).hexdigest()
        return SourceFile(
            path=path,
            status=_STATUS.get(change.letter, "modified") if change else "whole",
            language=language,
            changed=judged.changed,
            removed=judged.removed,
            line_count=lines.count_lines(decoded.text),
            sha256=sha256,
            read=partial(self.texts.judged, entry, sha256),
            old_path=change.old_path if change else None,
            notes=tuple(one for one in (decoded.note, note) if one),
        )

    def _judged(
        self, path: str, language: str, decoded: Decoded, change: Change | None
    ) -> tuple[Judged, str]:
        """Return the judged lines, and a note where they are more than what changed."""
        every = Judged(lines.whole(path, decoded.text))
        if not change or change.letter in "AT":
            return every, ""
        if change.old_path and not self._judged_alike(change.old_path, language, decoded.text):
            return every, f"every line is judged: it was not as {change.old_path}"
        if change.binary or not decoded.same_lines:
            every = lines.by_comparison(path, decoded.text, self._old_text(change))
            return every, "every line is judged: git can't compare it line by line"
        judged = lines.by_hunks(path, decoded, change.hunks)
        return (judged, "") if judged else (every, "every line is judged: it changed meanwhile")

    def _judged_alike(self, old_path: str, language: str, text: str) -> bool:
        """Say whether a renamed file was in the gate's eyes what it is now."""
        same = language_of(old_path, text.partition("\n")[0]) == language
        return same and not self._left_out(old_path)

    def _removed(self, change: Change) -> SourceFile | Skip | None:
        """Return the deleted file, to be judged by what its text was."""
        path, entry = change.path, Entry(change.path, change.old.mode, change.old.oid)
        if not change.old.is_file:
            return _skip(path, entry.special) if entry.special and change.letter == "D" else None
        content = self.source.read(entry) if change.binary else _shown(change)
        why = self._left_out(path) or _unjudgeable(path, content)
        if why or not content:
            return _skip(path, why or _MISSING, blocking=not why)
        language, decoded = understand(path, content.data)
        if not decoded or conventions.is_lfs_pointer(content.data):
            return _skip(path, _LFS if decoded else _BINARY)
        return SourceFile(
            path=path,
            status="deleted",
            language=language,
            changed=(),
            removed=(Removed(0, decoded.text),) if decoded.text else (),
            line_count=0,
            sha256="",
            read=str,
            notes=(decoded.note,) if decoded.note else (),
        )

    def _old_text(self, change: Change) -> str:
        path = change.old_path or change.path
        content = self.source.read(Entry(path, oid=change.old.oid))
        decoded = understand(path, content.data)[1] if content and content.is_whole else None
        return decoded.text if decoded else ""

    def _left_out(self, path: str) -> str:
        """Return why a path is nobody's own work, "" if it is to be judged."""
        if self.no_ignores:
            return ""
        if self.excluded and self.excluded.match(path):
            return "excluded by the configuration"
        stated = conventions.by_attributes(self._attributes(path))
        if stated is not None:
            return f"{stated}, by .gitattributes" if stated else ""
        kind = conventions.by_path(path)
        return f"{kind}, by its path" if kind else ""

    def _kept_by_lfs(self, path: str) -> str:
        """Tell a file whose pointer git would compare, were its filter not turned off."""
        return _LFS if self._attributes(path).get("filter") == "lfs" else ""

    def _left_out_by_content(self, path: str, language: str, text: str) -> str:
        if self.no_ignores or not self.whole:
            return ""
        if conventions.by_attributes(self._attributes(path)) is not None:
            return ""
        kind = conventions.by_content(text, language, path)
        return f"{kind}, by its content" if kind else ""

    def _attributes(self, path: str) -> Mapping[str, str]:
        return (self.attributes or {}).get(path, {})


def _shown(change: Change) -> Content:
    """Return what a diff that removes a whole file shows of it."""
    data = b"".join(hunk.removed for hunk in change.hunks)
    return Content(len(data), data)


def _unjudgeable(path: str, content: Content | None) -> str:
    if not content or content.is_whole:
        return ""
    return _BINARY if is_binary(content.data, language_of(path)) else f"{_TOO_LARGE}, deleted"


def _skip(path: str, why: str, *, blocking: bool = False) -> Skip:
    return Skip(path, why, blocking, path)
