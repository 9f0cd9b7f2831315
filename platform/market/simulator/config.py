"""What a simulated market is made of: every number with its unit and bounds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from market.simulator.scenarios import SCENARIOS
from market.simulator.streams import MAX_PATH, MAX_SEED

SESSIONS_PER_YEAR = 252
FULL_SESSION = 390
MINUTES_PER_YEAR = 525_600
MULTIPLIER = 100.0
DISCOUNT_CARRY_LIMIT = 0.2


def _standard_weights() -> Mapping[str, float]:
    return {name: scenario.weight for name, scenario in SCENARIOS.items()}


BOUNDS: Mapping[str, tuple[float, float]] = {
    "seed": (0, MAX_SEED),
    "path": (0, MAX_PATH),
    "spot0": (10.0, 100_000.0),
    "strength": (-3.0, 3.0),
    "annual_vol": (0.03, 1.0),
    "annual_drift": (-0.5, 0.5),
    "garch_alpha": (0.0, 0.3),
    "garch_gamma": (0.0, 0.3),
    "garch_beta": (0.5, 0.99),
    "tail_df": (3.5, 200.0),
    "overnight_share": (0.0, 0.6),
    "jump_probability": (0.0, 0.5),
    "jump_mean": (-1.0, 1.0),
    "jump_sd": (0.0, 1.0),
    "vol_reversion": (0.001, 0.2),
    "vol_of_vol": (0.0, 0.05),
    "leverage": (-0.99, 0.99),
    "risk_premium": (0.8, 1.5),
    "adv_shares": (1e4, 1e10),
    "impact": (0.0, 10.0),
    "gamma_cap": (0.0, 0.75),
    "flow_cap": (0.0, 0.5),
    "hedge_speed": (0.02, 1.0),
    "open_interest": (10.0, 1e6),
    "strike_step": (0.5, 100.0),
    "strikes_a_side": (40, 200),
    "skew_rho": (-0.95, 0.0),
    "skew_eta": (0.05, 1.9),
    "rate": (-DISCOUNT_CARRY_LIMIT, DISCOUNT_CARRY_LIMIT),
    "dividend": (-DISCOUNT_CARRY_LIMIT, DISCOUNT_CARRY_LIMIT),
    "history_sessions": (60, 5_000),
}
"""Smallest and largest value of each number."""

_WHOLE = ("seed", "path", "strikes_a_side", "history_sessions")


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """One simulated market; equal configurations give equal bits.

    Attributes
    ----------
    symbol : str
        Up to six capital letters or digits.
    seed, path : int
        Which world, and which of its independent paths.
    spot0 : float
        Close before the first session, $.
    strength : float
        Of the planted effects (`scenarios.PLANTED`): 1 is the standard effect, 0 none, below 0
        the reverse of what the hypotheses say.
    annual_vol, annual_drift : float
        Long-run volatility of log returns, and growth rate of expected spot, per year of 252
        sessions.
    garch_alpha, garch_gamma, garch_beta : float
        GJR-GARCH(1,1) of daily variance: reaction to squared returns, extra reaction to falls,
        persistence. alpha + gamma/2 + beta lies in [0.82, 0.999]: above what `term.FADE_SESSIONS`
        leaves, so that variance ahead is positive.
    tail_df : float
        Degrees of freedom of Student's t for the returns of past sessions.
    overnight_share : float
        Of a day's variance that falls between close and open.
    jump_probability, jump_mean, jump_sd : float
        Chance of a jump per session; its size in daily standard deviations.
    vol_reversion : float
        Of log intraday volatility, per minute.
    vol_of_vol : float
        Of log intraday volatility, per square root of a minute.
    leverage : float
        Correlation of spot and volatility innovations.
    risk_premium : float
        Implied over expected realized volatility.
    adv_shares : float
        Shares traded in an average session.
    impact : float
        Standard deviations of a minute's return that an average minute's dollar volume of
        hedging moves spot by.
    gamma_cap : float
        Largest |g| of the gamma feedback: a return's final effect is 1/(1+g) of its first.
    flow_cap : float
        Largest move by charm, and by vanna, of one minute, in its standard deviations.
    hedge_speed : float
        Share of the outstanding hedge that is traded each minute.
    open_interest : float
        Contracts at the thickest ordinary same-day strike.
    strike_step : float
        Between the strikes of near expiries, $; far ones have five times it.
    strikes_a_side : int
        Listed above and below the open for each expiry.
    skew_rho, skew_eta : float
        Of the SSVI surface; eta (1 + |rho|) <= 2 keeps it free of arbitrage.
    rate, dividend : float
        Continuously compounded, per year.
    history_sessions : int
        Simulated before the first session.
    scenario_weights : mapping of str to float
        Share of sessions by name of `scenarios.SCENARIOS`; names left out never occur.

    Raises
    ------
    ValueError
        Naming the field and its bounds.
    """

    symbol: str = "SIM"
    seed: int = 7
    path: int = 0
    spot0: float = 500.0
    strength: float = 1.0
    annual_vol: float = 0.16
    annual_drift: float = 0.0
    garch_alpha: float = 0.03
    garch_gamma: float = 0.10
    garch_beta: float = 0.88
    tail_df: float = 5.0
    overnight_share: float = 0.2
    jump_probability: float = 0.15
    jump_mean: float = -0.1
    jump_sd: float = 0.4
    vol_reversion: float = 1.0 / 120.0
    vol_of_vol: float = 0.014
    leverage: float = -0.7
    risk_premium: float = 1.08
    adv_shares: float = 80e6
    impact: float = 0.8
    gamma_cap: float = 0.45
    flow_cap: float = 0.15
    hedge_speed: float = 0.12
    open_interest: float = 6_000.0
    strike_step: float = 1.0
    strikes_a_side: int = 40
    skew_rho: float = -0.6
    skew_eta: float = 0.8
    rate: float = 0.045
    dividend: float = 0.013
    history_sessions: int = 504
    scenario_weights: Mapping[str, float] = field(default_factory=_standard_weights, hash=False)

    def __post_init__(self) -> None:
        self._check_bounds()
        if not (self.symbol.isascii() and self.symbol.isalnum() and len(self.symbol) <= 6):
            raise ValueError("symbol is not one to six letters or digits")
        if self.symbol != self.symbol.upper():
            raise ValueError("symbol is not in capitals")
        if not 0.82 <= self.persistence <= 0.999:
            raise ValueError("garch_alpha + garch_gamma / 2 + garch_beta is not in [0.82, 0.999]")
        if self.skew_eta * (1.0 + abs(self.skew_rho)) > 2.0:
            raise ValueError("skew_eta (1 + |skew_rho|) is above 2: the surface has arbitrage")
        if self.diffusion_share <= 0.2:
            raise ValueError("jump_probability, jump_mean and jump_sd leave no room for diffusion")
        if self.strike_step * 5 * (self.strikes_a_side + 2) >= self.spot0:
            raise ValueError("strike_step and strikes_a_side reach down to zero from spot0")
        self._check_weights()

    def _check_bounds(self) -> None:
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name)
            if name in _WHOLE and (isinstance(value, bool) or not isinstance(value, int)):
                raise ValueError(f"{name} is not a whole number")
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"{name} is {value}, not within [{low}, {high}]")

    def _check_weights(self) -> None:
        unknown = set(self.scenario_weights) - set(SCENARIOS)
        if unknown:
            raise ValueError(f"scenario_weights names an unknown scenario {min(unknown)!r}")
        weights = self.scenario_weights.values()
        if not all(math.isfinite(weight) and weight >= 0 for weight in weights):
            raise ValueError("scenario_weights has a weight that is not a finite number >= 0")
        if not sum(weights) > 0:
            raise ValueError("scenario_weights are all zero")
        object.__setattr__(self, "scenario_weights", dict(self.scenario_weights))

    @property
    def persistence(self) -> float:
        """How much of a day's excess variance is left on the next."""
        return self.garch_alpha + 0.5 * self.garch_gamma + self.garch_beta

    @property
    def daily_variance(self) -> float:
        """Long-run variance of a close-to-close return."""
        return self.annual_vol**2 / SESSIONS_PER_YEAR

    @property
    def session_share(self) -> float:
        """Share of a day's variance that falls between open and close."""
        return 1.0 - self.overnight_share

    @property
    def diffusion_share(self) -> float:
        """Share of a day's variance that falls in the session and is not due to jumps."""
        square = self.jump_mean**2 + self.jump_sd**2
        return self.session_share - self.jump_probability * square

    @property
    def wide_step(self) -> float:
        """Between the strikes of far expiries, $."""
        return 5.0 * self.strike_step
