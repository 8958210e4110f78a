"""Reach OpenAI's API, or any endpoint that speaks Chat Completions, through the official SDK.

OpenAI's own models take tools beside reasoning through the Responses API only, and only it hands
their reasoning back; other endpoints are sure to know Chat Completions alone. So the address says
which of the two is spoken: _responses.py or _chat.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rlm_gate.errors import ProviderError
from rlm_gate.providers import ModelReply, ModelRequest, _chat, _http, _responses
from rlm_gate.providers._http import Remote

if TYPE_CHECKING:
    import openai
    from openai.resources.chat.completions import Completions
    from openai.resources.responses import Responses

BASE_URL = "https://api.openai.com/v1"

_OWN_HOSTS = (".api.openai.com", ".openai.azure.com")
_OUT_OF_MONEY = frozenset(
    {"billing_hard_limit_reached", "billing_not_active", "insufficient_quota"}
)


class OpenAIProvider(Remote["openai.OpenAI"]):
    """An endpoint of OpenAI's or like it.

    ``responses`` says whether it speaks the Responses API, None that its address tells.
    ``max_retries`` is the SDK's own; 0, since ``rlm/calls.py`` retries. Raises UsageError where the
    SDK is not installed.
    """

    name = "openai"

    def __init__(
        self,
        api_key: str | None,
        base_url: str | None = None,
        max_retries: int = 0,
        *,
        responses: bool | None = None,
    ) -> None:
        _http.need("openai", "openai")
        super().__init__(api_key, base_url, BASE_URL)
        self._max_retries = max_retries
        self._is_own = _is_own(self._base_url) if responses is None else responses
        if not self._is_own:  # its turns have another form, and none may be cached for the other
            self.name = self.name.replace("openai", "openai-chat")

    def _connect(self) -> openai.OpenAI:
        import openai

        return openai.OpenAI(
            api_key=self._key, base_url=self._base_url, max_retries=self._max_retries
        )

    def _ask(self, client: openai.OpenAI, request: ModelRequest, end: float) -> ModelReply:
        if self._is_own:
            body = _responses.request_body(request)
            return _responses.reply(_post(client.responses, body, end))
        body = _chat.request_body(request)
        return _chat.reply(_post(client.chat.completions, body, end))


def create(*, api_key: str | None, base_url: str | None) -> OpenAIProvider:
    """Return the provider. No address means OpenAI's own."""
    return OpenAIProvider(api_key, base_url)


def _post(resource: Completions | Responses, body: dict[str, Any], end: float) -> bytes:
    """Return the body of a 200."""
    import openai

    try:
        post = resource.with_streaming_response.create
        with post(**body, timeout=_http.patience(end)) as response:
            return _http.read(response.iter_bytes(), end)
    except openai.APIStatusError as error:
        raise _refused(error) from error
    except openai.APIConnectionError as error:
        raise _http.broken(error.__cause__) from error


def _is_own(base_url: str) -> bool:
    try:
        host = urlsplit(base_url).hostname or ""
    except ValueError:  # no address at all, as the first call will say
        host = ""
    return f".{host}".endswith(_OWN_HOSTS)


def _refused(error: openai.APIStatusError) -> ProviderError:
    words = error.body.get("message") if isinstance(error.body, dict) else None
    said = words if isinstance(words, str) else error.message
    kind = "overloaded" if error.status_code == 503 else None
    if _OUT_OF_MONEY & {error.code, error.type}:
        kind = "spend_limit"
    elif error.code and _responses.blames_the_prompt(error.code):
        kind = "refusal"
    return _http.refused(error.status_code, said, error.response.headers, kind)
