"""Warnings of what is held: to every channel of its owner that may be written to, without a rule.

They wait for no digest and no end of quiet hours: what they warn of does not wait either.
"""

from __future__ import annotations

from django.db import transaction

from accounts.alerts import delivering
from accounts.alerts.carried import open_channels
from accounts.alerts.models import AlertChannel, AlertDelivery
from accounts.models import User

_LONGEST = AlertDelivery._meta.get_field("key").max_length


@transaction.atomic
def warn(user_id: int, key: str, *, title: str, text: str, path: str) -> int:
    """Make a delivery for each channel, once by `key`; return how many were new.

    Parameters
    ----------
    key : str
        What makes it this warning, of at most 70 characters.
    path : str
        Of the page that shows what it is about.
    """
    user = User.objects.prefetch_related("alert_channels").get(pk=user_id)
    at = delivering.now()
    made = [
        AlertDelivery(
            user=user, channel=channel, kind=AlertDelivery.Kind.WARNING,
            key=f"warning:{channel.pk}:{key}"[:_LONGEST], created=at, next_try=at,
            payload={"title": title, "text": text, "path": path},
        )
        for channel in open_channels(user, user.alert_channels.all())
        if channel.state == AlertChannel.State.ACTIVE
    ]  # fmt: skip
    keys = [one.key for one in made]
    there = set(AlertDelivery.objects.filter(key__in=keys).values_list("key", flat=True))
    AlertDelivery.objects.bulk_create(made, ignore_conflicts=True)
    fresh = AlertDelivery.objects.filter(key__in=[one for one in keys if one not in there])
    found = list(fresh.values_list("pk", flat=True))
    delivering.send_soon(found)
    return len(found)
