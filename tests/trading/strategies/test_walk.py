"""From a signal to a rank on the simulator, by the real parts: feed, tools, gate, paper, ledger."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from leaderboard import chain
from leaderboard import selectors as bots
from leaderboard import services as competitors
from leaderboard.models import Trade
from market import framestore, store
from market.feed import simulated
from market.feed.runner import FeedRunner
from market.models import FeedRun, FrameRow
from record import outbox
from record.models import OutboxRow
from tests.trading.desk import latch
from trading.audit import differences
from trading.brokers import registry
from trading.brokers.paper import markets
from trading.brokers.paper.services import open_paper_account
from trading.execution import lease as leases
from trading.execution.clock import SystemClock
from trading.execution.executor import guards
from trading.execution.lane import Lane
from trading.execution.outlet import Outlet
from trading.execution.session import Session
from trading.ledger import selectors as ledger
from trading.models import Account, Fill, Order, Strategy, StrategyTrade
from trading.strategies import demo, selectors, services

__all__ = ["latch"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
OURS = ("trading.", "leaderboard.")


@pytest.fixture(autouse=True)
def fresh(latch, no_rest) -> None:
    framestore.forget_schemas()
    store.forget_layouts()
    markets.forget()


class House:
    """The workers and the execution, one after the other; a kill loses what no row says."""

    def __init__(self, account: Account) -> None:
        self.account, self.clock = account, SystemClock()
        self.lane = self.takes_over()

    def takes_over(self) -> Lane:
        found = leases.take(self.account.pk, "the test", self.clock)
        assert found is not None
        outlet = Outlet(registry.of(self.account), found, self.clock, guards())
        return Lane(Session(self.account.pk, self.account.owner_id, found, outlet, self.clock))

    def works(self, rounds: int = 3) -> None:
        """Run what is promised, each promise twice, and serve the account."""
        for _ in range(rounds):
            pending = OutboxRow.objects.filter(state="pending").order_by("pk")
            for row in [one for one in pending if one.task.startswith(OURS)]:
                outbox.run(row.pk)
                outbox.run(row.pk)
            leases.renew(self.lane.session.lease, self.clock)
            self.lane.turn()
            self.lane.turn_cancels()


def play(run: FeedRun, minutes: int, each: Callable[[], None]) -> None:
    """Play so many more minutes of a run; `each` is called about once a minute."""
    rows = FrameRow.objects.filter(run=run, kind="intraday")
    end = rows.count() + minutes

    def enough() -> bool:
        each()
        return rows.count() >= end

    run.refresh_from_db()
    FeedRunner(run, simulated.source_of(run), should_end=enough).play()


def test_signals_become_paper_trades_and_stand_on_the_leaderboard(ana):
    ana.plan = "pro_plus"
    ana.save()
    run = simulated.resume_or_create(symbol="SIM", seed=21, speed=0.0, effect=1.0)
    play(run, 3, lambda: None)
    account = open_paper_account(ana, name="walk", cash=Decimal(100_000), market="simulator:SIM")
    given = demo.CONFIG | {"exit": {"minutes": 4.0}}
    strategy, _ = services.create(ana, account.pk, name="walk", given=given)
    services.start(strategy.pk, actor=f"user {ana.pk}")
    house = House(account)
    ended = StrategyTrade.objects.filter(strategy=strategy, entered_at__isnull=False)
    for _ in range(6):
        play(run, 4, house.works)
        if ended.exclude(ended_at=None).exists():
            break
    trade = ended.exclude(ended_at=None).first()
    assert trade is not None, told(strategy)
    decisions = selectors.decisions(strategy)
    entered = decisions.filter(trade=trade, kind="enter").get()
    assert entered.taken
    assert entered.order.decision.rule == "all rules"
    assert any(vote["stand"] == "agrees" for vote in entered.seen["entry"]["votes"])
    assert decisions.filter(trade=trade, kind="leave", taken=True).exists()
    assert trade.end.startswith("left: "), trade.end
    services.end(strategy.pk, actor=f"user {ana.pk}")
    play(run, 2, house.works)
    house.works()
    books_agree(account, strategy)
    before = figures(account, strategy)
    for row in OutboxRow.objects.filter(task__startswith=OURS[0]).order_by("pk"):
        outbox.run(row.pk)
    leases.give(house.lane.session.lease)
    house.lane = house.takes_over()
    house.works()
    assert figures(account, strategy) == before


def told(strategy: Strategy) -> str:
    """Return what a strategy decided and what became of its orders, line by line."""
    said = [f"{one.at:%H:%M} {one.kind} {one.taken} {one.reasons[:2]}"
            for one in strategy.decisions.order_by("pk")]  # fmt: skip
    rows = Order.objects.filter(origin=strategy.origin).order_by("pk")
    return "\n".join([*said, *(f"{one.pk} {one.state} {one.reason}" for one in rows)])


def books_agree(account: Account, strategy: Strategy) -> None:
    """Prove the books, the strategy's own sums and its bot's record against one another."""
    assert differences(account.pk) == []
    made = selectors.record(strategy)
    assert ledger.balances(account).cash == Decimal(100_000) + made.result
    bot = strategy.hosted.bot
    assert chain.verify(bot).fault is None
    trades = Trade.objects.filter(bot=bot)
    assert set(trades.values_list("tier", flat=True)) == {"server_priced"}
    filled = Order.objects.filter(origin=strategy.origin, filled_quantity__gt=0).count()
    assert trades.count() == filled
    record = bots.record(bot, competitors.newest(bot))
    assert Decimal(str(record["realised"])) == made.result


def figures(account: Account, strategy: Strategy) -> tuple:
    return (
        ledger.balances(account), Fill.objects.count(), Order.objects.count(),
        Trade.objects.count(), strategy.decisions.count(), selectors.record(strategy),
    )  # fmt: skip
