from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from rlm_gate.core import hashes

_TEXTS = (b"", b"abc", b"a" * 200_000, "\u00e4\u20ac".encode())


@pytest.fixture(params=[True, False], ids=["with-openssl", "without"])
def _loaded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.delitem(sys.modules, "hashlib")


@pytest.mark.usefixtures("_loaded")
@pytest.mark.parametrize("content", _TEXTS)
def test_a_sha256_is_what_everybody_calls_so(content: bytes) -> None:
    known = hashlib.sha256(content)
    continued = hashes.sha256()
    continued.update(content[:2])
    continued.update(content[2:])

    assert hashes.sha256(content).hexdigest() == known.hexdigest() == continued.hexdigest()
    assert hashes.sha256(content).digest() == known.digest()


@pytest.mark.parametrize("content", _TEXTS)
def test_a_number_is_the_same_by_the_library_of_all(content: bytes) -> None:
    digest = hashlib.blake2b(content, digest_size=8).digest()
    assert hashes.number(content) == int.from_bytes(digest)


def test_a_keyed_hash_needs_the_secret_and_all_the_bytes() -> None:
    made = hashes.keyed(b"s" * 32, b"one", b"two")

    assert made == hashes.keyed(b"s" * 32, b"onetwo")
    assert made == hashlib.blake2b(b"onetwo", key=b"s" * 32, digest_size=32).digest()
    assert len({made, hashes.keyed(b"t" * 32, b"onetwo"), hashes.keyed(b"s" * 32, b"one")}) == 3


def test_only_the_same_bytes_are_the_same() -> None:
    assert hashes.same(b"abc", b"abc")
    assert not hashes.same(b"abc", b"abd")
    assert not hashes.same(b"abc", b"abcd")


def test_a_python_without_code_of_its_own_takes_the_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("_sha256", "_sha2", "_blake2"):
        monkeypatch.setitem(sys.modules, name, None)
    hashes._built_in.cache_clear()
    try:
        assert hashes._built_in("sha256", "_sha256", "_sha2") is hashlib
        assert hashes.number(b"x") == int.from_bytes(hashlib.blake2b(b"x", digest_size=8).digest())
    finally:
        hashes._built_in.cache_clear()


def test_a_few_hashes_do_not_load_openssl() -> None:
    script = (
        "import sys; from rlm_gate.core import hashes\n"
        "hashes.sha256(b'x'); hashes.keyed(b'k', b'x'); hashes.number(b'x')\n"
        "hashes.same(b'', b'')\n"
        "print('_hashlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout.split() == [b"False"]
