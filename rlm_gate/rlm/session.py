"""RLMSession: a question, a context of any size, and a root model that works on it in the REPL.

The library's front door (design §10). The gate's audit uses the same loop with prompts of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rlm_gate.core import Budget, Corpus, Origin, Span
from rlm_gate.errors import BudgetExceeded, EngineError, UsageError
from rlm_gate.providers import Message, ModelRequest, Provider
from rlm_gate.rlm import prices
from rlm_gate.rlm.answers import Schema
from rlm_gate.rlm.budget import Account
from rlm_gate.rlm.callers import Line, named, open_records, remaining
from rlm_gate.rlm.calls import WORKERS, Caller, Pace
from rlm_gate.rlm.loop import Delivery, LoopEnd, Step, cell_event, run_loop
from rlm_gate.rlm.masking import Masked
from rlm_gate.rlm.prompting import prompt
from rlm_gate.rlm.repl import CodeError, Repl
from rlm_gate.rlm.tools import AnyRule, Reporter, SubCalls, outline_of
from rlm_gate.rlm.trajectory import Branch, RLMResult, SubCall, Tape, Turn
from rlm_gate.routing import route

Context = str | list[Any] | dict[str, Any] | Corpus


@dataclass(frozen=True, slots=True)
class RLMConfig:
    """Models and limits of a session. None is no limit; seconds, tokens and counts otherwise.

    ``sub_provider`` is a provider or its name, None for the session's. ``max_depth`` is how deep
    ``rlm_query`` may nest. ``coverage`` "all" refuses an answer while a line of a Corpus was passed
    to no sub-call. A model without a known price is fine unless ``max_usd`` is set. ``cache_dir``
    keeps replies for later sessions, ``journal_dir`` a record of each session; None: neither.
    """

    root_model: str = "sonnet"
    sub_model: str = "haiku"
    sub_provider: str | Provider | None = None
    max_iterations: int = 20
    max_sub_calls: int = 100
    max_usd: float | None = None
    max_tokens: int | None = None
    deadline: float | None = None
    cell_timeout: float = 10.0
    max_depth: int = 1
    coverage: str = "none"
    root_max_tokens: int = 8192
    allow_reduced_sandbox: bool = False
    cache_dir: Path | None = None
    journal_dir: Path | None = None
    parallel_sub_calls: int = WORKERS  # most model calls at once; 1: one after the other

    def budget(self) -> Budget:
        """Return the limits as the account keeps them."""
        return Budget(
            usd=self.max_usd,
            max_calls=self.max_sub_calls,
            max_tokens=self.max_tokens,
            max_turns=self.max_iterations,
            deadline=self.deadline if self.deadline is not None else float("inf"),
            cell_timeout=self.cell_timeout,
            user_usd=self.max_usd is not None,
        )


@dataclass(slots=True)
class _Work:
    """What a session and the sessions nested in it share."""

    root: Caller
    sub: Caller
    config: RLMConfig
    models: tuple[str, str]
    context: Context
    progress: Callable[[Turn], None]
    tape: Tape
    described: str
    limits: Budget
    variables: Mapping[str, Any]


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
    work = _Work(
        *(line.caller, line.sub_caller, config or RLMConfig(), models, context, progress),
        *(Tape(line), _described(context), line.limits, variables or {}),
    )
    return _Room(work, depth=0).run(query, Schema.of(schema))


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
            work = _Work(
                *(root, sub, config, models, self.context, self._progress),
                *(tape, described, limits, {}),
            )
            result = _Room(work, depth=0).run(query, wanted)
        return replace(result, notes=tuple(told))

    async def arun(self, query: str, schema: object = None) -> RLMResult:
        """Run in a thread, for asyncio callers: the engine itself works with threads."""
        import asyncio

        return await asyncio.to_thread(self.run, query, schema)


class _Room:
    """One REPL with its root: the session itself, or one that ``rlm_query`` opened."""

    def __init__(self, work: _Work, depth: int) -> None:
        self.work = work
        self.depth = depth
        self.texts = _texts(work.context)
        self.turns: list[Turn] = []
        self.asked: list[SubCall] = []
        self.branches: list[Branch] = []
        self.gaps: tuple[int, tuple[Span, ...]] | None = None
        self.reporter = _reporter(work)

    def run(self, query: str, schema: Schema) -> RLMResult:
        """Open the REPL and work in it."""
        delivery = Delivery(lambda answer: self._objection(answer, schema))
        try:
            with self._repl(delivery) as repl:
                end = run_loop(
                    *(self.work.root, repl, delivery, self._opening(query, schema)),
                    max_turns=self.work.config.max_iterations,
                    cell_timeout=self.work.config.cell_timeout,
                    progress=self._heard,
                    left=self._left,
                )
        except EngineError as error:
            end = LoopEnd(None, str(error), ())
        return self._result(end, schema)

    def check_budget(self, query: str) -> None:
        """Raise CodeError if not even a first turn can be paid: a REPL takes time to open."""
        caller = self.work.root
        try:
            caller.account.check(caller.need(self._opening(query, Schema()), turn=True))
        except BudgetExceeded as error:
            raise CodeError(f"rlm_query: {error}") from error

    def _repl(self, delivery: Delivery) -> Repl:
        context = self.work.context
        given: dict[str, Any] = {"context": context}
        if isinstance(context, Corpus):
            given = {"texts": self.texts}
        return Repl(
            **given,
            variables=self.work.variables,
            functions=self._functions(delivery),
            allow_reduced=self.work.config.allow_reduced_sandbox,
        )

    def _functions(self, delivery: Delivery) -> dict[str, Callable[..., Any]]:
        work = self.work
        functions: dict[str, Callable[..., Any]] = {
            **SubCalls(work.sub, work.models[1], self.texts, self._asked).functions(),
            "rlm_query": self._recurse,
            "budget": self._left,
            "done": delivery,
        }
        if self.reporter:
            functions |= self.reporter.functions()
            functions |= {"outline": outline_of(self.texts), "coverage": self._coverage}
        return functions

    def _left(self) -> dict[str, Any]:
        return remaining(self.work.limits, self.work.root.account.usage())

    def _recurse(self, query: Any, spans: Any = ()) -> Any:
        """Give a question to a session of its own over the same context."""
        if self.depth >= self.work.config.max_depth:
            raise CodeError(
                f"rlm_query: {self.work.config.max_depth} levels deep is the limit; use llm_query"
            )
        if not isinstance(query, str) or not query.strip():
            raise CodeError("rlm_query takes a non-empty str")
        if spans:
            query = f"{query}\n\nIt is about these lines: {spans}"
        inner = _Room(self.work, self.depth + 1)
        inner.check_budget(query)
        result = inner.run(query, Schema())
        self.branches.append(Branch(query, result.answer, result.error, result.trajectory))
        if result.success:
            return result.answer
        return {"$error": {"kind": "rlm_query", "message": result.error}}

    def _opening(self, query: str, schema: Schema) -> ModelRequest:
        corpus = isinstance(self.work.context, Corpus)
        system = prompt(
            "session",
            name="files" if corpus else "context",
            names=prompt("session_files" if corpus else "session_context"),
        )
        text = f"{query}\n\n{self.work.described}"
        if schema.json_schema is not None:
            written = json.dumps(schema.json_schema, ensure_ascii=False)
            text += f"\n\nThe answer given to done() must fit this JSON Schema: {written}"
        return ModelRequest(
            model=self.work.models[0],
            system=system,
            messages=(Message("user", text),),
            max_tokens=self.work.config.root_max_tokens,
        )

    def _asked(self, call: SubCall) -> None:
        self.asked.append(self.work.tape.settled(call))

    def _heard(self, step: Step) -> None:
        tape = self.work.tape
        tape.record("cell", {"depth": self.depth, **cell_event(step)})
        turn = Turn(step, tuple(self.asked), tuple(self.branches), tape.fate(step.key))
        self.asked.clear()
        self.branches.clear()
        self.turns.append(turn)
        self.work.progress(turn)

    def _objection(self, answer: Any, schema: Schema) -> str:
        if self.work.config.coverage == "all":
            missing = self._uncovered()
            if missing:
                first = missing[0]
                return (
                    f"{sum(map(len, missing))} lines were passed to no sub-call yet, "
                    f"first {first.path}:{first.start}-{first.end}; coverage() lists them"
                )
        return schema.problem(answer)

    def _covered(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = defaultdict(list)
        for span in {span for call in self._calls() if not call.error for span in call.spans}:
            found[span.path].append(span)
        return found

    def _calls(self) -> list[SubCall]:
        return [*(call for turn in self.turns for call in turn.sub_calls), *self.asked]

    def _uncovered(self) -> tuple[Span, ...]:
        """Return the lines that no sub-call was passed; worked out again only after a sub-call."""
        made = len(self._calls())
        if self.gaps is None or self.gaps[0] != made:
            self.gaps = (made, tuple(self._gaps()))
        return self.gaps[1]

    def _gaps(self) -> Iterator[Span]:
        from rlm_gate.rlm.ledger import subtract

        corpus = self.work.context
        if isinstance(corpus, Corpus):
            covered = self._covered()
            for file in corpus.files:
                yield from subtract(file.in_scope, covered.get(file.path, ()))

    def _coverage(self) -> dict[str, Any]:
        gaps = self._uncovered()
        return {
            "missing_lines": sum(map(len, gaps)),
            "missing": [[gap.path, gap.start, gap.end] for gap in gaps[:200]],
        }

    def _share(self) -> float | None:
        corpus = self.work.context
        if not isinstance(corpus, Corpus):
            return None
        total = sum(len(span) for file in corpus.files for span in file.in_scope)
        return 1.0 - sum(map(len, self._uncovered())) / total if total else 1.0

    def _result(self, end: LoopEnd, schema: Schema) -> RLMResult:
        usage = self.work.root.account.usage()
        return RLMResult(
            answer=schema.typed(end.answer) if not end.error else None,
            success=not end.error,
            error=end.error,
            findings=tuple(self.reporter.found) if self.reporter else (),
            iterations=len(self.turns),
            sub_calls=usage.calls,
            usage=usage,
            coverage=self._share(),
            trajectory=tuple(self.turns),
        )


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


def _texts(context: Context) -> Mapping[str, str]:
    return Masked(context.tree) if isinstance(context, Corpus) else {}


def _reporter(work: _Work) -> Reporter | None:
    if not isinstance(work.context, Corpus):
        return None
    return Reporter(work.context, AnyRule(), lambda _rule, _file: "", Origin.MODEL, work.models[0])


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
