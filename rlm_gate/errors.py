"""The error tree: what went wrong, the exit code it ends in, and the remedy.

    GateError
    ├── UsageError      2  a flag, path or ref that means nothing
    ├── ConfigError     2  a mistake in .rlm-gate.yaml, with file:line:col
    ├── PackError       2  a mistake in a rule pack, with file:line:col
    ├── GitError        3  git could not answer
    └── EngineError     3  a detector, provider or sandbox could not do its part
        ├── ProviderError
        ├── BudgetExceeded
        └── SandboxDied

Nothing here is ever turned into an answer: an error is raised, or becomes a ``Skip``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_USAGE = 2
EXIT_INCONCLUSIVE = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class Problem(NamedTuple):
    """One mistake in a YAML file: where it is (1-based) and what to do about it."""

    path: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.text}"


class GateError(Exception):
    """An expected failure. ``str()`` says what happened and where; ``remedy`` what to do."""

    exit_code: ClassVar[int] = EXIT_INCONCLUSIVE
    remedy: str = "Run again with -v for the details."

    def __init__(self, *told: object, remedy: str = "") -> None:
        super().__init__(*told)
        if remedy:
            self.remedy = remedy

    def told(self, command: str) -> str:
        """Return what happened and the remedy, as the subcommand ``command`` tells them."""
        return f"{self}\n{self.remedy.replace('COMMAND', command)}"


class UsageError(GateError):
    """The command line asks for something that does not exist or makes no sense."""

    exit_code = EXIT_USAGE
    remedy = "See 'rlm-gate COMMAND --help'."


class _FileError(GateError):
    """Every mistake of the files that were read, in one pass."""

    exit_code = EXIT_USAGE

    def __init__(self, problems: tuple[Problem, ...], *, remedy: str = "") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), remedy=remedy)
        self.problems = problems


class ConfigError(_FileError):
    """``.rlm-gate.yaml`` is wrong."""

    remedy = "Correct the lines above; the keys are listed in docs/config.md."


class PackError(_FileError):
    """A rule pack is wrong."""

    remedy = "Correct the lines above, then run 'rlm-gate rules validate'."


class Mistakes:
    """Gathers the mistakes of several files, so that they are told in one pass."""

    def __init__(self) -> None:
        self._errors: list[_FileError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep a ConfigError or PackError of this block for ``tell``."""
        try:
            yield
        except _FileError as error:
            self._errors.append(error)

    def tell(self) -> None:
        """Raise what was gathered, if anything: one error for all."""
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            problems = {problem for error in self._errors for problem in error.problems}
            remedies = dict.fromkeys(error.remedy for error in self._errors)
            raise ConfigError(tuple(sorted(problems)), remedy="\n".join(remedies))


@contextmanager
def writing(place: str) -> Iterator[None]:
    """Say of what can't be written where that is, and what to do. Raises UsageError."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        remedy = "Make room on the disk, or let it be written there, and run again."
        raise UsageError(f"{place}: can't be written: {why}", remedy=remedy) from error


class GitError(GateError):
    """Git failed, or gave an answer that can't be used."""

    remedy = "Run the git command above by hand to see what git needs."


class EngineError(GateError):
    """A detector, provider or sandbox could not do its part."""

    remedy = "Run 'rlm-gate doctor' to see which engine is missing or broken."


class ProviderError(EngineError):
    """A model call gave no usable answer.

    ``kind`` is one of timeout, rate_limit, overloaded, server, connection, auth, bad_request,
    refusal, max_tokens, malformed, spend_limit. ``retryable`` says whether a second try may help;
    ``retry_after`` is in seconds when the server named it. ``lost`` means that the request was sent
    and its reply never arrived or can't be read: it may have been charged.
    """

    remedy = "Check the API key, the endpoint and the model id, or run with --offline."

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        lost: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.retryable = retryable
        self.retry_after = retry_after
        self.lost = lost


class BudgetExceeded(EngineError):
    """A limit was reached before the call was sent; nothing was spent beyond it."""

    remedy = "Raise the limit (--max-usd, --max-calls, --deadline) or narrow the scope."

    def __init__(self, kind: str, used: float, limit: float) -> None:
        super().__init__(f"{kind}: {used:g} of {limit:g} used")
        self.kind = kind
        self.used = used
        self.limit = limit


class SandboxDied(EngineError):
    """The sandbox could not be started, or broke its protocol and was killed."""

    remedy = "Run 'rlm-gate doctor' to see which sandbox layers are active."


class MissingExtra(UsageError):
    """What was asked for needs a package that only an extra brings."""

    remedy = "Install it: pip install 'rlm-gate[graph]'."
