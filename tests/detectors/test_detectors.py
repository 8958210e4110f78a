import gc
import itertools
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from builders import rule, source

from rlm_gate import detectors, globs
from rlm_gate.core import Confidence, Origin, Rule, Severity, SourceFile, Span, split_lines
from rlm_gate.detectors import Region, Text, _where, applies
from rlm_gate.errors import UsageError


def test_engines_are_found_by_file_name_and_private_modules_are_none() -> None:
    known = (
        "api",
        "astgrep",
        "changelog",
        "copies",
        "guides",
        "injection",
        "redos",
        "regex",
        "routes",
        "ruff",
        "sarif",
        "secrets",
        "taint",
        "zizmor",
    )
    assert detectors.names() == known


def test_an_unknown_engine_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match=r"unknown engine 'semgrep'; choose from api, astgrep, changelog"
    ):
        detectors.load("semgrep")


@pytest.mark.parametrize("name", detectors.names())
def test_every_engine_has_a_version_of_its_own(name: str) -> None:
    assert detectors.load(name).version()


@pytest.mark.parametrize("name", detectors.names())
def test_every_engine_refuses_an_option_it_does_not_know(name: str) -> None:
    complaints = dict(detectors.load(name).validate({"colour": "red"}, ("python",)))
    assert complaints[("colour",)].startswith("unknown option 'colour'; this engine has ")


def test_an_option_that_was_meant_is_named() -> None:
    complaints = dict(detectors.load("regex").validate({"patern": "x"}, ("python",)))
    assert complaints[("patern",)] == "unknown option 'patern'; did you mean 'pattern'?"
    complaints = dict(
        detectors.load("astgrep").validate({"language": "python", "rule": {"patern": "x"}}, ())
    )
    said = "unknown key 'patern' in an ast-grep rule; did you mean 'pattern'?"
    assert said in complaints[("rule", "patern")]


def test_importing_the_engines_loads_neither_ast_grep_nor_tempfile() -> None:
    code = (
        "import sys; from rlm_gate import detectors;"
        "[detectors.load(name) for name in detectors.names()];"
        "print(sorted({'ast_grep_py', 'tempfile', 'yaml', 'pydantic'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


class TestApplies:
    def test_a_rule_applies_to_files_of_its_languages(self) -> None:
        python = rule(languages=("python", "typescript"))
        assert applies(python, source("a.py", "x\n")) == ""
        assert applies(python, source("a.tsx", "x\n")) == ""
        assert applies(python, source("a.go", "x\n")) == "language"
        assert applies(rule(languages=("any",)), source("notes", "x\n")) == ""

    def test_shapes_that_another_thread_adds_meanwhile_are_asked_next_time(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def first(path: str) -> bool:
            shapes["second"] = lambda path: path == "a"
            return path == "a"

        shapes = {"first": first}
        monkeypatch.setattr(_where, "_SHAPES", shapes)
        monkeypatch.setattr(_where, "_PATHS", {})
        monkeypatch.setattr(_where, "_ASKED", {("first",), ("second",)})
        assert _where._matches(("first",), "a")
        assert _where._matches(("second",), "a")

    def test_shapes_may_come_while_those_known_are_listed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A collection of garbage may begin at any allocation, and let another thread go on."""

        def add(*_of: object) -> None:
            shapes[f"other {len(shapes)}"] = lambda _path: False

        shapes = {f"{number}": lambda path: path == "a" for number in range(5_000)}
        monkeypatch.setattr(_where, "_SHAPES", shapes)
        monkeypatch.setattr(_where, "_PATHS", {})
        monkeypatch.setattr(_where, "_ASKED", {("4999",)})
        threshold = gc.get_threshold()
        gc.callbacks.append(add)
        gc.set_threshold(1)
        try:
            matched = _where._matches(("4999",), "a")
        finally:
            gc.set_threshold(*threshold)
            gc.callbacks.remove(add)
        assert matched

    def test_files_and_rules_alike_keep_their_own_answers_as_patterns_come(self) -> None:
        """What is known of a language and the patterns that fit serves the next file alike."""
        excluding = [("^tests/",), (r"(?:.*/)?b\.py\Z",), ("^docs/", r".*\.go\Z")]
        rules = [
            replace(rule(languages=languages), exclude=exclude, include=include)
            for languages in (("python",), ("any",), ("go",))
            for exclude in ((), *excluding)
            for include in ((), *excluding)
        ]
        names = ("a.py", "b.py", "x/b.py", "tests/a.py", "docs/b.py", "docs/c.go", "d.go", "e")
        files = [source(name, "x\n") for name in names]

        def expected(one: Rule, file: SourceFile) -> str:
            if "any" not in one.languages and file.language not in one.languages:
                return "language"
            out = any(re.match(shape, file.path) for shape in one.exclude)
            into = not one.include or any(re.match(shape, file.path) for shape in one.include)
            return "" if into and not out else "path"

        for _ in range(3):
            for one in rules:
                for file in files:
                    assert applies(one, file) == expected(one, file), (one, file.path)

    def test_what_is_known_of_a_folder_or_a_name_serves_no_path_that_differs(self) -> None:
        globs_ = ["local*", "/a/b/", "tests/", "x/*/y.py", "*.py", "b", "/src/**/*.rs", "c\\nd"]
        shapes = globs.to_regex([one for one in globs_ if not globs.mistake(one)])
        rules = [replace(rule("security/r"), exclude=(shape,)) for shape in shapes]
        parts = ("a", "b", "tests", "local_x", "y.py", "x", "src", "m.rs", "b\n", "q\ny.py")
        for size in (1, 2, 3):
            for names in itertools.product(parts, repeat=size):
                file = source("/".join(names), "x\n")
                for one, shape in zip(rules, shapes, strict=True):
                    expected = "path" if re.match(shape, file.path) else ""
                    assert applies(one, file) == expected, (shape, file.path)

    def test_included_and_excluded_paths_decide_before_any_text_is_read(self) -> None:
        def unreadable() -> str:
            raise AssertionError("the text was read")

        file = replace(source("src/tests/a.py", "x\n"), read=unreadable)
        excluding = replace(rule(prefilter=("x",)), exclude=(r"(?:.*/)?tests/.*\Z",))
        including = replace(rule(prefilter=("x",)), include=(r"lib/.*\Z",))
        assert applies(excluding, file) == "path"
        assert applies(including, file) == "path"
        both = replace(including, include=(r"lib/.*\Z", r"src/.*\Z"), prefilter=())
        assert applies(both, file) == ""

    def test_any_pattern_of_the_prefilter_is_enough(self) -> None:
        asking = rule(prefilter=("zebra", r"^let\b"))
        assert applies(asking, source("a.js", "a\nlet b\n")) == ""
        assert applies(asking, source("a.js", "outlet\n")) == "prefilter"

    def test_a_prefilter_is_asked_once_of_each_of_very_many_files(self) -> None:
        read: list[str] = []

        def file(number: int) -> SourceFile:
            made = source(f"a{number}.py", f"text {number}\n")
            return replace(made, read=lambda: read.append(made.path) or "text\n")

        files = [file(number) for number in range(2_100)]
        rules = [rule(prefilter=(f"zebra{number}",)) for number in range(100)]
        for one in files:
            for asking in rules:
                applies(asking, one)
        read.clear()
        assert {applies(asking, one) for one in files for asking in rules} == {"prefilter"}
        assert not read, "210,000 answers are known, and cost no second reading"

    def test_removed_lines_count_for_the_prefilter(self) -> None:
        asking = rule(prefilter=("check_owner",))
        gone = source("a.py", "x\n", status="modified", changed=(), removed=[(1, "check_owner()")])
        deleted = source("b.py", "", status="deleted", removed=[(0, "check_owner()\n")])
        assert applies(asking, gone) == ""
        assert applies(asking, deleted) == ""
        assert applies(asking, source("a.py", "x\n")) == "prefilter"


class TestText:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_lines_are_those_of_the_core_whatever_ends_them(self, end: str) -> None:
        raw = f"one{end}two\x0c\u2028still two{end}three"
        text = Text.of(raw)
        assert list(text.lines) == split_lines(raw)
        start = text.text.index("three")
        assert text.region(start, start + 5) == Region(3, 1, 3, 6)

    def test_columns_count_code_points(self) -> None:
        text = Text.of("x = '\N{GRINNING FACE}\N{LATIN SMALL LETTER E WITH ACUTE}'; eval(x)\n")
        start = text.text.index("eval")
        assert text.position(start) == (1, 11)

    def test_a_trailing_newline_does_not_add_a_line(self) -> None:
        text = Text.of("one\ntwo\nthree\n")
        assert text.region(0, 4) == Region(1, 1, 1, 4)
        assert text.region(0, 8) == Region(1, 1, 2, 4)


def test_a_finding_quotes_its_whole_lines_and_trusts_the_rule() -> None:
    trusted = replace(rule("security/x"), severity=Severity.LOW, precision=Confidence.MEDIUM)
    lines = ("  first(", "    second)", "third")
    found = detectors.finding(trusted, "a.py", lines, Region(1, 3, 2, 12), "regex")
    assert found.quote == "  first(\n    second)"
    assert found.span == Span("a.py", 1, 2)
    assert found.columns == (3, 12)
    assert (found.severity, found.confidence) == (Severity.LOW, Confidence.MEDIUM)
    assert (found.origin, found.engine) == (Origin.DETECTOR, "regex")


class TestLines:
    def test_the_lines_of_a_find_must_have_one_pattern_and_lack_the_other(self) -> None:
        options = {"lines_have": "token", "lines_lack": "tokens"}
        assert detectors.lines_fit(options, "token = 1")
        assert not detectors.lines_fit(options, "value = 1")
        assert not detectors.lines_fit(options, "tokens = 1")
        assert detectors.lines_fit({}, "")

    def test_a_text_without_what_lines_must_have_is_not_worth_a_parse(self) -> None:
        assert not detectors.lines_possible({"lines_have": "^token"}, "a\nthe token\n")
        assert detectors.lines_possible({"lines_have": "^token"}, "a\ntoken\n")
        assert detectors.lines_possible({}, "")

    def test_anchors_of_the_whole_lines_are_not_taken_for_those_of_the_file(self) -> None:
        assert detectors.lines_possible({"lines_have": r"\Atoken"}, "a\ntoken\n")

    def test_a_severity_that_is_none_is_told_at_its_key(self) -> None:
        [(place, text)] = detectors.line_complaints({"severity": "grave"})
        assert place == ("severity",)
        assert "choose from info, low, medium, high, critical" in text

    def test_a_bad_pattern_is_told_at_its_key(self) -> None:
        [(place, text)] = detectors.line_complaints({"lines_lack": "("})
        assert place == ("lines_lack",)
        assert "not a regular expression" in text


@pytest.mark.parametrize(
    ("own", "options", "quote", "meant"),
    [
        ("high", {"lines_grave": "token"}, "token = random()", "high"),
        ("high", {"lines_grave": "token"}, "colour = random()", "low"),
        ("info", {"lines_grave": "token"}, "colour = random()", "info"),
        ("high", {"lines_doubt": "0\\.0\\.0\\.0"}, "bind('0.0.0.0')", "medium"),
        ("high", {"lines_doubt": "0\\.0\\.0\\.0"}, "bind('::')", "high"),
        ("low", {"lines_doubt": "0\\.0\\.0\\.0"}, "bind('0.0.0.0')", "low"),
        ("critical", {"lines_grave": "token", "lines_doubt": "demo"}, "demo token", "medium"),
        ("critical", {"lines_grave": "token", "lines_doubt": "demo"}, "a token", "critical"),
        ("critical", {"lines_grave": "token", "lines_doubt": "demo"}, "a demo", "low"),
        ("critical", {"severity": "medium"}, "", "medium"),
        ("low", {"severity": "high"}, "", "low"),
        ("critical", {"severity": "high", "lines_grave": "token"}, "a demo", "low"),
    ],
)
def test_lines_that_lack_what_is_grave_or_may_be_meant_weigh_less_and_never_more(
    own: str, options: dict[str, str], quote: str, meant: str
) -> None:
    judged = replace(rule("security/x"), severity=Severity.parse(own))
    found = detectors.finding(judged, "a.py", (quote,), Region(1, 1, 1, 2), "regex", options)
    assert found.severity is Severity.parse(meant)


def test_a_file_that_is_asked_for_one_prefilter_answers_all_that_are_expected() -> None:
    file = source("a.py", "import os\n# expected\n")
    wanted = [rule(prefilter=(one,)) for one in ("import", "nowhere", "expec(?:ted)", "os$")]
    other = rule(prefilter=("# .*",), languages=("go",))
    detectors._KNOWN.clear()
    detectors.expect([*wanted, other])
    try:
        assert detectors.applies(wanted[1], file) == "prefilter"
    finally:
        detectors.expect([])
    answers = {("import",): True, ("nowhere",): False, ("expec(?:ted)",): True, ("os$",): True}
    assert detectors.prefilters(file) == answers


@pytest.mark.parametrize("kind", [tuple, list])
def test_the_rules_that_apply_are_those_that_apply_when_asked_alone(kind: type) -> None:
    rules = (
        rule("test/any"),
        rule("test/go", languages=("go",)),
        replace(rule("test/out"), exclude=(r"kept/.*\Z",)),
        rule("test/word", prefilter=("eval",)),
        rule("test/other", prefilter=("exec",)),
    )
    files = [source(path, "eval(x)\n") for path in ("a.py", "kept/a.py", "a.go", "b.py")]
    asked = kind(rules)
    for more in range(2):
        for file in files:
            alone = [one for one in rules if not applies(one, file)]
            assert detectors.applying(asked, file) == alone, (file.path, more)
        _where._register((rf"(?:.*/)?new{more}\Z",))  # another rule brings a pattern
