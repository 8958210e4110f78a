"""Make the JSON Schemas that editors read plainer than pydantic writes them. Knows no pydantic."""

from __future__ import annotations

from typing import Any


def tidied(schema: Any) -> Any:
    """Drop what pydantic adds for its own sake: titles, null members and null defaults."""
    if isinstance(schema, list):
        return [tidied(item) for item in schema if item != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: tidied(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and (key, value) != ("default", None)
    }
    members = kept.get("anyOf")
    if isinstance(members, list) and len(members) == 1:
        return {**members[0], **{key: kept[key] for key in kept if key != "anyOf"}}
    return kept
