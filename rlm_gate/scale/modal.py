"""Sessions and shards in Modal's containers: isolated, 10 minutes each, the keys a Modal secret.

Not run: whatever needs an account. Tested are the definition, ``.local()`` and, with Modal's own
client, the way there and back to a server on the loopback that speaks its protocol.

    modal secret create rlm-gate ANTHROPIC_API_KEY=...      # once; GEMINI_API_KEY too, if used
    modal deploy -m rlm_gate.scale.modal                    # to call run_rlm_remote from elsewhere
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Any

import modal
from modal.exception import AuthError
from modal.exception import Error as ModalError

from rlm_gate import gate
from rlm_gate.config import Settings
from rlm_gate.errors import EngineError, UsageError
from rlm_gate.rlm.callers import Tell
from rlm_gate.rlm.choices import RLMConfig
from rlm_gate.rlm.pace import WORKERS
from rlm_gate.rlm.session import RLMSession
from rlm_gate.rlm.slices import Joined, Slice
from rlm_gate.scale import parcels, shards

NAME = "rlm-gate"
"""Of the app, and of the secret that holds the providers' keys."""

CONTAINER_SECONDS = 600
"""What Modal gives a container before it ends it, with all that is in it."""

WORK_SECONDS = 540.0
"""The deadline of the work itself: what it came to must be back before its container ends."""

_EXTRAS = ("gemini", "openai")
_PROVIDERS = {"claude": "anthropic"}


class ModalFailed(EngineError):
    """Modal did not run the app: no token, no such secret, an image that can't be built."""

    remedy = "Run 'modal setup', then 'modal secret create rlm-gate ANTHROPIC_API_KEY=...'."


def _image() -> modal.Image:
    """Return an image that has this very source, and what it needs by its own metadata."""
    image = modal.Image.debian_slim(python_version=f"3.{sys.version_info.minor}")
    if not modal.is_local():  # inside the container there is nothing to build
        return image
    return image.pip_install(*_requirements()).add_local_python_source(
        "rlm_gate", ignore=["**/__pycache__/**"]
    )


def _requirements() -> list[str]:
    wanted = {"", *(f"extra=='{extra}'" for extra in _EXTRAS)}
    lines = [line.partition(";") for line in metadata.requires(NAME) or ()]
    return [
        what.strip()
        for what, _, marker in lines
        if marker.replace(" ", "").replace('"', "'") in wanted
    ]


app = modal.App(NAME)
_container = app.function(
    image=_image(),
    secrets=[modal.Secret.from_name(NAME)],
    timeout=CONTAINER_SECONDS,
    include_source=False,  # the image has it, with the prompts and prices beside the code
)


@_container
def run_rlm_remote(
    context: str | list[Any] | dict[str, Any],
    query: str,
    root_model: str = "sonnet",
    sub_model: str = "haiku",
    sub_provider: str | None = None,
    parallel_sub_calls: bool = True,  # noqa: FBT001, FBT002  # callers know the order
    use_restricted_python: bool = True,  # noqa: FBT001, FBT002  # likewise
    *,
    max_usd: float | None = None,
) -> dict[str, Any]:
    """Run an RLMSession in a container; return RLMResult.to_json()'s values and ``cost_usd``.

    ``sub_provider`` is anthropic (or claude), gemini or openai, None for what the sub-model's name
    says. ``max_usd`` None is no dollar limit. Raises UsageError for
    ``use_restricted_python=False``: the language policy is a layer of the sandbox, and a key is in
    reach of what breaks out of it.
    """
    if not use_restricted_python:
        raise UsageError(
            "use_restricted_python=False: there is no session without the sandbox's language policy"
        )
    config = RLMConfig(
        root_model=root_model,
        sub_model=sub_model,
        sub_provider=_PROVIDERS.get(sub_provider or "", sub_provider),
        max_usd=max_usd,
        deadline=WORK_SECONDS,
        parallel_sub_calls=WORKERS if parallel_sub_calls else 1,
    )
    result = RLMSession(context, config=config).run(query)
    return {**json.loads(result.to_json()), "cost_usd": result.cost_usd}


@_container
def make_shard(parcel: str) -> bytes:
    """Make the calls of a parcel, and return its shard as the file would hold it."""
    return shards.write(parcels.ask(parcels.read(parcel), WORK_SECONDS))


def asked(settings: Settings, of: int, progress: gate.Progress, tell: Tell) -> Joined:
    """Have ``of`` shards made in containers, side by side.

    Calls whose reply this machine's cache holds are not sent. A container that is lost is not
    started again, for its share of the budget may be spent: the report names its shard, and a
    second run asks only what is missing. Raises ModalFailed where no container could be had.
    """
    load = parcels.packed(settings, of, progress)
    made: list[shards.Shard] = []
    lost: dict[int, str] = {}
    if load.parcels:
        try:
            with app.run():
                _gather(load, made, lost, progress)
        except ModalError as error:
            kind = "no token" if isinstance(error, AuthError) else type(error).__name__
            raise ModalFailed(f"Modal: {kind}: {error}") from error
        tell(_paid(made, len(lost)))
    return load.joined(made, lost)


def _paid(made: list[shards.Shard], lost: int) -> str:
    known = [one.usd for one in made if one.usd is not None]
    price = f"${sum(known):.4f}" if len(known) == len(made) else "an unknown price"
    more = f", and what {lost} lost ones did is unknown" if lost else ""
    return f"the shards paid {price} in their containers{more}"


def _gather(
    load: parcels.Load, made: list[shards.Shard], lost: dict[int, str], progress: gate.Progress
) -> None:
    numbers = list(load.parcels)
    sent = map(parcels.write, load.parcels.values())
    progress("shards", 0, len(numbers))
    came = make_shard.map(sent, return_exceptions=True)
    for done, (number, content) in enumerate(zip(numbers, came, strict=True), 1):
        if isinstance(content, bytes):
            made.append(shards.parse(f"shard {Slice(number, load.of)}", content))
        else:
            why = " ".join(f"{type(content).__name__}: {content}".split())[:200]
            lost[number] = f"missing: lost by Modal: {why}"
        progress("shards", done, len(numbers))
