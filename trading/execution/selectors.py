"""What is known of an account's standing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
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
    return states_of([account_id])[account_id]


def states_of(account_ids: Iterable[int]) -> dict[int, Stand]:
    """Return where some accounts stand, asked for at once."""
    found = dict.fromkeys(account_ids, Stand(Standing.DISABLED, "It was never armed.", None, 0))
    for row in AccountState.objects.filter(account__in=list(found)):
        found[row.account_id] = Stand(Standing(row.state), row.reason, row.since, row.token)
    return found
