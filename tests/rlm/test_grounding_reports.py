"""Whole audit reports as models write them, most of whose code stands nowhere (design §7.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from builders import corpus, source

from rlm_gate.core import Origin, Span
from rlm_gate.rlm.tools import AnyRule, Reporter

REAL_REPORTS = Path(__file__).parents[3] / "shared" / "data" / "workway"

beside_the_real_reports = pytest.mark.skipif(
    not REAL_REPORTS.is_dir(), reason="the real reports are not beside this checkout"
)
FILES = {
    "src/notify/slack.ts": """\
import { fetchJson } from '../lib/http';

export async function postToChannel(channel: string, text: string): Promise<void> {
  const token = process.env.SLACK_TOKEN;
  if (!token) {
    throw new Error('SLACK_TOKEN is not set');
  }
  await fetchJson('https://slack.example/api/post', {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify({ channel, text }),
  });
}
""",
    "src/notify/mail.ts": """\
import { fetchJson } from '../lib/http';

export async function sendMail(to: string, subject: string, body: string): Promise<void> {
  const token = process.env.MAIL_TOKEN;
  if (!token) {
    throw new Error('MAIL_TOKEN is not set');
  }

  try {
    await fetchJson('https://mail.example/send', { method: 'POST', body });
  } catch (error) {
    console.error('sendMail failed', error);
    throw error;
  }
}

export async function sendDigest(to: string): Promise<void> {
  const token = process.env.MAIL_TOKEN;
  await sendMail(to, 'Digest', token ?? '');
}
""",
}

INVENTED = """\
I have analyzed the provided TypeScript files. Here is the report:

## Violation: Duplicated Authorization Check
**Files:**
- `src/notify/slack.ts`
- `src/notify/mail.ts`
- `src/routes/api/v1/users/+server.ts`

**Pattern:**
Almost every handler starts with the exact same check:

```typescript
if (!locals.user) {
  return json({ message: 'Unauthorized' }, { status: 401 });
}
```

## Violation: Unvalidated Tokens
**Files:**
- `src/notify/slack.ts`

```typescript
const token = process.env.SLACK_TOKEN || '';
```

## Violation: Repeated Error Handling
**Files:**
- `src/notify/mail.ts`

```typescript
} catch (error) {
    console.error(error);
    return json({ message: 'Internal Server Error' }, { status: 500 });
}
```

## Violation: Elided Body
**Files:**
- `src/notify/mail.ts`

```typescript
export async function sendMail(to: string, subject: string, body: string): Promise<void> {
  // ... check the token
  await fetchJson('https://mail.example/send', { method: 'POST', body });
```

## Violation: Closing Braces
**Files:**
- `src/notify/slack.ts`

```typescript
  }
}
```
"""

TRUE = """\
## Violation: As It Stands
**Files:**
- `src/notify/slack.ts:6`

```typescript
throw new Error('SLACK_TOKEN is not set');
```

## Violation: Other White Space, Several Lines
**Files:**
- `src/notify/slack.ts:5`

```typescript
if (!token) {
\tthrow new Error('SLACK_TOKEN   is not set');
}
```

## Violation: Truncated
**Files:**
- `src/notify/slack.ts:10`

```typescript
headers: { Authorization: `Bearer...
```

## Violation: With Line Numbers
**Files:**
- `src/notify/mail.ts:11`

```typescript
  11 |   } catch (error) {
  12 |     console.error('sendMail failed', error);
```

## Violation: Moved, And The Only One
**Files:**
- `src/notify/mail.ts:99`

```typescript
await sendMail(to, 'Digest', token ?? '');
```

## Violation: A Blank Line Left Out
**Files:**
- `src/notify/mail.ts:7`

```typescript
}
try {
  await fetchJson('https://mail.example/send', { method: 'POST', body });
```

## Violation: Twice In The File, And The Line Says Which
**Files:**
- `src/notify/mail.ts:18`

```typescript
const token = process.env.MAIL_TOKEN;
```
"""


class Claim(NamedTuple):
    """A block of code said to stand in a file, at a line or (0) anywhere."""

    title: str
    path: str
    line: int
    quote: str


def claims(report: str) -> Iterator[Claim]:
    """Yield what a report in the style of those audits claims: every block for every file."""
    for section in re.split(r"^#+ ", report, flags=re.MULTILINE)[1:]:
        title = section.partition("\n")[0]
        paths = re.findall(r"^[-*] +`([^`:]+)(?::(\d+))?`", section, re.MULTILINE)
        for quote in re.findall(r"^```\w*\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            for path, line in paths:
                yield Claim(title, path, int(line or 0), quote)


def judged(report: str, texts: dict[str, str]) -> tuple[Reporter, list[Claim]]:
    """Report every claim, as a root would, to a corpus of these files."""
    files = corpus(*(source(path, text) for path, text in texts.items()))
    reporter = Reporter(files, AnyRule(), lambda _rule, _file: "", Origin.MODEL, "model")
    made = list(claims(report))
    for claim in made:
        reporter.report(claim.title, claim.path, claim.line, claim.quote, "x")
    return reporter, made


def test_of_a_report_with_invented_code_nothing_is_taken() -> None:
    reporter, made = judged(INVENTED, FILES)
    assert len(made) == 7
    assert reporter.found == ()
    assert reporter.refused == 7


def test_of_a_report_with_true_code_everything_is_taken_where_it_stands() -> None:
    reporter, made = judged(TRUE, FILES)
    assert len(made) == 7
    assert reporter.refused == 0
    places = [
        (one.span.path.rpartition("/")[2], one.span.start, one.span.end) for one in reporter.found
    ]
    assert places == [
        ("slack.ts", 6, 6),
        ("slack.ts", 5, 7),
        ("slack.ts", 10, 10),
        ("mail.ts", 11, 12),
        ("mail.ts", 19, 19),
        ("mail.ts", 7, 10),
        ("mail.ts", 18, 18),
    ]


def test_what_is_kept_is_the_files_own_text_not_the_reports() -> None:
    reporter, _ = judged(TRUE, FILES)
    for one in reporter.found:
        lines = FILES[one.span.path].split("\n")
        assert one.quote == "\n".join(lines[one.span.start - 1 : one.span.end])


def test_a_line_that_stands_twice_needs_its_number() -> None:
    reporter, _ = judged(TRUE.replace("mail.ts:18", "mail.ts:1"), FILES)
    assert reporter.refused == 1


def test_an_invented_line_among_true_ones_spoils_the_quote() -> None:
    spoiled = TRUE.replace("if (!token) {\n", "if (!token) {\n  log(token);\n")
    reporter, _ = judged(spoiled, FILES)
    assert reporter.refused == 1


@pytest.mark.skipif(
    not REAL_REPORTS.is_dir(), reason="the real reports are not beside this checkout"
)
def test_of_the_real_reports_nothing_is_taken() -> None:
    report = (REAL_REPORTS / "report-final.txt").read_text(encoding="utf-8")
    listed = re.findall(r"^  • (\S+)$", report, re.MULTILINE)
    texts = {path: "\n".join(FILES.values()) for path in listed}
    reporter, made = judged(report, texts)
    assert len(listed) == 144
    assert len(made) > 100
    assert reporter.found == ()
    assert not {claim.path for claim in made} & set(listed)


@pytest.mark.skipif(
    not REAL_REPORTS.is_dir(), reason="the real reports are not beside this checkout"
)
def test_even_under_paths_that_exist_the_real_reports_code_is_refused() -> None:
    report = (REAL_REPORTS / "report-final.txt").read_text(encoding="utf-8")
    paths = {claim.path for claim in claims(report)}
    reporter, made = judged(report, dict.fromkeys(paths, "\n".join(FILES.values())))
    assert reporter.found == ()
    assert reporter.refused == len(made)


GUARDED = (
    "def keep(memo):\n    if memo is None:\n        raise KeyError\n\n\ndef show(memo):\n    pass\n"
)


def test_a_root_that_quotes_a_removed_line_means_it_though_its_twin_still_stands() -> None:
    gone = [(6, "    if memo is None:\n        raise KeyError")]
    file = source("a.py", GUARDED, status="modified", changed=[], removed=gone)
    reporter = Reporter(
        corpus(file, kind="diff"), AnyRule(), lambda _rule, _file: "", Origin.MODEL, "model"
    )
    reporter.report("x", "a.py", 7, "    if memo is None:", "the check is gone")
    reporter.report("y", "a.py", 2, "    if memo is None:", "said of the old place")
    assert [one.span for one in reporter.found] == [Span("a.py", 6, 6)]
