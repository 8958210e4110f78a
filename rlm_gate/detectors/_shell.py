"""Find the shell that other files hold: RUN in images, steps of pipelines, tasks, recipes.

The shell is given in its place: a text of as many lines, all else blank, so that what is found in
it stands where the file has it. Recipes of make lose the doubled dollars, which moves columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from rlm_gate import kept

HOSTS: Final = frozenset({"dockerfile", "make", "yaml"})
"""The languages whose files hold shell."""

_PIPELINES = kept.expression(
    r"(?:\A|/)(?:\.github/workflows/[^/]+|action|\.gitlab-ci[^/]*|\.travis|azure-pipelines[^/]*"
    r"|bitbucket-pipelines|\.circleci/[^/]+|\.drone|\.woodpecker[^/]*|buildspec)\.ya?ml\Z"
)
_ACTIONS = kept.expression(r"(?:\A|/)(?:\.github/workflows/[^/]+|action)\.ya?ml\Z")
_STEP = kept.expression(r"(?P<key>[ ]*(?:-[ ]+)*)run:(?:[ ]+(?P<value>.*))?\Z")
_ANY_STEP = kept.expression(
    r"(?P<key>[ ]*(?:-[ ]+)*)(?:(?:before_|after_)?(?:script|install)|run|commands?|bash):"
    r"(?:[ ]+(?P<value>.*))?\Z"
)
_TASK = kept.expression(
    r"(?P<key>[ ]*(?:-[ ]+)*)(?:(?:ansible\.builtin\.)?(?:shell|command)|cmd|runcmd|script):"
    r"(?:[ ]+(?P<value>.*))?\Z"
)
_BLOCK = kept.expression(r"[|>][-+0-9]*\s*(?:#.*)?\Z")
_ITEM = kept.expression(r"(?P<key>[ ]*-[ ]+)(?P<value>.*)\Z")
_OTHER_SHELL = kept.expression(r"[ ]*(?:-[ ]+)?shell:\s*[\"']?(?!(?:/\S*/)?(?:ba|z|da)?sh\b)\w")
_EXPRESSION = kept.expression(r"\$?\{\{.*?\}\}")
_TEMPLATE = kept.expression(r"(?<![$])\{\{[^\n]*?\}\}")
_TEMPLATE_LINE = kept.expression(r"(?m)^[ \t]*\{\{[^\n]*\}\}[ \t]*$")
_RUN = kept.expression(r"(?i)\s*(?:ONBUILD\s+)?RUN\s+(?:--\w[\w-]*=\S+\s+)*(?!\[)")
_HERE = kept.expression(r"(?<!<)<<-?[ \t]*[\"']?([A-Za-z_]\w*)[\"']?")
_WINDOWS = kept.expression(r"(?im)^\s*SHELL\s.*(?:powershell|pwsh|cmd)")
_RECIPE = kept.expression(r"\t\s*[-@+]*")
_MAKE_VALUE = kept.expression(r"\$\([^()$]*\)|\$\{[^{}$]*\}|\$[@<^?*%+|\w]")
_MAKE_DEPTH = 5

_Row = tuple[int, str]


@lru_cache(maxsize=8)
def embedded(text: str, language: str, path: str) -> str:
    """Return the shell of a file of HOSTS, each line in its place; "" where it holds none."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if language == "yaml":
        shell = dict(_pipeline(lines, path))
    else:
        shell = dict(_makefile(lines) if language == "make" else _dockerfile(lines))
    return "\n".join(shell.get(number, "") for number in range(len(lines))) if shell else ""


def without_templates(text: str) -> str:
    """Write words, or nothing on lines of their own, for what Helm or Ansible put into YAML.

    Lines and columns stay. The expressions of workflows do as well: rules look at them.
    """
    if "{{" not in text:
        return text
    text = _TEMPLATE_LINE.sub(lambda line: " " * len(line[0]), text)
    return _TEMPLATE.sub(lambda value: "x" * len(value[0]), text)


def _dockerfile(lines: Sequence[str]) -> Iterator[_Row]:
    if any(_WINDOWS.match(line) for line in lines):
        return
    rows = enumerate(lines)
    for number, line in rows:
        run = _RUN.match(line)
        if run:
            yield from _instruction(number, _from(line, run.end()), rows)


def _instruction(number: int, line: str, rows: Iterator[_Row]) -> Iterator[_Row]:
    here = _HERE.search(line)
    if here:
        yield from _document(number, line, here, rows)
        return
    yield number, line
    more = line.rstrip().endswith("\\")
    while more and (row := next(rows, None)):
        number, line = row
        if not line.strip() or line.lstrip().startswith("#"):
            line = "\\"  # docker drops the line, and goes on
        more = line.rstrip().endswith("\\")
        yield number, line


def _document(number: int, line: str, here: re.Match[str], rows: Iterator[_Row]) -> Iterator[_Row]:
    """Yield a here-document: the script itself, or the input of a command."""
    script = not line[: here.start()].strip()
    if not script:
        yield number, line
    for place, text in rows:
        ended = text.strip() == here[1]
        if not (ended and script):
            yield place, text
        if ended:
            return


def _makefile(lines: Sequence[str]) -> Iterator[_Row]:
    rows = enumerate(lines)
    for number, line in rows:
        recipe = _RECIPE.match(line)
        if recipe:
            yield number, _without_make(_from(line, recipe.end()))
            last = line
            while last.endswith("\\"):
                place, last = next(rows, (number, ""))
                yield place, _without_make(last)


def _without_make(line: str) -> str:
    """Write words in the place of make's values; the shell's own lose one of two dollars."""
    line = line.replace("$$", "\0")
    for _ in range(_MAKE_DEPTH):
        line = _MAKE_VALUE.sub(lambda value: "x" * len(value[0]), line)
    return line.replace("\0", "$") + " " * (0 if line.endswith("\\") else line.count("\0"))


def _pipeline(lines: Sequence[str], path: str) -> Iterator[_Row]:
    action = _ACTIONS.search(path)
    key = _STEP if action else _ANY_STEP if _PIPELINES.search(path) else _TASK
    for number, line in enumerate(lines):
        step = key.match(line)
        if step and not (action and _other_shell(lines, number, len(step["key"]))):
            yield from _without_documents(_value(lines, number, step))


def _other_shell(lines: Sequence[str], number: int, column: int) -> bool:
    """Say whether the step at that line names a shell that is none of ours."""
    first, last = number, number + 1
    while first and not _starts(lines[first], column) and _of_step(lines[first - 1], column):
        first -= 1
    while last < len(lines) and _of_step(lines[last], column) and not _starts(lines[last], column):
        last += 1
    return any(_OTHER_SHELL.match(line) for line in lines[first:last])


def _of_step(line: str, column: int) -> bool:
    return not line.strip() or _indent(line) >= column or _starts(line, column)


def _starts(line: str, column: int) -> bool:
    item = _ITEM.match(line)
    return bool(item and len(item["key"]) == column)


def _value(lines: Sequence[str], number: int, step: re.Match[str]) -> Iterator[_Row]:
    column, value = len(step["key"]), step["value"] or ""
    if not value or value.startswith("#"):
        yield from _items(lines, number, column)
        return
    if not _BLOCK.match(value):
        yield number, _scalar(lines[number], step.start("value"))
    yield from _below(lines, number, column)


def _items(lines: Sequence[str], number: int, column: int) -> Iterator[_Row]:
    for place, line in _below(lines, number, column - 1):
        item = _ITEM.match(line)
        if not item and _indent(line) <= column and line.strip():
            return
        if item is None:
            yield place, line
        elif not _BLOCK.match(item["value"]):
            yield place, _scalar(line, item.start("value"))


def _below(lines: Sequence[str], number: int, column: int) -> Iterator[_Row]:
    """Yield the lines after this one that are blank or stand deeper than the column."""
    for place in range(number + 1, len(lines)):
        if lines[place].strip() and _indent(lines[place]) <= column:
            return
        yield place, lines[place]


def _without_documents(rows: Iterator[_Row]) -> Iterator[_Row]:
    """Leave out here-documents: what ends them stands too deep for a shell to see."""
    for number, line in rows:
        here = _HERE.search(line)
        text = line[: here.start()] + " " * len(here[0]) + line[here.end() :] if here else line
        yield number, _EXPRESSION.sub(lambda value: "x" * len(value[0]), text)
        if here:
            next((one for one in rows if one[1].strip() == here[1]), None)


def _scalar(line: str, start: int) -> str:
    value = line[start:].rstrip()
    if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]:
        value = f" {value[1:-1]}"
    return " " * start + value


def _from(line: str, start: int) -> str:
    return " " * start + line[start:]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
