"""What the JSON Schemas of the tasks' answers are made of."""

from __future__ import annotations

from typing import Any, Final

TEXT: Final = {"type": "string"}
NUMBER: Final = {"type": "integer"}
PLACE: Final = {
    "type": "object",
    "required": ["path", "line", "quote"],
    "properties": {"path": TEXT, "line": NUMBER, "quote": TEXT},
}
"""A line of the texts with its quote, from which the host finds it again."""


def closed(**properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties, all of them and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


def listed(**properties: Any) -> dict[str, Any]:
    """Return the schema of a list of such objects."""
    return {"type": "array", "items": closed(**properties)}
