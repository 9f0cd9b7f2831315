"""As a user would: a condor of today's options on the simulator's own book, held to its end."""

from __future__ import annotations

from decimal import Decimal as D  # noqa: N817

import pytest
from django.core.management import call_command
from django.db import transaction

from market import framestore, store
from market.calendars import sessions
from market.clock import from_ns, to_ns
from market.feed.simulated import FIRST_SESSION, SimulatedSource, resume_or_create
from market.feed.subscribers import rows_stored
from market.frames import Kind
from market.framestore import Observed, write_rows
from market.models import FeedRun
from market.simulator import SimulatorConfig
from market.snapshot import SnapshotData
from market.store import write_snapshot
from record import outbox
from record.models import OutboxRow
from tests.trading.conftest import passing
from tests.trading.paper.conftest import WALL, hear, intent
from trading.brokers import registry
from trading.brokers.paper import markets, selectors, services
from trading.brokers.paper.models import PaperActivity, PaperFill
from trading.brokers.protocol import Request
from trading.execution.selectors import state_of
from trading.ledger import selectors as books
from trading.models import Account, JournalEntry, Order
from trading.orders import gate
from trading.orders import services as orders

pytestmark = pytest.mark.django_db(transaction=True)


def some_of(session, chosen: set[int]) -> dict[int, SnapshotData]:
    """Return some minutes of a session as the simulator plays it."""
    every = enumerate(session.minutes(), 1)
    return {minute: data for minute, data in every if minute in chosen}


def stored(run: FeedRun, session, data) -> None:
    """Store a minute as the feed does, and let the workers do what it promises."""
    row = Observed(Kind.INTRADAY, session.session.date, data.known_at,
                   {"open": data.scalar("open"), "close": data.spot}, {})  # fmt: skip
    with transaction.atomic():
        write_rows(run, [row], snapshot=write_snapshot(data, run=run).pk)
        run.position, run.heartbeat_at, run.state = from_ns(data.known_at), WALL, "running"
        run.save()
        rows_stored(run.pk, arrived=0.0)
    done()


def done() -> None:
    """Do what the outbox holds, as the worker of executions does."""
    while rows := OutboxRow.objects.filter(state="pending", task__startswith="trading."):
        for row in rows.order_by("id"):
            assert outbox.run(row.pk) == outbox.Outcome.DONE


def test_a_condor_from_the_first_look_to_the_last_cent(ana, capsys):
    framestore.forget_schemas()
    store.forget_layouts()
    markets.forget()
    run = resume_or_create(symbol="SIM", seed=7, speed=1.0, effect=1.0)
    session = next(SimulatedSource(SimulatorConfig(symbol="SIM", seed=7), kept=()).sessions())
    assert session.session == sessions(FIRST_SESSION, FIRST_SESSION)[0]
    last = session.session.minutes
    kept = some_of(session, {30, 31, 32, 33, 345, last - 1, last})
    stored(run, session, kept[30])
    account = services.open_paper_account(
        ana, name="mine", cash=D(100_000), market="simulator:SIM", now=WALL
    )
    assert state_of(account.pk).state == "armed"
    before = gate.register(passing)
    order = placed(account, kept[30])
    gate.register(before)
    for minute in (31, 32, 33, 345, last - 1, last):
        stored(run, session, kept[minute])
    order.refresh_from_db()
    assert order.state == "filled", selectors.why(order.account.paper_orders.get())
    check_prices(kept)
    close = Observed(Kind.DAILY, session.session.date, session.session.close_ns, {"close": 1.0}, {})
    with transaction.atomic():
        write_rows(run, [close])
        rows_stored(run.pk, arrived=0.0)
    done()
    check_the_end(account, kept[last])
    call_command("audit_ledger")
    assert "1 account" in capsys.readouterr().out


def placed(account: Account, data) -> Order:
    """Send a condor of one contract around the money, at the market."""
    layout, spot = data.layout, data.spot
    names, today = layout.symbols(), layout.days == layout.days.min()
    strikes = sorted({float(one) for one in layout.strikes[today]})
    at = min(range(len(strikes)), key=lambda place: abs(strikes[place] - spot))

    def named(right: bool, strike: float) -> str:
        place = (today & (layout.is_call == right) & (layout.strikes == strike)).nonzero()[0][0]
        return names[place]

    legs = (
        (named(True, strikes[at + 2]), -1), (named(True, strikes[at + 4]), 1),
        (named(False, strikes[at - 2]), -1), (named(False, strikes[at - 4]), 1),
    )  # fmt: skip
    wanted = intent("condor", *legs, quantity="1", kind="market")
    order = orders.place(account.pk, wanted, actor="ana").order
    name = orders.begin_send(account.pk, order.pk)
    venue = registry.of(account)
    venue._now = lambda: WALL
    hear(account, venue.submit(Request(name, wanted, (False,) * 4)))
    return order


def check_prices(kept: dict) -> None:
    """Every price is a side of the quote of the row that it names."""
    by_row = {from_ns(data.known_at).isoformat(): data for data in kept.values()}
    fills = list(PaperFill.objects.all())
    assert len(fills) == 4
    for fill in fills:
        data = by_row[fill.why["row"]]
        place = data.layout.symbols().index(fill.symbol)
        side = "asks" if fill.quantity > 0 else "bids"
        assert float(fill.price) == data.column(side)[place]
        assert fill.why["quote"][side[:-1]] == float(fill.price)
        assert fill.why["snapshot"] is not None


def check_the_end(account: Account, data) -> None:
    """What the four contracts became, worked out from the close alone."""
    spot = D(repr(data.spot))
    paid = sum(fill.quantity * fill.price * 100 + fill.fee for fill in PaperFill.objects.all())
    shares, cash = D(0), 100_000 - paid
    for fill in PaperFill.objects.all():
        strike = D(fill.symbol[-8:]) / 1000
        call = fill.symbol[-9] == "C"
        inside = spot - strike if call else strike - spot
        if inside >= D("0.01"):
            moved = fill.quantity * 100 * (1 if call else -1)
            shares, cash = shares + moved, cash - moved * strike
    sums = books.balances(account)
    rounding = JournalEntry.objects.get(kind="fee")
    assert sums.cash == cash - D(rounding.facts["fee"])
    assert sums.cash == sums.cash.quantize(D("0.01"))
    held = {one.symbol: one.quantity for one in books.positions(account)}
    assert held == ({"SIM": shares} if shares else {})
    assert selectors.cash(account.pk) == sums.cash
    ended = PaperActivity.objects.filter(account=account, symbol__contains="SIM2")
    assert ended.count() == 4
    lines = list(books.statement(account))
    assert lines[-1].cash == sums.cash
    assert all(line.reason for line in lines if line.kind in ("expiry", "exercise", "assignment"))
    assert to_ns(lines[-1].at) > data.known_at
