"""Strategies that run here as bots: registered by themselves, server-priced, told once."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.test import Client

from leaderboard import chain, hosted, reports
from leaderboard import selectors as board
from leaderboard import services as bots
from leaderboard.models import Bot, Hosted, Trade
from market.models import FeedRun
from record import outbox
from record.models import OutboxRow
from tests.trading.conftest import ana as trader
from tests.trading.conftest import open_account
from tests.trading.paper.conftest import paper, tape
from tests.trading.strategies.conftest import account, decide, make, market, no_rest
from tests.trading.strategies.test_deciding import entered
from trading.models import PaperAccount
from trading.strategies import selectors, services

__all__ = ["account", "make", "market", "no_rest", "open_account", "paper", "tape"]
ana = trader
pytestmark = pytest.mark.django_db


def sweep() -> None:
    """Run what is promised to this room, each promise twice: some messages come again."""
    rows = OutboxRow.objects.filter(state="pending", task__startswith="leaderboard.h")
    rows |= OutboxRow.objects.filter(state="pending", task="leaderboard.report_order")
    for row in rows.order_by("pk"):
        assert outbox.run(row.pk) == outbox.Outcome.DONE
        assert outbox.run(row.pk) == outbox.Outcome.LEFT_ALONE


def traded(market, strategy, enters: float = 503.0, leaves: float = 510.0) -> None:
    """Let a strategy make a trade, from flat to flat."""
    entered(market, strategy, enters)
    market.goes(leaves)
    assert decide(strategy).kind == "leave"
    market.goes(leaves)
    assert decide(strategy).kind == "end"


def test_a_strategy_is_a_bot_of_its_configuration(make, ana):
    strategy = make()
    sweep()
    bot = Bot.objects.get()
    assert (bot.name, bot.kind, bot.market, bot.owner) == ("heron", "hosted", "simulated", ana)
    version = bots.newest(bot)
    assert version.config_hash == services.newest(strategy).config_hash
    assert json.loads(version.text) == selectors.config_of(strategy).as_json()
    assert hosted.pages_of([strategy]) == {strategy.pk: f"/bots/{bot.pk}/"}


@pytest.mark.parametrize(("followed", "ranks"), [("live", "real"), ("replay", None)])
def test_a_strategy_ranks_where_its_account_trades(make, run_of_replay, followed, ranks):
    strategy = make()
    rows = PaperAccount.objects.filter(account=strategy.account_id)
    rows.update(market=followed, run=run_of_replay if followed == "replay" else None, world={})
    sweep()
    assert list(Bot.objects.values_list("market", flat=True)) == ([ranks] if ranks else [])
    assert bool(hosted.why_none(strategy)) is (ranks is None)


@pytest.fixture
def run_of_replay(market):
    return FeedRun.objects.create(
        symbol="SIM", underlying=market.run.underlying, source="replay", simulated=False
    )


def test_each_order_is_one_server_priced_trade_and_the_record_is_that_of_the_books(market, make):
    strategy = make()
    traded(market, strategy)
    sweep()
    trades = list(Trade.objects.order_by("seq"))
    assert [(one.tier, one.action, one.source) for one in trades] == [
        ("server_priced", "SPREAD", "paper")
    ] * 2
    assert chain.verify(trades[0].bot).fault is None
    assert all(one.reasons == [] and one.market == "simulated" for one in trades)
    bot = trades[0].bot
    record = board.record(bot, bots.newest(bot))
    assert Decimal(str(record["realised"])) == selectors.record(strategy).result
    for _ in range(3):
        assert hosted.sync(strategy.pk) == 0


def test_told_late_and_in_any_order_the_bot_is_the_same(market, make):
    strategy = make()
    traded(market, strategy)
    config = selectors.config_of(strategy).as_json()
    changed = {**config, "pace": {**config["pace"], "rest": 1.0}}
    services.configure(strategy.pk, given=changed, actor="user 1")
    market.minute += 5
    traded(market, strategy, 515.0, 505.0)
    for row in OutboxRow.objects.filter(task__startswith="leaderboard.").order_by("-pk"):
        outbox.run(row.pk)
    told = list(Trade.objects.order_by("seq").values_list("version__number", flat=True))
    assert told == [1, 1, 2, 2]


def test_nobody_else_speaks_for_it(market, make, ana):
    make()
    sweep()
    bot = Bot.objects.get()
    trade = {"client_trade_id": "x", "action": "BUY", "symbol": "SPY", "quantity": 1, "price": 1}
    with pytest.raises(bots.HostedError):
        reports.report(bot.pk, [trade], owner=ana.pk)
    with pytest.raises(bots.HostedError):
        bots.configure(bot.pk, config={})
    client = Client()
    client.force_login(ana)
    answer = client.post(f"/api/v1/bots/{bot.pk}/trade", trade, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "hosted")
    assert not Trade.objects.exists()


def test_a_delisted_bot_takes_nothing_and_its_strategy_goes_on(market, make):
    strategy = make()
    sweep()
    bots.delist(Bot.objects.get().pk)
    traded(market, strategy)
    sweep()
    assert not Trade.objects.exists()
    assert "delisted" in hosted.why_none(strategy)


def test_without_room_for_a_bot_it_says_why(make, ana):
    for number in range(5):
        bots.register(ana, name=f"otter {number}", config={})
    strategy = make()
    sweep()
    assert Hosted.objects.get().bot is None
    assert "Your plan carries 5 bots" in hosted.why_none(strategy)


def test_a_name_that_its_owner_has_given_away_gets_a_number(make, ana):
    bots.register(ana, name="Heron", config={})
    strategy = make()
    sweep()
    assert Bot.objects.get(kind="hosted").name == f"heron (strategy {strategy.pk})"
