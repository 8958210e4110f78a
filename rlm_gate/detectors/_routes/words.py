"""Tell by names and texts: what asks who is calling, what is for everybody, what changes data."""

from __future__ import annotations

import re

from rlm_gate import kept


def set_of(words: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(words.split())


WRITING = frozenset({"post", "put", "patch", "delete"})

_STRINGS = kept.expression(r"'[^'\n]*'|\"[^\"\n]*\"|`[^`\n]*`")
_GUARD = kept.expression(
    r"(?i:auth(?!ors?(?![iy]))|jwt|logged|login|protect|guard|permission|privilege|passport"
    r"|requires?_?(?:user|admin|roles?|session|owner|staff|member|token|sign)"
    r"|(?:verify|check|validate|ensure)_?(?:access|token|user|admin|role|session|owner|api_?key)"
    r"|admin_?only|only_?admin|token_?(?:required|check|verif)|middleware[.]?role|role_?(?:middle|check)"
    r"|restrict|has_?(?:any)?_?(?:role|authority)|roles?\b|acl\b|api_?key)"
    r"|\b(?:require|ensure|must)[A-Z]\w*|\b(?:is|ensure)_?[A-Z]\w*(?:Admin|Owner|User|Staff|Teacher|Manager|Member|In)\b"
    r"|\bis_?(?i:admin|owner|staff|manager|super)\w*|\b(?:admin|user|session)Middleware"
)
_NO_CHECK = kept.expression(r"passport\.(?:initialize|session)\(\)|\b\w*[lL]imit\w*")
_ADMIN = kept.expression(
    r"(?i:admin|role|permission|staff|super_?user|manager|restrict|moderator|authori[sz]e\()"
)
_HARMLESS = kept.expression(
    r"(?i:upload|multer|valid|limit|pars|body|json|cors|cache|logg?er|async|catch|handle|multipart"
    r"|fields?\b|single|sanitiz|schema|joi\b|zod|celebrate|throttl|compress|file|image|photo|avatar"
    r"|param|slow|check\(|express\.|trim|convert|format|delay|transform|normaliz|busboy|formidable"
    r"|pagina|query|helmet|morgan|timeout|storage)"
)
_WRAPPER = kept.expression(
    r"^(?:new [\w.]+\(|[\w.]*(?i:async|catch|wrap|try|handle|adapt|bind|error|safe|json|promise)"
    r"\w*\()|^[\w.$]+$|^[\w.$]+\.bind\("
)
_CAUGHT = kept.expression(r"^\w*(?i:catch|async|wrap)\w*\(([\w.]+)\)$")
_TAKES_ROLE = kept.expression(
    r"\{[^{}]{0,300}\brole\b[^{}]{0,300}\}\s?=\s?(?:await\s)?(?:req|request|ctx\.request|c\.req)\b"
    r"|\b(?:req|request)\.body\.(?:role|isAdmin|is_admin)\b"
    r"|\bRole\w*\s?=[^;\n]{0,60}\b(?:model|request|input|body|command|\w*[dD]to)\.\w*Role\b"
    r"|AddToRoleAsync\([^,\n]{1,40},\s?(?:model|request|input|body|command|\w*[dD]to)\.\w*Role\b"
)
_PASSWORD = kept.expression(r"(?i)passw|pwd")
_CHECKS_ROLE = kept.expression(
    r"\brole\s?[!=]==?|[!=]==?\s?role\b|(?i:includes|contains|has|indexof|isdefined|isvalid)\(\s?[\w.]*role"
    r"|(?i:allowed|valid\w{0,12}role|roles?exist|switch\s?\(role|delete \w+\.role)|\[\s?role\s?\]"
    r"|\.Role\s?[!=]="
)
_GIVES = kept.expression(
    r"\bjwt\.sign\(|\b(?:sign|generate|create|issue)\w{0,12}(?:Token|JWT|Jwt)s?\("
)
_PROOF = kept.expression(
    r"(?i)compare|passw|verif|otp\b|\bcode|\bpin\b|hash|(?<!_)secret|signature|google|facebook|apple|github"
    r"|firebase|oauth|ldap|passport|authenticat|\.login\(|challenge|nonce|wallet|magic|credential"
    r"|webauthn|sso\b|saml|telegram|init_?data|guest|anonymous|demo|id_?token|access_?token|match|valid"
    r"|check|body\.\w*token|\btoken\b[^{}=]{0,60}\}\s?=|crypt|pwd|openid|wechat|wx|refresh|senha|clave"
    r"|contrase|mot_?de_?passe|motdepasse|passe\b|parol|sifre|kata_?sandi|has\w*pass|service\."
)
_ASKS = kept.expression(
    r"\b(?:req|request|ctx|context|c|event)\.(?:user|auth|session|admin|account|token|userId"
    r"|cookies|signedCookies|isAuthenticated|currentUser|jwt)\b"
    r"|(?i:headers?[.(\[]\s?['\"]?(?:authorization|x-[\w-]*(?:key|token|secret|signature))"
    r"|authori[sz]|\bunauth|forbidden|get_?server_?session|current_?user|is_?authenticated"
    r"|locals\.\w*user|state\.user|jwt\.|verify_?(?:id_?)?token|check_?(?:auth|permission|access)"
    r"|\bpermission|require_?(?:auth|user|admin|role|login)|is_?admin|api_?key|signature|hmac)"
    r"|(?:body|params|query)\.(?:\w{0,20}[tT]oken|otp|secret|signature)\b"
    r"|\{[^{}]{0,80}\b(?:token|otp)\b[^{}]{0,80}\}\s?=\s?(?:req|await|ctx)|(?i:valid\w{0,20}token)"
    r"|\b40[13]\b|@(?:Auth|Current|GetUser|User\()\w*|\bUser\.(?:Identity|Find|IsIn|Claims|Get)"
    r"|\bForbid\(|\(User\)|HttpContext\.(?:User|Session)|\b[Gg]et\w*User(?:Id|Name)?\w*\("
)
_OWNED = kept.expression(
    r"\b(?:req|request|ctx|c)\.(?!(?:body|params|param|query|files?|headers?|method|url|path|ip|get"
    r"|originalUrl|protocol|app|on|log|id|t|flash|hostname|baseUrl|route|res|socket|connection"
    r"|request|response|status|throw|json|text|set|is|accepts|validated\w*|valid|logger)\b)\w"
    r"|locals|state\.\w+"
    r"|(?i:owner|user_?id|current|created_?by|author|jwt|verif|permission|role|is_?admin)"
)
_ROLE = kept.expression(r"(?i)\brole|is_?admin|permission|\b40[13]\b|authori[sz]|forbidden")
_ASKS_PYTHON = kept.expression(
    r"\bsession\[|\bsession\.get\(|\bg\.\w*user|login_user|verify_jwt|get_jwt|(?i:token|secret|password)"
    r"|abort\(\s?40[13]|is_admin|request\.(?:cookies|authorization)|check_|verify_|validate_"
)
_OPEN = set_of(
    "login logon logout logoff signin signup signout sign register registration forgot forget"
    " reset recover recovery verify verification confirm confirmation activate activation"
    " resend refresh oauth sso callback callbacks webhook webhooks hook hooks ipn public guest"
    " contact contacts newsletter newsletters subscribe unsubscribe subscription subscribers"
    " subscriber feedback enquiry"
    " inquiry inquiries enquiries track tracking analytics metric metrics log logs health ping"
    " search query filter calculate calculator calc estimate quote quotes preview validate"
    " check view views click clicks csp graphql otp lead leads consent token tokens"
    " authenticate auth singin singup session sessions visit visits visitor"
    " visitors test echo beacon"
    " telemetry notify ussd whatsapp telegram bot stripe paypal razorpay mpesa payment payments"
    " pay checkout cart carts survey application applications apply waitlist rsvp demo"
    " availability translate convert parse generate captcha csrf cookie cookies"
    " language locale theme"
    " error errors report reports heartbeat trpc rpc simulate random compare predict hello"
    " identity passport saml invite invitation accept unlock share shared install setup onboard"
)
_RECORDS = set_of(
    "session sessions subscription subscriber subscribers payment payments report reports quote"
    " quotes log logs lead leads contact contacts survey application applications metric metrics"
    " newsletter newsletters visit visits visitor visitors error errors feedback inquiry inquiries"
    " enquiry enquiries waitlist heartbeat"
)
_ANYBODY = set_of(
    "comment comments review reviews rate rating ratings like likes dislike vote votes message"
    " messages chat order orders booking bookings reserve reservation reservations appointment"
    " appointments answer answers response responses submit submission submissions contact send"
    " form forms request requests donate donation feedback play score scores game join"
    " question questions download downloads file files upload uploads list find fetch get ask"
    " user users customer customers account accounts member members client clients profile"
)
_WORD = kept.expression(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WRITES = kept.expression(
    r"(?i)[.\s(](?:bulk_?)?(?:save|insert|update|upsert|delete|remove|destroy|create|drop|add"
    r"|merge|commit|set|put|store|write|replace|clear|find_?by_?id_?and|find_?one_?and|patch|edit"
    r"|change|cancel|approve|assign|restore|toggle|block|publish|unlink|truncate)_?\w{0,30}[!]?\s?\("
    r"|\b(?:INSERT\s+INTO|UPDATE\s+[`\"\w.]+\s+SET|DELETE\s+FROM|ALTER\s+TABLE|DROP\s+TABLE)\b"
)
_RUINS = kept.expression(
    r"\b(?:DROP|ALTER|TRUNCATE)\s{1,9}TABLE\b|\bDROP\s{1,9}(?:DATABASE|SCHEMA|COLUMN)\b"
    r"|\bTRUNCATE\s{1,9}[`\"\w$]|\.deleteMany\(\s{0,9}(?:\{\s{0,9}\}\s{0,9})?\)"
    r"|\.sync\(\s{0,9}\{\s{0,9}force:\s{0,9}true|\.dropDatabase\(|\bdb\.drop_all\("
    r"|\.destroy\(\s{0,9}\{[^{}]{0,80}\btruncate:\s{0,9}true"
    r"|(?i:\bUPDATE\s{1,60}[`\"]?(?:users?|admins?|accounts?)[`\"]?\s{1,60}SET\s{1,60}[`\"]?password)"
)


def without_texts(text: str) -> str:
    """Return a text with empty strings in the place of its strings."""
    return _STRINGS.sub('""', text)


def is_guard(text: str) -> bool:
    """Say whether what stands before a handler asks who is calling, by its name."""
    return _GUARD.search(_NO_CHECK.sub("", without_texts(text))) is not None


def is_harmless(text: str) -> bool:
    """Say whether it is known to do something else: read a file, check the form of the input."""
    if is_guard(text):
        return False
    inner = _CAUGHT.match(text)  # a function around another, to catch its errors
    return _HARMLESS.search(without_texts(inner[1] if inner else text)) is not None


def takes_role(body: str) -> bool:
    """Say whether a handler gives the role that the request names, whatever it is."""
    taken = _TAKES_ROLE.search(body) is not None and _CHECKS_ROLE.search(body) is None
    return taken and _PASSWORD.search(body) is not None


def registers(*names: str) -> bool:
    """Say whether these names are of a registration."""
    return not {"register", "registration", "signup", "sign"}.isdisjoint(_words(names))


def logs_in(*names: str) -> bool:
    """Say whether these names are of a login."""
    return not {"login", "signin", "logon"}.isdisjoint(_words(names))


def gives_token(body: str) -> bool:
    """Say whether a login gives a token for what was sent, and nothing that proves who sent it."""
    return _GIVES.search(body) is not None and _PROOF.search(body) is None


def is_wrapper(text: str) -> bool:
    """Say whether what is put around a handler only catches its errors, or makes a method of it."""
    return _WRAPPER.search(text) is not None


def is_for_few(text: str) -> bool:
    """Say whether it asks for more than a login: an administrator, a role."""
    return _ADMIN.search(text) is not None


def asks(body: str) -> bool:
    """Say whether a handler looks at who is calling."""
    return _ASKS.search(body) is not None


def knows_role(body: str) -> bool:
    """Say whether a handler looks at the role of who is calling."""
    return _ROLE.search(body) is not None


def knows_owner(body: str) -> bool:
    """Say whether a handler looks up whose something is, or who is calling."""
    return _OWNED.search(body) is not None


def asks_python(body: str) -> bool:
    """Say the same of a function of Python."""
    return _ASKS.search(body) is not None or _ASKS_PYTHON.search(body) is not None


def writes(body: str) -> bool:
    """Say whether a handler changes something that stays."""
    return _WRITES.search(body) is not None


def ruins(body: str) -> str:
    """Return what it does to a whole table or database, or to all passwords; "" if nothing."""
    found = _RUINS.search(body)
    return found[0] if found else ""


def is_open(*names: str) -> bool:
    """Say whether these names are of what anybody may call: a login, a web hook, a search."""
    known = _words(names)
    if any(":" in one or "{" in one or "<" in one for one in names):
        known -= _RECORDS  # by its number: one that is there
    mailed = "password" in known and not {"new", "request", "set", "recover"}.isdisjoint(known)
    return mailed or not _OPEN.isdisjoint(known)


def is_of_anybody(*names: str) -> bool:
    """Say whether strangers may be meant to add such things: comments, orders."""
    return not _ANYBODY.isdisjoint(_words(names))


def static_end(path: str) -> str:
    """Return the last part of a path that is no parameter, "" for none."""
    parts = [one for one in path.split("/") if one and one[0] not in ":{<*"]
    return parts[-1] if parts else ""


def is_admins(*names: str) -> bool:
    """Say whether these names are of what administrators do."""
    few = {"admin", "admins", "administrator", "superadmin", "backoffice", "staff", "dashboard"}
    return not few.isdisjoint(_words(names))


def _words(names: tuple[str, ...]) -> set[str]:
    return {one.lower() for name in names for one in _WORD.findall(name)}


def matcher(pattern: str) -> re.Pattern[str]:
    """Return the expression for something that a text names, such as an import."""
    return re.compile(pattern)
