"""What Chat Completions and Responses have in common: calls, token counts, strict schemas."""

from __future__ import annotations

import json
from typing import Any

from rlm_gate.providers import Json, TokenUsage, Tool, ToolCall
from rlm_gate.providers._http import count, lost, sendable

_STRICT = {
    *("$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum"),
    *("exclusiveMaximum", "exclusiveMinimum", "items", "maxItems", "maximum", "minItems"),
    *("minimum", "pattern", "properties", "required", "title", "type"),
}


def tool_json(tool: Tool) -> dict[str, Any]:
    """Return a tool as a function."""
    return {
        "name": tool.name,
        "description": sendable(tool.description),
        "parameters": dict(tool.input_schema),
    }


def call_json(call: ToolCall) -> dict[str, Any]:
    """Return what a tool call calls: the arguments are JSON in a string."""
    return {"name": call.name, "arguments": json.dumps(dict(call.input))}


def tool_call(identity: Json, name: Json, arguments: Json) -> ToolCall:
    """Read a tool call."""
    if not (isinstance(identity, str) and isinstance(name, str)):
        raise lost("malformed", "a tool call has no name")
    try:
        given = json.loads(arguments)
    except (TypeError, ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise lost("malformed", "a tool call has no arguments")
    return ToolCall(identity, name, given)


def schema_form(schema: Json) -> dict[str, Any]:
    """Return how an answer of that form is asked for."""
    return {"name": "answer", "schema": schema, "strict": is_strict(schema)}


def is_strict(schema: Json) -> bool:
    """Say whether strict mode takes the schema: every object closed, every property required.

    The others are sent without that promise; the caller checks every answer anyway.
    """
    return isinstance(schema, dict) and schema.get("type") == "object" and _fits(schema)


def usage(data: Json, read: str, written: str) -> TokenUsage:
    """Return disjoint counts: the API's prompt includes what a cache held, and what it took in.

    Some endpoints leave the reasoning out of what was written, but never out of the total.
    """
    if not isinstance(data, dict):
        raise lost("malformed", "the reply has no token counts")
    prompt = count(data.get(f"{read}_tokens"))
    total = count(data.get("total_tokens") or 0)
    output = max(count(data.get(f"{written}_tokens")), total - prompt)
    cached = _detail(data, read, "cached")
    kept = _detail(data, read, "cache_write")
    thought = min(output, _detail(data, written, "reasoning"))
    return TokenUsage(count(prompt - cached - kept), output, cached, kept, thought)


def _detail(data: dict[str, Json], of: str, part: str) -> int:
    details = data.get(f"{of}_tokens_details")
    return count(details.get(f"{part}_tokens") or 0) if isinstance(details, dict) else 0


def _fits(schema: Json) -> bool:
    if not isinstance(schema, dict) or not schema.keys() <= _STRICT:
        return False
    if schema.get("type") == "object" and not _is_closed(schema):
        return False
    return all(_fits(part) for part in _parts(schema))


def _is_closed(schema: dict[str, Json]) -> bool:
    every = set(schema.get("properties", {}))
    return schema.get("additionalProperties") is False and set(schema.get("required", ())) == every


def _parts(schema: dict[str, Json]) -> list[Json]:
    named = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    items = [schema["items"]] if "items" in schema else []
    return [*named, *items, *schema.get("anyOf", ())]
