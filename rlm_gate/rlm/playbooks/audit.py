"""The audit's playbook: systemic findings and consistency outliers, by counting alone.

It sees text and the detectors' findings. Whether an outlier is wrong, only a reader can say.
"""

from __future__ import annotations

from rlm_gate.rlm.playbooks import Part

SYSTEMIC = Part(
    rule_id="patterns/systemic-repetition",
    examined="findings that repeat across files",
    code="""
LEAST_FILES = 5  # fewer is a coincidence, not a habit of the code base
TRIFLES = ("info", "low")  # many of them are no graver than one

places = collections.defaultdict(list)
for candidate in candidates:
    if candidate["severity"] not in TRIFLES:
        places[candidate["rule"]].append(candidate)

for rule_id in sorted(places):
    hits = places[rule_id]
    paths = sorted({hit["path"] for hit in hits})
    if len(paths) < LEAST_FILES:
        continue
    first = hits[0]
    named = ", ".join(paths[:8]) + (", ..." if len(paths) > 8 else "")
    finding(
        RULE, first["path"], first["line"], first["quote"],
        f"{rule_id} was found {len(hits)} times in {len(paths)} files: {named}. "
        "Mend the cause once.",
    )
print(len(places), "rules with findings" if len(places) != 1 else "rule with findings")
""",
)

CONVENTIONS = Part(
    rule_id="patterns/inconsistent-convention",
    examined="conventions that nearly every file of a kind follows",
    code='''
LEAST_FILES = 12   # a convention needs a crowd
SHARE = 0.92       # and near-unanimity: below it there are two habits, not one and its outliers
MOST_OUTLIERS = 5

CONVENTIONS = [
    (".py", "from __future__ import annotations", r"^from __future__ import annotations$"),
    (".py", "a module docstring", r"\\A(?:#[^\\n]*\\n|\\s)*[rRuU]?(?:\\"{3}|'{3})"),
    (".js", "'use strict'", r"""^\\s*['"]use strict['"]"""),
    (".sh", "set -e", r"^set -\\w*e"),
]
LICENCE = (
    "an SPDX or copyright header",
    r"(?i)\\A(?:.*\\n){0,5}?.*(?:SPDX-License-Identifier|copyright)",
)

judged = sorted({path for path, start, end in changed})
by_kind = collections.defaultdict(list)
for path in judged:
    name = path.rsplit("/", 1)[-1]
    kind = "." + name.rsplit(".", 1)[-1] if "." in name else ""
    if kind in (".py", ".js", ".ts", ".tsx", ".go", ".java", ".rs", ".sh"):
        by_kind[kind].append(path)

def first_line(text):
    for number, line in enumerate(text.split("\\n"), 1):
        if line.strip():
            return number, line
    return 0, ""

def check(kind, name, pattern):
    shape = re.compile(pattern, re.MULTILINE)
    filled = [path for path in by_kind[kind] if files[path].strip()]
    if len(filled) < LEAST_FILES:
        return
    outliers = [path for path in filled if not shape.search(files[path])]
    followers = len(filled) - len(outliers)
    if not outliers or len(outliers) > MOST_OUTLIERS or followers < SHARE * len(filled):
        return
    for path in outliers:
        number, line = first_line(files[path])
        finding(
            RULE, path, number, line,
            f"{followers} of {len(filled)} {kind} files have {name}; this one has not.",
        )

for kind, name, pattern in CONVENTIONS:
    check(kind, name, pattern)
for kind in sorted(by_kind):
    check(kind, LICENCE[0], LICENCE[1])
print(len(judged), "files,", len(by_kind), "kinds")
''',
)

PARTS = (SYSTEMIC, CONVENTIONS)
SERVED = frozenset(part.rule_id for part in PARTS)
