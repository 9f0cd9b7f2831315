"""Deliveries: claimed, sent with no lock held, and recorded; repeated until an end is reached.

A delivery that a killed worker had claimed is due again when its lease ends. So a message goes
out at least once, under the same id at each try.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.alerts import messages, outbound, retries, selectors
from accounts.alerts.addresses import RefusedAddressError
from accounts.alerts.channels import failed_once, unconfig, worked
from accounts.alerts.kinds import KINDS
from accounts.alerts.kinds.base import RefusedError, RetryError
from accounts.alerts.models import AlertChannel, AlertDelivery
from accounts.alerts.obstacles import obstacle
from accounts.alerts.selectors import payload
from accounts.models import User
from record import broker, streams

SEND: Final = "accounts.send_alert"
QUEUE: Final = "alerts"
LEASE_S: Final = 60
"""Longer than any send takes."""
MOST_TRIES: Final = 200
"""A bound for what kills its worker or raises each time; back-off gives up long before."""
SWEEP_BATCH: Final = 500
EXPIRES_S: Final = 30
BUNDLE_MOST: Final = 200

log = structlog.get_logger("pulse.alerts")
Kind, State = AlertDelivery.Kind, AlertDelivery.State


def now() -> dt.datetime:
    """Return the time by which deliveries are due."""
    return timezone.now()


def send_soon(delivery_ids: Iterable[int]) -> None:
    """Ask a worker to send after the commit; what is lost on the way the sweep asks again."""
    transaction.on_commit(partial(_ask, list(delivery_ids)), robust=True)


def _ask(delivery_ids: list[int]) -> None:
    for delivery_id in delivery_ids:
        try:
            broker.send(SEND, (delivery_id,), queue=QUEUE, expires=EXPIRES_S)
        except broker.BrokerAwayError as error:
            log.warning("alert_not_asked", delivery=delivery_id, error=str(error))
            return


def send_due() -> int:
    """Ask for every delivery that is due, digests included; return how many."""
    _release_held()
    due = AlertDelivery.objects.filter(state=State.WAITING, next_try__lte=now())
    found = list(due.order_by("next_try").values_list("pk", flat=True)[:SWEEP_BATCH])
    _ask(found)
    return len(found)


def deliver(delivery_id: int) -> None:
    """Send one delivery if it is due, and record what came of it. A repeat is harmless."""
    row = _claim(delivery_id)
    if row is None:
        return
    try:
        message = messages.of_delivery(row, site=settings.SITE_ADDRESS)
        kind = KINDS[row.channel.kind]
        receipt = kind.send(unconfig(row.channel), message, outbound.transport())
    except RetryError as error:
        _again(row, str(error), asked=error.wait)
    except outbound.UnreachableError as error:
        _again(row, str(error))
    except RefusedError as error:
        _refused(row, str(error), gone=error.gone)
    except RefusedAddressError as error:
        _refused(row, str(error))
    else:
        _sent(row, receipt)


@transaction.atomic
def _claim(delivery_id: int) -> AlertDelivery | None:
    """Take a delivery that is due and may be sent; None when there is nothing to do now."""
    due = AlertDelivery.objects.filter(pk=delivery_id, state=State.WAITING, next_try__lte=now())
    row = (
        due.select_for_update(skip_locked=True, of=("self",))
        .select_related("channel", "user", "follow_up_of")
        .first()
    )
    if row is None:
        return None
    later = _later(row)
    if later is not None:
        row.next_try = later
        row.save(update_fields=["next_try"])
        return None
    # Two workers must not both take the last message of the day.
    row.user = User.objects.select_for_update().get(pk=row.user_id)
    why = obstacle(row, now())
    if why:
        _end(row, State.SKIPPED, f"Not sent: {why}.")
        return None
    if row.tries >= MOST_TRIES:
        _end(row, State.FAILED, f"Given up after {row.tries} tries. {row.receipt}")
        return None
    row.counted = row.counted or now()
    row.tries += 1
    row.next_try = now() + dt.timedelta(seconds=LEASE_S)
    row.save(update_fields=["counted", "tries", "next_try"])
    return row


def _later(row: AlertDelivery) -> dt.datetime | None:
    """Return when to look again at a delivery that must wait for something else."""
    first = row.follow_up_of
    if first is not None and first.state in (State.WAITING, State.HELD):
        return max(first.next_try, now()) + dt.timedelta(seconds=1)
    hold = row.channel.hold_until
    return hold if hold is not None and hold > now() and row.kind != Kind.TEST else None


def _sent(row: AlertDelivery, receipt: str) -> None:
    at = now()
    text = f"Delivered: {receipt}."
    if row.tries > 1:
        text += f" On try {row.tries}, {_span(at - row.created)} late. Before: {row.receipt}"
    with transaction.atomic():
        if _end(row, State.SENT, text, sent_at=at):
            worked(row.channel, tested=row.kind == Kind.TEST)


def _again(row: AlertDelivery, text: str, *, asked: float | None = None) -> None:
    at = now()
    if row.kind == Kind.TEST:
        _end(row, State.FAILED, f"Failed: {text}.")
        return
    if (at - row.created).total_seconds() >= retries.GIVE_UP_S:
        with transaction.atomic():
            if _end(row, State.FAILED, f"Given up after {row.tries} tries: {text}."):
                _channel_failed(row, text)
        return
    seconds = retries.wait(row.tries, asked=asked, chance=secrets.randbelow(1001) / 1000)
    due = at + dt.timedelta(seconds=seconds)
    with transaction.atomic():
        changed = _mine(row).update(next_try=due, receipt=f"{text}."[:400])
        if changed:
            _channel_failed(row, text, hold_until=due)


def _refused(row: AlertDelivery, text: str, *, gone: bool = False) -> None:
    with transaction.atomic():
        if _end(row, State.FAILED, f"Failed: {text}.") and row.kind != Kind.TEST:
            _channel_failed(row, text, refused=True, gone=gone)


def _channel_failed(row: AlertDelivery, text: str, **how: Any) -> None:
    channel = AlertChannel.objects.select_for_update().get(pk=row.channel_id)
    if failed_once(channel, text, now(), **how):
        left = AlertDelivery.objects.filter(channel=channel, state__in=(State.WAITING, State.HELD))
        left.update(state=State.FAILED, finished=now(), receipt="Not sent: the channel is paused.")


def _mine(row: AlertDelivery) -> Any:
    """Return the delivery as long as this try is its newest."""
    return AlertDelivery.objects.filter(pk=row.pk, state=State.WAITING, tries=row.tries)


@transaction.atomic
def _end(row: AlertDelivery, state: str, receipt: str, **more: Any) -> bool:
    changed = _mine(row).update(state=state, receipt=receipt[:400], finished=now(), **more)
    if changed:
        row.state, row.receipt = state, receipt[:400]
        # What waited for this one to be told need wait no longer.
        AlertDelivery.objects.filter(follow_up_of=row, state=State.WAITING).update(next_try=now())
        streams.append(selectors.channel_of(row.user_id), key=str(row.pk), data=payload(row))
    return bool(changed)


@transaction.atomic
def _release_held() -> None:
    """Let what was held go out: one by itself, several as one digest."""
    due = AlertDelivery.objects.filter(state=State.HELD, next_try__lte=now())
    pairs = due.order_by("rule_id", "channel_id").values_list("rule_id", "channel_id").distinct()
    for rule_id, channel_id in pairs[:SWEEP_BATCH]:
        rows = list(
            due.filter(rule_id=rule_id, channel_id=channel_id)
            .select_for_update(skip_locked=True)
            .order_by("pk")[:BUNDLE_MOST]
        )
        if len(rows) == 1:
            AlertDelivery.objects.filter(pk=rows[0].pk).update(state=State.WAITING)
        elif rows:
            _bundle(rows)


def _bundle(rows: list[AlertDelivery]) -> None:
    first = rows[0]
    digest = AlertDelivery.objects.create(
        user_id=first.user_id,
        channel_id=first.channel_id,
        rule_id=first.rule_id,
        kind=Kind.DIGEST,
        key=f"digest:{first.rule_id}:{first.channel_id}:{first.pk}",
        payload={"parts": [messages.part_of(row) for row in rows]},
        next_try=now(),
        created=now(),
    )
    AlertDelivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        state=State.BUNDLED, bundle=digest, finished=now(), receipt="In a digest."
    )


def prune(*, days: int = 30) -> int:
    """Remove deliveries that ended `days` ago."""
    return AlertDelivery.objects.filter(finished__lt=now() - dt.timedelta(days=days)).delete()[0]


def _span(passed: dt.timedelta) -> str:
    seconds = max(0, round(passed.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
