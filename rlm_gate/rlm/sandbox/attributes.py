"""The attributes of built-in types that cells can read: public methods, nothing that leads out."""

from __future__ import annotations

import collections
import functools
import types
from collections.abc import Iterable

from rlm_gate.rlm.sandbox import guards


def open_builtin_types() -> None:
    """Allow the public methods of the types a cell can name."""
    guards.allow(
        str,
        "capitalize casefold center count encode endswith expandtabs find index isalnum isalpha "
        "isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle "
        "isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace "
        "rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase "
        "title translate upper zfill",
    )
    shared = (
        "capitalize center count decode endswith expandtabs find fromhex hex index isalnum isalpha "
        "isascii isdigit islower isspace istitle isupper join ljust lower lstrip maketrans "
        "partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip "
        "split splitlines startswith strip swapcase title translate upper zfill"
    )
    _names((bytes, bytearray), shared)
    guards.allow(bytearray, "append clear copy extend insert pop remove reverse")
    guards.allow(list, "append clear copy count extend index insert pop remove reverse sort")
    guards.allow(tuple, "count index")
    mapping = "clear copy fromkeys get items keys pop popitem setdefault update values"
    _names((dict, collections.OrderedDict, collections.defaultdict), mapping)
    guards.allow(collections.OrderedDict, "move_to_end")
    guards.allow(collections.defaultdict, "default_factory")
    guards.allow(
        collections.Counter,
        "clear copy elements get items keys most_common pop popitem setdefault subtract total "
        "update values",
    )
    guards.allow(
        collections.deque,
        "append appendleft clear copy count extend extendleft index insert maxlen pop popleft "
        "remove reverse rotate",
    )
    immutable = (
        "copy difference intersection isdisjoint issubset issuperset symmetric_difference union"
    )
    _names((set, frozenset), immutable)
    guards.allow(
        set,
        "add clear difference_update discard intersection_update pop remove "
        "symmetric_difference_update update",
    )
    _names((int, bool), "bit_count bit_length conjugate denominator imag numerator real to_bytes")
    guards.allow(float, "as_integer_ratio conjugate hex imag is_integer real")
    guards.allow(complex, "conjugate imag real")
    guards.allow(range, "count index start step stop")
    guards.allow(slice, "indices start step stop")
    _names((type({}.keys()), type({}.items())), "isdisjoint")
    guards.allow(types.GeneratorType, "close send throw")
    guards.allow(types.MappingProxyType, "copy get items keys values")
    guards.allow(property, "deleter getter setter")
    guards.allow(type(functools.lru_cache(int)), "cache_clear cache_info")
    guards.allow_on_class(int, "from_bytes")
    guards.allow_on_class(float, "fromhex")


def _names(kinds: Iterable[type], names: str) -> None:
    for kind in kinds:
        guards.allow(kind, names)
