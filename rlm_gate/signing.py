"""What the code beside a signing key does with it: needs it, draws a new one, or signs nothing.

Only what programs do counts: comments are left out, and what files are called only says where to
look first. Where too many files would have to be read, nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rlm_gate import kept
from rlm_gate.core import Corpus, Finding
from rlm_gate.supporting import is_supporting

_MOST: Final = 400  # files that are read; where there are more, nothing is known
_COMMENT: Final = kept.expression(r"(?m)^[ \t]*(?://|#|\*|/\*).*$")
_NAME: Final = kept.expression(r"(?<![\w$])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?!\w)")
_PACKAGE: Final = ("package.json", "pyproject.toml", "setup.py", "requirements.txt", "Pipfile")
_SCRIPT: Final = kept.expression(r"\.(?:[cm]?[jt]sx?|py)\Z")

_TESTS: Final = kept.expression(r"(?:^|/)tests?/|(?:^|/)(?:test_[^/]*|conftest)\.py\Z")
# The key that Flask signs sessions with, and nothing else by itself; Django signs much more.
_FLASK_KEY: Final = kept.expression(r"(?i)\bsecret_key\b")
_FLASK: Final = kept.expression(r"(?m)^[ \t]*(?:from[ \t]+flask[ \t]+import|import[ \t]+flask\b)")
_ROUTES: Final = kept.expression(
    r"\.(?:route|get|post|add_url_rule|add_resource|add_view|register_blueprint)\("
)
_SESSION: Final = (
    r"from[ \t]+flask(?:\.\w+)?[ \t]+import[ \t]*(?:\([^)]{0,600}|[^\n]{0,300})"
    r"(?:\b(?:session|sessions)\b|\*)"
    r"|\bflask\.session\b|\bsession_transaction\b"
)
# Packages of Flask that sign nothing with its key; any other may.
_PLAIN: Final = (
    r"sqlalchemy|cors|migrate|marshmallow|caching|cache|bcrypt|restful|restx|restplus|script|compress"
    r"|limiter|mail|moment|babel|bootstrap|pymongo|mongoengine|mysqldb|mysql|redis|apscheduler|smorest"
    r"|swagger\w*|sslify|admin|wtf|socketio|sock|uploads|assets|api|pydantic|talisman|ckeditor|heroku"
)
_ANOTHER: Final = rf"(?:from|import)[ \t]+flask_(?!(?:{_PLAIN})\b)\w+"
_SIGNERS: Final = (
    r"(?:from|import)[ \t]+(?:itsdangerous|jwt|jose|authlib|django|starlette|fastapi|quart|bottle"
    r"|tornado|aiohttp|sanic|flaskext)\b"
)
# Behind and before a name that is set, or that the environment calls so; else it is read.
_SET: Final = kept.expression(r"[\"']?[ \t]*\]?[ \t]*(?:=(?!=)|:(?!=))")
_OF_ENVIRONMENT: Final = kept.expression(
    r"(?i)(?:environ\[|environ\.(?:get|setdefault|pop)\(|(?:get|set)env\(|config\(|env(?:\.str)?\()"
    r"[ \t]*[\"']\Z"
)
_SIGNS: Final = kept.expression(f"(?m){_SESSION}|{_ANOTHER}|{_SIGNERS}")

_DRAWS: Final = (
    r"(?:random_bytes|openssl_random_pseudo_bytes|random_int|Str::random|randomBytes|randomUUID|uuid4"
    r"|token_(?:hex|urlsafe|bytes)|urandom|get_random_secret_key|SecureRandom|openssl[ \t]+rand"
    r"|getRandomValues|[Rr]andom\w*(?:::|\.|->)\w+|generate\w*(?i:key|secret)\w*)"
)
_WRITES: Final = kept.expression(
    r"\bfile_put_contents\b|\bfwrite\b|\bwriteFile(?:Sync)?\b|\.write(?:_text|lines)?\("
    r"|\bsed[ \t]+-i|>>?[ \t]*[\"']?[\w./$-]*\.env|\bset_key\("
)
_INSTALLS: Final = kept.expression(
    r"(?i)(?:^|/|[._-])\w*(?:install|setup|init|bootstrap|generat|deploy|entrypoint|start|configur|secret)"
    r"[\w.-]*(?:/[^/]*)?\.(?:php|py|[cm]?[jt]s|sh|bash|rb)\Z"
)


def text_of(path: str, corpus: Corpus) -> str:
    """Return the text of a file of the tree, whether it is judged or not; none: empty."""
    file = corpus.file(path)
    return file.text if file else corpus.tree.get(path, "")


def signs_nothing(finding: Finding, corpus: Corpus) -> bool:
    """Say whether the key is that of an application of Flask which keeps no session and no token.

    Flask signs where somebody writes to the session. Whoever forges a flashed message, or the token
    of a form, can give it to nobody but himself. An application whose routes are not seen may do
    more where nobody looks.
    """
    if not finding.span.path.endswith(".py") or not _FLASK_KEY.search(finding.quote):
        return False
    paths = sorted(one for one in corpus.paths() if one.endswith(".py") and not _TESTS.search(one))
    if len(paths) > _MOST:
        return False
    flask = routes = False
    for path in paths:
        text = _COMMENT.sub("", text_of(path, corpus))
        if _SIGNS.search(text) or _reads(text):
            return False
        flask = flask or _FLASK.search(text) is not None
        routes = routes or _ROUTES.search(text) is not None
    return flask and routes


def needed(finding: Finding, corpus: Corpus) -> bool:
    """Say whether code of the same package fails without the variable that there is a fallback for.

    Who cannot sign in where it is not set has it set, and the fallback is never taken.
    """
    names = sorted({*_NAME.findall(finding.quote)})
    if not names or not _SCRIPT.search(finding.span.path):
        return False
    named = "|".join(map(re.escape, names))
    fails = re.compile(
        rf"\b(?:jwt|jsonwebtoken)\.sign\([^;]{{0,300}}?\bprocess\.env\.(?:{named})\b(?!\s*(?:\|\||\?\?))"
        rf"|(?m:^)[\w.]+[ \t]*(?::[^=\n]*)?=[ \t]*os\.environ\[[\"'](?:{named})[\"']\]"
    )
    return any(fails.search(text) for text in _of_package(finding.span.path, names, corpus))


def drawn(finding: Finding, corpus: Corpus) -> bool:
    """Say whether a program of the tree draws the value anew and writes it where it is read."""
    names = sorted({*_NAME.findall(finding.quote.partition("=")[0].partition(":")[0])})
    if not names:
        return False
    named = "|".join(map(re.escape, names))
    draws = re.compile(
        rf"\b(?:{named})\b[^\n]{{0,80}}?{_DRAWS}|{_DRAWS}[^\n]{{0,80}}?\b(?:{named})\b"
    )
    likely = sorted(one for one in corpus.paths() if _INSTALLS.search(one))[:_MOST]
    texts = (_COMMENT.sub("", text_of(one, corpus)) for one in likely)
    return any(draws.search(text) and _WRITES.search(text) for text in texts)


def _reads(text: str) -> bool:
    """Say whether the key's name stands where it is not set."""
    return any(
        not _SET.match(text, one.end())
        and not _OF_ENVIRONMENT.search(text, max(0, one.start() - 30), one.start())
        for one in _FLASK_KEY.finditer(text)
    )


def _of_package(path: str, names: list[str], corpus: Corpus) -> Iterator[str]:
    """Yield the texts that name one of the names, of the files that are installed with this one."""
    paths = corpus.paths()
    folder = path.rpartition("/")[0]
    while folder and not any(f"{folder}/{one}" in paths for one in _PACKAGE):
        folder = folder.rpartition("/")[0]
    near = [
        one
        for one in sorted(paths)
        if one != path
        and _SCRIPT.search(one)
        and (not folder or one.startswith(f"{folder}/"))
        and not is_supporting(one)
    ]
    for one in near[:_MOST]:
        text = text_of(one, corpus)
        if any(name in text for name in names):
            yield _COMMENT.sub("", text)
