"""The formats of secrets: data only. Sources are the issuers' own documents where they have any.

``marks`` are plain texts of which one must occur; they make a scan cheap. A pattern's group
``value`` is the secret itself, the whole match where there is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of secret: how it is written, and how far its form alone tells that it is one.

    ``checksum`` says that it ends in a CRC-32. ``certain`` is False where the form is also that of
    harmless values: a public key, an identifier, an expired token. ``written`` is the pattern,
    compiled when a mark was first seen: most runs need none of them.
    """

    kind: str
    marks: tuple[str, ...]
    written: str
    checksum: bool = False
    certain: bool = True

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern, compiled once."""
        return _compiled(self.written)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _format(kind: str, marks: str, pattern: str, **more: bool) -> Format:
    """Bound the pattern so that it is not found inside a longer word."""
    bounded = rf"(?<![A-Za-z0-9_])(?:{pattern})(?![A-Za-z0-9])"
    return Format(kind, tuple(marks.split()), bounded, **more)


_BLOCK = (
    r"-----BEGIN (?:(?:RSA|EC|DSA|OPENSSH|ENCRYPTED|PGP) )?PRIVATE KEY(?: BLOCK)?-----"
    r"[A-Za-z0-9+/=:,.;()\s\"'\\-]{64,20000}?"
    r"-----END (?:[A-Z]+ )?PRIVATE KEY(?: BLOCK)?-----"
)

FORMATS: tuple[Format, ...] = (
    Format("private-key", ("PRIVATE KEY",), _BLOCK),
    _format("aws-access-key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    _format(
        "aws-secret-key",
        "aws AWS",
        r"(?i:aws)_?(?i:secret)_?(?i:access)?_?(?i:key)[\"']?[ \t]*[:=][ \t]*[\"']?"
        r"(?P<value>[A-Za-z0-9/+]{40})",
    ),
    _format("azure-ad-secret", "Q~", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    _format(
        "azure-storage-key",
        "AccountKey=",
        r"AccountKey=(?P<value>(?!Eby8vdM02xNOcqFl)[A-Za-z0-9+/]{86}==)",
    ),
    _format("anthropic-key", "sk-ant-", r"sk-ant-[a-z]{3,5}[0-9]{2}-[A-Za-z0-9_-]{80,120}"),
    _format("databricks-token", "dapi", r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    _format("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"do[por]_v1_[0-9a-f]{64}"),
    _format(
        "discord-webhook",
        "/api/webhooks/",
        r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/(?P<value>[\w-]{60,80})",
    ),
    _format("docker-token", "dckr_pat_ dckr_oat_", r"dckr_[po]at_[A-Za-z0-9_-]{27,40}"),
    _format(
        "github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36}", checksum=True
    ),
    _format("github-token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _format(
        "gitlab-token",
        "glpat- gldt- glrt- glptt- glsoat- glagent- glcbt- glft- glimt-",
        r"gl(?:pat|dt|rt|ptt|soat|agent|cbt|ft|imt)-[A-Za-z0-9_-]{20,64}",
    ),
    _format("google-api-key", "AIza", r"AIza[A-Za-z0-9_-]{35}", certain=False),
    _format("google-oauth-secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _format("grafana-token", "glsa_ glc_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    _format("huggingface-token", "hf_", r"hf_[A-Za-z]{34}"),
    _format(
        "jwt",
        "eyJ",
        r"eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{27,}",
        certain=False,
    ),
    _format("linear-key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}"),
    _format("mailgun-key", "key-", r"key-[0-9a-f]{32}", certain=False),
    _format("newrelic-key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _format("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}", checksum=True),
    _format(
        "openai-key",
        "sk-",
        r"sk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})",
    ),
    _format("postman-key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _format("pypi-token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{60,250}"),
    _format("rubygems-key", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _format("sendgrid-key", "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _format("sentry-token", "sntrys_", r"sntrys_[A-Za-z0-9+/=_-]{60,300}"),
    _format("shopify-token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _format("slack-token", "xox xapp-", r"(?:xox[abeoprs]|xapp)-[0-9]{1,13}-[A-Za-z0-9-]{15,160}"),
    _format(
        "slack-webhook",
        "hooks.slack.com",
        r"https://hooks\.slack\.com/(?:services|workflows|triggers)/(?P<value>[A-Za-z0-9+/]{40,60})",
    ),
    _format("square-token", "sq0", r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}"),
    _format("stripe-key", "k_live_", r"[rs]k_live_[A-Za-z0-9]{20,120}"),
    _format("stripe-webhook-secret", "whsec_", r"whsec_[A-Za-z0-9+/]{32,64}=*"),
    _format("telegram-token", ":AA", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    _format("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}"),
    _format("twilio-key", "SK", r"SK[0-9a-f]{32}", certain=False),
    _format("vault-token", "hvs. hvb.", r"hv[sb]\.[A-Za-z0-9_-]{24,200}"),
)

# What stands after the :// of a service's address, where it has a password: user:password@host
AUTHORITY = re.compile(
    r"(?P<user>[^\s:/@\"'`<>{}$]{0,60}):(?P<value>[^\s:/@\"'`<>{}$]{3,100})@(?P<host>[A-Za-z0-9.-]+)"
)

# Names that announce a secret, in lower case; and what makes a longer name harmless again.
NAMES = (
    *("password", "passwd", "passphrase", "secret", "token", "credential"),
    *("api_key", "apikey", "api-key", "access_key", "accesskey", "auth_key", "private_key"),
    *("encryption_key", "signing_key"),
)
HARMLESS = re.compile(
    r"(?:url|uri|path|file|name|field|label|title|text|type|id|prefix|suffix|header|regex|pattern"
    r"|hash|hint|help|class|template|column|param|parameter|env|var|variable|message|error|prompt"
    r"|placeholder|selector|format|length|policy|validator|scope|endpoint|issuer|audience|provider"
    r"|version|algorithm|handler|service|arn|ref|model|view|form|input|button|izer|ize|ise|s)\Z",
    re.IGNORECASE,
)
# Between the name and the quoted value: closing quotes and brackets, a type, the operator.
ASSIGNED = re.compile(
    r"(?P<name>[\w-]{0,40}+)[\"'\])]{0,2}[ \t]*"
    r"(?::[ \t]*[\w.\[\]| ]{1,30}[ \t]*)?(?::=|=>|[:=])[ \t]*"
    r"(?:[fbru]{0,2}(?P<quote>[\"'`])(?P<value>[^\"'`\s]{8,200})(?P=quote)"
    r"|(?P<bare>[A-Za-z0-9+/=_.~!@%^&*-]{8,200})[ \t]*(?=\r?$|[#;]))",
    re.IGNORECASE | re.MULTILINE,
)
# What may stand on the line before the name that a configuration file sets.
SETTING = re.compile(
    r"[ \t]*(?:(?:-|export|set|setx|ENV|ARG)[ \t]+)?[\"']?[\w.-]*\Z", re.IGNORECASE
)
