"""What other files of the tree say against the weight of a finding in one of them.

A module that nothing loads harms nobody; a key that the program refuses at its start never signs;
a key of a certificate for one's own machine, or of a sandbox, opens little; a quote that is put
behind a backslash wherever a request comes in ends no text of SQL.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Final

from rlm_gate import kept
from rlm_gate.core import Corpus, Finding, Rule, Severity, Span
from rlm_gate.signing import drawn, needed, signs_nothing, text_of
from rlm_gate.supporting import is_supporting
from rlm_gate.unloaded import unloaded

_KEYS: Final = frozenset({"security/hardcoded-secret"})
_FALLBACK: Final = frozenset({"security/signing-key-fallback"})
_SIGNS: Final = frozenset({"security/signing-key-fallback", "security/literal-signing-key"})
_DRAWN: Final = frozenset({"security/signing-key-fallback", "security/settings-credential"})
_SQL: Final = frozenset({"security/sql-injection"})
# The whole of what a request brings, put through one function: $_GET = slashes($_GET);
_ALL_OF_IT: Final = kept.expression(
    r"\$_(?P<what>GET|POST|REQUEST)\s*=\s*(?:array_map\(\s*)?[\"']?(?:[\w\\]+(?:::|->))?(?P<by>\w+)[\"']?"
    r"\s*[(,]\s*&?\$_(?P=what)\b\s*\)"
    r"|foreach\s*\(\s*(?:array\s*\(|\[)\s*[\"']_(?:GET|POST)[\"'][^;{}]{0,200}\{[^{}]{0,200}"
    r"[{\s]\s*\$\{?\$?[^;=]{1,40}=\s*(?P<each>\w+)\s*\("
)
_SLASHES: Final = r"(?:addslashes|\w*escape_string|escapeString)\s*\("
_OF_REQUEST: Final = kept.expression(r"\$_(?:GET|POST|REQUEST|COOKIE)\b")
# What a statement is put together of, but for what does something with it, and names of tables.
_INSIDE: Final = kept.expression(r"\$(?!\w*(?i:pre|tab|tb))\w++(?!\s*(?:->|::|=))")
_QUOTED: Final = kept.expression(r"'%?(?:[\"']\s*\.\s*)?\{?\Z")
_SLASHLESS: Final = kept.expression(r"(?i)stripslashes|decode|unescape")
_EARLY: Final = kept.expression(
    r"(?i)(?:^|/)[\w.-]*(?:common|conf|init|func|global|core|main|index|inc|conn|boot|app|base|start|safe"
    r"|secur|filter|kernel|framework|sql|db|load|entr)[\w.-]*\.php\Z"
    r"|(?:^|/)(?P<main>[\w-]+)/(?P=main)\.php\Z"
)
_NAME: Final = kept.expression(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+")
_MANY: Final = 60  # files that are asked
# Where programs look at what they are given before they run.
_STARTS: Final = kept.expression(
    r"(?i)(?:^|[/._-])\w*(?:conf(?:ig)?|setting|env|valid|start|boot|main|index|server|app|check|secret)"
    r"\w*\.(?:py|[cm]?[jt]sx?|go|java|kt|rb|php|cs)\Z"
)
_COMMENT: Final = kept.expression(r"(?m)^[ \t]*(?://|#|\*|/\*).*$")
_PRIVATE: Final = kept.expression(r"-----BEGIN [A-Z ]*PRIVATE KEY")
_CERTIFICATE: Final = kept.expression(
    r"-----BEGIN CERTIFICATE-----\s*(?P<body>[A-Za-z0-9+/=\s]{100,8000})-----END"
)
_OWN_MACHINE: Final = kept.expression(
    r"(?i)localhost|127\.0\.0\.1|\.local\b|\.test\b|\.example\b|example\.(?:com|org)|snakeoil"
    r"|\byour(?:[._-]own|[._-]?(?:domain|host|site|server|company|fqdn)\b)"
)
# An address of a sandbox, or the command that made the key: no word that stands alone.
_SANDBOX: Final = kept.expression(
    r"(?i)\bhttps?://[\w.-]*(?:sandbox|alipaydev)[\w-]*\.|\bmkcert\s+[\w-]|\bopenssl\s+req\b[^\n]*\s-x509\b"
)
_PROSE: Final = kept.expression(r"(?i)\.(?:md|markdown|rst|adoc|txt|html?)\Z")
_NEAR: Final = kept.expression(r"(?i)\.(?:crt|cert|cer|pem)\Z")
_LEAVES: Final = r"(?:\bthrow\b|\braise\b|\bexit\s*\(|\bpanic\(|\bFatal\w*\(|\babort\b|\bdie\b)"
_REQUIRES: Final = r"(?i:requir|mandatory|must_?have|needed|ensure|assert|expected|missing)\w*"


def weight(finding: Finding, rule: Rule, corpus: Corpus) -> Severity:
    """Return the finding's severity, or a lesser one where another file says so."""
    if finding.severity <= Severity.MEDIUM:
        return finding.severity
    if rule.supporting is not None and _is_shadowed(finding.span.path, corpus):
        return min(finding.severity, rule.supporting)
    if unloaded(finding, corpus):
        return Severity.MEDIUM
    if any(finding.rule_id in told and says(finding, corpus) for told, says in _LESSER):
        return Severity.MEDIUM
    path = finding.span.path
    key = finding.rule_id in _KEYS and _PRIVATE.search(text_of(path, corpus))
    if key and _is_for_trying(path, corpus):
        return Severity.MEDIUM
    return finding.severity


def package_of(path: str) -> str:
    """Return what is there where a package has the name of the Python module of that path."""
    return f"{path.removesuffix('.py')}/__init__.py"


def _is_shadowed(path: str, corpus: Corpus) -> bool:
    """Say whether a package of the module's name lies beside it: Python imports that."""
    return path.endswith(".py") and corpus.has(package_of(path))


def _is_refused(finding: Finding, corpus: Corpus) -> bool:
    """Say whether the program does not start without the variable, or with what is set for it."""
    names = {one for one in _NAME.findall(finding.quote) if one.isupper() or one.islower()}
    named = [re.escape(one) for one in sorted(names)]
    if not named:
        return False
    either = rf"\b(?i:{'|'.join(named)})\b"
    refuses = re.compile(
        rf"(?:!\s*|\bnot\s+|==\s*)[\w.\[\]\"'(]*{either}[^\x00]{{0,200}}?{_LEAVES}"
        rf"|{either}[^\n]{{0,80}}(?:==|\.startswith|\.includes|\bin\b|<)[^\x00]{{0,160}}?{_LEAVES}"
        rf"|{_REQUIRES}[^;\n]{{0,40}}[\[({{=:][^;)\]]{{0,300}}{either}"
        rf"|{either}[\"']?\s*:\s*(?:z|[jJ]oi|yup)\.(?![^\n]*(?:default|optional))"
        rf"|{either}[\"']?\s*:\s*str\((?![^\n]*default)"
    )
    texts = (_COMMENT.sub("", text) for text in _others(finding.span.path, corpus))
    return any(refuses.search(text) for text in texts)


def _is_slashed(finding: Finding, corpus: Corpus) -> bool:
    """Say whether the value stands in quotes that the program lets nothing of a request leave."""
    said = finding.quote
    if not finding.span.path.endswith(".php") or _SLASHLESS.search(said):
        return False
    asked = [*_OF_REQUEST.finditer(said)]
    if not asked and finding.flow and _OF_REQUEST.search(_lines(finding.flow[0], corpus)):
        asked = [*_INSIDE.finditer(said)]
    if not asked or not all(_QUOTED.search(said, 0, one.start()) for one in asked):
        return False
    return _slashes_all(corpus)


def _lines(span: Span, corpus: Corpus) -> str:
    return "\n".join(text_of(span.path, corpus).split("\n")[span.start - 1 : span.end])


def _slashes_all(corpus: Corpus) -> bool:
    """Say whether a file puts backslashes before the quotes of all that requests bring."""
    return corpus.once("slashes", _is_put_through)


def _is_put_through(corpus: Corpus) -> bool:
    likely = [one for one in corpus.paths() if _EARLY.search(one) and not is_supporting(one)]
    first = sorted(likely, key=lambda one: (one.count("/"), one))[:_MOST]
    texts = [_COMMENT.sub("", text_of(one, corpus)) for one in first]
    names = {
        match["by"] or match["each"]
        for text in texts
        if "$_" in text or "_GET" in text
        for match in _ALL_OF_IT.finditer(text)
    }
    if "addslashes" in names:
        return True
    made = [
        rf"\bfunction\s+&?{re.escape(one)}\b[^\x00]{{0,600}}?{_SLASHES}" for one in sorted(names)
    ]
    return any(re.search(one, text) for one in made for text in texts)


_LESSER: Final[tuple[tuple[frozenset[str], Callable[[Finding, Corpus], bool]], ...]] = (
    (_FALLBACK, _is_refused),
    (_FALLBACK, needed),
    (_SIGNS, signs_nothing),
    (_DRAWN, drawn),
    (_SQL, _is_slashed),
)
_MOST: Final = 200


def _others(path: str, corpus: Corpus) -> Iterator[str]:
    """Yield the texts of the files that may look at what the program is given."""
    starts = (one for one in sorted(corpus.paths()) if _STARTS.search(one))
    asked = [one for one in starts if one != path and not is_supporting(one)][:_MANY]
    yield from (text_of(one, corpus) for one in asked)


def _is_for_trying(path: str, corpus: Corpus) -> bool:
    """Say whether a certificate beside the key is for one's own machine, or code takes it to try.

    What its path or prose is called proves nothing: whoever leaves the key there chooses that.
    """
    folder = path.rpartition("/")[0]
    beside = [one for one in corpus.paths() if one.rpartition("/")[0] == folder]
    texts = (text_of(one, corpus) for one in sorted(beside) if _NEAR.search(one))
    names = [_named(found["body"]) for text in texts for found in _CERTIFICATE.finditer(text)]
    if names:
        return all(_OWN_MACHINE.search(one) for one in names)
    key = path.rpartition("/")[2]
    near = [one for one in sorted(beside) if one != path and not _NEAR.search(one)]
    code = [one for one in near if not _PROSE.search(one)][:_MANY]
    texts = (_COMMENT.sub("", text_of(one, corpus)) for one in code)
    return any(key in text and _SANDBOX.search(text) for text in texts)


def _named(body: str) -> str:
    """Return what can be read of a certificate: its names are plain text in it."""
    try:
        return base64.b64decode("".join(body.split())).decode("latin-1")
    except ValueError:
        return ""
