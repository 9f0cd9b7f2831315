"""A market made row by row, and accounts that trade on it through the broker like the house."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import numpy as np
import pytest

from market import calendars, framestore, occ, store
from market.clock import to_ns
from market.frames import Kind
from market.framestore import Observed, write_rows
from market.models import FeedRun, Instrument
from market.snapshot import SnapshotData, make_layout
from market.store import write_snapshot
from tests.trading.conftest import passing
from trading.brokers.paper import engine, markets, services
from trading.brokers.paper.broker import PaperBroker
from trading.brokers.protocol import Request, VenueOrder
from trading.models import Account, Order
from trading.orders import gate
from trading.orders import services as orders
from trading.orders.intents import Intent, Leg
from trading.orders.venue import apply

D = Decimal
DAY = dt.date(2026, 1, 5)
WALL = dt.datetime(2026, 11, 27, 12, 0, tzinfo=dt.UTC)
"""Our clock, which has nothing to do with the market's."""
Sides = tuple[float, ...]
"""bid, ask, bid size, ask size, last, volume, age in seconds; what is left out is not known."""


def option(right: str, strike: float, day: dt.date = DAY, root: str = "SIM") -> str:
    return occ.from_parts(root, day, right, strike).symbol


class Tape:
    """Writes a run's rows as a feed does, without its features."""

    def __init__(
        self,
        contracts: Sequence[str],
        *,
        symbol: str = "SIM",
        source: str = "simulator",
        american: bool | None = None,
        owner: int | None = None,
        day: dt.date = DAY,
    ) -> None:
        self.symbol, self.day, self.rate = symbol, day, 0.04
        self.lists(contracts, american)
        underlying, _ = Instrument.objects.get_or_create(
            symbol=symbol, defaults={"kind": "equity", "simulated": source == "simulator"}
        )
        self.run = FeedRun.objects.create(
            symbol=symbol, underlying=underlying, source=source, state="running", speed=1.0,
            params={"seed": 7, "effect": 1.0, "path": 0, "first": 0, "warm": 0},
            simulated=source == "simulator", heartbeat_at=WALL, requested_by=owner,
        )  # fmt: skip

    def lists(self, contracts: Sequence[str], american: bool | None = None) -> None:
        """Say which contracts the rows to come have."""
        parsed = [occ.parse(one) for one in contracts]
        self.layout, _ = make_layout(
            self.symbol,
            roots=[one.root for one in parsed],
            expiries=[one.expiry for one in parsed],
            is_call=[one.right == "C" for one in parsed],
            strikes=[float(one.strike) for one in parsed],
            american=None if american is None else [american] * len(parsed),
        )

    def at(self, minute: int) -> dt.datetime:
        session = calendars.session(self.day)
        return session.open + dt.timedelta(minutes=minute)

    def row(
        self,
        minute: int,
        quotes: Mapping[str, Sides] | None = None,
        *,
        spot: float = 500.0,
        opened: float | None = None,
        steps: bool = True,
        **more: float,
    ) -> None:
        """Store one minute's end and let the accounts hear of it; `more` are its scalars."""
        at, names = self.at(minute), self.layout.symbols()
        columns = {
            name: np.full(len(names), np.nan)
            for name in ("bids", "asks", "bid_sizes", "ask_sizes", "last", "volume", "quote_age")
        }
        columns["open_interest"] = np.full(len(names), 5_000.0)
        for symbol, sides in (quotes or {}).items():
            for name, value in zip(columns, sides, strict=False):
                columns[name][names.index(symbol)] = value
        scalars = {"r": self.rate, "q": 0.0, "open": opened or spot, "volume": 1e5} | more
        ns = to_ns(at)
        data = SnapshotData(
            self.symbol, str(self.run.source), ns, ns, spot - 0.01, spot + 0.01, spot,
            self.layout, columns, scalars,
        )  # fmt: skip
        stored = write_snapshot(data, run=self.run if self.run.simulated else None)
        row = Observed(Kind.INTRADAY, self.day, ns, self.observed(spot, opened), {})
        write_rows(self.run, [row], snapshot=stored.pk)
        self.run.position, self.run.session_date = at, self.day
        self.run.save()
        if steps:
            self.steps()

    def observed(self, spot: float, opened: float | None) -> dict[str, float]:
        """Return the columns of a minute's row."""
        return {"open": opened or spot, "close": spot}

    def closes(self, *, steps: bool = True) -> None:
        """Store the session's daily row: it is over."""
        close = calendars.session(self.day).close_ns
        write_rows(self.run, [Observed(Kind.DAILY, self.day, close, {"close": 1.0}, {})])
        if steps:
            self.steps()

    def next_day(self) -> None:
        self.day = calendars.next_session(self.day).date

    @property
    def last_minute(self) -> int:
        return calendars.session(self.day).minutes

    def steps(self) -> None:
        for paper in markets.accounts_on(self.run):
            engine.step(paper.pk)


@pytest.fixture
def tape(db) -> Callable[..., Tape]:
    framestore.forget_schemas()
    store.forget_layouts()
    markets.forget()
    before = gate.register(passing)
    yield Tape
    gate.register(before)


@pytest.fixture
def paper(ana) -> Callable[..., Account]:
    def make(name: str = "paper", cash: str = "100000", market: str = "simulator:SIM") -> Account:
        return services.open_paper_account(ana, name=name, cash=D(cash), market=market, now=WALL)

    return make


def broker(account: Account) -> PaperBroker:
    return PaperBroker(account.pk, now=lambda: WALL)


def intent(intent_id: str, *legs: tuple[str, int], quantity: str = "1", **more) -> Intent:
    made = tuple(Leg(symbol, ratio, D(100 if len(symbol) > 6 else 1)) for symbol, ratio in legs)
    given = {name: D(value) if name in ("limit_price", "stop_price", "trail") else value
             for name, value in more.items()}  # fmt: skip
    return Intent(intent_id, made, D(quantity), **given)


def send(account: Account, wanted: Intent) -> Order:
    """Place an order and send it, as the dispatcher does."""
    order = orders.place(account.pk, wanted, actor="ana").order
    assert order.state == "pending", order.reason
    name = orders.begin_send(account.pk, order.pk)
    hear(account, broker(account).submit(Request(name, wanted, (False,) * len(wanted.legs))))
    order.refresh_from_db()
    return order


def hear(account: Account, told: VenueOrder) -> None:
    for event in told.news:
        apply(account.pk, event)
