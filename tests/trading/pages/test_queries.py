"""Lists ask the database as often for thirty rows as for three."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from market.models import FeedRun, Instrument
from trading.execution import services as execution
from trading.execution.states import Standing
from trading.models import (
    Account,
    OrderEvent,
    Strategy,
    StrategyDecision,
    StrategyTrade,
    StrategyVersion,
)
from trading.orders import services, venue
from trading.orders.intents import Intent, Leg
from trading.orders.machine import News
from trading.strategies import config

from ..conftest import NOON, filled, says
from ..strategies.conftest import CONFIG

pytestmark = pytest.mark.django_db
D = Decimal
FEW, MANY = 3, 30


def asked(web, path: str) -> int:
    """Return how often a page asks, once what is kept in memory is there."""
    assert web.get(path).status_code == 200, path
    with CaptureQueriesContext(connection) as seen:
        answer = web.get(path)
        if answer.streaming:
            b"".join(answer)
    return len(seen)


def check(web, grow: Callable[[int], None], paths: list[str]) -> None:
    for number in range(FEW):
        grow(number)
    few = {path: asked(web, path) for path in paths}
    for number in range(FEW, MANY):
        grow(number)
    many = {path: asked(web, path) for path in paths}
    more = {path: (few[path], many[path]) for path in paths if many[path] > few[path]}
    assert more == {}, "asked more often for more rows"


def bought(account: Account, number: int) -> None:
    """Buy a contract of its own, with a stop beside, and let something be heard of it."""
    symbol = f"SPY261218C{500 + number:05d}000"
    leg, back = Leg(symbol, 1, D(100)), Leg(symbol, -1, D(100))
    entry = Intent(f"in {number}", (leg,), D(1), limit_price=D(5))
    out = Intent(f"out {number}", (back,), D(1), kind="stop", stop_price=D(3))
    order = services.place_group(
        account.pk, "bracket", (entry, out), intent_id=f"g {number}", actor="user"
    )[0].order
    name = services.begin_send(account.pk, order.pk)
    venue.apply(account.pk, says(News.ACCEPTED, f"accepted {number}", name))
    news = filled(f"x{number}", name, "1", "4.5", symbol=symbol, reason="the offer")
    venue.apply(account.pk, news)
    OrderEvent.objects.create(
        account=account, source="venue", event_id=f"alert {number}", kind="fill", at=NOON,
        alert="somebody must hear of it",
    )  # fmt: skip


@pytest.mark.usefixtures("open_gate")
def test_lists_of_orders_and_what_came_of_them(web, account):
    check(web, lambda number: bought(account, number), [
        "/trading/", f"/trading/accounts/{account.pk}/", "/trading/orders/",
        "/trading/positions/", "/trading/history/", "/trading/risk/",
        f"/trading/ledger/?account={account.pk}&kind=all", "/trading/orders/orders.csv",
        "/trading/history/trades.csv", f"/trading/ledger/ledger.csv?account={account.pk}",
        "/api/v1/orders?limit=100", "/api/v1/fills?limit=100", "/api/v1/positions",
        f"/api/v1/ledger?account={account.pk}&limit=100",
    ])  # fmt: skip


@pytest.mark.usefixtures("open_gate")
def test_lists_of_accounts(web, ana, open_account):
    ana.plan = "pro_plus"
    ana.save()

    def grow(number: int) -> None:
        one = open_account(f"a {number}", mode="live", broker="alpaca")
        execution.step(one.pk, Standing.ARMED, actor="user 1", reason="ready")
        bought(one, number)

    check(web, grow, [
        "/trading/", "/trading/positions/", "/trading/ticket/", "/trading/connections/",
        "/api/v1/accounts", "/api/v1/positions",
    ])  # fmt: skip


@pytest.mark.usefixtures("open_gate")
def test_lists_of_strategies_their_trades_and_decisions(web, ana, account):
    one = Instrument.objects.create(symbol="SIM", kind="equity", simulated=True)
    run = FeedRun.objects.create(
        symbol="SIM", underlying=one, source="simulator", state="running", simulated=True
    )
    made = config.read(CONFIG)
    first: list[Strategy] = []

    def grow(number: int) -> None:
        strategy = Strategy.objects.create(owner=ana, account=account, name=f"s {number}")
        first.append(strategy)
        for of in {first[0], strategy}:  # the first has many trades, each has one that is open
            kept = of.versions.first() or StrategyVersion.objects.create(
                strategy=of, number=1, text=made.text, config_hash=made.hash
            )
            ended = None if of == strategy else NOON
            trade_of(of, kept, number, ended)

    def trade_of(of: Strategy, version: StrategyVersion, number: int, ended) -> None:
        name = f"{of.pk} {number}"
        symbol = "SPY261218C00500000"
        intent = Intent(name, (Leg(symbol, 1, D(100)),), D(1), limit_price=D(5))
        order = services.place(account.pk, intent, actor=of.origin).order
        sent = services.begin_send(account.pk, order.pk)
        venue.apply(account.pk, filled(f"x {name}", sent, "1", "4.5", symbol=symbol))
        trade = StrategyTrade.objects.create(
            strategy=of, version=version, number=number, reading="up", kind="long",
            legs=[[symbol, 1, "100"]], settles=NOON, loss=D(450), entry=order, asked_at=NOON,
            entered_at=NOON, ended_at=ended, end="left: a test" if ended else "",
        )  # fmt: skip
        StrategyDecision.objects.create(
            version=version, strategy=of, run=run, row=number, at=NOON, session=NOON.date(),
            kind="enter", taken=True, reasons=["It moved."], order=order, trade=trade,
        )  # fmt: skip

    grow(0)
    page = f"strategies/{first[0].pk}"
    check(web, lambda number: grow(number + 1), [
        "/strategies/", f"/{page}/", "/api/v1/strategies?limit=100", f"/api/v1/{page}",
        f"/api/v1/{page}/decisions?limit=100",
    ])  # fmt: skip
