"""The gate's own rules: they are in no pack, run in every run, and no pack can switch them off.

They guard the review itself (design §7.3): who reads hostile text must know that it is hostile.
"""

from __future__ import annotations

from rlm_gate.core import Confidence, Detect, Help, Rule, Severity

INJECTION = Rule(
    id="gate/prompt-injection",
    title="Text that addresses the reviewer",
    severity=Severity.HIGH,
    precision=Confidence.MEDIUM,
    languages=("any",),
    message="This text speaks to the reviewer instead of the reader of the code.",
    help=Help(
        why="It tries to steer an automated review; what stands near it was not judged.",
        fix="Remove the text, or rewrite it so that it addresses people who read the code.",
        links=("https://cwe.mitre.org/data/definitions/1427.html",),
    ),
    tags=("external/cwe/cwe-1427",),
    detect=(
        Detect("injection", {"find": "speech"}),
        Detect("injection", {"find": "hint", "severity": "low"}),
    ),
)

HIDDEN = Rule(
    id="gate/hidden-text",
    title="Characters that hide or reorder text",
    severity=Severity.HIGH,
    precision=Confidence.HIGH,
    languages=("any",),
    message="What people see here is not what compilers and models read.",
    help=Help(
        why="Invisible and reordering characters make code do other than it shows, or carry text "
        "that only a machine sees.",
        fix="Remove them. If a string needs one, write it as an escape such as \\u202e.",
        links=(
            "https://trojansource.codes/",
            "https://cwe.mitre.org/data/definitions/1007.html",
        ),
    ),
    tags=("external/cwe/cwe-1007",),
    detect=(
        Detect("injection", {"find": "hidden"}),
        Detect("injection", {"find": "marks", "severity": "medium"}),
    ),
)

POLICY_CHANGED = Rule(
    id="gate/policy-changed",
    title="The change touches the policy of the gate",
    severity=Severity.INFO,
    precision=Confidence.HIGH,
    languages=("any",),
    message="This change touches the policy of the gate, which holds once it is merged.",
    help=Help(
        why="Whoever changes what is judged should not decide how it is judged. This run was"
        " judged by the policy of the base; from the merge on the new one holds for everybody.",
        fix="Have the people who own the policy review this file. To hold up such changes, give"
        " gate/policy-changed a severity at or above the threshold under 'overrides'.",
    ),
)

OWN_RULES = (INJECTION, HIDDEN)
ALL = (*OWN_RULES, POLICY_CHANGED)
OWN_IDS = frozenset(rule.id for rule in OWN_RULES)
