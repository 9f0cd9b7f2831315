"""Opening an account and arming it: what its owner may do with its standing."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from django.db import transaction

from accounts.entitlements import allows
from accounts.models import User
from market.feed.control import ACTIVE
from market.models import FeedRun
from trading.execution import services as execution
from trading.execution.states import Standing
from trading.models import Account

WORDS: Final = {
    FeedRun.Source.SIMULATOR.value: "simulated",
    FeedRun.Source.LIVE.value: "live market",
}


class Choice(NamedTuple):
    """A market that a paper account may follow."""

    name: str
    text: str
    on: bool


def markets(user: User) -> list[Choice]:
    """Return the markets that somebody may open a paper account on, those that play first."""
    replays = []
    if allows(user, "market.replay").allowed:
        mine = FeedRun.objects.filter(source=FeedRun.Source.REPLAY, requested_by=user.pk)
        replays = [
            Choice(f"replay:{run.pk}", f"{run.symbol} replayed, {run.session_date or 'run'}", True)
            for run in mine.filter(state__in=ACTIVE).order_by("-id")
        ]
    return lasting_markets() + replays


def lasting_markets() -> list[Choice]:
    """Return the markets that go on from day to day, simulated or live; those first that play."""
    found: dict[str, Choice] = {}
    lasting = (FeedRun.Source.SIMULATOR, FeedRun.Source.LIVE)
    for run in FeedRun.objects.filter(source__in=lasting).order_by("id"):
        name = f"{run.source}:{run.symbol}"
        if run.source == FeedRun.Source.LIVE and "/" in run.symbol:
            continue  # the venue trades no coins
        on = run.state in ACTIVE or found.get(name, Choice("", "", False)).on
        found[name] = Choice(name, f"{run.symbol}, {WORDS[run.source]}", on)
    return sorted(found.values(), key=lambda one: not one.on)


@transaction.atomic
def open_armed(user: User, *, name: str, cash: Decimal, market: str, method: str) -> Account:
    """Open a paper account and arm it, so that it trades as soon as its broker is reconciled."""
    # The venue's numerics are loaded with the first account that is opened, not at the start.
    from trading.brokers.paper.services import open_paper_account

    account = open_paper_account(user, name=name, cash=cash, market=market, method=method)
    execution.step(
        account.pk, Standing.ARMED, actor=f"user {user.pk}", reason="opened by its owner"
    )
    return account
