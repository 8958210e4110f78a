"""What a change does to the policy that it is judged by. Pure: no files, no git."""

from __future__ import annotations

from collections.abc import Iterator

from rlm_gate.config import PolicyOrigin
from rlm_gate.core import Confidence, Corpus, Finding, Origin, Span, display_path, split_lines
from rlm_gate.ownrules import POLICY_CHANGED


def findings(origin: PolicyOrigin, corpus: Corpus) -> Iterator[Finding]:
    """Yield one finding for each policy file that the change touches, at its first such line."""
    for path in origin.changed:
        file = corpus.file(path)
        lines = split_lines(origin.head.get(path, b"").decode("utf-8", "replace"))
        line = min((span.start for span in file.changed), default=1) if file else 1
        quote = lines[line - 1] if line <= len(lines) else ""
        yield Finding(
            rule_id=POLICY_CHANGED.id,
            severity=POLICY_CHANGED.severity,
            confidence=Confidence.HIGH,
            message=f"{display_path(path)} is policy of the gate; it holds from the merge on.",
            span=Span(path, line, line),
            quote=quote,
            origin=Origin.DETECTOR,
            engine="policy",
        )
