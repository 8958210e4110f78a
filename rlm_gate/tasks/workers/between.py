"""What workers did against each other: the same helper twice, conflicts, overlapping edits."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final, NamedTuple

from rlm_gate.core import Severity
from rlm_gate.languages import language_of
from rlm_gate.tasks.workers.added import Block, Line
from rlm_gate.tasks.workers.faults import CONSISTENCY, Fault, Place, functions, place

OVERLAP = "assess/overlap"
LEAST_TOKENS = 30
"""Tokens of a function below which likeness is no wonder."""
ALIKE = 0.85
"""Share of common 5-token shingles (Jaccard) from which two functions are the same helper."""
_SHINGLE: Final = 5
_TOKEN: Final = re.compile(r"[A-Za-z_]\w*|\d+|\"[^\"]*\"|'[^']*'|[^\w\s]")
_KEYWORD: Final = frozenset(
    {
        *("if", "else", "elif", "for", "while", "return", "in", "not", "and", "or", "is", "None"),
        *("True", "False", "def", "class", "try", "except", "raise", "with", "import", "from"),
        *("function", "const", "let", "var", "new", "func", "range", "switch", "case", "break"),
        *("append", "len", "int", "str", "list", "dict", "sum", "min", "max", "null", "true"),
    }
)
_FUNCTION: Final = re.compile(
    r"^(?:export\s+)?(?:async\s+)?(?:function\s+(\w+)|func\s+(?:\([^)]*\)\s*)?(\w+)\s*\("
    r"|(?:const|let|var)\s+(\w+)\s*=\s*(?:async\s*)?(?:\([^)]*\)|\w+)\s*=>)"
)
_CONSTANT: Final = re.compile(
    r"^(?:export\s+)?(?:const\s+|final\s+|static\s+)*([A-Z][A-Z0-9_]{3,})\s*(?::[^=]+)?=\s*"
    r"([\w.\"'-]+);?\s*(?:#.*|//.*)?$"
)
_NAME: Final = re.compile(r"^\s*(?:async\s+)?(?:def|function|func)\s+(?:\([^)]*\)\s*)?(\w+)")
_CAMEL, _SNAKE = re.compile(r"[a-z]+(?:[A-Z][a-z0-9]*)+"), re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
_HABIT: Final = 3
_SHARE: Final = 0.8
_TELLING: Final = re.compile(r"^(?!import |from |use |using |#include|package ).*\w{4}.*\S.{5}")


class _Function(NamedTuple):
    name: str
    shingles: frozenset[tuple[str, ...]]
    place: Place


def inconsistencies(blocks: Sequence[Block]) -> Iterator[Fault]:
    """Find everything that two workers did differently, twice or on top of each other."""
    yield from _twice(blocks)
    yield from _constants(blocks)
    yield from _overlaps(blocks)
    yield from _naming(blocks)


def _twice(blocks: Sequence[Block]) -> Iterator[Fault]:
    found = [one for block in blocks for one in (*_python(block), *_braced(block))]
    index: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for number, one in enumerate(found):
        for shingle in one.shingles:
            index[shingle].add(number)
    near = {pair for group in index.values() if len(group) < 50 for pair in combinations(group, 2)}
    for left, right in sorted(tuple(sorted(pair)) for pair in near):
        one, other = found[left], found[right]
        if one.place.worker == other.place.worker or _same_place(one.place, other.place):
            continue
        alike = len(one.shingles & other.shingles) / len(one.shingles | other.shingles)
        if alike >= ALIKE:
            why = f"{one.name} and {other.name} are the same helper ({alike:.0%} alike)."
            places = (one.place, other.place)
            yield Fault("assess/same-helper", CONSISTENCY, Severity.MEDIUM, why, places)


def _same_place(one: Place, other: Place) -> bool:
    return one.file == other.file


def _python(block: Block) -> Iterator[_Function]:
    for node in functions(block):
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        code = "\n".join(ast.unparse(part) for part in body)
        shingles = _shingles(code)
        if shingles:
            yield _Function(node.name, shingles, place(block, block.added[node.lineno - 1]))


def _braced(block: Block) -> Iterator[_Function]:
    """Yield functions of languages with braces: to the line that closes the first column."""
    if language_of(block.file) == "python":
        return
    for start, line in enumerate(block.added):
        if match := _FUNCTION.match(line.text):
            body = _until_closed(block.added[start + 1 :])
            if shingles := _shingles("\n".join(body)):
                name = next(group for group in match.groups() if group)
                yield _Function(name, shingles, place(block, line))


def _until_closed(lines: Sequence[Line]) -> Iterator[str]:
    for line in lines:
        if line.text.startswith("}"):
            return
        yield line.text


def _shingles(code: str) -> frozenset[tuple[str, ...]]:
    """Return runs of tokens, the author's own names replaced by the order they come in."""
    names: dict[str, str] = {}
    tokens = [_token(token, names) for token in _TOKEN.findall(code)]
    if len(tokens) < LEAST_TOKENS:
        return frozenset()
    runs = range(len(tokens) - _SHINGLE + 1)
    return frozenset(tuple(tokens[start : start + _SHINGLE]) for start in runs)


def _token(token: str, names: dict[str, str]) -> str:
    if token in _KEYWORD or not (token[0].isalpha() or token[0] == "_"):
        return token
    return names.setdefault(token, f"name{len(names)}")


def _constants(blocks: Sequence[Block]) -> Iterator[Fault]:
    values: dict[str, dict[str, tuple[str, Place]]] = defaultdict(dict)
    for block in blocks:
        for line in block.added:
            if match := _CONSTANT.match(line.text):
                values[match[1]][block.worker] = (match[2], place(block, line))
    for name, given in sorted(values.items()):
        places = [where for _, where in given.values()]
        files = {where.file for where in places}
        if len({value for value, _ in given.values()}) > 1 and len(files) == len(places):
            why = f"{name} has another value in each worker's code."
            yield Fault(
                "assess/conflicting-values", CONSISTENCY, Severity.MEDIUM, why, tuple(places)
            )


def _overlaps(blocks: Sequence[Block]) -> Iterator[Fault]:
    """Find lines of a file that one worker edited and another then changed, or that two changed.

    Who wrote the file in the first place is not in the way of those who change it later.
    """
    added: dict[tuple[str, str], Place] = {}
    removed: dict[tuple[str, str], Place] = {}
    told: set[tuple[str, str, str]] = set()
    for block in blocks:
        for line in block.removed:
            key = (block.file, line.text.strip())
            mine = _standing(block, line)
            for earlier in (added.get(key), removed.get(key)):
                pair = (block.file, *sorted((earlier.worker if earlier else "", block.worker)))
                if not earlier or earlier.worker == block.worker or pair in told:
                    continue
                if _TELLING.search(key[1]):
                    told.add((pair[0], pair[1], pair[2]))
                    why = f"Two workers changed the same lines of {block.file}."
                    places = (earlier, mine)
                    yield Fault(OVERLAP, CONSISTENCY, Severity.INFO, why, places)
            removed.setdefault(key, mine)
        for line in block.added if not block.created else ():
            added[block.file, line.text.strip()] = place(block, line)


def _standing(block: Block, gone: Line) -> Place:
    """Return the added line that stands in for a removed one; the removed row if there is none."""
    if block.added:
        index = min(block.removed.index(gone), len(block.added) - 1)
        return place(block, block.added[index])
    return Place(block.worker, block.path, gone.row, block.file, gone.number)


def _naming(blocks: Sequence[Block]) -> Iterator[Fault]:
    """Find a worker whose functions are named against the habit of all, in one language."""
    styles: dict[str, Counter[str]] = defaultdict(Counter)
    places: dict[tuple[str, str, str], list[Place]] = defaultdict(list)
    for block in blocks:
        language = language_of(block.file)
        for line in block.added:
            match = _NAME.match(line.text)
            style = _style(match[1]) if match else ""
            if style:
                styles[language][style] += 1
                places[language, style, block.worker].append(place(block, line))
    for (language, style, worker), found in sorted(places.items()):
        habit, count = styles[language].most_common(1)[0]
        if style != habit and len(found) >= _HABIT and count >= _SHARE * styles[language].total():
            why = f"{worker} names functions in {style}, the others in {habit}."
            yield Fault("assess/naming", CONSISTENCY, Severity.LOW, why, tuple(found[:5]))


def _style(name: str) -> str:
    if _SNAKE.fullmatch(name):
        return "snake_case"
    return "camelCase" if _CAMEL.fullmatch(name) else ""
