"""Tell supporting code by its path: examples, demos, docs, and what only developers run.

Knows names of folders and files, not what the files hold: a path that says nothing is the product.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

from rlm_gate import kept


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Folders that mean the same at any depth; those that do so where the repository begins or one
# folder below; and those that only do at its top: a package may call a part of its product so.
_ANYWHERE: Final = _words(
    "example examples sample samples demo demos tutorial tutorials playground playgrounds"
    " bench benches benchmark benchmarks docs_src cookbook snippets dummyserver testserver"
    " mockserver scripts-dev devscripts dev-tools devtools_scripts release-tools"
    " testing_support testing-support test_support test-support"
    " testing_tools test-tools testtools testing test_utils test-utils testutils test-fixtures e2e"
    " testproject test_project testproj testapp test_app demo_project myapp"
    " test tests testdata testsuite fixtures fixture mocks spec specs cypress"
    " integration-tests integration_tests integrationtests acceptance stories storybook"
    " conformance test_data test-data test_resources test-resources testresources testfixtures"
    " unittest unittests unit_test unit_tests unit-tests unit_testing unit-testing"
    " .claude .erb .cursor .opencode .devcontainer .vscode .vs"
)
# Of a name of its own: example_theme, src/test-integration, tests-e2e.
_IS_EXAMPLE: Final = kept.expression(
    r"(?:(?:examples?|samples?|demos?)[_-].+|.+-(?:examples?|samples?)"
    r"|tests?[_-](?:integration|unit|e2e|acceptance|functional)"
    r"|[\w-]+-?testsuite|[\w.-]+-(?:test-(?:utils?|kit|server|support)|http-test)"
    r"|[\w.]+\.(?:unit|integration|functional|e2e)?_?(?:tests?|specs?))\Z"
).match
# The package that tools give a new program: src/main/java/com/example/demo.
_STARTED: Final = kept.expression(r"(?<=java|tlin)/com/example/(?:demo/)?")
_NEAR_THE_TOP: Final = _words("doc docs documentation bin ci .ci .github buildscripts")
_AT_THE_TOP: Final = _words(
    "contrib contribs tool tools script scripts hack hacking dev devel .circleci .gitlab build"
    " build-tools build_tools release releases packaging maintainers maintenance misc infra"
    " extra extras sandbox sandboxes integration backups archive archived legacy-code legacy_code"
    " unused not_in_use obsolete attic"
)
_SCRIPTS: Final = _words("scripts script")
_PARTS: Final = _words("server backend api functions lambda worker workers")
_PACKAGES: Final = _words("packages apps services")
_PACKAGE: Final = 2  # packages/name/scripts
# Of a database, which are numbered or dated; a product may have migrators of its own.
_MIGRATIONS: Final = _words("migrations migration migrate versions")
_MIGRATION: Final = kept.expression(r"[vmu]?\d|[0-9a-f]{8,}_|__init__\.py\Z").match
_COMMANDS: Final = ("management", "commands")  # of Django, for who runs the program
_SCRIPT_ENDS: Final = (".py", ".sh", ".rb", ".pl", ".php", ".bash")
_NAMES: Final = _words(
    "setup.py noxfile.py fabfile.py dodo.py conf.py gruntfile.js gulpfile.js rakefile makefile"
    " build.rs manage.py"
)
_ROOT_NAMES: Final = ("setup", "build", "release", "make_release", "version", "bump")
# Go's packages of helpers for tests go by this: httptest, iotest.
_HELPS_TESTS: Final = kept.expression(r"(?!latest|contest|protest)\w+test\Z|testutils?\Z").match
# Tests beside what they test, and the settings of one surrounding, or those that the ones of a real
# surrounding replace: settings/ci.py, local_dev.py, settings/base.py.
_IS_TEST: Final = kept.expression(
    r"(?:.+[.-](?:example|sample)\.\w+|.+\.(?:http|rest)|.+_examples?\.\w+|.+\.(?:example|sample|dist)"
    r"|.+\.dist\.\w+|(?:example|sample|demo)[_-].+\.\w+"
    r"|test-.*\.[cm]?js|(?:(?:jest|vitest|karma|mocha)[._-]?setup|setup-?tests?|(?:db-?)?seed(?:s|er)?|test-?utils?)"
    r"\.(?:[cm]?[jt]sx?|py|rb|php)|(?:test_.*|.*[_.-](?:test|tests|spec|e2e|stories|mocks?)|conftest)"
    r"\.(?:py|go|rb|php|java|kt|scala|cs|rs|[cm]?[jt]sx?|html?)"
    r"|.+(?<!la)(?<!con)(?<!pro)(?<!at)test(?:s|case)?\.(?:java|kt|scala|php|cs))\Z"
).match
_SURROUNDING: Final = kept.expression(
    r"(?:(?P<what>settings?|config|env|application|appsettings|docker-compose|compose)[_.-])?"
    r"(?:ci|local|dev|develop|development|test|testing|tests|sandbox|e2e|example|sample|docker|base"
    r"|common|defaults?|shared)"
    r"(?P<more>[_.-]?(?:settings?|config|dev|development|local|env))?"
    r"\.(?:py|js|ts|ya?ml|json|php|rb|toml|env)\Z"
).match
_SETTINGS: Final = _words("settings setting config configs conf env environments environment")
_CONFIG_ENDS: Final = (".config.js", ".config.ts", ".config.mjs", ".config.cjs", ".config.mts")


@lru_cache(maxsize=4096)
def is_supporting(path: str) -> bool:
    """Say whether the file at this path is run by its developers or shown to readers alone."""
    *parents, name = _STARTED.sub("/", path.lower()).split("/")
    folders = [folder.strip("_") for folder in parents]
    return _lies_there(folders, name) or _is_called_so(folders, name)


def _lies_there(folders: Sequence[str], name: str) -> bool:
    """Say whether a folder above says so."""
    return (
        not _ANYWHERE.isdisjoint(folders)
        or any(_IS_EXAMPLE(folder) for folder in folders)
        or not _NEAR_THE_TOP.isdisjoint(folders[:2])
        or not _AT_THE_TOP.isdisjoint(folders[:1])
        or any(folder.endswith(("-tools", "_tools")) for folder in folders[:1])
        or (not _SCRIPTS.isdisjoint(folders) and name.endswith(_SCRIPT_ENDS))
        or _is_servers_script(folders)
        or (name.endswith(".go") and any(_HELPS_TESTS(folder) for folder in folders))
        or _is_migration(folders, name)
        or _COMMANDS in pairwise(folders)
    )


def _is_servers_script(folders: Sequence[str]) -> bool:
    """Say whether the folder holds scripts of a part, not those that a page loads."""
    return any(above in _PARTS and below in _SCRIPTS for above, below in pairwise(folders)) or (
        len(folders) > _PACKAGE and folders[0] in _PACKAGES and folders[_PACKAGE] in _SCRIPTS
    )


def _is_called_so(folders: Sequence[str], name: str) -> bool:
    """Say whether the file's own name says so."""
    if name in _NAMES or name.endswith(_CONFIG_ENDS) or _IS_TEST(name):
        return True
    if found := _SURROUNDING(name):
        return bool(found["what"] or found["more"]) or not _SETTINGS.isdisjoint(folders)
    return not folders and name.endswith(".py") and name.startswith(_ROOT_NAMES)


def _is_migration(folders: Sequence[str], name: str) -> bool:
    below = pairwise((*folders, name))
    return any(folder in _MIGRATIONS and _MIGRATION(part) for folder, part in below)
