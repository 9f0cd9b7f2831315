"""The life of an option: nothing is lost between holders, writers, shares and cash."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D  # noqa: N817
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import calendars, occ
from quant import assignment, option_life
from quant.option_life import Booking

SIZES = st.integers(1, 200)
CENTS = st.integers(1, 100_000).map(lambda cents: cents / 100)


@given(
    is_call=st.booleans(), strike=CENTS, settlement=CENTS, quantity=SIZES, physical=st.booleans(),
    part=st.floats(0, 1),
)  # fmt: skip
def test_what_the_holder_gets_the_writer_gives(
    is_call, strike, settlement, quantity, physical, part
):
    kept = int(part * quantity)
    shared = {"is_call": is_call, "strike": strike, "settlement": settlement, "physical": physical}
    holder = option_life.settle(quantity=quantity, do_not_exercise=kept, **shared)
    writer = option_life.settle(quantity=-quantity, assigned=holder.exercised, **shared)
    assert holder.exercised == writer.assigned
    assert holder.expired == writer.expired
    assert holder.exercised + holder.assigned + holder.expired == quantity
    assert holder.shares == -writer.shares
    assert holder.cash == -writer.cash
    worth = holder.shares * settlement + holder.cash
    expected = holder.exercised * 100 * option_life.in_the_money(is_call, strike, settlement)
    assert worth == pytest.approx(expected, abs=1e-6)
    if not physical:
        assert holder.shares == 0
        assert holder.cash >= 0


@given(is_call=st.booleans(), strike=st.integers(1, 10**6), ticks=st.integers(-3, 3))
def test_a_cent_is_a_cent(is_call, strike, ticks):
    away = ticks if is_call else -ticks
    due = option_life.exercised_by_exception(is_call, strike / 100, (strike + away) / 100)
    assert due == (ticks >= 1)


@given(
    lower=CENTS, width=CENTS, settlement=CENTS, quantity=SIZES, is_call=st.booleans()
)  # fmt: skip
def test_a_spread_is_worth_nothing_to_its_width(lower, width, settlement, quantity, is_call):
    strikes = np.array([lower, lower + width])
    side = np.array([1, -1]) if is_call else np.array([-1, 1])
    settled = option_life.settle(
        is_call=is_call, strike=strikes, quantity=side * quantity, settlement=settlement
    )
    worth = float((settled.shares * settlement + settled.cash).sum())
    most = quantity * 100 * width
    assert -0.01 <= worth <= most + 0.01


@given(
    is_call=st.booleans(), strike=CENTS, settlement=CENTS,
    quantity=SIZES | SIZES.map(lambda size: -size), physical=st.booleans(),
)  # fmt: skip
def test_what_is_booked_adds_up_to_what_is_settled(is_call, strike, settlement, quantity, physical):
    settled = option_life.settle(
        is_call=is_call, strike=strike, quantity=quantity, settlement=settlement, physical=physical
    )
    booked = option_life.activities(
        settled, option="O", underlying="U", strike=D(str(strike)), held=quantity,
        day=dt.date(2026, 1, 5),
    )  # fmt: skip
    closed = sum(one.quantity for one in booked if one.symbol == "O")
    assert quantity + closed == 0
    assert sum(one.quantity for one in booked if one.kind is Booking.TRADE) == int(settled.shares)
    assert float(sum(one.amount for one in booked)) == pytest.approx(float(settled.cash))
    for one in booked:
        if one.kind is Booking.TRADE:
            assert one.amount == -one.quantity * one.price


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": 1, "do_not_exercise": 2}, "instructions"),
        ({"quantity": -1, "do_not_exercise": 1}, "instructions"),
        ({"quantity": 1, "exercise_anyway": 0.5}, "exercise_anyway"),
        ({"quantity": -2, "assigned": 3}, "assigned"),
        ({"quantity": np.nan}, "quantity"),
    ],
)
def test_impossible_instructions_are_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        option_life.settle(is_call=True, strike=100, settlement=101, **wrong)


NEW_YORK = ZoneInfo("America/New_York")


def at(moment_ns):
    return dt.datetime.fromtimestamp(moment_ns / 1e9, NEW_YORK).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("root", "day", "value", "trading", "sweep"),
    [
        # A third Friday: SPX at the open after its last trade on Thursday, SPXW at the close.
        ("SPX", dt.date(2026, 1, 16), "2026-01-16 09:30", "2026-01-15 16:00", "2026-01-16 15:15"),
        ("SPXW", dt.date(2026, 1, 16), "2026-01-16 16:00", "2026-01-16 16:00", "2026-01-16 15:15"),
        # The day after Thanksgiving closes at 13:00.
        ("SPY", dt.date(2026, 11, 27), "2026-11-27 13:00", "2026-11-27 13:00", "2026-11-27 12:15"),
        # Before and after the clocks change.
        ("SPY", dt.date(2026, 3, 6), "2026-03-06 16:00", "2026-03-06 16:00", "2026-03-06 15:15"),
        ("SPY", dt.date(2026, 3, 9), "2026-03-09 16:00", "2026-03-09 16:00", "2026-03-09 15:15"),
    ],
)
def test_when_an_option_is_settled_traded_last_and_swept(root, day, value, trading, sweep):
    """With the rules of roots and the sessions that `market` has."""
    rule = occ.rule(root)
    session = calendars.session(day)
    before = calendars.session(day - dt.timedelta(days=3 if day.weekday() == 0 else 1)) if (
        root == "SPX"
    ) else session  # fmt: skip
    fixed = option_life.settlement_instant(rule.settles, session.open_ns, session.close_ns)
    assert at(fixed) == value
    assert at(option_life.last_trade(rule.settles, before.close_ns, session.close_ns)) == trading
    assert at(assignment.sweep_instant(session.close_ns)) == sweep


def test_an_instant_of_its_own():
    assert option_life.settlement_instant("pm", 1, 9, at=5) == 5


def test_early_assignment_is_a_draw_by_contract():
    due = np.array([True, True, False])
    drawn = assignment.assigned_early(due, [10, 10, 10], [0.5, 0.0, 0.5], share=0.4)
    assert drawn.tolist() == [4, 0, 0]
    assert assignment.assigned_early(True, 7, 0.3).tolist() == 7
    draws = np.random.default_rng(1).random(4000)
    found = assignment.assigned_early(True, 10, draws, share=0.4)
    assert found.mean() == pytest.approx(4.0, abs=4 * np.sqrt(10 * 0.24 / 4000))
    with pytest.raises(ValueError, match="share"):
        assignment.assigned_early(True, 1, 0.5, share=1.5)


def test_pin_risk_is_that_of_a_simulation():
    rng = np.random.default_rng(2)
    spot, sigma, years = 100.2, 0.2, 1.5 / (24 * 365)
    sd = sigma * np.sqrt(years)
    ends = spot * np.exp(sd * rng.standard_normal(400_000) - 0.5 * sd**2)
    for is_call in (True, False):
        risk = assignment.pin_risk(
            is_call=is_call, spot=spot, strike=100.0, quantity=-3, sigma=sigma, years=years,
            half_width=0.25,
        )  # fmt: skip
        itm = ends > 100.0 if is_call else ends < 100.0
        shares = (-300 if is_call else 300) * itm
        assert float(risk.in_money) == pytest.approx(itm.mean(), abs=0.004)
        assert float(risk.shares) == pytest.approx(shares.mean(), abs=1.2)
        # Each of the 3 contracts ends alike: all or nothing.
        assert float(risk.shares_sd) == pytest.approx(shares.std(), abs=1.2)
        assert float(risk.near) == pytest.approx((np.abs(ends - 100.0) < 0.25).mean(), abs=0.004)


@given(
    legs=st.lists(
        st.tuples(st.booleans(), st.integers(95, 105), st.integers(-3, 3).filter(bool)),
        min_size=1, max_size=6,
    ),
    spot=st.sampled_from([96.0, 98.5, 100.0, 101.5, 104.0]),
    power=st.integers(0, 40_000),
    shares=st.integers(0, 300),
)  # fmt: skip
def test_what_is_left_can_be_carried_however_the_day_ends(legs, spot, power, shares):
    calls, strikes, counts = zip(*legs, strict=True)
    goes = assignment.swept(
        is_call=np.array(calls), strike=strikes, quantity=counts, spot=spot,
        underlying=[0] * len(legs), shares=[shares], buying_power=power,
    )  # fmt: skip
    between = [strike + cent for strike in strikes for cent in (-0.01, 0.01)]
    near = [end for end in between if abs(end - spot) < 0.0099 * spot]
    for end in (0.99 * spot, spot, 1.01 * spot, *near):
        coming, paid, takes, gives = 0, 0, False, False
        for (call, strike, count), gone in zip(legs, goes, strict=True):
            if not gone and (end - strike if call else strike - end) >= 0.01:
                move = 100 * count if call else -100 * count
                coming, paid = coming + move, paid + move * strike
                takes, gives = takes or move > 0, gives or move < 0
        assert coming + shares >= 0 or not gives
        assert paid <= power or not takes
    assert not assignment.swept(
        is_call=np.array(calls), strike=strikes, quantity=counts, spot=spot,
        underlying=[0] * len(legs), shares=[10**4], buying_power=10**7,
    ).any()  # fmt: skip


def test_what_is_swept_stays_with_its_underlying():
    found = assignment.swept(
        is_call=[False, False], strike=[100, 50], quantity=[1, 1], spot=[90, 40],
        underlying=[0, 1], shares=[0, 100], buying_power=0.0,
    )  # fmt: skip
    assert found.tolist() == [True, False]
