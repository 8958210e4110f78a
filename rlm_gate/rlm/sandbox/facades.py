"""The modules a cell can import: named functions on plain objects, never a module.

A real module is an open door (``re.enum.sys.modules['os']``). What is not listed does not exist.
"""

from __future__ import annotations

import bisect
import codecs
import collections
import collections.abc
import copy
import csv
import datetime as dt
import difflib
import fnmatch
import functools
import heapq
import io
import itertools
import json
import math
import operator
import re
import statistics
import string
import textwrap
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from rlm_gate.rlm.sandbox import attributes, guards, records
from rlm_gate.rlm.sandbox.show import (
    bound_format,
    bound_format_map,
    unbound_format,
)


class Facade:
    """A named set of functions. It has no attribute but those, not even ``__name__``.

    ``from a import b`` reads attributes in C, and on failure looks ``a.__name__ + ".b"`` up in
    ``sys.modules``: an object without a name cannot lead there.
    """

    __slots__ = ("__members__", "__title__")

    def __init__(self, title: str, members: Mapping[str, Any]) -> None:
        self.__title__ = title
        self.__members__ = dict(members)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.__members__:
            raise AttributeError(f"{self.__title__}.{name} is not available here")
        return self.__members__[name]

    def __repr__(self) -> str:
        return f"<module '{self.__title__}'>"


guards.READERS[Facade] = Facade.__getattr__


class Typing:
    """A name of ``typing``: it can be indexed, joined by ``|`` and called, and means nothing."""

    __slots__ = ("__title__",)

    def __init__(self, title: str) -> None:
        self.__title__ = title

    def __mro_entries__(self, _bases: Any) -> tuple[type, ...]:
        """Vanish from a list of base classes."""
        return ()

    def __getitem__(self, _item: Any) -> Typing:
        return self

    def __or__(self, _other: Any) -> Typing:
        return self

    __ror__ = __or__

    def __call__(self, *arguments: Any, **_named: Any) -> Any:
        """Stand for ``cast(kind, value)``, ``TypeVar("T")`` and the like."""
        return arguments[-1] if self.__title__ == "cast" and arguments else self

    def __repr__(self) -> str:
        return f"typing.{self.__title__}"


_PATHS = "paths are plain str: path.rsplit('/', 1), path.endswith('.py')"
_PARALLEL = "calls are synchronous: use llm_query_parallel"
_TABLES = "use csv, statistics and plain dicts"
_NETWORK = "there is no network: everything is in files or context"
_ELSEWHERE = {
    **dict.fromkeys(("os", "pathlib", "glob", "posixpath"), _PATHS),
    **dict.fromkeys(("threading", "concurrent", "multiprocessing"), _PARALLEL),
    **dict.fromkeys(("pandas", "numpy"), _TABLES),
    **dict.fromkeys(("requests", "urllib", "http", "socket", "httpx"), _NETWORK),
    "random": "there is no randomness: take every n-th item",
    "time": "there is no clock",
    "ast": "use grep(), outline() or re",
    "subprocess": "nothing can be run from here",
    "sys": "nothing of the interpreter is reachable",
    "enum": "use plain constants or a dataclass",
    "hashlib": "texts themselves can be dict keys and set members",
    "pprint": "print(json.dumps(x, indent=1)) shows nested data",
}


def importer(facades: Mapping[str, Facade]) -> Callable[..., Facade]:
    """Return the ``__import__`` of cells."""

    def import_module(
        name: str, _globals: Any = None, _locals: Any = None, names: Any = (), level: int = 0
    ) -> Facade:
        if level == 0 and name in facades:
            _check(facades[name], name, names or ())
            return facades[name] if names else facades[name.partition(".")[0]]
        remedy = _ELSEWHERE.get(name.partition(".")[0], f"there are {', '.join(sorted(facades))}")
        raise ImportError(f"the module {name!r} is not available here; {remedy}")

    return import_module


def _check(found: Facade, name: str, names: Any) -> None:
    for one in names:
        if not hasattr(found, one):
            raise ImportError(f"{name}.{one} is not available here")


def _pick(module: Any, names: str) -> dict[str, Any]:
    return {name: getattr(module, name) for name in names.split()}


def _trusted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a plain function that calls ``function`` from our frame.

    C code imports modules by the ``__import__`` of the frame it is called from: ours, not a cell's.
    """

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    return call


def _bound(name: str) -> Callable[[Any], Any]:
    """Return a special of the guard table: the method of that name, called from our frame."""
    return lambda owner: _trusted(getattr(owner, name))


_FLAGS = "A ASCII DOTALL I IGNORECASE M MULTILINE S U UNICODE VERBOSE X"


def _re() -> dict[str, Any]:
    names = "compile escape findall finditer fullmatch match search split sub subn"
    flags = {name: int(getattr(re, name)) for name in _FLAGS.split()}
    functions = {name: _trusted(getattr(re, name)) for name in names.split()}
    kinds = {"error": re.error, "Pattern": re.Pattern, "Match": re.Match, "NOFLAG": 0}
    return {**functions, **flags, **kinds}


def _math() -> dict[str, Any]:
    return {name: value for name, value in vars(math).items() if not name.startswith("_")}


def _functools() -> dict[str, Any]:
    def wraps(_wrapped: Any, *_others: Any, **_named: Any) -> Callable[[Any], Any]:
        return lambda wrapper: wrapper

    return {**_pick(functools, "cache cmp_to_key lru_cache partial reduce"), "wraps": wraps}


def _deepcopy(value: Any) -> Any:
    """Copy containers; everything else a cell can hold is immutable or its own object."""
    kind = type(value)
    if kind is dict:
        return {_deepcopy(key): _deepcopy(item) for key, item in value.items()}
    if kind in {list, tuple, set, frozenset}:
        return kind(_deepcopy(item) for item in value)
    return value


def _copy(value: Any) -> Any:
    return copy.copy(value) if type(value) in guards.PLAIN_TYPES else value


def _no_clock(*_arguments: Any) -> NoReturn:
    raise RuntimeError("there is no clock in this sandbox: pass the date as text")


def _asyncio() -> dict[str, Any]:
    """Return what stands for asyncio: every call was made before it is waited for."""

    def gather(*values: Any, return_exceptions: bool = False) -> list[Any]:
        del return_exceptions
        return list(values)

    def same(value: Any, *_others: Any, **_named: Any) -> Any:
        return value

    def sleep(*_arguments: Any) -> None:
        return None

    def to_thread(function: Any, *arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    waiting = dict.fromkeys(("run", "create_task", "ensure_future", "wait_for"), same)
    return {
        **waiting,
        "gather": gather,
        "as_completed": list,
        "sleep": sleep,
        "to_thread": to_thread,
    }


_TYPING = (
    "Any Callable ClassVar Counter DefaultDict Deque Dict Final FrozenSet Generator Generic "
    "Hashable Iterable Iterator List Literal Mapping MutableMapping NewType NoReturn Optional "
    "OrderedDict Pattern Match Protocol Sequence Set Sized Text Tuple Type TypeAlias TypeVar Union "
    "cast"
)
_ABSTRACT = "Callable Generator Iterable Iterator Mapping MutableMapping Sequence Set"


def _typing() -> dict[str, Any]:
    names: dict[str, Any] = {name: Typing(name) for name in _TYPING.split()}
    markers = {"NamedTuple": records.NamedTuple, "TypedDict": records.TypedDict}
    return {**names, **markers, "TYPE_CHECKING": False}


_ITERTOOLS = (
    "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile "
    "filterfalse groupby islice pairwise permutations product repeat starmap takewhile tee "
    "zip_longest"
)
_STATISTICS = (
    "StatisticsError correlation fmean geometric_mean harmonic_mean linear_regression mean median "
    "median_grouped median_high median_low mode multimode pstdev pvariance quantiles stdev variance"
)
_STRING = (
    "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits printable "
    "punctuation whitespace capwords"
)
_CSV = (
    "DictReader DictWriter Error QUOTE_ALL QUOTE_MINIMAL QUOTE_NONE field_size_limit reader writer"
)
_OPERATOR = "add and_ concat contains eq ge gt itemgetter le lt mul ne neg not_ or_ sub truth"


def _members() -> dict[str, dict[str, Any]]:
    json_names = _pick(json, "dumps loads JSONDecodeError")
    data = {**_pick(records, "asdict dataclass field replace"), "FrozenInstanceError": TypeError}
    kinds = _pick(collections, "Counter OrderedDict defaultdict deque")
    abstract = Facade("collections.abc", _pick(collections.abc, _ABSTRACT))
    return {
        "re": _re(),
        "json": json_names,
        "math": _math(),
        "statistics": _pick(statistics, _STATISTICS),
        "collections": {**kinds, "namedtuple": records.namedtuple, "abc": abstract},
        "itertools": _pick(itertools, _ITERTOOLS),
        "textwrap": _pick(textwrap, "dedent fill indent shorten wrap"),
        "functools": _functools(),
        "datetime": _pick(dt, "date datetime timedelta"),
        "typing": _typing(),
        "dataclasses": data,
        "string": _pick(string, _STRING),
        "operator": _pick(operator, _OPERATOR),
        "bisect": _pick(bisect, "bisect bisect_left bisect_right insort insort_left insort_right"),
        "heapq": _pick(heapq, "heapify heappop heappush heappushpop merge nlargest nsmallest"),
        "fnmatch": _pick(fnmatch, "filter fnmatch fnmatchcase translate"),
        "difflib": _pick(difflib, "get_close_matches ndiff unified_diff"),
        "unicodedata": _pick(unicodedata, "category combining name normalize"),
        "copy": {"copy": _copy, "deepcopy": _deepcopy},
        "csv": _pick(csv, _CSV),
        "io": {"StringIO": io.StringIO},
        "asyncio": _asyncio(),
    }


def build() -> dict[str, Facade]:
    """Return the facades by the names cells import them under, and open their types' attributes."""
    attributes.open_builtin_types()
    _allow_types()
    facades = {name: Facade(name, members) for name, members in _members().items()}
    facades["collections.abc"] = facades["collections"].abc
    _warm_up()
    return facades


def _allow_types() -> None:
    guards.allow(str, "", format=bound_format, format_map=bound_format_map)
    guards.allow_on_class(str, "", format=unbound_format)
    moved = {name: _bound(name) for name in ("sub", "subn")}
    matching = "findall finditer flags fullmatch groupindex groups match pattern search split"
    guards.allow(re.Pattern, matching, **moved)
    guards.allow(
        re.Match,
        "end endpos group groupdict groups lastgroup lastindex pos re span start string",
        expand=_bound("expand"),
    )
    guards.allow_on_class(itertools.chain, "from_iterable")
    _allow_dates()
    _allow_tables()
    guards.allow(statistics.LinearRegression, "intercept slope")
    guards.allow(type(functools.lru_cache(abs).cache_info()), "currsize hits maxsize misses")


def _allow_dates() -> None:
    date = "day isocalendar isoformat isoweekday month replace toordinal weekday year"
    clockless = dict.fromkeys(("today", "now", "utcnow"), lambda _owner: _no_clock)
    shown = {"strftime": _bound("strftime")}
    guards.allow(dt.date, date, **shown)
    guards.allow(dt.datetime, f"{date} date hour microsecond minute second", **shown)
    guards.allow(dt.timedelta, "days microseconds seconds total_seconds")
    for kind in (dt.date, dt.datetime):
        guards.allow_on_class(kind, "fromisoformat fromisocalendar", **clockless)
    guards.allow_on_class(dt.datetime, "", strptime=_bound("strptime"))
    guards.PLAIN_TYPES.update({dt.date, dt.datetime, dt.timedelta})


def _allow_tables() -> None:
    guards.allow(io.StringIO, "close getvalue read readline readlines seek tell write")
    guards.allow(csv.DictReader, "fieldnames line_num")
    guards.allow(csv.DictWriter, "fieldnames writeheader writerow writerows")
    buffer = io.StringIO()
    guards.allow(type(csv.reader(buffer)), "line_num")
    guards.allow(type(csv.writer(buffer)), "writerow writerows")


_CODECS = "utf-8 utf-8-sig utf-16 utf-32 ascii latin-1 cp1252 unicode_escape"


def _warm_up() -> None:
    """Run once what imports on first use: after the lock nothing can be opened."""
    for name in _CODECS.split():
        codecs.lookup(name)
    re.sub(r"(a)", r"\1", "a")
    dt.datetime.strptime("2026 +0000", "%Y %z").strftime("%Y")
    json.dumps({"a": [1.5, None]}, indent=1, sort_keys=True)
    statistics.mean([1, 2])
    statistics.stdev([1.5, 2.5])
    statistics.quantiles([1, 2, 3])
    collections.Counter("aab").most_common(1)
    list(difflib.unified_diff(["a"], ["b"]))
    textwrap.shorten("a b", 5)
    csv.field_size_limit((1 << 31) - 1)  # a context may be one long field
    list(csv.DictReader(io.StringIO("a,b\n1,2\n")))
