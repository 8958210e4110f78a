from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from loopback import serve
from pytest_httpserver import HTTPServer

from rlm_gate.cli import main
from rlm_gate.errors import UsageError
from rlm_gate.tasks import Options, depmap
from rlm_gate.tasks.links import tables
from rlm_gate.tasks.links.facts import endpoint
from rlm_gate.tasks.links.joining import serves
from rlm_gate.tasks.links.page import Map

OFFLINE = Options(offline=True)

SHOP = {
    "pyproject.toml": '[project]\nname = "shop-api"\ndependencies = ["flask"]\n',
    "src/shop/__init__.py": "from shop.core import Order as Order\n",
    "src/shop/core.py": (
        "class Order:\n    id: int\n    owner: str\n    total: float\n\n\n"
        "def price(order):\n    return order.total\n\n\n"
        "def invoice(order):\n    return price(order)\n"
    ),
    "src/shop/web.py": (
        "from flask import Blueprint\nfrom .core import invoice\n\n"
        'bp = Blueprint("orders", __name__, url_prefix="/api/orders")\n\n\n'
        '@bp.route("/<int:id>", methods=["POST"])\ndef make(id):\n'
        '    producer.send("orders.created", invoice(id))\n'
        '    cur.execute("SELECT total FROM orders o WHERE o.id = %s", (id,))\n'
    ),
    "schema.sql": "CREATE TABLE users (id int);\n\nCREATE TABLE orders (id int, total real);\n",
    "openapi.yaml": (
        "openapi: 3.0.0\nservers: [{url: https://x.example/api}]\n"
        "paths:\n  /stock/{sku}:\n    get: {}\n"
    ),
    "go.mod": "module example.com/shop\n\ngo 1.22\n",
    "pkg/money/money.go": "package money\n\nfunc Round(x float64) float64 { return x }\n",
}
CLIENT = {
    "package.json": '{"name": "client",\n "dependencies": {"@shop/ui": "1"}}\n',
    "requirements.txt": "# ours\nShop_API>=1\n",
    "report.py": "import json\nimport shop\nfrom shop.core import price\n\n\n"
    "def total(order):\n    return price(order)\n",
    "late.py": "def load():\n    from shop import Order\n    return Order\n",
    "src/app.ts": (
        'const BASE = "http://shop";\nexport interface Order {\n  id: number;\n'
        "  owner: string;\n  total: number;\n}\n"
        "export const send = (id: string) =>\n"
        '  fetch(`${BASE}/api/orders/${id}`, {method: "POST"});\n'
        'consumer.subscribe({topic: "orders.created"});\n'
    ),
    "main.go": (
        'package main\n\nimport (\n\t"net/http"\n\n\t"example.com/shop/pkg/money"\n)\n\n'
        'func main() {\n\tmoney.Round(1)\n\thttp.Get(base + "/api/stock/7")\n}\n'
    ),
    "jobs.py": 'def old():\n    db.execute("DELETE FROM orders WHERE id < 5")\n',
}


def write(folder: Path, files: dict[str, str]) -> str:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return str(folder)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    return write(tmp_path / "shop", SHOP), write(tmp_path / "client", CLIENT)


def mapped(*repos: str, **asked: Any) -> Map:
    return depmap.run(depmap.Request(repos, **asked), OFFLINE).answer


def test_every_kind_of_edge_is_found_between_two_repositories(pair: tuple[str, str]) -> None:
    found = {
        (edge.kind, edge.name, edge.source[1], edge.target[1])
        for edge in mapped(*pair).edges
        if edge.crosses
    }
    core, ui = "src/shop/core.py", "src/app.ts"
    assert found == {
        ("package", "pypi:shop-api", "requirements.txt", "pyproject.toml"),
        ("import", "shop", "report.py", "src/shop/__init__.py"),
        ("import", "shop.core", "report.py", core),
        ("import", "shop", "late.py", "src/shop/__init__.py"),
        ("import", "example.com/shop/pkg/money", "main.go", "pkg/money/"),
        ("endpoint", "POST /api/orders/{}", ui, "src/shop/web.py"),
        ("endpoint", "GET /api/stock/{}", "main.go", "openapi.yaml"),
        ("topic", "orders.created", ui, "src/shop/web.py"),
        ("table", "orders", "jobs.py", "schema.sql"),
        ("type", "Order", core, ui),
    }


def test_the_evidence_of_every_edge_stands_at_its_line(pair: tuple[str, str]) -> None:
    parent = Path(pair[0]).parent
    seen = 0
    for edge in mapped(*pair).edges:
        for one in edge.evidence:
            lines = (parent / one.path).read_text().split("\n")
            assert lines[one.line - 1].strip() == one.quote
            assert one.quote
            seen += 1
    assert seen >= 20


def test_the_importers_of_a_package_are_those_that_the_language_s_own_parser_finds(
    pair: tuple[str, str],
) -> None:
    judged = set()
    for file in Path(pair[1]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            judged |= {file.name for name in names if name.partition(".")[0] == "shop"}
    edges = [edge for edge in mapped(*pair).edges if edge.crosses and edge.kind == "import"]
    assert {edge.source[1] for edge in edges if edge.source[1].endswith(".py")} == judged
    assert judged == {"report.py", "late.py"}


def test_impact_follows_calls_and_imports_with_the_chain(pair: tuple[str, str]) -> None:
    broken = mapped(*pair, impact="core.py:price").broken
    chains = {one.chain[-1]: one.chain for one in broken}
    assert chains["client/report.py:total"][0] == "shop/src/shop/core.py:price"
    assert chains["shop/src/shop/web.py:make"] == (
        "shop/src/shop/core.py:price",
        "shop/src/shop/core.py:invoice",
        "shop/src/shop/web.py:make",
    )
    assert chains["client/src/app.ts:send"][-2] == "shop/src/shop/web.py:make"
    assert not any("late.py" in name for name in chains)


def test_a_package_of_go_at_the_root_of_one_module_is_seen_from_the_root_of_another(
    tmp_path: Path,
) -> None:
    flags = {"go.mod": "module example.com/flags\n", "f.go": "package flags\n"}
    tool = {
        "go.mod": "module example.com/tool\n\nrequire (\n\texample.com/flags v1.0.0\n)\n",
        "t.go": 'package tool\n\nimport f "example.com/flags"\n\nvar _ = f.X\n',
    }
    found = mapped(write(tmp_path / "flags", flags), write(tmp_path / "tool", tool)).edges
    assert {(edge.kind, edge.source, edge.target) for edge in found} == {
        ("import", ("tool", "t.go"), ("flags", "./")),
        ("package", ("tool", "go.mod"), ("flags", "go.mod")),
    }


@pytest.mark.parametrize("asked", ["core.py:nothing", "no.py:price", "price"])
def test_an_impact_of_nothing_is_a_usage_error(pair: tuple[str, str], asked: str) -> None:
    with pytest.raises(UsageError, match="--impact"):
        mapped(*pair, impact=asked)


@pytest.mark.parametrize(
    ("used", "defined", "fits"),
    [
        ("GET /users/1", "GET /users/{}", True),
        ("GET /users/{}", "GET /users/1", False),
        ("POST /users/1", "GET /users/{}", False),
        ("GET /api/v1/users/list", "* /users/list", True),
        ("GET /api/users/1", "GET /{}", False),
        ("GET /", "GET /", False),
    ],
)
def test_a_route_serves_what_fits_it(used: str, defined: str, fits: bool) -> None:
    assert serves(used, defined) == fits


@pytest.mark.parametrize(
    "written",
    ["/u/{id}", "/u/<int:id>/", "/u/:id", "http://h:80/u/${id}?x=1", "{}/u/%s", "^/u/(?P<x>\\d+)$"],
)
def test_a_route_has_one_name_in_every_framework(written: str) -> None:
    assert endpoint("get", written) == "GET /u/{}"


def test_without_sqlglot_the_map_says_what_it_did_not_read(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "can_read_sql", lambda: False)
    result = depmap.run(depmap.Request(pair), OFFLINE)
    assert any("SQL was not read" in note for note in result.notes)
    assert not any(edge.kind == "table" for edge in result.answer.edges)
    assert any(edge.kind == "topic" for edge in result.answer.edges)


def test_a_manifest_that_is_broken_is_told(tmp_path: Path) -> None:
    broken = {"package.json": "{", "pyproject.toml": "[", "x.py": "import os\n"}
    deep = {"package.json": "[" * 50_000}
    repos = [write(tmp_path / "a", broken), write(tmp_path / "b", deep)]
    result = depmap.run(depmap.Request(repos), OFFLINE)
    assert {fault.path for fault in result.malformed} == {
        "a/package.json",
        "a/pyproject.toml",
        "b/package.json",
    }


def hostile(tmp_path: Path) -> tuple[str, str]:
    """Two repositories whose names and lines try to leave the picture."""
    name = '"];x[label="<script>alert(1)</script>'.replace("/", "_")
    one = write(tmp_path / "one", {f"{name}.sql": 'CREATE TABLE "t<b>" (i int);\n', "lib/m.py": ""})
    other = {f"{name}.py": "import lib.m  # <img src=x onerror=alert(1)> --> ]]>\n"}
    return one, write(tmp_path / "two<i>", other)


def test_no_name_or_line_becomes_markup(tmp_path: Path) -> None:
    result = depmap.run(depmap.Request(hostile(tmp_path)), OFFLINE)
    assert any(edge.crosses for edge in result.answer.edges)
    page = depmap.render(result, "html").decode()
    assert not re.search(r"<script|<img|<i>|<b>", page.replace("<b>Status", ""))
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "default-src 'none'" in page
    mermaid = depmap.render(result, "mermaid").decode()
    assert "<" not in mermaid
    assert mermaid.count('"') == 2 * sum("[" in line or "|" in line for line in mermaid.split("\n"))
    dot = depmap.render(result, "dot").decode()
    assert '\\"];x[label=\\"' in dot


@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed here")
def test_graphviz_renders_the_dot(pair: tuple[str, str], tmp_path: Path) -> None:
    for repos in (pair, hostile(tmp_path)):
        given = depmap.render(depmap.run(depmap.Request(repos), OFFLINE), "dot")
        done = subprocess.run(["dot", "-Tsvg"], input=given, capture_output=True, check=True)
        assert done.stdout.count(b'class="edge"') == given.count(b" -> ")
        assert done.stdout.count(b'class="edge"') > 0


def test_the_same_repositories_in_either_order_give_the_same_edges(pair: tuple[str, str]) -> None:
    assert mapped(*pair).edges == mapped(*reversed(pair)).edges


def test_the_command_writes_every_format(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / name for name in depmap.FORMATS}
    outputs = [f"--output={name}={path}" for name, path in files.items()]
    assert main(["depmap", *pair, "--offline", *outputs]) == 0
    assert "edges between repositories" in capsys.readouterr().out
    document = json.loads(files["json"].read_text())
    assert document["version"] == 1
    assert len(document["answer"]["edges"]) > 10
    assert files["mermaid"].read_text().startswith("flowchart LR\n")


def test_a_model_s_edge_needs_the_quotes_of_both_ends(
    pair: tuple[str, str], httpserver: HTTPServer
) -> None:
    true = {"path": "shop/schema.sql", "line": 1, "quote": "CREATE TABLE users (id int);"}
    made_up = {"path": "client/jobs.py", "line": 1, "quote": "select the users of the shop"}
    real = {"path": "client/jobs.py", "line": 2, "quote": "DELETE FROM orders WHERE id"}
    rows = [
        {"kind": "table", "why": why, "source": source, "target": true}
        for why, source in (("kept", real), ("invented", made_up))
    ]
    asked: list[dict[str, Any]] = []
    cells = ["print(len(edges), sorted(files)[:3])", f"done({{'edges': {rows!r}}})"]
    options = Options(provider=serve(httpserver, cells, asked), no_cache=True)
    result = depmap.run(depmap.Request(pair), options)
    assert [one.why for one in result.answer.advised] == ["kept"]
    assert len(result.dropped) == 1
    assert result.conclusive
    assert result.usage.usd is not None
    assert 0 < result.usage.usd <= depmap.MAX_USD
    assert "invented" in depmap.render(result, "markdown").decode()


def test_an_audit_that_never_ends_stays_below_its_limit(
    pair: tuple[str, str], httpserver: HTTPServer
) -> None:
    asked: list[dict[str, Any]] = []
    provider = serve(httpserver, ["print('x' * 20000)"], asked)
    options = Options(provider=provider, no_cache=True, max_usd=0.20)
    result = depmap.run(depmap.Request(pair), options)
    assert not result.conclusive
    assert result.usage.usd is not None
    assert result.usage.usd <= 0.20
    assert result.answer.edges
