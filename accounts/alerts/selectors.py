"""Reads of alerts. The owner's filter stands here, so no page can forget it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from accounts.alerts.carried import open_channels
from accounts.alerts.kinds import KINDS
from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule
from accounts.entitlements import limits_of
from accounts.models import User
from accounts.plans import ALERT_KINDS, first_plan_with_kind

SHOWN: Final = 50

Payload = dict[str, Any]


def channel_of(user_id: int) -> str:
    """Return the name of the live channel of a person's deliveries."""
    return f"alerts:{user_id}"


def payload(row: AlertDelivery) -> Payload:
    """Return a delivery as a JSON body, without what it says."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "signal": row.signal_id,
        "channel": row.channel_id,
        "state": row.state,
        "tries": row.tries,
        "receipt": row.receipt,
    }


def newest(channel: str) -> Mapping[str, Payload]:
    """Return the newest deliveries of the owner whose live channel it is, by key."""
    owner = channel.partition(":")[2]
    if not owner.isdecimal():
        return {}
    rows = AlertDelivery.objects.filter(user_id=int(owner)).order_by("-pk")[:SHOWN]
    return {str(row.pk): payload(row) for row in rows}


def channels_of(user: User) -> list[Payload]:
    """Return a person's channels, each with its kind's title and what stands against it."""
    rows = list(user.alert_channels.annotate(used=Count("rules")).order_by("pk"))
    carried = {channel.pk for channel in open_channels(user, rows)}
    return [
        {"row": row, "title": KINDS[row.kind].title, "carried": row.pk in carried, "used": row.used}
        for row in rows
    ]


def channel(user: User, channel_id: int) -> AlertChannel | None:
    """Return one of a person's channels, or None."""
    return user.alert_channels.filter(pk=channel_id).first()


def rules_of(user: User) -> list[Payload]:
    """Return a person's rules, each with whether the plan carries it: the oldest ones."""
    rows = user.alert_rules.prefetch_related("channels").order_by("pk")
    active = 0
    found = []
    for row in rows:
        active += row.active
        carried = active <= limits_of(user).alert_rules
        found.append({"row": row, "carried": carried, "channels": list(row.channels.all())})
    return found


def rule(user: User, rule_id: int) -> AlertRule | None:
    """Return one of a person's rules, or None."""
    return user.alert_rules.filter(pk=rule_id).first()


def deliveries_of(user: User) -> QuerySet[AlertDelivery]:
    """Return a person's deliveries, newest first."""
    return user.alert_deliveries.select_related("channel", "rule").order_by("-pk")


def used_today(user: User) -> int:
    """Return how many messages were sent to a person's channels in the last 24 hours."""
    since = timezone.now() - dt.timedelta(days=1)
    return user.alert_deliveries.filter(counted__gt=since).count()


def waiting(user: User) -> int:
    """Return how many messages have not reached their end."""
    return user.alert_deliveries.filter(Q(state="waiting") | Q(state="held")).count()


def kinds_for(user: User) -> list[Payload]:
    """Return the kinds of channels, each with the plan that opens it when the person's does not."""
    opened = limits_of(user).alert_kinds
    return [
        {
            "kind": kind,
            "says": ALERT_KINDS[kind.name],
            "opens_with": None if kind.name in opened else first_plan_with_kind(kind.name),
        }
        for kind in KINDS.values()
    ]
