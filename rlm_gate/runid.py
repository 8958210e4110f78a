"""Name a run by everything that its answer depends on."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_gate.config import BASELINE_FILE, CONFIG_FILE, SUPPRESSIONS_FILE, Settings
from rlm_gate.core import Corpus, Rule, RulePack, hashes

_POLICY = (CONFIG_FILE, BASELINE_FILE, SUPPRESSIONS_FILE)


def of(settings: Settings, corpus: Corpus, packs: Sequence[RulePack], rules: Sequence[Rule]) -> str:
    """Return two hashes, in hexadecimal digits, with a dash between.

    The first is of what models are asked about: files, rules, models; ``--resume`` goes by it
    alone. The second adds the policy, which judges the answers: thresholds, what people accept.
    """
    models = (settings.models.root, settings.models.sub, sorted(settings.models.allowed))
    files = [(file.path, file.sha256, file.changed) for file in corpus.files]
    asked = [
        repr((corpus.scope, models)),
        repr([file for file in files if not file[0].endswith(_POLICY)]),
        repr([(pack.name, pack.version) for pack in packs]),
        repr(sorted(rule.id for rule in rules)),
    ]
    decided = [
        repr((settings.fail_on, settings.overrides)),
        repr((sorted(settings.pack_fail_on.items()), settings.accepting)),
        repr(sorted(settings.accepted.items())),
        repr(files),
    ]
    return f"{_hash(asked)}-{_hash([*asked, *decided])}"


def _hash(parts: Sequence[str]) -> str:
    return hashes.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
