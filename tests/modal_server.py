"""Modal's server on the loopback, as far as an app that maps a function needs it.

The protocol is the one that Modal's package itself brings, and the client is the real one. There
are no containers: a call runs on a thread here, by what ``Modal.run`` says.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from grpclib.protocol import H2Protocol
from grpclib.server import Server
from modal._serialization import deserialize, serialize
from modal_proto import api_pb2 as api
from modal_proto.api_grpc import ModalClientBase

Run = Callable[..., Any]


@dataclass
class Modal:
    """What the server was told. ``run`` is given a function's name and its arguments."""

    run: Run
    url: str = ""
    images: list[Any] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Any] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    mounts: dict[str, set[str]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    known_secrets: frozenset[str] = frozenset({"rlm-gate"})


def _refused(name: str) -> Callable[..., Awaitable[None]]:
    async def method(_self: object, _stream: Any) -> None:
        raise GRPCError(Status.UNIMPLEMENTED, f"the server of this test has no {name}")

    return method


_Nothing: Any = type(
    "_Nothing",
    (ModalClientBase,),
    {name: _refused(name) for name in ModalClientBase.__abstractmethods__},
)


class _Service(_Nothing):
    """Each method answers one request; those that it lacks are refused."""

    def __init__(self, told: Modal) -> None:
        self.told = told
        self.results: dict[str, list[Any]] = {}
        self.tasks: set[asyncio.Future[None]] = set()
        self.came = asyncio.Event()

    async def ClientHello(self, stream: Any) -> None:  # noqa: N802  # the protocol's names
        await stream.recv_message()
        await stream.send_message(api.ClientHelloResponse())

    async def EnvironmentGetOrCreate(self, stream: Any) -> None:  # noqa: N802  # as above
        await stream.recv_message()
        settings = api.EnvironmentSettings(image_builder_version="2025.06")
        metadata = api.EnvironmentMetadata(name="main", settings=settings)
        await stream.send_message(
            api.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)
        )

    async def AppCreate(self, stream: Any) -> None:  # noqa: N802  # as above
        await stream.recv_message()
        await stream.send_message(api.AppCreateResponse(app_id="ap-1"))

    async def AppHeartbeat(self, stream: Any) -> None:  # noqa: N802  # as above
        await stream.recv_message()
        await stream.send_message(Empty())

    async def AppPublish(self, stream: Any) -> None:  # noqa: N802  # as above
        await stream.recv_message()
        await stream.send_message(api.AppPublishResponse())

    async def AppClientDisconnect(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        self.told.ended.append(asked.app_id)
        await stream.send_message(Empty())

    async def SecretGetOrCreate(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        if asked.deployment_name not in self.told.known_secrets:
            raise GRPCError(Status.NOT_FOUND, f"Secret '{asked.deployment_name}' not found")
        self.told.secrets["st-1"] = asked.deployment_name
        await stream.send_message(api.SecretGetOrCreateResponse(secret_id="st-1"))

    async def ImageGetOrCreate(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        self.told.images.append(asked.image)
        done = api.GenericResult(status=api.GenericResult.GENERIC_STATUS_SUCCESS)
        image = f"im-{len(self.told.images)}"
        await stream.send_message(api.ImageGetOrCreateResponse(image_id=image, result=done))

    async def MountBatchedCheckExistence(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        missing = set(asked.sha256_hex_hashes) - self.told.files
        await stream.send_message(
            api.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=sorted(missing))
        )

    async def MountPutFile(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        self.told.files.add(asked.sha256_hex)
        await stream.send_message(api.MountPutFileResponse(exists=True))

    async def MountGetOrCreate(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        name = f"mo-{len(self.told.mounts) + 1}"
        self.told.mounts[name] = {file.filename for file in asked.files}
        await stream.send_message(api.MountGetOrCreateResponse(mount_id=name))

    async def FunctionPrecreate(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        name = f"fu-{asked.function_name}"
        await stream.send_message(api.FunctionPrecreateResponse(function_id=name))

    async def FunctionCreate(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        name = asked.function.function_name
        self.told.functions[name] = asked.function
        ranked = api.FunctionData.RankedFunction(rank=0, function=asked.function)
        data = api.FunctionData(function_name=name, ranked_functions=[ranked])
        handle = api.FunctionHandleMetadata(
            function_name=name, function_type=api.Function.FUNCTION_TYPE_FUNCTION
        )
        await stream.send_message(
            api.FunctionCreateResponse(
                function_id=f"fu-{name}", handle_metadata=handle, function_data=data
            )
        )

    async def FunctionMap(self, stream: Any) -> None:  # noqa: N802  # as above
        await stream.recv_message()
        call = f"fc-{len(self.results)}"
        self.results[call] = []
        await stream.send_message(api.FunctionMapResponse(function_call_id=call))

    async def FunctionPutInputs(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        name = asked.function_id.removeprefix("fu-")
        for one in asked.inputs:
            made = self._made(asked.function_call_id, name, one)
            self.tasks.add(asyncio.ensure_future(made))
        taken = [
            api.FunctionPutInputsResponseItem(input_id=f"in-{one.idx}", idx=one.idx)
            for one in asked.inputs
        ]
        await stream.send_message(api.FunctionPutInputsResponse(inputs=taken))

    async def FunctionGetOutputs(self, stream: Any) -> None:  # noqa: N802  # as above
        asked = await stream.recv_message()
        results = self.results[asked.function_call_id]
        seen = int(asked.last_entry_id.partition("-")[0])
        if len(results) <= seen:
            self.came.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.came.wait(), min(asked.timeout, 0.2))
        last = f"{len(results)}-0"
        await stream.send_message(
            api.FunctionGetOutputsResponse(outputs=results[seen:], last_entry_id=last)
        )

    async def _made(self, call: str, name: str, item: Any) -> None:
        args, kwargs = deserialize(item.input.args, None)
        known = api.GenericResult
        try:
            value = await asyncio.to_thread(partial(self.told.run, name, *args, **kwargs))
            result = known(status=known.GENERIC_STATUS_SUCCESS, data=serialize(value))
        except TimeoutError as error:
            result = known(status=known.GENERIC_STATUS_TIMEOUT, exception=str(error))
        except Exception as error:  # noqa: BLE001  # a container sends back whatever was raised
            result = known(status=known.GENERIC_STATUS_FAILURE, data=serialize(error))
        output = {"input_id": f"in-{item.idx}", "data_format": api.DATA_FORMAT_PICKLE}
        self.results[call].append(api.FunctionGetOutputsItem(result=result, idx=item.idx, **output))


class _Protocol(H2Protocol):
    """Tells when its connection stands and when it is gone."""

    def __init__(self, like: H2Protocol) -> None:
        super().__init__(like.handler, like.config, like.h2_config)
        self.stands, self.gone = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.stands.set()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.gone.set()


class _Server(Server):
    """Closes its connections too: grpclib leaves each open until it sees that its peer has gone."""

    def __init__(self, told: Modal) -> None:
        super().__init__([_Service(told)])
        self.made: list[_Protocol] = []

    def _protocol_factory(self) -> H2Protocol:
        self.made.append(_Protocol(super()._protocol_factory()))
        return self.made[-1]

    async def end(self) -> None:
        """Return when nothing of it is open, also of what was being let in.

        asyncio drops a connection, unclosed, that it has accepted but has no transport for yet when
        the server closes: so nothing more is accepted first, then all of them come to stand.
        """
        assert self._server
        for listening in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        await asyncio.sleep(0)  # what was accepted gets its protocol
        for one in self.made:
            await asyncio.wait_for(one.stands.wait(), 5)
        self.close()
        for one in self.made:
            one.connection.close()
            await asyncio.wait_for(one.gone.wait(), 5)
        await self.wait_closed()


@contextmanager
def serving(run: Run) -> Iterator[Modal]:
    """Serve until the block ends."""
    told = Modal(run)
    begun = threading.Event()
    over: list[Callable[[], object]] = []

    async def serve() -> None:
        server, ended = _Server(told), asyncio.Event()
        loop = asyncio.get_running_loop()
        over.append(partial(loop.call_soon_threadsafe, ended.set))
        await server.start("127.0.0.1", 0)
        assert server._server
        port = server._server.sockets[0].getsockname()[1]
        told.url = f"http://127.0.0.1:{port}"
        begun.set()
        await ended.wait()
        await server.end()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert begun.wait(10)
    try:
        yield told
    finally:
        over[0]()
        thread.join(10)
        assert not thread.is_alive(), "the server has not ended"
