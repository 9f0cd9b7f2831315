"""From a stored delivery to the message that it carries."""

from __future__ import annotations

from typing import Any

from accounts.alerts import message
from accounts.alerts.carried import opens
from accounts.alerts.models import AlertDelivery

Kind = AlertDelivery.Kind


def of_delivery(row: AlertDelivery, *, site: str = "") -> message.Message:
    """Return what a delivery says, of a digest only what the user's plan opens now."""
    if row.kind == Kind.TEST:
        return message.of_test(row.key, row.channel.name, site=site)
    if row.kind == Kind.WARNING:
        return message.of_warning(row.key, row.payload, site=site)
    if row.kind == Kind.DIGEST:
        parts = [part for part in row.payload["parts"] if opens(row.user, part)]
        return message.of_digest(row.key, parts, site=site)
    made = message.of_outcome if row.kind == Kind.OUTCOME else message.of_signal
    return made(row.key, row.payload, site=site)


def part_of(row: AlertDelivery) -> dict[str, Any]:
    """Return a delivery as a part of a digest."""
    kept = {name: value for name, value in row.payload.items() if name != "prices"}
    return {**kept, "told": row.kind}
