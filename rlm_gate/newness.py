"""Tell the suppressions that a change adds, or puts code under, from others; say if they count.

What a change accepts of itself must not go unseen: each is named before anything else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from rlm_gate.config import BASELINE_FILE, SUPPRESSIONS_FILE, Settings
from rlm_gate.core import Acceptance, Corpus, Notice, Span, Suppression, display_path
from rlm_gate.core.records import dataclass
from rlm_gate.errors import ConfigError

Reader = Callable[[Mapping[str, bytes]], tuple[Suppression, ...]]
"""Understands the files that accept findings, given by their paths. Raises ConfigError."""

_FILES = (SUPPRESSIONS_FILE, BASELINE_FILE)
_NOWHERE = Span("", 0, 0)
_MOST = 50  # named one by one


@dataclass(frozen=True, slots=True)
class Accepting:
    """What is accepted, the new ones marked, the sentences to say first, and what is malformed."""

    suppressions: tuple[Suppression, ...]
    preface: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()


def settle(
    comments: Sequence[Suppression],
    settings: Settings,
    corpus: Corpus,
    read: Reader,
    before: Callable[[], Mapping[str, bytes]],
) -> Accepting:
    """Return everything that is accepted, new suppressions refused unless they may count.

    ``before`` reads the files that accept findings at the commit the change grew from. The files
    of the policy's own commit are there already; the judged ones are read beside them.
    """
    if corpus.scope.whole:
        return Accepting((*comments, *read(settings.accepted)))
    why, refused = _ruling(settings)
    marked = [_marked(one, refused) if _is_new(one, corpus) else one for one in comments]
    entries, trouble = _entries(settings, read, before if refused else None)
    marked += [_marked(one, refused) if one.new else one for one in entries]
    return Accepting(tuple(marked), (*trouble, *_preface(marked, why, corpus)))


def _ruling(settings: Settings) -> tuple[str, str]:
    """Return why new suppressions count, or else why they don't."""
    rule = settings.accepting.new or settings.accept_new_unsaid
    if rule == "deny":
        return "", "the policy lets no change accept its own findings (suppressions.new: deny)"
    if rule == "allow":
        return "suppressions.new is allow", ""
    if settings.accept_new:
        return settings.accept_new, ""
    return "", (
        "the change under judgement adds it, or the code it covers; the label rlm-gate/accepted on"
        " the pull request, or --accept-new-suppressions elsewhere, lets it count"
    )


def _marked(written: Suppression, refused: str) -> Suppression:
    return replace(written, new=True, refused=written.refused or refused)


def _is_new(comment: Suppression, corpus: Corpus) -> bool:
    """Say whether the change adds the comment, or edits the code it speaks of.

    Who accepted the old code has not seen the new; a baseline entry doesn't match it either.
    """
    return _is_added(comment, corpus) or _is_over_an_edit(comment, corpus)


def _is_over_an_edit(comment: Suppression, corpus: Corpus) -> bool:
    file, target = corpus.file(comment.place.path), comment.target
    return bool(file and target and file.touched(target.start, target.end))


def _is_added(comment: Suppression, corpus: Corpus) -> bool:
    file = corpus.file(comment.place.path)
    return file is not None and any(span.overlaps(comment.place) for span in file.changed)


def _entries(
    settings: Settings, read: Reader, before: Callable[[], Mapping[str, bytes]] | None
) -> tuple[list[Suppression], list[str]]:
    """Return the entries of the files, new ones marked, and what of the change can't be read."""
    origin = settings.origin
    if not origin.commit:
        known = read(before()) if before and settings.accepted else None
        return list(_compared(read(settings.accepted), known)), []
    old = () if origin.remark else read(settings.accepted)
    head = {name: origin.head[name] for name in _FILES if origin.head.get(name)}
    try:
        new = read(head)
    except ConfigError as error:
        return list(old), [f"Of this change, no accepted findings count: {error}"]
    return [*old, *(one for one in _compared(new, old) if one.new)], []


def _compared(
    entries: Sequence[Suppression], known: Sequence[Suppression] | None
) -> Iterator[Suppression]:
    """Yield the entries, those marked that are not among the known ones, one for one."""
    left = Counter(replace(one, place=_NOWHERE) for one in known or ())
    for entry in entries:
        key = replace(entry, place=_NOWHERE)
        left[key] -= 1
        yield replace(entry, new=known is not None and left[key] < 0)


def _preface(marked: Sequence[Suppression], why: str, corpus: Corpus) -> Iterator[str]:
    new = [one for one in marked if one.new]
    for one in [one for one in new if one.kind is not Acceptance.BASELINE][:_MOST]:
        place = f"{display_path(one.place.path)}:{one.place.start}"
        reason = f" -- {one.reason}" if one.reason else ""
        said = f"does not count: {one.refused}" if one.refused else f"counts: {why}"
        old = one.kind is Acceptance.COMMENT and not _is_added(one, corpus)
        what = "Suppression of code that this change edits" if old else "New suppression"
        yield f"{what}, {place} [{', '.join(one.rules)}]{reason}: {said}."
    baselined = [one for one in new if one.kind is Acceptance.BASELINE]
    if baselined:
        said = f"don't count: {baselined[0].refused}" if baselined[0].refused else f"count: {why}"
        yield f"New entries in {BASELINE_FILE}: {len(baselined):,}. They {said}."
    rest = len(new) - len(baselined) - _MOST
    if rest > 0:
        yield f"And {rest:,} more new suppressions."
