"""One REPL with its root: a session itself, or one that ``rlm_query`` opened within it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rlm_gate.core import Budget, Corpus, Origin, Span
from rlm_gate.errors import BudgetExceeded, EngineError
from rlm_gate.providers import Message, ModelRequest
from rlm_gate.rlm.answers import Schema
from rlm_gate.rlm.callers import remaining
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.choices import RLMConfig
from rlm_gate.rlm.loop import Delivery, LoopEnd, Step, cell_event, run_loop
from rlm_gate.rlm.masking import Masked
from rlm_gate.rlm.prompting import prompt
from rlm_gate.rlm.repl import CodeError, Repl
from rlm_gate.rlm.tools import AnyRule, Reporter, SubCalls, outline_of
from rlm_gate.rlm.trajectory import Branch, RLMResult, SubCall, Tape, Turn

Context = str | list[Any] | dict[str, Any] | Corpus


@dataclass(slots=True)
class Work:
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


class Room:
    """One REPL with its root: the session itself, or one that ``rlm_query`` opened."""

    def __init__(self, work: Work, depth: int) -> None:
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
        inner = Room(self.work, self.depth + 1)
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


def _texts(context: Context) -> Mapping[str, str]:
    return Masked(context.tree) if isinstance(context, Corpus) else {}


def _reporter(work: Work) -> Reporter | None:
    if not isinstance(work.context, Corpus):
        return None
    return Reporter(work.context, AnyRule(), lambda _rule, _file: "", Origin.MODEL, work.models[0])
