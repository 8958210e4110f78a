"""Answer from a script: the provider of tests and golden cases. It reaches no model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from rlm_gate.errors import ProviderError, UsageError
from rlm_gate.providers import Json, ModelReply, ModelRequest, TokenUsage, ToolCall

Answer: TypeAlias = "str | ModelReply | ProviderError | Mapping[str, Json]"
"""Text, a whole reply, an error to raise, or an entry as the JSON script has it."""
Script: TypeAlias = "Sequence[Answer] | Callable[[ModelRequest], Answer]"


class ScriptedProvider:
    """Give the scripted answers and remember the requests, in the order they came.

    ``replies`` answers requests without tools and, unless ``root`` is given, those with tools too.
    A callable gets the request. A list gives its next item; for requests with tools the item whose
    index is the number of assistant turns so far, so that retries and cached turns shift nothing.
    A list of mappings that carry ``when`` is a table instead: the first entry whose ``when`` occurs
    in the last message answers, as often as it is asked; an entry without ``when`` always matches.
    """

    def __init__(
        self, replies: Script = (), *, root: Script | None = None, name: str = "scripted"
    ) -> None:
        self._name = name
        self._replies = replies
        self._root = replies if root is None else root
        self._lock = threading.Lock()
        self._given = 0
        self.requests: list[ModelRequest] = []

    @property
    def name(self) -> str:
        """What cache keys carry."""
        return self._name

    def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
        """Return the scripted answer at once. Raises ProviderError where the script says so."""
        del timeout
        with self._lock:
            self.requests.append(request)
        answer = self._choose(request)
        if isinstance(answer, Mapping):
            answer = _from_entry(answer, request)
        if isinstance(answer, str):
            answer = text(answer, request)
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    def _choose(self, request: ModelRequest) -> Answer:
        script = self._root if request.tools else self._replies
        if callable(script):
            return script(request)
        if any(isinstance(entry, Mapping) and "when" in entry for entry in script):
            return _look_up(script, request)
        return _at(script, self._index(request), request)

    def _index(self, request: ModelRequest) -> int:
        if request.tools:
            return sum(message.role == "assistant" for message in request.messages)
        with self._lock:
            self._given += 1
            return self._given - 1


def text(answer: str, request: ModelRequest, stop_reason: str = "end_turn") -> ModelReply:
    """Return a reply of plain text, its tokens estimated from the sizes."""
    return ModelReply(answer, stop_reason=stop_reason, usage=_usage(request, answer))


def code(source: str, request: ModelRequest) -> ModelReply:
    """Return a reply that calls the request's first tool with ``{"code": source}``."""
    turn = len(request.messages)
    call = ToolCall(f"call_{turn}", request.tools[0].name, {"code": source})
    return ModelReply("", (call,), "tool_use", _usage(request, source))


def from_file(path: Path) -> ScriptedProvider:
    """Load a script: ``{"root": [...], "sub": [...]}``.

    An entry has one of ``text``, ``code``, ``json`` (sent as text) or ``error`` (kind and message),
    and may have ``when`` and ``stop_reason``. Both lists follow the rules of ScriptedProvider.
    """
    try:
        script = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a provider script: {error}") from error
    if not isinstance(script, dict) or not script.keys() <= {"root", "sub"}:
        raise UsageError(f"{path}: a provider script has the keys root and sub only")
    return ScriptedProvider(script.get("sub", []), root=script.get("root", []))


def create(*, api_key: str | None, base_url: str | None) -> ScriptedProvider:
    """Load the script whose path stands in the place of an address. A key is not needed."""
    del api_key
    if not base_url:
        raise UsageError("the scripted provider needs the path of its script as the base URL")
    return from_file(Path(base_url.removeprefix("file://")))


def _at(script: Sequence[Answer], index: int, request: ModelRequest) -> Answer:
    if index >= len(script):
        return _no_answer(request)
    return script[index]


def _look_up(script: Sequence[Answer], request: ModelRequest) -> Answer:
    last = request.messages[-1]
    asked = "\n".join([last.text, *(result.text for result in last.tool_results)])
    for entry in script:
        if not isinstance(entry, Mapping) or entry.get("when", "") in asked:
            return entry
    return _no_answer(request)


def _no_answer(request: ModelRequest) -> ProviderError:
    kind = "root" if request.tools else "sub"
    return ProviderError("bad_request", f"the script has no answer left for this {kind} request")


def _from_entry(entry: Mapping[str, Json], request: ModelRequest) -> ModelReply | ProviderError:
    if "error" in entry:
        return ProviderError(**entry["error"])
    if "code" in entry:
        return code(entry["code"], request)
    answer = json.dumps(entry["json"]) if "json" in entry else entry["text"]
    return text(answer, request, entry.get("stop_reason", "end_turn"))


def _usage(request: ModelRequest, answer: str) -> TokenUsage:
    """Estimate tokens as a quarter of the characters: figures to count with, not to believe."""
    asked = len(request.system) + sum(len(message.text) for message in request.messages)
    return TokenUsage(max(1, asked // 4), max(1, len(answer) // 4))
