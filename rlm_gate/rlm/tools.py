"""The host's side of the REPL's names: sub-calls over spans, findings, coverage (design §7.2).

Everything that arrives here was written by model-made code and is treated as hostile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

from rlm_gate.core import (
    Applies,
    Confidence,
    Corpus,
    Finding,
    Help,
    Origin,
    Rule,
    Severity,
    Span,
)
from rlm_gate.errors import BudgetExceeded, ProviderError, UsageError
from rlm_gate.languages import language_of
from rlm_gate.providers import Message, ModelReply, ModelRequest, TokenUsage
from rlm_gate.rlm.answers import Schema, strict_json
from rlm_gate.rlm.blocks import Block, excerpt, printable
from rlm_gate.rlm.calls import Caller
from rlm_gate.rlm.grounding import Place, Refusal, ground, ground_removed, is_meant
from rlm_gate.rlm.masking import judged_text, masked_removed
from rlm_gate.rlm.prompting import prompt
from rlm_gate.rlm.repl import CodeError
from rlm_gate.rlm.trajectory import SubCall
from rlm_gate.syntax import outline

PROMPT_CHARS = 300_000
"""Most characters of one sub-call: below the 100k tokens where the sub-model's price steps up."""
EXPLANATION_CHARS = 1000
SUB_TOKENS = 4096
MOST_REPORTS = 2000
"""Most calls of finding() in a session: each reads a file, and nobody reads that many findings."""
FLOW_STEPS = 50
ABOUT_CHARS = 300
_RULE_CHARS = 200


Reply = ModelReply | ProviderError | BudgetExceeded


@dataclass(slots=True)
class SubCalls:
    """``llm_query`` and ``llm_query_parallel``: prompts of the root's own making.

    Their answers count for the root's work alone and earn no coverage. ``asked`` hears of each.
    """

    caller: Caller
    model: str
    texts: Mapping[str, str]
    asked: Callable[[SubCall], None] = lambda _call: None

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return the functions by their names in the REPL."""
        return {"llm_query": self.query, "llm_query_parallel": self.query_many}

    def query(self, text: str, spans: Sequence[Sequence[Any]] = (), schema: Any = None) -> Any:
        """Answer one prompt with the text of the spans beside it."""
        return self.query_many([[text, spans]], schema)[0]

    def query_many(self, prompts: Sequence[Sequence[Any]], schema: Any = None) -> list[Any]:
        """Answer each (prompt, spans); same length, same order, errors as values."""
        wanted = _schema(schema)
        questions = [self._question(one, wanted) for one in _listed(prompts)]
        requests = [one.request for one in questions]
        try:
            self.caller.check(requests)
        except BudgetExceeded as error:
            raise CodeError(f"the budget does not allow {len(requests)} calls: {error}") from error
        values = self._ask(questions, wanted)
        if wanted.json_schema is not None:
            values = self._repaired(questions, values, wanted)
        return [_value(one) for one in values]

    def _ask(self, questions: Sequence[_Question], schema: Schema) -> list[_Answer]:
        """Put the questions and tell of each what it came to."""
        replies = self.caller.call_many([one.request for one in questions])
        answers = [_answer(reply, schema) for reply in replies]
        for question, answer in zip(questions, answers, strict=True):
            self.asked(_told(self.caller.key(question.request), question, answer))
        return answers

    def _question(self, one: Any, schema: Schema) -> _Question:
        if not isinstance(one, list | tuple) or len(one) != 2:
            raise CodeError("a prompt is a str or (str, *spans)")
        text, spans = one[0], tuple(_spans(one[1], self.texts))
        return _Question(text, spans, self._request(text, spans, schema))

    def _request(self, text: Any, spans: Sequence[Span], schema: Schema) -> ModelRequest:
        if not isinstance(text, str) or not text.strip():
            raise CodeError("a prompt is a non-empty str, spans are passed beside it")
        full = "\n\n".join(
            (text, *(_shown(excerpt(span.path, self.texts[span.path], span)) for span in spans))
        )
        if len(full) > PROMPT_CHARS:
            raise CodeError(
                f"the prompt and its spans have {len(full):,} characters; at most "
                f"{PROMPT_CHARS:,} fit into one call: cut it with chunks() or span()"
            )
        return ModelRequest(
            model=self.model,
            system=prompt("sub"),
            messages=(Message("user", full),),
            max_tokens=SUB_TOKENS,
            schema=schema.json_schema,
            about=f"sub {text[:ABOUT_CHARS]}",
        )

    def _repaired(
        self, questions: Sequence[_Question], answers: Sequence[_Answer], schema: Schema
    ) -> list[_Answer]:
        """Ask once more where an answer breaks the schema, saying how."""
        broken = [index for index, one in enumerate(answers) if one.error == "malformed"]
        again = [_again(questions[index], answers[index]) for index in broken]
        mended = dict(zip(broken, self._ask(again, schema), strict=True))
        return [mended.get(index, one) for index, one in enumerate(answers)]


class AnyRule(Mapping[str, Rule]):
    """The rules of a session that has none: whatever the root names is one, of medium severity."""

    def __getitem__(self, rule_id: str) -> Rule:
        return Rule(
            id=rule_id,
            title=rule_id,
            severity=Severity.MEDIUM,
            precision=Confidence.LOW,
            languages=("any",),
            message=rule_id,
            help=Help("", ""),
        )

    def __contains__(self, rule_id: object) -> bool:
        return isinstance(rule_id, str) and bool(rule_id.strip()) and len(rule_id) <= _RULE_CHARS

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@dataclass(slots=True)
class Reporter:
    """``finding``, ``findings``, ``retract``: what the root reports is grounded at once.

    A finding of the same rule at the same place replaces the earlier one and keeps its id.
    """

    corpus: Corpus
    rules: Mapping[str, Rule]
    applies: Applies
    origin: Origin
    engine: str
    refused: int = 0
    _taken: dict[str, Finding] = field(default_factory=dict)
    _numbered: int = 0
    _reports: int = 0

    @property
    def found(self) -> tuple[Finding, ...]:
        """What was taken and not withdrawn, in the order of the ids."""
        return tuple(self._taken.values())

    def functions(self) -> dict[str, Callable[..., Any]]:
        """Return the functions by their names in the REPL."""
        return {"finding": self.report, "findings": self.listing, "retract": self.retract}

    def report(
        self,
        rule: Any,
        path: Any,
        line: Any,
        quote: Any,
        explanation: Any = "",
        flow: Any = None,
    ) -> dict[str, Any]:
        """Take a finding if its evidence stands in the judged code, else say what stands there."""
        self._reports += 1
        if self._reports > MOST_REPORTS and self.origin is Origin.MODEL:
            raise CodeError(f"finding() was called {MOST_REPORTS:,} times; no more are looked at")
        if not isinstance(rule, str) or rule not in self.rules:
            return self._refuse(f"unknown rule; the rules are {', '.join(sorted(self.rules))}")
        if not isinstance(path, str) or type(line) is not int or not isinstance(quote, str):
            return self._refuse("finding(rule: str, path: str, line: int, quote: str, ...)")
        place = self._locate(path, line, quote)
        if isinstance(place, Refusal):
            return self._refuse(place.reason)
        file = self.corpus.file(path)
        if file and self.applies(self.rules[rule], file) in {"language", "path"}:
            return self._refuse(f"{rule} does not apply to {path}")
        passed = _flow(flow, self.corpus.tree)
        span = Span(path, place.start, place.end)
        if not self._judged(span, passed):
            return self._refuse("neither the place nor the end of its flow is judged in this run")
        made = self._finding(self.rules[rule], span, place.quote, str(explanation), passed)
        return {"id": self._take(made)}

    def retract(self, identity: Any) -> bool:
        """Withdraw a finding by its id; say whether there was one."""
        return self._taken.pop(str(identity), None) is not None

    def listing(self) -> list[dict[str, Any]]:
        """Return what was taken so far."""
        return [
            {
                "id": identity,
                "rule": one.rule_id,
                "path": one.span.path,
                "line": one.span.start,
                "quote": one.quote,
                "explanation": one.explanation,
            }
            for identity, one in self._taken.items()
        ]

    def _take(self, made: Finding) -> str:
        same = (
            identity
            for identity, one in self._taken.items()
            if (one.rule_id, one.span) == (made.rule_id, made.span)
        )
        identity = next(same, "")
        if not identity:
            self._numbered += 1
            identity = f"F{self._numbered}"
        self._taken[identity] = made
        return identity

    def _locate(self, path: str, line: int, quote: str) -> Place | Refusal:
        text = judged_text(self.corpus, path)
        if text is None:
            return Refusal("no such file")
        place = ground(text, line, quote)
        file = self.corpus.file(path)
        if file is None or is_meant(place, line, file.in_scope):
            return place
        removed = ground_removed(masked_removed(file.removed), line, quote, file.line_count)
        return removed if isinstance(removed, Place) else place

    def _judged(self, span: Span, flow: Sequence[Span]) -> bool:
        ends = (span, *flow[-1:])
        return any(
            part.overlaps(end)
            for end in ends
            if (file := self.corpus.file(end.path))
            for part in file.in_scope
        )

    def _finding(
        self, rule: Rule, span: Span, quote: str, explanation: str, flow: tuple[Span, ...]
    ) -> Finding:
        by_model = self.origin is Origin.MODEL
        return Finding(
            rule_id=rule.id,
            severity=rule.severity,
            confidence=Confidence.LOW if by_model else rule.precision,
            message=rule.message,
            span=span,
            quote=quote,
            origin=self.origin,
            engine=self.engine,
            explanation=explanation[:EXPLANATION_CHARS],
            flow=flow,
        )

    def _refuse(self, reason: str) -> dict[str, Any]:
        self.refused += 1
        return {"refused": f"finding refused: {reason}"}


def _shown(block: Block) -> str:
    return f"# {printable(block.path)}\n\n{block.render()}"


def outline_of(texts: Mapping[str, str]) -> Callable[[str], list[dict[str, Any]]]:
    """Return the REPL's ``outline``: the functions and classes of a file, in order."""

    @cache  # a cell may ask for the same file thousands of times
    def listed(path: str) -> list[dict[str, Any]]:
        text = texts[path]
        return [
            {"name": one.name, "kind": one.kind, "path": path, "start": one.start, "end": one.end}
            for one in outline(text, language_of(path))
        ]

    def outlined(path: Any) -> list[dict[str, Any]]:
        if not isinstance(path, str) or path not in texts:
            raise CodeError(f"no such file: {str(path)[:200]!r}")
        return listed(path)

    return outlined


class _Question(NamedTuple):
    """What a cell asks: its words, the spans beside them, and the request made of both."""

    text: str
    spans: tuple[Span, ...]
    request: ModelRequest


class _Answer(NamedTuple):
    """What came of a question. ``error`` is the kind of failure, ``value`` counts without one."""

    reply: Reply
    value: Any
    error: str
    problem: str


def _answer(reply: Reply, schema: Schema) -> _Answer:
    if not isinstance(reply, ModelReply):
        return _Answer(reply, None, _kind(reply), str(reply))
    if schema.json_schema is None:
        return _Answer(reply, reply.text, "", "")
    value, problem = _parsed(reply.text, schema)
    return _Answer(reply, value, "malformed" if problem else "", problem)


def _value(answer: _Answer) -> Any:
    """Return what the cell gets: an error is a value of its own kind, never text."""
    if answer.error:
        return {"$error": {"kind": answer.error, "message": answer.problem}}
    return answer.value


def _parsed(text: str, schema: Schema) -> tuple[Any, str]:
    """Return the value and "", or None and what is wrong with it."""
    try:
        value = strict_json(text)
    except ValueError as error:
        return None, f"not JSON: {error}"
    return value, schema.problem(value)


def _again(question: _Question, answer: _Answer) -> _Question:
    mend = (
        f"Your answer did not fit the schema: {answer.problem}. Answer again, with the JSON alone."
    )
    request, reply = question.request, answer.reply
    *before, last = request.messages
    added = [replace(last, text=f"{last.text}\n\n{mend}")]
    if isinstance(reply, ModelReply):
        added = [last, reply.message(), Message("user", mend)]
    return question._replace(request=replace(request, messages=(*before, *added)))


def _told(key: str, question: _Question, answer: _Answer) -> SubCall:
    reply, model = answer.reply, question.request.model
    text, usage = (reply.text, reply.usage) if isinstance(reply, ModelReply) else ("", TokenUsage())
    return SubCall(key, model, question.text, question.spans, text, answer.error, usage)


def _kind(error: ProviderError | BudgetExceeded) -> str:
    return error.kind if isinstance(error, ProviderError) else "budget"


def _schema(schema: Any) -> Schema:
    try:
        return Schema.of(schema)
    except UsageError as error:
        raise CodeError(str(error)) from error


def _listed(values: Any) -> Sequence[Any]:
    if not isinstance(values, list | tuple):
        raise CodeError("the prompts are a list")
    return values


def _flow(values: Any, texts: Mapping[str, str]) -> tuple[Span, ...]:
    if not values:
        return ()
    if isinstance(values, list | tuple) and len(values) > FLOW_STEPS:
        raise CodeError(f"a flow has at most {FLOW_STEPS} steps")
    return tuple(_spans(values, texts))


def _spans(values: Any, texts: Mapping[str, str]) -> Iterable[Span]:
    for value in values if isinstance(values, list | tuple) else [values]:
        if not isinstance(value, list | tuple) or len(value) != 3:
            raise CodeError("a span is made by span(path, start, end), grep() or chunks()")
        path, start, end = value
        if not isinstance(path, str) or type(start) is not int or type(end) is not int:
            raise CodeError("a span is (path: str, start: int, end: int)")
        if path not in texts:
            raise CodeError(f"no such file: {path[:200]!r}")
        yield Span(path, max(1, start), max(1, start, end))
