"""What people accept: the comments of the judged files, and what the files of ``.rlm-gate`` say."""

from __future__ import annotations

from rlm_gate import baseline, suppressions
from rlm_gate.config import BASELINE_FILE, SUPPRESSIONS_FILE, Settings
from rlm_gate.core import Corpus, Suppression


def in_comments(corpus: Corpus) -> suppressions.Written:
    """Return what the comments of the judged files say, and what is wrong with them."""
    return suppressions.written(corpus)


def in_files(settings: Settings) -> tuple[Suppression, ...]:
    """Return the entries of the file form and of the baseline. Raises ConfigError."""
    listed = settings.accepted.get(SUPPRESSIONS_FILE)
    known = settings.accepted.get(BASELINE_FILE)
    return (
        *(() if listed is None else suppressions.from_file(listed, settings.cache)),
        *(() if known is None else baseline.parse(known)),
    )
