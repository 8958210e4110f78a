"""Find, read and check ``.rlm-gate.yaml``. What was validated once comes from the cache."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlm_gate.cachedir import CacheDir, entry_key
from rlm_gate.config.values import Flags
from rlm_gate.errors import ConfigError, Problem, UsageError

CONFIG_FILE = ".rlm-gate.yaml"
READ_LIMIT = (1 << 20) + 1  # enough for yamlmarks to see that a file is too large

_MISSPELT = (".rlm-gate.yml", "rlm-gate.yaml", "rlm-gate.yml")
_CACHE_KIND = "config"

NOTHING: Mapping[str, Any] = {
    "fail_on": "high",
    "models": {},
    "budget": {},
    "exclude": [],
    "never_send": [],
    "overrides": [],
}


def written(flags: Flags, root: Path | None, cache: CacheDir) -> Mapping[str, Any]:
    """Return what the file says, with globs as patterns; validated once per content."""
    path = _config_file(flags, root)
    if path is None:
        return NOTHING
    label = flags.config or CONFIG_FILE
    try:
        content = read_file(path)
    except OSError as error:
        raise ConfigError((Problem(label, 1, 1, f"can't be read: {error.strerror}"),)) from error
    key = entry_key(_CACHE_KIND, content)
    stored = cache.read(_CACHE_KIND, key)
    if stored is not None:
        return dict(json.loads(stored))
    parsed = _parse(content, label)
    cache.write(_CACHE_KIND, key, json.dumps(parsed).encode())
    return parsed


def read_file(path: Path) -> bytes:
    """Return the start of a regular file, longer than YAML may be. Raises OSError, also for a pipe.

    What a repository holds may be a link to an endless device.
    """
    if not path.is_file():
        path.stat()  # raises what is wrong with it
        raise OSError(0, "not a regular file")
    with path.open("rb") as file:
        return file.read(READ_LIMIT)


def _config_file(flags: Flags, root: Path | None) -> Path | None:
    if flags.config is not None:
        path = Path(flags.config)
        if not path.exists():
            raise UsageError(f"--config {flags.config}: no such file")
        return path
    if root is None:
        return None
    path = root / CONFIG_FILE
    if os.path.lexists(path):
        return path
    for name in _MISSPELT:
        if (root / name).exists():
            text = f"this file is not read; rename it to {CONFIG_FILE}"
            raise ConfigError((Problem(name, 1, 1, text),))
    return None


def _parse(content: bytes, label: str) -> Mapping[str, Any]:
    from rlm_gate import globs, schemas, yamlmarks

    document = yamlmarks.parse_bytes(content, label)
    model, problems = schemas.check(schemas.ConfigModel, document)
    if model is None:
        raise ConfigError(problems)
    written = model.model_dump(by_alias=True, exclude_none=True)
    written.setdefault("models", {})
    for key in ("exclude", "never_send"):
        written[key] = globs.to_regex(written[key])
    for entry in written["overrides"]:
        entry["include"] = globs.to_regex(entry.pop("paths"))
    return written
