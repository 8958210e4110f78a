"""What the gate does around its verdict: names and owners of findings, and policy's own slips."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rlm_gate import accepted, newness, policyref
from rlm_gate.config import CONFIG_FILE, EVERY_PACK, Models, PolicyOrigin, Settings
from rlm_gate.core import (
    Audit,
    Corpus,
    Coverage,
    Finding,
    Rule,
    RulePack,
    Scope,
    Skip,
    SourceFile,
    Suppression,
    Usage,
    Verdict,
)
from rlm_gate.errors import ConfigError, Mistakes, Problem, UsageError
from rlm_gate.ownrules import POLICY_CHANGED
from rlm_gate.policy import Evidence, Policy, judge
from rlm_gate.repo import Repo
from rlm_gate.routing import is_id

if TYPE_CHECKING:
    from rlm_gate.recall import Recall
    from rlm_gate.rlm.slices import Joined
    from rlm_gate.symbols import Symbol


def finished(
    findings: Sequence[Finding],
    corpus: Corpus,
    home: Path | None,
    rules: Sequence[Rule] = (),
    recall: Recall | None = None,
    outlines: Mapping[str, tuple[Symbol, ...]] = MappingProxyType({}),
) -> tuple[Finding, ...]:
    """Return the findings with fixes, fingerprints and owners, secrets masked in what they quote.

    ``home`` is the folder that the policy, and with it CODEOWNERS, is read from. Fingerprints of a
    renamed rule keep to the oldest name in its ``aliases``. ``outlines`` has the symbols of the
    files for which they are known, by path.
    """
    if not findings:
        return ()
    from rlm_gate import owners
    from rlm_gate.fingerprint import outlined, stamp

    findings = _with_fixes(findings, corpus, rules)
    known = owners.read(home)
    oldest = {rule.id: rule.aliases[0] for rule in rules if rule.aliases}
    outline = recall.outline if recall else outlined

    def symbols(file: SourceFile) -> tuple[Symbol, ...]:
        return outlines[file.path] if file.path in outlines else outline(file)

    named = stamp(findings, corpus, oldest, symbols)
    return tuple(replace(one, owners=known.of(one.span.path)) for one in named)


def unread(settings: Settings, why: str) -> Verdict:
    """Return the verdict of a run that ended before its files were known: none was examined."""
    request, mode = settings.scope, settings.models.mode
    corpus = Corpus(Scope(request.mode, request.mode), (), (), {})
    told = f"{why} while files and rules were read; no file was examined"
    evidence = Evidence(
        corpus=corpus,
        packs=(),
        rules=(),
        findings=(),
        skips=(Skip("run", told, blocking=True),),
        coverage=Coverage(0, 0, ()),
        audit=Audit("models" if mode == "on" else mode),
        usage=Usage(),
        interrupted=why,
    )
    return judge(evidence, Policy.of(settings))


def accepting(settings: Settings, corpus: Corpus) -> newness.Accepting:
    """Return what people accept by comment, file form and baseline, the new ones told apart."""
    comments = accepted.in_comments(corpus)

    def read(contents: Mapping[str, bytes]) -> tuple[Suppression, ...]:
        return accepted.in_files(replace(settings, accepted=contents))

    def before() -> Mapping[str, bytes]:
        repo = Repo.open(settings.scope.repo)
        base = corpus.scope.base
        return policyref.contents(repo, base, settings.accepted) if repo and base else {}

    settled = newness.settle(comments.suppressions, settings, corpus, read, before)
    return replace(settled, notices=comments.notices)


def _with_fixes(
    findings: Sequence[Finding], corpus: Corpus, rules: Sequence[Rule]
) -> Sequence[Finding]:
    fixable = {rule.id for rule in rules if rule.fix}
    if not any(one.rule_id in fixable for one in findings):
        return findings
    from rlm_gate import rewrites

    files = {file.path: file for file in corpus.files}
    return rewrites.attach(findings, rules, files.get)


def policy_changes(origin: PolicyOrigin, corpus: Corpus, policy: Policy) -> Iterator[Finding]:
    """Yield what the change does to the policy, whatever the scope leaves out."""
    if not origin.changed:
        return
    from rlm_gate import policychange

    for finding in policychange.findings(origin, corpus):
        severity = policy.severity(POLICY_CHANGED, finding.span.path)
        yield replace(finding, severity=severity or finding.severity)


def check_overrides(loaded: Sequence[RulePack], settings: Settings) -> None:
    """Refuse what names a rule or pack that nobody loaded: a slip there changes policy."""
    rules = [rule for pack in loaded for rule in pack.rules]
    known = {name for rule in rules for name in (rule.id, rule.pack, *rule.aliases)}
    named = {
        name
        for one in settings.overrides
        for name in (*one.ignore, *one.severity, *(one.packs or ()))
    }
    by_pack = (settings.pack_fail_on, *(one.fail_on for one in settings.overrides))
    named |= {name for one in by_pack for name in one if name != EVERY_PACK}
    unknown = sorted(name for name in named - known if not name.startswith("gate/"))
    if unknown:
        from rlm_gate import mistakes

        raise ConfigError(
            tuple(
                Problem(
                    *settings.places.get(name, (CONFIG_FILE, 1, 1)),
                    f"no loaded pack has {name!r}; {mistakes.rule_hint(name, known)}",
                )
                for name in unknown
            )
        )


def loaded(settings: Settings, load: Callable[[], tuple[RulePack, ...]]) -> tuple[RulePack, ...]:
    """Return the packs. Raises one error with the mistakes of all files, before any work."""
    mistakes = Mistakes()
    with mistakes.gathered():
        check_models(settings)
    with mistakes.gathered():
        accepted.in_files(settings)
    packs: tuple[RulePack, ...] = ()
    with mistakes.gathered():
        packs = load()
        check_overrides(packs, settings)
    mistakes.tell()
    return packs


def check_models(settings: Settings) -> None:
    """Refuse a model's name that is no alias, has no price and can't be a full id: a slip."""
    models = settings.models
    said = {"root": models.root, "sub": models.sub}
    doubtful = [one for one in said.items() if one[1] != getattr(Models(), one[0])]
    if not doubtful:  # the usual run needs no price list
        return
    from rlm_gate import mistakes
    from rlm_gate.rlm import prices

    known = prices.load(models.prices)
    problems = []
    for role, name in doubtful:
        if is_id(name) or known.get(known.resolve(name)):
            continue
        hint = mistakes.hint(name, known.aliases)
        text = f"no model is called {name!r}; {hint} (or write provider:ID, as in anthropic:{name})"
        place = settings.places.get(f"models.{role}")
        if place is None:
            raise UsageError(f"--{role}-model: {text}")
        problems.append(Problem(*place, f"models.{role}: {text}"))
    if problems:
        raise ConfigError(tuple(problems))


def lost_shards(joined: Joined, digest: str) -> Iterator[Skip]:
    """Yield the shards that nobody could join. Raises UsageError where they are of other input."""
    if joined.input != digest:
        raise UsageError(
            "the shards were made of other files, rules or settings than are here now; "
            "check out their commit, and keep their files out of the work tree"
        )
    early = {number: f"ended early: {why}" for number, why in joined.cut.items()}
    for number, why in sorted({**joined.dealing.lost, **early}.items()):
        yield Skip(f"shard {number}/{joined.dealing.of}", why, blocking=True)
