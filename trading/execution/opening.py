"""What had happened before this house knew an account: it is in the opening value already.

Brokers tell of most activities only their day. Those that are listed when an account is taken
over are kept by their ids, and are not booked again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from trading.brokers.protocol import Activity
from trading.execution.session import Session
from trading.execution.states import EXECUTION
from trading.ledger.services import Source
from trading.models import Account, OrderEvent
from trading.orders.services import note

SOURCE: Final = "reconcile"
NAME: Final = "opening activities"


def listed(session: Session, began: dt.datetime) -> list[str]:
    """Return the ids of the activities that the broker lists at the time of taking over."""
    return sorted({one.activity_id for one in session.outlet.activities(began)})


def keep(account: Account, ids: Sequence[str], at: dt.datetime) -> None:
    """Keep what the opening value holds."""
    if ids:
        source = Source(SOURCE, NAME, at)
        note(account, None, source, "opened", actor=EXECUTION, body={"activities": list(ids)})


def later(account_id: int, told: Sequence[Activity]) -> list[Activity]:
    """Return those of some activities that the opening value does not hold."""
    if not told:
        return []
    kept = OrderEvent.objects.filter(account_id=account_id, source=SOURCE, event_id=NAME)
    held = {name for body in kept.values_list("body", flat=True) for name in body["activities"]}
    return [one for one in told if one.activity_id not in held]
