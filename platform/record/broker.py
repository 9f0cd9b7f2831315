"""Sending Celery messages without ever waiting long: a broker that is away is said to be away.

Kombu's own connections retry for seconds; here the caller has just committed a transaction or
answers a request, and a sweep sends again what did not go out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import kombu.exceptions
import redis
from celery import Task, current_app
from kombu import Connection, pools

from record.hints import Breaker

_FAIL_FAST: Final = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
    "connect_retries_timeout": 2,
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
}
_AWAY: Final = (kombu.exceptions.OperationalError, redis.RedisError, OSError)

breaker = Breaker()


class BrokerAwayError(Exception):
    """The message was not sent, because the broker does not answer."""


@lru_cache(maxsize=8)
def _connection(url: str) -> Connection:
    return current_app.connection_for_write(url, transport_options=_FAIL_FAST)


def send(
    task: str, args: Sequence[Any], *, queue: str, expires: float | None = None, **options: Any
) -> None:
    """Send one message; raise BrokerAwayError within seconds when it cannot be sent."""
    if breaker.open:
        raise BrokerAwayError("the broker did not answer a moment ago")
    pool = pools.producers[_connection(current_app.conf.broker_write_url)]
    try:
        with pool.acquire(block=True, timeout=2) as producer:
            current_app.send_task(
                task,
                args,
                queue=queue,
                expires=expires,
                producer=producer,
                retry=False,
                ignore_result=True,
                **options,
            )
    except _AWAY as error:
        breaker.trip()
        raise BrokerAwayError(str(error)) from error
    breaker.reset()


class UnknownTaskError(LookupError):
    """No task has this name."""


def task_named(name: str) -> Task[Any, Any]:
    """Return a registered task; raise UnknownTaskError when there is none."""
    if name not in current_app.tasks:
        current_app.loader.import_default_modules()
    try:
        found: Task[Any, Any] = current_app.tasks[name]
    except KeyError:
        raise UnknownTaskError(f"no task is named {name}") from None
    return found


def queue_of(task: Task[Any, Any]) -> str:
    """Return the queue that a task declares, or else that to which the settings route it."""
    declared = getattr(task, "queue", None)
    if declared:
        return str(declared)
    route: Any = current_app.amqp.router.route({}, task.name)
    return str(route["queue"].name)
