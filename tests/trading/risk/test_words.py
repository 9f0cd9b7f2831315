"""The rules that compare no number: plans, states, switches, kinds, structures, cover, taxes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from quant.account_classes import account_class
from tests.trading.risk.built import (
    FAR,
    SHARE,
    TODAY,
    closing,
    given,
    ground,
    held,
    leg,
    option,
    outcome,
    quote,
    refused_by,
    said,
)
from trading.risk.facts import Asset, Filling, Instrument, Pending, Stop
from trading.risk.rules import evaluate

D = Decimal


@pytest.mark.parametrize(
    ("plan", "live", "right"),
    [("free", True, "refuse"), ("pro", True, "refuse"), ("pro_plus", True, "pass"),
     ("free", False, "pass"), ("gold", False, "refuse"), ("", True, "refuse")],
)  # fmt: skip
def test_live_trading_is_for_pro_plus_alone(plan, live, right):
    assert outcome(given(account={"plan": plan, "live": live}), "plan") == right


def test_live_trading_is_off_until_server_and_owner_turn_it_on():
    assert outcome(given(account={"opted_in": False}), "opt in") == "refuse"
    assert outcome(given(account={"live_enabled": False}), "opt in") == "refuse"
    paper = {"live": False, "live_enabled": False, "opted_in": False}
    assert outcome(given(account=paper), "opt in") == "pass"


@pytest.mark.parametrize(
    ("state", "opens", "leaves"),
    [("disabled", False, False), ("armed", False, False), ("reconciling", False, False),
     ("live", True, True), ("reducing", False, True), ("halted", False, False),
     ("something", False, False)],
)  # fmt: skip
def test_the_state_of_the_account(state, opens, leaves):
    told = {"state": state, "state_reason": "It is a test."}
    assert (outcome(given(account=told), "account state") == "pass") is opens
    assert (outcome(closing(account=told), "account state") == "pass") is leaves


@pytest.mark.parametrize(
    ("state", "leaves"), [("halted", False), ("reducing", True), ("unreadable", False)]
)
def test_a_switch_stops_everything_or_what_opens(state, leaves):
    stops = (Stop("symbol:SPY", state, "I want to sleep."),)
    answer = said(given(stops=stops), "switches")
    assert (answer.outcome, answer.value) == ("refuse", "symbol:SPY")
    assert "I want to sleep." in answer.text
    assert (outcome(closing(stops=stops), "switches") == "pass") is leaves


@pytest.mark.parametrize(
    ("state", "opens", "leaves", "alone"),
    [("open", False, False, False), ("reducing", False, True, False),
     ("half-open", False, True, True), ("trying", False, False, False)],
)  # fmt: skip
def test_a_breaker_lets_one_order_try(state, opens, leaves, alone):
    breakers = (Stop("stale market of SPY", state, "It was 40 s old."),)
    others = (held(option(590), 1),)
    assert (outcome(given(breakers=breakers, positions=others), "breakers") == "pass") is opens
    assert (outcome(closing(breakers=breakers), "breakers") == "pass") is leaves
    assert (outcome(given(breakers=breakers), "breakers") == "pass") is alone


@pytest.mark.parametrize(
    ("kind", "opens", "leaves", "allowed"),
    [("market", False, False, True), ("stop", False, True, True),
     ("trailing_stop", False, True, True)],
)  # fmt: skip
def test_market_orders_need_leave(kind, opens, leaves, allowed):
    change = {"kind": kind, "limit_price": None}
    change["stop_price"] = D("5.50") if kind == "stop" else None
    assert (outcome(given(intent=change), "order kind") == "pass") is opens
    assert (outcome(closing(intent=change), "order kind") == "pass") is leaves
    facts = given(intent=change, account={"market_orders": True})
    assert (outcome(facts, "order kind") == "pass") is allowed


def test_a_market_order_is_priced_at_its_collar():
    change = {"kind": "market", "limit_price": None}
    facts = given(intent=change, account={"market_orders": True})
    assert refused_by(facts) is None
    assert facts.picture.price == facts.picture.collar == D("5.2605")
    assert facts.picture.cost == D("526.05")


def test_small_accounts_trade_few_symbols_and_what_is_simulated():
    micro = {"size": account_class(2_000.0), "equity": D(2_000)}
    assert outcome(given(**micro), "symbol") == "pass"
    for name, synthetic, right in [("TSLA", False, "refuse"), ("SIM", True, "pass")]:
        place = ground(symbol=name, synthetic=synthetic)
        instrument = option(600)
        instrument = type(instrument)(
            instrument.symbol, name, instrument.asset, D(100), instrument.option
        )
        facts = given((leg(instrument),), **micro)
        facts = type(facts)(**{**facts.__dict__, "grounds": {name: place}})
        assert outcome(facts, "symbol") == right


def spread(short: int, long: int, *, call: bool = True, units: int = 1, mids=("5.00", "4.00")):
    return (
        leg(option(short, call=call), -1, units=units, quote=quote(mids[0])),
        leg(option(long, call=call), 1, units=units, quote=quote(mids[1])),
    )


CONDOR = (
    leg(option(590, call=False), -1), leg(option(585, call=False), 1, quote=quote("4.00")),
    leg(option(610), -1), leg(option(615), 1, quote=quote("4.00")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("legs", "found"),
    [
        ((leg(option(600)),), "long_option"),
        ((leg(SHARE, units=10),), "stock"),
        ((leg(SHARE, -1, units=10),), "short_stock"),
        ((leg(option(590, call=False), -1),), "cash_secured_put"),
        ((leg(SHARE, -100), leg(option(590, call=False), -1)), None),
        (spread(600, 605), "credit_vertical"),
        (spread(605, 600), "debit_vertical"),
        (spread(600, 595, call=False), "credit_vertical"),
        (CONDOR, "iron_condor"),
        ((leg(option(600)), leg(option(600, call=False))), "long_straddle"),
        ((leg(option(600, expiry=TODAY), -1), leg(option(600))), "calendar"),
        ((leg(option(600), -1), leg(option(600, expiry=TODAY))), None),
        ((leg(option(590)), leg(option(600), -2), leg(option(610))), "butterfly"),
        ((leg(option(590)), leg(option(600), -2)), None),
        ((leg(SHARE, 100), leg(option(620), -1)), "covered"),
        ((leg(option(590)), leg(option(600)), leg(option(610))), None),
    ],
)
def test_what_an_order_opens_is_named(legs, found):
    answer = said(given(legs), "structure")
    assert (answer.outcome == "pass", answer.value if found else None) == (bool(found), found)


def test_a_small_account_opens_no_condor():
    facts = given(CONDOR, size=account_class(2_000.0), equity=D(2_000))
    answer = said(facts, "structure")
    assert (answer.outcome, answer.value, answer.limit) == ("refuse", "iron_condor", "micro")


def test_a_contract_has_the_listed_units():
    assert outcome(given((leg(option(600), listed=D(10)),)), "contract") == "refuse"
    assert outcome(given((leg(option(600), listed=None),)), "contract") == "refuse"


def pending(*moves, closing=False):
    return Pending((Filling(tuple(moves), D(0)),), D(0), closing)


@pytest.mark.parametrize(
    ("positions", "others", "legs", "right"),
    [
        ((), (), (leg(option(600), -1),), "refuse"),
        ((), (), (leg(option(600, call=False), -1),), "pass"),
        ((), (), (leg(option(600, call=False), -1), leg(option(600), -1)), "refuse"),
        ((held(option(590), 1),), (), (leg(option(600), -1),), "pass"),
        ((held(option(590), 1),), (), (leg(option(600), -1, units=2),), "refuse"),
        ((held(option(590, expiry=TODAY), 1),), (), (leg(option(600), -1),), "refuse"),
        ((held(SHARE, 100),), (), (leg(option(600), -1),), "pass"),
        ((held(SHARE, 99),), (), (leg(option(600), -1),), "refuse"),
        ((held(SHARE, -100),), (), (leg(option(600, call=False), -1),), "pass"),
        # The long call that would cover it is being sold by another order.
        ((held(option(590), 1),), (pending(held(option(590), -1), closing=True),),
         (leg(option(600), -1),), "refuse"),
        # What another order buys may never come.
        ((), (pending(held(option(590), 1)),), (leg(option(600), -1),), "refuse"),
        ((), (), spread(600, 605), "pass"),
        ((), (), CONDOR, "pass"),
    ],
)  # fmt: skip
def test_no_short_option_is_ever_uncovered(positions, others, legs, right):
    facts = given(legs, positions=positions, pending=others)
    assert outcome(facts, "uncovered") == right


@pytest.mark.parametrize(
    ("equity", "cash", "rules"),
    [
        (1_000_000, 100_000, set()),
        (1_000_000, 58_000, {"cash secured", "buying power", "day trading"}),
        (24_999, 100_000, {"structure", "uncovered", "order loss", "open loss"}),
    ],
)
def test_a_put_stands_over_cash_where_accounts_of_this_size_sell_them(equity, cash, rules):
    facts = given(
        (leg(option(590, call=False), -1),), cash=D(cash), equity=D(equity),
        size=account_class(float(equity)),
    )  # fmt: skip
    assert facts.picture.loss == 58_500 + facts.picture.fees
    assert facts.picture.hold == 58_500 + facts.picture.fees
    refused = {one.rule for one in evaluate(facts) if one.answer.outcome == "refuse"}
    assert refused - {"underlying loss"} == rules


def test_a_put_over_cash_counts_what_other_orders_take_of_the_cash():
    """$120,000: the put takes 59,000 of it; shares or another put for as much are too many."""
    put = (leg(option(590, call=False), -1),)
    known = {"cash": D(120_000), "equity": D(1_000_000), "size": account_class(1e6)}
    shares = Pending((Filling((held(SHARE, 100),), D(60_000)),), D(60_000), closing=False)
    more = Pending((Filling((held(SHARE, 110),), D(66_000)),), D(0), closing=False)
    sold = pending(held(option(595, call=False), -1))
    cover = pending(held(option(580, call=False), -1), closing=True)
    spread_ = (held(option(585, call=False), -1), held(option(580, call=False), 1))
    for others, book, right in [
        ((shares,), (), "pass"), ((more,), (), "refuse"), ((sold,), (), "pass"),
        ((sold, sold), (), "refuse"), ((), spread_, "pass"), ((cover,), spread_, "pass"),
        ((cover, sold), spread_, "refuse"),
    ]:  # fmt: skip
        answer = said(given(put, pending=others, positions=book, **known), "cash secured")
        assert answer.outcome == right, (others, answer)


def test_a_put_over_cash_is_bought_back_whatever_the_cash():
    facts = given(
        (leg(option(590, call=False), 1, closing=True),),
        positions=(held(option(590, call=False), -1),), cash=D(1_000),
    )  # fmt: skip
    assert facts.picture.reducing
    assert refused_by(facts) is None


@pytest.mark.parametrize(
    ("more", "value"),
    [
        ({"credit": D(0), "account": {"broker": "paper"}}, "0"),
        ({"credit": D(1), "account": {"broker": "alpaca"}}, "alpaca"),
        ({"credit": D(1), "account": {"broker": "paper"}}, None),
    ],
)
def test_shares_are_sold_short_on_credit_where_the_broker_lends_them(more, value):
    answer = said(given((leg(SHARE, -1),), price=D(600), **more), "short sale")
    assert (answer.outcome, answer.value if value else None) == (
        "refuse" if value else "pass", value,
    )  # fmt: skip


def test_coins_are_never_sold_short():
    coin = Instrument("BTC/USD", "BTC/USD", Asset.CRYPTO, D(1))
    facts = given((leg(coin, -1),), price=D(600), credit=D(1), account={"broker": "paper"})
    assert said(facts, "short sale").value == "crypto"


def test_the_two_exits_of_a_group_never_both_fill():
    """A bracket: an entry of one call that has filled, and two exits of it that wait."""
    ways = tuple(Filling((held(option(590), -1),), D(0)) for _ in range(2))
    both = Pending(ways, D(0), closing=True)
    cover = (held(option(590), 2),)
    assert (
        outcome(given((leg(option(600), -1),), positions=cover, pending=(both,)), "uncovered")
        == "pass"
    )
    two = tuple(Pending((way,), D(0), closing=True) for way in ways)
    assert (
        outcome(given((leg(option(600), -1),), positions=cover, pending=two), "uncovered")
        == "refuse"
    )


def test_leaving_the_long_leg_of_a_spread_lowers_no_risk():
    positions = (held(option(600), -1), held(option(605), 1))
    facts = given((leg(option(605), -1, closing=True),), positions=positions)
    assert not facts.picture.reducing
    assert outcome(facts, "uncovered") == "refuse"
    back = given((leg(option(600), 1, closing=True),), positions=positions)
    assert back.picture.reducing
    assert refused_by(back) is None


def test_an_order_that_lowers_risk_passes_whatever_the_account_lost():
    positions = (held(option(600), 1), held(option(590), 400))
    facts = given(
        (leg(option(600), -1, closing=True),), positions=positions, equity=None, day=None,
        size=None, greeks_held=None, greeks_order=None, greeks_pending=None,
    )  # fmt: skip
    assert refused_by(facts) is None
    assert facts.picture.hold == 0


def test_what_leaves_a_position_holds_what_it_costs():
    facts = given(
        (leg(option(600), 1, closing=True),),
        positions=(held(option(600), -1), held(option(610), 1)),
    )
    assert facts.picture.reducing
    assert facts.picture.hold == D("500.06")


@pytest.mark.parametrize(
    ("legs", "price", "hold", "loss"),
    [
        ((leg(option(600)),), "5.00", "500.06", "500.06"),
        (spread(600, 605), "-1.00", "400.13", "400.13"),
        (CONDOR, "-2.00", "300.26", "300.26"),
        ((leg(SHARE, units=10),), "600.00", "6000.01", "1200.01"),
    ],
)  # fmt: skip
def test_hold_and_loss_of_orders(legs, price, hold, loss):
    facts = given(legs, price=D(price))
    assert refused_by(facts) is None
    assert (facts.picture.hold, facts.picture.loss) == (D(hold), D(loss))


def test_a_loss_within_thirty_days_is_a_word_and_no_refusal():
    facts = given(losses=frozenset({"SPY"}))
    answer = said(facts, "wash sale")
    assert (answer.outcome, refused_by(facts)) == ("warn", None)
    sold = given(spread(600, 605), price=D("-1"), losses=frozenset({"QQQ"}))
    assert outcome(sold, "wash sale") == "pass"


def test_without_a_calendar_real_money_opens_nothing_and_paper_is_told():
    assert outcome(given(ground={"events": None}), "macro") == "refuse"
    paper = given(ground={"events": None}, account={"live": False})
    assert outcome(paper, "macro") == "warn"
    assert outcome(closing(ground={"events": None}), "macro") == "pass"


FACTS = {
    "size": "symbol", "equity": "order loss", "day": "daily loss",
    "greeks_held": "delta", "greeks_order": "delta", "greeks_pending": "delta",
}  # fmt: skip


@pytest.mark.parametrize("name", FACTS)
def test_a_fact_that_is_missing_refuses(name):
    assert refused_by(given(**{name: None})) == FACTS[name]


GROUND = {
    "spot": "sanity", "session": "session", "chain_age": "chain age", "jump": "anomaly",
    "quoted": "anomaly", "frozen": "anomaly", "state": "session",
}  # fmt: skip


@pytest.mark.parametrize("name", GROUND)
def test_a_fact_of_the_market_that_is_missing_refuses(name):
    assert (
        refused_by(given(ground={name: "its feed is paused" if name == "state" else None}))
        == (GROUND[name])
    )


QUOTES = {
    "bid": "quote", "ask": "quote", "age": "quote age", "interest": "open interest",
    "ask_size": "displayed size",
}  # fmt: skip


@pytest.mark.parametrize("name", QUOTES)
def test_a_fact_of_a_quote_that_is_missing_refuses(name):
    legs = (leg(option(600), quote=quote(**{name: None})),)
    assert refused_by(given(legs)) == QUOTES[name]


@pytest.mark.parametrize("value", [D("NaN"), D("sNaN"), D("Infinity")])
@pytest.mark.parametrize("side", ["bid", "ask"])
def test_what_is_no_number_refuses(side, value):
    assert refused_by(given((leg(option(600), quote=quote(**{side: value})),))) is not None


def test_no_market_refuses():
    facts = given()
    blind = type(facts)(
        **{**{k: v for k, v in facts.__dict__.items() if k != "picture"}, "grounds": {}}
    )
    assert refused_by(blind) == "symbol"
    assert option(600).option.expiry == FAR


@pytest.mark.parametrize(("made", "right"), [(2, "pass"), (3, "warn"), (None, "warn")])
def test_leaving_a_position_is_never_refused_for_day_trades(made, right):
    facts = closing(day_rule="legacy_pdt", day_trades=made, equity=D(10_000))
    assert outcome(facts, "day trading") == right
    assert outcome(given(day_rule="something"), "day trading") == "refuse"
