"""Expiry days, one after the other: half days, daylight saving, sweeps, assignments in the night.

`PULSE_EXPIRY_DAYS=2000 pytest tests/trading/paper/test_days.py -s` walks as many days; each is
held against a second reckoning of what must become of the positions, in exact decimals.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import sys
from collections import Counter
from decimal import Decimal as D  # noqa: N817

import pytest

from market import calendars
from tests.trading.paper.conftest import WALL, intent, option, send
from trading.audit import differences
from trading.brokers.paper import endings, selectors, services
from trading.brokers.paper.models import PaperActivity, PaperOrder
from trading.ledger import selectors as books
from trading.models import Account, Fill

DAYS = int(os.environ.get("PULSE_EXPIRY_DAYS", "10"))
SEED = int(os.environ.get("PULSE_SEED", "1"))
RUN = 25
"""Sessions in a row on one account."""
CENT = D("0.01")
PINNED = D("0.0025")


def starts(rng: random.Random, runs: int) -> list[dt.date]:
    """Return where runs begin: around half days and clock changes first, else anywhere."""
    days = calendars.sessions(dt.date(2026, 1, 5), dt.date(2031, 6, 30))
    odd = [place for place, day in enumerate(days) if day.half_day]
    odd += [
        place for place, day in enumerate(days[1:], 1)
        if day.open.hour != days[place - 1].open.hour
    ]  # fmt: skip
    chosen = [max(rng.choice(odd) - rng.randint(0, 3), 0) if number % 2 == 0
              else rng.randrange(len(days) - RUN) for number in range(runs)]  # fmt: skip
    return [days[place].date for place in chosen]


def price(rng: random.Random, spot: float, name: str) -> tuple[float, ...]:
    strike, call = float(D(name[-8:]) / 1000), name[-9] == "C"
    worth = max(spot - strike if call else strike - spot, 0.0)
    worth += rng.random() * rng.choice((0.04, 2.0))  # with little time value left puts go early
    bid = max(round(round(worth / 0.05) * 0.05, 2), 0.0)
    return (bid, round(bid + 0.05, 2), 40, 40)


def a_day(market, account: Account, rng: random.Random, seen: Counter) -> None:
    """Trade, sweep, close and settle one session, and hold the end against the reckoning."""
    following = calendars.next_session(market.day).date
    names = [option(right, strike, day) for day in (market.day, following)
             for strike in (495, 500, 505) for right in "CP"]  # fmt: skip
    late = {one.symbol for one in books.positions(account)} - {"SIM"}
    market.lists(sorted({*names, *late}))
    market.row(2)
    spot = 500.0
    for number in range(rng.randint(1, 4)):
        leg = (rng.choice(names), rng.choice((-1, 1)))
        wanted = intent(f"{market.day} {number}", leg, quantity=str(rng.randint(1, 5)),
                        kind="market")  # fmt: skip
        send(account, wanted)
    quoted = market.layout.symbols()
    market.row(3, {name: price(rng, spot, name) for name in quoted})
    long = [one for one in books.positions(account)
            if one.quantity > 0 and one.symbol != "SIM"]  # fmt: skip
    kept = {}
    if long and rng.random() < 0.3:
        one = rng.choice(long)
        kept[one.symbol] = rng.randint(0, int(one.quantity))
        services.instruct(account.pk, one.symbol, kind="keep", contracts=kept[one.symbol],
                          now=WALL)  # fmt: skip
    spot = rng.choice((490.0, 494.99, 495.0, 497.5, 500.0, 500.01, 502.5, 505.0, 512.0))
    before = Fill.objects.filter(account=account).count()
    market.row(market.last_minute - 45, {n: price(rng, spot, n) for n in quoted}, spot=spot)
    seen["swept"] += Fill.objects.filter(account=account).count() - before
    spot = rng.choice((spot, spot, 491.37, 500.0, 501.0, 508.21))
    market.row(market.last_minute, {n: price(rng, spot, n) for n in quoted}, spot=spot)
    cash, held = books.balances(account).cash, holdings(account)
    market.closes()
    reckon(market, account, D(repr(spot)), cash, held, kept, seen)
    seen["half days"] += calendars.session(market.day).half_day
    seen["days"] += 1
    market.next_day()


def holdings(account: Account) -> dict[str, D]:
    return {one.symbol: one.quantity for one in books.positions(account)}


def reckon(market, account, spot: D, cash: D, held: dict, kept: dict, seen: Counter) -> None:
    """Hold the account against what a night must do, worked out a second time."""
    told = PaperActivity.objects.filter(account=account, activity_id__startswith=f"{market.day} ")
    counts = {(one.symbol, one.kind): one.quantity for one in told}
    expected = dict(held)
    for symbol, quantity in held.items():
        if symbol == "SIM":
            continue
        strike, call = D(symbol[-8:]) / 1000, symbol[-9] == "C"
        assigned = counts.get((symbol, "assignment"), D(0))
        if symbol[-15:-9] != f"{market.day:%y%m%d}":
            used = assigned  # only short ones end early here
            assert 0 <= assigned <= max(-quantity, D(0))
            seen["early"] += bool(assigned)
        else:
            used = ends(symbol, quantity, strike, call, spot, kept, assigned, seen)
            expected[symbol] = D(0)
        moved = used * 100 * (1 if call == (quantity > 0) else -1)
        expected["SIM"] = expected.get("SIM", D(0)) + moved
        cash -= moved * strike
        if symbol[-15:-9] != f"{market.day:%y%m%d}":
            expected[symbol] = quantity + assigned
    fee = told.filter(kind="fee").first()
    cash += fee.cash if fee is not None else 0
    assert holdings(account) == {symbol: count for symbol, count in expected.items() if count}
    assert books.balances(account).cash == cash == cash.quantize(CENT)
    assert selectors.held(account.pk) == holdings(account)
    assert selectors.cash(account.pk) == cash
    assert not PaperOrder.objects.filter(account=account, state__lt=3).exists()


def ends(
    symbol: str, quantity: D, strike: D, call: bool, spot: D, kept: dict, assigned: D, seen: Counter
) -> D:
    """Return how many contracts of an expiring position deliver."""
    inside = (spot - strike if call else strike - spot) >= CENT
    if quantity > 0:
        count = max(quantity - kept.get(symbol, 0), D(0)) if inside else D(0)
        seen["exercised"] += bool(count)
        return count
    if abs(spot - strike) <= PINNED * strike:
        assert 0 <= assigned <= -quantity
        seen["pinned"] += 1
        return assigned
    seen["assigned"] += inside
    return -quantity if inside else D(0)


def walk(tape, paper, days: int) -> Counter:
    rng, seen = random.Random(SEED), Counter()
    for number, first in enumerate(starts(rng, -(-days // RUN)), 1):
        market = tape([option("C", 500, first)], day=first)
        market.run.params["seed"] = number  # a world of its own
        market.run.save()
        market.row(1)
        cash = rng.choice(("20000", "200000", "5000000"))
        account = paper(f"{number}", cash)
        for _ in range(min(RUN, days - seen["days"])):
            a_day(market, account, rng, seen)
        assert differences(account.pk) == []
    return seen


class Plenty:
    """A plan without bounds: every run of days has an account of its own."""

    paper_accounts = 10_000


def test_expiry_days_reconcile(tape, paper, monkeypatch):
    monkeypatch.setattr(services, "limits_of", lambda user: Plenty)
    seen = walk(tape, paper, DAYS)
    sys.stdout.write(f"\nseed {SEED}: {dict(sorted(seen.items()))}\n")
    assert seen["days"] == DAYS
    if DAYS >= 200:
        for what in ("half days", "swept", "exercised", "assigned", "pinned", "early"):
            assert seen[what] > 0, what


def test_a_delivery_that_is_wrong_is_noticed(tape, paper, monkeypatch):
    """The bug is planted, and the reckoning above must see it."""
    real = endings._delivered

    def wrong(held, kind, count, text):
        made = real(held, kind, count, text)
        turned = endings.Move(made.deliverable.symbol, -made.deliverable.quantity,
                              made.deliverable.price)  # fmt: skip
        return made._replace(deliverable=turned)

    monkeypatch.setattr(endings, "_delivered", wrong)
    with pytest.raises(AssertionError):
        walk(tape, paper, 10)
