"""One session's row: bars, reports and the basket."""

from dataclasses import replace

import numpy as np
import pytest

from market.features.context import DailyBars, DailyContext, Report
from market.features.daily import observe_daily
from market.features.registry import registry
from market.frames import Kind, Missing
from quant import bsm

HOUR = 3600 * 1_000_000_000
DAY = 24 * HOUR
CLOSES = (19_000 * 24 + 21) * HOUR + DAY * np.arange(120)


@pytest.fixture
def bars() -> DailyBars:
    close = 100.0 * np.exp(0.01 * np.random.default_rng(4).standard_normal(120).cumsum())
    return DailyBars(
        time=CLOSES,
        open=close,
        high=close + 1.0,
        low=close - 1.0,
        close=close,
        volume=np.full(120, 1e6),
        spread=np.full(120, np.nan),
    )


def test_a_row_has_every_registered_observation_and_no_other(bars):
    row = observe_daily(DailyContext(symbol="TEST", bars=bars))
    assert set(row.values) == set(registry().observed_names(Kind.DAILY))
    assert row.values["close"] == bars.close[-1]
    assert row.values["dollar_volume"] == pytest.approx(1e6 * bars.close[-1])
    assert row.reasons["spread"] == Missing.NO_QUOTE
    assert row.reasons["iv_30d"] == Missing.NO_CHAIN
    assert row.reasons["report_sessions"] == Missing.NO_EVENTS
    assert row.reasons["average_correlation"] == Missing.NO_BASKET


def reports(*, due: int, known: int = 0) -> tuple[Report, ...]:
    """Return five past reports after the close, and one to come."""
    past = [Report(scheduled=int(CLOSES[at] + HOUR), known=0) for at in (10, 30, 50, 70, 90)]
    return (*past, Report(scheduled=due, known=known))


def test_past_moves_go_from_the_close_before_to_the_close_after(bars):
    context = DailyContext(symbol="TEST", bars=bars, reports=reports(due=0, known=0))
    row = observe_daily(replace(context, reports=reports(due=int(CLOSES[-1] + 400 * DAY))))
    moves = [abs(bars.close[at + 1] / bars.close[at] - 1.0) for at in (10, 30, 50, 70, 90)]
    assert row.values["past_report_move"] == pytest.approx(np.median(moves))
    assert row.reasons["report_sessions"] == Missing.NO_REPORT
    few = replace(context, reports=reports(due=0)[:3])
    assert observe_daily(few).reasons["past_report_move"] == Missing.NO_HISTORY


@pytest.mark.parametrize(("after", "sessions"), [(1, 0), (24, 1), (25, 1), (49, 2)])
def test_sessions_before_the_report_are_whole_ones(bars, after, sessions):
    context = DailyContext(
        symbol="TEST",
        bars=bars,
        reports=reports(due=int(CLOSES[-1] + after * HOUR)),
        coming_closes=CLOSES[-1] + DAY * np.arange(1, 21),
    )
    assert observe_daily(context).values["report_sessions"] == sessions


def test_a_report_that_nobody_knew_of_yet_is_not_seen(bars):
    context = DailyContext(
        symbol="TEST",
        bars=bars,
        reports=reports(due=int(CLOSES[-1] + HOUR), known=int(CLOSES[-1]) + 1),
        coming_closes=CLOSES[-1] + DAY * np.arange(1, 21),
    )
    assert observe_daily(context).reasons["report_sessions"] == Missing.NO_REPORT


def test_the_move_priced_for_a_report_is_the_variance_beyond_ordinary_days(bars, make_chain):
    spot = 500.0
    base = make_chain(minute=390, spot=spot, days=(3, 10, 31, 59))
    years = base.years()
    jump = 0.05**2
    after = base.expiries > base.time + 5 * DAY
    total = np.sqrt(0.2**2 * years + np.where(after, jump, 0.0))
    value = bsm.price(spot, base.strikes, years, 0.0, 0.0, total / np.sqrt(years), base.is_call)
    chain = replace(base, bids=np.maximum(value - 0.01, 0.0), asks=value + 0.01)
    shifted = base.time - DAY * np.arange(119, -1, -1)
    context = DailyContext(
        symbol="TEST",
        bars=replace(bars, time=shifted),
        chain=chain,
        reports=(Report(scheduled=int(base.time + 5 * DAY), known=0),),
        coming_closes=base.time + DAY * np.arange(1, 21),
    )
    row = observe_daily(context)
    assert row.values["implied_report_move"] == pytest.approx(0.05 * np.sqrt(2 / np.pi), rel=0.01)
    assert row.values["iv_30d"] > 0.2
    far = base.select(base.expiries > base.time + 30 * DAY)
    blind = observe_daily(replace(context, chain=far))
    assert blind.reasons["implied_report_move"] == Missing.NO_QUOTE


def basket(correlation: float, names: int = 12) -> np.ndarray:
    rng = np.random.default_rng(6)
    common = rng.standard_normal(120)
    own = rng.standard_normal((names, 120))
    returns = np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * own
    return 100.0 * np.exp(0.01 * returns.cumsum(axis=1))


def test_names_that_move_together_show_in_both_measures(bars):
    loose, tight = (
        observe_daily(DailyContext(symbol="TEST", bars=bars, basket=basket(c))) for c in (0.1, 0.9)
    )
    assert loose.values["average_correlation"] == pytest.approx(0.1, abs=0.1)
    assert tight.values["average_correlation"] == pytest.approx(0.9, abs=0.1)
    assert tight.values["first_eigen_share"] > 0.8
    assert loose.values["first_eigen_share"] < 0.3


@pytest.mark.parametrize(
    ("closes", "why"),
    [
        (basket(0.5, names=3), Missing.NO_BASKET),
        (basket(0.5)[:, :50], Missing.NO_HISTORY),
        (np.ones((12, 120)), Missing.NO_BASKET),
    ],
)
def test_a_basket_that_is_too_small_or_does_not_move_is_none(bars, closes, why):
    row = observe_daily(DailyContext(symbol="TEST", bars=bars, basket=closes))
    assert row.reasons["average_correlation"] == why
