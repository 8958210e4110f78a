"""Put configuration files on top of each other: what one extends, and those of sub-folders."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlm_gate.cachedir import CacheDir
from rlm_gate.config.files import CONFIG_FILE, Layer, find, read, read_file
from rlm_gate.config.values import Flags
from rlm_gate.core.records import dataclass
from rlm_gate.errors import ConfigError, Problem, UsageError

NOTHING: Mapping[str, Any] = {
    "fail_on": "high",
    "models": {},
    "budget": {},
    "exclude": [],
    "never_send": [],
    "overrides": [],
    "suppressions": {},
}
NESTED_KEYS = frozenset({"version", "packs", "fail_on", "exclude", "never_send", "overrides"})

_PACKAGE = "pkg:"
_PACKAGE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?\Z")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[^/\s]+@[^/\s]+:")
_ADDED_UP = ("exclude", "never_send", "overrides")
_JOINED = ("models", "budget", "suppressions")


@dataclass(frozen=True, slots=True)
class Stack:
    """The files that hold for the whole run, the nearest last.

    ``packages`` are folders that hold packs, of the Python packages that are extended.
    """

    layers: tuple[Layer, ...] = ()
    packages: tuple[Path, ...] = ()

    def joined(self) -> dict[str, Any]:
        """Return what they come to: lists add up, mappings join, else the nearest counts."""
        said: dict[str, Any] = dict(NOTHING)
        for layer in self.layers:
            for key, value in layer.values.items():
                said[key] = _join(key, said.get(key), value)
        return said

    def says(self, key: str) -> Layer | None:
        """Return the nearest file that says something under the key."""
        return next((layer for layer in reversed(self.layers) if key in layer.values), None)

    def locks(self) -> dict[str, str]:
        """Return the locked keys, each with the place of its lock."""
        return {key: place for layer in self.layers for key, place in _locks(layer).items()}


def stack(flags: Flags, root: Path | None, cache: CacheDir) -> Stack:
    """Read the run's configuration and what it extends. Raises ConfigError, UsageError."""
    found = _named(flags.config) if flags.config is not None else root and find(root)
    if not found:
        return Stack()
    inside = root if flags.config is None else None
    layers: list[Layer] = []
    packages: list[Path] = []
    label = flags.config or CONFIG_FILE
    try:
        layer = read(found, label, cache)
    except ConfigError as error:
        also = _wrong_extends(found, label, inside, root)
        raise ConfigError(tuple(sorted({*error.problems, *also}))) from error
    seen = {os.path.realpath(found): layer.label}
    while True:
        layers.insert(0, layer)
        wanted = layer.values.get("extends")
        if wanted is None:
            break
        path, label, inside = _extended(layer, wanted, inside, root)
        real = os.path.realpath(path)
        if real in seen:
            circle = " -> ".join([*seen.values(), seen[real]])
            raise ConfigError((layer.problem("extends", f"extends itself: {circle}"),))
        seen[real] = label
        layer = read(path, label, cache)
        if wanted.startswith(_PACKAGE) and (path.parent / "rules").is_dir():
            packages.append(path.parent / "rules")
    _check_locks(layers)
    return Stack(tuple(layers), tuple(reversed(packages)))


def nested(
    root: Path, folders: Sequence[str], locks: Mapping[str, str], cache: CacheDir
) -> tuple[tuple[str, Layer], ...]:
    """Return the configurations of these folders below the root, the deepest last.

    Raises ConfigError with all of their mistakes.
    """
    found: list[tuple[str, Layer]] = []
    problems: list[Problem] = []
    for folder in sorted(folders, key=lambda one: (one.count("/"), one)):
        try:
            path = find(root / folder, f"{folder}/")
            layer = path and read(path, f"{folder}/{CONFIG_FILE}", cache)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        if layer:
            problems.extend(_not_for_nested(layer, locks))
            found.append((folder, layer))
    if problems:
        raise ConfigError(tuple(sorted(problems)))
    return tuple(found)


def _join(key: str, far: Any, near: Any) -> Any:
    if key in _ADDED_UP:
        return [*far, *near]
    if key in _JOINED and isinstance(far, dict) and isinstance(near, dict):
        return {**far, **near}
    return near


def _named(name: str | None) -> Path:
    path = Path(name or "")
    if not path.exists():
        raise UsageError(f"--config {name}: no such file")
    return path


def _extended(
    layer: Layer, wanted: str, inside: Path | None, root: Path | None
) -> tuple[Path, str, Path | None]:
    """Return the file that ``extends`` names, its label, and the folder it must not leave."""
    if _URL.match(wanted):
        text = "never an address: install the policy as a Python package and write pkg:NAME"
        raise ConfigError((layer.problem("extends", text),))
    if wanted.startswith(_PACKAGE):
        folder = _package(layer, wanted.removeprefix(_PACKAGE), root)
        names = (CONFIG_FILE, CONFIG_FILE.removeprefix("."))
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            text = f"the package has no {CONFIG_FILE}: {wanted}"
            raise ConfigError((layer.problem("extends", text),))
        return path, f"{wanted}/{path.name}", folder
    path = layer.folder / wanted
    if inside and not _is_below(path, inside):
        text = "lies outside; what several repositories share is a Python package: pkg:NAME"
        raise ConfigError((layer.problem("extends", f"{wanted} {text}"),))
    if not path.is_file():
        raise ConfigError((layer.problem("extends", f"{wanted}: no such file"),))
    return path, os.path.normpath(os.path.join(os.path.dirname(layer.label), wanted)), inside  # noqa: PTH118, PTH120  # a label is no path


def _wrong_extends(
    found: Path, label: str, inside: Path | None, root: Path | None
) -> tuple[Problem, ...]:
    """Return what is wrong with the ``extends`` of a file that has other mistakes, too."""
    from rlm_gate import yamlmarks

    try:
        document = yamlmarks.parse_bytes(read_file(found), label)
    except OSError:  # told already
        return ()
    wanted = document.data.get("extends") if isinstance(document.data, dict) else None
    if not isinstance(wanted, str) or not wanted:
        return ()
    marks = {"extends": document.mark(("extends",), key=True)}
    try:
        _extended(Layer(label, found.parent, {"extends": wanted}, marks), wanted, inside, root)
    except ConfigError as error:
        return error.problems
    return ()


def _is_below(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _package(layer: Layer, name: str, root: Path | None) -> Path:
    """Find an installed package without running any of it, and never in what is judged."""
    from importlib.machinery import PathFinder

    good = _PACKAGE_NAME.match(name)
    here = {os.path.realpath(place) for place in ("", root or "")}
    paths = [place for place in sys.path if os.path.realpath(place) not in here]
    spec = PathFinder.find_spec(name.replace("-", "_"), paths) if good else None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        text = f"no Python package {name!r} is installed beside rlm-gate; install it there"
        raise ConfigError((layer.problem("extends", text),))
    return Path(folders[0])


def _locks(layer: Layer) -> dict[str, str]:
    line = layer.marks.get("lock", (1, 1))[0]
    return dict.fromkeys(layer.values.get("lock", ()), f"{layer.label}:{line}")


def _check_locks(layers: Sequence[Layer]) -> None:
    """Refuse a key that a file further away has locked."""
    locks: dict[str, str] = {}
    problems: list[Problem] = []
    for layer in layers:
        problems.extend(_locked(layer, locks))
        locks |= _locks(layer)
    if problems:
        raise ConfigError(tuple(sorted(problems)))


def _locked(layer: Layer, locks: Mapping[str, str]) -> Iterator[Problem]:
    for key, place in sorted(locks.items()):
        if key in layer.marks:
            yield layer.problem(key, f"{key!r} is locked by {place}; leave it out")


def _not_for_nested(layer: Layer, locks: Mapping[str, str]) -> Iterator[Problem]:
    yield from _locked(layer, locks)
    for key in layer.values.keys() - NESTED_KEYS:
        text = f"{key!r} holds for the whole run; write it at the root of the repository"
        yield layer.problem(key, text)
