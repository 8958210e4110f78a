"""A parameter called as requests are is one only where its type lets it be one."""

from typing import Any

import pytest
from builders import corpus, rule, source

from rlm_gate.core import Detect, Finding, Severity
from rlm_gate.detectors import taint

HIGH, MEDIUM = Severity.HIGH, Severity.MEDIUM
RUN: dict[str, Any] = {
    "language": "typescript",
    "sink": "ssrf",
    "sources": ["remote", "address"],
    "calls": [{"call": "fetch", "args": [0]}],
}


def severities(*lines: str) -> list[Severity]:
    seeking = rule(detect=[Detect("taint", RUN)], severity=HIGH)
    found = taint.detect(corpus(source("a.ts", "\n".join((*lines, "")))), [seeking])
    return [one.severity for one in found if isinstance(one, Finding)]


SEND = "export async function send(request: {}) {{ await fetch(request.body.url); }}"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            ("interface Granted { readonly url: string }", SEND.format("Granted")), id="own"
        ),
        pytest.param(("class Job { url = ''; }", SEND.format("Job")), id="own class"),
        pytest.param(("type Order = { body: Page };", SEND.format("Order")), id="own alias"),
        pytest.param(("import { Page } from './page';", SEND.format("Page")), id="another thing"),
        pytest.param((SEND.format("string"),), id="a text"),
        pytest.param(
            ("interface ApiRequest { body: Page }", SEND.format("ApiRequest")), id="own, so called"
        ),
    ],
)
def test_what_is_only_called_a_request_is_none(lines: tuple[str, ...]) -> None:
    assert severities(*lines) == []


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((SEND.format("Request"),), id="of the web"),
        pytest.param((SEND.format("any"),), id="anything"),
        pytest.param((SEND.format("unknown"),), id="unknown"),
        pytest.param((SEND.format("{ body: { url: string } }"),), id="its parts alone"),
        pytest.param((SEND.format("Express.Request & Known"),), id="something of both"),
        pytest.param(
            ("interface Known extends Request { user: User }", SEND.format("Known")), id="extends"
        ),
        pytest.param(
            ("type Known = Request & { user: User };", SEND.format("Known")), id="intersects"
        ),
        pytest.param(
            ("const f = async (req: Asked, res: Response) => fetch(req.body.url);",), id="answered"
        ),
        pytest.param(
            ("const f = async (req: Asked, next: Next) => fetch(req.body.url);",), id="goes on"
        ),
        pytest.param(
            ("class A { @Get() b(@Req() req: WithUser) { fetch(req.body.url); } }",), id="decorated"
        ),
        pytest.param(
            ("export async function POST(req: KnownRequest) { fetch(req.body.url); }",),
            id="route",
        ),
    ],
)
def test_what_can_be_a_request_of_the_web_is_one(lines: tuple[str, ...]) -> None:
    assert severities(*lines) == [HIGH]


def test_a_type_of_another_file_that_is_called_a_request_may_be_none() -> None:
    brought = "import { OutgoingRequest } from './gate';"
    assert severities(brought, SEND.format("OutgoingRequest")) == [MEDIUM]
