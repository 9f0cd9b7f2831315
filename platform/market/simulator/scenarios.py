"""Kinds of day: how the book stands at the open, and what comes from outside.

A scenario sets the conditions that a hypothesis needs; it never moves spot in a direction that
could be known beforehand. What follows from the conditions (pinning, cascades, squeezes, ...) comes
from the dealers' hedging alone, which is scaled by `SimulatorConfig.strength`: with strength 0 the
same books and volatility shocks occur and spot is a martingale.

Units: sizes are multiples of `SimulatorConfig.open_interest`; offsets and jumps are daily standard
deviations of spot; times are fractions of the session; volatility factors multiply the volatility
of one-minute returns and leave implied volatility alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of day.

    Attributes
    ----------
    text : str
        What a reader should expect to see.
    weight : float
        Share of sessions, before normalization.
    calls, puts : float
        Scale of the whole book's call and put open interest.
    put_center : float
        Where same-day puts are thickest, in daily standard deviations from the open.
    wall, wall_offset : float
        Call open interest added at one same-day strike, and how far from the open: drawn on
        either side with this standard deviation, or at this distance where `wall_away` is set.
    wall_away : bool
        Whether the wall stands at a distance rather than at the open.
    vacuum : bool
        Whether one side of the wall is emptied up to the next populated strike.
    unwind : float
        Fraction of the wall that customers buy back between `first` and `second`; above 1 leaves
        dealers short there.
    zone, zone_offset : float
        Same-day calls that customers buy above spot between `first` and `second`.
    first, second : (float, float)
        Range of the first turning point, and of how long after it the second comes.
    before, between, after : float
        Volatility factors of the three parts that these points divide.
    storm : float
        Log of the volatility factor after `second`, times `strength`.
    shock_vol, shock_jump, shock_half_life, shock_hazard : float
        Jump of log implied volatility, jump of spot, minutes after which half of the former is
        gone, and probability per minute between `first` and `second` that it strikes.
    vol_of_vol : float
        Factor of the volatility of volatility after `first`.
    liquidity : float
        Factor of the underlying's traded volume.
    """

    text: str
    weight: float
    calls: float = 1.0
    puts: float = 1.0
    put_center: float = -0.7
    wall: float = 0.0
    wall_offset: float = 0.15
    wall_away: bool = False
    vacuum: bool = False
    unwind: float = 0.0
    zone: float = 0.0
    zone_offset: float = 0.5
    first: Range = (0.3, 0.6)
    second: Range = (0.1, 0.2)
    before: float = 1.0
    between: float = 1.0
    after: float = 1.0
    storm: float = 0.0
    shock_vol: float = 0.0
    shock_jump: float = 0.0
    shock_half_life: float = 30.0
    shock_hazard: float = 0.0
    vol_of_vol: float = 1.0
    liquidity: float = 1.0


SCENARIOS: Mapping[str, Scenario] = {
    "balanced": Scenario(
        text="calls above, puts below, dealers a little long gamma",
        weight=0.18,
        calls=1.25,
    ),
    "pin": Scenario(
        text="a heavy strike at the open holds spot all day",
        weight=0.08,
        wall=7.0,
        wall_offset=0.08,
        before=0.7,
        between=0.7,
        after=0.7,
    ),
    "pin_break": Scenario(
        text="a pin whose strike is bought back after noon; volatility rises and one side is empty",
        weight=0.12,
        wall=7.0,
        wall_offset=0.08,
        vacuum=True,
        unwind=2.6,
        first=(0.45, 0.7),
        second=(0.06, 0.12),
        before=0.6,
        between=1.2,
        after=1.4,
    ),
    "magnet": Scenario(
        text="a heavy strike away from the open, a quiet afternoon: charm pulls into the close",
        weight=0.09,
        wall=8.0,
        wall_offset=0.45,
        wall_away=True,
        first=(0.6, 0.7),
        second=(0.05, 0.1),
        between=0.8,
        after=0.7,
    ),
    "charm_flow": Scenario(
        text="one-sided same-day positions so large that their decay outweighs a thin tape",
        weight=0.07,
        wall=16.0,
        wall_offset=0.7,
        wall_away=True,
        liquidity=0.5,
    ),
    "vol_shock": Scenario(
        text="implied volatility jumps on a fall, then retraces within the hour",
        weight=0.09,
        calls=2.4,
        puts=2.1,
        first=(0.1, 0.3),
        second=(0.4, 0.45),
        shock_vol=0.5,
        shock_jump=-0.6,
        shock_half_life=20.0,
        shock_hazard=0.02,
    ),
    "cascade": Scenario(
        text="dealers long gamma at the open and short below it",
        weight=0.08,
        calls=1.4,
        puts=1.7,
        put_center=-1.3,
        wall=2.0,
        wall_offset=0.1,
        vol_of_vol=1.6,
        first=(0.05, 0.1),
    ),
    "short_gamma": Scenario(
        text="dealers short gamma from the open",
        weight=0.07,
        calls=0.4,
        puts=1.6,
        put_center=-0.3,
    ),
    "compression": Scenario(
        text="a small book, realized volatility dies while implied does not, then it ends",
        weight=0.08,
        calls=0.5,
        puts=0.5,
        first=(0.12, 0.2),
        second=(0.35, 0.5),
        between=0.4,
        storm=0.8,
    ),
    "squeeze": Scenario(
        text="customers buy calls above a quiet spot until dealers are short there",
        weight=0.08,
        zone=8.0,
        zone_offset=0.5,
        first=(0.08, 0.2),
        second=(0.25, 0.4),
        before=0.8,
        between=0.65,
        after=1.1,
    ),
    "black_swan": Scenario(
        text="short gamma, a volatility shock that stays, volatility of volatility extreme",
        weight=0.06,
        calls=0.4,
        puts=1.7,
        put_center=-0.5,
        first=(0.1, 0.35),
        second=(0.4, 0.45),
        after=1.3,
        shock_vol=0.45,
        shock_jump=-0.8,
        shock_half_life=240.0,
        shock_hazard=0.03,
        vol_of_vol=3.0,
    ),
}

NAMES = tuple(SCENARIOS)


@dataclass(frozen=True, slots=True)
class Planted:
    """One effect of `strength`, where it comes from, and the tools that should find it."""

    effect: str
    mechanism: str
    scenarios: tuple[str, ...]
    tools: tuple[int, ...]


PLANTED = (
    Planted(
        effect="moves extend under short dealer gamma and fade under long",
        mechanism="hedging of the recent return, against the sign of the book's gamma",
        scenarios=("cascade", "short_gamma", "black_swan", "pin", "pin_break", "squeeze"),
        tools=(6, 9, 10, 11, 13, 15),
    ),
    Planted(
        effect="spot is drawn to heavy long-gamma strikes as time runs out",
        mechanism="hedging of charm",
        scenarios=("pin", "magnet", "charm_flow"),
        tools=(7, 12),
    ),
    Planted(
        effect="spot follows the hedges that a change of implied volatility sets free",
        mechanism="hedging of vanna",
        scenarios=("vol_shock", "black_swan"),
        tools=(8, 13),
    ),
    Planted(
        effect="quiet is followed by a storm",
        mechanism="volatility factor after a compression",
        scenarios=("compression",),
        tools=(14,),
    ),
    Planted(
        effect="trends persist from session to session",
        mechanism="drift of the daily trend state",
        scenarios=(),
        tools=(1,),
    ),
    Planted(
        effect="falling liquidity is followed by losses",
        mechanism="drift against the fall of the liquidity state",
        scenarios=(),
        tools=(3,),
    ),
    Planted(
        effect="funds that target volatility sell after it rose",
        mechanism="drift with the change of their allowed exposure",
        scenarios=(),
        tools=(4,),
    ),
    Planted(
        effect="when correlation breaks upward, the fall goes on",
        mechanism="drift of the stress state, in which names move together",
        scenarios=(),
        tools=(5,),
    ),
)
"""What strength > 0 makes true, strength 0 removes, and strength < 0 reverses."""
