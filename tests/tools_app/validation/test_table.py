"""The table's figures against plain formulas, and the family's test on known worth."""

import math

import numpy as np
import pytest
from scipy import stats

from market.frames import Kind
from tools_app.registry import catalogue
from tools_app.validation.blocks import BINS, Tally
from tools_app.validation.table import BY_DESIGN, FAN, as_json, family_p, fan, lines


def tally(seed: int, *, edge: float = 0.0, paths: int = 2000, sideless: bool = False) -> Tally:
    """One signal on every other path, normal gains of size 1 around `edge`, base rate a half."""
    rng = np.random.default_rng(seed)
    signals = (np.arange(paths) % 2 == 0).astype(np.int64)
    gain = np.where(signals, rng.standard_normal(paths) + edge, 0.0)
    wins = (gain > 0.0).astype(np.int64)
    bins = np.zeros((BINS, 3))
    bins[7] = (signals.sum(), wins.sum(), 0.75 * signals.sum())
    return Tally(
        signals=signals,
        wins=wins,
        gain=gain,
        gross=gain + 0.01 * signals,
        base=0.5 * signals,
        bins=bins,
        sideless=np.array([signals.sum() if sideless else 0]),
    )


@pytest.fixture
def tools():
    return [catalogue().get(number) for number in (9, 10, 14)]


def test_figures_are_the_plain_formulas(tools):
    tallies = {9: tally(1), 10: tally(2, edge=1.0), 14: tally(3, edge=1.0, sideless=True)}
    null, good, odd = lines(tools, tallies, Kind.INTRADAY)
    gains = tallies[10].gain[tallies[10].signals > 0]
    assert good.signals == 1000
    assert good.win == pytest.approx(np.mean(gains > 0.0))
    assert good.average == pytest.approx(gains.mean())
    assert good.average_high - good.average == pytest.approx(
        1.96 * gains.std() / math.sqrt(gains.size), rel=1e-3
    )
    low, high = stats.binomtest(int((gains > 0).sum()), 1000).proportion_ci(method="wilson")
    assert (good.win_low, good.win_high) == pytest.approx((low, high), abs=2e-3)
    assert good.gross == pytest.approx(good.average + 0.01)
    whole = tallies[10].gain
    assert good.sharpe == pytest.approx(whole.mean() / whole.std(ddof=1) * math.sqrt(252))
    assert good.gap == pytest.approx(good.win - 0.52)
    assert good.bins == [[pytest.approx(0.75), pytest.approx(good.win), 1000.0]]
    assert null.verdict == "no edge"
    assert (odd.verdict, odd.words) == ("compare", BY_DESIGN)
    assert not odd.sided


def test_signals_of_one_path_count_as_one():
    one = tally(4, paths=400)
    alike = Tally(
        signals=5 * one.signals,
        wins=5 * one.wins,
        gain=5 * one.gain,
        gross=5 * one.gross,
        base=5 * one.base,
        bins=5 * one.bins,
        sideless=one.sideless,
    )
    tool = [catalogue().get(9)]
    single, many = (lines(tool, {9: each}, Kind.INTRADAY)[0] for each in (one, alike))
    assert many.signals == 5 * single.signals
    assert many.win_high - many.win_low == pytest.approx(single.win_high - single.win_low, rel=0.05)
    assert many.average_high - many.average_low == pytest.approx(
        single.average_high - single.average_low
    )


def test_a_tool_that_never_signals_has_no_figures():
    none = tally(5, paths=200)
    empty = Tally(**{name: 0 * getattr(none, name) for name in Tally.__dataclass_fields__})
    line = as_json(lines([catalogue().get(9)], {9: empty}, Kind.INTRADAY)[0])
    assert (line["signals"], line["win"], line["verdict"]) == (0, None, "too few")
    assert math.isnan(family_p([empty], 1))


def test_the_family_test_finds_worth_and_is_quiet_without():
    worthless = [tally(seed) for seed in range(10, 20)]
    assert family_p(worthless, 1) > 0.05
    assert family_p([*worthless, tally(20, edge=0.3)], 1) < 0.01
    assert math.isnan(family_p([tally(1, sideless=True)], 1))


def test_the_fan_opens_from_nothing_and_its_quantiles_do_not_cross():
    shown = fan(tally(6, edge=0.5, paths=5040), Kind.INTRADAY)
    assert shown["years"] == 20
    assert shown["steps"][-1] == 252
    assert len(shown["quantiles"]) == len(FAN)
    assert (np.diff(np.array(shown["quantiles"]), axis=0) >= 0.0).all()
    assert shown["quantiles"][2][-1] == pytest.approx(252 * 0.25, rel=0.4)
