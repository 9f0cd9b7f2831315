"""What is known of an account's standing."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from trading.execution.states import Standing
from trading.models import AccountState


class Stand(NamedTuple):
    """Where an account stands, why and since when, and the token of whoever acts for it."""

    state: Standing
    reason: str
    since: dt.datetime | None
    token: int


def state_of(account_id: int) -> Stand:
    """Return where an account stands; disabled while it never was armed."""
    row = AccountState.objects.filter(account_id=account_id).first()
    if row is None:
        return Stand(Standing.DISABLED, "It was never armed.", None, 0)
    return Stand(Standing(row.state), row.reason, row.since, row.token)
