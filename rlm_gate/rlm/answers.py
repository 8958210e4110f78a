"""Answers as JSON and as types: a pydantic model or a JSON Schema, and what an answer lacks.

Home of jsonschema.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeGuard

from rlm_gate.errors import UsageError

_MAX_DEPTH = 60


class Model(Protocol):
    """A pydantic model class, recognised by what it offers."""

    def model_json_schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""

    def model_validate(self, value: Any) -> Any:
        """Return the typed value. Raises ValueError."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What an answer must look like. Without one, any JSON value will do."""

    json_schema: Mapping[str, Any] | None = None
    model: Model | None = None

    @classmethod
    def of(cls, schema: object) -> Schema:
        """Take a pydantic model class, a JSON Schema or None. Raises UsageError for others."""
        if schema is None:
            return cls()
        if _is_model(schema):
            return cls(schema.model_json_schema(), schema)
        if isinstance(schema, Mapping):
            _check_schema(schema)
            return cls(schema)
        raise UsageError("schema= takes a pydantic model class or a JSON Schema (a dict)")

    def typed(self, value: Any) -> Any:
        """Return the value, typed by the model where there is one. Raises ValueError."""
        if self.model is not None:
            return self.model.model_validate(value)
        problem = self.problem(value)
        if problem:
            raise ValueError(problem)
        return value

    def problem(self, value: Any) -> str:
        """Say what the value lacks, "" if nothing."""
        if self.model is not None:
            try:
                self.model.model_validate(value)
            except ValueError as error:
                return str(error)
            return ""
        return _first_problem(self.json_schema, value) if self.json_schema is not None else ""


def strict_json(text: str) -> Any:
    """Return what a model's JSON says. Raises ValueError.

    NaN, infinite numbers and nests that the host or the sandbox could stumble over are refused.
    """
    try:
        value = json.loads(text, parse_constant=_not_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    _check_depth(value, _MAX_DEPTH)
    return value


def _check_depth(value: Any, left: int) -> None:
    if not isinstance(value, dict | list):
        return
    if left == 0:
        raise ValueError("nested too deeply")
    for item in value.values() if isinstance(value, dict) else value:
        _check_depth(item, left - 1)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_finite(text)


def _not_finite(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is no number of JSON")


def _is_model(schema: object) -> TypeGuard[Model]:
    return isinstance(schema, type) and hasattr(schema, "model_json_schema")


def _check_schema(schema: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise UsageError(f"schema= is no JSON Schema: {error.message}") from error


def _first_problem(schema: Mapping[str, Any], value: Any) -> str:
    from jsonschema import Draft202012Validator

    problems = sorted(
        Draft202012Validator(schema).iter_errors(value),
        key=lambda error: list(map(str, error.path)),
    )
    if not problems:
        return ""
    first = problems[0]
    where = "".join(f"[{part!r}]" for part in first.absolute_path) or "the answer"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{where}: {first.message[:300]}{more}"
