"""The host's functions as a cell sees them: arguments out as JSON, answers in as values."""

from __future__ import annotations

import collections
import math
from collections.abc import Callable
from typing import Any, NoReturn

from rlm_gate.rlm.sandbox import guards, records
from rlm_gate.rlm.sandbox.library import SPANS, Files, Symbol
from rlm_gate.rlm.sandbox.show import text

Ask = Callable[[str, list[Any], dict[str, Any]], Any]
"""Call a host function by name, with positional and named arguments."""
_DEPTH = 60
_INTEGER = 1 << 63


class HostError(Exception):
    """The host refused a call; the text says why and what to do."""


class LLMError(Exception):
    """A model call that failed. As a value in a list it is falsy and raises when used as text."""

    def __init__(self, kind: Any = "error", message: Any = "") -> None:
        super().__init__(kind, message)
        self.kind = kind
        self.message = message

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    def __repr__(self) -> str:
        return f"LLMError({self.kind!r}, {self.message!r})"

    def __raise(self, *_arguments: Any) -> NoReturn:
        raise self.with_traceback(None)

    __add__ = __radd__ = __mod__ = __rmod__ = __mul__ = __contains__ = __getitem__ = __raise
    __iter__ = __len__ = __lt__ = __gt__ = __raise
    __format__ = __raise


def formatted(value: Any, format_spec: str = "") -> str:
    """Return what an f-string shows of a value. A failed call is no text: it is raised."""
    if type(value) is LLMError:
        raise value.with_traceback(None)
    return format(value, format_spec) if format_spec else text(value)


def _of_error(error: LLMError, name: str) -> Any:
    """Read an attribute of a failed call: its two fields, else the failure itself is raised."""
    if name in {"kind", "message", "args"}:
        return getattr(error, name)
    raise error.with_traceback(None)


guards.READERS[LLMError] = _of_error


class Taken:
    """The id of a finding that the host took."""

    __slots__ = ("id",)

    def __init__(self, identity: str) -> None:
        self.id = identity

    def __str__(self) -> str:
        return self.id

    __repr__ = __str__


class Refusal:
    """Why the host refused a finding. It is falsy."""

    __slots__ = ("text",)

    def __init__(self, reason: str) -> None:
        self.text = reason

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


guards.allow(Taken, "id")
guards.allow(Refusal, "text")


def plain(value: Any, what: str, depth: int = 0) -> Any:
    """Return the value as JSON data. Raises TypeError or ValueError naming what does not fit."""
    kind = type(value)
    if value is None or kind in {bool, str}:
        return value
    if kind in {int, float}:
        return _number(value, what)
    if depth > _DEPTH:
        raise ValueError(f"{what} is nested too deeply, or contains itself")
    if kind in _SEQUENCES or issubclass(kind, tuple):
        return [plain(item, what, depth + 1) for item in value]
    if kind in _MAPPINGS:
        return {_key(key, what): plain(item, what, depth + 1) for key, item in value.items()}
    return plain(_record(value, what), what, depth + 1)


def _record(value: Any, what: str) -> Any:
    """Return one of our objects, or of a cell's dataclasses, as a dict or text."""
    kind = type(value)
    if kind in SPANS:
        return {name: getattr(value, name) for name in value.shown}
    if kind in {Taken, Refusal}:
        return str(value)
    if hasattr(kind, "__cell_record__"):
        return records.asdict(value)
    if kind is LLMError:
        raise value.with_traceback(None)
    raise TypeError(f"{what} takes JSON values (str, numbers, lists, dicts), not {kind.__name__}")


_SEQUENCES = frozenset({list, tuple, collections.deque})
_MAPPINGS = frozenset({dict, collections.OrderedDict, collections.defaultdict, collections.Counter})


def _number(value: Any, what: str) -> Any:
    if type(value) is float and not math.isfinite(value):
        raise ValueError(f"{what} takes finite numbers")
    if type(value) is int and not -_INTEGER <= value < _INTEGER:
        raise ValueError(f"{what} takes integers of at most 64 bits")
    return value


def _key(key: Any, what: str) -> str:
    if type(key) is str:
        return key
    if type(key) in {int, float, bool, type(None)}:
        return text(key)
    raise TypeError(f"{what} takes dicts with str keys")


def spans(values: Any) -> list[list[Any]]:
    """Return spans as [path, start, end]. Raises TypeError for anything else."""
    return [_span(value) for value in values]


def _span(value: Any) -> list[Any]:
    if type(value) in SPANS:
        return [value.path, value.start, value.end]
    if type(value) in {list, tuple} and [type(part) for part in value] == [str, int, int]:
        return list(value)
    raise TypeError(
        "beside the prompt come spans: hits of grep(), chunks(), span(path, start, end); "
        "other text goes into the prompt"
    )


def _answer(value: Any) -> Any:
    """Return an answer, a failed one as an LLMError."""
    if type(value) is dict and type(value.get("$error")) is dict:
        error = value["$error"]
        return LLMError(str(error.get("kind")), str(error.get("message")))
    return value


class Calls:
    """Make the functions. ``notes`` collects what has to be shown under the cell."""

    def __init__(self, ask: Ask, names: frozenset[str], scope: dict[str, Any]) -> None:
        self.ask = ask
        self.names = names
        self.scope = scope
        self.notes: list[str] = []
        self.given: frozenset[str] = frozenset()  # names that are no variables of the cells
        self.met: Callable[[], list[Any]] = list

    def functions(self) -> dict[str, Any]:
        """Return every function of the host by its name in a cell."""
        made = {name: self._general(name) for name in self.names}
        made.update({name: self._no_model(name) for name in _MODEL if name not in self.names})
        if "llm_query" in self.names:
            made["llm_query"] = self._query("llm_query")
        if "rlm_query" in self.names:
            made["rlm_query"] = self._query("rlm_query")
        if "llm_query_parallel" in self.names:
            made["llm_query_parallel"] = self._query_many()
        if "finding" in self.names:
            made["finding"] = self._finding()
        if "outline" in self.names:
            made["outline"] = self._outline()
        if "done" in self.names:
            made.update(self._endings())
        made["llm_query_batched"] = made["llm_query_parallel"]
        made["show_vars"] = self._show_vars()
        return made

    def follow_up(self) -> str:
        """Take ``answer["ready"] = True``, the habit of other engines, for ``done()``."""
        answer = self.scope.get("answer")
        if "done" in self.names and type(answer) is dict and answer.get("ready") is True:
            answer["ready"] = False
            return "done(answer.get('content'))"
        return ""

    def _general(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            return self.ask(name, plain(arguments, f"{name}()"), plain(named, f"{name}()"))

        call.__name__ = call.__qualname__ = name
        return call

    def _no_model(self, name: str) -> Callable[..., Any]:
        def call(*_arguments: Any, **_named: Any) -> NoReturn:
            raise HostError(f"{name}(): there is no model in this run; work with the code alone")

        call.__name__ = call.__qualname__ = name
        return call

    def _query(self, name: str) -> Callable[..., Any]:
        def call(prompt: Any, *beside: Any, schema: Any = None) -> Any:
            sent = [_prompt(prompt), spans(beside)]
            named = {"schema": plain(schema, "a schema")} if schema is not None else {}
            answer = _answer(self.ask(name, sent, named))
            if type(answer) is LLMError:
                raise answer
            return answer

        call.__name__ = call.__qualname__ = name
        return call

    def _query_many(self) -> Callable[..., list[Any]]:
        def llm_query_parallel(prompts: Any, schema: Any = None) -> list[Any]:
            if type(prompts) is str:
                raise TypeError("llm_query_parallel takes a list of prompts")
            sent = [_item(one) for one in prompts]
            named = {"schema": plain(schema, "a schema")} if schema is not None else {}
            return [_answer(one) for one in self.ask("llm_query_parallel", [sent], named)]

        return llm_query_parallel

    def _finding(self) -> Callable[..., Any]:
        def finding(
            rule: Any, path: Any, line: Any, quote: Any, explanation: Any = "", flow: Any = None
        ) -> Any:
            sent = [plain(one, "finding()") for one in (rule, path, line, quote, explanation)]
            named = {} if flow is None else {"flow": spans(flow)}
            answer = self.ask("finding", sent, named)
            if type(answer) is dict and "refused" in answer:
                self.notes.append(str(answer["refused"]))
                return Refusal(self.notes[-1])
            return Taken(str(answer["id"]))

        return finding

    def _outline(self) -> Callable[..., Any]:
        def outline(path: Any) -> list[Symbol]:
            listed = self.ask("outline", [plain(path, "outline()")], {})
            return [
                Symbol(path, one["start"], one["end"], one["name"], one["kind"]) for one in listed
            ]

        return outline

    def _endings(self) -> dict[str, Any]:
        def done(answer: Any = None) -> None:
            held = self.ask("done", [plain(answer, "done()"), *self.met()], {})
            if type(held) is dict and "held" in held:
                self.notes.append(str(held["held"]))

        def final_var(name: Any) -> None:
            if type(name) is not str:
                return done(name)
            if name not in self.scope or not name.isidentifier() or name.startswith("__"):
                raise NameError(f"there is no variable {name!r}; show_vars() lists them")
            return done(self.scope[name])

        final_var.__name__ = final_var.__qualname__ = "FINAL_VAR"
        return {"done": done, "FINAL": done, "FINAL_VAR": final_var}

    def _show_vars(self) -> Callable[[], dict[str, str]]:
        def show_vars() -> dict[str, str]:
            return {
                name: guards.classname(value)
                for name, value in self.scope.items()
                if name not in self.given and not name.startswith("_")
            }

        return show_vars


_MODEL = ("llm_query", "llm_query_parallel")


def met(files: Files | None) -> list[Any]:
    """Return what done() tells of the files: those read or searched, ``[[first, after last]]``."""
    if files is None:
        return []
    ranges: list[list[int]] = []
    for place, path in enumerate(files):
        if path not in files.__met__:
            continue
        if ranges and ranges[-1][1] == place:
            ranges[-1][1] = place + 1
        else:
            ranges.append([place, place + 1])
    return [ranges]


def _prompt(prompt: Any) -> str:
    if type(prompt) is not str:
        raise TypeError(f"a prompt is a str, not {guards.classname(prompt)}")
    return prompt


def _item(one: Any) -> list[Any]:
    if type(one) in {list, tuple} and one:
        return [_prompt(one[0]), spans(one[1:])]
    return [_prompt(one), []]
