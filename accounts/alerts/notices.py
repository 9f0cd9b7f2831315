"""What the platform tells the owner of a channel by e-mail."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage

from accounts.alerts.models import AlertChannel

_BODY = """Your alert channel {name} ({shown}) kept failing and is paused.

What it said last: {why}

Nothing more goes there until you turn it on again under Account, Alerts{where}. Messages that
were waiting for it are marked as not sent.
"""


def tell_paused(channel_id: int) -> None:
    """Tell the owner that a channel is paused, unless it is on again or gone by now."""
    channel = AlertChannel.objects.select_related("user").filter(pk=channel_id).first()
    if channel is None or channel.state != AlertChannel.State.PAUSED:
        return
    where = f": {settings.SITE_ADDRESS}/account/alerts/" if settings.SITE_ADDRESS else ""
    EmailMessage(
        subject="Pulse: an alert channel is paused",
        body=_BODY.format(name=channel.name, shown=channel.shown, why=channel.why, where=where),
        to=[channel.user.email],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
