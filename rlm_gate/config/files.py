"""Read one ``.rlm-gate.yaml`` and check it. What was validated once comes from the cache."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlm_gate.cachedir import CacheDir, entry_key
from rlm_gate.core.records import dataclass
from rlm_gate.errors import ConfigError, Problem

if TYPE_CHECKING:
    from rlm_gate.yamlmarks import Document

CONFIG_FILE = ".rlm-gate.yaml"
READ_LIMIT = (1 << 20) + 1  # enough for yamlmarks to see that a file is too large

SUPPRESSIONS_FILE = ".rlm-gate/suppressions.yaml"
BASELINE_FILE = ".rlm-gate/baseline.json"

_LIMITS = {SUPPRESSIONS_FILE: READ_LIMIT, BASELINE_FILE: 64 << 20}
_WORKFLOWS = (".github", "workflows")  # whose rlm-gate.yml is a workflow
_MISSPELT = (".rlm-gate.yml", "rlm-gate.yaml", "rlm-gate.yml")
_CACHE_KIND = "config"


@dataclass(frozen=True, slots=True)
class Layer:
    """What one file says, globs as patterns for ``re.match``; what it leaves out is not there.

    ``label`` is how messages name the file, ``folder`` where it lies. ``marks`` has line and column
    of every key by its dotted name (``models.allowed``) and of every pack and rule it names
    (``packs/NAME``, ``overrides/NAME``).
    """

    label: str
    folder: Path
    values: Mapping[str, Any]
    marks: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def problem(self, name: str, text: str) -> Problem:
        """Make the problem of a key or name of this file."""
        return Problem(self.label, *self.marks.get(name, (1, 1)), text)


def accepted(root: Path | None) -> dict[str, bytes]:
    """Return what the files that accept findings hold, by their paths. Raises ConfigError."""
    contents: dict[str, bytes] = {}
    for name, limit in _LIMITS.items() if root else ():
        try:
            contents[name] = read_file(Path(root or "", name), limit)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ConfigError((Problem(name, 1, 1, f"can't be read: {error.strerror}"),)) from error
    return contents


def read_file(path: Path, limit: int = READ_LIMIT) -> bytes:
    """Return the start of a regular file, longer than YAML may be. Raises OSError, also for a pipe.

    What a repository holds may be a link to an endless device.
    """
    if not path.is_file():
        path.stat()  # raises what is wrong with it
        raise OSError(0, "not a regular file")
    with path.open("rb") as file:
        return file.read(limit)


def find(folder: Path, prefix: str = "") -> Path | None:
    """Return the folder's configuration, None if it has none. ``prefix`` is for messages.

    Raises ConfigError for a name that somebody may believe is read.
    """
    inside = f"{folder}/"  # a large repository has thousands of folders: no Path for each name
    if os.path.lexists(inside + CONFIG_FILE):
        return folder / CONFIG_FILE
    for name in () if folder.parts[-2:] == _WORKFLOWS else _MISSPELT:
        if os.path.exists(inside + name):  # noqa: PTH110  # see above
            text = f"this file is not read; rename it to {CONFIG_FILE}"
            raise ConfigError((Problem(prefix + name, 1, 1, text),))
    return None


def read(path: Path, label: str, cache: CacheDir) -> Layer:
    """Return what the file says. Raises ConfigError with every mistake of it."""
    try:
        content = read_file(path)
    except OSError as error:
        raise ConfigError((Problem(label, 1, 1, f"can't be read: {error.strerror}"),)) from error
    key = entry_key(_CACHE_KIND, content)
    stored = cache.read(_CACHE_KIND, key)
    if stored is None:
        values, marks = _parse(content, label)
        stored = json.dumps([values, marks]).encode()
        cache.write(_CACHE_KIND, key, stored)
    values, marks = json.loads(stored)
    places = {name: (line, column) for name, (line, column) in marks.items()}
    return Layer(label, path.parent, values, places)


def _parse(content: bytes, label: str) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    from rlm_gate import globs, schemas, yamlmarks

    if _says_nothing(content):
        return {}, {}
    document = yamlmarks.parse_bytes(content, label)
    model, problems = schemas.check(schemas.ConfigModel, document)
    if model is None:
        raise ConfigError(problems)
    values = model.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)
    for key in ("exclude", "never_send"):
        if key in values:
            values[key] = globs.to_regex(values[key])
    for entry in values.get("overrides", ()):
        entry["label"] = ", ".join(entry["paths"])
        entry["include"] = globs.to_regex(entry.pop("paths"))
    return values, dict(_marks(document))


def _says_nothing(content: bytes) -> bool:
    """Say whether there is nothing but comments: all defaults, as a first configuration may be."""
    if len(content) >= READ_LIMIT:
        return False
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return all(not line.strip() or line.lstrip().startswith(b"#") for line in lines)


def _marks(document: Document) -> Iterator[tuple[str, tuple[int, int]]]:
    data = document.data
    for key, value in data.items():
        yield key, document.mark((key,), key=True)
        for inner in value if isinstance(value, dict) else ():
            yield f"{key}.{inner}", document.mark((key, inner), key=True)
            if key == "fail_on":
                yield f"packs/{inner}", document.mark((key, inner), key=True)
    yield from _named(document)


def _named(document: Document) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield where packs and rules are named."""
    data = document.data
    for index, name in enumerate(data.get("packs", ())):
        yield f"packs/{name}", document.mark(("packs", index))
    for index, entry in enumerate(data.get("overrides", ())):
        for number, name in enumerate(entry.get("ignore", ())):
            yield f"overrides/{name}", document.mark(("overrides", index, "ignore", number))
        for key in ("severity", "fail_on"):
            said = entry.get(key)
            for name in said if isinstance(said, dict) else ():
                yield f"overrides/{name}", document.mark(("overrides", index, key, name), key=True)
