"""What an exposure profile is made of: sign assumptions, units, reasons and result types."""

from dataclasses import dataclass
from typing import Literal

from quant.arrays import FloatArray, IntArray

Sign = Literal["naive", "inverted_calls", "none", "flow"]

SIGNS: dict[Sign, str] = {
    "naive": "dealers are long every call and short every put",
    "inverted_calls": "dealers are short every call and short every put",
    "none": "all open interest counted as positive, no side assumed",
    "flow": "positions estimated from signed trades",
}

UNITS = {
    "gamma": "$ delta per +1 %",
    "vanna": "$ delta per +1 vol pt",
    "charm_day": "$ delta per day",
    "charm_minute": "$ delta per minute",
    "charm_to_close": "$ delta until settlement, at this spot",
    "delta": "$ delta",
    "speed": "$ delta per +1 % per +1 %",
    "zomma": "$ delta per +1 % per +1 vol pt",
    "color": "$ delta per +1 % per day",
}
"""Unit of each exposure: what the dealers' delta gains. `speed` leaves the dollar value of a share
as it is; `charm_to_close` is what the deltas still have to move to be 0 or 1 at settlement."""

OK = "ok"
NO_OPEN_INTEREST = "no open interest"
NO_POSITIONS = "no positions"
NO_VOLATILITY = "no implied volatility"
ALL_EXPIRED = "all contracts expired"
NO_CONTRACTS = "no options"
ALWAYS_LONG = "always_long"
ALWAYS_SHORT = "always_short"
NO_GAMMA = "no gamma in range"


@dataclass(frozen=True, slots=True, eq=False)
class ByContract:
    """Exposures of the chain's n contracts in the units of `UNITS`; NaN where not computed."""

    position: FloatArray
    iv: FloatArray
    gamma: FloatArray
    vanna: FloatArray
    charm_day: FloatArray
    charm_minute: FloatArray
    charm_to_close: FloatArray
    delta: FloatArray
    speed: FloatArray
    zomma: FloatArray
    color: FloatArray


@dataclass(frozen=True, slots=True)
class Totals:
    """Exposures of the whole chain in the units of `UNITS`; None when there is a reason.

    `charm_to_close` is of the nearest live expiry alone.
    """

    gamma: float | None = None
    vanna: float | None = None
    charm_day: float | None = None
    charm_minute: float | None = None
    charm_to_close: float | None = None
    delta: float | None = None
    speed: float | None = None
    zomma: float | None = None
    color: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ByStrike:
    """Exposures summed over expiries, one element per listed strike; charm and color per day.

    Open interest is NaN where no contract of that strike and right reports any.
    """

    strikes: FloatArray
    gamma_call: FloatArray
    gamma_put: FloatArray
    gamma: FloatArray
    vanna: FloatArray
    charm: FloatArray
    delta: FloatArray
    speed: FloatArray
    zomma: FloatArray
    color: FloatArray
    oi_call: FloatArray
    oi_put: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class ByExpiry:
    """Exposures summed over strikes, one element per listed expiry; charm and color per day."""

    expiries: IntArray
    days: FloatArray
    gamma: FloatArray
    vanna: FloatArray
    charm: FloatArray
    charm_to_close: FloatArray
    delta: FloatArray
    speed: FloatArray
    zomma: FloatArray
    color: FloatArray


@dataclass(frozen=True, slots=True)
class Levels:
    """Price levels in currency, None where there is none.

    `zero_gamma` is the root nearest spot. `zero_gamma_slopes` is +1 for a root above which
    exposure is positive. `zero_gamma_reason` says why there is no root; `reason` why there are no
    levels at all.
    """

    zero_gamma: float | None = None
    zero_gamma_roots: tuple[float, ...] = ()
    zero_gamma_slopes: tuple[int, ...] = ()
    zero_gamma_reason: str | None = None
    call_wall: float | None = None
    put_wall: float | None = None
    abs_gamma_strike: float | None = None
    vol_trigger_proxy: float | None = None
    max_pain: float | None = None
    reason: str | None = None


LEVELS = (
    "zero_gamma", "call_wall", "put_wall", "abs_gamma_strike", "vol_trigger_proxy", "max_pain",
)  # fmt: skip
"""The single levels of `Levels`, by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The exposure of one chain under one sign assumption.

    Attributes
    ----------
    status : str
        "ok", or the reason why there are no figures.
    sign : str
        The assumption, a key of `SIGNS`.
    contracts, totals, by_strike, by_expiry, levels
        See their classes.
    spots, gamma, vanna, charm_day, delta : (m,) float64
        The sweep: total exposures with spot moved there and volatilities fixed by strike; NaN
        when `status` is not "ok".
    left_out : int
        Unexpired contracts without a position or a volatility, which count for nothing.
    step : float or None
        Distance between strikes at the nearest live expiry, in currency.
    """

    status: str
    sign: Sign
    contracts: ByContract
    totals: Totals
    by_strike: ByStrike
    by_expiry: ByExpiry
    levels: Levels
    spots: FloatArray
    gamma: FloatArray
    vanna: FloatArray
    charm_day: FloatArray
    delta: FloatArray
    left_out: int
    step: float | None
