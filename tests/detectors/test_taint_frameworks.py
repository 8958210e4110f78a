"""What frameworks of JavaScript give a function by its name or place, and what they do not."""

from typing import Any

import pytest

from rlm_gate import examples
from rlm_gate.core import Confidence, Detect, Finding, Help, Rule, Severity
from rlm_gate.detectors import taint

SINK: dict[str, Any] = {"sink": "sql", "calls": [{"call": "*.query", "args": [0]}]}


def lines(code: str, *sources: str) -> list[int]:
    entry = {"language": "typescript", **SINK, "sources": list(sources or ("remote",))}
    rule = Rule(
        id="security/flow",
        title="t",
        severity=Severity.HIGH,
        precision=Confidence.HIGH,
        languages=("typescript",),
        message="m",
        help=Help("", ""),
        detect=(Detect("taint", entry),),
    )
    file = examples.whole_file("src/app", "typescript", code)
    found = taint.detect(examples.corpus_of([file]), [rule])
    return sorted(one.span.start for one in found if isinstance(one, Finding))


@pytest.mark.parametrize(
    "head",
    [
        "export async function getServerSideProps({ query: { q } }) {",
        "export const loader = async ({ params: { q } }: LoaderFunctionArgs) => {",
        "export const load = ({ url }) => { const q = url.searchParams.get('q');",
        "export async function GET(request, { params: { q } }) {",
        "export default async function Page({ searchParams }) { const { q } = await searchParams;",
        "async function ask(q) { 'use server';",
        "serve((req) => { const q = new URL(req.url).searchParams.get('q');",
    ],
)
def test_what_a_framework_hands_over_comes_from_outside(head: str) -> None:
    end = ")" if head.startswith("serve") else ""
    assert lines(f"{head}\ndb.query('a' + q);\n}}{end}\n") == [2]


@pytest.mark.parametrize(
    "head",
    [
        "function load(q) {",
        "function Page({ q, searchParams }) {",
        "function GET(q) { request();",
        "async function ask(q) { help('use server');",
    ],
)
def test_a_like_name_alone_brings_nothing_from_outside(head: str) -> None:
    assert lines(f"{head}\ndb.query('a' + q);\n}}\n") == []


def test_a_file_of_server_actions_lets_pages_call_what_it_exports_alone() -> None:
    code = "'use server';\nexport async function ask(q) {\n  db.query('a' + q);\n}\n"
    helper = "async function help(q) {\n  db.query('a' + q);\n}\n"
    assert lines(code + helper) == [3]


def test_a_handler_that_is_given_by_name_gets_what_is_handed_over() -> None:
    body = "(event) {\n  db.query('a' + event.data);\n}\n"
    given = "window.addEventListener('message', hear);\n"
    assert lines(f"function hear{body}{given}", "page") == [2]
    assert lines(f"function hear{body}other(hear); location.hash;\n", "page") == []


def test_the_text_of_an_element_is_a_source_of_its_own() -> None:
    code = "db.query('a' + document.getElementById('b').value);\n"
    assert (lines(code, "element"), lines(code, "page")) == ([1], [])
