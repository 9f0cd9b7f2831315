"""What a channel's successes and failures do to it."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import orjson

from accounts.alerts import retries
from accounts.alerts.models import AlertChannel
from record import outbox

TELL_PAUSED: Final = "accounts.tell_alert_paused"
State = AlertChannel.State


def config_text(config: dict[str, str]) -> str:
    """Return a configuration as the text that is encrypted."""
    return orjson.dumps(config).decode()


def unconfig(channel: AlertChannel) -> dict[str, str]:
    """Return a channel's configuration, opened."""
    config: dict[str, str] = orjson.loads(channel.config)
    return config


def worked(channel: AlertChannel, *, tested: bool) -> None:
    """Note a success; the first test that arrives opens the channel."""
    fields: dict[str, Any] = {"failures": 0, "failing_since": None, "hold_until": None}
    rows = AlertChannel.objects.filter(pk=channel.pk)
    rows.exclude(state=State.PAUSED).update(**fields, why="")
    if tested:
        rows.filter(state=State.UNVERIFIED).update(state=State.ACTIVE)


def failed_once(
    channel: AlertChannel,
    text: str,
    at: dt.datetime,
    *,
    refused: bool = False,
    gone: bool = False,
    hold_until: dt.datetime | None = None,
) -> bool:
    """Note a failure of a locked channel; when that is due, pause it and return True.

    Its owner is told. `gone` means that the address exists no more: no patience is due.
    """
    channel.failures += retries.REFUSAL_WEIGHT if refused else 1
    channel.failing_since = channel.failing_since or at
    channel.hold_until = hold_until
    channel.why = f"{text}."[:300]
    lasting = (at - channel.failing_since).total_seconds()
    paused = channel.state == State.ACTIVE and (
        gone or retries.pauses(channel.failures, lasting_s=lasting, refused=refused)
    )
    if paused:
        channel.state = State.PAUSED
        outbox.enqueue(TELL_PAUSED, channel.pk)
    channel.save(update_fields=["failures", "failing_since", "hold_until", "why", "state"])
    return paused
