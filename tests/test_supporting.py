"""Which paths are supporting code: run by developers or shown to readers, never the product."""

from __future__ import annotations

import pytest

from rlm_gate.supporting import is_supporting


@pytest.mark.parametrize(
    "path",
    [
        "examples/chat/server.py",
        "src/house/examples/app.js",
        "playground/ssr/server.js",
        "bin/release.js",
        "contrib/mail_notify.py",
        "server/docs/conf.py",
        "tools/bump.py",
        "src/house/net/scripts/upload.py",
        "setup.py",
        "build_docs.py",
        "app/migrations/0001_initial.py",
        "web/vite.config.ts",
        "Benchmarks/run.py",
        "housetest/server.go",
        "_examples/rest/main.go",
        "testproject/testproject/settings/base.py",
        "src/house/testing/settings.py",
    ],
)
def test_what_developers_run_is_supporting_code(path: str) -> None:
    assert is_supporting(path)


@pytest.mark.parametrize(
    "path",
    [
        "house/contrib/auth/views.py",
        "src/house/contrib/sessions.py",
        "src/llm/agents/tools/shell.py",
        "web/app/scripts/main.js",
        "house/setup.py.txt",
        "house/build.py",
        "app/views.py",
        "exampleshop/views.py",
        "config.js",
        "api/latest/server.go",
        "pkg/test.go",
        "house/extras/views.py",
    ],
)
def test_what_its_users_run_is_the_product(path: str) -> None:
    assert not is_supporting(path)
