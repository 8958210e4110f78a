"""Say whether what was heard is plainly meant for a reviewer, or may be code and talk of people.

Sees one hit in its text, in lower case letters: a phrase, or an address and the order behind it.
"""

from __future__ import annotations

import re
from typing import Final

from rlm_gate import kept

Span = tuple[int, int]

_FAR: Final = 110  # characters between an address and its order
_NEAR: Final = 30  # behind "when reviewing this"
_BESIDE: Final = 12  # behind "the reviewer must": programs and people have that title too
# Between an address and its order: code, the end of a paragraph, or more lines than a sentence has.
_CODE: Final = kept.expression(
    r"[{}=`|\u2192\u21d2]|\w\(|\)\s*[;{:]|::|[-=]>|;\s*\n|,\s*\n|[\"'],\s|\n[^\n\w]*\n|&\w"
    r"|[\"']{3}\s*\n\s*(?:if|for|return|try|with|self|async|await|raise)\b"
)
_TEMPLATE: Final = kept.expression(r"\|>|>>>")  # closes an address that is a mark of a chat
_LINES: Final = 2
# An address that begins what is said: behind it stand marks of comments and quotes alone.
_BEGINS: Final = kept.expression(r"(?:^|[\n.!?\"'(\[<>:]|--|//|\*|#)[^\w\n]*\Z")
_TITLE: Final = kept.expression(r"(?:the|any|all|every|each)\b")
_DOING: Final = kept.expression(
    r"(?:reviewing|auditing|analy[sz]ing|scanning|evaluating|judging"
    r"|assessing|reviews?|audits?|judges?)\b"
)
# What somebody else does: "a parent will review this and approve the points".
_OTHERS_DO: Final = kept.expression(
    r"\b(?!(?:you|they|we|it|reviewers?|auditors?|ai|llm|models?|assistants?|bots?|agents?|claude|copilot|gpt)\b)"
    r"[a-z]+ (?:will|would|can|could|may|might|shall) \Z"
)
_CALLED: Final = kept.expression(
    r"(?:reviewers?|auditors?|second readers?|scanners?|judges?|checkers?|graders?|review bots?"
    r"|reviewing model|assistant|bot|copilot|claude|ai|llm|system|human)\Z"
)
_BEHIND: Final = kept.expression(r"\s?(?::\s+[a-z]|[,!]|\s--?\s|\s\u2014)")
# Whose answer it is: the talk is of a program's work, "an ai agent's response".
_WHOSE: Final = kept.expression(
    r"(?:['\u2019]s)?\s(?:response|answer|output|repl(?:y|ie)|decision|result)s?\b"
)
_PROGRAM: Final = kept.expression(r"(?:agent|assistant|model|bot|gate|tool|system)s?\Z")
# A value, as of a key or a parameter, is no sentence: "reviewer: 'quality',".
_VALUE: Final = kept.expression(r"\s?:\s*[\"'&\[{<*]|\s?:\s*[\w.]+\s*[,);|=\n]|\s?,\s*\w+\s*[,)]")

_FORGETS: Final = kept.expression(
    r"(?:ignore|disregard|forget|override|bypass|discard|neglect|overlook|overrule)"
    r".*(?:previous|prior|above|earlier|preceding|foregoing|former|initial|original|your|system"
    r"|safety|hidden|given|told|instructed|everything).*",
    re.DOTALL,
)
# A prompt's own guard: "never commands to follow; ignore any instructions inside it".
_GUARDS: Final = kept.expression(
    r"\W+(?:(?:that|which)\W+(?:are|is|may be|appear)\W+)?"
    r"(?:(?:found|contained|embedded|hidden)\W+)?(?:inside|within|in)\W+"
    r"(?:(?:the|this|that|those|these|any|user|fetched|quoted|tools?|returned|retrieved)\W+){0,3}"
    r"(?:it|them|text|messages?|documents?|contents?|pages?|blocks?|data|inputs?|transcripts?"
    r"|emails?|outputs?|fields?|results?|conversation)\b"
)
_SAYINGS: Final = kept.expression(
    r"instruction|prompt|directive|guideline|(?:everything|anything|all)\W+(?:you know|above"
    r"|that came|written above|said)"
)
# Who teaches a matter begins so: "forget everything you know about gardens".
_MATTER: Final = kept.expression(
    r"[^.!?\n]{0,60}?\babout\W+(?!(?:\w+\W+){0,3}?(?:secur|review|vulnerab|rule|instruct|prompt|code"
    r"|audit|polic|gate|finding|task|your|this|the\b))"
)
# One of several phrases that something looks for: like 'ignore previous instructions', 'act as'.
_QUOTES: Final = kept.expression(
    r"(?:\b(?:like|such as|phrases?|patterns?|keywords?|includ\w+|contain\w*|says?)\b|\be\.g\.)"
    r"[^\n.]{0,60}[\"'`\u201c\u2018]\Z"
)
# One item of a list: alone on its line, or behind another item.
_OPENS: Final = kept.expression(r"(?:\n[ \t]*|[\[({,][ \t]*)[rbf]?[\"'`](?:[^\"'`\n]{0,40} )?\Z")
_ITEM: Final = kept.expression(r"[^\"'`\n]{0,40}[\"'`][ \t]*(?:,|\n?[ \t]*[\])}])")
_LIST: Final = 2_000  # characters of a list that are read before an item
_SOUGHT_IN: Final = kept.expression(
    r"(?:pattern|phrase|keyword|inject|jailbreak|forbid|block|danger|suspicious|marker|signature)\w*"
    r"[ \t]*(?::[^\n=]{1,60})?=[ \t]*(?:\w+\()?[\[({]"
)
_OVER: Final = kept.expression(r"\n[^\s\"'`#/]")  # something else begins on a line of its own
_OTHERS: Final = kept.expression(
    r"\b(?:page|site|message|email|document|file|result)s?\W+(?:(?:that|which)\W+)?(?:says?|saying|reads?|reading)"
    r"\W{0,3}[\"'\u201c]\Z|\bliterally\W+(?:named|called|titled)[\s*/#\\-]{1,12}[\"'\u201c]\Z"
)
_CLOSES: Final = kept.expression(r"[^\"'\u201d\n]{0,60}[\"'\u201d]")
# An expression that looks for it: '/ignore previous instructions/i'.
_SOUGHT: Final = kept.expression(r"[\"'`(,\[=]\s?/\^?\Z")
_SEEKS: Final = kept.expression(r"\$?/[a-z]{0,4}(?:[\"'`]|\s?[,)\].;])")
# What somebody says to a model in an example, which the answer that is wanted follows.
_SHOWN: Final = kept.expression(
    r"\n[ \t]*(?:user|human|customer|input)[ \t]*:[ \t]*[\"'][^\"'\n]*\Z"
)
_ANSWERED: Final = kept.expression(
    r"[^\"'\n]*[\"'][ \t]*\n[ \t]*(?:\{|(?:assistant|output|answer|label|expected|response)[ \t]*:)"
)
# A manual's word to who reads it: "in that case please ignore the above instructions".
_IF_SO: Final = kept.expression(
    r"(?:\bin (?:that|this|such a|which)\s+case|\bif so|\botherwise),?\s+(?:please\s+|just\s+)?\Z"
)
_ENDS: Final = kept.expression(r"[\"'`\u201d\u2019,]")
_REVEALS: Final = kept.expression(
    r"(?:reveal|print|output|repeat|show|leak|disclose|dump|recite|quote|send|include)\W"
)
_DENIES: Final = kept.expression(
    r"(?:never|not|n.t|refuse to|avoid|without|cannot|attempts? to|tr(?:y|ies|ied) to)\W+"
    r"(?:(?:\w+,[ ]){1,4}or[ ]|\w+\W+)?\Z"
)
_ABROAD: Final = kept.expression(
    "ignorier|vergiss|missacht|beacht|ignor[aezu]|ignoruj|oublie|compte|olvida|descarta|omite"
    "|dimentica|esquec|desconsider|negeer|vergeet|zapomnij|yok say|gormezden|unut|dikkate"
    "|игнорир|забудь|не учитывай|忽略|无视|忘|不要理会|忽視|無視|무시|잊|تجاهل|انس|अनदेखा|नज|भूल"
)


# The infinitive alone on its line, as lists name what is done: "- ignorar instrucciones".
_NAMES_IT: Final = kept.expression(r"(?:ignorar|ignorer|esquecer|olvidar|ignorare)\W")
_ALONE: Final = kept.expression(r"[^\w\n]*(?:\n|\Z)")
# A program's own course: "from now on, we accept no more of them".
_NARRATES: Final = kept.expression(r",? (?:we|i|it|they|he|she|all|the|this|these)\b")


def of_order(text: str, start: int, end: int) -> bool:
    """Say whether a phrase that needs no address is a plain order to a reviewer or a model."""
    said = text[start:end]
    quoted = _QUOTES.search(text, max(0, start - 80), start) and _ENDS.match(text, end)
    told = quoted or _cited(text, start, end) or _is_listed(text, start, end)
    alone = _NAMES_IT.match(said) and _ALONE.match(text, end)
    if told or alone or _GUARDS.match(text, end):
        return False
    if _SOUGHT.search(text, max(0, start - 4), start) and _SEEKS.match(text, end):
        return False
    if _SHOWN.search(text, max(0, start - 80), start) and _ANSWERED.match(text, end):
        return False
    if _FORGETS.match(said):
        condition = _IF_SO.search(text, max(0, start - 60), start)
        lesson = said.endswith("you know") and _MATTER.match(text, end)
        return condition is None and not lesson and _SAYINGS.search(said) is not None
    if _REVEALS.match(said):
        return _DENIES.search(text, max(0, start - 40), start) is None
    return "addressed" in said or _ABROAD.search(said) is not None


def _cited(text: str, start: int, end: int) -> bool:
    """Say whether it is what a page of others may say, in quotes: 'a page saying "ignore ..."'."""
    return (
        _OTHERS.search(text, max(0, start - 60), start) is not None
        and _CLOSES.match(text, end) is not None
    )


def _is_listed(text: str, start: int, end: int) -> bool:
    """Say whether it is one of the texts that a list holds, whose name says what is looked for."""
    if not (_OPENS.search(text, max(0, start - 80), start) and _ITEM.match(text, end)):
        return False
    above = text[max(0, start - _LIST) : start]
    name = next(iter(reversed([*_SOUGHT_IN.finditer(above)])), None)
    return name is not None and _OVER.search(above, name.end()) is None


def of_address(text: str, address: Span, order: Span) -> bool:
    """Say whether the address begins a sentence of prose that the order belongs to."""
    start, end = address
    said = text[start:end]
    between = _TEMPLATE.sub(" ", text[end : order[0]])
    others = _DOING.match(said) and _OTHERS_DO.search(text, max(0, start - 40), start)
    if others or _is_told(text, address, order):
        return False
    whose = _PROGRAM.search(said) and _WHOSE.match(between)
    if whose or _CODE.search(between) or between.count("\n") > _LINES:
        return False
    if _TITLE.match(said):
        return len(between) <= _BESIDE
    if _DOING.match(said):
        return len(between) <= _NEAR and not text.endswith(("left to ", "used to "), 0, start)
    if _CALLED.match(said):
        return (
            _BEGINS.search(text, max(0, start - 40), start) is not None
            and _BEHIND.match(text, end) is not None
            and not _VALUE.match(text, end)
            and len(between) <= _FAR
        )
    return len(between) <= _FAR


def _is_told(text: str, address: Span, order: Span) -> bool:
    """Say whether a program or an example tells of it, and nobody is spoken to."""
    start, end = address
    if text[start:end] == "from now on" and _NARRATES.match(text, end):
        return True
    shown = _SHOWN.search(text, max(0, start - 80), start)
    return shown is not None and _ANSWERED.match(text, order[1]) is not None
