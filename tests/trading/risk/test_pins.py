"""How options may end, against closed forms and a sum over a fine grid of prices."""

from __future__ import annotations

import math
from decimal import Decimal
from statistics import NormalDist

import pytest

from market.kept import indexed
from tests.trading.risk.built import option
from tests.trading.risk.conftest import MOMENT, snapshot
from trading.risk.pins import Ending, endings, half_width

D = Decimal
LAW = NormalDist()
DAY = 1 / 365


def one(strike: int, quantity: int = -2, *, call: bool = True, **more):
    given = {"spot": 600.0, "mid": 3.0, "sigma": 0.2, "years": DAY, "rate": 0.04,
             "half_width": 2.5}  # fmt: skip
    terms = {name: more.pop(name) for name in ("index", "american") if name in more}
    return Ending(option(strike, call=call, **terms), D(quantity), **given | more)


def in_money(ending: Ending) -> float:
    """N(d2) of a call, N(-d2) of a put, no drift."""
    strike, sd = float(ending.instrument.option.strike), ending.sigma * math.sqrt(ending.years)
    d2 = math.log(ending.spot / strike) / sd - sd / 2
    return LAW.cdf(d2 if ending.instrument.option.is_call else -d2)


def summed(ending: Ending) -> tuple[float, float]:
    """The chance of ending near the strike, and the distance from it, by the midpoint rule."""
    strike, sd = float(ending.instrument.option.strike), ending.sigma * math.sqrt(ending.years)
    near = distance = 0.0
    steps = 40_000
    for step in range(steps):
        price = ending.spot * math.exp(sd * LAW.inv_cdf((step + 0.5) / steps) - sd * sd / 2)
        near += (abs(price - strike) < ending.half_width) / steps
        distance += abs(price - strike) / steps
    return near, distance


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize("strike", [580, 600, 605])
def test_chances_are_those_of_the_closed_form(strike, call):
    ending = one(strike, call=call)
    (found,) = endings([ending])
    chance = in_money(ending)
    assert found["in_money"] == pytest.approx(chance, abs=1e-4)
    assert found["shares"] == pytest.approx((-200 if call else 200) * chance, abs=0.06)
    assert found["shares_sd"] == pytest.approx(200 * math.sqrt(chance * (1 - chance)), abs=0.06)
    near, distance = summed(ending)
    assert found["near"] == pytest.approx(near, abs=5e-4)
    assert found["distance"] == pytest.approx(distance, abs=0.02)


def test_what_pays_cash_brings_no_shares():
    (found,) = endings([one(600, index=True, american=False)])
    assert (found["shares"], found["shares_sd"], found["early"]) == (None, None, None)
    assert found["in_money"] == pytest.approx(0.498, abs=1e-3)


def test_the_soonest_comes_first_and_what_is_far_away_says_nothing():
    rows = [one(600, years=DAY), one(605, years=DAY / 24), one(610, years=9 * DAY),
            one(590, years=0.0)]  # fmt: skip
    assert [round(row["hours"]) for row in endings(rows)] == [1, 24]


@pytest.mark.parametrize(
    ("call", "quantity", "strike", "mid", "right"),
    [
        (False, -1, 700, 100.02, True),  # $0.0767 of interest in a day, and $0.02 of time value
        (False, -1, 700, 100.10, False),
        (False, 1, 700, 100.02, None),
        (True, -1, 500, 100.00, None),
    ],
)
def test_a_put_short_may_be_assigned_early(call, quantity, strike, mid, right):
    (found,) = endings([one(strike, quantity, call=call, mid=mid)])
    assert found["early"] is right


def test_near_is_half_of_the_least_gap_between_the_strikes_of_the_expiry():
    assert half_width(indexed(snapshot(MOMENT)), option(600)) == 2.5
