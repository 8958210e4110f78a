"""Topics and queues that a file publishes to or subscribes to, by literal name.

It knows names of functions, not which bus is behind them: an edge needs both sides of one name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rlm_gate.tasks.links.facts import DEFINES, TOPIC, USES, Fact
from rlm_gate.tasks.links.literals import Call, Literals

_PUBLISH = frozenset(
    [
        "publish",
        "emit",
        "produce",
        "enqueue",
        "basic_publish",
        "send_task",
        "send_message",
        "sendMessage",
        "sendToQueue",
        "publish_message",
        "publishMessage",
        "publishEvent",
        "publish_event",
        "emitEvent",
        "emit_event",
        "Publish",
        "PublishMsg",
        "Enqueue",
        "Emit",
        "xadd",
        "XAdd",
        "lpush",
        "rpush",
        "put_events",
    ]
)
_SUBSCRIBE = frozenset(
    [
        "subscribe",
        "on",
        "once",
        "addListener",
        "consume",
        "basic_consume",
        "subscribe_to",
        "Subscribe",
        "QueueSubscribe",
        "Consume",
        "psubscribe",
        "KafkaConsumer",
        "Worker",
        "process",
        "xread",
        "brpop",
        "blpop",
        "createConsumer",
        "on_event",
        "listen",
    ]
)
_SENDERS = re.compile(r"(?i)(?:producer|queue|bus|broker|publisher|channel|topic)\w*$")
_KEYS = ("routing_key", "topic", "Topic", "queue", "Queue", "channel", "subject", "Subject")
_KEYS_MORE = ("QueueUrl", "queueName", "topicName", "stream", "event", "name")
_NAME = re.compile(r"[A-Za-z][\w.:/-]{2,}\Z")
_LOCAL = frozenset(
    [
        "abort",
        "beforeunload",
        "blur",
        "change",
        "click",
        "close",
        "complete",
        "connect",
        "connection",
        "data",
        "disconnect",
        "drain",
        "end",
        "error",
        "exit",
        "finish",
        "focus",
        "input",
        "keydown",
        "keyup",
        "line",
        "listening",
        "load",
        "message",
        "mousedown",
        "mousemove",
        "mouseup",
        "open",
        "pause",
        "play",
        "progress",
        "readable",
        "ready",
        "request",
        "resize",
        "response",
        "resume",
        "scroll",
        "SIGINT",
        "SIGTERM",
        "submit",
        "timeout",
        "uncaughtException",
        "unhandledRejection",
        "upgrade",
    ]
)
"""Events of one process or page: the same name elsewhere says nothing."""


def topics(literals: Literals) -> Iterator[Fact]:
    """Yield the topics of a file."""
    for call in literals.calls:
        role = _role(call)
        if not role:
            continue
        for name in _names(call):
            if _NAME.match(name) and name not in _LOCAL:
                yield Fact(TOPIC, role, name, call.line)


def _role(call: Call) -> str:
    if call.decorates and call.name in {"task", "shared_task"}:
        return USES
    if call.name in _PUBLISH or (call.name in {"send", "add"} and _SENDERS.search(call.on)):
        return DEFINES
    if call.name in _SUBSCRIBE and not call.on.endswith(("http", "https")):
        return USES
    return {"WriterConfig": DEFINES, "Writer": DEFINES, "ReaderConfig": USES}.get(call.name, "")


def _names(call: Call) -> Iterator[str]:
    """Yield the first argument and what is given by a name that means a topic."""
    if call.value:
        yield call.value
    keyword = call.first(*_KEYS, *_KEYS_MORE)
    if keyword and keyword != call.value:
        yield keyword
