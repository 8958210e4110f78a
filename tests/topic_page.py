"""The page docs/topics.md, from the rules: which topic is judged in which language, and by what."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from rlm_gate import detectors, packs
from rlm_gate.core import Rule
from rlm_gate.languages import covers

_HEAD = """\
# Topics and languages

Written by `make docs` from the built-in rules; a test compares the two. `D`: some rule has a
detector that reads the language, so it works offline. `m`: only a model is asked. `-`: no rule.
What a rule finds, `rlm-gate rules show RULE` says; `rlm-gate rules list` has them all.
"""
_LANGUAGES = {
    "Python": "python",
    "JS": "javascript",
    "TS": "typescript",
    "Go": "go",
    "Java": "java",
    "C#": "csharp",
    "Rust": "rust",
    "PHP": "php",
    "Ruby": "ruby",
    "shell": "bash",
    "YAML": "yaml",
    "Docker": "dockerfile",
}
_TOPICS: Mapping[str, Mapping[str, str]] = {
    "security": {
        "SQL": "sql-injection raw-sql-in-orm mapper-substitution",
        "NoSQL": "nosql-injection",
        "shell": "shell-injection command-helper eval-of-variable script-runs-argument",
        "LDAP": "ldap-injection",
        "XPath": "xpath-injection xml-parser-trusts",
        "template": "template-injection",
        "header": "header-injection protocol-leniency",
        "log": "log-injection",
        "code": "code-injection dynamic-code",
        "XSS": "reflected-xss dom-xss dom-xss-from-input template-unescaped output-not-escaped",
        "path traversal": "path-traversal",
        "SSRF": "ssrf redirect-after-check",
        "open redirect": "open-redirect",
        "XXE": "xxe xml-of-others xml-parser-trusts",
        "deserialisation": "unsafe-deserialization pickle-load yaml-objects",
        "weak crypto": "weak-cipher weak-hash fast-password-hash crypto-misuse",
        "randomness": "insecure-random predictable-random",
        "TLS off or old": "tls-verification-off tls-old-version certificate-check",
        "secrets in code": "hardcoded-secret hardcoded-password literal-signing-key"
        " secret-in-bundle",
        "files of secrets": "secret-file secret-file-in-image settings-credential",
        "login and sessions": "authentication-flaw fails-open password-in-clear unsigned-cookie"
        " signing-key-fallback login-protection-off literal-login fixed-identity",
        "CSRF off": "csrf-off state-change-cross-site",
        "CORS": "cors-open cors-any-origin origin-half-checked",
        "cookie flags": "cookie-flags",
        "JWT": "token-not-verified literal-signing-key signing-key-fallback",
        "mass assignment": "mass-assignment",
        "IDOR, access": "missing-authorization client-value-decides unguarded-route"
        " guard-commented-out guard-above-route admin-path-open fixed-identity socket-room-open",
        "race, TOCTOU": "check-then-use lost-update",
        "zip slip": "zip-slip",
        "ReDoS": "redos unbounded-input",
        "debug mode": "debug-mode error-details-shown profiling-exposed",
        "temp files": "unsafe-temp-file predictable-temp-file",
        "prototype pollution": "prototype-pollution",
        "CI workflows": "workflow-injection workflow-permissions pipeline-injection",
        "images": "container-runs-as-root image-latest-tag secret-in-image",
        "prompt injection": "prompt-injection llm-output-executed",
    },
    "patterns": {
        "error handling": (
            "swallowed-exception exception-misuse ignored-error unhandled-rejection cause-lost"
            " interruption-swallowed stream-error-unhandled"
        ),
        "resource leaks": "resource-not-closed handle-not-closed lock-not-released context-lost",
        "mutable defaults": "mutable-default",
        "dead code": (
            "unreachable-code useless-expression comparison-never-true value-overwritten"
            " branches-alike loop-ends-at-once"
        ),
        "slips": (
            "likely-slip both-sides-alike endless-recursion loop-variable-reused repeated-condition"
            " wrong-result result-dropped"
        ),
        "duplication": "duplicated-block",
        "inconsistent APIs": "inconsistent-convention",
        "layering": "layering",
        "dangerous defaults": "dangerous-default",
        "test smells": "test-proves-nothing focused-test skipped-test sleep-in-test",
        "async, threads": "lost-task async-callback-dropped concurrency-misuse parse-without-catch",
        "systemic": "systemic-repetition",
    },
    "docs": {
        "undocumented API": "undocumented-addition undocumented-public-api",
        "contradicts the code": "contradicts-code",
        "stale parameters": "stale-parameter undocumented-parameter",
        "errors and units": "undocumented-failure",
        "changelog": "changelog-missing",
    },
    "performance": {
        "N+1 queries": "n-plus-one-query",
        "blocking in async": "blocking-call-in-async blocking-call-in-handler",
        "quadratic loops": "quadratic-accumulation list-searched-in-loop string-built-in-loop",
        "repeated work": "regex-compiled-in-loop await-in-loop client-made-per-request",
        "cache misuse": "cache-misused unbounded-cache cache-keeps-instances",
        "redundant API calls": "repeated-request",
        "unbounded growth": (
            "work-grows-with-data cache-keeps-instances defer-in-loop unbounded-cache"
        ),
        "needless copies": "needless-copy select-star",
        "paging, time-outs": "missing-pagination request-without-timeout client-without-timeout",
    },
}


def page() -> str:
    """Return the page. Raises KeyError for a rule that is gone."""
    rules = {rule.id: rule for pack in packs.load_files(None, None) for rule in pack.pack.rules}
    return "\n".join([_HEAD, *(_table(pack, topics, rules) for pack, topics in _TOPICS.items())])


def _table(pack: str, topics: Mapping[str, str], rules: Mapping[str, Rule]) -> str:
    head = f"## {pack}\n\n| topic | {' | '.join(_LANGUAGES)} |\n|---|{':-:|' * len(_LANGUAGES)}\n"
    rows = (
        _row(topic, [rules[f"{pack}/{name}"] for name in names.split()])
        for topic, names in topics.items()
    )
    return head + "".join(rows)


def _row(topic: str, rules: Sequence[Rule]) -> str:
    cells = (max(_cell(rule, language) for rule in rules) for language in _LANGUAGES.values())
    marks = ("-", "m", "D")
    return f"| {topic} | {' | '.join(marks[cell] for cell in cells)} |\n"


def _cell(rule: Rule, language: str) -> int:
    """Return 2 where a detector reads the language, 1 where a model is asked, else 0."""
    if not any(covers(one, language) for one in rule.languages):
        return 0
    for entry in rule.detect:
        read = detectors.load(entry.engine).languages(entry.options)
        if read is None or any(covers(one, language) for one in read):
            return 2
    return 1 if rule.ask else 0


if __name__ == "__main__":
    sys.stdout.write(page())
