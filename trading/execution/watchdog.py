"""The dead man's switch: a process of its own that cancels when others fall silent.

It sends no order. An account whose holder let its lease run out has its opening orders cancelled
and may only reduce until somebody reconciles it; a scope that promised signs of life and gave
none is stopped as by the kill switch.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models.functions import Now

from trading.execution import by_hand, heartbeats, services
from trading.execution.lease import LEASE_S
from trading.execution.states import WATCHDOG, Standing
from trading.ledger.services import lock
from trading.models import AccountState
from trading.switches import press

log = structlog.get_logger(__name__)
LOOK_S: Final = 2.0
GRACE: Final = dt.timedelta(seconds=LEASE_S)
_REDUCED: Final = frozenset({Standing.LIVE, Standing.RECONCILING})


class Watchdog:
    """Looks every two seconds."""

    def __init__(self, only: Iterable[int] | None = None) -> None:
        self.ended = threading.Event()
        self._only = None if only is None else frozenset(only)

    def run(self) -> None:
        """Look until `ended` is set."""
        while not self.ended.wait(LOOK_S):
            try:
                self.look()
            except (DatabaseError, InterfaceError) as error:
                log.error("database_away", why=str(error))
                connection.close()
        connection.close()

    def look(self) -> None:
        """Stop what is silent, and cancel for whom nobody serves."""
        for scope in heartbeats.silent():
            report = press.press(scope, actor=WATCHDOG, reason="It gave no sign of life in time.")
            log.error("silent", scope=str(scope), could_not=report.failed)
        for account_id in by_hand.abandoned(GRACE):
            if self._only is None or account_id in self._only:
                self._cancel(account_id)

    def _cancel(self, account_id: int) -> None:
        reason = "Nobody serves the account."
        if not _reduce(account_id, reason):
            return
        told = by_hand.cancel_open(account_id, actor=WATCHDOG, reason=reason, exits=False)
        log.error("abandoned", account=account_id, cancels=told.asked, could_not=told.failed)


@transaction.atomic
def _reduce(account_id: int, reason: str) -> bool:
    """Let an account only reduce, unless somebody took it over meanwhile."""
    lock(account_id)
    free = AccountState.objects.filter(pk=account_id, lease_until__lte=Now())
    row = free.select_for_update().first()
    if row is None:
        return False
    if row.state in _REDUCED:
        services.step(account_id, Standing.REDUCING, actor=WATCHDOG, reason=reason)
    return True
