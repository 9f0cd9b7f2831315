"""The gate of the live channels."""

from __future__ import annotations

from typing import Any

from accounts.entitlements import Decision, allows


def topic_gate(user: Any, entitlement: str, channel: str) -> Decision:
    """Return whether `user` may hear a channel of a topic that declares `entitlement`."""
    return allows(user, entitlement)
