"""Read ``.rlm-gate/suppressions.yaml``: what people accept by path, and who."""

from __future__ import annotations

from typing import Any, Literal

from rlm_gate import globs, mistakes, schemas, yamlmarks
from rlm_gate.config import SUPPRESSIONS_FILE
from rlm_gate.errors import ConfigError

_REMEDY = "Correct the lines above; docs/policy.md has the keys of this file."


class EntryModel(schemas.Strict):
    """One thing that is accepted: a rule below some path, or one finding of it."""

    rule: schemas.RuleId
    path: schemas.Glob
    fingerprint: schemas.Line | None = None
    reason: schemas.Text | None = None
    owner: schemas.Line | None = None
    until: schemas.Line | None = None


class FileModel(schemas.Strict):
    """The file, docs/policy.md."""

    version: Literal[1] = 1
    suppressions: list[EntryModel]


def understand(content: bytes) -> list[dict[str, Any]]:
    """Return the entries, globs as patterns, each with its ``line``. Raises ConfigError."""
    document = yamlmarks.parse_bytes(content, SUPPRESSIONS_FILE)
    model, problems = schemas.check(FileModel, document)
    found = list(problems)
    entries = model.suppressions if model else []
    for number, entry in enumerate(entries):
        wrong = mistakes.expiry(entry.until) if entry.until else ""
        if wrong:
            found.append(document.problem(("suppressions", number, "until"), wrong))
    if found or model is None:
        raise ConfigError(tuple(sorted(found)), remedy=_REMEDY)
    return [
        {
            **entry.model_dump(exclude_none=True, exclude={"path"}),
            "patterns": globs.to_regex([entry.path]),
            "line": document.mark(("suppressions", number))[0],
        }
        for number, entry in enumerate(entries)
    ]
