"""What is called high must be exploitable by what the code shows: near misses of it are less."""

from __future__ import annotations

from functools import cache

import pytest
from builders import corpus, source

from rlm_gate import detectors, packs
from rlm_gate.core import Finding, Rule, Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
REFRESH = """\
exports.refresh = async (req, res, next) => {
  const seen = jwt.decode(req.headers.token);
  %s
  next();
};
"""
DRAWN = "export const start = () => { const loginToken = Math.random().toString(36);\n%s }\n"


@cache
def rules() -> dict[str, Rule]:
    return {rule.id: rule for pack in packs.load_files(None, None) for rule in pack.pack.rules}


def worst(name: str, path: str, code: str) -> Severity | None:
    rule, file = rules()[f"security/{name}"], source(path, code)
    found = [
        one.severity
        for engine in sorted({entry.engine for entry in rule.detect})
        for one in detectors.load(engine).detect(corpus(file), [rule])
        if isinstance(one, Finding)
    ]
    return max(found, default=None)


@pytest.mark.parametrize(
    ("then", "meant"),
    [
        ("if (late || seen.exp < now()) { res.set('x', await renew(req.headers.fresh)); }", MEDIUM),
        ("const key = keys[seen.header.kid];", MEDIUM),
        ("if (seen.exp > now()) { req.user = seen.sub; }", HIGH),
        ("req.left = seen.exp - now(); req.user = seen;", HIGH),
        ("if (seen.exp > now()) { const { sub } = seen; }", HIGH),
        ("audit(seen.exp); await load(seen);", HIGH),
        ("req.user = await User.findById(seen.id);", HIGH),
    ],
)
def test_a_token_read_for_its_end_or_key_alone_decides_nothing(then: str, meant: Severity) -> None:
    assert worst("token-not-verified", "src/auth.js", REFRESH % then) is meant


@pytest.mark.parametrize(
    ("then", "meant"),
    [
        ("return send(loginToken);", HIGH),
        ("sessionStorage.setItem('token', loginToken);", MEDIUM),
        ("document.cookie = loginToken;", MEDIUM),
    ],
)
def test_what_a_page_draws_is_for_itself(then: str, meant: Severity) -> None:
    assert worst("insecure-random", "src/login.js", DRAWN % then) is meant
