"""API keys of the Pro visitor: one in every state."""

from __future__ import annotations

import datetime as dt


def make_keys(email: str) -> None:
    """Store keys for the person with this address."""
    from django.utils import timezone

    from accounts.keys import services
    from accounts.keys.models import ApiKey
    from accounts.models import User

    user = User.objects.get(email=email)
    now = timezone.now()
    used = now - dt.timedelta(minutes=4)
    networks = ["203.0.113.0/24", "2001:db8:4f2a::/48"]
    states = {
        "Laptop": ({"scopes": ["read"], "days": 365}, {"last_used": used}),
        "Trading bot in Frankfurt": (
            {"scopes": ["read", "report", "trade"], "networks": networks, "bot": 42},
            {"last_used": used},
        ),
        "Notebook of the research group": (
            {"scopes": ["read", "report"], "days": 30},
            {"expires": now + dt.timedelta(days=2)},
        ),
        "Old dashboard": (
            {"scopes": ["read"], "days": 30},
            {"expires": now - dt.timedelta(days=1), "last_used": now - dt.timedelta(days=3)},
        ),
        "Leaked": ({"scopes": ["trade"]}, {}),
    }
    rows = []
    for name, (given, fields) in states.items():
        row = services.key_create(user, name=name, **given).row
        ApiKey.objects.filter(pk=row.pk).update(**fields)
        rows.append(row)
    services.key_rotate(user, rows[0].pk, overlap_s=86_400)
    services.key_revoke(user, rows[-1].pk, actor=user)
