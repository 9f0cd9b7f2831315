"""G9: nothing opens by a market that is not seen, and somebody is told within ten seconds.

Each scenario draws an asset, an origin and one or two faults of a recorded feed from its seed.
PULSE_BLIND says how many; the gate is open, so that the last look alone must hold, and the real
gate is asked beside it.
"""

from __future__ import annotations

import datetime as dt
import random
import sys
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from market.clock import SECOND, to_ns
from tests.trading.desk import Desk, desk, latch, market, new_desk
from tests.trading.feeds import FAULTS, Feed
from tests.trials.sizes import seeds, told
from trading.execution import market as sighted
from trading.execution import quotes
from trading.models import Order, OrderEvent
from trading.orders import services as orders
from trading.orders.intents import Intent, Leg
from trading.risk import gate as risk
from trading.risk import markets, sight

__all__ = ["desk", "latch", "market", "new_desk"]
pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
CALL, FARTHER = "SPY261218C00600000", "SPY261218C00605000"
ASSETS = {
    "shares": (Leg("SPY", 1),),
    "option": (Leg(CALL, 1, D(100)),),
    "vertical": (Leg(CALL, 1, D(100)), Leg(FARTHER, -1, D(100))),
    "coin": (Leg("BTC/USD", 1),),
}
ORIGINS = ("user", "bot:7", "strategy:3")
OF_THE_MARKET = {
    "contract", "quote age", "underlying age", "chain age", "future", "quote", "anomaly",
}  # fmt: skip
STALE_S, TOLD_S, HEALTHY_S, BLIND_S, STEP_S = 5.0, 10.0, 3, 18, 2


class Scenario:
    """One account, one feed that goes wrong and comes back, orders all along."""

    def __init__(self, desk: Desk, seed: int) -> None:
        chance = random.Random(seed)
        self.desk, self.number = desk, 0
        self.asset = list(ASSETS)[seed % 4]
        self.origin = chance.choice(ORIGINS)
        faults = {FAULTS[seed % 6], *chance.sample(FAULTS, chance.choice((0, 1)))}
        self.faults = frozenset(faults)
        self.symbol = "BTC/USD" if self.asset == "coin" else "SPY"
        self.feed = Feed(self.symbol, desk.clock)
        # What was heard before would hide that a feed is late: that one is so from the start.
        self.healthy = 0 if "late" in faults else HEALTHY_S
        self.chance = chance
        able = desk.venue.abilities
        desk.venue.abilities = replace(
            able, assets=able.assets | {"crypto"}, kinds=able.kinds | {"crypto": {"limit"}}
        )

    def __str__(self) -> str:
        return f"{self.asset} of {self.origin}, {' and '.join(sorted(self.faults))}"

    def intent(self) -> Intent:
        self.number += 1
        price = {"option": D(8), "vertical": D(3)}.get(self.asset, D(600))
        return Intent(
            f"{self.number}", ASSETS[self.asset], D(1), limit_price=price, origin=self.origin
        )

    def place(self) -> None:
        order = orders.place(self.desk.account.pk, self.intent(), actor="user 1").order
        Order.objects.filter(pk=order.pk).update(created=self.desk.clock.now())

    def passes(self, seconds: float = 1.0) -> int:
        """Let time pass; return how many orders left in it."""
        left = len(self.desk.venue.posts)
        self.feed.tick()
        self.desk.turn(step=seconds)
        return len(self.desk.venue.posts) - left

    def gate_says(self) -> set[str]:
        said = risk.preview(self.desk.account.pk, self.intent(), now=self.feed.now)
        return {one.rule for one in said.refusals} & OF_THE_MARKET

    def why(self) -> str:
        symbols = [one.symbol for one in ASSETS[self.asset]]
        words = quotes.hindrance(self.desk.account, symbols, closing=False)
        return f"{words}; {self.desk.states()}, {self.desk.standing}"

    def alerts(self) -> list[str]:
        rows = OrderEvent.objects.filter(account=self.desk.account, kind="warning")
        return list(rows.order_by("pk").values_list("alert", flat=True))

    def play(self) -> None:
        desk = self.desk
        desk.live()
        for _ in range(self.healthy):
            self.passes()
        if self.healthy:
            self.place()
            assert self.passes() == 1, f"nothing left though all was well: {self}, {self.why()}"
            assert self.gate_says() == set()
            sight.watch(desk.account.pk, self.feed.now)
            assert self.alerts() == []
        self.feed.faults = self.faults
        self.blind()
        self.feed.faults = frozenset()
        sent = sum(self.passes() for _ in range(3))
        assert sent >= 1, f"nothing leaves though all is well again: {self}, {self.why()}"
        assert self.gate_says() == set()
        sight.watch(desk.account.pk, self.feed.now)
        assert [one[:6] for one in self.alerts()][1:] == ["Its qu"]

    def blind(self) -> None:
        """Want to open all the time that nothing is seen."""
        looks_at = self.chance.uniform(0, 5)  # a beat every five seconds, whenever it began
        told_at, began = None, self.desk.clock.passed
        limit = STALE_S + STEP_S if self.healthy else 0.0
        for second in range(0, BLIND_S, STEP_S):
            if second % 3 == 0:
                self.place()
            left = self.passes(STEP_S)
            since = self.desk.clock.passed - began
            assert left == 0 or since <= limit, f"{left} orders opened {since:.0f} s blind"
            if since >= limit:
                assert self.gate_says(), "the gate would let it pass"
            if since >= looks_at:
                looks_at += 5
                sight.watch(self.desk.account.pk, self.feed.now)
                if told_at is None and self.alerts():
                    told_at = since
        assert told_at is not None, "nobody was told"
        assert told_at <= limit + TOLD_S, f"told after {told_at:.0f} s"
        assert len(self.alerts()) == 1


@pytest.fixture
def recorded(new_desk, monkeypatch):
    """Return a function that plays a scenario by the quotes that are recorded."""
    playing: list[Scenario] = []
    monkeypatch.setattr(markets, "timezone", SimpleNamespace(now=lambda: playing[-1].feed.now))
    quotes.register(sighted.seen)  # the market's fixture puts back what was there
    markets.forget()

    def play(seed: int) -> Scenario:
        playing.append(Scenario(new_desk(f"blind {seed}", seed=seed), seed))
        playing[-1].play()
        return playing[-1]

    play.playing = playing
    return play


@pytest.mark.slow
def test_nothing_opens_blind_and_somebody_is_told(recorded):
    run = seeds("PULSE_BLIND", 6)
    posts = sum(len(recorded(seed).desk.venue.posts) for seed in run)
    sys.stdout.write(f"{told(run)}: {len(run)} scenarios, {posts} orders, all seen\n")


# --- bugs that must be found out -----------------------------------------------------------------


def by_when_it_was_known(symbol, now):
    kept = markets.newest_known(symbol, at=now)
    late = (to_ns(now) - kept.data.known_at) / SECOND
    return markets._seen(symbol, now, "on", kept, markets._earlier(kept, symbol, None), late)


BUGS = {
    "whatever is quoted is seen": (
        quotes, "blindness", lambda symbol, seen, *, closing: "" if seen else "nothing",
        0, "opened",
    ),
    "what tells of itself late is new": (markets, "_real", by_when_it_was_known, 5, "opened"),
    "what does not move is alive": (sighted, "_doubt", lambda ground: "", 1, "opened"),
    "nobody looks": (sight, "_open", lambda *_: False, 0, "nobody was told"),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_blindness_is_found_out(recorded, monkeypatch, bug):
    place, name, wrong, seed, words = BUGS[bug]
    monkeypatch.setattr(place, name, wrong)
    with pytest.raises(AssertionError, match=words):
        recorded(seed)


def test_nobody_is_told_of_a_closed_market_nor_of_what_is_worth_nothing(recorded, new_desk):
    told = Scenario(new_desk("quiet"), 1)
    recorded.playing.append(told)
    told.desk.live()
    told.feed.tick()
    told.place()
    worthless = {**told.feed._first.columns, "bids": 0 * told.feed._first.columns["bids"]}
    told.feed._first = replace(told.feed._first, columns=worthless)
    told.passes()
    told.passes()
    assert sight.watch(told.desk.account.pk, told.feed.now) == {}
    told.feed.faults = frozenset({"mute"})
    for _ in range(7):
        told.passes(2.0)
    night = told.feed.now + dt.timedelta(hours=8)
    assert sight.watch(told.desk.account.pk, night) == {}
    assert told.alerts() == []
    assert set(sight.watch(told.desk.account.pk, told.feed.now)) == {"SPY"}


def test_a_market_may_stand_still_for_less_than_five_seconds(new_desk):
    """It is recorded each second, and a quiet second is no fault."""
    desk = new_desk("still")
    feed = Feed("BTC/USD", desk.clock)

    def frozen() -> bool | None:
        feed.tick()
        seen = markets._real("BTC/USD", feed.now).ground.frozen
        desk.clock.sleep(1)
        return seen

    assert [frozen() for _ in range(7)] == [None, *[False] * 6]
    feed.faults = frozenset({"frozen"})
    assert [frozen() for _ in range(6)] == [False] * 4 + [True] * 2
    feed.faults = frozenset()
    assert frozen() is False
