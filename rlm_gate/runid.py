"""Name a run by everything that its answer depends on, so that a resumed run is the same run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from rlm_gate.config import Settings
from rlm_gate.core import Corpus, Rule, RulePack


def of(settings: Settings, corpus: Corpus, packs: Sequence[RulePack], rules: Sequence[Rule]) -> str:
    """Return the hash of what is judged, by what and how, in hexadecimal digits."""
    models = (settings.models.root, settings.models.sub, sorted(settings.models.allowed))
    parts = [
        repr((corpus.scope, models, settings.fail_on, settings.overrides)),
        repr((sorted(settings.pack_fail_on.items()), settings.accepting)),
        repr(sorted(settings.accepted.items())),
        repr([(file.path, file.sha256, file.changed) for file in corpus.files]),
        repr([(pack.name, pack.version) for pack in packs]),
        repr(sorted(rule.id for rule in rules)),
    ]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
