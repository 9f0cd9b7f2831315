"""The small parts of the gate by themselves: comparing, quotes, Greeks, slips, margins."""

from __future__ import annotations

import math
from dataclasses import fields
from decimal import Decimal
from statistics import NormalDist
from typing import Any

import pytest

from tests.trading.risk.built import SHARE, given, ground, held, leg, option, quote
from trading.risk import findings, greeks, margins, slippage
from trading.risk.facts import (
    Asset,
    Counts,
    Facts,
    Ground,
    Holding,
    Instrument,
    Quote,
    Sensitivity,
    Standing,
)
from trading.risk.findings import MissingError

D = Decimal
LAW = NormalDist()


@pytest.mark.parametrize(
    ("value", "most", "least"), [("0.99", "pass", "refuse"), ("1", "pass", "pass"),
                                 ("1.01", "refuse", "pass")],
)  # fmt: skip
def test_a_limit_itself_is_within(value, most, least):
    assert findings.at_most(D(value), D(1), "Too much.").outcome == most
    assert findings.at_least(D(value), D(1), "Too little.").outcome == least


def test_an_answer_tells_what_it_compared():
    answer = findings.at_most(D("2.50"), D("1.0"), "Too much.")
    assert (answer.text, answer.value, answer.limit) == ("Too much.", "2.5", "1")
    answer = findings.at_least(D("0.5"), D("1.0"), "Too little.")
    assert (answer.text, answer.value, answer.limit) == ("Too little.", "0.5", "1")
    assert findings.passed(D(1), 2) == findings.Answer(findings.Outcome.PASS, "", "1", "2")
    assert findings.warned("Hm.", "a", 1.5) == findings.Answer("warn", "Hm.", "a", "1.5")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"), (D("0.1234564"), "0.123456"), (D("0.1234565"), "0.123456"),
        (D("0.1234575"), "0.123458"), (D("1E+3"), "1000"), ("on", "on"), (True, "True"),
        (D(10) ** 15 - D("0.1234567"), "999999999999999.876543"),
        (D(10) ** 15 + D("0.1234567"), "1000000000000000.1234567"),
        (-(D(10) ** 15) - D("0.1234567"), "-1000000000000000.1234567"),
    ],
)  # fmt: skip
def test_a_number_is_told_to_six_decimals(value, text):
    assert findings.shown(value) == text


def test_what_is_not_known_is_named():
    assert findings.need(0, "it") == 0
    with pytest.raises(MissingError, match=r"^the price is not known$"):
        findings.need(None, "the price")


@pytest.mark.parametrize(
    ("bid", "ask", "mid"),
    [("4", "6", "5"), ("0", "1", "0.5"), ("-0.01", "1", None), ("5", "5", None),
     ("5.01", "5", None), ("0", "0", None), (None, "5", None), ("5", None, None)],
)  # fmt: skip
def test_the_middle_of_a_quote_that_is_in_order(bid, ask, mid):
    sides = {"bid": None if bid is None else D(bid), "ask": None if ask is None else D(ask)}
    assert quote(**sides).mid == (None if mid is None else D(mid))


def test_legs_and_underlyings_of_an_order():
    legs = (leg(option(600), closing=True), leg(SHARE, -2, units=3), leg(option(610)))
    facts = given(legs)
    assert facts.underlyings == ["SPY"]
    assert facts.opening == legs[1:]
    assert legs[1].as_holding() == Holding(SHARE, D(-6), quote("600.00"))
    assert legs[0].as_holding().units == 100


def test_sensitivities_add_up_each_by_itself():
    one = Sensitivity(*map(D, (1, 20, 300, 4000)))
    assert one.plus(one) == Sensitivity(*map(D, (2, 40, 600, 8000)))
    assert greeks.summed([one, Sensitivity(), one]) == one.plus(one)
    assert greeks.summed([]) == Sensitivity()
    assert greeks.summed([one, None]) is None


def worth(sigma: float, strike: float, years: float, *, call: bool, rate: float, carry: float):
    """Black, Scholes and Merton by hand: price, then the Greeks of a unit as they are quoted."""
    spot, root = 600.0, math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate - carry + sigma**2 / 2) * years) / (sigma * root)
    d2, sign = d1 - sigma * root, 1 if call else -1
    grown, paid = spot * math.exp(-carry * years), strike * math.exp(-rate * years)
    price = sign * (grown * LAW.cdf(sign * d1) - paid * LAW.cdf(sign * d2))
    bump = math.exp(-carry * years) * LAW.pdf(d1)
    theta = (
        -spot * bump * sigma / (2 * root)
        - sign * rate * paid * LAW.cdf(sign * d2) + sign * carry * grown * LAW.cdf(sign * d1)
    ) / 365  # fmt: skip
    return price, {
        "delta": sign * math.exp(-carry * years) * LAW.cdf(sign * d1) * spot,
        "gamma": bump / (spot * sigma * root) * spot**2 / 100, "vega": spot * bump * root / 100,
        "theta": theta,
    }  # fmt: skip


@pytest.mark.parametrize(("call", "strike", "many"), [(True, 610, 3), (False, 580, -2)])
def test_greeks_are_those_of_black_and_scholes(call, strike, many):
    price, right = worth(0.25, strike, 0.3, call=call, rate=0.03, carry=0.01)
    mid = quote(bid=D(repr(price)) - D("0.01"), ask=D(repr(price)) + D("0.01"), years=0.3)
    parts = [Holding(option(strike, call=call), D(many), mid), held(SHARE, -7)]
    found = greeks.sensitivities(parts, {"SPY": ground(rate=0.03, dividend=0.01)})
    for name, one in right.items():
        assert float(getattr(found[0], name)) == pytest.approx(100 * many * one, rel=1e-5), name
    assert found[1] == Sensitivity(delta=D(-4200))


def test_what_is_not_known_of_greeks_is_none_in_its_place():
    call = option(610)
    parts = [
        held(SHARE, 1), Holding(call, D(1), None), Holding(call, D(1), quote(bid=None)),
        Holding(call, D(1), quote(years=None)), held(call, 1),
    ]  # fmt: skip
    found = greeks.sensitivities(parts, {"SPY": ground()})
    assert [one is None for one in found] == [False, True, True, True, False]
    assert greeks.sensitivities(parts, {"SPY": ground(spot=None)}) == [None] * 5
    assert greeks.sensitivities(parts, {}) == [None] * 5
    assert greeks.sensitivities([], {}) == []


def test_an_option_that_ended_moves_with_nothing():
    ended = Holding(option(590), D(1), quote("10.00", years=0.0))
    assert greeks.sensitivities([ended], {"SPY": ground()}) == [Sensitivity()]


def test_an_option_loses_no_more_in_a_day_than_it_is_worth():
    last = Holding(option(600), D(1), quote("0.50", years=1 / 365 / 24))
    (found,) = greeks.sensitivities([last], {"SPY": ground()})
    assert found.theta == D("-50")


def test_an_option_without_time_value_has_the_greeks_of_exercise():
    """Less than the 100 that exercise gives: no volatility explains the price."""
    deep = Holding(option(500), D(1), quote("99.00", years=0.1))
    (found,) = greeks.sensitivities([deep], {"SPY": ground()})
    assert float(found.delta) == pytest.approx(60_000, rel=1e-6)
    near = Holding(option(590), D(1), quote("9.00", years=0.1))
    (found,) = greeks.sensitivities([near], {"SPY": ground()})
    _, right = worth(0.05, 590, 0.1, call=True, rate=0.0, carry=0.0)
    assert float(found.vega) == pytest.approx(100 * right["vega"], rel=1e-5)


USUAL = [0.01, -0.01] * 10


@pytest.mark.parametrize(
    ("before", "newest", "known"),
    [(USUAL[:19], 0.0, False), (USUAL, 0.0, True), ([*USUAL, 0.0], 0.0, True),
     ([*USUAL[:19], math.nan], 0.0, False), ([*USUAL[:19], math.inf], 0.0, False),
     (USUAL, math.nan, False), (USUAL, math.inf, False)],
)  # fmt: skip
def test_twenty_fills_say_what_is_usual(before, newest, known):
    assert (slippage.sigmas(before, newest) is not None) is known


def test_a_slip_is_told_in_standard_deviations():
    spread = 0.01 * math.sqrt(20 / 19)
    assert slippage.sigmas(USUAL, 0.03) == pytest.approx(0.03 / spread)
    assert slippage.sigmas([0.002 + one for one in USUAL], 0.0) == pytest.approx(-0.002 / spread)
    assert slippage.sigmas([*USUAL, math.inf], 0.03) == pytest.approx(0.03 / spread)


def test_fills_that_were_all_alike_make_a_basis_point_usual():
    assert slippage.sigmas([0.0] * 20, 0.0003) == pytest.approx(3.0)
    assert slippage.MOST_SIGMAS == 3.0


@pytest.mark.parametrize(
    ("amount", "cents"),
    [(1.0, "1.00"), (1.0000001, "1.00"), (1.000001, "1.01"), (1.001, "1.01"), (1.01, "1.01"),
     (0.1 + 0.2, "0.30"), (-1.001, "-1.00")],
)  # fmt: skip
def test_a_margin_is_in_full_cents(amount, cents):
    assert margins.rounded_up(amount) == D(cents)


def kept(*parts: Holding, credit: bool = False, maintenance: bool = False, cash: int = 0):
    marks = [(one, D(600) if one.instrument.option is None else one.quote.mid) for one in parts]
    return margins.left(
        D(cash), marks, {"SPY": D(600), "XSP": D(600)}, credit=credit, maintenance=maintenance
    )


MINI = Instrument("XSP261218C00610000", "XSP", Asset.OPTION, D(10), option(610).option)


def index_call(strike: int) -> Instrument:
    terms = option(strike, american=False, index=True).option
    return Instrument(f"XSP261218C00{strike}000", "XSP", Asset.OPTION, D(100), terms)


@pytest.mark.parametrize(
    ("parts", "cash", "full", "credit", "keep"),
    [
        ((), 7, "7", "7", "7"),
        # Shares paid in full leave the cash as it is; Regulation T lends half, then three quarters.
        ((held(SHARE, 100),), 0, "0", "30000", "45000"),
        ((held(SHARE, -100),), 60_000, "-30000", "-30000", "-18000"),
        # Options that are long ask for nothing more than they cost.
        ((held(option(610), 1),), 5, "5", "5", "5"),
        # A credit spread asks for its width, a covered call for nothing beside the shares.
        ((held(option(600), -1), held(option(605), 1)), 500, "0", "0", "0"),
        ((held(SHARE, 100), held(option(610), -1)), 0, "0", "30000", "45000"),
        ((held(option(590, call=False), -1),), 59_000, "0", "0", "0"),
    ],
)
def test_what_positions_leave_of_the_cash(parts, cash, full, credit, keep):
    assert kept(*parts, cash=cash) == D(full)
    assert kept(*parts, cash=cash, credit=True) == D(credit)
    assert kept(*parts, cash=cash, credit=True, maintenance=True) == D(keep)


def test_an_uncovered_call_asks_for_a_fifth_and_on_an_index_for_less():
    """20 % of $60,000 less what it is out of the money, or 15 %, and its mark of $500."""
    assert kept(held(option(610), -1), credit=True) == -(500 + 12_000 - 1_000)
    assert kept(held(index_call(610), -1), credit=True) == -(500 + 9_000 - 1_000)


def test_contracts_of_other_units_stand_by_themselves():
    """Shares cover contracts of a hundred alone, and a long call of ten units covers a tenth."""
    ten = Holding(MINI, D(-1), quote())
    assert kept(ten, credit=True) == -(50 + 1_200 - 100)
    mixed = (held(index_call(600), -1), Holding(MINI, D(10), quote()))
    assert kept(*mixed, credit=True) < -1_000
    shares = Holding(Instrument("XSP", "XSP", Asset.EQUITY, D(1)), D(10), quote("600.00"))
    assert kept(ten, shares, credit=True) == 3_000 - (50 + 1_200 - 100)


def test_facts_that_nobody_gave_are_not_known_and_leave_is_not_given():
    bare: dict[str, Any] = {one.name: one.default for one in fields(Facts)}
    assert bare["day_rule"] == "intraday_margin"
    assert bare["equity"] is bare["day"] is bare["greeks_held"] is bare["day_trades"] is None
    assert Standing(1, True, "b", "p", "s") == Standing(
        1, True, "b", "p", "s", "", live_enabled=False, opted_in=False, market_orders=False
    )
    counts = Counts(1, 2, 3, 4, 5)
    assert (counts.openings, counts.since_opening) == (0, None)
    empty = Ground("SPY", ground().now, "on", Quote(None, None, None))
    assert (empty.spot, empty.session, empty.synthetic, empty.rate, empty.dividend) == (
        None, None, False, 0.0, 0.0,
    )  # fmt: skip
