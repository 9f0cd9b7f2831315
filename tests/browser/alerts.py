"""Alerts of the Pro visitor: a channel and a message in every state."""

from __future__ import annotations

import datetime as dt
from typing import Any


def make_alerts(email: str) -> None:
    """Store channels, rules and deliveries for the person with this address."""
    from accounts.alerts import services
    from accounts.alerts.models import AlertChannel, AlertDelivery
    from accounts.models import User
    from tests.accounts.alerts.signals import GIVEN, signal

    user = User.objects.get(email=email)
    states = (
        ("telegram", "My phone", "active", ""),
        ("slack", "Desk", "active", "Slack answered 503."),
        ("discord", "The server of the whole trading team", "paused", "Discord answered 404."),
        ("slack", "Not tried", "unverified", ""),
    )
    channels = []
    for kind, name, state, why in states:
        made = services.channel_add(user, kind=kind, name=name, given=GIVEN[kind])
        failures = 3 if why and state == "active" else 0
        AlertChannel.objects.filter(pk=made.pk).update(state=state, why=why, failures=failures)
        channels.append(made)
    values: dict[str, Any] = {"name": "Strong and long", "sides": [1], "least_score": 0.6}
    values |= {"symbols": ["SPY"], "tools": [1, 7, 8, 9], "digest_minutes": 15}
    values |= {"quiet_from": dt.time(21), "quiet_to": dt.time(7), "time_zone": "Europe/Berlin"}
    services.rule_save(user, values, [channels[0].pk, channels[1].pk])
    off = services.rule_save(user, {"name": "Everything"}, [channels[2].pk])
    services.rule_switch(user, off.pk, active=False)
    receipts = {
        "held": "",
        "waiting": "Slack answered 503.",
        "sent": "Delivered: Telegram answered 200. On try 7, 5 min 12 s late. "
        "Before: no answer in time.",
        "bundled": "In a digest.",
        "skipped": "Not sent: 500 messages in 24 hours are used up.",
        "failed": "Failed: Discord answered 404.",
    }
    at = dt.datetime(2026, 11, 20, 19, 30, tzinfo=dt.UTC)
    for number, (state, receipt) in enumerate(receipts.items(), 1):
        AlertDelivery.objects.create(
            user=user, channel=channels[number % 3], kind="signal", key=f"k{number}",
            signal_id=number, payload=signal(number), state=state, tries=2, receipt=receipt,
            next_try=at + dt.timedelta(minutes=15), created=at,
        )  # fmt: skip
