"""Where a task asks models: one budget for its map and its session, and quotes looked up.

Knows no task. Nothing a model says counts before ``Grounds`` has found its quote.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlm_gate import config, finishing
from rlm_gate.config import Flags, Settings
from rlm_gate.core import Span, Usage, split_lines
from rlm_gate.errors import BudgetExceeded, ProviderError
from rlm_gate.repo import Repo
from rlm_gate.tasks._report import Evidence, Sources, Unexamined

if TYPE_CHECKING:
    from rlm_gate.providers import ModelReply, ModelRequest, Provider
    from rlm_gate.rlm.callers import Line
    from rlm_gate.rlm.grounding import Place
    from rlm_gate.rlm.trajectory import RLMResult

PIECE_CHARS = 24_000
"""Most characters of one request of the map, as in the gate's (design §7.1)."""
MAP_TOKENS = 2048
_WAVE = 64
_HEURISTICS = "Heuristics of rlm-gate answered; no language model was called"


@dataclass(frozen=True, slots=True)
class Options:
    """Models and limits of a task; None is "not given". The same as the flags of ``check``.

    ``config`` names a file instead of the .rlm-gate.yaml above ``directory``. ``provider`` stands
    in for the one that the models' names would open. ``progress`` hears (phase, done, total),
    ``tell`` what no report carries, such as what the run really paid.
    """

    offline: bool = False
    root_model: str | None = None
    sub_model: str | None = None
    max_usd: float | None = None
    max_calls: int | None = None
    deadline: float | None = None
    allow_reduced_sandbox: bool = False
    no_cache: bool = False
    config: str | None = None
    directory: str = "."
    provider: Provider | None = None
    progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None
    tell: Callable[[str], None] = lambda _remark: None


@dataclass(frozen=True, slots=True)
class Read:
    """One request of the map and what came of it: ``answer`` fits the schema, or is None."""

    span: Span
    answer: Any


@dataclass(slots=True)
class Grounds:
    """Looks quotes up in the texts, secrets masked as the models saw them. Counts what it drops."""

    sources: Sources
    dropped: list[str] = field(default_factory=list)

    def evidence(self, path: str, line: int, quote: str, claim: str = "") -> Evidence | None:
        """Return where the quote stands, in lines of the file; None, and it is dropped, if nowhere.

        ``line`` is a row of the text, near which the quote is looked for first.
        """
        place = self._place(path, line, quote, claim)
        if place is None:
            return None
        return Evidence(path, self.sources.texts[path].line(place.start), place.quote)

    def locate(self, path: str, line: int, quote: str, claim: str = "") -> int | None:
        """Return the row of the text where the quote begins, as ``evidence`` looks it up."""
        place = self._place(path, line, quote, claim)
        return place.start if place else None

    def _place(self, path: str, line: int, quote: str, claim: str) -> Place | None:
        from rlm_gate.rlm.grounding import Refusal, ground
        from rlm_gate.rlm.masking import mask

        text = self.sources.texts.get(path)
        if text is None:
            self.drop(claim or quote, f"there is no {path}")
            return None
        place = ground(mask(text.text), line, quote)
        if isinstance(place, Refusal):
            self.drop(claim or quote, f"{path}: {place.reason}")
            return None
        return place

    def row(self, path: str, row: int) -> Evidence:
        """Return a row of a text that the host itself points at."""
        from rlm_gate.rlm.masking import mask

        text = self.sources.texts[path]
        return Evidence(path, text.line(row), split_lines(mask(text.text))[row - 1])

    def masked(self, words: str) -> str:
        """Return words that may quote a text, secrets masked."""
        from rlm_gate.rlm.masking import mask

        return mask(words)

    def drop(self, claim: str, why: str) -> None:
        """Count a claim that will not be reported."""
        self.dropped.append(f"{' '.join(claim.split())[:160]} ({why})")


@dataclass(slots=True)
class Desk:
    """An open line to the models of one run, and what it left unread."""

    line: Line
    sources: Sources
    settings: Settings
    options: Options
    label: str
    unexamined: list[Unexamined] = field(default_factory=list)

    @property
    def method(self) -> str:
        """Say who answered."""
        return f"Models: {self.line.root} (root), {self.line.sub} (sub), beside the heuristics."

    def usage(self) -> Usage:
        """Return the logical cost so far."""
        return self.line.usage()

    def map(
        self, system: str, schema: Mapping[str, Any], besides: Collection[str] = ()
    ) -> list[Read]:
        """Have the sub-model read every line of every text; the host composes the requests.

        A piece is shown as a fenced block with row numbers from 1; an ``int`` under the key ``row``
        anywhere in an answer comes back as a row of the text. Lines without a valid answer are in
        ``unexamined`` afterwards. Texts that are ``besides`` the work are put to nobody.
        """
        pieces = [one for one in self._pieces() if one.path not in besides]
        read: list[Read] = []
        for start in range(0, len(pieces), _WAVE):
            wave = pieces[start : start + _WAVE]
            self.options.progress(f"map ({self.line.state()})", start, len(pieces))
            requests = [self._request(span, system, schema) for span in wave]
            for span, reply in zip(wave, self.line.sub_caller.call_many(requests), strict=True):
                read.append(Read(span, self._answer(span, reply, schema)))
        return read

    def session(
        self,
        query: str,
        schema: Mapping[str, Any],
        variables: Mapping[str, Any],
        *,
        max_turns: int = 12,
        root_max_tokens: int = 4096,
    ) -> RLMResult:
        """Let the root answer in the REPL: the texts are ``files``, the variables beside them."""
        from rlm_gate.rlm.choices import RLMConfig
        from rlm_gate.rlm.session import on_line

        config = RLMConfig(
            max_iterations=min(max_turns, self.line.limits.max_turns),
            cell_timeout=self.line.limits.cell_timeout,
            root_max_tokens=root_max_tokens,
            allow_reduced_sandbox=self.options.allow_reduced_sandbox,
        )
        self.options.progress(f"root loop ({self.line.state()})", 0, config.max_iterations)
        corpus = self._sendable().corpus(self.label)
        return on_line(self.line, corpus, query, schema, variables=variables, config=config)

    def _sendable(self) -> Sources:
        """Return the texts without those whose path must never be sent."""
        import re

        hidden = [re.compile(pattern) for pattern in self.settings.never_send]
        kept = {
            path: text
            for path, text in self.sources.texts.items()
            if not any(one.match(path) for one in hidden)
        }
        return Sources(kept)

    def _pieces(self) -> Iterator[Span]:
        sendable = self._sendable().texts
        for path, text in sorted(self.sources.texts.items()):
            lines = split_lines(text.text)
            if path not in sendable and lines:
                self._gap(Span(path, 1, len(lines)), "never_send")
                continue
            for span in _cut(path, lines):
                if sum(map(len, lines[span.start - 1 : span.end])) > PIECE_CHARS:
                    self._gap(span, f"a line of more than {PIECE_CHARS} characters")
                else:
                    yield span

    def _request(self, span: Span, system: str, schema: Mapping[str, Any]) -> ModelRequest:
        from rlm_gate.providers import Message, ModelRequest
        from rlm_gate.rlm.blocks import excerpt
        from rlm_gate.rlm.masking import mask

        block = excerpt(span.path, mask(self.sources.texts[span.path].text), span).render()
        text = f"# {span.path.encode('utf-8', 'replace').decode()}\n\n{block}"
        return ModelRequest(self.line.sub, system, (Message("user", text),), MAP_TOKENS, (), schema)

    def _answer(
        self,
        span: Span,
        reply: ModelReply | ProviderError | BudgetExceeded,
        schema: Mapping[str, Any],
    ) -> Any:
        from rlm_gate.rlm.answers import Schema, strict_json

        if isinstance(reply, BudgetExceeded):
            return self._gap(span, f"budget ({reply.kind})")
        if isinstance(reply, ProviderError):
            return self._gap(span, f"error ({reply.kind})")
        try:
            answer = strict_json(reply.text)
        except ValueError:
            return self._gap(span, "error (malformed)")
        if Schema.of(schema).problem(answer):
            return self._gap(span, "error (malformed)")
        return _moved(answer, span.start - 1)

    def _gap(self, span: Span, why: str) -> None:
        text = self.sources.texts[span.path]
        lines = text.line(span.start), text.line(span.end)
        self.unexamined.append(Unexamined(span.path, min(lines), max(lines), why))


@dataclass(frozen=True, slots=True)
class Mode:
    """Whether models are asked. ``failed`` says why the run can't be conclusive, "" if it can."""

    settings: Settings
    method: str
    failed: str = ""

    @property
    def asks(self) -> bool:
        """Say whether models are asked."""
        return self.settings.models.mode == "on"


def mode(options: Options, max_usd: float) -> Mode:
    """Join options, configuration and environment. ``max_usd`` is the task's own limit.

    Without a key a terminal behaves as offline, CI is inconclusive (design §7.5).
    """
    flags = Flags(
        config=options.config,
        offline=options.offline,
        root_model=options.root_model,
        sub_model=options.sub_model,
        max_usd=options.max_usd,
        max_calls=options.max_calls,
        deadline=options.deadline,
        allow_reduced_sandbox=options.allow_reduced_sandbox,
        no_cache=options.no_cache,
    )
    repo = Repo.open(options.directory)
    settings = config.settings(flags, Path(repo.root) if repo and repo.root else None)
    finishing.check_models(settings)
    if not settings.budget.user_usd:
        settings = replace(settings, budget=replace(settings.budget, usd=max_usd))
    if options.provider is not None and settings.models.mode == "no-key":
        settings = replace(settings, models=replace(settings.models, mode="on", missing=()))
    return _described(settings)


@contextmanager
def opened(
    task: str, asked: Mode, sources: Sources, options: Options, inputs: str = ""
) -> Iterator[Desk | None]:
    """Yield the desk, or None where no model is asked. ``inputs`` names what texts do not show."""
    if not asked.asks:
        yield None
        return
    from rlm_gate.rlm.callers import open_line

    settings = replace(asked.settings, invocation={"task": task})
    run = _digest(task, sources, inputs)
    with open_line(settings, run, options.tell, options.provider) as line:
        yield Desk(line, sources, settings, options, task)


def _described(settings: Settings) -> Mode:
    models = settings.models
    if models.mode == "on":
        return Mode(settings, "")
    if models.mode == "offline":
        return Mode(settings, f"{_HEURISTICS} (offline).")
    method = f"{_HEURISTICS} (no API key: {', '.join(models.missing)})."
    return Mode(settings, method, "no API key, and --offline was not given" if settings.ci else "")


def _digest(task: str, sources: Sources, inputs: str) -> str:
    texts = sorted((path, text.text) for path, text in sources.texts.items())
    whole = json.dumps([task, inputs, texts])
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()


def _cut(path: str, lines: Sequence[str]) -> Iterator[Span]:
    """Cut a text into pieces of at most PIECE_CHARS, between lines; a longer line stands alone."""
    start, size = 1, 0
    for number, line in enumerate(lines, 1):
        if size and size + len(line) + 1 > PIECE_CHARS:
            yield Span(path, start, number - 1)
            start, size = number, 0
        size += len(line) + 1
    if lines:
        yield Span(path, start, len(lines))


def _moved(answer: Any, by: int) -> Any:
    """Return the answer with its row numbers counted in the text instead of the block."""
    if isinstance(answer, dict):
        return {
            key: value + by if key == "row" and type(value) is int else _moved(value, by)
            for key, value in answer.items()
        }
    return [_moved(item, by) for item in answer] if isinstance(answer, list) else answer
