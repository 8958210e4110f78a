"""The phrases that speak to a reviewer, in lower case letters: orders, addresses, and their words.

Where an alphabet has accents or is not the Latin one, see ``ABROAD`` and ``_alphabets``.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Phrase(NamedTuple):
    """A shape, and the words it needs: one of each group. It is looked for near the first group's.

    A blank of a shape stands for whatever may part two words; it begins and ends at whole words.
    """

    needs: tuple[frozenset[bytes], ...]
    shape: str


def _any(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


def _phrase(shape: str, *needs: str) -> Phrase:
    groups = tuple(frozenset(word.encode() for word in group.split()) for group in needs)
    return Phrase(groups, shape)


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

COMMANDS: Final = (
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

ADDRESSES: Final = (
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
ORDER: Final = "|".join(
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
ABROAD: Final = (
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

_ALL = (*COMMANDS, *ABROAD, *ADDRESSES)
WORDS: Final = frozenset[bytes]().union(*(group for one in _ALL for group in one.needs))
