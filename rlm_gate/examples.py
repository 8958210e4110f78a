"""Turn the examples that rules carry into files to judge, held in memory.

Examples stand in the rule file under ``tests:`` and, longer ones, beside it as ``<rule>.<ext>``
with ``ruleid:`` and ``ok:`` comments. Runs no engine.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlm_gate import config, languages, schemas
from rlm_gate.core import Corpus, Removed, Rule, Scope, SourceFile, Span, display_path, split_lines
from rlm_gate.errors import Problem
from rlm_gate.packs import LoadedPack
from rlm_gate.rulefile import RuleFile

_EXTENSIONS = {  # of the languages whose name is not their extension
    "batch": "bat",
    "clojure": "clj",
    "csharp": "cs",
    "elixir": "ex",
    "erlang": "erl",
    "haskell": "hs",
    "javascript": "js",
    "julia": "jl",
    "kotlin": "kt",
    "objc": "m",
    "perl": "pl",
    "powershell": "ps1",
    "protobuf": "proto",
    "python": "py",
    "restructuredtext": "rst",
    "ruby": "rb",
    "rust": "rs",
    "solidity": "sol",
    "template": "hbs",
    "typescript": "ts",
}
_NO_EXAMPLES = (".yaml", ".yml", ".md")
_YAML_EXAMPLES = (".test.yaml", ".test.yml", ".test.md")
_ANNOTATION = re.compile(r"\s*(ruleid|ok):\s*([\w/-]+(?:\s*,\s*[\w/-]+)*)")


@dataclass(frozen=True, slots=True)
class Example:
    """One example as a file to judge. ``place`` is where it is written: path, line, column.

    ``lines`` are those where a finding must start, and no other may, in a file with ``ruleid:``
    comments; None where the whole example is bad, or good. ``fixed`` is what the fixes make of it.
    ``beside`` are other files of its tree, path and text.
    """

    rule: Rule
    place: tuple[str, int, int]
    file: SourceFile
    bad: bool
    stopped_by: str | None = None
    lines: frozenset[int] | None = None
    fixed: str | None = None
    beside: tuple[tuple[str, str], ...] = ()

    def fails(self, text: str, line: int = 0) -> Problem:
        """Make the report of a failure: at the example, or at a line of a file beside the rule."""
        path, start, column = self.place
        where = (path, line, 1) if line else (path, start, column)
        return Problem(*where, f"{self.rule.id}: {text}")


def corpus_of(files: Sequence[SourceFile], beside: Iterable[tuple[str, str]] = ()) -> Corpus:
    """Return the files as a corpus whose tree has these paths and texts ``beside`` them."""
    tree = {file.path: file.text for file in files if file.status != "deleted"}
    tree.update(beside)
    return Corpus(Scope("paths", "examples"), tuple(files), (), tree)


def whole_file(path: str, language: str, text: str) -> SourceFile:
    """Return a file of which every line is judged."""
    count = len(split_lines(text))
    return _file(path, "whole", language, text, (Span(path, 1, count),) if count else ())


def changed_file(path: str, language: str, before: str, after: str) -> SourceFile:
    """Return a file of which the difference between two texts is judged."""
    old, new = split_lines(before), split_lines(after)
    blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changes = [block[1:] for block in blocks if block[0] != "equal"]
    changed = tuple(Span(path, start + 1, end) for _, _, start, end in changes if end > start)
    removed = tuple(
        Removed(after_line, "\n".join(old[start:end]))
        for start, end, after_line, _ in changes
        if end > start
    )
    status = "modified" if old and new else "added" if new else "deleted"
    return _file(path, status, language, after, changed, removed)


def of_rule(pack: LoadedPack, file: RuleFile) -> Iterator[Example | Problem]:
    """Yield the rule's examples, and what is wrong with files beside it."""
    if file.rule:
        yield from written(file, file.rule)
        for path in _files_beside(pack):
            if _stem(path) == file.rule.id.partition("/")[2]:
                yield _beside(pack, file.rule, path)


def written(file: RuleFile, rule: Rule) -> Iterator[Example]:
    """Yield the examples that stand in the rule's own file."""
    tests = file.tests
    if tests is None:
        return
    for kind, examples in (("bad", tests.bad), ("good", tests.good)):
        for index, written in enumerate(examples):
            mark = file.document.mark(("tests", kind, index))
            place = (file.document.path, *mark)
            judged = _judged(rule, f"{kind}_{index + 1}", written)
            stopped_by = getattr(written, "stopped_by", None)
            fixed = getattr(written, "fixed", None)
            beside = tuple(getattr(written, "beside", {}).items())
            yield Example(
                rule, place, judged, kind == "bad", stopped_by, fixed=fixed, beside=beside
            )


def strays(pack: LoadedPack) -> Iterator[Problem]:
    """Yield the example files that belong to no rule of the pack."""
    known = {rule.id.partition("/")[2] for rule in pack.pack.rules}
    for path in _files_beside(pack):
        if _stem(path) not in known:
            yield Problem(_label(pack, path), 1, 1, f"there is no {_stem(path)}.yaml beside it")


def _file(
    path: str,
    status: str,
    language: str,
    text: str,
    changed: tuple[Span, ...],
    removed: tuple[Removed, ...] = (),
) -> SourceFile:
    return SourceFile(
        path=path,
        status=status,
        language=language,
        changed=changed,
        removed=removed,
        line_count=len(split_lines(text)),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        read=lambda: text,
    )


def _judged(rule: Rule, name: str, written: schemas.Written) -> SourceFile:
    first = rule.languages[0] if rule.languages[0] != "any" else languages.UNKNOWN
    if isinstance(written, str):
        return whole_file(_path(rule, name, first), first, written)
    language = written.lang or first
    path = written.path or _path(rule, name, language)
    if isinstance(written, schemas.ChangeModel):
        return changed_file(path, language, written.before, written.after)
    return whole_file(path, language, written.code)


def _path(rule: Rule, name: str, language: str) -> str:
    """Make a path of the language, plain enough to be a module's, and no test's or document's."""
    stem = f"{rule.id}_{name}".replace("/", "_").replace("-", "_")
    return f"src/{stem}.{_EXTENSIONS.get(language, language)}"


def _files_beside(pack: LoadedPack) -> list[Path]:
    """Return the files in the pack's folder that are neither rules nor documents nor hidden."""
    return sorted(
        path
        for path in pack.folder.path.iterdir()
        if path.is_file()
        and path.name[0] not in "._"
        and (not path.name.endswith(_NO_EXAMPLES) or path.name.endswith(_YAML_EXAMPLES))
    )


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def _label(pack: LoadedPack, path: Path) -> str:
    return f"{pack.folder.label}/{display_path(path.name)}"


def _beside(pack: LoadedPack, rule: Rule, path: Path) -> Example | Problem:
    """Read an annotated example."""
    label = _label(pack, path)
    try:
        text = config.read_file(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        return Problem(label, 1, 1, f"can't be read as UTF-8: {error}")
    lines = split_lines(text)
    language = languages.language_of(path.name, lines[0] if lines else "")
    marks = _marks(rule, lines, language)
    if not marks:
        return Problem(label, 1, 1, "no comment here says 'ruleid: ...' or 'ok: ...' of its rule")
    wanted = frozenset(line for line, kind in marks.items() if kind == "ruleid")
    name = f"src/{rule.pack}/{path.name}"
    return Example(
        rule, (label, 1, 1), whole_file(name, language, text), bool(wanted), None, wanted
    )


def _marks(rule: Rule, lines: Sequence[str], language: str) -> dict[int, str]:
    """Map the line that follows each annotation to its kind; several may stand on one another."""
    marks: dict[int, str] = {}
    kind = ""
    for number, line in enumerate(lines, 1):
        found = _annotation(rule, line, language)
        if kind and not found:
            marks[number] = kind
            kind = ""
        kind = found or kind
    return marks


def _annotation(rule: Rule, line: str, language: str) -> str:
    """Return ``ruleid`` or ``ok`` if the line is a comment that says so of the rule, else ""."""
    content = line.strip()
    for prefix in languages.comment_prefixes(language):
        found = _ANNOTATION.match(content.removeprefix(prefix))
        if content.startswith(prefix) and found:
            names = re.split(r"\s*,\s*", found[2])
            return found[1] if {rule.id, rule.id.partition("/")[2]} & {*names} else ""
    return ""
