"""Find text that speaks to a reviewer instead of a reader of the code, in lower case letters.

Phrases, not topics: naming a model is no crime, telling it what to answer is. A phrase of the first
sort is enough alone; an address counts only with an order near it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rlm_gate import kept
from rlm_gate.detectors import _alphabets, _loudness

Hit = tuple[int, int]
"""Start and end of what was said, as offsets into the text that was searched."""


class Said(NamedTuple):
    """Offsets of what was said; ``loud``: it can hardly be meant for anybody but a reviewer."""

    start: int
    end: int
    loud: bool


NEAR = 240
"""How far an order may stand from the address it belongs to, in characters."""

_REACH = 160  # no shape is longer, on either side of its key word
# One blank of a phrase: what may stand between two words in comments, strings, markup and names.
_GAP = r"(?:[^a-z0-9]|%20|\\[nrt]|&[a-z]{2,5};){1,20}?"
_END = r"(?![a-z])"
# A line that is one call, each argument a single word: "state = run(work, judge, [one])".
_CALL = kept.expression(
    r"[ \t]*(?:[\w., ]+=[ ]*)?(?:return |await |yield )*[\w.]+\("
    r"[*&]?[\w.]+(?:\[\w*\])?(?:, ?(?:\w+=)?[*&]?(?:[\w.]+|\[\w*\]))*\)[;:]?[ \t]*$"
)
_RETURN = kept.expression(r"\s*return [\w.]+(?:\[\w*\]|\(\w*\))?[ \t;]*$")
_LETTERS = bytes(code if chr(code).isalpha() or code > 127 else 32 for code in range(256))


class _Phrase(NamedTuple):
    """A shape, whose blanks stand for _GAP, and the words it needs: one of each group.

    It is searched for near the words of the first group.
    """

    needs: tuple[frozenset[bytes], ...]
    shape: str


def find(text: str) -> Iterator[Hit]:
    """Yield what speaks to the reviewer, in no order. ``text`` is lower case."""
    return ((one.start, one.end) for one in heard(text))


def heard(text: str) -> Iterator[Said]:
    """Yield what speaks to the reviewer, and how plainly. ``text`` is lower case."""
    words = _WORDS.intersection(text.encode("utf-8", "replace").translate(_LETTERS).split())
    for start, end in _orders(text, words):
        yield Said(start, end, _loudness.of_order(text, start, end))
    for phrase in _ADDRESSES if words else ():
        for start, end in _spoken(text, words, phrase):
            order = _order(text, start, end)
            if order:
                yield Said(start, order[1], _loudness.of_address(text, (start, end), order))


def _orders(text: str, words: frozenset[bytes]) -> Iterator[Hit]:
    """Yield the phrases that are enough alone."""
    for phrase in (*_COMMANDS, *_ABROAD) if words else ():
        yield from _spoken(text, words, phrase)
    if not text.isascii():
        for marks, shape in _alphabets.SHAPES:
            if any(mark in text for mark in marks):
                yield from (match.span() for match in _compiled(shape).finditer(text))


def _spoken(text: str, words: frozenset[bytes], phrase: _Phrase) -> Iterator[Hit]:
    """Yield where the phrase stands; without its words it is not even compiled."""
    if any(map(words.isdisjoint, phrase.needs)):
        return
    first, *others = [[word.decode() for word in group & words] for group in phrase.needs]
    for start, end in _windows(text, first):
        if all(any(text.find(word, start, end) >= 0 for word in group) for group in others):
            yield from (one.span() for one in _compiled(phrase.shape).finditer(text, start, end))


def _windows(text: str, words: Iterable[str]) -> Iterator[Hit]:
    """Yield the surroundings of the words: a plain search is far faster than an expression."""
    places = []
    for word in words:
        place = text.find(word)
        while place >= 0:
            places.append(place)
            place = text.find(word, place + len(word))
    current: Hit | None = None
    for place in sorted(places):
        if current and place - _REACH <= current[1]:
            current = current[0], place + _REACH
            continue
        if current:
            yield current
        current = max(0, place - _REACH), place + _REACH
    if current:
        yield current


def _order(text: str, start: int, end: int) -> Hit | None:
    """Return the order that belongs to an address: it stands behind it.

    A name that is an argument of a call addresses nobody beyond the line after the call.
    """
    first = text.rfind("\n", 0, start) + 1
    line = text.find("\n", end) % (len(text) + 1)
    if not _CALL.match(text, first, line):
        behind = _compiled(_ORDER).search(text, end, end + NEAR)
        return behind.span() if behind else None
    after = text.find("\n", line + 1) % (len(text) + 1)
    if _RETURN.match(text, line, after):
        return None
    behind = _compiled(_ORDER).search(text, end, min(after, end + NEAR))
    return behind.span() if behind else None


@lru_cache(maxsize=128)
def _compiled(shape: str) -> re.Pattern[str]:
    return kept.expression(rf"(?<![a-z])(?:{shape}){_END}".replace(" ", _GAP))


def _any(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


def _phrase(shape: str, *needs: str) -> _Phrase:
    groups = tuple(frozenset(word.encode() for word in group.split()) for group in needs)
    return _Phrase(groups, shape)


_FORGETTING = "ignore disregard forget"
_EVADING = "override bypass discard neglect overlook overrule"
_FORGET, _EVADE = _any(_FORGETTING), _any(_EVADING)
_EARLIER = _any("previous prior above earlier preceding foregoing former initial original")
_YOURS = _any(
    "your all any every system security safety review hidden current existing past aii"
)  # a11
_FILLER = _any("the of these those my other such and or that given please now just simply")
_SAYINGS = "instruction instructions prompt prompts directive directives guideline guidelines"
_SAID = _any(_SAYINGS)
_FILL = f"(?:{_FILLER} ){{0,2}}"
_READERS = (
    "reviewer reviewers auditor auditors reader readers scanner scanners judge judges checker"
    " checkers grader graders"
)
_WHO = (
    r"(?:reviewers?|auditors?|second readers?|scanners?|judges?|checkers?|graders?"
    r"|review(?:er)? bots?)"
)
_MACHINES = (
    "ai ais llm llms language chatgpt gpt claude gemini copilot coderabbit artificial robot robots"
    " automated automatic agentic machine"
)
_MACHINE = (
    r"(?:ai|ais|llms?|language models?|chatgpt|gpt-?\d\S{0,4}|claude|gemini|copilot|coderabbit"
    r"|artificial intelligence|robots?|machine|automated|automatic|agentic)"
)
_TELLING = "report return answer respond output reply say state conclude"

_COMMANDS = (
    _phrase(
        f"{_FORGET} {_FILL}(?:{_YOURS} |{_EARLIER} ){{1,3}}{_FILL}(?:{_EARLIER} )?{_SAID}",
        _FORGETTING,
        _SAYINGS,
    ),
    _phrase(
        f"{_EVADE} {_FILL}(?:all |your )+{_FILL}(?:{_EARLIER} |system )?(?:{_SAID}|rules)",
        _EVADING,
        f"{_SAYINGS} rules",
    ),
    _phrase(
        rf"(?:{_FORGET}|{_EVADE}) {_FILL}(?:all )?{_FILL}your (?:{_EARLIER} )?"
        r"(?:rules|training|programming|orders|role|policies|restrictions|task|safeguards)",
        f"{_FORGETTING} {_EVADING}",
        "your",
    ),
    _phrase(
        rf"(?:{_FORGET}|{_EVADE})[^\n]{{0,60}}(?:you were|you have been|you.?ve been) "
        r"(?:given|told|instructed|asked)",
        f"{_FORGETTING} {_EVADING}",
        "you",
        "given told instructed asked",
    ),
    _phrase(
        rf"{_FORGET} (?:everything|anything|all) (?:you know|above|that came before|written above"
        r"|said (?:before|above|so far))(?=\W{0,3}(?:and|then|\n|\Z|[.,;:!]))",
        _FORGETTING,
        "everything anything all",
    ),
    _phrase(
        rf"(?:do not follow|don.?t follow|do not obey|stop following|pay no attention to) {_FILL}"
        rf"(?:{_YOURS} |{_EARLIER} )+{_FILL}(?:{_SAID}|rules)",
        "follow following obey attention",
        f"{_SAYINGS} rules",
    ),
    _phrase(
        rf"{_any(_TELLING)}(?:\s(?:with|that|there are|back))?"
        r"[\s_-]{1,9}(?:no|zero|an empty list of)[\s_-]{1,9}(?:findings|vulnerabilities|security issues)",
        "findings vulnerabilities issues",
        _TELLING,
    ),
    _phrase(
        r"you (?:must|should|will|shall|have to|are to)(?: now| only| always)? (?:approve (?:this|the"
        r"|every|all|it|any)|report no|(?:not|never) report(?= (?:this|these|it|any|findings?|problems?"
        r"|vulnerabilit\w+ in|issues? in|bugs? in|the|what)|\W*\Z)|answer only|ignore (?:all|your))",
        "approve report answer ignore",
        "you",
    ),
    _phrase(
        r"(?:reveal|print|output|repeat|show|leak|disclose|dump|recite|quote|send|include)"
        r"(?: me| us| back| out| verbatim| the text of| all of)* your (?:full |own |whole |entire )?"
        r"(?:system prompt|initial prompt|instructions|hidden prompt|hidden instructions)",
        "prompt instructions",
        "your",
    ),
    _phrase(r"addressed_to_reviewer", "addressed", "reviewer"),
)

_ADDRESSES = (
    _phrase(
        rf"{_MACHINE}(?: (?:code|security|based|powered|review|language|coding))* (?:{_WHO}|reviews?"
        r"|reviewing|assistants?|agents?|models?|bots?|gates?|tools?|systems?|audits?|readers?"
        r"|analy[sz]ers?|instructions?)",
        _MACHINES,
        f"{_READERS} review reviews reviewing assistant assistants agent agents model models bot bots"
        " gate gates tool tools system systems audit audits analyzer analyser instruction instructions",
    ),
    _phrase(
        r"(?:dear|hey|hello|hi|attention|note|notice|message|memo|reminder|instructions?"
        rf"|attn)(?: to| for| all| any| every| the| our| whoever is| code| security)*"
        rf" (?:{_WHO}|reviewing)",
        f"{_READERS} reviewing",
    ),
    _phrase(
        rf"(?:{_WHO}|reviewing model|assistant|bot|copilot|claude|ai|llm|system)(?=\s?:(?!=))"
        rf"|(?<![a-z]\x20)(?:{_WHO}|assistant|copilot|claude)(?=\s?[,!]|\s--?\s|\s\u2014)",
        f"{_READERS} model assistant bot copilot claude ai llm system",
    ),
    _phrase(
        r"(?:if|when|since|because|as) you(?: are|.?re)? (?:an? |the )?(?:ai|llm|language|large"
        r"|automated|assistant|bot|model|reviewer|reviewing|auditing|second reader)",
        f"{_READERS} ai llm language automated assistant bot reviewing auditing",
        "you",
    ),
    _phrase(
        r"(?:reviewing|auditing|analy[sz]ing|scanning|evaluating|judging|assessing|reviews?|audits?"
        r"|judges?) (?:this|the following)",
        "reviewing auditing analysing analyzing scanning evaluating judging assessing review reviews"
        " audit audits judge judges",
    ),
    _phrase(
        rf"(?:the|any|all|every|each) (?:code |security |quality )?(?:{_WHO}|reviewing model)"
        r" (?:must|should|shall|will|has to|have to|may|is to|are to|is instructed to)",
        f"{_READERS} reviewing",
    ),
    _phrase(
        r"<\|\w+(?=\|>)|\[/?inst(?=\])|<</?sys(?=>>)|</?system(?!-(?:out|err)>)(?=[^>\n]{0,40}>)|\[/?system(?=\])"
        r"|#+ instructions?|[0-9a-f]{16}>>>",
        "im system inst sys instruction instructions rules",
    ),
    _phrase(
        r"system[\s_-](?:prompts?|override)"
        r"|system[\s_-](?:message|note|update|notice)(?=\s?[:\])>!*=#\u2014-])",
        "system",
        "prompt prompts message override note update notice",
    ),
    _phrase(
        r"(?:your )?(?:new|updated|revised|real|actual|true|only) (?:instructions?|task|objective"
        r"|directives?|orders|role|system prompt)(?=\s?:|\sis\b|\sare\b)",
        "instruction instructions task objective directive directives orders role system",
        "new updated revised real actual true only",
    ),
    _phrase(
        r"(?:(?<![a-z]\x20)|this is the )end of (?:the )?(?:file|input|context|document|code|data"
        r"|block|prompt|material|review)(?!(?:\x20|\n\W{0,12})[a-z])"
        r"|human(?=:)|from now on|(?:developer|god)\x20mode|jailbreak|pretend (?:that|this|you)"
        r"|(?:debug|maintenance|admin|test)\x20mode(?=\s?[:=]|\x20(?:is|on|active|enabled|now)\b)"
        r"|you are (?:now|no longer)|let.?s play|let us play",
        "end human now mode jailbreak pretend longer play",
    ),
)

_PLEASE = (
    r"(?:please |kindly |just |simply |only |always |now |immediately |instead |must |should )*"
)
_THIS = r"(?:this|these|the|it|all|any|every|everything|anything|my|that|those|each|our|whatever)"
_LOOKED = (
    r"(?:reports?|reporting|flag|flagging|raise|raising|mention|mentioning|list|analy[sz]e|review"
    r"|reviewing|inspect|scan|check|warn|complain|examine|judge|comment|investigate|audit|look at"
    r"|read (?:further|on|any)|evaluate)"
)
_SAFE = (
    r"(?:safe|secure|approved|passed|passing|pass|false positives?|reviewed|refuted|clean|trusted"
    r"|harmless|benign|resolved|informational|verified|exempt|out of scope|correct|sanitised"
    r"|sanitized|compliant|accepted|acceptable|not applicable|info)"
)
_ORDER = "|".join(
    (
        rf"(?:do not|don.?t|never|must not|should not|shall not|may not|refrain from|avoid|stop|need"
        rf" not|no need to|are not to|is not to|not to|nothing to) {_PLEASE}{_LOOKED}",
        r"without (?:reporting|flagging|raising|mentioning|reviewing|inspecting)",
        rf"{_PLEASE}(?:report|return|respond|reply|answer|output|print|say|state|emit|write|produce"
        r"|give|conclude|declare)(?: with| that| only| just| back| exactly| as| there are| there is"
        r"| it| an?| the| this| your| verdict| is| in| accordingly)*"
        r" (?:no (?:findings?|issues?|problems?|vulnerabilit|concerns?|bugs?|errors?|flaws?)|nothing"
        r"|zero|empty|lgtm|approv\w*|pass|done|safe|clean|refuted|confirmed|success|findings)",
        r"found no (?:issues|problems|findings|vulnerabilities|flaws)",
        r"no (?:issues|problems|findings|vulnerabilities|flaws|rules) (?:were|was|are|apply|have been"
        r"|found|exist|here|in this)",
        rf"{_PLEASE}approve (?:{_THIS}|at once|immediately|without)",
        rf"{_PLEASE}(?:skip|ignore|omit|exclude|overlook|disregard|pass over|leave out|move past)"
        r" (?:this|these|it|all|any|every|everything|the (?:rest|following|above|file|code|next|checks?"
        r"|reviews?|block|function|rules))",
        rf"(?:mark|treat|consider|classify|label|regard|rate|score|deem|grade|count|accept|judge)"
        rf" [^\n.]{{0,70}}?{_SAFE}",
        r"(?:retract|refute|withdraw|dismiss|drop|delete|discard|close|remove)(?: all| every| your"
        r"| the| any| these| each| of| previous| such| earlier)* (?:findings?|candidates?|reports?"
        r"|claims?|issues?|verdicts?|objections?)",
        r"(?:raise|add|invent|report|create|file|insert|make up|open)[^\n.]{0,40}?(?:findings?"
        r"|vulnerabilit\w+|issues?) (?:in|for|at|on|about) (?:every|all|each|another|other)",
        r"\b(?:call|run|invoke|execute|use|type)\b[^\n.]{0,10}?(?:done|final|retract|run_python|llm_)",
        r"(?:reveal|print|output|send|show|repeat|leak|expose|include|disclose|dump|exfiltrate|post"
        r"|(?:put|copy)(?! (?:this|it) (?:in|to|as)))[^\n]{0,40}?(?:system prompt|api key|credentials?"
        r"|environment variables?|secrets?|your (?:instructions|key)|anthropic_api_key|the environment)",
        r"(?:no|without|skip)(?: further| additional| more| any| the| automated| manual)* (?:review"
        r"|analysis|checks?|inspection|scrutiny|audit)s?(?: is| are)? (?:needed|required|necessary)",
        r"(?:is|are|was|were|has been|have been|been)(?: already| all| fully)? (?:pre)?-?(?:approved"
        r"|audited|vetted|cleared|exempt\w*|whitelisted|allowlisted|out of scope|pre-approved)",
        r"(?:include|insert|begin|start|end|append|embed|prefix|add)[^\n]{0,60}?(?:your|the|each|every)"
        r" (?:explanations?|answers?|responses?|reply|output|reports?|summary|verdict)",
        r"(?:obey|comply with|follow) (?:my|only|the new|these new)",
        r"(?:verdict|status|result|severity)\W{1,4}(?:is\W)?(?:pass|approved|refuted|safe|clean|none"
        r"|info|informational|low)",
        r"findings\W{1,4}(?:\[|none|empty|0)(?:\W*)",
        r"(?:you|reviewers?|auditors?|assistants?|models?)(?: will| must| may| should| now"
        r"| always)+ (?:approve|accept|agree|comply|never)",
        r"(?:approves?|passes|accepts?|ignores?|allows?) (?:everything|every|all|anything|any)",
    )
)

# The order to forget instructions, and the order not to report, in other languages. Accents are
# folded away where the alphabet is Latin.
_ABROAD = (
    _phrase(
        r"(?:ignorier\w*|vergiss|missacht\w*|beacht\w* nicht)[^\n]{0,30}"
        r"(?:anweisung\w*|vorgaben|befehle\w*)",
        "anweisung anweisungen vorgaben befehle befehlen",
    ),
    _phrase(
        r"(?:melde\w*|berichte\w*|gib(?!\w))[^\n]{0,20}keine\w* (?:befunde?|fehler|probleme?|treffer"
        r"|schwachstellen)|genehmig\w* (?:diese\w*|die) (?:anderung|datei|code)",
        "befund befunde fehler probleme treffer schwachstellen anderung datei",
    ),
    _phrase(
        r"(?:ignore[zr]?|oublie[zr]?|ne ti\w+ pas compte)[^\n]{0,24}(?:instructions|consignes)"
        r" (?:precedentes|ci-dessus|anterieures|donnees)|ne signale\w* (?:rien|aucun\w*)",
        "precedentes dessus anterieures donnees signale signalez",
    ),
    _phrase(
        r"(?:ignora\w*|olvida\w*|descarta\w*|omite)[^\n]{0,24}instrucciones"
        r"|no (?:reportes|informes|senales)[^\n]{0,12}(?:nada|ningun\w*|hallazgo\w*|problema\w*)",
        "instrucciones reportes informes senales",
    ),
    _phrase(
        r"(?:ignora\w*|dimentica\w*)[^\n]{0,24}istruzioni|non segnalare (?:nulla|niente|nessun\w*)",
        "istruzioni segnalare",
    ),
    _phrase(
        r"(?:ignor[ea]\w*|esquec\w+|desconsider\w+)[^\n]{0,24}instrucoes"
        r"|nao (?:relate|reporte|informe)[^\n]{0,12}(?:nada|nenhum\w*|problema\w*)",
        "instrucoes relate reporte informe",
    ),
    _phrase(
        r"(?:negeer|vergeet)[^\n]{0,24}(?:instructies|aanwijzingen)|meld (?:geen|niets)",
        "instructies aanwijzingen meld",
    ),
    _phrase(
        r"(?:z?ignoruj\w*|zapomnij\w*)[^\n]{0,24}(?:instrukcj\w+|polecen\w+)|nie zglaszaj\w*",
        "instrukcje instrukcji polecenia polecen zglaszaj zglaszajcie",
    ),
    _phrase(
        r"talimat\w*[^\n]{0,16}(?:yok say\w*|gormezden gel\w*|unut\w*|dikkate alma\w*)",
        "talimat talimatlar talimatlari",
    ),
)

_PHRASES = (*_COMMANDS, *_ABROAD, *_ADDRESSES)
_WORDS = frozenset[bytes]().union(*(group for one in _PHRASES for group in one.needs))
