"""A rule as its pack defines it, validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlm_gate.core.levels import Confidence, Severity
from rlm_gate.core.records import dataclass


@dataclass(frozen=True, slots=True)
class Detect:
    """One entry of a rule's ``detect:``: an engine by file name, and the options it checked."""

    engine: str
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """The question only a model can judge. ``over``: chunk (map) or corpus (root loop)."""

    over: str
    question: str


@dataclass(frozen=True, slots=True)
class Help:
    """What a report tells the author: why it matters, how to mend it, where to read on."""

    why: str
    fix: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewrite:
    r"""One entry of a rule's ``fix:``. What the engine's ``options`` match becomes ``text``.

    ``text`` has ast-grep's variables ($A, $$$REST) or, for the engine regex, groups (\1). ``safe``
    says that the meaning stays; ``what`` is the fix in a few words.
    """

    engine: str
    options: Mapping[str, Any]
    text: str
    safe: bool
    what: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A validated rule. ``id`` is ``<pack>/<stem>``, stable for ever; see docs/rules.md.

    ``languages`` is ``("any",)`` for every text file. ``include`` and ``exclude`` are regular
    expressions over the path, compiled from the pack's gitignore-style globs. ``prefilter`` are
    regular expressions, any of which must match for the rule to apply to a file. ``supporting`` is
    the severity in code that only developers run or read, None where it is the same. ``yields_to``
    are rules that say the same and more: where one of them speaks, this one's word goes to it.
    """

    id: str
    title: str
    severity: Severity
    precision: Confidence
    languages: tuple[str, ...]
    message: str
    help: Help
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    yields_to: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    detect: tuple[Detect, ...] = ()
    prefilter: tuple[str, ...] = ()
    ask: Ask | None = None
    verify: str = "none"
    enabled: bool = True
    fix: tuple[Rewrite, ...] = ()
    supporting: Severity | None = None

    @property
    def pack(self) -> str:
        """The pack's name: the part before the slash."""
        return self.id.partition("/")[0]


@dataclass(frozen=True, slots=True)
class RulePack:
    """A folder of rules. ``version`` is a hash of the content of its files."""

    name: str
    version: str
    rules: tuple[Rule, ...]
