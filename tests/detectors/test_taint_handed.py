"""Functions that are handed over, and what frameworks hand to functions."""

from typing import Any

import pytest

from rlm_gate import examples
from rlm_gate.core import Confidence, Detect, Finding, Help, Rule, Severity
from rlm_gate.detectors import taint

PYTHON: dict[str, Any] = {
    "language": "python",
    "sink": "shell",
    "calls": [
        {"call": "os.system", "args": [0]},
        {"call": "subprocess.run", "args": [0], "when": {"shell": True}},
    ],
}
NODE: dict[str, Any] = {
    "language": "typescript",
    "sink": "shell",
    "calls": [{"call": "child_process.exec", "args": [0]}],
}
PATH: dict[str, Any] = {**NODE, "sink": "path", "calls": [{"call": "fs.readFile", "args": [0]}]}


def found(code: str, entry: dict[str, Any]) -> list[Severity]:
    rule = Rule(
        id="security/flow",
        title="t",
        severity=Severity.HIGH,
        precision=Confidence.HIGH,
        languages=("python", "typescript"),
        message="m",
        help=Help("", ""),
        detect=(Detect("taint", entry),),
    )
    file = examples.whole_file("src/app", entry["language"], code)
    told = taint.detect(examples.corpus_of([file]), [rule])
    return [one.severity for one in told if isinstance(one, Finding)]


def view(*body: str) -> list[Severity]:
    head = "import asyncio, functools, os, subprocess, threading\nfrom flask import request\n\n"
    lines = ["def view(pool):", "    sent = request.args['q']", *(f"    {one}" for one in body)]
    return found(head + "\n".join(lines) + "\n", PYTHON)


@pytest.mark.parametrize(
    "body",
    [
        ["functools.partial(os.system, sent)()"],
        ["run = functools.partial(subprocess.run, shell=True)", "run(sent)"],
        ["run = functools.partial(functools.partial(subprocess.run, shell=True), sent)", "run()"],
        ["run = functools.partial(subprocess.run, shell=False)", "run(sent, shell=True)"],
        ["pool.submit(os.system, sent)"],
        ["pool.submit(functools.partial(os.system, sent))"],
        ["pool.submit(subprocess.run, sent, shell=True)"],
        ["asyncio.to_thread(os.system, sent)"],
        ["asyncio.get_running_loop().run_in_executor(None, os.system, sent)"],
        ["asyncio.get_running_loop().call_later(3, os.system, sent)"],
        ["threading.Thread(target=os.system, args=(sent,)).start()"],
        ["threading.Thread(target=subprocess.run, args=[sent], kwargs={'shell': True}).start()"],
        ["pool.apply_async(os.system, (sent,))"],
        ["list(map(os.system, ['ls', sent]))"],
        ["pool.submit(own, sent)"],
    ],
)
def test_what_is_handed_over_is_called_with_what_comes_along(body: list[str]) -> None:
    own = ["def own(it):", "    os.system(it)"]
    assert view(*own, *body) == [Severity.HIGH]


@pytest.mark.parametrize(
    "body",
    [
        ["run = functools.partial(subprocess.run, shell=False)", "run(sent)"],
        ["run = functools.partial(subprocess.run, shell=True)", "run('ls')"],
        ["run = functools.partial(subprocess.run, shell=True)", "run(['ls', sent], shell=False)"],
        ["functools.partial(os.system, sent)"],
        ["pool.submit(os.system, 'ls', sent)"],
        ["pool.submit(sent, os.system)"],
        ["threading.Thread(target=os.system, args=('ls',), name=sent).start()"],
        ["pool.submit(own, sent)"],
    ],
)
def test_what_does_not_reach_the_sink_is_no_harm(body: list[str]) -> None:
    assert view("def own(it):", "    os.system('ls')", *body) == []


def node(*body: str) -> str:
    imports = ["import { exec } from 'child_process';", "import fs from 'fs';"]
    return "\n".join([*imports, "import { ipcMain } from 'electron';", *body])


@pytest.mark.parametrize(
    "body",
    [
        ["app.post('/', async (req, res) => { for await (const it of req) exec(`${it}`); });"],
        [
            "app.post('/', async (req, res) => { const all = [];",
            "  for await (const it of req) { all.push(it); }",
            "  exec(Buffer.concat(all).toString()); });",
        ],
        ["exports.handler = async (event) => { exec(event['name']); };"],
        ["export const handler = async (event) => { exec(event.name); };"],
    ],
)
def test_pieces_of_a_request_and_events_are_what_was_sent(body: list[str]) -> None:
    assert found(node(*body), NODE) == [Severity.HIGH]


def test_other_rows_and_other_events_are_not() -> None:
    rows = "app.post('/', async (req, res) => { for await (const it of table) exec(it); });"
    click = "button.onClick = (event) => { exec(event.name); };"
    assert found(node(rows), NODE) == []
    assert found(node(click), NODE) == []


def test_what_a_window_sends_is_told_but_not_gravely() -> None:
    run = "ipcMain.handle('run', async (_event, { name }) => { exec(name); });"
    read = "ipcMain.on('read', (_event, name) => { fs.readFile(name); });"
    asked = "ipcMain.on('run', (event) => { exec(event); });"
    assert found(node(run), NODE) == [Severity.MEDIUM]
    assert found(node(read), PATH) == [Severity.LOW]
    assert found(node(asked), NODE) == []
