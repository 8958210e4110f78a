"""What names, calls and conditions say of a check, in any language: patterns alone."""

from __future__ import annotations

from typing import Final

from rlm_gate import kept

NAME: Final = kept.expression(r"\$?[^\W\d][\w$]*")
# what is asked of a request: req.query.file, $_GET['file'], request.args.get("file")
ASKED: Final = kept.expression(
    r"(?:\$_[A-Z]+|\b(?i:req|request|ctx|params|event)\b)"
    r"(?:\s*(?:\.|->|\?\.)\s*\w+|\s*\[\s*[\"'][^\"'\]\n]*[\"']\s*\]"
    r"|\(\s*[\"'][^\"'()\n]*[\"']\s*\))+"
)
LEAVES: Final = kept.expression(
    r"\b(?:return|throw|raise|die|exit|abort|continue|break|panic|reject|redirect|next)\b"
)
JOINED: Final = kept.expression(r"&&|\|\||\b(?:and|or|AND|OR)\b")
NEGATED: Final = kept.expression(
    r"\A[\s(]*(?:!(?!=)|not\b)|(?<![!=])(?:===?|\bis)\s*(?:null|None|nil|false|undefined)\b"
)
COMPARED: Final = kept.expression(r"[!=<>]==?|(?<![-=])[<>]|\b(?:not\s+in|in|is\s+not|is)\b")
LITERAL: Final = kept.expression(
    r"[\s()]*(?:[\"'`][^\"'`]*[\"'`]|-?[\d.]+|null|None|nil|undefined|(?i:true|false|self::\w+)"
    r"|[A-Z][A-Z0-9_]+)[\s()]*\Z"
)
# to leave for what stands in a list lets all the rest pass
LISTED: Final = kept.expression(r"[^!]*\b(?:includes|contains|has|in_array)\([^!=]*\Z")
# that a path has some word in it does not say where it leads, unless the word is a folder's
PIECE: Final = kept.expression(
    r"[\w\])]\.(?:includes|contains|indexOf)\(\s*(?![^)]*(?:(?i:dir|root|base|path|folder)|\.\.|/))"
)
CALLED: Final = kept.expression(r"([\w$]+)[!?]?\s*\(")
# says nothing of where a path leads or what a text does: its size, its end, whether there is one
ASIDE: Final = kept.expression(
    r"(?i)(?:exists?(?:sync)?|\w*_exists|is_?(?:file|dir\w*|null|none|\w*empty|\w*blank|str|string"
    r"|instance|array)|[lf]?stat(?:sync)?|access(?:sync)?|ext|extname|splitext|pathinfo|\w*extension"
    r"|suffix|endswith|str_ends_with|hassuffix|len|length|strlen|count|size|basename|(?:to)?lower"
    r"|(?:to)?upper|to\w+case|strto\w+|trim\w*|strip|log|debug|info|warn\w*|error|print\w*|echo"
    r"|s?printf|format|string|str|stringify|tostring|\w+_encode|dumps|isset|empty|method|typeof"
    r"|bool(?:ean)?|has(?:text|length)?|get\w*|split|explode|if|while|for|switch|catch|function"
    r"|(?:require|check|assert)\w*_?no[nt]_?null\w*"
    r"|await|return|not|and|or|in|all|any|join|resolve|\w*read\w*|\w*open\w*|bind\w*)\Z"
)
STORES: Final = kept.expression(
    r"(?i)(?:\w*query\w*|exec\w*|raw|prepare\w*|\w*fetch\w*|find\w*|select\w*|scan|save|all|run"
    r"|insert\w*|update\w*|create\w*|first|where|cursor|mysqli?_\w+|pg_\w+|num_rows|row\w*)\Z"
)
LOOKS: Final = kept.expression(
    r"(?i)(?:\A|_|(?<=[a-z])(?-i:(?=[A-Z])))(?:check|valid|verif|assert|ensure|sanit|safe|guard"
    r"|requir|authori|allow|permit|deny|forbid|must|confirm|precondition|reject|protect|restrict)"
)
# @check_callback, @verify_hmac: what it wraps is not run for what was refused
WRAPS: Final = kept.expression(
    r"(?i)@\s*[\w.]*(?:check|verif(?:y|ies|ied)|validate[sd]?)_?(?:\w+_)?"
    r"(?:callback|hmac|signature|signed|webhook|params?|args|arguments|input|schema|json|payload)\w*"
)
CHAIN: Final = kept.expression(
    r"(?i)\b\w*(?:validat|sanitiz|schema|celebrate)\w*\s*[(.,]|\b(?:joi|zod|yup)\."
    r"|\b(?:param|query|body|check)\(\s*[\"'`]"
)
# what holds more than the value: who asks is no word about what is asked for
REQUESTS: Final = kept.expression(
    r"\$?(?:req|request|res|resp|response|ctx|context|r|w|c|e|err|error|self|cls|this|next|event|args"
    r"|params|query|body|data|_GET|_POST|_REQUEST|_COOKIE|_SERVER|final|const|let|var|[A-Z]\w*)\Z"
)
# whoever looks at the parts of an address mostly looks at where it leads
HOSTS: Final = frozenset({"ssrf", "redirect"})
ADDRESS: Final = kept.expression(r"(?i)[._](?:scheme|protocol|host(?:name)?|netloc|origin)\b")
# a validator that is given the request whole looks at its parts by their names
WHOLE: Final = kept.expression(
    r"(?i)(?:validat\w*(?:::make|\.make)?|verify\w*|safeparse|is_?valid|check\w*)\(\s*(?:\$?(?:this->)?"
    r"request|req|ctx|c|r|\$_(?:POST|GET|REQUEST)|\$input)\b(?!\.(?:user|session))|\$request->validate"
)
# the author of this thought of it, for this sink or for another
ESCAPES: Final = kept.expression(
    r"(?i)(?!.*escape_string)(?:\A|_|(?<=[a-z])(?-i:(?=[A-Z])))(?:escape|saniti|purif|html_?special|html_?entit|quote"
    r"|clean|whitelist|safe)"
)
CUT: Final = kept.expression(
    r"\b(?:substring|substr|slice)\((?:[^()]*,)?\s*0\s*,\s*\d\s*\)|\[:\d\]"
)
# In its last part a name that begins with what nobody chose: "3f2a-../x" is in no folder.
GLUED: Final = kept.expression(
    r"(?i)(?:uuid|random|uniq|nanoid|millis|timestamp|date\.now|\btime\.time\(|\btime\(\)|\bnow\b|token_hex)[^/\\;,\n]*?"
    r"(?:\+|\$|\}[^/{\n]*\{|%s[^/\n]*%s|\s\.\s)[^/\\;,\n]*?(?:name|@)"
)
EQUALS: Final = kept.expression(r"(?:equals|equalsIgnoreCase|contentEquals|EqualFold|strcmp)+\Z")
SPELT: Final = kept.expression(r"\(\s*[\"'][^\"']*[\"']\s*[,)]|[\"'][^\"']*[\"']\s*\.\s*equals")


# Who runs the place may read its files and reach its hosts in other ways too.
ADMINS: Final = kept.expression(
    r"(?i)\b(?:require|is|check|ensure|only|must_?be|has|verify|authori[sz]e)_?(?:super_?)?admin"
    r"|admin_?(?:required|only|guard)|\badmin\.(?:require|can)\("
    r"|has(?:role|authority|anyrole)\([^)]*admin|[!=]==?\s*[\"'](?:super_?)?admin"
    r"|[\"']admin[\"'][^\]\n]*\]\.includes\(|@(?:permission_required|user_passes_test|staff_member)"
    r"|\bis_?(?:superuser|staff)\b|(?:RolesAllowed|Secured|Authorize|middleware)\([^)\n]*(?:admin|elevat)"
    r"|current_user_can\(\s*[\"'](?:manage_options|manage_network|activate_plugins|edit_plugins"
    r"|install_plugins|update_core|edit_users|administrator|switch_themes|edit_themes)"
    r"|\badmin\?|Area\(\s*\"admin|permission_classes\s*=[^\n]*admin"
    r"|(?:role|rule|permission|authori[sz]e|restrict|access)\w*\("
    r"[^)\n]{0,80}[\"'](?:\w+[ _-]){0,2}admin"
)
ADMIN_CLASS: Final = kept.expression(
    r"\bclass\s+(?:[aA]dmin|\w*(?:Admin|_admin))|\bextends\s+\w*Admin"
)
# Who runs a bot may have it do what he likes: its users can't.
OWNERS: Final = kept.expression(
    r"(?i)\b(?:bot_?)?owners?_?only\b(?!\s*[:=]\s*(?:false|0)\b)|\bdev(?:eloper)?s?_?only\b(?!\s*[:=]\s*false\b)"
    r"|@(?:\w+\.)*is_owner\(|\b(?:bot|client)\.is_?owner\(|\brestrictions?:\s*\[\s*[\"']owner[\"']\s*\]"
    r"|\b(?:author|user|sender|member|from)\w*(?:\.id|_?id)?\s*(?:[!=]==?|not\s+in|in)\s*[\w.]*\b(?:bot_?)?(?:owner|dev(?:eloper)?)s?_?ids?\b"
    r"|\b(?:owner|developer)s?_?ids?\.(?:includes|has)\(\s*[\w.]*\b(?:author|user|sender|member|from)"
)
# A program that is set to be debugged, or made for developers, is not what strangers reach.
DEBUGGING: Final = kept.expression(
    r"\bif\s*\(?\s*(?:not\s+|!)\s*(?:[\w$]+\.)*(?:DEBUG|debug|debug_?[mM]ode|DEBUG_MODE)\b\s*\)?\s*[:{]?\s*"
    r"(?:return|raise|throw|abort)\b"
    r"|NODE_ENV\s*(?:===?\s*[\"']production|!==?\s*[\"']dev(?:elopment)?)[\"']\s*\)\s*\{?\s*(?:return|throw)\b"
)
