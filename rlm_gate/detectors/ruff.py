"""Flag what ruff finds in Python. The only place that runs it; its settings are ours alone.

One process judges all files, while the other engines judge here. Ruff's own parser decides what is
Python, so the answer does not depend on the interpreter that runs the gate. ``noqa`` comments count
for nothing here: what a repository accepts is said in the gate's own suppressions, which need a
reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import weakref
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlm_gate.config import child_environment
from rlm_gate.core import Corpus, Detect, Finding, Rule, Skip, SourceFile, display_path
from rlm_gate.detectors import (
    LINE_OPTIONS,
    Complaint,
    Region,
    Text,
    applying,
    entries,
    finding,
    line_complaints,
    lines_fit,
    listed,
    open_to,
    unknown_keys,
)
from rlm_gate.detectors._fixes import fix
from rlm_gate.detectors._programs import installed
from rlm_gate.errors import EngineError

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory

_ENGINE = "ruff"
_TARGET = "py315"  # the newest syntax ruff 0.17 knows: what is new is not an error
_ON_DISK = {"worktree", "all", "paths"}
_FEW = 24  # files of which it needs no more memory than it must: no threads, no stocks of freed
_FRUGAL = {"RAYON_NUM_THREADS": "1", "_RJEM_MALLOC_CONF": "narenas:1,tcache:false"}
_PLAIN = re.compile(r"(?:[\w.+][\w.+-]*/)*[\w.+][\w.+-]*\.pyi?\Z", re.ASCII)
_VARIABLES = ("RUFF_OUTPUT_FILE", "RUFF_OUTPUT_FORMAT", "RUFF_CACHE_DIR", "RUFF_CONFIG")
_UNREADABLE = "E902"
_BROKEN = "invalid-syntax"
_OPTIONS = (
    *("check", "--isolated", "--no-cache", "--no-fix", "--no-preview", "--ignore-noqa"),
    *("--no-force-exclude", "--output-format=json", f"--target-version={_TARGET}"),
)


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check ``select``, stable codes that this ruff has, and the line options."""
    yield from unknown_keys(options, ("select", *LINE_OPTIONS))
    if not {"python", "any"} & {*languages}:
        yield (), "ruff judges Python only; add python to the rule's languages"
    yield from _code_complaints(options)
    yield from line_complaints(options)


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return Python alone."""
    del options
    return frozenset({"python"})


@lru_cache(maxsize=1)
def version() -> str:
    """Return the ruff binary's. Raises EngineError where there is none."""
    return _run("--version").decode().strip()


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Start ruff over every Python file that a rule applies to; what it found is read when asked.

    A process that nobody asks is ended, and its files are taken away.
    """
    files = [file for file in corpus.files if _is_begun(file, rules)]
    if not files:
        return iter(())
    if binary() is None:
        concerned = sorted({rule.id for file in files for rule in _wanted(file, rules)})
        why = f"ruff: {_MISSING}"
        return iter([Skip("ruff", why, rule_ids=tuple(concerned))] if concerned else [])
    return _judge(files, rules, _Running(corpus, files, rules))


def binary() -> str | None:
    """Return where ruff is, None if it is not installed."""
    return installed("ruff")


_NO_PYTHON = (
    "ruff: no Python 3, so that its rules could not judge the file: mend it, or name it under"
    " 'exclude' in .rlm-gate.yaml"
)
_MISSING = "no ruff binary beside this Python or on PATH; install it with: pip install 'ruff>=0.17'"
_Hit = Mapping[str, Any]


def _is_begun(file: SourceFile, rules: Sequence[Rule]) -> bool:
    """Say whether a rule may judge the file: to search prefilters takes longer than ruff."""
    may = file.language == "python" and file.status != "deleted"
    return may and any(entries(rule, _ENGINE) for rule in open_to(rules, file))


def _wanted(file: SourceFile, rules: Sequence[Rule]) -> list[Rule]:
    if file.language != "python" or file.status == "deleted":
        return []
    return [rule for rule in applying(rules, file) if entries(rule, _ENGINE)]


def _judge(
    files: Sequence[SourceFile], rules: Sequence[Rule], running: _Running
) -> Iterator[Finding | Skip]:
    hits: dict[str, list[_Hit]] = defaultdict(list)
    for hit in running.hits():
        hits[hit["filename"]].append(hit)
    for file in files:
        if wanted := _wanted(file, rules):
            yield from _file(file, wanted, hits[running.places[file.path]])


class _Running:
    """A ruff process and its folder: copies of texts, the list of paths, and what it prints.

    It prints into files: a full pipe would keep it waiting, with all its memory, until it is read.
    ``places`` are where it reads the text of a path.
    """

    def __init__(self, corpus: Corpus, files: Sequence[SourceFile], rules: Sequence[Rule]) -> None:
        from tempfile import TemporaryDirectory

        self._folder = TemporaryDirectory(prefix="rlm-gate-")
        self._home = Path(self._folder.name).absolute()
        self.places = _places(corpus, files, self._home)
        paths = self._home / "paths"  # a command line is too short for them
        paths.write_text("\n".join(self.places.values()), "utf-8")
        variables = _variables(**(_FRUGAL if len(files) < _FEW else {}))
        with (self._home / "hits").open("wb") as hits, (self._home / "errors").open("wb") as errors:
            command = _command(*_OPTIONS, f"--select={','.join(_codes(rules))}", f"@{paths}")
            self._process = subprocess.Popen(command, stdout=hits, stderr=errors, env=variables)
        self._end = weakref.finalize(self, _ended, self._process, self._folder)

    def hits(self) -> list[_Hit]:
        """Wait for the process and return what it found. Raises EngineError."""
        try:
            _check(self._process.wait(), (self._home / "errors").read_bytes())
            hits: list[_Hit] = json.loads((self._home / "hits").read_bytes())
        finally:
            self._end()
        return hits


def _ended(process: subprocess.Popen[bytes], folder: TemporaryDirectory[str]) -> None:
    process.kill()
    process.wait()
    folder.cleanup()


def _places(corpus: Corpus, files: Sequence[SourceFile], home: Path) -> dict[str, str]:
    """Map each path to where ruff can read the text: on disk as it is, else a copy."""
    in_place = {} if corpus.root is None else _in_place(corpus, corpus.root, files)
    others = [file for file in files if file.path not in in_place]
    return {**in_place, **_copies(others, home)}


def _in_place(corpus: Corpus, root: str, files: Sequence[SourceFile]) -> dict[str, str]:
    """Only where the text judged is the file's, in UTF-8 (a note tells), under a plain name."""
    folder = Path(root).absolute()
    if corpus.scope.kind not in _ON_DISK or not str(folder).isprintable():
        return {}
    plain = (file.path for file in files if not file.notes and _PLAIN.match(file.path))
    return {path: str(folder / path) for path in plain}


def _copies(files: Sequence[SourceFile], home: Path) -> dict[str, str]:
    """Write the texts as UTF-8 under their own paths where these are plain, else numbered.

    Paths are kept because ruff looks at names: ``__init__.py``, ``test_*.py``, ``_private.py``.
    """
    places = {}
    for number, file in enumerate(files):
        name = f"files/{file.path}" if _PLAIN.match(file.path) else f"odd/{number}.py"
        copy = home / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.text.encode("utf-8", "replace"))
        places[file.path] = str(copy)
    return places


def _codes(rules: Sequence[Rule]) -> list[str]:
    many = (_select(entry) for rule in rules for entry in entries(rule, _ENGINE))
    return [*sorted({code for codes in many for code in codes}), _UNREADABLE]


def _select(entry: Detect) -> tuple[str, ...]:
    return listed(entry.options["select"])


def _run(*arguments: str) -> bytes:
    """Return what the binary prints. Raises EngineError."""
    done = subprocess.run(_command(*arguments), check=False, capture_output=True, env=_variables())
    _check(done.returncode, done.stderr)
    return done.stdout


def _command(*arguments: str) -> list[str]:
    path = binary()
    if path is None:
        raise EngineError(_MISSING)
    return [path, *arguments]


def _variables(**extra: str) -> dict[str, str]:
    """Return the environment without the user's own settings, with others."""
    return child_environment(without=_VARIABLES, **extra)


def _check(status: int, complaint: bytes) -> None:
    """Raise EngineError for any end but the two that are answers."""
    if status not in {0, 1}:
        message = complaint.decode("utf-8", "replace").strip()
        raise EngineError(f"ruff ended with {status}: {message}")


def _file(
    file: SourceFile, rules: Sequence[Rule], hits: Sequence[_Hit]
) -> Iterator[Finding | Skip]:
    trouble = [hit for hit in hits if hit["code"] in {_BROKEN, _UNREADABLE, None}]
    if trouble:
        yield _skip(file, trouble[0], rules)
    elif hits:
        lines = Text.of(file.text).lines
        for rule in rules:
            yield from _findings(rule, file.path, lines, hits)


def _findings(
    rule: Rule, path: str, lines: Sequence[str], hits: Sequence[_Hit]
) -> Iterator[Finding]:
    for entry in entries(rule, _ENGINE):
        for hit in hits:
            if hit["code"] in _select(entry):
                found = finding(rule, path, lines, _region(hit), _ENGINE, entry.options)
                if lines_fit(entry.options, found.quote):
                    yield replace(found, fix=fix(hit, path, lines))


def _skip(file: SourceFile, hit: _Hit, rules: Sequence[Rule]) -> Skip:
    """Tell what is wrong beside the file's name: the reason is the same for all such files."""
    said = hit["message"].strip()
    return Skip(
        what=f"{display_path(file.path)}:{hit['location']['row']} ({said})",
        why=_NO_PYTHON if hit["code"] != _UNREADABLE else f"ruff: {said}",
        path=file.path,
        rule_ids=tuple(sorted(rule.id for rule in rules)),
    )


def _region(hit: _Hit) -> Region:
    """Translate ruff's place; an end in the first column is the end of the line before."""
    start, end = hit["location"], hit["end_location"]
    return Region(start["row"], start["column"], end["row"], end["column"])


def _code_complaints(options: Mapping[str, Any]) -> Iterator[Complaint]:
    codes = listed(options.get("select"))
    if not codes:
        yield ("select",) if "select" in options else (), "select: list ruff's codes, as [S608]"
    for number, code in enumerate(codes):
        if code not in _stable_codes():
            text = f"{code!r} is no stable code of {version()}; see 'ruff rule --all'"
            yield ("select",) if isinstance(options["select"], str) else ("select", number), text


@lru_cache(maxsize=1)
def _stable_codes() -> frozenset[str]:
    rules = json.loads(_run("rule", "--all", "--output-format=json"))
    return frozenset(rule["code"] for rule in rules if "Stable" in rule["status"])
