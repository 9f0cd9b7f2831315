"""What people do before a run: sign up, open accounts, accept risks, connect a broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone
from django.utils.crypto import get_random_string

from accounts.models import User
from accounts.plans import PRO_PLUS
from trading.brokers import connections
from trading.brokers.paper import services as paper
from trading.execution import services as execution
from trading.execution.states import Standing
from trading.ledger import services as ledger
from trading.models import Account
from trading.risk import limits
from trading.risk import services as risk
from trading.risk.gather import RISKS

CASH: Final = Decimal(5_000_000)


@dataclass(frozen=True, slots=True)
class Person:
    """An owner with one account, and what signs them in."""

    account: Account
    cookies: Mapping[str, str]
    token: str
    """Against forged requests: sent as a cookie and as a header."""


def with_paper(number: int, market: str) -> Person:
    """Return somebody with a paper account."""
    user = _user(f"paper{number}")
    account = paper.open_paper_account(user, name=f"paper {number}", cash=CASH, market=market)
    return _signed_in(user, account)


def with_broker(number: int, address: str, key: str, secret: str) -> Person:
    """Return somebody with a live account at a stand-in, with the plan's widest limits."""
    user = _user(f"live{number}")
    actor = f"user {user.pk}"
    account = ledger.open_account(
        user, name=f"live {number}", mode=Account.Mode.LIVE, broker="alpaca"
    )
    settings.ALPACA_LIVE_BASE = address
    connections.save(account, key=key, secret=secret, actor=actor)
    now = timezone.now()
    risk.accept_risks(account.pk, RISKS, actor=actor, proved_at=now)
    for name in limits.TABLE:
        risk.set_limit(
            account.pk, name, limits.most(name, PRO_PLUS), actor=actor, proved_at=now
        )  # fmt: skip
    execution.step(account.pk, Standing.ARMED, actor=actor, reason="Opened to be tried.")
    return _signed_in(user, account)


def _user(name: str) -> User:
    return User.objects.create_user(f"{name}@chaos.example", plan=PRO_PLUS)


def _signed_in(user: User, account: Account) -> Person:
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    token = get_random_string(32)
    cookies = {
        settings.SESSION_COOKIE_NAME: str(session.session_key),
        settings.CSRF_COOKIE_NAME: token,
    }
    return Person(account, cookies, token)
