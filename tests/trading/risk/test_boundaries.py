"""Every limit at one less, at the limit, and at one more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from quant.account_classes import account_class
from tests.trading.risk.built import (
    CLOSE,
    NAMES,
    OPEN,
    OWN,
    TODAY,
    closing,
    event,
    given,
    held,
    leg,
    lost,
    option,
    priced,
    quote,
    refused_by,
    said,
    short_share,
    three,
)
from trading.risk import limits
from trading.risk.facts import Day, Facts, Sensitivity
from trading.risk.limits import LimitError
from trading.risk.rules import RULES, evaluate

D = Decimal
SECOND = dt.timedelta(seconds=1)
Case = tuple[str, Callable[[Any], Facts], list[tuple[Any, str]]]


def sizes(number: int) -> Facts:
    return given((leg(option(600), units=number),), limits={"contracts": D(10)})


def worth(mid: str) -> Facts:
    legs = (leg(option(600), quote=quote(mid)),)
    return given(legs, price=D(mid), median=D(100), limits={"notional": D(5)})


def greek(name: str) -> Case:
    def make(amount: int) -> Facts:
        return given(
            greeks_order=Sensitivity(**{name: D(amount)}), limits={name: D("0.01")},
            greeks_held=Sensitivity(**{name: D(500)}),
        )  # fmt: skip

    return name, make, [*three(500), (-1_499, "pass"), (-1_500, "pass"), (-1_501, "refuse")]


def pending_greek(amount: int) -> Facts:
    ways = ((Sensitivity(delta=D(amount)), Sensitivity(delta=D(-400))),)
    return given(greeks_pending=ways, limits={"delta": D("0.01")})


def at(clock: dt.datetime, **more: Any) -> Facts:
    return given(ground={"now": clock}, **more)


def expiring(clock: dt.datetime, close: dt.datetime = CLOSE) -> Facts:
    legs = (leg(option(600, expiry=TODAY)),)
    return given(legs, ground={"now": clock, "session": (OPEN, close)})


def aged(seconds: float) -> Facts:
    return given((leg(option(600), quote=quote(age=seconds)),))


def wide(ask: str, mid_bid: str) -> Facts:
    return given((leg(option(600), quote=quote(bid=D(mid_bid), ask=D(ask))),))


def deep(price: str) -> Facts:
    """A limit to sell a call of 500 that is worth 100 at least."""
    legs = (leg(option(500), -1, quote=quote("101.00")),)
    return given(legs, price=D(price))


def cash_put(cash: str, **more: Any) -> Facts:
    """Selling one put of 50 for 0.05."""
    legs = (leg(option(50, call=False), -1, quote=quote("0.05")),)
    return given(legs, price=D("0.05"), cash=D(cash), **more)


def loss_of(mid: str, **shares: str) -> Facts:
    """Buy one call: what it costs is what it may lose, with fees of a few cents."""
    legs = (leg(option(600), quote=quote(mid)),)
    return given(legs, price=D(mid), limits={name: D(share) for name, share in shares.items()})


def spread_held(width: int) -> Facts:
    """Buying for $500 beside a credit spread of so many dollars' width."""
    positions = (held(option(590, call=False), -1), held(option(590 - width, call=False), 1))
    return given(positions=positions, limits={"open_loss": D("0.025")})


def contracts_held(number: int) -> Facts:
    return given(positions=(held(option(590), number),), limits={"held": D(10)})


def counted(name: str, **more: D) -> Callable[[int], Facts]:
    return lambda number: given(counts={name: number}, limits=more)


def automatic(**counts: Any) -> Facts:
    return given(counts=counts, intent={"origin": "bot:7"})


def fallen(share: str) -> Facts:
    return given(day=Day(D(100_000), D(0), D(share)), limits={"drawdown": D("0.10")})


def equity_of(amount: int, name: str, **more: Any) -> Facts:
    return given(size=account_class(float(amount)), equity=D(amount), **more)


T15 = dt.datetime(2026, 11, 20, 20, 0, tzinfo=dt.UTC)
HALF = dt.datetime(2026, 11, 20, 18, 0, tzinfo=dt.UTC)
CASES: list[Case] = [
    ("session", at, [(OPEN - SECOND, "refuse"), (OPEN, "pass"), (CLOSE - SECOND, "pass"),
                     (CLOSE, "refuse")]),
    ("last trade", lambda clock: at(clock, legs=(leg(option(600, expiry=TODAY)),)),
     [(CLOSE - SECOND, "pass"), (CLOSE, "refuse"), (CLOSE + SECOND, "refuse")]),
    ("last hour", expiring, [(T15 - SECOND, "pass"), (T15, "refuse"), (T15 + SECOND, "refuse")]),
    ("last hour", lambda clock: expiring(clock, HALF),
     [(HALF - dt.timedelta(hours=1, seconds=1), "pass"), (HALF - dt.timedelta(hours=1), "refuse")]),
    ("quote age", aged, three(5.0, 0.001)),
    ("quote age", lambda age: closing(leg={"quote": quote(age=age)}), three(30.0, 0.001)),
    ("underlying age", lambda age: given(ground={"quote": quote("600.00", age=age)}),
     three(2.0, 0.001)),
    ("underlying age", lambda age: closing(ground={"quote": quote("600.00", age=age)}),
     three(30.0, 0.001)),
    ("chain age", lambda age: given(ground={"chain_age": age}), three(60.0, 0.001)),
    ("future", lambda ahead: aged(-ahead), three(1.0, 0.001)),
    ("quote", lambda bid: wide("5.01", bid), [("5.00", "pass"), ("5.01", "refuse"),
                                              ("5.02", "refuse"), ("0", "refuse")]),
    ("width", lambda ask: wide(ask, "3.50"), [("4.49", "pass"), ("4.50", "pass"),
                                              ("4.51", "refuse")]),
    ("width", lambda ask: wide(ask, "0.05"), [("0.14", "pass"), ("0.15", "pass"),
                                              ("0.16", "refuse")]),
    ("sanity", deep, [("99.98", "refuse"), ("99.99", "pass"), ("100.00", "pass")]),
    ("sanity", lambda price: given(price=D(price)), [("599", "pass"), ("600", "pass"),
                                                     ("600.01", "refuse")]),
    ("collar", priced, [("5.49", "pass"), ("5.50", "pass"), ("5.51", "refuse")]),
    ("collar", lambda price: priced(price, ratio=-1), [("4.51", "pass"), ("4.50", "pass"),
                                                       ("4.49", "refuse")]),
    ("collar", lambda price: priced(price, bid="0.09", ask="0.11"),
     [("0.12", "pass"), ("0.13", "pass"), ("0.14", "refuse")]),
    ("through", priced, [("5.45", "pass"), ("5.46", "pass"), ("5.47", "refuse")]),
    ("through", lambda price: priced(price, ratio=-1), [("4.57", "pass"), ("4.56", "pass"),
                                                        ("4.55", "refuse")]),
    ("through", lambda price: priced(price, bid="0.09", ask="0.11"),
     [("0.15", "pass"), ("0.16", "pass"), ("0.17", "refuse")]),
    ("order size", sizes, three(10)),
    ("notional", worth, [("4.99", "pass"), ("5.00", "pass"), ("5.01", "refuse")]),
    ("open interest", lambda interest: given(
        (leg(option(600), units=5, quote=quote(interest=D(interest))),),
        limits={"interest": D("0.05")}), [(101, "pass"), (100, "pass"), (99, "refuse")]),
    ("displayed size", lambda size: given(
        (leg(option(600), units=6, quote=quote(ask_size=D(size))),),
        limits={"displayed": D(3)}), [(3, "pass"), (2, "pass"), (1, "refuse")]),
    ("orders a second", counted("second", orders_a_second=D(2)), three(1)),
    ("orders a minute", counted("minute", orders_a_minute=D(60)), three(59)),
    ("orders a day", counted("day", orders_a_day=D(500)), three(499)),
    ("duplicate", counted("same", repeats=D(5)), three(4)),
    ("broker refusals", counted("refusals", refusals=D(5)), three(4)),
    ("openings a day", lambda number: automatic(openings=number), three(49)),
    ("seconds between openings", lambda since: automatic(openings=1, since_opening=since),
     [(60.1, "pass"), (60.0, "pass"), (59.9, "refuse")]),
    # The strike of 50 in cash, less what is received: $5,000 - $5 + $0.06 of fees.
    ("cash secured", cash_put,
     [("4995.05", "refuse"), ("4995.06", "pass"), ("4995.07", "pass")]),
    ("cash secured", lambda cash: cash_put(cash, credit=D(100_000)),
     [("4995.05", "refuse"), ("4995.06", "pass")]),
    ("buying power", cash_put, [("4995.05", "refuse"), ("4995.06", "pass")]),
    # 150 % of $600: the proceeds, and half of them once more, with the fees.
    ("buying power", short_share,
     [("300.01", "refuse"), ("300.02", "pass"), ("300.03", "pass")]),
    ("order loss", lambda mid: loss_of(mid, order_loss="0.0050006"),
     [("4.99", "pass"), ("5.00", "pass"), ("5.01", "refuse")]),
    ("underlying loss", lambda mid: loss_of(mid, underlying_loss="0.005"),
     [("4.99", "pass"), ("5.00", "pass"), ("5.01", "refuse")]),
    ("open loss", spread_held, three(20)),
    ("loss today", lambda mid: given(
        (leg(option(600, expiry=TODAY), quote=quote(mid)),), price=D(mid),
        limits={"today_loss": D("0.005")}),
     [("4.99", "pass"), ("5.00", "pass"), ("5.01", "refuse")]),
    ("buying power", lambda cash: given(cash=D(cash)),
     [("500.07", "pass"), ("500.06", "pass"), ("500.05", "refuse")]),
    ("day trading", lambda cash: given(cash=D(cash)),
     [("500.07", "pass"), ("500.06", "pass"), ("500.05", "refuse")]),
    ("day trading", lambda made: given(
        day_rule="legacy_pdt", day_trades=made, equity=D(24_999)),
     [(1, "pass"), (2, "pass"), (3, "refuse"), (4, "refuse")]),
    ("day trading", lambda equity: given(day_rule="legacy_pdt", day_trades=3, equity=D(equity)),
     [(24_999, "refuse"), (25_000, "pass"), (25_001, "pass")]),
    ("position", contracts_held, three(9)),
    greek("delta"), greek("gamma"), greek("vega"), greek("theta"),
    ("delta", pending_greek, three(1_000)),
    ("daily loss", lost, [(1_999, "pass"), (2_000, "refuse"), (2_001, "refuse")]),
    ("halting loss", lost, [(2_999, "pass"), (3_000, "refuse"), (3_001, "refuse")]),
    ("drawdown", fallen, [("0.099", "pass"), ("0.100", "refuse"), ("0.101", "refuse")]),
    ("earnings", lambda ahead: event("earnings", ahead),
     [(86_401, "pass"), (86_400, "refuse"), (0, "refuse"), (-3_599, "refuse"), (-3_600, "pass")]),
    ("macro", lambda ahead: event("macro", ahead),
     [(901, "pass"), (900, "refuse"), (0, "refuse"), (-299, "refuse"), (-300, "pass")]),
    ("anomaly", lambda jump: given(ground={"jump": D(jump)}),
     [("0.029", "pass"), ("0.030", "pass"), ("0.031", "refuse"), ("-0.031", "refuse")]),
    ("anomaly", lambda share: given(ground={"quoted": D(share)}),
     [("0.51", "pass"), ("0.50", "pass"), ("0.49", "refuse")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "make", "value", "right"),
    [(name, make, value, right) for name, make, values in CASES for value, right in values],
)
def test_a_limit_holds_at_its_boundary(name, make, value, right):
    answer = said(make(value), name)
    assert answer.outcome.value == right, answer
    assert (right == "pass") or answer.text


def test_every_rule_with_a_number_has_a_boundary():
    words = {"plan", "opt in", "account state", "switches", "breakers", "order kind", "broker",
             "symbol", "structure", "short sale", "contract", "uncovered", "wash sale"}  # fmt: skip
    assert {name for name, _, _ in CASES} == set(NAMES) - words


def test_the_order_to_start_with_passes_every_rule():
    assert refused_by(given()) is None
    assert refused_by(closing()) is None


@pytest.mark.parametrize("rule", NAMES)
def test_a_rule_that_fails_refuses(rule):
    def broken(facts: Facts) -> None:
        raise RuntimeError("broken")

    rules = tuple(one._replace(judge=broken) if one.name == rule else one for one in RULES)
    found = [one for one in evaluate(given(), rules) if one.answer.outcome == "refuse"]
    assert [one.rule for one in found] == [rule]


@pytest.mark.parametrize("name", list(limits.TABLE))
def test_limits_are_set_within_the_plan_alone(name):
    for plan, column in [("free", 1), ("pro", 2), ("pro_plus", 3)]:
        most = limits.TABLE[name][column]
        limits.check(name, most, plan)
        with pytest.raises(LimitError):
            limits.check(name, most + 1, plan)
        assert most <= limits.TABLE[name].cap
        told = [(OWN, name, str(most * 100))]
        kept = limits.effective(plan, live=True, settings=told, own=OWN)
        assert getattr(kept, name) == most


def test_nothing_is_known_of_a_limit_that_is_no_number():
    for text in ("NaN", "-1", "many"):
        with pytest.raises(LimitError):
            limits.effective("pro", live=True, settings=[(OWN, "contracts", text)], own=OWN)


def test_a_wider_scope_only_lowers_and_a_class_lowers_further():
    from trading.scopes import EVERYTHING

    told = [(OWN, "contracts", "8"), (EVERYTHING, "contracts", "3"), (EVERYTHING, "held", "90")]
    kept = limits.effective("pro", live=True, settings=told, own=OWN)
    assert (kept.contracts, kept.held) == (3, 5)
    small = limits.within_class(kept, account_class(5_000_000.0))
    assert small.order_loss == D("0.01")
    assert limits.within_class(replace(kept, order_loss=D(1)), account_class(100.0)).order_loss == (
        D("0.05")
    )
