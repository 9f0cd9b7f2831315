"""Every check catches the tool that was broken for it, says what to change, and no other one."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from market.features import rolling
from market.frames import Kind
from tools_app.checks import check
from tools_app.conditions import at_least, graded
from tools_app.contract import THRESHOLD, Condition, Param, Scope, Tier, Tool, Verdict

calls = count()


def verdict(x, rise, limit=0.001) -> Verdict:
    condition = at_least("rise", rise, limit, width=limit, unit="share")
    return Verdict((condition,), np.where(rise > 0.0, 1.0, -1.0))


def good(x, p) -> Verdict:
    return verdict(x, rise_of(x), p["rise"])


def rise_of(x):
    return rolling.ratio(x["close"], rolling.shift(x["close"], 5)) - 1.0


def peeks(x, p):
    ahead = np.roll(x["close"], -1, axis=-1)
    return verdict(x, ahead / x["close"] - 1.0)


def knows_the_mean(x, p):
    known = np.nan_to_num(x["close"], nan=100.0)
    return verdict(x, x["close"] / known.mean(axis=-1, keepdims=True) - 1.0)


def remembers_the_first_row(x, p):
    return verdict(x, x["close"] / x["close"][..., :1] - 1.0)


def needs_more_rows(x, p):
    return verdict(x, rolling.ratio(x["close"], rolling.shift(x["close"], 9)) - 1.0)


def sums_as_it_goes(x, p):
    total = np.cumsum(np.nan_to_num(x["close"]), axis=-1)
    mean = (total - rolling.shift(total, 5)) / 5.0
    return verdict(x, x["close"] / mean - 1.0)


def beyond_one(x, p):
    rise = rise_of(x)
    return Verdict((Condition("rise", rise, "", 3.0 * np.abs(rise) / 0.001),), np.sign(rise))


def half_a_side(x, p):
    return replace(good(x, p), side=np.full(x["close"].shape, 0.5))


def fails_at_a_bound(x, p):
    if p["rise"] >= 0.01:
        raise KeyError("rise")
    return good(x, p)


def silent_at_a_bound(x, p):
    rise = np.full(x["close"].shape, np.nan) if p["rise"] <= 1e-4 else rise_of(x)
    return verdict(x, rise, p["rise"])


def draws(x, p):
    return verdict(x, rise_of(x) + 1e-3 * np.random.default_rng().standard_normal())


def counts_its_calls(x, p):
    return replace(good(x, p), conditions=(*good(x, p).conditions, constant(x, float(next(calls)))))


def constant(x, value: float) -> Condition:
    return Condition("calls", np.full(x["close"].shape, value))


def writes(x, p):
    x["close"][..., 0] = 1.0
    return good(x, p)


def mixes_paths(x, p):
    close = x["close"]
    return verdict(x, rise_of(x) - (close.mean(axis=0) * 1e-6 if close.ndim > 1 else 0.0))


def one_path_alone(x, p):
    close = x["close"].ravel()
    return verdict({"close": close}, rise_of({"close": close}))


def fills_gaps(x, p):
    close = np.nan_to_num(x["close"], nan=100.0)
    return verdict(x, rolling.ratio(close, rolling.shift(close, 5, 100.0)) - 1.0)


def compares_with_nan(x, p):
    fired = np.where(rise_of(x) > p["rise"], 1.0, 0.0)
    return Verdict((graded("rise", rise_of(x), fired),), np.ones(x["close"].shape))


def never_scores(x, p):
    return verdict(x, np.full(x["close"].shape, np.nan))


def raises(x, p):
    raise ZeroDivisionError("no volume")


GOOD = Tool(
    id=1000, slug="good", name="Good one", tier=Tier.FREE, family="Examples",
    hypothesis="The price rises after it has risen a little.", source="Own rule.",
    formula="Close over the close five rows before.", kind=Kind.INTRADAY, scope=Scope.ONE,
    inputs=("close",), params=(THRESHOLD, Param("rise", 0.001, 1e-4, 0.01, "share", "least")),
    window=6, horizon=12, horizon_unit="minutes", direction="with the rise",
    judged_on="intraday paths", blind_spots="It sees prices and nothing else.", compute=good,
)  # fmt: skip

BROKEN = [
    (peeks, "no look-ahead", "negative shift"),
    (peeks, "prefix", "rows up to t"),
    (knows_the_mean, "no look-ahead", "whole array"),
    (remembers_the_first_row, "window", "`window`"),
    (needs_more_rows, "window", "every row that one score depends on (now 6)"),
    (sums_as_it_goes, "window", "start no sum"),
    (sums_as_it_goes, "newest row", "running sums"),
    (beyond_one, "bounds", "tools_app.degrees"),
    (half_a_side, "bounds", "-1, 0 or 1"),
    (fails_at_a_bound, "parameters", "narrow the bounds"),
    (silent_at_a_bound, "bounds", "every setting"),
    (draws, "determinism", "random number"),
    (counts_its_calls, "determinism", "keep nothing between calls"),
    (writes, "inputs", "np.array"),
    (mixes_paths, "paths", "last axis"),
    (one_path_alone, "paths are apart", "answer every frame"),
    (fills_gaps, "missing inputs", "fill no gap"),
    (compares_with_nan, "missing inputs", "comparison with NaN is False"),
    (never_scores, "scores", "`window` is full"),
    (raises, "bounds hold", "not an error"),
]


def test_the_good_one_passes():
    assert check(GOOD) == []


@pytest.mark.parametrize(
    ("compute", "name", "remedy"), BROKEN, ids=[f"{c.__name__}-{n}" for c, n, _ in BROKEN]
)
def test_a_broken_tool_is_caught_and_told_what_to_change(compute, name, remedy):
    found = check(replace(GOOD, compute=compute))
    told = [finding for finding in found if finding.check == name]
    assert told, found
    assert any(remedy in finding.remedy for finding in told)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"hypothesis": "It rises."}, "`hypothesis` is 9 letters long"),
        ({"blind_spots": ""}, "`blind_spots` is 0 letters long"),
        ({"horizon_unit": "hours"}, "`horizon_unit` is 'hours'"),
        ({"params": (THRESHOLD, Param("rise", 0.001, 1e-4, 0.01, "", ""))}, "no description"),
    ],
)
def test_a_poor_declaration_is_told(change, problem):
    found = check(replace(GOOD, **change))
    assert any(problem in finding.problem for finding in found), found


def test_a_tool_without_inputs_is_told():
    found = check(replace(GOOD, inputs=(), optional=("close",)))
    assert any(finding.problem == "it needs no input" for finding in found)


def test_a_parameter_that_takes_anything_is_told():
    class Loose(Param):
        def checked(self, value: float) -> float:
            return value

    loose = Loose("rise", 0.001, 1e-4, 0.01, "share", "least")
    found = check(replace(GOOD, params=(THRESHOLD, loose)))
    assert ("parameters", "is taken") in {(f.check, f.problem[-8:]) for f in found}
