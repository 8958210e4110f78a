"""RLMSession: a question, a context of any size, and a root model that works on it in the REPL.

The library's front door (design §10). The gate's audit uses the same loop with prompts of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from rlm_gate.core import Corpus
from rlm_gate.errors import UsageError
from rlm_gate.providers import Provider
from rlm_gate.rlm import prices
from rlm_gate.rlm.answers import Schema
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.callers import Line, named, open_records
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.choices import RLMConfig
from rlm_gate.rlm.pace import Pace
from rlm_gate.rlm.room import Context, Room, Work
from rlm_gate.rlm.trajectory import RLMResult, Tape, Turn
from rlm_gate.routing import route


def on_line(
    line: Line,
    context: Context,
    query: str,
    schema: object = None,
    *,
    variables: Mapping[str, Any] | None = None,
    config: RLMConfig | None = None,
    progress: Callable[[Turn], None] = lambda _turn: None,
) -> RLMResult:
    """Run a session on a line that is already open: its models, budget, cache and journal count.

    ``variables`` (JSON values) stand in the REPL beside the context. Of ``config`` only what no
    line has is heeded: turns, depth, coverage, the sandbox. The usage is the whole line's.
    """
    _check_context(context)
    models = (line.root, line.sub)
    work = Work(
        *(line.caller, line.sub_caller, config or RLMConfig(), models, context, progress),
        *(Tape(line), _described(context), line.limits, variables or {}),
    )
    return Room(work, depth=0).run(query, Schema.of(schema))


class RLMSession:
    """Answer questions about a context through a root model in a sandboxed REPL.

    ``context`` is a str, list or dict (the REPL's ``context``) or a Corpus (the REPL's ``files``).
    ``provider`` is a provider's name or anything that has its ``complete``; None: the models' names
    say theirs.
    """

    def __init__(
        self,
        context: Context,
        provider: str | Provider | None = None,
        config: RLMConfig | None = None,
        *,
        progress: Callable[[Turn], None] = lambda _turn: None,
    ) -> None:
        _check_context(context)
        self.context = context
        self.config = config or RLMConfig()
        self._root, self._sub = _providers(provider, self.config)
        self._progress = progress
        if self.config.coverage not in {"none", "all"}:
            raise UsageError('RLMConfig.coverage is "none" or "all"')
        if self.config.coverage == "all" and not isinstance(context, Corpus):
            raise UsageError('coverage="all" counts lines of files: pass a Corpus as the context')

    def run(self, query: str, schema: object = None) -> RLMResult:
        """Work until the root calls ``done()`` or a limit is met. What was found is kept.

        ``schema`` (a pydantic model class or a JSON Schema) types the answer: it is refused until
        it fits. Raises UsageError for what can't work; a failure on the way is ``success=False``.
        """
        wanted = Schema.of(schema)
        config = self.config
        known = prices.load()
        models = (known.resolve(config.root_model), known.resolve(config.sub_model))
        account = Account(config.budget())
        told: list[str] = []
        with ExitStack() as stack:
            records = open_records(config.cache_dir, config.journal_dir, _name(query, models), told)
            kept = stack.enter_context(records)
            tape = Tape(kept.journal)
            make = partial(Caller, account=account, prices=known, cache=kept.cache, journal=tape)
            pace = Pace(workers=config.parallel_sub_calls)
            root = sub = stack.enter_context(make(self._root, pace=pace))
            if self._sub is not self._root:
                sub = stack.enter_context(make(self._sub, pace=pace))
            described = _described(self.context)
            limits = config.budget()
            work = Work(
                *(root, sub, config, models, self.context, self._progress),
                *(tape, described, limits, {}),
            )
            result = Room(work, depth=0).run(query, wanted)
        return replace(result, notes=tuple(told))

    async def arun(self, query: str, schema: object = None) -> RLMResult:
        """Run in a thread, for asyncio callers: the engine itself works with threads."""
        import asyncio

        return await asyncio.to_thread(self.run, query, schema)


def _name(query: str, models: tuple[str, str]) -> str:
    """Name the session in its journal; not all of its input is in it, for nothing resumes it."""
    return hashlib.sha256(repr((models, query)).encode()).hexdigest()


def _providers(given: str | Provider | None, config: RLMConfig) -> tuple[Provider, Provider]:
    """Return the root's provider and the sub-model's, the same object if it is one."""
    root = route(config.root_model).provider if given is None else given
    sub = route(config.sub_model).provider if given is None else given
    if config.sub_provider is not None:
        sub = config.sub_provider
    opened = _open(root)
    return opened, opened if sub == root else _open(sub)


def _open(provider: str | Provider) -> Provider:
    return named(provider) if isinstance(provider, str) else provider


def _described(context: Context) -> str:
    """Say type and size, the constant-size facts that open every session (arXiv 2512.24601, §2)."""
    if isinstance(context, Corpus):
        sizes = [len(text) for text in context.tree.values()]
        return f"`files` holds {len(sizes):,} files with {sum(sizes):,} characters."
    kind = type(context).__name__
    unit = "characters" if isinstance(context, str) else "items"
    return f"`context` is a {kind} of {len(context):,} {unit}."


def _check_context(context: object) -> None:
    if not isinstance(context, str | list | dict | Corpus):
        kind = type(context).__name__
        raise UsageError(f"the context is a str, a list, a dict or a Corpus, not {kind}")
