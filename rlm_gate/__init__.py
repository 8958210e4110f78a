"""rlm-gate: a quality gate that never goes green without evidence.

    from rlm_gate import RLMSession, RLMConfig

Everything is imported when it is first asked for: ``import rlm_gate`` itself costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlm_gate.providers.anthropic import ClaudeProvider
    from rlm_gate.providers.gemini import GeminiProvider
    from rlm_gate.providers.openai import OpenAIProvider
    from rlm_gate.rlm.choices import RLMConfig
    from rlm_gate.rlm.session import RLMSession
    from rlm_gate.rlm.trajectory import RLMResult

__version__ = "0.1.0"
__all__ = [
    "ClaudeProvider",
    "GeminiProvider",
    "OpenAIProvider",
    "RLMConfig",
    "RLMResult",
    "RLMSession",
    "__version__",
]

_HOMES = {
    "ClaudeProvider": ("rlm_gate.providers.anthropic", "ClaudeProvider"),
    "GeminiProvider": ("rlm_gate.providers.gemini", "GeminiProvider"),
    "OpenAIProvider": ("rlm_gate.providers.openai", "OpenAIProvider"),
    "RLMConfig": ("rlm_gate.rlm.choices", "RLMConfig"),
    "RLMResult": ("rlm_gate.rlm.trajectory", "RLMResult"),
    "RLMSession": ("rlm_gate.rlm.session", "RLMSession"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)
