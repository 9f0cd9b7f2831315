"""Rows of many paths: against the product's own features on the same book, and on whole chains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from market.features import book as book_features
from market.features import flow
from market.features.analysis import analyze
from market.features.context import Positions, RowBuilder
from market.features.daily import BASKET_RETURNS
from market.simulator import SimulatedMarket, SimulatorConfig
from market.simulator.config import MINUTES_PER_YEAR
from market.simulator.daily_rows import BASKET_NAMES, daily_columns
from market.simulator.hedging import TERM_SESSIONS, TERM_YEARS
from market.simulator.path_rows import path_columns, path_reasons
from market.simulator.paths import IntradayPaths, iterate_paths
from market.simulator.profiles import variance_left
from market.simulator.surface import skewed_variance
from market.simulator.term import total_variance
from quant.chain import NANOSECONDS_PER_YEAR, Chain
from quant.exposure import profile
from tools_app.rehearsal import daily_rows, intraday_rows

CONFIG = SimulatorConfig(seed=3)
MINUTES = (0, 30, 150, 260, 388)
EXACT = (
    "gamma", "gamma_gross", "vanna", "speed", "zomma", "call_wall", "put_wall", "abs_gamma_strike",
    "abs_gamma_share", "gamma_under_put_wall", "gamma_0dte", "gamma_gross_0dte", "thin_above",
    "thin_below", "heavy_above", "heavy_below", "magnet_strike", "magnet_share", "wall_kept",
    "otm_call_flow", "squeeze_gamma", "squeeze_strike",
)  # fmt: skip


@pytest.fixture(scope="module")
def walked() -> IntradayPaths:
    return next(iterate_paths(CONFIG, first=0, count=24, chunk=24))


@pytest.fixture(scope="module")
def columns(walked) -> dict[str, np.ndarray]:
    return path_columns(CONFIG, walked)


def features(walked: IntradayPaths, path: int, minute: int, share: float) -> RowBuilder:
    """Return what the live features say of one minute's book, every volatility known."""
    book = walked.book
    spot = float(walked.spot[path, minute])
    left = (walked.minutes - minute - 1) or 0.5
    years = np.array([left / MINUTES_PER_YEAR, TERM_YEARS + left / MINUTES_PER_YEAR])
    both = (
        (book.strikes, book.calls, book.puts),
        (book.term_strikes, book.term_calls, book.term_puts),
    )
    strikes, held, is_call, expiries, iv = [], [], [], [], []
    for e, (listed, calls, puts) in enumerate(both):
        theta = total_variance(
            CONFIG,
            variance=walked.variance[path],
            front=walked.front[path, minute],
            remaining=max(variance_left(walked.minutes)[minute + 1], 1e-12),
            sessions=(0.0, TERM_SESSIONS)[e],
        )
        carry = (CONFIG.rate - CONFIG.dividend) * years[e]
        k = np.log(listed[path] / spot) - carry
        w = skewed_variance(k, theta, rho=CONFIG.skew_rho, eta=CONFIG.skew_eta)
        vols = np.sqrt(w / years[e])
        strikes.append(np.repeat(listed[path], 2))
        held.append(np.stack([calls[path], puts[path]], axis=1).ravel())
        is_call.append(np.tile([True, False], listed.shape[1]))
        expiries.append(np.full(2 * listed.shape[1], round(years[e] * NANOSECONDS_PER_YEAR)))
        iv.append(np.repeat(vols, 2))
    K, calls = np.concatenate(strikes), np.concatenate(is_call)
    n = K.size
    nothing = np.full(n, np.nan)
    chain = Chain(
        time=0, spot=spot, strikes=K, expiries=np.concatenate(expiries), is_call=calls,
        bids=nothing, asks=nothing, bid_sizes=nothing, ask_sizes=nothing,
        open_interest=np.concatenate(held), volume=np.zeros(n), multiplier=np.full(n, 100.0),
        r=CONFIG.rate, q=CONFIG.dividend,
    )  # fmt: skip
    vols = np.concatenate(iv)
    # Smiles and vols are not read where every contract's volatility is given.
    quoted = analyze(chain)
    done = replace(quoted, iv=vols, profile=profile(chain, iv=vols))
    bought = np.zeros(n)
    today = 2 * book.strikes.shape[1]
    bought[:today:2] = share * book.bought[path]
    row = RowBuilder()
    front = chain.expiries == chain.expiries.min()
    day_root = np.sqrt(walked.minutes / MINUTES_PER_YEAR)
    near = total_variance(
        CONFIG, variance=walked.variance[path], front=walked.front[path, minute],
        remaining=variance_left(walked.minutes)[minute + 1], sessions=0.0,
    )  # fmt: skip
    move = spot * float(np.sqrt(near / years[0])) * day_root
    book_features.put_exposures(row, done, front)
    book_features.put_open_interest(row, done, front, move)
    held_now = Positions(strikes=K, expiries=chain.expiries, is_call=calls, held=-bought)
    flow.put_flow(row, done, held_now, move)
    return row


@pytest.mark.parametrize("minute", MINUTES)
def test_every_figure_is_what_the_live_features_say_of_the_same_book(walked, columns, minute):
    """Two implementations of one definition: compiled over paths, and of one chain at a time."""
    plan = walked.plan
    for path in range(0, 24, 3):
        first, second = int(plan.first_ends[path]), int(plan.second_ends[path])
        share = float(np.clip((minute + 1 - first) / (second - first), 0.0, 1.0))
        said = features(walked, path, minute, share).row().values
        for name in EXACT:
            mine = columns[name][path, minute]
            assert mine == pytest.approx(said[name], rel=1e-6, abs=1e-9, nan_ok=True), name
        # The kernel leaves the dividends' discount out: a fixed small sum, whatever cancels.
        assert columns["charm_hour"][path, minute] == pytest.approx(said["charm_hour"], abs=1e5)


@pytest.mark.parametrize("minute", MINUTES[:-1])
def test_zero_gamma_is_a_root_and_mostly_the_nearest(walked, columns, minute):
    same = 0
    for path in range(24):
        said = features(walked, path, minute, 0.0).row().values["zero_gamma"]
        mine = columns["zero_gamma"][path, minute]
        same += int(np.isclose(mine, said, rtol=1e-6, equal_nan=True))
    assert same >= 22


def test_a_row_depends_on_its_own_path_alone(columns):
    alone = next(iterate_paths(CONFIG, first=5, count=1))
    for name, values in path_columns(CONFIG, alone).items():
        np.testing.assert_array_equal(values[0], columns[name][5], err_msg=name)


def test_what_is_missing_says_why(columns):
    reasons = path_reasons(columns)
    for name, values in columns.items():
        if name in reasons:
            np.testing.assert_array_equal(reasons[name] != 0, np.isnan(values))
        else:
            assert np.isfinite(values).all(), name


def test_rows_of_whole_quoted_chains_are_close(calendar):
    """The reduced chain against the quotes of every expiry, in the units that tools compare."""
    market = SimulatedMarket(CONFIG, calendar)
    session = market.session(0)
    fast = path_columns(CONFIG, session.walked)
    whole = intraday_rows(session, "SIM", last=24).columns
    rows = slice(0, 24)
    gross = whole["gamma_gross"][rows]
    for name, most in (("gamma", 0.03), ("gamma_0dte", 0.03), ("gamma_gross", 0.2)):
        assert np.median(np.abs(fast[name][0, rows] - whole[name][rows]) / gross) < most, name
    for name in ("iv_0dte", "iv_30d", "expected_move", "expected_move_day"):
        assert fast[name][0, rows] == pytest.approx(whole[name][rows], rel=0.05), name
    move = whole["expected_move_day"][rows]
    for name in ("call_wall", "put_wall", "abs_gamma_strike", "zero_gamma"):
        assert np.median(np.abs(fast[name][0, rows] - whole[name][rows]) / move) < 0.1, name


def test_daily_rows_are_those_of_one_market(calendar):
    """Bars, basket and proxies of many paths against the observation of each session."""
    config = SimulatorConfig(seed=5, path=2, history_sessions=90)
    many = daily_columns(config, np.array([0, 1, 2], dtype=np.int64))
    one = daily_rows(SimulatedMarket(config, calendar), 90)
    assert BASKET_NAMES == 20
    assert np.isnan(many["average_correlation"][:, :BASKET_RETURNS]).all()
    for name, values in many.items():
        np.testing.assert_allclose(values[2], one.columns[name], rtol=1e-9, err_msg=name)
