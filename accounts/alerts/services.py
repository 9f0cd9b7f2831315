"""What changes channels and rules: each change with its audit row in one transaction."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, Final

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.alerts import delivering
from accounts.alerts.channels import config_text, unconfig
from accounts.alerts.kinds import KINDS
from accounts.alerts.kinds.base import FieldError
from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule
from accounts.entitlements import limits_of
from accounts.models import User
from accounts.plans import ALERT_KINDS, PLANS, first_plan_with_kind
from accounts.services import audited

MOST_NAME: Final = 60
TESTS: Final = 5
TESTS_S: Final = 600
"""At most so many tests of a person's channels in so many seconds."""

State = AlertChannel.State


class AlertError(ValueError):
    """A change that cannot be made; the message says why and nothing was changed."""


@transaction.atomic
def channel_add(user: User, *, kind: str, name: str, given: Mapping[str, str]) -> AlertChannel:
    """Add a channel within what the user's plan allows; it opens with the first test that arrives.

    Raises
    ------
    FieldError
        For a value that cannot be taken, with its field.
    """
    row = User.objects.select_for_update().get(pk=user.pk)
    limits = limits_of(row)
    if kind not in KINDS:
        raise FieldError("kind", f"Choose one of {', '.join(KINDS)}.")
    if kind not in limits.alert_kinds:
        opener = first_plan_with_kind(kind).title
        raise FieldError("kind", f"A channel by {ALERT_KINDS[kind]} needs the {opener} plan.")
    used = AlertChannel.objects.filter(user=row).count()
    if used >= limits.alert_channels:
        raise FieldError(
            "kind",
            f"{PLANS[row.plan].title} has {limits.alert_channels} alert "
            f"{'channel' if limits.alert_channels == 1 else 'channels'}; remove one first.",
        )
    name = _name(name, AlertChannel.objects.filter(user=row))
    config = KINDS[kind].clean(_own(row, kind, given))
    channel = AlertChannel(
        user=row, kind=kind, name=name, config=config_text(config), shown=KINDS[kind].shown(config)
    )
    channel.save(force_insert=True)
    _audited(row, "alert_channel_add", channel)
    return channel


@transaction.atomic
def channel_change(user: User, channel_id: int, *, name: str, given: Mapping[str, str]) -> None:
    """Rename a channel and, when values are given, move it; a new address is tested anew."""
    channel = _channel(user, channel_id)
    kind = KINDS[channel.kind]
    others = AlertChannel.objects.filter(user=user).exclude(pk=channel.pk)
    channel.name = _name(name, others)
    fields = ["name"]
    new = {entry.name: given[entry.name] for entry in kind.entries if given.get(entry.name)}
    if new:
        kept = unconfig(channel)
        config = kind.clean({**kept, **new})
        if config != kept:
            channel.config, channel.shown = config_text(config), kind.shown(config)
            channel.state, channel.failures, channel.why = State.UNVERIFIED, 0, ""
            channel.failing_since = channel.hold_until = None
            fields += ["config", "shown", "state", "failures", "why", "failing_since", "hold_until"]
    channel.save(update_fields=fields)
    _audited(user, "alert_channel_change", channel, moved=len(fields) > 1)


@transaction.atomic
def channel_remove(user: User, channel_id: int) -> str:
    """Remove a channel with its deliveries and return its name."""
    channel = _channel(user, channel_id)
    _audited(user, "alert_channel_remove", channel)
    channel.delete()
    return channel.name


@transaction.atomic
def channel_pause(user: User, channel_id: int, *, paused: bool) -> AlertChannel:
    """Pause a channel, or let it go on; one that was never tested cannot go on."""
    channel = _channel(user, channel_id)
    if channel.state == State.UNVERIFIED:
        raise AlertError("send a test first")
    channel.state = State.PAUSED if paused else State.ACTIVE
    channel.why = "You paused it." if paused else ""
    channel.failures = 0
    channel.failing_since = channel.hold_until = None
    channel.save(update_fields=["state", "why", "failures", "failing_since", "hold_until"])
    _audited(user, "alert_channel_pause" if paused else "alert_channel_resume", channel)
    return channel


@transaction.atomic
def channel_test(user: User, channel_id: int) -> AlertDelivery:
    """Send a test to a channel and return its delivery, which is sent by a worker."""
    channel = _channel(user, channel_id)
    User.objects.select_for_update().get(pk=user.pk)
    since = delivering.now() - dt.timedelta(seconds=TESTS_S)
    recent = AlertDelivery.objects.filter(
        user=user, kind=AlertDelivery.Kind.TEST, created__gt=since
    )
    if recent.count() >= TESTS:
        raise AlertError(f"{TESTS} tests in {TESTS_S // 60} minutes are enough; wait a little")
    row = AlertDelivery.objects.create(
        user=user,
        channel=channel,
        kind=AlertDelivery.Kind.TEST,
        key=f"test:{channel.pk}:{uuid.uuid4().hex}",
        payload={},
        created=delivering.now(),
        next_try=delivering.now(),
    )
    delivering.send_soon([row.pk])
    return row


@transaction.atomic
def rule_save(
    user: User, values: Mapping[str, Any], channels: list[int], *, rule_id: int | None = None
) -> AlertRule:
    """Add a rule within what the user's plan allows, or change one; `values` are its fields."""
    row = User.objects.select_for_update().get(pk=user.pk)
    rules = AlertRule.objects.filter(user=row)
    if rule_id is None:
        most = limits_of(row).alert_rules
        if rules.count() >= most:
            raise FieldError("name", f"{PLANS[row.plan].title} has {most} rules; remove one first.")
        rule = AlertRule(user=row)
    else:
        rule = _rule(row, rule_id)
    own = list(AlertChannel.objects.filter(user=row, pk__in=channels))
    if not own or len(own) != len(set(channels)):
        raise FieldError("channels", "Choose at least one of your channels.")
    for field, value in values.items():
        setattr(rule, field, value)
    rule.name = _name(rule.name, rules.exclude(pk=rule.pk))
    rule.save()
    rule.channels.set(own)
    audited(
        row,
        actor=row,
        action="alert_rule_add" if rule_id is None else "alert_rule_change",
        detail={"rule": rule.pk, "name": rule.name},
    )
    return rule


@transaction.atomic
def rule_switch(user: User, rule_id: int, *, active: bool) -> AlertRule:
    """Turn a rule on or off."""
    rule = _rule(user, rule_id)
    rule.active = active
    rule.save(update_fields=["active"])
    return rule


@transaction.atomic
def rule_remove(user: User, rule_id: int) -> str:
    """Remove a rule and return its name; its deliveries stay until they age out."""
    rule = _rule(user, rule_id)
    audited(
        user, actor=user, action="alert_rule_remove", detail={"rule": rule.pk, "name": rule.name}
    )
    rule.delete()
    return rule.name


def _own(user: User, kind: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return the values given; the address of e-mail is the account's, when it is confirmed."""
    if kind != "email":
        # The key of a webhook is made here and never taken from outside.
        return {name: value for name, value in given.items() if name != "key"}
    confirmed = EmailAddress.objects.filter(user=user, email__iexact=user.email, verified=True)
    return {"address": user.email} if confirmed.exists() else {}


def _channel(user: User, channel_id: int) -> AlertChannel:
    found = AlertChannel.objects.select_for_update().filter(user=user, pk=channel_id).first()
    if found is None:
        raise AlertError("there is no such channel")
    return found


def _rule(user: User, rule_id: int) -> AlertRule:
    found = AlertRule.objects.select_for_update().filter(user=user, pk=rule_id).first()
    if found is None:
        raise AlertError("there is no such rule")
    return found


def _name(text: str, others: Any) -> str:
    name = " ".join(text.split())
    if not name or len(name) > MOST_NAME:
        raise FieldError("name", f"Give a name of 1 to {MOST_NAME} characters.")
    if others.filter(name=name).exists():
        raise FieldError("name", "You have one with this name; choose another.")
    return name


def _audited(user: User, action: str, channel: AlertChannel, **more: Any) -> None:
    detail = {"channel": channel.pk, "kind": channel.kind, "name": channel.name, **more}
    audited(user, actor=user, action=action, detail=detail)
