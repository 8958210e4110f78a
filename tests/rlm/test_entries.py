"""What a whole audit starts from."""

from __future__ import annotations

import pytest

from rlm_gate.core import Span
from rlm_gate.rlm.entries import MOST, entry_points


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", '@app.route("/login", methods=["POST"])'),
        ("a.py", "@router.get('/items/{item}')"),
        ("a.py", '    path("otp", views.otp),'),
        ("a.py", "class Upload(APIView):"),
        ("a.py", "    def do_GET(self):"),
        ("a.py", 'if __name__ == "__main__":'),
        ("a.js", "app.post('/pay', pay)"),
        ("a.ts", "export async function POST(request: Request) {"),
        ("a.go", '	mux.HandleFunc("/x", x)'),
        ("A.java", '    @PostMapping("/x")'),
        ("a.php", '$name = $_GET["name"];'),
    ],
)
def test_the_usual_ways_in_are_seen(path: str, line: str) -> None:
    assert list(entry_points([(path, f"\n{line}\n")])) == [(Span(path, 2, 2), line.strip())]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.md", "if __name__ == '__main__': explained"),
        ("a.py", "def helper(request):"),
        ("a.py", "response = client.get(url)"),
        ("a.js", "cache.get('key')"),
    ],
)
def test_what_is_no_way_in_is_not(path: str, line: str) -> None:
    assert list(entry_points([(path, line)])) == []


def test_there_are_never_too_many() -> None:
    many = "@app.route('/')\n" * (MOST + 5)
    assert len(list(entry_points([("a.py", many)]))) == MOST
