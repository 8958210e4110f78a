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
        "alembic/versions/2022-02-21-19.56.24_6b0f5f32d602_initial_tables.py",
        "prisma/migrations/20230101120000_users/migration.sql",
        "db/migrate/20200101_create_users.rb",
        "sandbox/settings.py",
        "backups/2025-07-06/app/routes.py",
        "archive/old-editor/routes/rows.js",
        "web/test_login.html",
        ".erb/scripts/check-native-dep.js",
        "web/lib/test-utils.tsx",
        "backend/jest.setup.js",
        "web/src/setupTests.ts",
        "packages/db/seed.ts",
        "shop/management/commands/sync_orders.py",
        "api/students.http",
        "not_in_use/relay.py",
        "web/vite.config.ts",
        "Benchmarks/run.py",
        "housetest/server.go",
        "_examples/rest/main.go",
        "testproject/testproject/settings/base.py",
        "myapp/config/initializers/secret_token.rb",
        "house-example/src/main/java/com/example/Users.java",
        "src/main/java/org/house/example/Users.java",
        "src/house/testing/settings.py",
        "assets/tables/unit_testing/templates/page.php",
        "release-tools/icons.js",
        "ext/example_authenticator/plugin.py",
        "src/House.Core.Test/Datastore/SlackFixture.cs",
        "House.UnitTests/Run.cs",
        "house/settings/local_settings.example.py",
        "house/flask_routes_example.py",
        "core/lib/house/testing_support/dummy_app.rb",
        "conf/settings.py.sample",
        "config.php.dist",
        "config/app.dist.php",
        "server/src/test-integration/java/HttpUtil.java",
    ],
)
def test_what_developers_run_is_supporting_code(path: str) -> None:
    assert is_supporting(path)


@pytest.mark.parametrize(
    "path",
    [
        "house/contrib/auth/views.py",
        "house/services/migrations/from_csv.py",
        "house/versions/compare.py",
        "house/net/sandbox/runner.py",
        "src/house/contrib/sessions.py",
        "src/llm/agents/tools/shell.py",
        "web/app/scripts/main.js",
        "house/setup.py.txt",
        "house/build.py",
        "house/distribution.py",
        "app/views.py",
        "exampleshop/views.py",
        "config.js",
        "api/latest/server.go",
        "pkg/test.go",
        "house/extras/views.py",
        "house/demographics/views.py",
        "house/test_results/views.py",
        "src/House.Contest/Run.cs",
        "house/resample.py",
        "house/audio_sample.py",
        "src/main/java/com/example/demo/UserController.java",
        "api/src/main/kotlin/com/example/house/Users.kt",
    ],
)
def test_what_its_users_run_is_the_product(path: str) -> None:
    assert not is_supporting(path)


@pytest.mark.parametrize(
    "path",
    [
        "settings/ci.py",
        "house/settings/local_dev.py",
        "house/settings/base.py",
        "config/development.json",
        "settings_test.py",
        "docker-compose.dev.yml",
        "integration/https_test.go",
        "src/login.spec.ts",
        "web/__tests__/login.js",
        "src/main/java/LoginTest.java",
        "test/unit/login.py",
        "backend/test-with-auth.js",
    ],
)
def test_tests_and_the_settings_of_developers_are_supporting_code(path: str) -> None:
    assert is_supporting(path)


@pytest.mark.parametrize(
    "path",
    [
        "settings/production.py",
        "house/settings.py",
        "house/base.py",
        "src/contest.java",
        "src/Latest.php",
        "house/dev.py",
        "testing_shop/views.py",
        "house/contest.py",
        "src/admin-tools/views.py",
    ],
)
def test_a_word_of_tests_within_another_says_nothing(path: str) -> None:
    assert not is_supporting(path)
