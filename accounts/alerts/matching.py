"""From signals to deliveries: what rules want, for whom a plan opens it, and when it goes out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from django.db import transaction
from django.db.models import Prefetch

from accounts.alerts import delivering
from accounts.alerts.carried import open_channels, opens
from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule
from accounts.alerts.rules import Hours, Wanted, due, matches
from accounts.entitlements import limits_of
from record import outbox

MATCH: Final = "accounts.match_alerts"
FOLLOW_UP: Final = "accounts.follow_up_alerts"
BATCH: Final = 50
"""Signals in one promise of the outbox."""

Signal = Mapping[str, Any]
Kind, State = AlertDelivery.Kind, AlertDelivery.State


def wanted() -> bool:
    """Return whether anybody has a rule: without one nothing needs to be announced."""
    return AlertRule.objects.filter(active=True).exists()


def announce(signals: Sequence[Signal]) -> None:
    """Promise to match signals, in the transaction that stores them.

    Each is its payload (`id`, `tool`, `symbol`, `score` ...) with `greeks` and `prices`.
    """
    for first in range(0, len(signals), BATCH):
        outbox.enqueue(MATCH, list(signals[first : first + BATCH]))


def awaited(signal_ids: Iterable[int]) -> set[int]:
    """Return the signals of which somebody wants to know what became."""
    rows = AlertDelivery.objects.filter(
        kind=Kind.SIGNAL, signal_id__in=list(signal_ids), rule__follow_up=True
    ).exclude(state__in=(State.FAILED, State.SKIPPED))
    return set(rows.values_list("signal_id", flat=True))  # type: ignore[arg-type]


def announce_outcomes(signals: Sequence[Signal]) -> None:
    """Promise the follow-up messages of signals whose outcome is known, as `announce` does."""
    for first in range(0, len(signals), BATCH):
        outbox.enqueue(FOLLOW_UP, list(signals[first : first + BATCH]))


@transaction.atomic
def match(signals: Sequence[Signal]) -> int:
    """Make a delivery for each rule, channel and signal that fit; return how many were new."""
    now = delivering.now()
    made = [
        AlertDelivery(
            user=rule.user,
            channel=channel,
            rule=rule,
            kind=Kind.SIGNAL,
            key=f"signal:{rule.pk}:{channel.pk}:{signal['id']}",
            signal_id=signal["id"],
            payload=dict(signal),
            created=now,
            **_timing(rule, now),
        )
        for rule, channels in _rules()
        for signal in signals
        if matches(wanted_of(rule), signal) and opens(rule.user, signal)
        for channel in channels
    ]
    return _keep(made)


@transaction.atomic
def follow_up(signals: Sequence[Signal]) -> int:
    """Make a follow-up for each delivery of a signal that is not refused; return how many."""
    now = delivering.now()
    by_id = {signal["id"]: signal for signal in signals}
    told = (
        AlertDelivery.objects.filter(kind=Kind.SIGNAL, signal_id__in=by_id, rule__follow_up=True)
        .exclude(state__in=(State.FAILED, State.SKIPPED))
        .select_related("rule", "channel", "user")
    )
    made = [
        AlertDelivery(
            user=first.user,
            channel=first.channel,
            rule=first.rule,
            kind=Kind.OUTCOME,
            key=f"outcome:{first.rule_id}:{first.channel_id}:{first.signal_id}",
            signal_id=first.signal_id,
            payload=dict(by_id[first.signal_id]),
            created=now,
            follow_up_of=first,
            **_timing(first.rule, now),
        )
        for first in told
        if first.rule is not None and first.signal_id is not None
    ]
    return _keep(made)


def wanted_of(rule: AlertRule) -> Wanted:
    """Return what a stored rule wants."""
    return Wanted(
        tools=frozenset(rule.tools),
        symbols=frozenset(rule.symbols),
        sides=frozenset(rule.sides),
        sources=frozenset(rule.sources),
        least_score=rule.least_score,
        session=_hours(rule.session_from, rule.session_to),
    )


def _rules() -> Iterator[tuple[AlertRule, list[AlertChannel]]]:
    """Return the rules that plans carry, each with the channels that may be written to now."""
    every = Prefetch("user__alert_channels", queryset=AlertChannel.objects.order_by("pk"))
    rows = (
        AlertRule.objects.filter(active=True, user__is_active=True)
        .select_related("user")
        .prefetch_related("channels", every)
        .order_by("user_id", "pk")
    )
    counts: dict[int, int] = {}
    for rule in rows:
        counts[rule.user_id] = counts.get(rule.user_id, 0) + 1
        if counts[rule.user_id] > limits_of(rule.user).alert_rules:
            continue
        carried = {c.pk for c in open_channels(rule.user, rule.user.alert_channels.all())}
        yield (
            rule,
            [
                channel
                for channel in rule.channels.all()
                if channel.pk in carried and channel.state == AlertChannel.State.ACTIVE
            ],
        )


def _timing(rule: AlertRule, now: dt.datetime) -> dict[str, Any]:
    at = due(
        now,
        quiet=_hours(rule.quiet_from, rule.quiet_to),
        zone=rule.time_zone,
        digest_minutes=rule.digest_minutes,
    )
    return {"next_try": at, "state": State.HELD if at > now else State.WAITING}


def _hours(start: dt.time | None, end: dt.time | None) -> Hours:
    return None if start is None or end is None else (start, end)


def _keep(made: list[AlertDelivery]) -> int:
    """Store what is not there yet and send what need not wait."""
    there = set(
        AlertDelivery.objects.filter(key__in=[one.key for one in made]).values_list(
            "key", flat=True
        )
    )
    AlertDelivery.objects.bulk_create(made, ignore_conflicts=True, batch_size=200)
    fresh = [one.key for one in made if one.key not in there]
    waiting = AlertDelivery.objects.filter(key__in=fresh, state=State.WAITING)
    delivering.send_soon(waiting.values_list("pk", flat=True))
    return len(fresh)
