"""Which provider a model's name means, and which variables hold its key and its address.

Knows names only: ``config`` reads the variables, ``rlm.prices`` knows the models.
"""

from __future__ import annotations

import re
from typing import NamedTuple

KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "openai": ("OPENAI_API_KEY",),
}
ADDRESSES = {
    "anthropic": ("ANTHROPIC_BASE_URL",),
    "gemini": ("GOOGLE_GEMINI_BASE_URL",),
    "openai": ("OPENAI_BASE_URL",),
}

_FULL_ID = re.compile(r"(?:\A|[./])(?:claude|gemini|gpt)-\S")


class Route(NamedTuple):
    """A provider's name, and the id or alias of a model there."""

    provider: str
    model: str


def route(name: str) -> Route:
    """Return where a model is found: ``openai:gpt-x`` says it, ``gemini-x`` begins like it.

    Every other name is Anthropic's, or one that an endpoint in the place of theirs serves.
    """
    provider, colon, model = name.partition(":")
    if colon and provider in KEYS:
        return Route(provider, model)
    return Route("gemini" if name.startswith("gemini-") else "anthropic", name)


def is_id(name: str) -> bool:
    """Say whether this may be a model's own id, known or not: ``openai:x``, ``claude-x``."""
    provider, colon, model = name.partition(":")
    return bool(colon and model and provider in KEYS) or _FULL_ID.search(name) is not None
