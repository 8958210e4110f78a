from __future__ import annotations

import pytest
from builders import corpus, source

from rlm_gate.rlm import withheld

KEY = "AKIA" + "QX7ZP3RW5TBN2LDV"


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "app/.env.production",
        "deploy/prod.env",
        ".envrc",
        "tls/server.PEM",
        "tls/server.key",
        "store.p12",
        "release.jks",
        "id_rsa",
        "home/id_ed25519",
        ".npmrc",
        ".pypirc",
        ".netrc",
        "_netrc",
        ".git-credentials",
        "credentials",
        "conf/credentials.json",
        "secrets.yaml",
        "client_secret_1.apps.json",
        "service-account.json",
        "terraform.tfvars",
        "prod.auto.tfvars",
        "infra/terraform.tfstate",
        "home/.ssh/config",
        ".aws/config",
        ".docker/config.json",
        f"dump/{KEY}.txt",
    ],
)
def test_a_file_of_keys_or_credentials_is_kept_back(path: str) -> None:
    assert withheld.is_withheld(path)


@pytest.mark.parametrize(
    "path",
    [
        "id_rsa.pub",
        ".env.example",
        "sample.env",
        "config/secrets.template.yaml",
        "environment.py",
        "src/credentials.py",
        "secrets.md",
        "keys.py",
        "docs/pem.md",
        "docker/config.json",
        "env",
    ],
)
def test_what_only_sounds_like_one_is_sent(path: str) -> None:
    assert not withheld.is_withheld(path)


def test_what_the_configuration_names_is_kept_back_too() -> None:
    made = corpus(source("app.py", "x\n"), source(".env", "x\n"), source("own/a.txt", "x\n"))
    assert withheld.hidden(made, [r"own/.*"]) == {".env", "own/a.txt"}
