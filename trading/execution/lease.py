"""Who may act for an account: one holder at a time, known by a token that rises with each.

The database decides by its own clock. The holder counts its lease from before it asked, so it
believes in it for less long than the database does.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import psutil
from django.db import connection, transaction

from trading.execution import services
from trading.execution.clock import Clock
from trading.execution.states import EXECUTION, Standing
from trading.ledger.services import lock
from trading.models import Account, AccountState

LEASE_S: Final = 30.0
RENEW_S: Final = 5.0

_TAKE: Final = """
    UPDATE trading_accountstate
    SET token = token + 1, holder = %s, lease_until = now() + %s * interval '1 second'
    WHERE account_id = %s AND state <> 'disabled'
      AND (lease_until IS NULL OR lease_until <= now() OR holder = %s)
    RETURNING token
"""
_RENEW: Final = """
    UPDATE trading_accountstate SET lease_until = now() + %s * interval '1 second'
    WHERE account_id = %s AND token = %s AND lease_until > now()
"""
_GIVE: Final = """
    UPDATE trading_accountstate SET lease_until = now(), holder = ''
    WHERE account_id = %s AND token = %s
"""


class LostLeaseError(RuntimeError):
    """Somebody else acts for the account now; whatever this process would still do is void."""


@dataclass(slots=True)
class Lease:
    """The right to act for an account until `deadline` of the monotonic clock."""

    account_id: int
    token: int
    deadline: float


def this_process() -> str:
    """Return what names this process on this host, also after its number is used again."""
    space = os.readlink("/proc/self/ns/pid") if os.path.exists("/proc/self/ns/pid") else ""
    began = int(psutil.Process().create_time() * 100)
    return f"{socket.gethostname()[:30]}/{space}/{os.getpid()}/{began}"


def is_dead(holder: str) -> bool:
    """Return whether a holder surely acts no more: a process of this host that is gone."""
    mine, theirs = this_process().split("/"), holder.split("/")
    if len(theirs) < 4 or theirs[:2] != mine[:2] or not theirs[2].isdigit():
        return False
    try:
        process = psutil.Process(int(theirs[2]))
        gone = process.status() == psutil.STATUS_ZOMBIE
        return gone or str(int(process.create_time() * 100)) != theirs[3]
    except psutil.NoSuchProcess:
        return True


@transaction.atomic
def take(account_id: int, holder: str, clock: Clock) -> Lease | None:
    """Take an account over, and begin with reconciling; None while somebody else holds it."""
    lock(account_id)
    row = AccountState.objects.filter(pk=account_id).first()
    if row is None:
        return None
    dead = row.holder if row.holder and is_dead(row.holder) else None
    before = clock.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [holder, LEASE_S, account_id, dead])
        taken = cursor.fetchone()
    if taken is None:
        return None
    if row.state not in (Standing.HALTED, Standing.RECONCILING):
        services.step(
            account_id, Standing.RECONCILING, actor=EXECUTION, reason="A process took it over."
        )
    return Lease(account_id, taken[0], before + LEASE_S)


def renew(lease: Lease, clock: Clock) -> None:
    """Keep an account for longer; LostLeaseError when it is held no more."""
    before = clock.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [LEASE_S, lease.account_id, lease.token])
        if cursor.rowcount != 1:
            raise LostLeaseError(f"the lease of account {lease.account_id} ended")
    lease.deadline = before + LEASE_S


def give(lease: Lease) -> None:
    """Let an account go, so that another may take it at once."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE, [lease.account_id, lease.token])


@contextlib.contextmanager
def fenced(lease: Lease) -> Iterator[Account]:
    """Lock an account for a change that only its holder may make.

    Raises
    ------
    LostLeaseError
        When another has taken it over.
    """
    with transaction.atomic():
        account = lock(lease.account_id)
        token = AccountState.objects.values_list("token", flat=True).get(pk=account.pk)
        if token != lease.token:
            raise LostLeaseError(f"account {account.pk} is held under token {token}")
        yield account
