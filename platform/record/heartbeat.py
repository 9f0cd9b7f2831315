"""Signs of life in Redis: of beat, of a worker of each queue, of whoever else marks itself."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from celery import current_app

from record import broker
from record.hints import client

BEAT: Final = "beat"
EVERY_S: Final = 15
"""How often beat probes; the schedule in the settings says the same."""
STALE_AFTER_S: Final = 3 * EVERY_S
_KEEP_S: Final = 86_400

log = structlog.get_logger("pulse.heartbeat")


@dataclass(frozen=True, slots=True)
class Life:
    """The last sign of life of something; `age_s` is None when there was none within a day."""

    name: str
    age_s: float | None
    host: str = ""
    pid: int | None = None

    @property
    def alive(self) -> bool:
        """Whether the sign is fresh."""
        return self.age_s is not None and self.age_s <= STALE_AFTER_S


def of_queue(queue: str) -> str:
    """Return the name under which the workers of a queue mark themselves."""
    return f"queue:{queue}"


def queues() -> list[str]:
    """Return the queues of the house."""
    return [queue.name for queue in current_app.conf.task_queues]


def mark(name: str) -> None:
    """Note that `name` is alive; raises redis.RedisError when Redis is away."""
    sign = {"at": time.time(), "host": socket.gethostname(), "pid": os.getpid()}
    client().set(_key(name), orjson.dumps(sign), ex=_KEEP_S)


def beat() -> None:
    """Mark beat, and ask a worker of each queue to mark itself."""
    mark(BEAT)
    for queue in queues():
        try:
            broker.send("record.probe", (queue,), queue=queue, expires=EVERY_S - 1)
        except broker.BrokerAwayError as error:
            log.warning("probe_not_sent", queue=queue, error=str(error))
            return


def read(names: Iterable[str] | None = None) -> dict[str, Life]:
    """Return the signs of life, by default of beat and each queue."""
    wanted = list(names) if names is not None else [BEAT, *map(of_queue, queues())]
    found: Any = client().mget([_key(name) for name in wanted])
    return {name: _life(name, raw) for name, raw in zip(wanted, found, strict=True)}


def _life(name: str, raw: bytes | None) -> Life:
    if raw is None:
        return Life(name, None)
    sign = orjson.loads(raw)
    return Life(name, max(0.0, time.time() - sign["at"]), sign["host"], sign["pid"])


def _key(name: str) -> str:
    return f"alive:{name}"
