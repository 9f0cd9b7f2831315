"""Numerics for a request: run a task in the `live` worker and wait for its answer, briefly.

The answer comes over a list in Redis that only this call knows. A call that nobody waits for any
more is dropped by the worker unstarted, so a late worker catches up instead of falling behind.

A large body of a request goes to the worker as it came, and a task that returns bytes has them
handed on unread: what neither side of the web process looks into costs it nothing.
"""

from __future__ import annotations

import math
import time
import uuid
from typing import Any, Final

import orjson
import redis
import structlog
from django.core.exceptions import PermissionDenied
from rest_framework.exceptions import APIException

from record import broker
from record.access import NotEntitledError
from record.hints import client

ANSWER_TASK: Final = "record.answer"
QUEUE: Final = "live"
WITHIN_S = 6.0
"""How long a request waits for its numerics."""
KEEP_ANSWER_S: Final = 30
_SLICE_S: Final = 1.0  # below the client's own time-out, which must not cut a wait short

log = structlog.get_logger("pulse.remote")


class Unavailable(APIException):
    """No worker answered in time; REST answers 503 with Retry-After."""

    status_code = 503
    default_detail = "The numerics worker did not answer in time; try again in a few seconds."
    default_code = "service_away"
    wait = 5


class RemoteError(Exception):
    """The task failed; the worker's log says how."""


_RAW: Final = b"="  # no JSON object begins so


def _keys(call_id: str) -> tuple[str, str, str]:
    return f"call:{call_id}:wanted", f"call:{call_id}:answer", f"call:{call_id}:body"


def call(
    task: str,
    *args: Any,
    user_id: int | None = None,
    timeout: float | None = None,
    body: bytes | None = None,
) -> Any:
    """Run `task(*args)` in the `live` worker and return its result, JSON or bytes as it is.

    `user_id` is the person for whom a `UserTask` runs; `body` reaches the task under that name.
    The wait is `WITHIN_S` unless told.

    Raises
    ------
    Unavailable
        When Redis is away or no answer came within `timeout` seconds.
    PermissionDenied
        When the person may not have the task done, or no longer.
    RemoteError
        When the task raised.
    """
    call_id = uuid.uuid4().hex
    wanted, answer, given = _keys(call_id)
    link = client()
    timeout = WITHIN_S if timeout is None else timeout
    lasts = max(1, math.ceil(timeout * 1000))
    try:
        link.set(wanted, 1, px=lasts)
        if body is not None:
            link.set(given, body, px=lasts)
        message = (call_id, task, list(args), user_id, body is not None)
        broker.send(ANSWER_TASK, message, queue=QUEUE, expires=timeout)
        found = _wait(link, answer, time.monotonic() + timeout)
        link.delete(wanted, given)
    except (redis.RedisError, broker.BrokerAwayError) as error:
        log.warning("remote_unavailable", task=task, error=str(error))
        raise Unavailable from error
    if found is None:
        log.warning("remote_timed_out", task=task, timeout_s=timeout)
        raise Unavailable
    if found.startswith(_RAW):
        return found[len(_RAW) :]
    answered = orjson.loads(found)
    if "refused" in answered:
        raise PermissionDenied(answered["refused"])
    if "error" in answered:
        raise RemoteError(f"{task}: {answered['error']}")
    return answered["result"]


def _wait(link: redis.Redis, answer: str, deadline: float) -> bytes | None:
    while (left := deadline - time.monotonic()) > 0:
        found: Any = link.blpop([answer], timeout=max(0.01, min(left, _SLICE_S)))
        if found is not None:
            body: bytes = found[1]
            return body
    return None


def answer(
    call_id: str, task: str, args: list[Any], user_id: int | None = None, has_body: bool = False
) -> bool:
    """Run a task for a caller that still waits; return whether there was one."""
    wanted, answer_key, given = _keys(call_id)
    link = client()
    if not link.exists(wanted):
        return False
    try:
        named: dict[str, Any] = {} if user_id is None else {"user_id": user_id}
        if has_body:
            named["body"] = link.get(given) or b""
        result = broker.task_named(task)(*args, **named)
        text = (
            _RAW + result
            if isinstance(result, bytes)
            else orjson.dumps({"result": result}, option=orjson.OPT_SERIALIZE_NUMPY)
        )
    except NotEntitledError as error:
        log.warning("remote_refused", task=task, user_id=user_id)
        text = orjson.dumps({"refused": str(error)})
    except Exception as error:
        log.exception("remote_failed", task=task)
        text = orjson.dumps({"error": f"{type(error).__name__}: {error}"})
    pipe = link.pipeline(transaction=True)
    pipe.rpush(answer_key, text)
    pipe.expire(answer_key, KEEP_ANSWER_S)
    pipe.execute()
    return True
