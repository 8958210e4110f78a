"""Flag shapes of syntax trees, by ast-grep. Sees one file at a time: no types, no data flow.

``rule`` (with ``constraints`` and ``utils``) is ast-grep's own rule object; ``language`` is one
language or several that share the shape. ``matches: outside`` in it means what carries input from
outside, see ``_flows``. ``once`` lists kinds of nodes: of what stands within the outermost of them
only the first is told. Where a rule for bash also names the language of images, recipes or
pipelines, the shell in these is judged as well, see ``_shell``; where one for JavaScript names
pages or components, the scripts in them, see ``_scripts``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlm_gate import rusttests, syntax
from rlm_gate.conventions import by_content
from rlm_gate.core import Corpus, Detect, Finding, Rule, Severity, Skip, SourceFile, display_path
from rlm_gate.detectors import (
    LINE_OPTIONS,
    Complaint,
    Region,
    Text,
    _bones,
    _broken,
    _chances,
    _clauses,
    _flows,
    _ruleform,
    _scripts,
    _shell,
    applying,
    entries,
    finding,
    language_complaints,
    line_complaints,
    lines_fit,
    lines_possible,
    listed,
    reads,
    unknown_keys,
)
from rlm_gate.detectors._where import speaks

_Config = Mapping[str, Any]
# The rules that have entries for a language, and these entries by the rules' numbers.
_Spoken = tuple[tuple[Rule, ...], Mapping[int, Sequence[Detect]]]
# By a tuple of rules and a language: the rules themselves, and what of them speaks it.
_SPOKEN: dict[tuple[int, str], tuple[Sequence[Rule], _Spoken]] = {}
_Wanted = tuple[Rule, Detect, _Config, tuple[_clauses.Clause, ...]]
# By an entry's options and a language: the options themselves, their configuration, what it needs.
_READY: dict[tuple[int, str], tuple[_Config, _Config, tuple[_clauses.Clause, ...]]] = {}
# By a configuration and lesser flows: these two, and the configuration with them.
_LESSER: dict[tuple[int, int], tuple[_Config, _Config, _Config]] = {}
# By a rule: itself, and whether one of its shapes names comments.
_SIGHTED: dict[int, tuple[Rule, bool]] = {}
_MANY = 4096

_ENGINE = "astgrep"
_SHELL = "bash"
_GRAVE_BY_SHAPE = frozenset({"csharp", "kotlin", "ruby", "rust"})
_FEW = 4  # pieces of a file to search one by one: each search reads its rule anew


def validate(options: Mapping[str, Any], languages: Sequence[str]) -> Iterator[Complaint]:
    """Check the shape of the rule with places, then let ast-grep compile it for each language."""
    known = ("language", "once", *_ruleform.CONFIG, *LINE_OPTIONS)
    complaints = [
        *unknown_keys(options, known),
        *_ruleform.complaints(options),
        *language_complaints(options, languages),
        *line_complaints(options),
    ]
    if "once" in options and not listed(options["once"]):
        complaints.append((("once",), "once: list kinds of nodes, as for_statement"))
    yield from complaints
    if not complaints:
        yield from _compiles(options)


def languages(options: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the languages the entry names, and those that hold them."""
    named = frozenset(listed(options["language"]))
    held = _shell.HOSTS if _SHELL in named else frozenset()
    return named | held | _scripts.holding(named)


def version() -> str:
    """Of ast-grep-py and of this module."""
    from importlib.metadata import version as installed

    return f"13+{installed('ast-grep-py')}"


def detect(corpus: Corpus, rules: Sequence[Rule]) -> Iterator[Finding | Skip]:
    """Parse each file that a rule applies to once, and yield every match of every rule."""
    for file in corpus.files:
        if file.status != "deleted" and (wanted := [*_wanted(file, rules, file.language)]):
            yield from _judge(file, wanted)
        if file.language in _shell.HOSTS and file.status != "deleted":
            yield from _judge_shell(file, rules)
        if script := _scripts.scripts_of(file):
            yield from _judge_scripts(file, script, rules)


def _judge_shell(file: SourceFile, rules: Sequence[Rule]) -> Iterator[Finding]:
    """Judge the shell that a file of another language holds. What does not parse is not told."""
    wanted = [*_wanted(file, rules, _SHELL)]
    text = _shell.embedded(file.text, file.language, file.path) if wanted else ""
    if text:
        tree, lines = syntax.parse(text, _SHELL), Text.of(file.text).lines
        yield from _matches(file, wanted, tree, lines, {})


def _judge_scripts(
    file: SourceFile, script: SourceFile, rules: Sequence[Rule]
) -> Iterator[Finding]:
    """Judge the scripts that a page or component holds. What does not parse is not told."""
    wanted = [*_wanted(file, rules, script.language)]
    if wanted:
        tree, lines = syntax.parse(script.text, script.language), Text.of(file.text).lines
        for bare, some in _by_sight(script, wanted, tree):
            yield from _matches(script, some, bare, lines, _lesser_flows(script))


def _by_sight(
    file: SourceFile, wanted: Sequence[_Wanted], tree: syntax.Tree
) -> Iterator[tuple[syntax.Tree, Sequence[_Wanted]]]:
    """Yield the rules that name comments with the tree, the rest with one without them.

    A comment between two arguments would else hide a call from most shapes.
    """
    parts = _near_change(file, tree)
    bare = tree.uncommented(file.text, file.language, parts)
    if bare is tree:
        yield tree, wanted
        return
    blind = [one for one in wanted if not _names_comments(one[0])]
    yield bare, blind
    if len(blind) < len(wanted):
        yield tree, [one for one in wanted if _names_comments(one[0])]


def _names_comments(rule: Rule) -> bool:
    known = _SIGHTED.get(id(rule))
    if known is None or known[0] is not rule:
        if len(_SIGHTED) >= _MANY:
            _SIGHTED.clear()
        named = any("comment" in str(one.options) for one in entries(rule, _ENGINE))
        known = _SIGHTED[id(rule)] = rule, named
    return known[1]


def _entries(rules: Sequence[Rule], language: str) -> _Spoken:
    """Return the rules' entries for the language, made once: files come in many small corpora."""
    key = (id(rules), language)
    if key not in _SPOKEN or _SPOKEN[key][0] is not rules or not isinstance(rules, tuple):
        if len(_SPOKEN) >= _MANY:
            _SPOKEN.clear()
        found = {}
        for rule in rules:
            own = entries(rule, _ENGINE) if speaks(rule.languages, language) else ()
            if spoken := [one for one in own if reads(one.options, language)]:
                found[id(rule)] = spoken
        _SPOKEN[key] = rules, (tuple(one for one in rules if id(one) in found), found)
    return _SPOKEN[key][1]


def _ready(options: _Config, language: str) -> tuple[_Config, tuple[_clauses.Clause, ...]]:
    """Return the configuration and what it needs, made once: files come in many small corpora."""
    key = (id(options), language)
    if key not in _READY or _READY[key][0] is not options:
        if len(_READY) >= _MANY:
            _READY.clear()
        made = config(options, language)
        _READY[key] = options, made, _clauses.clauses(made)
    return _READY[key][1:]


def _wanted(file: SourceFile, rules: Sequence[Rule], language: str) -> Iterator[_Wanted]:
    spoken, own = _entries(rules, language)
    for rule in applying(spoken, file):
        for entry in own[id(rule)]:
            if lines_possible(entry.options, file.text):
                yield rule, entry, *_ready(entry.options, language)


def _judge(file: SourceFile, wanted: Sequence[_Wanted]) -> Iterator[Finding | Skip]:
    held = _shell.without_templates if file.language == "yaml" else str
    tree = syntax.parse(held(file.text), file.language)
    lines = Text.of(file.text).lines
    flows, errors = _lesser_flows(file), _broken.Errors(tree)
    for bare, some in _by_sight(file, wanted, tree):
        found = _matches(file, some, bare, lines, flows)
        yield from (one for one in found if not errors.blur(one))
    if flows and flows == _flows.direct(file.language):
        why = "astgrep: packed code; input from outside counts only where it is used as it comes"
        yield Skip(display_path(file.path), why)
    yield from _broken.trouble(file, errors, sorted({rule.id for rule, *_ in wanted}), _ENGINE)


def _matches(
    file: SourceFile,
    wanted: Sequence[_Wanted],
    tree: syntax.Tree,
    lines: Sequence[str],
    flows: Mapping[str, Any],
) -> Iterator[Finding]:
    seen: set[tuple[str, Region, Severity]] = set()
    told: set[tuple[str, int]] = set()
    tests = rusttests.begin(file.text) if file.language == "rust" else math.inf
    parts = _near_change(file, tree)
    texts = {True: [(tree.root, tree.root.text())]}
    texts[False] = [(one, one.text()) for one in parts or ()]
    for rule, entry, config, needs in wanted:
        whole = parts is None or tree.may_match_root(config)
        within = _promising(config, needs, texts[whole], texts[True][0][1], file.language)
        for match in tree.find(_lessened(config, flows), within) if within else ():
            region = Region(match.start_line, match.start_col, match.end_line, match.end_col)
            found = finding(rule, file.path, lines, region, _ENGINE, entry.options)
            if found.severity > Severity.MEDIUM and _may_be_refused(file, config, tree, region):
                found = replace(found, severity=Severity.MEDIUM)
            key = (rule.id, region, found.severity)
            own = key in seen or region.start > tests
            if own or not lines_fit(entry.options, found.quote):
                continue
            seen.add(key)
            around = _outermost(tree, listed(entry.options.get("once")), region.start)
            if not around or (rule.id, around) not in told:
                told.add((rule.id, around))
                yield found


def _may_be_refused(file: SourceFile, config: _Config, tree: syntax.Tree, region: Region) -> bool:
    """Say whether a value from outside may have been refused before; taint knows for its own."""
    if _flows.NAME not in config.get("utils", ()) or file.language not in _GRAVE_BY_SHAPE:
        return False
    from rlm_gate.detectors import _refusals

    return _refusals.refusable(file.text, file.language, tree, (region.start, region.end))


def _promising(
    config: _Config,
    needs: tuple[_clauses.Clause, ...],
    parts: Sequence[tuple[syntax.Node, str]],
    whole: str,
    language: str,
) -> list[syntax.Node]:
    """Return the parts, of which these are the texts, in which the rule may match."""
    if not _clauses.fit(needs, [text for _, text in parts]):
        return []
    chance, kinds = _chances.outlook(config, language)
    may = [part for part, text in parts if chance(text, whole)]
    if may and (bones := _bones.of(config)):
        return [part for part in may if syntax.holds(part, bones)]
    if not 0 < len(kinds) <= _FEW:
        return may
    return [part for part in may if any(part.find(kind=kind) for kind in kinds)]


def _outermost(tree: syntax.Tree, kinds: Sequence[str], line: int) -> int:
    """Return the first line of the outermost node of these kinds that holds the line, else 0."""
    if not kinds:
        return 0
    nodes = tree.find({"rule": {"any": [{"kind": kind} for kind in kinds]}})
    holding = (one.start_line for one in nodes if one.start_line <= line <= one.end_line)
    return min(holding, default=0)


def _near_change(file: SourceFile, tree: syntax.Tree) -> Sequence[syntax.Node] | None:
    """Return the few pieces of a file that hold what changed, None where all of it is to be read.

    What stands elsewhere would be left out by policy.
    """
    if file.status in {"whole", "added"}:
        return None
    parts = tree.parts(file.touched)
    return parts if len(parts) <= _FEW else None


def config(options: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return the rule object, with the flows' utilities where it names them."""
    config = {key: options[key] for key in _ruleform.CONFIG if key in options}
    if _names_flows(config):
        config["utils"] = {**_flows.utilities(language), **config.get("utils", {})}
    return config


def _lesser_flows(file: SourceFile) -> Mapping[str, Any]:
    """Return the utilities that the file is worth instead of all; {} for all, or none at all."""
    if not _flows.utilities(file.language):
        return {}
    if not _flows.possible(file.language, file.text):
        return _flows.nothing(file.language)
    packed = by_content(file.text, "javascript") == "minified"
    return _flows.direct(file.language) if packed else {}


def _lessened(config: Mapping[str, Any], flows: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the rule with these flows for its own; following them is most of a search's time."""
    if not flows or _flows.NAME not in config.get("utils", ()):
        return config
    key = (id(config), id(flows))
    made = _LESSER.get(key)
    if made is None or made[0] is not config or made[1] is not flows:
        if len(_LESSER) >= _MANY:
            _LESSER.clear()
        utils = config["utils"].items()
        own = {name: one for name, one in utils if not name.startswith(_flows.NAME)}
        made = _LESSER[key] = config, flows, {**config, "utils": {**own, **flows}}
    return made[2]


def _names_flows(node: Any) -> bool:
    if isinstance(node, Mapping):
        return node.get("matches") == _flows.NAME or any(map(_names_flows, node.values()))
    return isinstance(node, list | tuple) and any(map(_names_flows, node))


def _compiles(options: Mapping[str, Any]) -> Iterator[Complaint]:
    named = listed(options["language"])
    dialects = {**dict.fromkeys(named), **({"tsx": None} if "typescript" in named else {})}
    problems: dict[str, list[str]] = {}
    for language in dialects:
        if problem := syntax.validate(config(options, language), language):
            problems.setdefault(problem, []).append(language)
    for problem, concerned in problems.items():
        yield ("rule",), f"{', '.join(concerned)}: {problem}"
