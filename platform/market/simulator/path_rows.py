"""What tools read of many simulated sessions at once: rows of a reduced chain, exact or bounded.

A session of `SimulatedSession` quotes a dozen expiries on 81 strikes each and finds exposures from
its quotes; here the same book stands on `SAME_DAY_HALF` and `TERM_HALF` strikes a side, in the
session's own expiry and one that stands for all later ones, valued on the market's own surface.
`bench/path_columns.py` prints how far the columns of the two lie apart.

Not here: what only whole quotes tell (smile fits, spreads, quoting errors), the tape beside the
chain, and trades of customers beyond what the scenario makes them buy.
"""

import numpy as np

from market.frames import ByteArray, Missing
from market.simulator.book import QUIET_INTEREST, SAME_DAY_TURNOVER
from market.simulator.config import MINUTES_PER_YEAR, SESSIONS_PER_YEAR, SimulatorConfig
from market.simulator.hedging import TERM_SESSIONS, TERM_YEARS
from market.simulator.paths import IntradayPaths
from market.simulator.profiles import variance_left, variance_weights, volume_weights
from market.simulator.term import total_variance
from quant.arrays import FloatArray, IntArray

MONTH_YEARS = 30.0 / 365.0
_FINAL_MINUTE = 0.5
"""At the close a row is valued as if half a minute were left."""
_MAYBE = {
    "zero_gamma": Missing.NO_LEVEL,
    "vol_trigger": Missing.NO_LEVEL,
    "heavy_above": Missing.NO_LEVEL,
    "heavy_below": Missing.NO_LEVEL,
    "magnet_strike": Missing.NO_LEVEL,
    "magnet_share": Missing.NO_LEVEL,
    "squeeze_strike": Missing.NO_LEVEL,
}


def path_columns(config: SimulatorConfig, walked: IntradayPaths) -> dict[str, FloatArray]:
    """Return the observed columns of n walked sessions of t minutes, each (n, t) float64.

    A level that does not exist is NaN.
    """
    from quant.kernels.reduced_book import COLUMNS, book_kernel

    minutes = walked.minutes
    left = np.maximum(minutes - np.arange(1.0, minutes + 1.0), _FINAL_MINUTE)
    rest = np.maximum(variance_left(minutes)[1:], 0.5 * variance_weights(minutes)[-1])
    near, far = (
        total_variance(
            config,
            variance=walked.variance[:, None],
            front=walked.front,
            remaining=rest,
            sessions=sessions,
        )
        for sessions in (0.0, TERM_SESSIONS)
    )
    month = total_variance(
        config,
        variance=walked.variance[:, None],
        front=walked.front,
        remaining=rest,
        sessions=MONTH_YEARS * SESSIONS_PER_YEAR,
    )
    years = np.stack([left / MINUTES_PER_YEAR, TERM_YEARS + left / MINUTES_PER_YEAR])
    day_root = np.sqrt(minutes / MINUTES_PER_YEAR)
    book = walked.book
    strikes = np.ascontiguousarray(np.concatenate([book.strikes, book.term_strikes], axis=1))
    slot = _places(strikes, today=book.strikes.shape[1], step=config.strike_step)
    today = np.zeros(strikes.shape[1], dtype=np.int64)
    today[book.strikes.shape[1] :] = 1
    out = np.empty((*walked.spot.shape, len(COLUMNS)))
    share = _bought_share(walked)
    market = np.array(
        [
            config.skew_rho, config.skew_eta, config.rate, config.dividend, config.strike_step,
            day_root,
        ]
    )  # fmt: skip
    book_kernel(
        walked.spot,
        strikes,
        today,
        slot,
        np.ascontiguousarray(np.concatenate([book.calls, book.term_calls], axis=1)),
        np.ascontiguousarray(np.concatenate([book.puts, book.term_puts], axis=1)),
        np.ascontiguousarray(book.bought),
        np.ascontiguousarray(np.stack([near, far])),
        years,
        share,
        market,
        out,
    )
    iv = np.sqrt(near / years[0])
    columns = {name: np.ascontiguousarray(out[..., c]) for c, name in enumerate(COLUMNS)}
    return (
        columns
        | _tape(walked)
        | {
            "iv_0dte": iv,
            "iv_30d": np.sqrt(month / MONTH_YEARS),
            "expected_move": walked.spot * np.sqrt(near),
            "expected_move_day": walked.spot * iv * day_root,
            "otm_call_volume": _call_volume(config, walked, share, walked.spot * iv * day_root),
        }
    )


def path_reasons(columns: dict[str, FloatArray]) -> dict[str, ByteArray]:
    """Return why values are missing: a level that the book does not have."""
    return {
        name: np.where(np.isfinite(columns[name]), np.uint8(Missing.OK), np.uint8(code))
        for name, code in _MAYBE.items()
    }


def _tape(walked: IntradayPaths) -> dict[str, FloatArray]:
    """Return bars and the clock."""
    opens = np.concatenate([walked.opening[:, None], walked.spot[:, :-1]], axis=1)
    shape = walked.spot.shape
    minute = np.arange(1.0, shape[1] + 1.0)
    typical = (walked.high + walked.low + walked.spot) / 3.0
    return {
        "open": opens,
        "high": np.maximum(walked.high, opens),
        "low": np.minimum(walked.low, opens),
        "close": walked.spot,
        "volume": walked.volume,
        "dollar_volume": walked.volume * typical,
        "minutes_open": np.broadcast_to(minute, shape).copy(),
        "minutes_left": np.broadcast_to(shape[1] - minute, shape).copy(),
        "previous_close": np.broadcast_to(walked.previous_close[:, None], shape).copy(),
    }


def _bought_share(walked: IntradayPaths) -> FloatArray:
    """Return the share of the customers' purchase made by each minute's end, (n, t)."""
    plan = walked.plan
    ends = np.arange(1.0, walked.minutes + 1.0)
    first, second = plan.first_ends[:, None], plan.second_ends[:, None]
    share: FloatArray = np.clip((ends - first) / (second - first), 0.0, 1.0)
    return share


def _call_volume(
    config: SimulatorConfig, walked: IntradayPaths, share: FloatArray, move: FloatArray
) -> FloatArray:
    """Return contracts expected to trade in the minute in calls above spot, (n, t)."""
    book = walked.book
    spot = walked.spot[:, :, None]
    strikes, calls = book.strikes[:, None, :], book.calls[:, None, :]
    inside = (strikes > spot) & (strikes <= spot + 2.0 * move[:, :, None])
    sd = walked.plan.sd[:, None, None]
    near = np.exp(-0.5 * ((strikes - spot) / sd) ** 2) + 0.02
    usual = np.sum(inside * near * (calls + QUIET_INTEREST), axis=2)
    weight = SAME_DAY_TURNOVER * volume_weights(walked.minutes)
    made = np.diff(share, axis=1, prepend=0.0)
    bought = np.sum(inside * book.bought[:, None, :], axis=2)
    total: FloatArray = weight * usual + made * bought
    return total


def _places(strikes: FloatArray, *, today: int, step: float) -> IntArray:
    """Return where each contract counts: a later strike that is a same-day one too, there."""
    index = np.rint((strikes - strikes[:, :1]) / step).astype(np.int64)
    own = np.broadcast_to(np.arange(strikes.shape[1]), strikes.shape)
    later = own >= today
    shared = later & (index >= 0) & (index < today)
    return np.ascontiguousarray(np.where(shared, index, own))
