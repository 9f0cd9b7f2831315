"""The chain of a session: open interest, quotes, displayed sizes, volume and who bought.

Quotes stand around the surface's price, so that the middle has no static arbitrage beyond a tick.
Sizes, volume and the sides of trades are drawn per minute from a stream of that minute alone: a
snapshot never depends on which others were made.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from market.simulator.config import SimulatorConfig
from market.simulator.daily import volume_level
from market.simulator.interest import (
    customer_buying,
    roundness,
    same_day_interest,
    term_interest,
)
from market.simulator.listing import Contracts, third_week
from market.simulator.paths import IntradayPaths
from market.simulator.profiles import variance_left, volume_weights
from market.simulator.streams import Purpose, hashed_uniform, stream
from market.simulator.surface import implied_vol, skewed_variance
from market.simulator.term import total_variance
from quant import bsm
from quant.arrays import BoolArray, FloatArray
from quant.chain import NANOSECONDS_PER_YEAR

TICK, WIDE_TICK, WIDE_FROM = 0.01, 0.05, 3.0  # $; the wide tick from this price on

_BETWEEN = 0.12  # open interest of a later expiry between wide strikes, against at them
SAME_DAY_TURNOVER, LATER_TURNOVER = 2.5, 0.12  # of open interest, a day
QUIET_INTEREST = 20.0  # contracts by which a strike trades more than its open interest says
_FLATTENED = 0.35  # of the skew, by a shock of volatility at its height
_ERROR_EVERY, _ERROR_MINUTES = 120, 12  # one quoting error in so many minutes, and for how long
_ERROR_SIZE, _ERROR_SESSIONS = 5.0, 15  # half-spreads, and the expiries where it happens
_SIZE = 60.0  # contracts displayed at a quiet noon


@dataclass(frozen=True, slots=True, eq=False)
class Quotes:
    """One minute of n contracts, each (n,); prices in $, the rest in contracts.

    A side that nobody quotes has price 0 and size 0. `net_customer_buys` is what customers bought
    in the minute less what they sold.
    """

    bids: FloatArray
    asks: FloatArray
    bid_sizes: FloatArray
    ask_sizes: FloatArray
    volume: FloatArray
    net_customer_buys: FloatArray


class SessionBook:
    """Makes one session's quotes.

    Parameters
    ----------
    config : SimulatorConfig
    contracts : Contracts
    walked : IntradayPaths
        Of one path.
    liquidity : float
        Log of traded volume against its mean, of the session.
    session : int
    """

    def __init__(
        self,
        config: SimulatorConfig,
        contracts: Contracts,
        walked: IntradayPaths,
        *,
        liquidity: float,
        session: int,
    ) -> None:
        self._config, self._contracts, self._walked = config, contracts, walked
        self._session, self._minutes = session, walked.minutes
        self._today = contracts.sessions_left == 0
        self._variance = float(walked.variance[0])
        self._sd = float(walked.plan.sd[0])
        self._liquidity = liquidity
        self._busy = self._relative_volume()
        self.open_interest = self._open_interest()
        self._scheduled = self._scheduled_buying()

    def _relative_volume(self) -> float:
        """Return how much more than usual trades in this session."""
        config, level = self._config, np.array([self._liquidity])
        shares = volume_level(config, variance=self._walked.variance, liquidity=level)
        return float(shares[0] * self._walked.plan.liquidity[0] / config.adv_shares)

    def _open_interest(self) -> FloatArray:
        """Return open interest, known since the morning: same-day and later contracts."""
        config, contracts, plan = self._config, self._contracts, self._walked.plan
        today = self._today
        path = np.array([config.path], dtype=np.int64)
        interest = np.empty(len(contracts))
        calls, puts = same_day_interest(
            config, plan, contracts.strikes[None, today], paths=path, session=self._session
        )
        interest[today] = np.where(contracts.is_call[today], calls[0], puts[0])
        later = ~today
        calls, puts = term_interest(config, plan, contracts.strikes[None, later])
        total = np.where(contracts.is_call[later], calls[0], puts[0])
        interest[later] = np.rint(total * self._shares(later))
        return interest

    def _shares(self, later: BoolArray) -> FloatArray:
        """Return each later contract's share of what all later expiries hold at its strike."""
        config, contracts = self._config, self._contracts
        held = np.array([_popularity(day) for day in contracts.expiry_dates])
        expiry = contracts.expiry[later]
        live = np.unique(expiry)
        share = held[expiry] / held[live].sum()
        strikes = contracts.strikes[later]
        wide = np.abs(strikes / config.wide_step - np.rint(strikes / config.wide_step)) < 1e-9
        days = np.array([day.toordinal() for day in contracts.expiry_dates], dtype=np.int64)
        noise = hashed_uniform(
            config.seed,
            Purpose.TERM_INTEREST,
            config.path,
            days[expiry],
            np.rint(strikes / config.strike_step).astype(np.int64),
            contracts.is_call[later].astype(np.int64),
        )
        shares: FloatArray = share * np.where(wide, 1.0, _BETWEEN) * np.exp(1.2 * noise - 0.6)
        return shares

    def _scheduled_buying(self) -> FloatArray:
        """Return what the scenario makes customers buy in the whole session, contracts."""
        contracts, plan = self._contracts, self._walked.plan
        bought = customer_buying(self._config, plan, contracts.strikes[None, :])[0]
        return np.where(self._today & contracts.is_call, bought, 0.0)

    def scheduled(self, minute: int) -> FloatArray:
        """Return what the scenario makes customers buy in one minute, whole contracts."""
        plan = self._walked.plan
        first, second = int(plan.first_ends[0]), int(plan.second_ends[0])
        before, after = (
            min(max((at - first) / (second - first), 0.0), 1.0) for at in (minute, minute + 1)
        )
        return np.rint(self._scheduled * after) - np.rint(self._scheduled * before)

    def values(self, minute: int, *, time: int, spot: float) -> tuple[FloatArray, FloatArray]:
        """Return prices without spread, $, and implied volatilities per root calendar year."""
        config, contracts = self._config, self._contracts
        theta = total_variance(
            config,
            variance=self._variance,
            front=float(self._walked.front[0, minute]),
            remaining=float(variance_left(self._minutes)[minute + 1]),
            sessions=contracts.sessions_left,
        )
        years = np.maximum(contracts.settlements - time, 0) / NANOSECONDS_PER_YEAR
        carry = (config.rate - config.dividend) * years
        k = np.log(contracts.strikes / spot) - carry
        alive = theta > 0.0
        total = np.where(
            alive,
            skewed_variance(
                k, np.where(alive, theta, 1.0), rho=self._rho(minute), eta=config.skew_eta
            ),
            0.0,
        )
        vols = implied_vol(total, years)
        fair = bsm.price(
            spot, contracts.strikes, years, config.rate, config.dividend, vols, contracts.is_call
        )
        return fair, vols

    def _rho(self, minute: int) -> float:
        """Return the surface's skew: a shock of volatility flattens it, and that fades with it."""
        plan = self._walked.plan
        since = minute - int(plan.shock_at[0])
        if since < 0 or not float(plan.shock_vol[0]) > 0.0:
            return self._config.skew_rho
        left = float(plan.shock_decay[0]) ** since
        return self._config.skew_rho * (1.0 - _FLATTENED * left)

    def _dislocated(self, minute: int, half: FloatArray) -> FloatArray:
        """Return what a market maker's error moves prices by, $: one contract, some minutes."""
        config, contracts = self._config, self._contracts
        block = minute // _ERROR_EVERY
        draws = hashed_uniform(
            config.seed,
            Purpose.QUOTE_ERROR,
            config.path,
            self._session,
            block,
            np.arange(3, dtype=np.int64),
        )
        moved = np.zeros(len(contracts))
        start = block * _ERROR_EVERY + int(draws[0] * (_ERROR_EVERY - _ERROR_MINUTES))
        if not start <= minute < start + _ERROR_MINUTES:
            return moved
        opening = float(self._walked.opening[0])
        away = contracts.is_call == (contracts.strikes >= opening)
        near = (np.abs(contracts.strikes - opening) <= self._sd) & away
        near &= (contracts.sessions_left > 0) & (contracts.sessions_left <= _ERROR_SESSIONS)
        found = np.flatnonzero(near)
        if found.size:
            at = found[int(draws[1] * found.size)]
            moved[at] = np.copysign(_ERROR_SIZE * half[at], draws[2] - 0.5)
        return moved

    def quotes(self, minute: int, *, time: int, spot: float) -> Quotes:
        """Return the quotes at a minute's end (`minute` from 0) and what traded in it."""
        config, count = self._config, len(self._contracts)
        source = stream(
            config.seed,
            Purpose.QUOTES,
            path=config.path,
            session=self._session,
            minute=minute,
        )
        uniforms, normals = source.random((2, count)), source.standard_normal((2, count))
        fair, _ = self.values(minute, time=time, spot=spot)
        half = self.half_spreads(minute, fair) * (0.85 + 0.3 * uniforms[0])
        bids, asks = to_ticks(fair + self._dislocated(minute, half), half)
        rate = self._trade_rate(minute, spot)
        scheduled = self.scheduled(minute)
        usual = source.poisson(rate * np.exp(0.5 * normals[0] - 0.125)).astype(np.float64)
        flow = np.rint(usual * np.clip(0.3 * normals[1], -1.0, 1.0))
        sizes = self._sizes(minute, source.standard_normal((2, count)))
        return Quotes(
            bids=bids,
            asks=asks,
            bid_sizes=np.where(bids > 0.0, sizes[0], 0.0),
            ask_sizes=sizes[1],
            volume=usual + np.abs(scheduled),
            net_customer_buys=flow + scheduled,
        )

    def half_spreads(self, minute: int, fair: FloatArray) -> FloatArray:
        """Return the usual half-spread, $: wider with price, with volatility and near the close."""
        scale = self._config.spot0 / 500.0
        base = 0.004 * scale + 0.0085 * np.sqrt(scale * np.maximum(fair, 0.0))
        tension = self._volatility(minute) * (1.0 + 0.7 * self.lateness(minute))
        final = np.where(self._today, 1.0 + 0.8 * self.lateness(minute), 1.0)
        half: FloatArray = base * tension * final * np.exp(-0.5 * self._liquidity)
        return half

    def lateness(self, minute: int) -> float:
        """Return how near the close is: 0 at noon, 1 at the bell."""
        return float(np.exp(-(self._minutes - minute - 1) / 20.0))

    def _volatility(self, minute: int) -> float:
        """Return implied volatility against its long-run level."""
        usual = np.sqrt(self._variance / self._config.daily_variance)
        return float(usual * np.exp(self._walked.front[0, minute]))

    def _sizes(self, minute: int, normals: FloatArray) -> FloatArray:
        """Return displayed sizes, (2, n): smaller with volatility and near the close."""
        calm = 1.0 / (self._volatility(minute) * (1.0 + self.lateness(minute)))
        usual = _SIZE * calm * roundness(self._config, self._contracts.strikes)
        return np.maximum(np.rint(usual * np.exp(0.5 * normals)), 1.0)

    def _trade_rate(self, minute: int, spot: float) -> FloatArray:
        """Return contracts expected to trade in the minute: most near the money, most today."""
        contracts = self._contracts
        weight = volume_weights(self._minutes)[minute] * self._busy
        wide = np.sqrt(1.0 + contracts.sessions_left) * self._sd
        near = np.exp(-0.5 * ((contracts.strikes - spot) / wide) ** 2) + 0.02
        turnover = np.where(self._today, SAME_DAY_TURNOVER, LATER_TURNOVER)
        rate: FloatArray = weight * turnover * (self.open_interest + QUIET_INTEREST) * near
        return rate


def _popularity(expiry: dt.date) -> float:
    """Return how much interest an expiry draws: monthly most, then weekly, then daily."""
    if third_week(expiry) and expiry.weekday() >= 3:
        return 3.0
    return 1.5 if expiry.weekday() >= 4 else 0.7


def to_ticks(fair: FloatArray, half: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return bids rounded down and asks rounded up to the tick of their price, $.

    A bid of 0 means that there is none.
    """
    below, above = np.maximum(fair - half, 0.0), fair + half
    lower = np.where(below < WIDE_FROM, TICK, WIDE_TICK)
    upper = np.where(above <= WIDE_FROM, TICK, WIDE_TICK)
    bids = np.round(np.floor(below / lower + 1e-9) * lower, 2)
    asks = np.round(np.ceil(above / upper - 1e-9) * upper, 2)
    return bids, np.maximum(asks, TICK)
