"""Which files no model ever sees, whatever the configuration says: they are made of secrets.

Their lines count as missing, with the reason ``never_send``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rlm_gate.core import Corpus
from rlm_gate.detectors import secrets

_NAMES = (
    r"\.env(?:\..+)?",
    r".+\.env",
    r"\.envrc",
    r".+\.(?:pem|key|p12|pfx|p8|jks|keystore|kdbx|ppk|asc|gpg|pgp|ovpn|tfstate|tfstate\.backup)",
    r"id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?",
    r"\.(?:npmrc|yarnrc|pypirc|netrc|pgpass|my\.cnf|htpasswd|dockercfg|git-credentials|vault-token)",
    r"_netrc",
    r"(?:credentials|secrets?)(?:\.(?:json|ya?ml|toml|ini|txt|xml|properties|cfg|conf|enc))?",
    r"(?:client_secret|service[-_]account|gcp[-_]key)[\w.-]*\.json",
    r"terraform\.tfvars|.+\.auto\.tfvars",
)
_FOLDERS = r"(?:.*/)?(?:\.ssh|\.aws|\.gnupg|\.kube)/.*"
_DOCKER = r"(?:.*/)?\.docker/config\.json"
# Examples of such files hold no secrets, and are what a reviewer needs.
_EXAMPLE = r"(?!(?:.*/)?[^/]*(?:example|sample|template|dist)[^/]*\Z)"
_WITHHELD = re.compile(
    rf"{_EXAMPLE}(?:(?:.*/)?(?:{'|'.join(_NAMES)})|{_FOLDERS}|{_DOCKER})\Z", re.IGNORECASE
)


def is_withheld(path: str) -> bool:
    """Say whether a file is kept back by its name: keys, credentials, a name with a secret in it.

    Public keys (``id_rsa.pub``) and examples (``.env.example``) are sent like any other file.
    """
    return _WITHHELD.match(path) is not None or bool(secrets.find(path))


def hidden(corpus: Corpus, never_send: Sequence[str]) -> frozenset[str]:
    """Return the paths whose text must reach no model: these, and what ``never_send`` names."""
    paths = {*corpus.tree, *(file.path for file in corpus.files)}
    patterns = [_WITHHELD, *(re.compile(pattern) for pattern in never_send)]
    named = {path for path in paths if any(one.match(path) for one in patterns)}
    rest = sorted(paths - named)
    if secrets.find("\n".join(rest)):  # hardly ever, and much cheaper than one by one
        named.update(path for path in rest if is_withheld(path))
    return frozenset(named)
