"""A strategy minute by minute: one decision a row, its order, its exits, the books behind it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import ProgrammingError, transaction
from django.db.models import F

from market.reach import WHOLE
from tests.trading.strategies.conftest import TOOL, decide, kinds, serve, trade_of
from trading.audit import differences
from trading.execution import services as execution
from trading.execution.states import EXECUTION, Standing
from trading.ledger import selectors as ledger
from trading.models import Fill, Order, Position, StrategyDecision
from trading.orders import gate
from trading.orders.gate import Verdict
from trading.orders.machine import FINAL
from trading.strategies import asking, deciding, selectors, services
from trading.strategies.services import StrategyError

pytestmark = pytest.mark.django_db


def entered(market, strategy, spot: float = 503.0):
    """Let the market jump, the strategy enter and its order fill."""
    market.goes(spot)
    decision = decide(strategy)
    assert decision.kind == "enter", decision.reasons
    market.goes(spot)
    return decision


def test_a_move_is_entered_with_reasons_and_what_was_seen(market, make):
    strategy = make()
    market.goes(500.0)
    quiet = decide(strategy)
    assert (quiet.kind, quiet.taken, quiet.order) == ("stay_out", False, None)
    assert quiet.reasons[0] == "Stay out: no tool with a vote fires."
    decision = entered(market, strategy)
    assert decision.taken
    assert decision.seen["entry"]["votes"][0]["tool"] == TOOL
    assert [leg["ratio"] for leg in decision.seen["legs"]] == [1, -1]
    assert decision.order.decision.allowed
    assert decision.order.origin == f"strategy:{strategy.pk}"
    trade = trade_of(strategy)
    assert (trade.reading, trade.kind) == ("long", "debit_vertical")
    assert decision.seen["units"] * float(trade.loss) <= 1_000.0  # 1 % of the equity
    decision.order.refresh_from_db()
    assert decision.order.state == "filled"


def test_a_row_is_decided_once_however_often_it_is_asked(market, make):
    strategy = make()
    market.goes(503.0)
    assert decide(strategy).kind == "enter"
    assert deciding.decide(strategy.pk) is None
    assert StrategyDecision.objects.count() == Order.objects.count() == 1


def test_decisions_and_versions_stay_as_they_were(market, make):
    strategy = make()
    market.goes(500.0)
    decision = decide(strategy)
    for row in (decision, services.newest(strategy)):
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
            row.save(force_update=True)


def test_a_stop_leaves_at_the_quotes_and_the_books_agree(market, make, account):
    strategy = make()
    entered(market, strategy)
    assert decide(strategy).kind == "hold"
    market.goes(499.0)
    left = decide(strategy)
    assert (left.kind, left.taken) == ("leave", True), left.reasons
    assert left.reasons[0] == "Leave: stop."
    market.goes(499.0)
    over = decide(strategy)
    assert (over.kind, over.reasons) == ("end", ["All of it is left: stop."])
    trade = trade_of(strategy)
    assert trade.end == "left: stop"
    assert not Position.objects.filter(account=account).exclude(quantity=0).exists()
    result = selectors.result_of(trade)
    assert result < 0
    assert ledger.balances(account).cash == Decimal(100_000) + result
    assert selectors.record(strategy) == (1, 0, result)
    assert differences(account.pk) == []


def test_a_profit_is_taken(market, make):
    strategy = make()
    entered(market, strategy)
    market.goes(510.0)
    assert decide(strategy).reasons[0] == "Leave: take profit."
    market.goes(510.0)
    decide(strategy)
    assert selectors.record(strategy).won == 1


def test_a_fall_from_the_best_is_left_though_it_still_wins(market, make):
    strategy = make(exit={"trail": 0.2, "trail_from": 0.2, "take": None})
    entered(market, strategy)
    market.goes(505.0)
    assert decide(strategy).kind == "hold"
    assert trade_of(strategy).best > 0.2
    market.goes(503.0)
    assert decide(strategy).reasons[0] == "Leave: trailing stop."


def test_time_and_the_close_leave_whatever_the_result(market, make):
    strategy = make(exit={"minutes": 3.0})
    entered(market, strategy)
    market.minute += 2
    market.goes(503.0)
    assert decide(strategy).reasons[0] == "Leave: time."
    market.goes(503.0)
    decide(strategy)
    market.minute = 390 - 25
    for spot in (500.0, 500.0, 500.0, 500.0, 500.0, 503.0):
        market.goes(spot)
    late = decide(strategy)
    assert late.kind == "stay_out"
    assert "minutes to the close" in late.reasons[0]


def test_nothing_is_held_over_the_close(market, make):
    strategy = make(exit={"minutes": None, "take": None})
    entered(market, strategy)
    market.minute = 390 - 21
    market.goes(503.0)
    assert decide(strategy).reasons[0] == "Leave: before the close."


def test_what_the_gate_refuses_is_kept_with_its_word(market, make):
    strategy = make()
    before = gate.register(lambda *_: Verdict(False, "session", "Not now.", "1", "0"))
    market.goes(503.0)
    decision = decide(strategy)
    gate.register(before)
    assert (decision.kind, decision.taken, decision.trade) == ("enter", False, None)
    assert decision.reasons[0] == "The risk gate refused it: Not now."
    assert selectors.decision_json(decision, WHOLE)["gate"]["rule"] == "session"
    market.goes(506.5)
    assert decide(strategy).taken


def test_an_exit_that_the_gate_refuses_is_asked_for_again(market, make):
    strategy = make()
    entered(market, strategy)
    before = gate.register(lambda *_: Verdict(False, "quote age", "Too old."))
    market.goes(499.0)
    assert decide(strategy).taken is False
    gate.register(before)
    market.goes(499.0)
    again = decide(strategy)
    assert (again.kind, again.taken) == ("leave", True)
    assert again.reasons[0] == "Leave: stop."


def test_a_halted_account_gets_no_orders_but_the_reason(market, make, account):
    strategy = make()
    entered(market, strategy)
    execution.step(account.pk, Standing.HALTED, actor=EXECUTION, reason="Something ran away.")
    market.goes(499.0)
    held = decide(strategy)
    assert (held.kind, held.taken, held.order) == ("leave", False, None)
    assert held.reasons[0] == "The account is halted: Something ran away."
    assert Order.objects.count() == 1


def test_a_market_faster_than_the_world_does_not_hurry_its_orders(market, make, monkeypatch):
    """Sixty market minutes a minute: the gate, which counts by the world's clock, is spared."""
    monkeypatch.setattr(asking, "REST_S", 20.0)
    strategy = make()
    entered(market, strategy)
    market.goes(499.0)
    waits = decide(strategy)
    assert (waits.kind, waits.order) == ("leave", None)
    assert "Its last order was placed" in waits.reasons[0]
    Order.objects.update(created=F("created") - dt.timedelta(seconds=21))
    market.goes(499.0)
    assert decide(strategy).taken


def test_after_a_refusal_an_opening_is_not_asked_for_each_minute(market, make, monkeypatch):
    monkeypatch.setattr(asking, "REFUSED_REST_S", 60.0)
    strategy = make()
    before = gate.register(lambda *_: Verdict(False, "session", "Not now.", "1", "0"))
    market.goes(503.0)
    assert decide(strategy).kind == "enter"
    market.goes(506.5)
    quiet = decide(strategy)
    assert (quiet.kind, Order.objects.count()) == ("stay_out", 1)
    assert "Its last order was refused" in quiet.reasons[0]
    Order.objects.update(created=F("created") - dt.timedelta(seconds=61))
    gate.register(before)
    market.goes(510.0)
    assert decide(strategy).taken


def test_a_leg_without_a_quote_delays_an_exit_and_never_loses_it(market, make):
    strategy = make(exit={"minutes": 1.0})
    entered(market, strategy)
    market.goes(503.0, quoted=False)
    blind = decide(strategy)
    assert (blind.kind, blind.taken, blind.order) == ("leave", False, None)
    market.goes(503.0)
    assert decide(strategy).taken


def test_an_entry_that_does_not_fill_is_cancelled_and_leaves_nothing(market, make, account):
    strategy = make()
    market.goes(503.0)
    assert decide(strategy).taken
    for _ in range(3):
        market.goes(506.0)  # it ran away from the limit
        decide(strategy)
    assert kinds(strategy) == ["enter", "wait", "wait", "end"]
    assert trade_of(strategy).end.startswith("not entered: its order was canceled")
    assert not Fill.objects.exists()
    assert differences(account.pk) == []


def test_a_late_exit_is_cancelled_and_asked_for_at_the_new_quotes(market, make, account):
    strategy = make(exit={"take": 0.3})
    entered(market, strategy)
    market.goes(505.0)
    assert decide(strategy).reasons[0] == "Leave: take profit."
    asked = []
    for _ in range(8):
        market.goes(502.0)  # fell away from the limit
        decide(strategy)
        asked = selectors.decisions(strategy).filter(kind="leave", taken=True)
        if trade_of(strategy).ended_at:
            break
    assert asked.count() == 2
    assert trade_of(strategy).end == "left: take profit"
    assert differences(account.pk) == []


def test_a_paused_strategy_opens_nothing_and_keeps_its_exits(market, make):
    strategy = make()
    entered(market, strategy)
    services.pause(strategy.pk, actor="user 1")
    market.goes(499.0)
    assert decide(strategy).kind == "leave"
    market.goes(499.0)
    assert decide(strategy).kind == "end"
    market.goes(506.0)
    assert decide(strategy) is None


def test_an_ended_strategy_leaves_at_the_next_row(market, make):
    strategy = make()
    entered(market, strategy)
    services.end(strategy.pk, actor="user 1")
    market.goes(503.0)
    assert decide(strategy).reasons[0] == "Leave: ended by its owner."
    with pytest.raises(StrategyError, match="over"):
        services.start(strategy.pk, actor="user 1")


def test_it_rests_between_trades_and_counts_them(market, make):
    strategy = make(pace={"rest": 3.0, "trades": 1})
    entered(market, strategy)
    market.goes(510.0)
    decide(strategy)
    market.goes(510.0)
    assert decide(strategy).kind == "end"
    market.goes(515.0)
    assert decide(strategy).reasons == ["1 trades were made this session; 1 are the most."]


def test_what_its_owner_sold_by_hand_pauses_it(market, make, account):
    from tests.trading.paper.conftest import intent, send

    strategy = make()
    entered(market, strategy)
    trade = trade_of(strategy)
    turned = [(symbol, -ratio) for symbol, ratio, _ in trade.legs]
    units = str(trade.entry.quantity.normalize())
    trade.entry.refresh_from_db()
    send(account, intent("by hand", *turned, quantity=units, limit_price="0"))
    market.goes(503.0)
    decision = decide(strategy)
    assert decision.kind == "end"
    strategy.refresh_from_db()
    assert (strategy.state, "by hand" in strategy.reason) == ("paused", True)


def test_rows_that_were_missed_are_counted_and_not_traded(market, make):
    strategy = make()
    market.goes(500.0)
    decide(strategy)
    market.goes(504.0)
    market.goes(504.0)
    market.goes(504.0)
    assert decide(strategy).seen["passed_over"] == 2


def test_a_configuration_changes_between_trades_alone(market, make):
    strategy = make()
    entered(market, strategy)
    config = selectors.config_of(strategy).as_json()
    changed = {**config, "exit": {**config["exit"], "stop": 0.4}}
    with pytest.raises(StrategyError, match="A trade is open"):
        services.configure(strategy.pk, given=changed, actor="user 1")
    assert services.configure(strategy.pk, given=config, actor="user 1")[1] is False


def test_every_order_that_it_made_is_over_when_its_trade_is(market, make):
    strategy = make()
    entered(market, strategy)
    market.goes(499.0)
    decide(strategy)
    market.goes(499.0)
    decide(strategy)
    serve(strategy.account)
    states = set(Order.objects.filter(origin=strategy.origin).values_list("state", flat=True))
    assert states <= FINAL
