"""Comments within an expression hide no shape; rules that name comments see them."""

from collections.abc import Mapping
from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Rule, SourceFile
from rlm_gate.detectors import astgrep

RUN = {"pattern": "run(1, 2)"}
HOLDING = {"kind": "call", "has": {"kind": "argument_list", "has": {"kind": "comment"}}}
COMMENTED = {
    "python.py": "# not run(1)\nrun(  # why\n    1,\n    # all\n    2)\n",
    "ruby.rb": "# not run(1)\nrun(  # why\n    1,\n    # all\n    2)\n",
    "typescript.ts": "// not run(1)\nrun(/* why\n so */ 1,\n    // all\n    2)\n",
    "javascript.js": "// not run(1)\nrun(/* why\n so */ 1,\n    // all\n    2)\n",
    "go.go": "package a\nfunc f() { run(/* why\n so */ 1,\n    // all\n    2) }\n",
    "java.java": "class A {\nvoid f() { run(/* why\n so */ 1,\n    // all\n    2); } }\n",
    "csharp.cs": "class A {\nvoid F() { run(/* why\n so */ 1,\n    // all\n    2); } }\n",
    "kotlin.kt": "fun f() {\nrun(/* why\n so */ 1,\n    // all\n    2) }\n",
    "rust.rs": "fn f() {\nrun(/* why\n so */ 1,\n    // all\n    2); }\n",
    "php.php": "<?php // \u00e9\nrun(/* why\n so */ 1,\n    # all\n    2);\n",
}


def seeking(*entries: Mapping[str, Any]) -> Rule:
    return rule("security/shape", detect=[Detect("astgrep", dict(one)) for one in entries])


def found(file: SourceFile, *rules: Rule) -> list[Finding]:
    return [one for one in astgrep.detect(corpus(file), rules) if isinstance(one, Finding)]


def entry(language: str, shape: Mapping[str, Any]) -> dict[str, Any]:
    return {"language": language, "rule": shape}


@pytest.mark.parametrize("path", sorted(COMMENTED))
def test_comments_between_arguments_hide_no_call(path: str) -> None:
    text = COMMENTED[path]
    [one] = found(source(path, text), seeking(entry(path.partition(".")[0], RUN)))
    assert (one.span.start, one.span.end) == (2, 5)
    assert one.quote == "\n".join(text.splitlines()[1:5])


def test_a_rule_that_names_comments_sees_those_between_arguments() -> None:
    file = source("a.py", COMMENTED["python.py"])
    naming, other = entry("python", HOLDING), entry("python", RUN)
    assert len(found(file, seeking(naming), seeking(other))) == 2
    [both] = found(file, seeking(naming, other))
    assert (both.span.start, both.span.end) == (2, 5)


def test_comments_between_statements_stay() -> None:
    empty = {"kind": "statement_block", "regex": r"^\{\s*\}$"}
    text = "try { f(/* a */) } catch { /* meant */ }\ntry { f() } catch { }\n"
    [one] = found(source("a.js", text), seeking(entry("javascript", empty)))
    assert one.span.start == 2


def test_text_that_looks_like_a_comment_stays() -> None:
    text = 'run("/* 1 */", /* 2 */ `// 3`)\n'
    shape = {"pattern": 'run("/* 1 */", `// 3`)'}
    assert found(source("a.js", text), seeking(entry("javascript", shape)))
