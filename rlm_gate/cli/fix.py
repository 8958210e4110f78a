"""``rlm-gate fix``: mend what can be mended, and keep only what made a file better."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from rlm_gate import config, engines, fixing, gate, policyref
from rlm_gate.cli import _flags, _progress
from rlm_gate.core import Verdict, display_path
from rlm_gate.errors import EXIT_FAIL, EXIT_PASS, UsageError
from rlm_gate.fixing import Fixed, Refused
from rlm_gate.phrases import counted
from rlm_gate.repo import Repo

HELP = "Apply the fixes of findings to the work tree; what made a file worse is undone."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the scopes, the policy and how far to go."""
    _flags.add_scope(parser)
    _flags.add_policy(parser)
    group = parser.add_argument_group("fixing")
    group.add_argument(
        "--unsafe", action="store_true", help="also fixes that may change what the code means"
    )
    group.add_argument(
        "--dry-run", action="store_true", help="write nothing; print the changes as a unified diff"
    )
    group.add_argument("--quiet", "-q", action="store_true", help="print the diff or nothing")


def run(arguments: argparse.Namespace) -> int:
    """Fix. 0: nothing fixable is left; 1: something is, or --dry-run has something to change."""
    flags = _offline(arguments)
    found = Repo.open(flags.scope.repo)
    if found is not None and found.root is None:
        raise UsageError("a bare repository has no work tree to fix; run it in a clone")
    with policyref.opened(found, flags.policy_ref, flags.scope) as home:
        settings = replace(config.settings(flags, home.root), origin=home.origin)
        with _progress.on_terminal(quiet=arguments.quiet) as progress:
            verdict = gate.run(settings, progress)
    root = Path(found.root) if found and found.root else Path.cwd()
    tally = _Tally()
    for one in fixing.fix(verdict, root, engines.behind_the_seam, unsafe=arguments.unsafe):
        tally.count(one, "" if arguments.dry_run else _written(root, one))
        if arguments.dry_run and isinstance(one, Fixed):
            _print_diff(one)
    if not arguments.quiet:
        _report(tally, verdict, arguments)
    return EXIT_FAIL if tally.left or (arguments.dry_run and tally.fixed) else EXIT_PASS


@dataclass(slots=True)
class _Tally:
    """What became of what has a fix, counted by places: each is fixed, or not, on its own."""

    files: int = 0
    fixed: int = 0
    left: int = 0
    remarks: list[str] = field(default_factory=list)

    def count(self, one: Fixed | Refused, failed: str) -> None:
        """Add a file; ``failed`` is why its fixes could not be written."""
        path = display_path(one.path)
        if isinstance(one, Refused) or failed:
            why = one.why if isinstance(one, Refused) else failed
            self.left += one.fixable
            self.remarks.append(f"{path}: {counted(one.fixable, 'place')} not fixed: {why}")
            return
        self.files += one.content is not None
        self.fixed += one.fixed
        self.left += one.fixable - one.fixed
        for undone in one.undone:
            place = f"{path}:{undone.finding.span.start}"
            self.remarks.append(f"{place}: {undone.finding.rule_id} undone: {undone.why}")


def _offline(arguments: argparse.Namespace) -> config.Flags:
    """Return the flags of a run that asks no model: a fix has none to ask for."""
    none = dict.fromkeys(("root_model", "sub_model", "max_usd", "max_calls", "deadline"))
    rest = {"offline": True, "no_cache": False, "resume": False, "allow_reduced_sandbox": False}
    return _flags.flags(argparse.Namespace(**{**none, **rest, **vars(arguments)}))


def _written(root: Path, one: Fixed | Refused) -> str:
    return fixing.write(root, one) if isinstance(one, Fixed) else ""


def _print_diff(one: Fixed) -> None:
    path = display_path(one.path)
    before, after = (text.splitlines(keepends=True) for text in (one.before, one.after))
    for line in difflib.unified_diff(before, after, f"a/{path}", f"b/{path}"):
        shown = line.encode("utf-8", "surrogateescape")
        sys.stdout.buffer.write(shown if line.endswith("\n") else shown + _NO_NEWLINE)
    sys.stdout.flush()


_NO_NEWLINE = b"\n\\ No newline at end of file\n"


def _report(tally: _Tally, verdict: Verdict, arguments: argparse.Namespace) -> None:
    if not verdict.coverage.files:
        print("nothing to fix: no file is in scope; name files, or --all", file=sys.stderr)
        return
    for remark in tally.remarks:
        print(remark, file=sys.stderr)
    kinds = Counter(
        "none" if one.fix is None else "safe" if one.fix.safe else "unsafe"
        for one in verdict.findings
        for _ in one.places
    )
    would = "would be fixed" if arguments.dry_run else "fixed"
    parts = [f"{counted(tally.fixed, 'place')} {would} in {counted(tally.files, 'file')}"]
    parts.append(f"{tally.left} not fixed")
    parts.append(f"{kinds['none']} without a fix")
    if kinds["unsafe"] and not arguments.unsafe:
        parts.append(f"{kinds['unsafe']} only with --unsafe")
    print("; ".join(parts), file=sys.stderr)
