"""Have a Ray cluster that exists make the shards. Thin: Ray places, retries and moves them.

What is judged travels once, as one object; the keys do not: the nodes' own environment has them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rlm_gate import detectors, gate
from rlm_gate.config import Settings
from rlm_gate.core import Corpus, Rule, Scope, SourceFile
from rlm_gate.rlm import audit
from rlm_gate.rlm.flagged import Flagged
from rlm_gate.rlm.ledger import Judges, Ledger
from rlm_gate.rlm.slices import Joined, Slice
from rlm_gate.scale import shards

RETRIES = 5
"""How often Ray starts a shard again whose node or worker was lost."""


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text that travels with it."""

    text: str

    def __call__(self) -> str:
        """Return it, as a corpus reads its files."""
        return self.text


@dataclass(frozen=True, slots=True)
class Load:
    """All that a node needs to make any shard: no repository, no policy, no key."""

    settings: Settings
    digest: str
    scope: Scope
    files: tuple[SourceFile, ...]
    tree: Mapping[str, str]
    rules: tuple[Rule, ...]
    limits: audit.Limits

    def job(self) -> audit.Job:
        """Return the audit's job, on the node."""
        corpus = Corpus(self.scope, self.files, (), self.tree)
        ledger = Ledger(corpus, self.rules, detectors.applies, Judges(lambda _rule, _file: ()))
        return audit.Job(
            corpus=corpus,
            rules=self.rules,
            candidates=(),
            applies=detectors.applies,
            ledger=ledger,
            limits=self.limits,
            progress=lambda _phase, _done, _total: None,
            flagged=Flagged(corpus, lambda _path: False),
        )


def asked(settings: Settings, address: str, of: int, progress: gate.Progress) -> Joined:
    """Have ``of`` shards made by the cluster at ``address``, "auto" for this machine's own.

    A shard whose node is lost is made again elsewhere; one that no retry can save is missing, and
    the report names it. Replies in a cache that the nodes share are not paid again.
    """
    shards.check_models(settings)
    import ray

    digest, job = gate.planned(settings, progress)
    load = Load(
        settings,
        digest,
        job.corpus.scope,
        tuple(replace(file, read=Text(file.text)) for file in job.corpus.files),
        dict.fromkeys(job.corpus.tree, "") if job.corpus.scope.whole else dict(job.corpus.tree),
        job.rules,
        job.limits,
    )
    begun = not ray.is_initialized()
    if begun:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        reference = ray.put(load)
        make: Any = ray.remote(max_retries=RETRIES)(_made)
        pending = {
            make.remote(reference, number, of): Slice(number, of) for number in range(1, of + 1)
        }
        return _gathered(pending, digest, of, progress)
    finally:
        if begun:
            ray.shutdown()


def _made(load: Load, number: int, of: int) -> bytes:
    """Make one shard, on a node; it travels back as the JSON that a shard file holds."""
    return shards.write(shards.made(load.settings, load.digest, load.job(), Slice(number, of)))


def _gathered(pending: dict[Any, Slice], digest: str, of: int, progress: gate.Progress) -> Joined:
    import ray
    from ray.exceptions import RayError

    made, lost = [], {}
    while pending:
        progress("shards", of - len(pending), of)
        (done, *_), _ = ray.wait([*pending])
        piece = pending.pop(done)
        try:
            made.append(shards.parse(f"shard {piece}", ray.get(done)))
        except RayError as error:
            lost[piece.number] = f"missing: lost by Ray: {type(error).__name__}"
    progress("shards", of, of)
    return shards.joined_of(digest, of, made, lost)
