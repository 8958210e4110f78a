"""The web page in a real Chromium: opened, clicked, filtered, read, and checked for access."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rigs.conftest import npm, run
from samples import FAILED, SAMPLES

from rlm_gate.core import Finding, Severity, Span, Verdict
from rlm_gate.reports import html

# The package's own way to unpack its browser, and with it the libraries that a machine may lack.
UNPACK = "import c from '@sparticuz/chromium'; console.log(await c.executablePath())"
Open = Callable[..., Any]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the package holds a browser for Linux on x86-64 only")
    npm("@sparticuz/chromium")
    folder = tmp_path_factory.mktemp("chromium")
    unpacking = {"TMPDIR": str(folder), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs20.x"}
    node = ("node", "--input-type=module", "--eval", UNPACK)
    said = run(*node, cwd=npm("@sparticuz").parent, env=unpacking)
    packages = next((Path(sys.prefix) / "rigs" / "lib").glob("python3*/site-packages"))
    sys.path.append(str(packages))  # at the end: what we develop with comes first
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        libraries = {**os.environ, "LD_LIBRARY_PATH": str(folder / "al2023" / "lib")}
        path = said.strip().splitlines()[-1]
        opened = driver.chromium.launch(executable_path=path, args=flags, env=libraries)
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a verdict's page. At the end nothing may have been loaded, blocked or thrown."""
    trouble: list[str] = []
    contexts = []

    def open_page(verdict: Verdict, **options: Any) -> Any:
        file = tmp_path / "report.html"
        file.write_bytes(html.render(verdict))
        context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda message: trouble.append(message.text))
        page.on("dialog", lambda dialog: trouble.append(f"dialog {dialog.message}"))
        page.on(
            "request", lambda one: None if one.url == file.as_uri() else trouble.append(one.url)
        )
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def told(page: Any) -> str:
    page.wait_for_timeout(150)  # a filter waits for the next key
    return str(page.inner_text("#told"))


def test_a_person_finds_the_finding_its_code_and_the_fix(show: Open) -> None:
    page = show(SAMPLES["audited"])
    assert page.title() == "FAIL · rlm-gate"
    assert "2 findings block" in page.inner_text("#overview")
    page.fill("#q", "app/db.py %s")
    assert told(page) == "0 findings of 3"
    page.fill("#q", "app/db.py")
    assert told(page) == "1 finding of 3"
    page.click(".card summary")
    body = page.inner_text(".card .body")
    assert "cur.execute(f\"select '😀' where id={user}\")" in body
    assert "Safe fix: Pass the value as a parameter" in body
    assert page.inner_text(".card .mark") != ""
    page.click("text=Clear")
    assert told(page) == "3 findings of 3"


def test_filters_go_together(show: Open) -> None:
    page = show(SAMPLES["failed"])
    page.check("input[value=high]", force=True)
    assert told(page) == "3 findings of 4"
    page.select_option("#state", "blocks")
    assert told(page) == "2 findings of 4"
    page.select_option("#origin", "model")
    assert told(page) == "1 finding of 4"
    page.select_option("#rule", "patterns/swallowed-error")
    assert told(page) == "0 findings of 4"
    assert "Nothing fits the filters" in page.inner_text("#list")


def test_it_works_by_keyboard_alone(show: Open) -> None:
    page = show(SAMPLES["failed"])
    page.keyboard.press("/")
    page.keyboard.type("swallow")
    assert told(page) == "1 finding of 4"
    page.keyboard.press("Escape")
    assert told(page) == "4 findings of 4"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator(".card[open]").count() == 1
    assert "app/db.py:12" in page.inner_text(".card[open]")


def test_the_trajectory_and_the_trend_are_there_to_read(show: Open) -> None:
    page = show(SAMPLES["audited"])
    assert "hits = grep('lookup')" in page.inner_text("#trajectory")
    page.click(".subcall summary >> nth=0")
    assert "app/views.py:7 passes" in page.inner_text(".subcall >> nth=0")
    assert page.locator("#calls tbody tr").count() == 3
    assert page.locator("#trend tbody tr").count() == 4
    assert page.locator("#trend svg rect").count() > 3
    assert page.locator("#files tbody tr").count() == 3


def test_the_button_switches_between_light_and_dark(show: Open) -> None:
    shade = "getComputedStyle(document.body).backgroundColor"
    light = show(SAMPLES["failed"], color_scheme="light")
    dark = show(SAMPLES["failed"], color_scheme="dark")
    white, black = light.evaluate(shade), dark.evaluate(shade)
    assert white != black
    light.click("#theme")
    assert light.evaluate(shade) == black


def test_what_is_hostile_is_shown_and_does_nothing(show: Open) -> None:
    page = show(SAMPLES["hostile"])
    page.click(".card summary")
    text = page.inner_text("#list")
    assert "</script>" in text
    assert "\\u202e" in text
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    finding = replace(FAILED.findings[0], message=evil, quote=evil, explanation=evil)
    page = show(replace(FAILED, findings=(finding,)))
    page.click(".card summary")
    assert evil in page.inner_text("#list")
    assert page.locator("img").count() == 0


def test_ten_thousand_findings_stay_quick(show: Open) -> None:
    def numbered(number: int) -> Finding:
        return replace(
            FAILED.findings[1],
            span=Span(f"src/part{number // 40}.py", number, number),
            severity=Severity(number % 5),
            quote=f"value{number} = eval(name)",
            fingerprint=f"{number:064x}",
        )

    page = show(replace(FAILED, findings=tuple(map(numbered, range(1, 10_001))), refuted=()))
    assert told(page) == "10,000 findings of 10,000, page 1 of 200"
    assert page.locator(".card").count() == 50
    page.click("#after")
    assert told(page) == "10,000 findings of 10,000, page 2 of 200"
    took = page.evaluate(
        """async () => {
          const start = performance.now();
          document.getElementById("q").value = "value9999";
          document.getElementById("filters").dispatchEvent(new Event("input", {bubbles: true}));
          while (document.querySelectorAll(".card").length !== 1) {
            await new Promise((done) => setTimeout(done, 10));
          }
          return performance.now() - start;
        }"""
    )
    assert took < 3000


def test_without_javascript_the_worst_findings_can_be_read(show: Open) -> None:
    page = show(SAMPLES["failed"], java_script_enabled=False)
    assert "app/db.py:12" in page.inner_text("noscript")
    assert "2 findings block" in page.inner_text("#overview")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["audited", "accepted", "inconclusive", "empty"])
def test_axe_finds_no_barrier(name: str, scheme: str, show: Open) -> None:
    page = show(SAMPLES[name], color_scheme=scheme)
    if page.locator(".card").count():
        page.click(".card summary >> nth=0")
    page.evaluate(npm("axe-core/axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


def test_a_narrow_screen_needs_no_sideways_scrolling(show: Open) -> None:
    page = show(SAMPLES["audited"])
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
