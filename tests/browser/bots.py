"""Bots of the site: one with a long record in two entries, one delisted, one that waits."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leaderboard.models import Bot


def make_bots(email: str) -> None:
    """Store them for the person with this address; their ids are 1, 2 and 3."""
    from accounts.models import User
    from leaderboard import reports, services
    from leaderboard.models import Downtime
    from leaderboard.ranking import services as ranking

    user = User.objects.get(email=email)
    config = {"strategy": "gamma scalp", "symbols": ["SPY"], "limits": {"delta": 40, "loss": 250}}
    bot, _ = services.register(
        user, name="gamma-otter", owner_name="Ana of the long evenings", config=config
    )
    start = dt.datetime(2026, 8, 3, 14, 0, tzinfo=dt.UTC)
    chance = random.Random(4)
    price, call = 5.0, "SPY261218C00500000"
    for number in range(90):
        at = start + dt.timedelta(days=1.2 * number)
        price = max(0.6, price + chance.gauss(0.02, 0.6))
        side = "BUY_CALL" if number % 2 == 0 else "SELL_CALL"
        body = {"client_trade_id": f"a-{number}", "action": side, "symbol": call, "quantity": 2,
                "price": f"{price:.2f}", "fee": "1.30", "pnl": "99.50"}  # fmt: skip
        reports.report(bot.pk, [body], now=at)
    legs = [
        {"action": "BUY_CALL", "symbol": call, "quantity": 1, "price": "4.95"},
        {"action": "SELL_CALL", "symbol": "SPY261218C00510000", "quantity": 1, "price": "2.10"},
    ]
    spread = {"client_trade_id": "s", "action": "SPREAD", "legs": legs}
    coin = {"client_trade_id": "c", "action": "BUY", "symbol": "BTC/USD", "quantity": "0.0125",
            "price": "61234.5"}  # fmt: skip
    reports.report(bot.pk, [spread, coin], now=at + dt.timedelta(hours=3))
    Downtime.objects.create(
        bot=bot, started=start + dt.timedelta(days=40), ended=start + dt.timedelta(days=46)
    )
    gone, _ = services.register(user, name="shy-badger", config={}, market="simulated")
    services.delist(gone.pk)
    heron, _ = services.register(user, name="new-heron", config=config)
    ranking.refresh(now=at + dt.timedelta(hours=4))
    services.report_metrics(bot.pk, {"latency_ms": 12.5, "drift": -0.25})
    _make_alike(heron, config)


def _make_alike(bot: Bot, config: dict[str, Any]) -> None:
    """Put a bot into the trust queue beside a stranger's, with an appeal that was answered."""
    from django.utils import timezone

    from accounts.models import User
    from leaderboard import services
    from leaderboard.models import Appeal, Likeness

    stranger = User.objects.create_user("stranger@pulse.example", plan="pro")
    other, _ = services.register(stranger, name="quiet-magpie", config=config)
    now = timezone.now()
    overlap = {
        "kind": "clone", "matches": 212, "trades": 240, "share": 212 / 240, "days": 41,
        "expected": 3.2, "log10_p": -294.0, "first_lag": 118, "last_lag": 127, "scale": 0.5,
        "usual": 0.03,
    }  # fmt: skip
    together = {"rho": 0.971, "low": 0.95, "high": 0.983, "days": 41, "log10_p": -30.0}
    pair = Likeness.objects.create(
        first=bot, second=other, kind="clone", weight=212, state="confirmed", found_at=now,
        seen_at=now, decided_at=now, note="The sizes are half of the other's to the lot.",
        evidence={
            "compared": 499_500, "overlap": overlap, "trades": [],
            "correlation": together | {"usual": None},
        },
    )  # fmt: skip
    Appeal.objects.create(
        likeness=pair, bot=bot, text="We both follow the same newsletter.", at=now,
        answer="It gives no sizes.", answered=now,
    )  # fmt: skip
