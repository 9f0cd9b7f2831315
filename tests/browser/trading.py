"""Accounts of the site: a market that hardly moves, one account with a long day, one that is new.

The market's clock goes so slowly that its quotes stay fresh for the whole of a test run.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from market.models import FeedRun
    from trading.models import Account

SYMBOL = "SIM"
MOMENT = dt.datetime(2026, 11, 20, 15, 30, tzinfo=dt.UTC)
"""Of the market: 10:30 in New York."""
EXPIRIES = (dt.date(2026, 11, 20), dt.date(2026, 12, 18))
STRIKES = tuple(range(560, 645, 5))
SLOW = 0.001
D = Decimal


def make_trading(email: str) -> None:
    """Store them for the person with this address; the accounts are 1 and 2."""
    from accounts.models import User
    from trading.desk import opening
    from trading.execution import services as execution
    from trading.execution.states import Standing

    run = make_market()
    owner = User.objects.get(email=email)
    main = opening.open_armed(
        owner, name="Income book", cash=D(50_000), market=f"simulator:{run.symbol}", method="fifo"
    )
    opening.open_armed(
        owner, name="Small and new", cash=D(2_000), market=f"simulator:{run.symbol}",
        method="average",
    )  # fmt: skip
    for standing in (Standing.RECONCILING, Standing.LIVE):
        execution.step(main.pk, standing, actor="execution", reason="books and broker agree")
    trade(main)


def make_market() -> FeedRun:
    """Store a simulated market with a chain of two expiries, of which one ends today."""
    from django.utils import timezone

    from market.models import FeedRun, Instrument
    from market.store import write_snapshot

    one = Instrument.objects.create(symbol=SYMBOL, kind="equity", simulated=True)
    run = FeedRun.objects.create(
        symbol=SYMBOL, underlying=one, source="simulator", state="running", speed=SLOW,
        params={"seed": 7, "effect": 1.0, "path": 0, "first": 0, "warm": 0}, simulated=True,
        heartbeat_at=timezone.now(), position=MOMENT, session_date=MOMENT.date(), rows=2,
    )  # fmt: skip
    for minutes in (1, 0):
        at = MOMENT - dt.timedelta(minutes=minutes)
        # Where nothing at all moves the gate opens nothing.
        write_snapshot(chain(at, spot=600.0 - minutes / 10), run=run)
        observe(run, at)
    return run


def chain(at: dt.datetime, *, spot: float) -> Any:
    """Contracts around 600 with time value, spreads and sizes, and the underlying's quote."""
    import numpy as np

    from market.clock import to_ns
    from market.snapshot import SnapshotData, make_layout

    rows = [(day, strike, call) for day in EXPIRIES for strike in STRIKES for call in (1, 0)]
    days, strikes, calls = zip(*rows, strict=True)
    is_call = np.array(calls, dtype=bool)
    layout, order = make_layout(
        SYMBOL, roots=[SYMBOL] * len(rows), expiries=list(days), is_call=is_call,
        strikes=[float(one) for one in strikes],
    )  # fmt: skip
    away = np.array(strikes) - 600.0
    inside = np.maximum(np.where(is_call, -away, away), 0.0)
    later = np.array([day == EXPIRIES[1] for day in days])
    value = np.where(later, 9.0, 2.0) * np.exp(-np.abs(away) / np.where(later, 22.0, 7.0))
    mid = np.maximum(inside + value, 0.03)
    half = np.maximum(0.01, np.round(mid * 0.01, 2))
    count = len(rows)
    columns = {
        "bids": np.round(mid - half, 2)[order], "asks": np.round(mid + half, 2)[order],
        "bid_sizes": np.full(count, 60.0), "ask_sizes": np.full(count, 60.0),
        "open_interest": np.full(count, 4_000.0), "volume": np.full(count, 900.0),
        "quote_age": np.full(count, 0.2), "last": np.round(mid, 2)[order],
    }  # fmt: skip
    ns = to_ns(at)
    return SnapshotData(
        SYMBOL, "simulator", ns, ns, spot - 0.01, spot + 0.01, spot, layout, columns,
        {"r": 0.04, "q": 0.0, "bid_size": 500.0, "ask_size": 500.0},
    )  # fmt: skip


def observe(run: FeedRun, at: dt.datetime) -> None:
    """Store the row that names the newest snapshot."""
    from market.clock import to_ns
    from market.frames import Kind
    from market.framestore import Observed, write_rows
    from market.models import Snapshot

    newest = Snapshot.objects.filter(run=run).order_by("-time").first()
    assert newest is not None
    row = Observed(Kind.INTRADAY, at.date(), to_ns(at), {"open": 600.0, "close": 600.0}, {})
    write_rows(run, [row], snapshot=newest.pk)


def option(right: str, strike: int, later: bool = True) -> str:
    return f"{SYMBOL}{EXPIRIES[later]:%y%m%d}{right}{strike * 1000:08d}"


def trade(account: Account) -> None:
    """Fill a condor, a share lot that is half sold, and leave orders in every other state."""
    from trading.ledger import services as ledger
    from trading.ledger.services import Source
    from trading.orders import gate
    from trading.orders.gate import Verdict

    def passing(account: Any, intent: Any, among: Any) -> Verdict:
        price = max(intent.limit_price or D(0), D(0))
        rules = [["quote age", "pass", "0.2", "5"], ["spread", "warn", "0.03", "0.02", "Wide."],
                 ["order loss", "pass", "0.008", "0.02"]]  # fmt: skip
        held = intent.quantity * price * intent.legs[0].multiplier
        return Verdict(
            True, "all rules", "It passed every rule.", hold=held, facts={"rules": rules}
        )

    before = gate.register(passing)
    try:
        _condor(account)
        _shares(account)
        _others(account)
    finally:
        gate.register(before)
    ledger.dividend(account.pk, D("8.40"), Source("paper", "dividend 1", MOMENT), symbol=SYMBOL)
    ledger.adjust(
        account.pk, Source("reconciliation", "difference 3", MOMENT), cash=D("-0.02"),
        reason="The broker's cash is 0.02 lower.",
    )  # fmt: skip


def _condor(account: Account) -> None:
    legs = [(option("P", 575), 1), (option("P", 585), -1), (option("C", 615), -1),
            (option("C", 625), 1)]  # fmt: skip
    order, name = send(account, "condor", legs, "2", "-2.85")
    prices = {0: "2.91", 1: "4.60", 2: "4.52", 3: "2.86"}
    for place, (symbol, side) in enumerate(legs):
        fill(account, name, symbol, 2 * side, prices[place], order, place)


def _shares(account: Account) -> None:
    order, name = send(account, "shares", [(SYMBOL, 1)], "20", "600.02")
    fill(account, name, SYMBOL, 12, "600.01", order, 0)
    fill(account, name, SYMBOL, 8, "600.02", order, 1)
    order, name = send(account, "half", [(SYMBOL, -1)], "10", "598.00")
    fill(account, name, SYMBOL, -10, "599.40", order, 0)


def _others(account: Account) -> None:
    from trading.orders import services, venue
    from trading.orders.intents import Intent, Leg
    from trading.orders.machine import News
    from trading.orders.venue import Event

    order, name = send(account, "working", [(option("C", 605), 1)], "3", "6.10")
    fill(account, name, option("C", 605), 1, "6.08", order, 0)
    send(account, "resting", [(option("P", 590), 1), (option("P", 580), -1)], "1", "1.40")
    order, name = send(account, "gone", [(option("C", 640), 1)], "5", "0.60")
    services.cancel(account.pk, order.pk, actor="user 1")
    told = Event("paper", "gone", News.CANCELED, MOMENT, name, reason="asked for")
    venue.apply(account.pk, told)
    late = option("C", 640)
    fill(account, name, late, 1, "0.58", order, 9)
    wanted = Intent("market", (Leg(SYMBOL, 1),), D(1), "market")
    from trading.orders import gate
    from trading.risk.door import risk_gate

    passing = gate.register(risk_gate)
    services.place(account.pk, wanted, actor="user 1")
    gate.register(passing)


def send(
    account: Account, intent_id: str, legs: list[tuple[str, int]], quantity: str, price: str
) -> tuple[Any, str]:
    """Place an order that the venue accepts; return it with the id it was sent under."""
    from trading.orders import services, venue
    from trading.orders.intents import Intent, Leg
    from trading.orders.machine import News
    from trading.orders.venue import Event

    made = tuple(Leg(one, side, D(1 if one == SYMBOL else 100)) for one, side in legs)
    intent = Intent(intent_id, made, D(quantity), limit_price=D(price))
    order = services.place(account.pk, intent, actor="user 1").order
    assert order.state == "pending", order.reason
    name = services.begin_send(account.pk, order.pk)
    venue.apply(account.pk, Event("paper", f"{intent_id} ok", News.ACCEPTED, MOMENT, name,
                                  venue_order_id=f"paper-{order.pk}"))  # fmt: skip
    return order, name


def fill(
    account: Account, name: str, symbol: str, quantity: int, price: str, order: Any, place: int
) -> None:
    """Fill a part of an order, with what the price came from."""
    from trading.orders import venue
    from trading.orders.machine import News
    from trading.orders.venue import Event, Execution

    many = D(1 if symbol == SYMBOL else 100)
    key = f"paper-{order.pk}-{place}"
    one = Execution(key, symbol, D(quantity), D(price), many, D("0.05") * abs(quantity))
    side = "offer" if quantity > 0 else "bid"
    why = f"took {abs(quantity)} of 60 shown at the {side} of 10:30, half a spread from the middle"
    at = MOMENT + dt.timedelta(seconds=5 * order.pk + place)
    venue.apply(account.pk, Event("paper", key, News.FILL, at, name, execution=one, reason=why))
