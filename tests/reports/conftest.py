"""The sample verdicts as fixtures, and where their expected bytes are kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import SAMPLES

from rlm_gate import __version__
from rlm_gate.core import Verdict

_VERSION = f'"semanticVersion": "{__version__}"'.encode()
_CODE = re.compile(rb"(?<=<style>).*?(?=</style>)|(?<=<script>).*?(?=</script>)", re.DOTALL)
_HASH = re.compile(rb"sha256-[^&]*=")
_FOOT = re.compile(rb"(?<=<p>rlm-gate )[^ ]+")


def _lasting(report: bytes) -> bytes:
    """Return the report without what changes with a release: version, style and script."""
    report = report.replace(_VERSION, b'"semanticVersion": "0.0.0"')
    if report.startswith(b"<!doctype html>"):
        for pattern in (_CODE, _HASH, _FOOT):
            report = pattern.sub(b"...", report)
    return report


@pytest.fixture(params=sorted(SAMPLES))
def sample(request: pytest.FixtureRequest) -> Verdict:
    """Each sample verdict in turn."""
    return SAMPLES[request.param]


@pytest.fixture(scope="session")
def samples() -> dict[str, Verdict]:
    """All sample verdicts by name."""
    return dict(SAMPLES)


@pytest.fixture
def golden() -> Callable[[str, bytes], None]:
    """Compare bytes with tests/reports/golden/NAME. UPDATE_GOLDEN=1 writes what is there now."""

    def compare(name: str, actual: bytes) -> None:
        expected = Path(__file__).parent / "golden" / name
        actual = _lasting(actual)
        if os.environ.get("UPDATE_GOLDEN"):
            expected.parent.mkdir(exist_ok=True)
            expected.write_bytes(actual)
        assert actual.decode() == expected.read_bytes().decode()

    return compare
