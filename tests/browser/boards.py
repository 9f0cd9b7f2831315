"""Boards of the site: days are drawn, everything that follows from them is computed as always."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

DAY = dt.timedelta(days=1)
NOW = dt.datetime(2026, 11, 20, 17, 0, tzinfo=dt.UTC)
FIRST = (
    "gamma",
    "vanna",
    "charm",
    "quiet",
    "late",
    "brisk",
    "patient",
    "northern",
    "amber",
    "blue",
)
SECOND = ("heron", "marten", "lynx", "plover", "stoat", "tern", "vole", "wren")
OWNERS = ("Ana of the long evenings", "", "Low Delta", "Beatrix Q.")


@dataclass(frozen=True)
class Shape:
    """How an entry's days are drawn: dollars a day, trades, and how long ago it stopped."""

    days: int
    mean: float
    spread: float
    trades: int = 2
    idle: int = 0
    below: int = 0
    jump: float = 0.0


RANKED = [Shape(90 + 11 * n, 165 - 9 * n, 300 + 20 * (n % 7), 1 + n % 4) for n in range(34)]
OTHERS = [
    *[Shape(9 + 2 * n, 60 - 20 * n, 500) for n in range(9)],
    Shape(60, 900, 500), Shape(80, 10, 40, jump=9_000),
    *[Shape(120, 60 - 30 * n, 400, idle=100 + n) for n in range(4)],
    *[Shape(70, 150, 300, below=60 + n) for n in range(3)],
]  # fmt: skip


def make_boards(now: dt.datetime = NOW) -> None:
    """Store bots of four owners on the boards of real markets, and some on simulated ones."""
    from accounts.models import User
    from leaderboard import services
    from leaderboard.ranking import selectors

    owners = [
        User.objects.create_user(f"owner{n}@boards.example", plan="pro_plus")
        for n in range(len(OWNERS))
    ]
    names = [f"{first}-{second}" for second in SECOND for first in FIRST]
    for number, shape in enumerate([*RANKED, *OTHERS]):
        place = number % len(owners)
        bot, _ = services.register(
            owners[place], name=names[number], owner_name=OWNERS[place],
            config={"strategy": names[number].split("-")[0], "limits": {"delta": 10 + number}},
        )  # fmt: skip
        if number < 8:
            services.publish_config(bot.pk, public=True)
        store(bot, shape, now=now, seed=number)
    for number, shape in enumerate(RANKED[:6]):
        bot, _ = services.register(
            owners[0], name=f"sim-{names[number]}", market="simulated",
            config={"strategy": "practice", "n": number},
        )  # fmt: skip
        store(bot, shape, now=now - 200 * DAY, seed=100 + number)
    selectors.note_places()
    _shift()


def _shift() -> None:
    """Let places of yesterday differ from those of today."""
    from leaderboard.models import Standing

    for index, row in enumerate(Standing.objects.filter(hours=0, group=0).order_by("pk")):
        row.yesterday = None if index % 9 == 4 else max(1, (row.yesterday or 1) + index % 5 - 2)
        row.save(update_fields=["yesterday"])


def store(bot: Any, shape: Shape, *, now: dt.datetime, seed: int = 0) -> list[Any]:
    """Store the days of an entry on the boards of its tier and below, and rank it."""
    from leaderboard.models import Cell
    from leaderboard.ranking import standing

    end = now - shape.idle * DAY
    start = (end - (shape.days - 1) * DAY).replace(hour=15, minute=0)
    cells = [
        Cell.objects.create(
            bot=bot, version=bot.versions.order_by("-number")[0], market=bot.market, tier=tier,
            state={"book": {"positions": []}}, first_at=start, last_at=end,
            trades=shape.days * shape.trades + (0 if tier == "checked" else shape.below),
            below=shape.below if tier == "checked" else 0,
            committed=Decimal(20_000), capital=Decimal(100_000),
            due_at=dt.datetime(2100, 1, 1, tzinfo=dt.UTC),
        )
        for tier in ("self_reported", "checked")
    ]  # fmt: skip
    for cell in cells:
        _days(cell, shape, start, seed)
    standing.keep(standing.standings(cells, now))
    return cells


def _days(cell: Any, shape: Shape, start: dt.datetime, seed: int) -> None:
    from leaderboard.models import Bucket

    chance = np.random.default_rng(seed)
    drawn = chance.normal(shape.mean, shape.spread, shape.days)
    drawn[shape.days // 2] += shape.jump
    midnight = start.replace(hour=0)
    rows = []
    for place, value in enumerate(drawn):
        profit = Decimal(f"{value:.2f}")
        won = profit > 0
        closings = max(1, shape.trades // 2)
        rows.append(
            Bucket(
                cell=cell, span="d", start=midnight + place * DAY, profit=profit,
                high=max(profit, Decimal(0)), low=min(profit, Decimal(0)),
                fall=max(-profit, Decimal(0)), fees=Decimal("1.30"),
                spread=Decimal("2.10"), trades=shape.trades,
                closings=closings, wins=closings if won else 0, gains=profit if won else 0,
                losses=0 if won else -profit, best=profit if won else 0, exposed_s=20_000.0,
            )
        )  # fmt: skip
    Bucket.objects.bulk_create(rows)
