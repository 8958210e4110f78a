"""What agents write in English when they doubt, ask, stray or turn back; matched, not read."""

from __future__ import annotations

import re
from typing import Final

DOUBT: Final = re.compile(
    r"\b(?:(?:not|no longer) (?:\w+ )?(?:sure|certain|confident)\b|unclear\b|no idea\b"
    r"|(?:don't|do not|can't) (?:\w+ )?(?:know|understand|see|tell) (?:why|what|how|if|whether)\b"
    r"|(?:just|only|purely) (?:a |an )?(?:\w+ )?guess|guessing\b|(?:out of|low on) (?:\w+ )?ideas\b"
    r"|(?:might|may) (?:or (?:might|may) )?not (?:work|be|help|fix)|puzzl(?:ed|ing)|baffl(?:ed|ing)"
    r"|confus(?:ed|ing) (?:by|about|me)|(?:i'm|i am|still|completely) (?:\w+ )?stuck\b"
    r"|hopefully\b|at a loss\b|hard to (?:say|tell)\b)",
    re.IGNORECASE,
)
SURE: Final = re.compile(
    r"\b(?:found (?:it|the (?:cause|bug|problem|issue))|i know (?:exactly )?(?:what|why)|now it is "
    r"clear|straightforward|all tests pass|(?:this|that) fixes|works now|fixed it|root cause is)\b",
    re.IGNORECASE,
)
SELF_RATED: Final = re.compile(r"\bconfidence\b\D{0,20}?(\d{1,3}(?:\.\d+)?)\s*(%?)", re.IGNORECASE)
CREEP: Final = re.compile(
    r"\b(?:while (?:i'm|i am|i was|we're|we are) (?:here|at it|there)|took the opportunity"
    r"|(?:additionally|also|as well),? (?:i |i've |i have )?(?:\w+ )?(?:refactored|rewrote|upgraded"
    r"|migrated|redesigned|reformatted|renamed|reorganized|cleaned up)|so i (?:\w+ )?(?:rewrote"
    r"|redesigned|refactored|replaced|upgraded)|unrelated (?:to|change|fix|clean))",
    re.IGNORECASE,
)
TOUCHED: Final = re.compile(
    r"^\s*(?:[-*] )?(?:modified|created|new file|deleted|renamed|edited|updated|wrote|[MAD])"
    r"(?::\s*|\s+)`?([\w./@-]*[\w-]\.\w{1,6}|[A-Z]\w+file)`?\s*$",
    re.IGNORECASE,
)
COMMON: Final = frozenset(
    {
        *("src", "lib", "app", "apps", "test", "tests", "spec", "packages", "package", "index"),
        *("main", "init", "utils", "util", "common", "core", "py", "js", "ts", "tsx", "jsx", "go"),
        *("rs", "java", "md", "json", "yaml", "yml", "the", "and", "for", "with", "that", "this"),
        *("from", "into"),
    }
)
ASKS: Final = re.compile(
    r"(?:\b(?:please|kindly) (?:confirm|provide|grant|advise|clarify|choose|decide|approve|review"
    r"|let me know|tell me|run|check)\b"
    r"|\b(?:can|could|would|will) you\b[^.?!]*\?|\b(?:do|did) you (?:want|prefer|mean|have)\b"
    r"|\b(?:wait(?:ing)?|blocked) (?:for|on|until) (?:your|you|(?:the )?user|(?:a )?human|approval)"
    r"|\bneed (?:your|human|a human|the user|someone|you to)\b|\blet me know\b"
    r"|\bneed (?:the |an? |access to )[^.]*\b(?:password|credentials?|api key|token|access)\b"
    r"|\b(?:can't|cannot) (?:decide|proceed|continue|go on)\b[^.]*\b(?:without|until)\b"
    r"|\bdon't have (?:the )?(?:permission|access|credentials)|\bhow (?:should|shall) (?:i|we)\b"
    r"|\b(?:should|shall) (?:i|we)\b[^.!]*\?|\bwhich (?:\w+ )*do you\b"
    r"|\brequires? (?:your |manual |human )?approval\b)",
    re.IGNORECASE,
)
SWITCH: Final = re.compile(
    r"\b(?:switch|chang|mov|convert|revert|go|migrat|swap)\w*\b[^.]*?\bfrom "
    r"([\w'`-]+(?: (?!back\b)\w+)?) (?:back )?to ([\w'`-]+(?: \w+)??)(?: again)?(?=[.,;:!]|$)",
    re.IGNORECASE,
)
BACK: Final = re.compile(
    r"\b(?:revert(?:ing|ed)?|undo(?:ing)?|roll(?:ing|ed)? back|going back to|back to the "
    r"(?:first|previous|original|old))\b",
    re.IGNORECASE,
)
