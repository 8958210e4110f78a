"""The formats of secrets: data only. Sources are the issuers' own documents where they have any.

``marks`` are plain texts of which one must occur; they make a scan cheap. A pattern's group
``value`` is the secret itself, the whole match where there is none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rlm_gate import kept
from rlm_gate.core.records import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of secret: how it is written, and how far its form alone tells that it is one.

    ``check`` names a further look: ``crc`` (the token ends in a CRC-32; a wrong one makes the find
    a guess), ``login`` (it is a user and a password in base64, else nothing), ``random`` (it looks
    drawn at random, else nothing). ``certain`` is False where the form is also that of harmless
    values: a public key, an identifier, an expired token. ``whole`` says that the marks stand in
    one word with the secret, of 20 characters or more. ``written`` is the pattern, compiled when a
    mark was first seen: most runs need none of them.
    """

    kind: str
    marks: tuple[str, ...]
    written: str
    check: str = ""
    certain: bool = True
    whole: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern, compiled once."""
        return _compiled(self.written)


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return kept.expression(pattern)


def _format(
    kind: str, marks: str, pattern: str, check: str = "", *, certain: bool = True
) -> Format:
    """Bound the pattern so that it is not found inside a longer word."""
    bounded = rf"(?<![A-Za-z0-9_])(?:{pattern})(?![A-Za-z0-9])"
    return Format(kind, tuple(marks.split()), bounded, check, certain, whole=True)


def _spread(
    kind: str, marks: str, pattern: str, check: str = "", *, certain: bool = True
) -> Format:
    """Take a format whose mark stands apart from the secret; marks are separated by ``|``."""
    return Format(kind, tuple(marks.split("|")), pattern, check, certain)


_BLOCK = (
    r"-----BEGIN (?:[A-Z0-9]{2,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?!-----)[A-Za-z0-9+/=:,.;()\s\"'\\-]){64,20000}?"
    r"-----END (?:[A-Z0-9]{2,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
)
_PUTTY = (
    r"PuTTY-User-Key-File-[23]: [^\n]{1,200}\n(?:[^\n]{0,200}\n){1,40}?"
    r"Private-Lines: [0-9]{1,3}\r?\n(?P<value>(?:[A-Za-z0-9+/=]{4,64}\r?\n?){2,100})"
)
# A JSON object of a key (RFC 7517) with its private part.
_JWK = (
    r"\{(?=[^{}]{0,6000}\"kty\"[ ]*:[ ]*\"(?:RSA|EC|OKP)\")"
    r"[^{}]{0,6000}?\"d\"[ ]*:[ ]*\"(?P<value>[A-Za-z0-9_-]{42,1000})\""
)
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
# "-----BEGIN" in base64, then the words PRIVATE KEY after each of the kinds of keys.
_CODED = (
    r"LS0tLS1CRUdJTiB(?:QUklWQVRFIEtFW|SU0EgUFJJVkFURSBLRV|FQyBQUklWQVRFIEtFW|EU0EgUFJJVkFURSBLRV"
    r"|PUEVOU1NIIFBSSVZBVEUgS0VZ|FTkNSWVBURUQgUFJJVkFURSBLRV)[A-Za-z0-9+/]{100,20000}={0,2}"
)

FORMATS: tuple[Format, ...] = (
    _spread("private-key", "PRIVATE KEY", _BLOCK),
    _spread("private-key", "PuTTY-User-Key-File-", _PUTTY),
    _spread("private-key", '"kty"', _JWK),
    _format("private-key", "LS0tLS1CRUdJTiB", _CODED),
    _format(
        "age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"
    ),
    _spread(
        "wireguard-key",
        "PrivateKey",
        r"(?m:^)[ \t]*PrivateKey[ \t]*=[ \t]*"
        r"(?P<value>[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)(?![A-Za-z0-9=])",
    ),
    # Clouds and hosting
    _format("aws-access-key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    _spread(
        "aws-secret-key",
        "aws|AWS|Aws",
        r"(?<![A-Za-z0-9])(?i:aws)[_.-]?(?i:secret)[_.-]?(?i:access)?[_.-]?(?i:key)"
        r"[\"']?[ \t]*(?:=>|[:=])[ \t]*[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _format("aws-bedrock-key", "ABSKQmVk", r"ABSKQmVkcm9ja0FQSUtleS[A-Za-z0-9+/]{80,200}={0,2}"),
    _format(
        "aws-bedrock-key",
        "bedrock-api-key-",
        r"bedrock-api-key-YmVkcm9jay5[A-Za-z0-9+/=_-]{20,2000}",
    ),
    _format("amazon-mws-token", "amzn.mws.", rf"amzn\.mws\.{_UUID}"),
    _format("alibaba-access-key", "LTAI", r"LTAI[A-Za-z0-9]{17,22}"),
    _format("azure-ad-secret", "Q~", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}(?![~,/])"),
    _format(
        "azure-storage-key",
        "AccountKey=",
        r"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)",
    ),
    _format(
        "azure-shared-key", "SharedAccessKey=", r"SharedAccessKey=(?P<value>[A-Za-z0-9+/]{43}=)"
    ),
    _format(
        "azure-service-key",
        "AzCa AzFu AzSe +ACR ACDb +ASb +AEh +ARm JQQJ9",
        r"(?:[A-Za-z0-9+/_-]{33}(?:AzCa|\+ASb|\+AEh|\+ARm)|[A-Za-z0-9]{42}AzSe|[A-Za-z0-9+/]{42}\+ACR"
        r"|[A-Za-z0-9_-]{44}AzFu|[A-Za-z0-9]{76}ACDb)[A-Za-z0-9+/_-]{6}={0,2}"
        r"|[A-Za-z0-9]{52}JQQJ9[9D][A-Za-z0-9]{26}",
    ),
    _format(
        "azure-sas-signature",
        "sig=",
        r"(?<=[?&])sig=(?P<value>[A-Za-z0-9%/+_-]{40,80}(?:%3[Dd]|=)?)",
        "random",
        certain=False,
    ),
    _format("clickhouse-key", "4b1d", r"4b1d[A-Za-z0-9]{38}", certain=False),
    _format("cloudflare-origin-key", "v1.0-", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    _format(
        "cloudinary-url", "cloudinary://", r"cloudinary://[0-9]{10,20}:(?P<value>[\w-]{20,40})@\w+"
    ),
    _format("databricks-token", "dapi", r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    _format("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _format(
        "doppler-token",
        "dp.",
        r"dp\.(?:pt|st|sa|ct|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}",
    ),
    _format("firebase-server-key", ":APA91b", r"AAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]{100,150}"),
    _format(
        "fly-token",
        "fo1_ fm1a_ fm1r_ fm2_",
        r"fo1_[\w-]{43}|fm(?:1[ar]|2)_[A-Za-z0-9+/]{80,4000}={0,3}",
    ),
    # a page that shows a map tells its key to everybody
    _format(
        "google-api-key",
        "AIza",
        r"(?<!maps/api/js\?key=)AIza[A-Za-z0-9_-]{35}",
        certain=False,
    ),
    _format("google-oauth-secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _format("google-oauth-token", "ya29.", r"ya29\.[A-Za-z0-9_-]{40,400}", "random", certain=False),
    _format("heroku-key", "HRKU-", rf"HRKU-(?:AA[\w-]{{58}}|{_UUID})"),
    _format("aiven-password", "AVNS_", r"AVNS_[A-Za-z0-9_-]{19}", "random"),
    _format("neon-key", "napi_", r"napi_[a-z0-9]{60,70}"),
    _spread("neon-password", "npg_", r"(?<!\w)npg_(?=\w{0,11}\d)[A-Za-z0-9]{12}(?![A-Za-z0-9])"),
    _format(
        "mailersend-key",
        "mlsn. mssp.",
        r"mlsn\.[0-9a-f]{64}|mssp\.[A-Za-z0-9]{7}\.[a-z0-9]{14,18}\.[A-Za-z0-9]{7}",
    ),
    _format("netlify-token", "nfp_", r"nfp_[A-Za-z0-9]{36,40}"),
    _format("openshift-token", "sha256~", r"sha256~[\w-]{43}"),
    _format("planetscale-token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{32,64}"),
    _format("pulumi-token", "pul-", r"pul-[0-9a-f]{40}"),
    _format("render-key", "rnd_", r"rnd_[A-Za-z0-9]{28,40}"),
    _format("scalingo-token", "tk-us-", r"tk-us-[\w-]{48}"),
    _format("supabase-key", "sbp_ sb_secret_", r"sbp_[0-9a-f]{40}|sb_secret_[\w-]{22}_[\w-]{8}"),
    _format(
        "tailscale-key",
        "tskey-",
        r"tskey-(?:auth|api|client|scim|webhook)-[A-Za-z0-9]{10,20}-[A-Za-z0-9]{20,40}",
    ),
    _format("tencent-secret-id", "AKID", r"AKID[A-Za-z0-9]{32}", certain=False),
    _format("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}"),
    _format("vault-token", "hvs. hvb. hvr.", r"hv[sbr]\.[A-Za-z0-9_-]{24,1000}"),
    _format("yandex-key", "AQVN t1.", r"AQVN[\w-]{35,38}|t1\.[\w-]{20,200}={0,2}\.[\w-]{86}={0,2}"),
    # Code, builds and packages
    _format("artifactory-key", "AKCp cmVmdGtuOj", r"AKCp[A-Za-z0-9]{69}|cmVmdGtuOj[A-Za-z0-9]{54}"),
    _format(
        "atlassian-token", "ATATT3 ATCTT3 ATBB", r"AT[AC]TT3[\w=-]{60,220}|ATBB[A-Za-z0-9]{32}"
    ),
    _format("buildkite-token", "bkua_", r"bkua_[0-9a-f]{40}"),
    _format("circleci-token", "CCIPAT_ CCIPRJ_", r"CCIP(?:AT|RJ)_[A-Za-z0-9]{22}_[0-9a-f]{40}"),
    _format("clojars-token", "CLOJARS_", r"CLOJARS_[0-9a-f]{60}"),
    _format("crates-token", "cio", r"cio[A-Za-z0-9]{32}", "random", certain=False),
    _format("docker-token", "dckr_pat_ dckr_oat_", r"dckr_[po]at_[A-Za-z0-9_-]{27,40}"),
    _format("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{36}", "crc"),
    _format("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{82}"),
    _format(
        "gitlab-token",
        "glpat- gldt- glrt- glrtr- glptt- glsoat- glagent- glcbt- glft- glimt- glffct- gloas-",
        r"gl(?:pat|dt|rtr?|ptt|soat|agent|cbt|ft|imt|ffct|oas)-[A-Za-z0-9_-]{20,300}"
        r"(?:\.[0-9a-z]{2,20}){0,2}",
    ),
    _format("gitlab-runner-token", "GR1348941", r"GR1348941[\w-]{20}"),
    _format("harness-key", "pat. sat.", r"[ps]at\.[\w-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}"),
    _format("infracost-key", "ico-", r"(?<![.])ico-[A-Za-z0-9]{32}"),
    _format("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}", "crc"),
    _format("nuget-key", "oy2", r"oy2[a-z0-9]{43}"),
    _format("octopus-key", "API-", r"API-[A-Z0-9]{25,31}", "random"),
    _format("prefect-key", "pnu_ pnb_", r"pn[ub]_[A-Za-z0-9]{36}"),
    _format("pypi-token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{60,250}"),
    _format("rubygems-key", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _format("snyk-token", "snyk_", r"snyk_(?:uat|sat)\.[0-9a-f]{8}\.[\w.-]{40,200}"),
    _format("sonar-token", "sqp_ squ_ sqa_", r"sq[pua]_[0-9a-f]{40}"),
    _format("sourcegraph-token", "sgp_", r"sgp_(?:[0-9a-fA-F]{16}_|local_)?[0-9a-fA-F]{40}"),
    # Language models
    _format("anthropic-key", "sk-ant-", r"sk-ant-[a-z]{3,5}[0-9]{2}-[A-Za-z0-9_-]{80,120}"),
    _format("elevenlabs-key", "sk_", r"sk_[0-9a-f]{48}"),
    _format("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{52}"),
    _format("huggingface-token", "hf_ api_org_", r"(?:hf|api_org)_[A-Za-z]{34}"),
    _format("langsmith-key", "lsv2_", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),
    _format("nvidia-key", "nvapi-", r"nvapi-[\w-]{60,70}"),
    _format(
        "openai-key",
        "sk-",
        r"sk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{40,200}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})",
    ),
    _format(
        "model-provider-key", "sk-", r"sk-(?:[A-Za-z0-9]{48}|[0-9a-f]{32})", "random", certain=False
    ),
    _format("openrouter-key", "sk-or-", r"sk-or-v1-[0-9a-f]{64}"),
    _format("perplexity-key", "pplx-", r"pplx-[A-Za-z0-9]{48}"),
    _format("pinecone-key", "pcsk_", r"pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{50,70}"),
    _format("replicate-token", "r8_", r"r8_[A-Za-z0-9]{37}"),
    _format("xai-key", "xai-", r"xai-[A-Za-z0-9]{80}"),
    # Chat, mail and webhooks
    _format(
        "discord-webhook",
        "/api/webhooks/",
        r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/(?P<value>[\w-]{60,80})",
    ),
    _format("brevo-key", "xkeysib-", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    _format("mailchimp-key", "-us", r"[0-9a-f]{32}-us[0-9]{1,2}"),
    _format("mailgun-key", "key-", r"key-[0-9a-f]{32}", certain=False),
    _format("resend-key", "re_", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", "random"),
    _format("sendgrid-key", "SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _format(
        "slack-token",
        "xox xapp-",
        r"(?:xox[abeoprs]|xapp)-(?:[A-Za-z0-9]{1,20}-){1,4}(?=[0-9]*[A-Za-z])[A-Za-z0-9]{10,250}",
    ),
    _format(
        "slack-webhook",
        "hooks.slack.com",
        r"(?:https?://)?hooks\.slack\.com/(?:services|workflows|triggers)/(?P<value>[A-Za-z0-9+/]{40,60})",
    ),
    _format(
        "teams-webhook",
        ".webhook.office.com/",
        r"https://[\w-]+\.webhook\.office\.com/webhookb2/"
        r"(?P<value>[\w@-]{70,80}/IncomingWebhook/\w{30,34}/[\w-]{36})",
    ),
    _format("telegram-token", ":AA", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    _format("twilio-key", "SK", r"SK[0-9a-f]{32}", certain=False),
    # Payment and shops
    _format("duffel-token", "duffel_live_", r"duffel_live_[\w=-]{43}"),
    _format("easypost-key", "EZAK EZTK", r"EZ[AT]K[A-Za-z0-9]{54}"),
    _format("facebook-token", "EAA", r"EAA[A-Za-z0-9]{90,300}", "random"),
    _format("flutterwave-key", "FLWSECK", r"FLWSECK-[0-9a-f]{32}-X"),
    _format("gocardless-token", "live_", r"live_[\w-]{40}", "random", certain=False),
    _format("lob-key", "live_", r"live_[0-9a-f]{35}"),
    _format("plaid-token", "access-production-", rf"access-production-{_UUID}"),
    _format("shippo-token", "shippo_live_", r"shippo_live_[0-9a-f]{40}"),
    _format("shopify-token", "shp", r"shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}"),
    _format("square-token", "sq0 EAAA", r"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}|EAAA[\w-]{60}"),
    _format("stripe-key", "k_live_ k_prod_", r"[rs]k_(?:live|prod)_[A-Za-z0-9]{20,120}"),
    _format("stripe-webhook-secret", "whsec_", r"whsec_[A-Za-z0-9+/]{32,64}=*"),
    # Other services
    _format("1password-token", "ops_eyJ", r"ops_eyJ[A-Za-z0-9+/_-]{200,4000}={0,3}"),
    _format(
        "1password-secret-key",
        "A3-",
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}",
    ),
    _format("adobe-secret", "p8e-", r"p8e-[A-Za-z0-9_-]{32}"),
    _format("airtable-token", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _format(
        "authress-key",
        ".acc",
        r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,120}",
    ),
    _format("contentful-token", "CFPAT-", r"CFPAT-[\w-]{43}"),
    _format("defined-networking-key", "dnkey-", r"dnkey-[\w=-]{26}-[\w=-]{52}"),
    _format("dropbox-token", "sl.", r"sl\.(?:u\.)?[\w=-]{130,1500}"),
    _format("dynatrace-token", "dt0", r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _format("figma-token", "figd_", r"figd_[\w-]{40}"),
    _format("frameio-token", "fio-u-", r"fio-u-[\w=-]{64}"),
    _format(
        "grafana-token",
        "glsa_ glc_ eyJrIjoi",
        r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/]{60,400}={0,3}"
        # {"k": of 32 characters, "n": "..."}; reports that are shared begin with "k" as well
        r"|eyJrIjoi[A-Za-z0-9]{44}LCJuIjoi[A-Za-z0-9+/]{8,400}={0,3}",
    ),
    _format("hubspot-token", "pat-na1- pat-eu1- pat-na2-", rf"pat-[a-z]{{2}}[0-9]-{_UUID}"),
    _format("intra42-secret", "s-s4t2", r"s-s4t2(?:ud|af)-[0-9a-f]{64}"),
    _format(
        "jwt",
        "eyJ",
        r"eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{27,}",
        certain=False,
    ),
    _format("linear-key", "lin_api_ lin_oauth_", r"lin_api_[A-Za-z0-9]{40}|lin_oauth_[0-9a-f]{64}"),
    _format("mapbox-secret-token", "sk.eyJ1", r"sk\.eyJ1[\w-]{50,200}\.[\w-]{22}"),
    _format("maxmind-key", "_mmk", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
    _format(
        "newrelic-key", "NRAK- NRII- NRRA-", r"NRAK-[A-Z0-9]{27}|NRII-[\w-]{32}|NRRA-[0-9a-f]{42}"
    ),
    _format("notion-token", "ntn_", r"ntn_[0-9]{11}[A-Za-z0-9]{35}"),
    _format("postman-key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _format("posthog-key", "phx_", r"phx_[A-Za-z0-9]{40,60}"),
    _format("readme-key", "rdme_", r"rdme_[a-z0-9]{70}"),
    _format(
        "sentry-token",
        "sntrys_ sntryu_",
        r"sntrys_eyJ[A-Za-z0-9+/]{20,400}={0,2}_[A-Za-z0-9+/]{43}|sntryu_[0-9a-f]{64}",
    ),
    _format("settlemint-token", "sm_aat_ sm_pat_ sm_sat_", r"sm_[aps]at_[A-Za-z0-9]{16}"),
    _format("typeform-token", "tfp_", r"tfp_[\w.=-]{59}"),
    # Where programs keep logins
    _spread(
        "docker-login",
        '"auth"',
        r"\"auth\"\s*:\s*\"(?P<value>[A-Za-z0-9+/]{12,400}={0,2})\"",
        "login",
        certain=False,
    ),
    _spread(
        "authorization-header",
        "uthorization|UTHORIZATION",
        r"(?i:authorization)[\"']?[ \t]*(?:=>|[:=,])[ \t]*[\"']?"
        r"(?i:bearer|token|api-?key|api-token)[ ]+"
        r"(?P<value>[A-Za-z0-9+/_.~=-]{20,2000})",
        "random",
        certain=False,
    ),
    _spread(
        "basic-login",
        "Basic ",
        r"Basic (?P<value>[A-Za-z0-9+/]{12,400}={0,2})(?![A-Za-z0-9+/=])",
        "login",
        certain=False,
    ),
    _spread(
        "curl-login",
        "curl",
        r"\bcurl\b[^\n]{0,300}?[ ](?:-u|--user)[ =]*[\"']?"
        r"[\w.@-]{0,60}:(?P<value>[^\s\"'`:$<{]{6,100})",
        "password",
        certain=False,
    ),
    _spread(
        "netrc-login",
        "machine ",
        r"\bmachine\s+[\w.-]+\s+login\s+\S{1,80}\s+password\s+(?P<value>[^\s\"'`$<{]{6,100})",
        "password",
        certain=False,
    ),
)
