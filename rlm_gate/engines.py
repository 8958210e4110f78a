"""Let the engines judge: each behind one seam, the files of a large scope in several processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from rlm_gate import detectors, syntax
from rlm_gate.core import Corpus, Finding, Rule, Skip, SourceFile, split_lines
from rlm_gate.detectors import secrets
from rlm_gate.symbols import Symbol

if TYPE_CHECKING:
    from rlm_gate.forks import Crew

Items = list[Finding | Skip]
Task = tuple[str, Sequence[Rule]]
"""An engine, and the rules it judges by."""
_Outlines = dict[str, tuple[Symbol, ...]]
_Done = tuple[dict[str, Items], list[list[bool | None]], _Outlines, list[str]]
"""What was found, which prefilters match, symbols by path, paths of what quotes no secret."""

FEW: Final = 24
"""Files that one process judges sooner than a second one has come to life."""
_LARGEST: Final = 16  # files of a piece: all engines share their texts and trees, which need room
_LEAST: Final = 2
_SHARES: Final = 3  # of what is left, for each process: so that none waits long for the last piece


class _Asked(NamedTuple):
    """What an engine was to judge, and whether it can go on without one of the files."""

    name: str
    corpus: Corpus
    rules: Sequence[Rule]
    by_file: bool


def behind_the_seam(name: str, corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Let the engine begin now; return what it finds until it ends or breaks.

    One that judges each file by itself breaks over a file alone: the others it judges all the same.
    """
    found: Iterator[Finding | Skip] = iter(())
    by_file = False
    with _seam(name, rules) as broken:
        by_file = not alone(name)
        found = detectors.load(name).detect(corpus, rules)
    return _until_broken(found, broken, _Asked(name, corpus, rules, by_file))


def _until_broken(
    found: Iterator[Finding | Skip], broken: list[Skip], asked: _Asked
) -> Iterator[Finding | Skip]:
    told = []
    with _seam(asked.name, asked.rules) as later:
        for one in found:
            told.append(one)
            yield one
    broken = [*broken, *later]
    files = asked.corpus.files
    if broken and asked.by_file and len(files) > 1:
        yield from _one_by_one(broken, set(told), asked)
    elif broken and asked.by_file and files:
        yield from (replace(one, path=files[0].path) for one in broken)
    else:
        yield from broken


def _one_by_one(
    broken: list[Skip], told: set[Finding | Skip], asked: _Asked
) -> Iterator[Finding | Skip]:
    """Yield what the engine finds in each file, and what broke: once, if it does so everywhere."""
    each = [
        [*behind_the_seam(asked.name, asked.corpus.piece((file,)), asked.rules)]
        for file in asked.corpus.files
    ]
    why = {skip.why for skip in broken}
    same = [{one for one in found if isinstance(one, Skip) and one.why in why} for found in each]
    if all(same):
        told = told.union(*same)
        yield from broken
    yield from (one for found in each for one in found if one not in told)


@contextmanager
def _seam(name: str, rules: Sequence[Rule]) -> Iterator[list[Skip]]:
    """Turn what an engine raises into a Skip of the list; a Rust panic is no Exception."""
    broken: list[Skip] = []
    try:
        yield broken
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001  # the one seam: a plug-in may raise anything
        why = f"broke with {type(error).__name__}: {error}"
        broken.append(Skip(name, why, blocking=True, rule_ids=tuple(rule.id for rule in rules)))


def alone(name: str) -> bool:
    """Say whether the engine has to see all files at once, or is a process of its own anyway."""
    return name in {*detectors.BESIDE, "sarif", "zizmor"} or not detectors.by_file(name)


def side_by_side(
    corpus: Corpus,
    tasks: Mapping[str, Task],
    rules: Sequence[Rule],
    applies: Callable[[Rule, SourceFile], str],
    processes: int | None = None,
) -> Together | None:
    """Begin with the tasks, in as many processes as there are cores; None for a few files.

    On one core, too, all engines judge a few files before the next, and read them once. For a whole
    scope the prefilters of all ``rules`` are searched as well: its books need them.
    """
    if len(corpus.files) < FEW or not tasks:
        return None
    from rlm_gate import forks

    asked = rules if corpus.scope.whole else ()
    return Together(corpus, tasks, (asked, applies), processes or forks.processes())


class Together:
    """What several processes find, each label's in the order of the files."""

    def __init__(
        self,
        corpus: Corpus,
        tasks: Mapping[str, Task],
        asked: tuple[Sequence[Rule], Callable[[Rule, SourceFile], str]],
        processes: int,
    ) -> None:
        from rlm_gate.forks import Crew

        self._corpus = corpus
        self._tasks = tasks
        self._asked, self._applies = asked
        judging = (rule for _, rules in tasks.values() for rule in rules)
        self._prefilters = sorted(
            {rule.prefilter for rule in (*self._asked, *judging) if rule.prefilter}
        )
        self._pieces = [*_pieces(corpus.files, processes)]
        self._crew: Crew[tuple[SourceFile, ...], _Done] = Crew(self._pieces, self._work, processes)
        self._finished = False
        self.progress: Callable[[str, int, int], None] = lambda _phase, _done, _total: None
        """Told how many files some process has begun with."""
        self.outlines: _Outlines = {}
        """The symbols of files with findings, by path: whoever has judged them had their trees."""

    def __contains__(self, label: str) -> bool:
        """Say whether the label is among the tasks."""
        return label in self._tasks

    def items(self, label: str) -> Iterator[Finding | Skip]:
        """Yield what the label's engine found; the first to ask waits for all of it."""
        if not self._finished:
            self._finished = True
            try:
                self._crew.finish(self._tell)
            finally:
                self._learn()
        told: set[Skip] = set()
        for number in sorted(self._crew.results):
            for item in self._crew.results[number][0].pop(label):
                # an engine that breaks says so for each piece, which may be a file alone
                if isinstance(item, Finding) or replace(item, path=None) not in told:
                    yield item
                told |= {item} if isinstance(item, Skip) and item.path is None else set()
        yield from self._lost(label)

    def left(self) -> Iterator[Finding | Skip]:
        """Yield what was found and nobody has asked for, where the run was interrupted."""
        self.end()
        for number in sorted(self._crew.results):
            found, *_ = self._crew.results[number]
            while found:
                yield from found.pop(next(iter(found)))

    def end(self) -> None:
        """Let no fork work on, whatever came in between."""
        self._crew.end()

    def _tell(self, number: int) -> None:
        begun = sum(map(len, self._pieces[:number]))
        self.progress("files", begun, len(self._corpus.files))

    def _lost(self, label: str) -> Iterator[Skip]:
        lost = sum(
            len(piece)
            for number, piece in enumerate(self._pieces)
            if number not in self._crew.results
        )
        if lost:
            name, rules = self._tasks[label]
            how = ", ".join(self._crew.ended) or "interrupted"
            why = f"the process that judged {lost} files ended early ({how}); run again"
            yield Skip(name, why, blocking=True, rule_ids=tuple(rule.id for rule in rules))

    def _work(self, files: tuple[SourceFile, ...]) -> _Done:
        files = tuple(replace(file, read=cache(file.read)) for file in files)
        corpus = self._corpus.piece(files)
        detectors.expect(rule for _, rules in self._tasks.values() for rule in rules)
        found = {
            label: [*behind_the_seam(name, corpus, rules)]
            for label, (name, rules) in self._tasks.items()
        }
        outlines = dict(_outlines(corpus, found.values()))
        clean = [file.path for file in files if file.path in outlines and _is_clean(file)]
        syntax.forget()
        known = map(detectors.prefilters, files)
        answers = [[one.get(key) for key in self._prefilters] for one in known]
        return found, answers, outlines, clean

    def _learn(self) -> None:
        """Take over which prefilters match in the files; whoever asks next need not search."""
        for number, (_, answers, outlines, clean) in self._crew.results.items():
            self.outlines.update(outlines)
            for file, row in zip(self._pieces[number], answers, strict=True):
                if file.path in clean:
                    secrets.is_clean(_shown(file))
                known = detectors.prefilters(file)
                for key, answer in zip(self._prefilters, row, strict=True):
                    if answer is not None:
                        known[key] = answer


def _shown(file: SourceFile) -> str:
    """Return the text that a report quotes from."""
    text = file.text
    return "\n".join(split_lines(text)) if "\r" in text else text


def _is_clean(file: SourceFile) -> bool:
    """Say whether no line of the file has to be masked where a report quotes it."""
    return not secrets.secrets_of(_shown(file))


def _outlines(corpus: Corpus, found: Iterable[Items]) -> Iterator[tuple[str, tuple[Symbol, ...]]]:
    """Yield the symbols of each file that has a finding which a report may name."""
    spans = {one.span for items in found for one in items if isinstance(one, Finding)}
    for file in corpus.files:
        own = (one for one in spans if one.path == file.path)
        if file.status != "deleted" and any(file.touched(one.start, one.end) for one in own):
            yield file.path, syntax.outline(file.text, file.language)


def _pieces(files: Sequence[SourceFile], processes: int) -> Iterator[tuple[SourceFile, ...]]:
    """Cut the files into pieces, the last ones small."""
    start = 0
    while start < len(files):
        share = (len(files) - start) // (_SHARES * processes)
        size = min(_LARGEST, max(_LEAST, share))
        yield tuple(files[start : start + size])
        start += size
