"""Accounts at the paper venue: within the plan, on a market, with a deposit; who is followed."""

from __future__ import annotations

import math
from decimal import Decimal as D  # noqa: N817

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from market.clock import to_ns
from market.frames import Kind
from market.framestore import Observed, write_rows
from market.models import FeedRun
from record.models import OutboxRow
from tests.trading.paper.conftest import WALL, intent, option, send
from tests.trading.paper.test_engine import sound
from trading.brokers.paper import engine, following, markets, services
from trading.brokers.paper.hardness import Hardness
from trading.brokers.paper.models import PaperAccount
from trading.execution.selectors import state_of
from trading.ledger import selectors as books
from trading.ledger.book import LedgerError
from trading.models import Account, Fill, JournalEntry

CALL = option("C", 500)


@pytest.fixture
def market(tape):
    made = tape([CALL])
    made.row(1)
    return made


def test_an_account_begins_with_its_deposit_armed_on_its_market(market, paper):
    account = paper(cash="2500.50")
    assert books.balances(account).cash == D("2500.50")
    entry = JournalEntry.objects.get()
    assert (entry.kind, entry.at) == ("deposit", market.at(1))
    assert state_of(account.pk).state == "armed"
    assert str(account.paper) == f"{account.pk} on simulator SIM"
    sound(account)


def test_a_plan_carries_so_many(market, ana, paper):
    for number in range(3):
        paper(f"{number}")
    with pytest.raises(services.PaperLimitError, match="carries 3 paper accounts"):
        paper("one more")
    assert Account.objects.count() == 3


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("cash", {"cash": "99.99"}), ("cash", {"cash": "100.001"}), ("cash", {"cash": "1e9"}),
        ("cash", {"cash": "NaN"}), ("name", {"name": "  "}), ("name", {"name": "x" * 61}),
        ("market", {"market": "simulator:SPY"}), ("market", {"market": "SIM"}),
        ("market", {"market": "replay:1"}), ("market", {"market": "replay:" + "9" * 40}),
        ("market", {"market": "live:SIM"}), ("market", {"market": ""}),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_field(market, paper, field, given):
    with pytest.raises(LedgerError) as refused:
        paper(**given)
    assert refused.value.field == field
    assert not Account.objects.exists()


def test_a_name_is_taken_once(market, paper):
    paper("mine")
    with pytest.raises(LedgerError, match="already"):
        paper("mine")


def test_only_who_asked_for_a_replay_trades_on_it(tape, paper, ana):
    other = User.objects.create_user("bob@trading.example", plan="pro")
    replay = tape([CALL], source="replay", owner=other.pk)
    replay.row(1)
    with pytest.raises(LedgerError, match="no replay"):
        paper(market=f"replay:{replay.run.pk}")
    FeedRun.objects.update(requested_by=ana.pk)
    ana.plan = "free"
    ana.save()
    with pytest.raises(LedgerError, match="Pro plan"):
        paper(market=f"replay:{replay.run.pk}")
    ana.plan = "pro"
    ana.save()
    account = paper(market=f"replay:{replay.run.pk}")
    order = send(account, intent("i", ("SIM", 1), limit_price="1.00", time_in_force="gtc"))
    replay.row(replay.last_minute)
    replay.closes()
    order.refresh_from_db()
    assert order.state == "expired"  # nothing comes after that day


def test_a_market_goes_on_through_its_runs_and_no_others(market, paper):
    account = paper()
    order = send(account, intent("i", (CALL, 1), limit_price="2.50", time_in_force="gtc"))
    FeedRun.objects.update(state="stopped")
    other = FeedRun.objects.get()
    for params in ({"seed": 8}, {"path": 1}, {"first": 5}):
        FeedRun.objects.create(
            symbol="SIM", underlying=other.underlying, source="simulator", state="running",
            params=other.params | params, simulated=True, position=market.at(2),
            heartbeat_at=WALL,
        )  # fmt: skip
    one = PaperAccount.objects.get()
    assert [run.params["first"] for run in markets.runs_of(one)] == [5, 0]
    assert markets.current_run(one).params["first"] == 5
    assert markets.run_for(one, "SPY") is None
    market.run = markets.current_run(one)
    market.row(3, {CALL: (2.4, 2.5, 9, 9)})
    order.refresh_from_db()
    assert order.state == "filled"


def test_a_clock_goes_on_after_a_row_at_the_runs_speed_and_never_past_the_next():
    at = WALL.replace(hour=15)
    run = FeedRun(position=at, state="running", speed=10.0, heartbeat_at=WALL)

    def after(seconds: float) -> float:
        later = WALL + (WALL - WALL.replace(second=0)) + markets.dt.timedelta(seconds=seconds)
        return (markets.clock_of(run, later) - to_ns(at)) / 1e9

    assert (after(0), after(2), after(5.9), after(60)) == (0, 20, 59, 59)
    run.state = "paused"
    assert after(5) == 0
    run.position = None
    assert markets.clock_of(run, WALL) is None


def promised() -> list[tuple[str, list]]:
    rows = OutboxRow.objects.filter(task="trading.step_paper").order_by("id")
    return [one.args for one in rows]


def test_rows_matter_to_who_waits_or_holds_something(market, paper):
    waits, holds = paper("waits"), paper("holds")
    send(holds, intent("i", (CALL, 1), limit_price="2.50"))
    market.row(2, {CALL: (2.4, 2.5, 9, 9)})
    order = send(waits, intent("i", (CALL, 1), limit_price="1.00"))
    paper("idle")
    assert following.follow_all() == 0  # all is done
    market.row(3, steps=False)
    assert following.follow_all() == 2
    assert sorted(promised()) == [[waits.pk], [holds.pk]]
    market.row(market.last_minute, steps=False)
    market.closes(steps=False)
    assert following.follow(market.run.pk) == 2
    for account in (waits, holds):
        engine.step(account.pk)
    order.refresh_from_db()
    assert order.state == "expired"
    assert following.follow_all() == 0


def test_the_night_of_a_replay_that_ended_is_not_forgotten(tape, paper, ana):
    replay = tape([CALL], source="replay", owner=ana.pk)
    replay.row(1)
    account = paper(market=f"replay:{replay.run.pk}")
    send(account, intent("i", (CALL, 1), limit_price="2.50"))
    replay.row(2, {CALL: (2.4, 2.5, 9, 9)}, spot=510.0)
    FeedRun.objects.update(state="finished")  # without a daily row
    assert following.follow_all() == 1
    replay.steps()
    assert [one.symbol for one in books.positions(account)] == ["SIM"]
    assert following.follow_all() == 0


def test_a_market_may_be_taken_as_harder_and_never_as_easier(market, ana):
    for wrong in ({"latency_ms": 249}, {"half_spreads": 0.9}, {"impact": -1}, {"impact": math.nan}):
        with pytest.raises(LedgerError):
            Hardness(**wrong)
    hard = services.open_paper_account(
        ana, name="hard", cash=D(100_000), market="simulator:SIM",
        hardness=Hardness(latency_ms=900, half_spreads=2.0),
    )  # fmt: skip
    send(hard, intent("i", (CALL, 1), limit_price="2.60"))
    market.row(2, {CALL: (2.4, 2.5, 9, 9)})
    assert Fill.objects.get().price == D("2.55")
    with pytest.raises(IntegrityError), transaction.atomic():
        PaperAccount.objects.update(half_spreads=0.5)


def test_shares_move_the_price_where_that_is_wished(market, ana):
    rows = [
        Observed(Kind.DAILY, market.day, to_ns(market.at(0)) - day * 86_400 * 10**9,
                 {"close": 500.0 * (1.01 if day % 2 else 1.0), "volume": 1e6}, {})
        for day in range(1, 23)
    ]  # fmt: skip
    write_rows(market.run, rows)
    for name, impact in (("soft", 0.0), ("hard", 2.0)):
        account = services.open_paper_account(
            ana, name=name, cash=D(1_000_000), market="simulator:SIM",
            hardness=Hardness(impact=impact), now=WALL,
        )  # fmt: skip
        send(account, intent("i", ("SIM", 1), quantity="400", kind="market"))
    market.row(2)
    soft, hard = (fill.price for fill in Fill.objects.order_by("id"))
    assert soft == D("500.01")
    assert D("500.18") < hard < D("500.23")  # 2 x 1 % x sqrt(400 / 1,000,000) of 500
