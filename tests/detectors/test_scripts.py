from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding
from rlm_gate.detectors import astgrep, taint
from rlm_gate.detectors._scripts import embedded, scripts_of

PAGE = """\
<html><SCRIPT type="module">let a = 1;
let b = "<%= name %>" + {{ user.id }};</SCRIPT>
<script type="application/json">{"a": 1}</script>
<script src="x.js"></script> text
"""


def test_scripts_stand_where_the_page_has_them_and_all_else_is_blank() -> None:
    text, language = embedded(PAGE)
    assert language == "javascript"
    assert [len(line) for line in text.split("\n")] == [len(one) for one in PAGE.split("\n")]
    assert text.split("\n")[0].strip() == "let a = 1;"
    assert text.split("\n")[1].rstrip() == 'let b = "xxxxxxxxxxx" + xxxxxxxxxxxxx;'
    assert text.split("\n")[2:] == [" " * len(one) for one in PAGE.split("\n")[2:]]


def test_a_component_says_that_its_script_has_types() -> None:
    assert embedded('<script setup lang="ts">let a: number = 1</script>')[1] == "typescript"
    assert embedded("<script>let a = 1</script>")[1] == "javascript"


def test_what_is_no_script_or_packed_or_never_closed_is_left_alone() -> None:
    for text in (
        '<script type="text/x-template">a</script>',
        f"<script>{'a;' * 1500}</script>",
        "<script>let a = 1;",
        "<script> </script>",
        "<script" * 9,
    ):
        assert embedded(text) == ("", "javascript")


def test_only_files_that_hold_scripts_are_asked_for_them() -> None:
    code = "<script>eval(a)</script>\n"
    assert scripts_of(source("a.js", code)) is None
    assert scripts_of(source("a.vue", "<p></p>\n")) is None
    script = scripts_of(source("a.ejs", code))
    assert script is not None
    assert (script.language, script.text.strip()) == ("javascript", "eval(a)")


SHAPE = Detect("astgrep", {"language": "javascript", "rule": {"pattern": "eval($A)"}})
FLOW = Detect("taint", {"language": "javascript", "sink": "code", "calls": [{"call": "eval"}]})


def test_a_rule_that_names_the_page_s_language_judges_the_scripts_in_their_place() -> None:
    page = source("a.vue", "<p>\n</p><script>eval(request.query.a)</script>\n")
    for engine, entry in ((astgrep, SHAPE), (taint, FLOW)):
        named = rule("security/x", detect=[entry], languages=("javascript", "vue"))
        [found] = engine.detect(corpus(page), [named])
        assert isinstance(found, Finding)
        assert found.quote == "</p><script>eval(request.query.a)</script>"
        assert (found.span.start, found.columns[0]) == (2, 13)
        unnamed = rule("security/x", detect=[entry], languages=("javascript",))
        assert not [*engine.detect(corpus(page), [unnamed])]


def test_a_script_that_no_grammar_reads_is_no_trouble_of_the_page() -> None:
    page = source("a.html", "<script>eval(a) }}} ((( if</script>\n")
    named = rule("security/x", detect=[SHAPE], languages=("javascript", "html"))
    assert all(isinstance(one, Finding) for one in astgrep.detect(corpus(page), [named]))


def test_a_comment_stands_where_another_branch_of_a_template_begins() -> None:
    page = "<script>a({% if b %}1{% else %}2{% endif %});<% if (c) { %>x<% } else { %>y</script>"
    text, _ = embedded(page)
    assert len(text) == len(page)
    assert text.count("/*else") == 2
    assert "{%" not in text
    assert "<%" not in text
