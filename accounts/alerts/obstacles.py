"""Why a delivery is not sent after all, looked at just before it would be."""

from __future__ import annotations

import datetime as dt

from allauth.account.models import EmailAddress

from accounts.alerts.carried import open_channels, opens
from accounts.alerts.channels import unconfig
from accounts.alerts.models import AlertChannel, AlertDelivery
from accounts.entitlements import limits_of
from accounts.plans import ALERT_KINDS, PLANS

Kind, State = AlertDelivery.Kind, AlertDelivery.State


def obstacle(row: AlertDelivery, at: dt.datetime) -> str:
    """Return why a delivery must not go out now, as the end of a sentence; empty when it may."""
    return _channel_obstacle(row) or _content_obstacle(row) or _limit_obstacle(row, at)


def _channel_obstacle(row: AlertDelivery) -> str:
    user, channel = row.user, row.channel
    if not user.is_active:
        return "the account is closed"
    if row.kind != Kind.TEST and channel.state != AlertChannel.State.ACTIVE:
        return "the channel is paused"
    if channel.kind not in limits_of(user).alert_kinds:
        return f"{PLANS[user.plan].title} has no {ALERT_KINDS[channel.kind]} channels"
    if channel.kind == "email" and not _confirmed(channel):
        return "the address is no longer a confirmed one of the account"
    if channel not in open_channels(user, user.alert_channels.all()):
        return f"{PLANS[user.plan].title} has {limits_of(user).alert_channels} alert channels"
    return ""


def _confirmed(channel: AlertChannel) -> bool:
    rows = EmailAddress.objects.filter(user_id=channel.user_id, verified=True)
    return bool(rows.filter(email__iexact=unconfig(channel)["address"]).exists())


def _content_obstacle(row: AlertDelivery) -> str:
    first = row.follow_up_of
    if first is not None and first.state in (State.FAILED, State.SKIPPED):
        return "the message of the signal itself was not sent"
    if row.kind in (Kind.TEST, Kind.WARNING):
        return ""
    parts = row.payload["parts"] if row.kind == Kind.DIGEST else [row.payload]
    if not any(opens(row.user, part) for part in parts):
        return f"{PLANS[row.user.plan].title} does not open this tool"
    return ""


def _limit_obstacle(row: AlertDelivery, at: dt.datetime) -> str:
    if row.counted is not None:
        return ""
    most = limits_of(row.user).alerts_a_day
    since = at - dt.timedelta(days=1)
    used = AlertDelivery.objects.filter(user_id=row.user_id, counted__gt=since).count()
    return f"{most} messages in 24 hours are used up" if used >= most else ""
