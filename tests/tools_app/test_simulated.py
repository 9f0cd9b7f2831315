"""Tools on the simulator: whole sessions through the same observation as the live feed."""

import datetime as dt
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from market import calendars
from market.features.session import ObservedRows, observe_session
from market.frames import Kind, Missing
from market.simulator import SimulatedMarket, SimulatedSession, SimulatorConfig
from tools_app.contract import Tier
from tools_app.rehearsal import (
    daily_rows,
    evaluate_all,
    intraday_rows,
    known_at_open,
    onsets,
    views,
)

LACKING = {
    "release_minutes": Missing.NO_RELEASE,
    "fed_minutes": Missing.NO_DECISION,
    "crypto_gap": Missing.NO_CRYPTO,
    "crypto_gap_t": Missing.NO_CRYPTO,
    "short_strike": Missing.NO_ACCOUNT,
    "policy_entry": Missing.NO_MODEL,
}
START = 8
KINDS = ("black_swan", "pin_break", "vol_shock", "compression", "squeeze")
SESSIONS = 20


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    days = calendars.sessions(dt.date(2026, 1, 5), dt.date(2026, 6, 30))
    return SimulatedMarket(
        SimulatorConfig(seed=7, strength=1.0), [(d.date, d.open_ns, d.close_ns) for d in days]
    )


def opening(session: SimulatedSession) -> ObservedRows:
    """Return the rows of a session's first minutes."""
    return observe_session(known_at_open(session, "SIM"), islice(views(session), START))


@pytest.mark.slow
def test_at_least_eight_ultra_tools_fire_within_twenty_sessions(market):
    """On one session of each of five kinds out of the first twenty; the bench plays them all."""
    kinds = [market.session(index).scenario for index in range(SESSIONS)]
    fired = set()
    for kind in KINDS:
        rows = intraday_rows(market.session(kinds.index(kind)), market.config.symbol)
        assert len(rows.time) == 390
        for tool, answer in evaluate_all(Kind.INTRADAY, market.config.symbol, rows).items():
            if tool.tier == Tier.PRO and answer.fires.any():
                fired.add(tool.id)
    assert len(fired) >= 8, sorted(fired)


def test_a_simulated_session_lacks_nothing_but_levels_its_book_does_not_have(market):
    rows = opening(market.session(0))
    for name, codes in rows.reasons.items():
        if name in ("zero_gamma", "vol_trigger", "heavy_above", "heavy_below", "squeeze_strike"):
            continue
        if name in LACKING:
            assert (codes == LACKING[name]).all(), name
            continue
        assert not codes.any(), name


def test_observing_again_gives_the_same_bits(market):
    both = [opening(market.session(0)) for _ in range(2)]
    for name, column in both[0].columns.items():
        assert column.tobytes() == both[1].columns[name].tobytes(), name


def test_daily_tools_score_a_simulated_history_and_the_report_tool_says_what_it_lacks(market):
    answers = {
        tool.id: answer
        for tool, answer in evaluate_all(
            Kind.DAILY, market.config.symbol, daily_rows(market, 400)
        ).items()
    }
    for number in (1, 3, 4, 5):
        assert np.isfinite(answers[number].score[150:]).mean() > 0.9, number
    assert answers[2].missing_counts() == {"no event calendar": 400}


def test_alarms_are_counted_where_they_begin(market):
    rows = daily_rows(market, 200)
    answer = next(iter(evaluate_all(Kind.DAILY, "SIM", rows).values()))
    fires = np.zeros(200, dtype=bool)
    fires[[0, 1, 5, 6, 7, 199]] = True
    assert onsets(replace(answer, fires=fires))[:2] == (6, 3)
