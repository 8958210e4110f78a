"""What all providers behind HTTP share: one deadline, broken bodies, errors by their kind.

The home of httpx2, which every SDK sends through. Knows no API: what a body means is its provider's
to say. docs/providers.md has the table of outcomes.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from rlm_gate.errors import ProviderError, UsageError
from rlm_gate.providers import Json, ModelReply, ModelRequest

if TYPE_CHECKING:
    import httpx2

CONNECT_TIMEOUT = 10.0

_MOST_WORDS = 300
_BLOT = "***"
_SECRET = 12  # characters that a real key has at least
_MOST_BYTES = 64 * 2**20  # no reply is that long; a body without end must not fill the memory
_SURROGATE = re.compile("[\ud800-\udfff]")
_NEVER_SENT = frozenset(
    {"ConnectError", "ConnectTimeout", "InvalidURL", "PoolTimeout", "UnsupportedProtocol"}
)
_KINDS = {
    401: "auth",
    402: "spend_limit",
    403: "auth",
    408: "server",
    409: "server",
    429: "rate_limit",
    529: "overloaded",
}
_WORTH_WAITING = frozenset({"server", "rate_limit", "overloaded"})


class Closable(Protocol):
    """Whatever an SDK calls its client."""

    def close(self) -> None:
        """Close the connections."""
        ...


Client = TypeVar("Client", bound=Closable)


class Remote(Generic[Client]):
    """A provider behind HTTP. One instance serves any number of threads.

    The client is made at the first call or in ``warm()``, since an SDK takes a second to import. It
    is given its key and its address: the environment is not searched for them, ``config`` reads it.
    A subclass says how to connect, and how to ask once; ``rlm/calls.py`` asks again.

    At another address than ``own_url`` the name says which: models of one name there and here may
    answer differently. It is a hash, for an address may hold a password.
    """

    name: str

    def __init__(self, api_key: str | None, base_url: str | None, own_url: str) -> None:
        self._key = (api_key or "").strip()
        self._base_url = base_url or own_url
        if self._base_url.rstrip("/") != own_url:
            self.name += f"@{hashlib.sha256(self._base_url.encode()).hexdigest()[:12]}"
        self._lock = threading.Lock()
        self._client: Client | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client:
            client.close()

    def warm(self) -> None:
        """Import the SDK and set up the client, so that the first call doesn't have to."""
        self._ready()

    def complete(self, request: ModelRequest, *, timeout: float) -> ModelReply:
        """Send the request once. Raises ProviderError for everything that is no whole reply."""
        end = time.monotonic() + timeout
        client = self._ready()
        try:
            return self._unsaid(self._ask(client, request, end))
        except ProviderError as error:
            failure = self._without_key(error)
        raise failure  # out here it has no cause: an SDK's error carries the request, so the key

    def _connect(self) -> Client:
        raise NotImplementedError

    def _ask(self, client: Client, request: ModelRequest, end: float) -> ModelReply:
        raise NotImplementedError

    def _ready(self) -> Client:
        if not self._key:
            raise ProviderError("auth", "no API key is set")
        if not self._key.isascii() or not self._key.isprintable() or " " in self._key:
            raise ProviderError("auth", "the API key has characters that no key has")
        with self._lock:
            if self._client is None:
                self._client = self._opened()
            return self._client

    def _opened(self) -> Client:
        import httpx2

        try:
            httpx2.URL(self._base_url)
            return self._connect()
        except httpx2.InvalidURL as error:
            message = f"{self._base_url!r} is no address: {error}"
            raise ProviderError("connection", message) from error

    def _unsaid(self, reply: ModelReply) -> ModelReply:
        """Return the reply with the key blotted out, should an endpoint say it back.

        Cache, journal and reports keep what a model says. A short key (``none``, for an endpoint
        that wants none) is no secret but a word, and stays.
        """
        if len(self._key) < _SECRET or self._key not in repr(reply):
            return reply
        key = self._key
        return replace(
            reply,
            text=reply.text.replace(key, _BLOT),
            tool_calls=tuple(
                replace(one, id=one.id.replace(key, _BLOT), input=_blotted(one.input, key))
                for one in reply.tool_calls
            ),
            stop_reason=reply.stop_reason.replace(key, _BLOT),
            raw=_blotted(reply.raw, key),
        )

    def _without_key(self, failure: ProviderError) -> ProviderError:
        """Return the error, not too long, with the key blotted out should an endpoint echo it."""
        return ProviderError(
            failure.kind,
            failure.message.replace(self._key, _BLOT)[:_MOST_WORDS],
            retryable=failure.retryable,
            retry_after=failure.retry_after,
            lost=failure.lost,
        )


def _blotted(value: Json, key: str) -> Json:
    """Return a JSON value without the key, however deep it stands."""
    if isinstance(value, str):
        return value.replace(key, _BLOT)
    if isinstance(value, Mapping):
        return {_blotted(name, key): _blotted(item, key) for name, item in value.items()}
    return [_blotted(item, key) for item in value] if isinstance(value, list) else value


def need(package: str, extra: str) -> None:
    """Raise UsageError unless the package of that optional extra is installed. Imports nothing."""
    try:
        found = find_spec(package)
    except ModuleNotFoundError:  # not even its parent is there
        found = None
    if found is None:
        raise UsageError(
            f"the {extra} provider needs a package more: pip install 'rlm-gate[{extra}]'"
        )


def patience(end: float) -> httpx2.Timeout:
    """Return the time-outs of a request that has to be over by then."""
    import httpx2

    left = max(0.001, end - time.monotonic())
    return httpx2.Timeout(left, connect=min(left, CONNECT_TIMEOUT))


def whole_client(refuse: Callable[[int, bytes, Mapping[str, str]], ProviderError]) -> httpx2.Client:
    """Return a client for an SDK that knows no deadline: its time-outs are those of whole calls.

    It reads every body to its end, and raises ProviderError for whatever is no 200.
    """
    import httpx2

    class WholeClient(httpx2.Client):
        def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            end = time.monotonic() + request.extensions["timeout"]["read"]
            request.extensions["timeout"] = patience(end).as_dict()
            try:
                response = super().send(request, **{**options, "stream": True})
            except httpx2.HTTPError as error:
                raise broken(error) from error
            with closing(response):
                body = read(response.iter_bytes(), end)
            if response.status_code != 200:
                raise refuse(response.status_code, body, response.headers)
            return httpx2.Response(200, content=body, request=request)

    return WholeClient()


def untouched() -> type[httpx2.Response]:
    """Return what an SDK's ``cast_to=`` takes to hand over the response as it came."""
    import httpx2

    return httpx2.Response


def read(chunks: Iterable[bytes], end: float) -> bytes:
    """Read a body under one deadline: an SDK's own time-out starts anew with every read."""
    body = bytearray()
    for chunk in _whole(chunks):
        body += chunk
        if time.monotonic() > end:
            raise late("the reply dripped in too slowly")
        if len(body) > _MOST_BYTES:
            raise lost("malformed", "the reply has no end")
    return bytes(body)


def decoded(body: bytes) -> dict[str, Any]:
    """Return the JSON object that the body of a 200 has to be."""
    try:
        data = json.loads(body)
        if b"\\ud" in body.lower():  # perhaps half a surrogate pair, which could not be sent back
            data = json.loads(sendable(json.dumps(data, ensure_ascii=False)))
    except (ValueError, RecursionError):
        start = body[:4000].decode("utf-8", "replace").strip()
        what = "an HTML page" if start.startswith("<") else f"no JSON: {start!r}"
        data = None
    else:
        what = "no JSON object"
    if not isinstance(data, dict):
        raise lost("malformed", f"the endpoint sent {what}")
    return data


def sendable(text: str) -> str:
    """Return the text with lone surrogates (of names that are no UTF-8) as U+FFFD."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def count(value: Json) -> int:
    """Return a token count. Anything else in its place is malformed: unknown is never 0."""
    if type(value) is not int or value < 0:
        raise lost("malformed", "the reply has wrong token counts")
    return value


def refused(
    status: int, said: object, headers: Mapping[str, str], kind: str | None = None
) -> ProviderError:
    """Translate an HTTP error, whose kind its provider may know better. None of them is charged."""
    kind = kind or _KINDS.get(status, "server" if status >= 500 else "bad_request")
    words = " ".join(said.split()) if isinstance(said, str) else "no reason given"
    return ProviderError(
        kind,
        f"HTTP {status}: {words}",
        retryable=kind in _WORTH_WAITING and headers.get("x-should-retry") != "false",
        retry_after=_retry_after(headers),
    )


def broken(cause: BaseException | None) -> ProviderError:
    """Translate a failure below HTTP. Only one that came before the request is surely free."""
    import httpx2

    name = type(cause).__name__
    if name in _NEVER_SENT:
        return ProviderError("connection", f"{cause}" or name, retryable=True)
    if isinstance(cause, httpx2.TimeoutException):
        return late("no whole reply came")
    return lost("connection", f"the connection broke: {cause}", retryable=True)


def late(what: str) -> ProviderError:
    """Return the error of a call whose time is up."""
    return lost("timeout", f"{what} before the deadline", retryable=True)


def lost(kind: str, message: str, *, retryable: bool = False) -> ProviderError:
    """Return the error of a call that was sent and may have been charged."""
    return ProviderError(kind, message, retryable=retryable, lost=True)


def _whole(chunks: Iterable[bytes]) -> Iterator[bytes]:
    import httpx2

    try:
        yield from chunks
    except httpx2.HTTPError as error:
        raise broken(error) from error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds the server asks to wait: a number, or a date."""
    milliseconds, seconds = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        wait = float(milliseconds) / 1000 if milliseconds else float(seconds or "none")
    except ValueError:
        wait = _until(seconds)
    return max(0.0, wait) if wait < float("inf") else None


def _until(date: str | None) -> float:
    try:
        return parsedate_to_datetime(date or "").timestamp() - time.time()
    except ValueError:
        return float("inf")
