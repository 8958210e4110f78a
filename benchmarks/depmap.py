"""Hold the import edges of rlm-gate depmap against Python's own parser, on real source packages.

python benchmarks/depmap.py DIR DIR      two unpacked sdists, such as flask and werkzeug
"""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rlm_gate.tasks import Options, depmap


def importers(folder: Path, package: str) -> set[str]:
    """Return the files that import the package, by ``ast``."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if package in set(_tops(path))
    }


def _tops(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def main(first: str, second: str) -> None:
    """Print, for both directions, the files found beside those that ``ast`` finds."""
    start = time.perf_counter()
    found = depmap.run(depmap.Request((first, second)), Options(offline=True)).answer
    took = time.perf_counter() - start
    crossing = [edge for edge in found.edges if edge.crosses and edge.kind == "import"]
    for one, other in ((Path(first), Path(second)), (Path(second), Path(first))):
        package = other.name.partition("-")[0]
        judged = importers(one, package)
        ours = {edge.source[1] for edge in crossing if edge.source[0] == one.name}
        ours = {path for path in ours if path.endswith(".py")}
        print(
            f"{one.name} imports {package}: ast {len(judged)}, both {len(judged & ours)},", end=" "
        )
        print(f"missed {sorted(judged - ours)}, more {sorted(ours - judged)}")
    print(f"{sum(count for _, count in found.repositories)} files in {took:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
