"""Guards that look a method up and call it in one go: loops over lines live on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rlm_gate.rlm.sandbox.guards import ALLOW, guarded_getattr
from rlm_gate.rlm.sandbox.names import METHODS, method_name


def short_calls() -> dict[str, Callable[..., Any]]:
    """Return the guards that look a method up and call it in one go, once ``ALLOW`` is complete.

    Unlike Python they evaluate the arguments first and look the method up then, which shows in
    nothing but which of two errors comes first.
    """
    made: dict[str, Callable[..., Any]] = {}
    for name in METHODS:
        kinds = [kind for kind, names in ALLOW.items() if name in names and not names[name]]
        methods = {kind: getattr(kind, name) for kind in kinds if callable(getattr(kind, name))}
        for count, caller in enumerate(_CALLERS):
            made[method_name(name, count)] = caller(name, methods)
    return made


def _common(methods: dict[type, Any]) -> tuple[type, Any]:
    """Return the type that has the method most often in practice, which is tried first."""
    kind = next((kind for kind in (str, list, dict, set) if kind in methods), next(iter(methods)))
    return kind, methods[kind]


def _caller_0(name: str, methods: dict[type, Any]) -> Callable[[Any], Any]:
    common, direct = _common(methods)

    def call(owner: Any) -> Any:
        kind = type(owner)
        if kind is common:
            return direct(owner)
        method = methods.get(kind)
        return guarded_getattr(owner, name)() if method is None else method(owner)

    return call


def _caller_1(name: str, methods: dict[type, Any]) -> Callable[[Any, Any], Any]:
    common, direct = _common(methods)

    def call(owner: Any, first: Any) -> Any:
        kind = type(owner)
        if kind is common:
            return direct(owner, first)
        method = methods.get(kind)
        return guarded_getattr(owner, name)(first) if method is None else method(owner, first)

    return call


def _caller_2(name: str, methods: dict[type, Any]) -> Callable[[Any, Any, Any], Any]:
    common, direct = _common(methods)

    def call(owner: Any, first: Any, second: Any) -> Any:
        kind = type(owner)
        if kind is common:
            return direct(owner, first, second)
        method = methods.get(kind)
        if method is None:
            return guarded_getattr(owner, name)(first, second)
        return method(owner, first, second)

    return call


_CALLERS: tuple[Callable[..., Callable[..., Any]], ...] = (_caller_0, _caller_1, _caller_2)
