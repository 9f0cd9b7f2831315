"""Edges of the rules that are met on the other side, with several legs, or by one word."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.trading.risk.built import (
    CLOSE,
    NAMES,
    SHARE,
    TODAY,
    closing,
    event,
    given,
    ground,
    held,
    leg,
    lost,
    option,
    outcome,
    priced,
    quote,
    refused_by,
    said,
    short_share,
    three,
)
from trading.risk import rules
from trading.risk.facts import Asset, Day, Filling, Instrument, Pending, Sensitivity, Stop
from trading.risk.findings import refused

D = Decimal
COIN = Instrument("BTC/USD", "BTC/USD", Asset.CRYPTO, D(1))
QQQ = Instrument("QQQ", "QQQ", Asset.EQUITY, D(1))
OPENING = {
    "symbol", "structure", "short sale", "last hour", "width", "order size", "notional",
    "open interest", "displayed size", "orders a day", "openings a day",
    "seconds between openings", "cash secured", "order loss", "open loss", "underlying loss",
    "loss today", "buying power", "position", "delta", "gamma", "vega", "theta", "daily loss",
    "drawdown", "earnings", "macro", "anomaly",
}  # fmt: skip
"""What an order that does nothing but lower risk is not asked."""


def put(strike: int, **more: Any) -> Instrument:
    return option(strike, call=False, **more)


def pair(first: Any, second: Any, *, ratio: int = -1, strikes: tuple[int, int] = (600, 605)):
    """Two calls with quotes of their own."""
    return (leg(option(strikes[0]), 1, quote=first), leg(option(strikes[1]), ratio, quote=second))


def europeans(years: float, **more: Any):
    """Selling a European call of 500 that exercise would give 100 for."""
    legs = (leg(option(500, american=False), -1, quote=quote("101.00", years=years)),)
    return lambda price: given(legs, price=D(price), **more)


def asked(ask: str):
    legs = (leg(option(500), quote=quote(bid=D("90"), ask=D(ask))),)
    return given(legs, price=D("99.00"))


def spread_priced(price: str):
    """A credit spread of which both quotes are a cent wide, the middle at $1 received."""
    legs = (leg(option(600), -1), leg(option(605), 1, quote=quote("4.00")))
    return given(legs, price=D(price))


def stale(price: str):
    """Leaving a call on a quote of ten seconds."""
    market = quote(age=10.0, bid=D("4.80"), ask=D("5.20"))
    return closing(leg={"quote": market}, price=D(price))


def pending_of(amount: int):
    ways = ((Sensitivity(delta=D(amount)),), (Sensitivity(delta=D(10)), Sensitivity(delta=D(-10))))
    return given(greeks_pending=ways, limits={"delta": D("0.01")})


def holding(amount: str) -> Pending:
    """An open order for one call that holds so much."""
    return Pending((Filling((held(option(590), 1),), D(amount)),), D(amount), closing=False)


def on(**more: Any):
    return given(ground=more)


CASES = [
    ("chain age", lambda age: closing(ground={"chain_age": age}), three(60.0, 0.001)),
    ("future", lambda ahead: on(quote=quote("600.00", age=-ahead)), three(1.0, 0.001)),
    ("sanity", europeans(0.5), [("74.98", "refuse"), ("74.99", "pass"), ("75.00", "pass")]),
    ("sanity", europeans(-1.0), [("99.98", "refuse"), ("99.99", "pass")]),
    ("sanity", lambda price: given((leg(put(700), -1, quote=quote("101.00")),), price=D(price)),
     [("99.98", "refuse"), ("99.99", "pass"), ("100.00", "pass")]),
    ("sanity", lambda price: given((leg(put(50), quote=quote("0.05")),), price=D(price)),
     [("49.99", "pass"), ("50.00", "pass"), ("50.01", "refuse")]),
    ("sanity", asked, [("99.98", "refuse"), ("99.99", "pass"), ("100.00", "pass")]),
    ("sanity", lambda bid: given((leg(put(50), quote=quote(bid=D(bid), ask=D(60))),)),
     [("49.99", "pass"), ("50.00", "pass"), ("50.01", "refuse")]),
    ("sanity", lambda bid: given((leg(option(700), quote=quote(bid=D(bid), ask=D(700))),)),
     [("599.99", "pass"), ("600.00", "pass"), ("600.01", "refuse")]),
    # Of a package each leg's price says nothing about the order's.
    ("sanity", lambda price: given((leg(option(500), -1, quote=quote("101.00")),
                                    leg(option(510), quote=quote("91.00"))), price=D(price)),
     [("-10.00", "pass"), ("700.00", "pass")]),
    ("collar", spread_priced, [("-0.91", "pass"), ("-0.90", "pass"), ("-0.89", "refuse")]),
    ("collar", lambda price: given((leg(option(600)), leg(option(600), -1)), price=D(price)),
     [("0.05", "pass"), ("0.06", "pass"), ("0.07", "refuse")]),
    ("collar", stale, [("4.76", "pass"), ("4.75", "pass"), ("4.74", "refuse")]),
    ("collar", lambda price: closing(price=D(price)),
     [("4.51", "pass"), ("4.50", "pass"), ("4.49", "refuse")]),
    ("through", spread_priced, [("-0.93", "pass"), ("-0.92", "refuse")]),
    ("day trading", short_share, [("180.01", "refuse"), ("180.02", "pass"), ("180.03", "pass")]),
    # What an open order holds is not there for this one.
    ("buying power", lambda cash: given(cash=D(cash), pending=(holding("500"),)),
     [("1000.05", "refuse"), ("1000.06", "pass"), ("1000.07", "pass")]),
    ("delta", pending_of, [(-989, "pass"), (-990, "pass"), (-991, "refuse"), (990, "pass"),
                           (991, "refuse")]),
    ("displayed size", lambda size: given(
        (leg(option(600), -1, units=6, quote=quote(bid_size=D(size))),),
        limits={"displayed": D(3)}), [(3, "pass"), (2, "pass"), (1, "refuse")]),
    ("daily loss", lambda first: given(day=Day(D(first), D(0), D(0))),
     [("-1", "refuse"), ("0", "refuse"), ("0.01", "pass"), ("1", "pass")]),
    ("halting loss", lambda earned: lost(-earned), [(0, "pass"), (5_000, "pass")]),
    ("quote", lambda bid: on(quote=quote("600.00", bid=D(bid))),
     [("600.00", "pass"), ("600.01", "refuse"), ("600.02", "refuse")]),
    ("quote", lambda bid: given((leg(option(600), quote=quote(bid=D(bid), ask=D(2))),)),
     [("-1", "refuse"), ("-0.01", "refuse"), ("0", "refuse"), ("0.01", "pass"), ("1", "pass")]),
    ("quote", lambda bid: closing(leg={"quote": quote(bid=D(bid), ask=D(2))}),
     [("-1", "refuse"), ("-0.01", "refuse"), ("0", "pass"), ("1", "pass")]),
    ("quote", lambda ask: given((leg(option(600), quote=quote(ask=D(ask))),)),
     [("Infinity", "refuse"), ("NaN", "refuse"), ("5.00", "pass")]),
    ("broker refusals", lambda made: closing(counts={"refusals": made}), [(99, "pass")]),
    ("orders a second", lambda made: closing(counts={"second": made}), [(99, "refuse")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "make", "value", "right"),
    [(name, make, value, right) for name, make, values in CASES for value, right in values],
)
def test_a_limit_holds_at_its_other_boundary(name, make, value, right):
    answer = said(make(value), name)
    assert answer.outcome.value == right, answer


def test_what_lowers_risk_is_asked_by_all_other_rules():
    def refusing(facts: Any) -> Any:
        return refused("No.")

    table = tuple(one._replace(judge=refusing) for one in rules.RULES)
    found = [one.rule for one in rules.evaluate(closing(), table)
             if one.answer.outcome == "refuse"]  # fmt: skip
    assert set(found) == set(NAMES) - OPENING
    assert len(rules.evaluate(given(), table)) == len(NAMES)
    assert not rules.Rule("new", refusing).opening


def test_what_is_missing_is_told_with_its_reason_alone():
    notes = {"the equity": "SPY has no mark", "the age": "its feed is mute"}
    answer = said(given(equity=None, notes=notes), "order loss")
    assert (answer.text, answer.value) == (
        "The equity is not known (SPY has no mark).",
        "not known",
    )
    assert said(given(equity=None), "order loss").text == "The equity is not known."


CLEAN = [
    ("width", quote("1.00", bid=D("0.85"), ask=D("1.15")), quote("10.00", bid=D("9.5"),
     ask=D("10.5"))),
    ("open interest", quote(interest=D(10)), quote("4.00", interest=D(100_000))),
    ("displayed size", quote(ask_size=D(0)), quote("4.00", bid_size=D(900))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bad", "good"), CLEAN)
def test_the_worst_leg_counts_wherever_it_stands(name, bad, good):
    more = {"limits": {"interest": D("0.05"), "displayed": D(3)}}
    assert outcome(given(pair(bad, good), **more), name) == "refuse"
    turned = (leg(option(605), -1, quote=good), leg(option(600), 1, quote=bad))
    assert outcome(given(turned, **more), name) == "refuse"
    first, second = good, good
    assert outcome(given(pair(first, second), **more), name) == "pass"


@pytest.mark.parametrize(
    ("name", "long", "short"),
    [("open interest", {"interest": D(80)}, {"interest": D(20)}),
     ("displayed size", {"ask_size": D(4)}, {"bid_size": D(1)})],
)  # fmt: skip
def test_what_is_sold_counts_like_what_is_bought(name, long, short):
    """Two of each: of the long one four may be had, of the short one a single one."""
    legs = (leg(option(600), units=2, quote=quote(**long)),
            leg(option(605), -1, units=2, quote=quote(**short)))  # fmt: skip
    answer = said(given(legs, limits={"interest": D("0.05"), "displayed": D(1)}), name)
    assert (answer.outcome, answer.value, answer.limit) == ("refuse", "2", "1")


@pytest.mark.parametrize(
    ("name", "first", "second", "value", "limit"),
    [
        ("width", quote(), quote("9.00"), "0.02", "1.25"),
        # As near to its limit as the first one, so that the first is told.
        ("width", quote("5.00", bid=D("4.85"), ask=D("5.15")),
         quote("9.00", bid=D("8.35"), ask=D("9.65")), "0.3", "1.25"),
        ("open interest", quote(interest=D(1_000)), quote(interest=D(2_000)), "1", "50"),
        ("displayed size", quote(ask_size=D(10)), quote(bid_size=D(20)), "1", "30"),
    ],
)  # fmt: skip
def test_what_is_told_is_of_the_leg_nearest_to_its_limit(name, first, second, value, limit):
    more = {"limits": {"interest": D("0.05"), "displayed": D(3)}}
    answer = said(given(pair(first, second), **more), name)
    assert (answer.outcome, answer.value, answer.limit) == ("pass", value, limit)


@pytest.mark.parametrize(
    ("name", "first", "second", "limit"),
    [("open interest", {"interest": D(1_000)}, {"interest": D(1_020)}, "50"),
     ("displayed size", {"ask_size": D(50)}, {"bid_size": D(51)}, "50")],
)  # fmt: skip
def test_of_legs_as_near_to_their_limit_the_first_is_told(name, first, second, limit):
    more = {"limits": {"interest": D("0.05"), "displayed": D(1)}}
    legs = pair(quote(**first), quote(**second), ratio=-2)
    answer = said(given(legs, **more), name)
    assert (answer.value, answer.limit) == ("1", limit)


def test_the_oldest_quote_of_all_legs_counts():
    legs = pair(quote(), quote(age=5.001))
    assert outcome(given(legs), "quote age") == "refuse"
    assert outcome(given(tuple(reversed(legs))), "quote age") == "refuse"
    share = (leg(SHARE, 100, quote=quote("600.00", age=9.0)), leg(option(610), -1))
    assert outcome(given(share), "quote age") == "pass"


@pytest.mark.parametrize("name", ["open interest", "displayed size"])
def test_shares_have_no_such_number(name):
    answer = said(given((leg(SHARE, 1, units=10),)), name)
    assert (answer.outcome, answer.value) == ("pass", "")


def test_a_coin_is_traded_when_no_session_is_on():
    place = ground(symbol=COIN.symbol, session=None, quote=quote("600.00"))
    facts = given((leg(COIN, quote=quote("600.00")),), grounds={COIN.symbol: place}, price=D(600))
    assert outcome(facts, "session") == "pass"
    assert outcome(given((leg(SHARE, 1),), ground={"session": None}), "session") == "refuse"


def test_an_index_has_a_level_and_no_quote():
    level = quote("600.00", bid=None, ask=None)
    assert outcome(on(quote=level), "quote") == "pass"
    assert outcome(on(quote=level, spot=None), "quote") == "refuse"
    for side in ("bid", "ask"):
        assert outcome(on(quote=quote("600.00", **{side: None})), "quote") == "refuse"


def test_a_quote_that_is_locked_or_crossed_is_called_so():
    for bid, word in [("5.01", "locked"), ("5.02", "crossed")]:
        answer = said(given((leg(option(600), quote=quote(bid=D(bid))),)), "quote")
        assert answer.text.endswith(f"is {word}.")


def test_a_market_in_which_nothing_moves_is_refused():
    assert outcome(on(frozen=True), "anomaly") == "refuse"


def test_shares_need_no_quotes_of_a_chain():
    assert outcome(given((leg(SHARE, 1),), ground={"quoted": None}), "anomaly") == "pass"
    package = (leg(SHARE, 100), leg(option(610), -1))
    assert outcome(given(package, ground={"quoted": D("0.4")}), "anomaly") == "refuse"


@pytest.mark.parametrize(("kind", "whose"), [("earnings", "SPY"), ("macro", "the market")])
def test_an_event_is_told_with_whose_it_is(kind, whose):
    assert said(event(kind, 0), kind).text == f"Something of {whose} is at hand."
    other = "macro" if kind == "earnings" else "earnings"
    assert outcome(event(kind, 0), other) == "pass"


def test_a_simulated_market_needs_no_calendar():
    assert outcome(on(events=None, synthetic=True), "earnings") == "pass"


@pytest.mark.parametrize("name", ["breakers", "switches"])
def test_each_of_several_stops_is_looked_at(name):
    field = "breakers" if name == "breakers" else "stops"
    stops = (Stop("first", "reducing", "."), Stop("second", "halted", "."))
    answer = said(closing(**{field: stops}), name)
    assert (answer.outcome, answer.value) == ("refuse", "second")


def test_only_what_is_bought_defers_a_loss():
    sold = (leg(option(600), -1), leg(QQQ, 1))
    grounds = {name: ground(symbol=name) for name in ("SPY", "QQQ")}
    for losses, right in [({"SPY"}, "pass"), ({"QQQ"}, "warn")]:
        facts = given(sold, losses=frozenset(losses), grounds=grounds)
        assert outcome(facts, "wash sale") == right


def both(**more: Any):
    """Shares of two underlyings."""
    legs = (leg(SHARE, 100), leg(QQQ, 300, quote=quote("600.00")))
    grounds = {name: ground(symbol=name) for name in ("SPY", "QQQ")}
    return given(legs, grounds=grounds, price=D(240_000), **more)


def test_the_worst_of_two_underlyings_counts():
    for facts in (both(limits={"held": D(2)}), both(limits={"held": D(3)})):
        assert said(facts, "position").value == "3"
    # Each is taken to cost all of it, and to lose a fifth of its worth at once.
    assert both().picture.losses == {"SPY": 192_000, "QQQ": 96_000}
    assert said(both(), "underlying loss").value == "192000"
    assert said(both(), "open loss").value == "288000"


def test_a_calendar_hangs_on_what_ends_today():
    legs = (leg(option(600, expiry=TODAY), -1), leg(option(600), quote=quote("8.00")))
    facts = given(legs, price=D(3), limits={"today_loss": D("0.00001")})
    assert outcome(facts, "loss today") == "refuse"
    assert said(given(), "loss today").value == "0"


def test_an_open_order_that_ends_later_loses_nothing_today():
    legs = (leg(option(600, expiry=TODAY)),)
    alone = said(given(legs), "loss today")
    answer = said(given(legs, pending=(holding("500"),)), "loss today")
    assert (answer.outcome, answer.value) == ("pass", alone.value)


def test_open_orders_lose_what_the_worst_of_their_ways_does():
    cheap, dear = (Filling((held(option(590), 1),), D(cost)) for cost in (100, 700))
    for ways in ((cheap, dear), (dear, cheap)):
        other = Pending(ways, D(0), closing=False)
        assert given(pending=(other,)).picture.losses == {"SPY": 500 + 700}


def test_a_stop_is_priced_a_tenth_beyond_where_it_is_triggered():
    stop = {"kind": "stop", "limit_price": None, "stop_price": D("5.50")}
    assert closing(intent=stop).picture.price == D("-4.95")
    assert given(intent=stop).picture.price == D("6.05")


def test_a_market_that_is_closed_is_told_with_its_clock():
    answer = said(on(now=CLOSE), "session")
    assert (answer.outcome, answer.value, answer.limit) == ("refuse", "2026-11-20 21:00", "open")


@pytest.mark.parametrize(
    ("instrument", "closes", "value"),
    [(option(590), False, "3"), (option(590), True, "1"), (QQQ, False, "1"), (QQQ, True, "1")],
)
def test_contracts_of_open_orders_count_where_they_open(instrument, closes, value):
    other = Pending((Filling((held(instrument, 2),), D(0)),), D(0), closing=closes)
    grounds = {name: ground(symbol=name) for name in ("SPY", "QQQ")}
    assert said(given(pending=(other,), grounds=grounds), "position").value == value


def test_cover_that_two_orders_leave_is_left_once():
    """Two calls stand behind one that is sold short: either may go, not both."""
    positions = (held(option(600), -1), held(option(605), 2))
    legs = (leg(option(605), -1, closing=True),)
    other = Pending((Filling((held(option(605), -1),), D(0)),), D(0), closing=True)
    assert outcome(given(legs, positions=positions), "uncovered") == "pass"
    facts = given(legs, positions=positions, pending=(other,))
    answer = said(facts, "uncovered")
    assert facts.picture.reducing
    assert (answer.outcome, answer.value, answer.limit) == ("refuse", "100", "0")


def test_without_a_class_no_put_stands_over_cash():
    assert outcome(given(size=None), "uncovered") == "pass"
    assert outcome(given((leg(put(590), -1),), size=None), "uncovered") == "refuse"
    assert outcome(given(size=None), "cash secured") == "pass"


def test_what_is_not_known_has_no_most():
    assert said(given((leg(option(600), -1),)), "order loss").value == "unlimited"
    assert said(given((leg(option(600), -1),)), "open loss").value == "unlimited"
    assert said(given((leg(option(600), -1),)), "underlying loss").value == "unlimited"


def test_an_account_that_owes_may_lose_nothing():
    for name in ("order loss", "delta"):
        answer = said(given(equity=D(-50_000), greeks_order=Sensitivity(delta=D(1))), name)
        assert (answer.outcome, answer.limit) == ("refuse", "0")


@pytest.mark.parametrize(
    ("positions", "name"),
    [((held(SHARE, 100),), "covered"), ((held(QQQ, 100),), "credit_vertical"),
     ((held(option(590), 1),), "credit_vertical"), ((), "credit_vertical")],
)  # fmt: skip
def test_only_shares_of_the_same_underlying_stand_behind_a_call(positions, name):
    assert said(given((leg(option(600), -1),), positions=positions), "structure").value == name


@pytest.mark.parametrize(
    ("ratio", "call", "name"),
    [(-1, False, "cash_secured_put"), (-1, True, "credit_vertical"), (1, False, "long_option")],
)
def test_only_a_put_that_is_sold_stands_over_cash(ratio, call, name):
    facts = given((leg(option(590, call=call), ratio),))
    assert said(facts, "structure").value == name


def test_what_only_leaves_positions_opens_no_structure():
    """Even where it lowers no risk: the short call of a covered one stays behind."""
    positions = (held(option(600), -1), held(option(605), 1))
    facts = given((leg(option(605), -1, closing=True),), positions=positions)
    assert said(facts, "structure").value == "leaves a position"


def test_with_all_in_order_nothing_is_refused_that_ends_open_orders():
    """An open order that closes takes no part of what may be lost."""
    moves = (held(option(600), -1),)
    for closes, right in [(True, "pass"), (False, "refuse")]:
        other = Pending((Filling(moves, D(-500)),), D(0), closing=closes)
        facts = given(pending=(other,), positions=(held(option(600), 1),))
        assert outcome(facts, "open loss") == right


def test_a_limit_that_trades_at_once_is_priced_at_its_collar():
    assert said(priced("5.00"), "collar").value == "5"
    market = replace(priced("5.00").intent, limit_price=None, kind="market")
    facts = given(intent={"limit_price": None, "kind": market.kind})
    assert said(facts, "collar").value == said(facts, "through").value == "5.2605"
    assert refused_by(facts) == "order kind"


def test_of_puts_over_cash_the_dearest_count():
    sold, other = (leg(put(600), -1),), held(put(590), -1)
    for positions, right in [
        ((other, held(put(580), 1)), 60_000), ((other,), 119_000),
        ((other, held(SHARE, -50)), 89_500),
    ]:  # fmt: skip
        assert given(sold, positions=positions).picture.cover.strikes_over_cash == right, positions


def test_a_loss_without_end_is_never_what_lowers_risk():
    """One short put less and one bare call more: as many are uncovered, and nothing bounds it."""
    positions = (held(put(590), -1), held(option(600), -1), held(option(605), 1))
    legs = (leg(put(590), 1, closing=True), leg(option(605), -1, closing=True))
    assert not given(legs, positions=positions, price=D("0.02")).picture.reducing
    bare = given((leg(option(600), 1, closing=True),), positions=(held(option(600), -2),))
    assert bare.picture.reducing


def test_shares_need_no_chain():
    assert outcome(given((leg(SHARE, 1),), ground={"chain_age": None}), "chain age") == "pass"


def test_one_old_quote_makes_an_order_old():
    for legs in (pair(quote(), quote(age=5.001)), pair(quote(age=5.001), quote())):
        assert given(legs).picture.stale
    assert not given(pair(quote(age=5.0), quote())).picture.stale


@pytest.mark.parametrize(("credit", "right"), [("0", "refuse"), ("1", "pass")])
def test_any_credit_lends_half_of_shares(credit, right):
    facts = given((leg(SHARE, 1, units=100),), price=D(600), cash=D(31_000), credit=D(credit))
    assert outcome(facts, "buying power") == right


def test_what_is_sold_is_as_large_as_what_is_bought():
    for ratio in (1, -1):
        facts = given((leg(option(600), ratio, units=11),), limits={"contracts": D(10)})
        assert outcome(facts, "order size") == "refuse"


def test_leaving_what_is_covered_for_more_loss_lowers_no_risk():
    positions = (held(put(600), 1), held(put(590), 1), held(put(595), -1))
    assert not given((leg(put(600), -1, closing=True),), positions=positions).picture.reducing
    assert given((leg(put(590), -1, closing=True),), positions=positions).picture.reducing
