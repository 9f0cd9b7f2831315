"""Zero DTE Nuclear 10, first part: levels that spot crosses (tools 31, 32, 35, 36, 38). Pro+."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import holds, share
from tools_app.library.ultra_0dte_flows import usual_move
from tools_app.library.ultra_0dte_pins import NAIVE_SIGN, SESSION_PATHS

FAMILY = "Zero DTE Nuclear 10"
HOUR = 60
LONGEST_HOLD, LONGEST_BEFORE = 15, 15
HOLD = Param("hold", 5, 2, LONGEST_HOLD, "min", "minutes that spot stays beyond", integer=True)


def _zero_gamma_breach(x: Inputs, p: Settings) -> Verdict:
    close, hold = x["close"], int(p["hold"])
    distance = close - x["zero_gamma"]
    up = distance > 0.0
    nearest = np.where(up, rolling.lowest(distance, hold), -rolling.highest(distance, hold))
    held = share(nearest, x["expected_move_day"])
    lowest = rolling.shift(rolling.lowest(distance, LONGEST_BEFORE), hold)
    highest = rolling.shift(rolling.highest(distance, LONGEST_BEFORE), hold)
    crossed = np.where(up, lowest < 0.0, highest > 0.0)
    minutes = hold + 5
    usual = usual_move(x, minutes)
    momentum = share(np.sign(distance) * (close - rolling.shift(close, minutes)), usual)
    return Verdict(
        conditions=(
            told("zero gamma", x["zero_gamma"], "price"),
            graded(
                "spot was on the other side in the quarter hour before",
                rolling.shift(close, hold),
                holds(crossed, lowest, highest),
                "price",
            ),
            at_least(
                f"least distance beyond it in {hold} minutes, over the day's expected move",
                held,
                p["margin"],
                width=p["margin"],
            ),
            at_least("move through it", momentum, p["momentum"], width=1.0, unit="sd"),
        ),
        side=np.sign(distance),
    )


zero_gamma_breach = Tool(
    id=31,
    slug="zero-gamma-breach",
    name="Zero-Gamma Breach",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Spot crosses the level at which dealers' net gamma changes sign, with momentum, "
    "and stays beyond it: the move goes on.",
    source="Own definition; Barbon and Buraschi (2021) on negative gamma and intraday momentum.",
    formula="Spot on the other side of zero gamma within the quarter hour before; every close of "
    "the last minutes beyond it by a part of the day's expected move; the move through it in "
    "standard deviations of the last half hour.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "zero_gamma", "expected_move_day", "rv_30"),
    params=(
        THRESHOLD,
        HOLD,
        Param("margin", 0.08, 0.005, 0.3, "", "least distance beyond, over the day's move"),
        Param("momentum", 1.5, 0.25, 3.0, "sd", "least move through the level"),
    ),
    window=LONGEST_HOLD + LONGEST_BEFORE,
    horizon=30,
    horizon_unit="minutes",
    direction="the side on which spot left zero gamma",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " The level moves with spot and volatility while it is crossed.",
    compute=_zero_gamma_breach,
)


def _gamma_flip_whipsaw(x: Inputs, p: Settings) -> Verdict:
    distance = x["close"] - x["zero_gamma"]
    side = np.sign(distance)
    before = rolling.shift(side, 1)
    crossing = np.where(np.isnan(before), np.nan, np.where(side * before < 0.0, 1.0, 0.0))
    crossings = rolling.total(crossing + 0.0 * distance, HOUR)
    away = np.abs(distance)
    return Verdict(
        conditions=(
            told("zero gamma", x["zero_gamma"], "price"),
            at_least("crossings of it in the hour", crossings, p["crossings"], width=4.0),
            at_least(
                "distance from it over the hour's greatest",
                share(away, rolling.highest(away, HOUR)),
                p["edge"],
                width=1.0 - p["edge"],
                unit="share",
            ),
            at_most(
                "that distance over the day's expected move",
                share(away, x["expected_move_day"]),
                p["inside"],
                width=p["inside"],
            ),
        ),
        side=-side,
    )


gamma_flip_whipsaw = Tool(
    id=32,
    slug="gamma-flip-whipsaw",
    name="Gamma Flip Whipsaw",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Spot has crossed zero gamma several times within the hour: neither side holds, so "
    "its edges are faded and the trade ends at the flip.",
    source="Own reading of hedging that changes sides with every crossing.",
    formula="Crossings of zero gamma by closes in 60 minutes; distance from it now over the "
    "greatest of the hour; that distance still small against the day's expected move.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "zero_gamma", "expected_move_day"),
    params=(
        THRESHOLD,
        Param("crossings", 6.0, 2.0, 12.0, "", "least crossings in an hour"),
        Param("edge", 0.75, 0.3, 0.9, "share", "least distance over the hour's greatest"),
        Param("inside", 0.4, 0.1, 1.0, "", "most distance over the day's expected move"),
    ),
    window=HOUR + 1,
    horizon=15,
    horizon_unit="minutes",
    direction="back to zero gamma",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " A crossing is also made by the level when it jumps over spot.",
    compute=_gamma_flip_whipsaw,
)


def _put_wall_break(x: Inputs, p: Settings) -> Verdict:
    close, steps = x["close"], int(p["within"])
    wall = rolling.shift(x["put_wall"], steps)
    earlier = rolling.shift(close, steps)
    under = rolling.shift(share(x["gamma_under_put_wall"], x["gamma_gross"]), steps)
    return Verdict(
        conditions=(
            told("put wall then", wall, "price"),
            graded(
                f"spot {steps} minutes ago, at or above the wall",
                earlier,
                holds(earlier >= wall, earlier, wall),
                "price",
            ),
            at_least(
                "close below it now, over the day's expected move",
                share(wall - close, x["expected_move_day"]),
                p["depth"],
                width=p["depth"],
            ),
            at_most(
                "net gamma beneath the wall over all gross gamma",
                under,
                -p["beneath"],
                width=p["beneath"],
                unit="share",
            ),
        ),
        side=np.full(close.shape, -1.0),
    )


put_wall_break = Tool(
    id=35,
    slug="put-wall-break",
    name="Put Wall Break",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Price closes a minute below the strike with the most put gamma, and beneath it "
    "dealers are short gamma: hedgers sell into the fall.",
    source="Own definition of the wall (most gross put gamma, not any vendor's).",
    formula="Spot at or above the put wall some minutes ago and closing below that wall now, by a "
    "part of the day's expected move; net gamma of the strikes beneath it negative against all "
    "gross gamma.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "put_wall", "gamma_under_put_wall", "gamma_gross", "expected_move_day"),
    params=(
        THRESHOLD,
        Param("within", 5, 1, 30, "min", "how long ago spot was above", integer=True),
        Param("depth", 0.1, 0.01, 0.5, "", "least depth below the wall over the day's move"),
        Param("beneath", 0.1, 0.005, 0.5, "share", "least short gamma beneath over gross"),
    ),
    window=31,
    horizon=30,
    horizon_unit="minutes",
    direction="-1: short",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " The sign beneath the wall follows from that assumption almost "
    "alone: under it puts are short gamma wherever they outweigh calls.",
    compute=_put_wall_break,
)


def _call_wall_chase(x: Inputs, p: Settings) -> Verdict:
    close, hold, steps = x["close"], int(p["hold"]), LONGEST_HOLD + 1
    wall = rolling.shift(x["call_wall"], steps)
    earlier = rolling.shift(close, steps)
    accepted = share(rolling.lowest(close, hold) - wall, x["expected_move_day"])
    return Verdict(
        conditions=(
            told(f"call wall {steps} minutes ago", wall, "price"),
            graded(
                "spot then, at or below the wall",
                earlier,
                holds(earlier <= wall, earlier, wall),
                "price",
            ),
            at_least(
                f"lowest close of {hold} minutes above it, over the day's expected move",
                accepted,
                p["margin"],
                width=p["margin"],
            ),
            graded(
                "call wall now, above that one",
                x["call_wall"],
                holds(x["call_wall"] > wall, x["call_wall"], wall),
                "price",
            ),
        ),
        side=np.ones(close.shape),
    )


call_wall_chase = Tool(
    id=36,
    slug="call-wall-chase",
    name="Call Wall Chase",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Price is accepted above the strike with the most call gamma while that wall rolls "
    "up with it: what capped the rise now follows it.",
    source="Own definition of the wall (most gross call gamma, not any vendor's).",
    formula="Spot at or below the call wall a quarter hour ago; every close of the last minutes "
    "above that wall by a part of the day's expected move; the wall now at a higher strike.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "call_wall", "expected_move_day"),
    params=(
        THRESHOLD,
        HOLD,
        Param("margin", 0.03, 0.005, 0.3, "", "least distance above, over the day's move"),
    ),
    window=LONGEST_HOLD + 2,
    horizon=30,
    horizon_unit="minutes",
    direction="+1: long",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " Gamma is largest near spot, so a wall rolls up with any rise: the "
    "roll is no independent witness.",
    compute=_call_wall_chase,
)


def _straddle_breach(x: Inputs, p: Settings) -> Verdict:
    away = x["close"] - x["opening_price"]
    over = share(np.abs(away), x["opening_straddle"])
    return Verdict(
        conditions=(
            told("price at the open", x["opening_price"], "price"),
            told("at-the-money straddle then", x["opening_straddle"], "$"),
            at_least("move since over that straddle", over, p["breach"], width=0.25),
            at_most(
                "minutes since the open", x["minutes_open"], p["before"], width=60.0, unit="min"
            ),
            at_least(
                "half-hour move the same way, over that straddle",
                share(x["move_30"] * np.sign(away), x["opening_straddle"]),
                p["pace"],
                width=0.2,
            ),
        ),
        side=np.sign(away),
    )


straddle_breach = Tool(
    id=38,
    slug="straddle-breakeven-breach",
    name="Straddle Breakeven Breach",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Spot passes the breakeven of the at-the-money straddle of the open before noon: "
    "the day moves by more than was paid for, and trends.",
    source="Own rule; the straddle as the mean absolute move, sqrt(2/pi) of a standard deviation.",
    formula="Distance from the opening price over the opening straddle, sqrt(2/pi) times the "
    "expected move of the first five minutes; the hour of the day; the last half hour still "
    "going that way.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "opening_price", "opening_straddle", "minutes_open", "move_30"),
    params=(
        THRESHOLD,
        Param("breach", 1.0, 0.6, 2.0, "", "least move over the opening straddle"),
        Param("before", 150.0, 45.0, 240.0, "min", "latest minute after the open"),
        Param("pace", 0.1, 0.0, 1.0, "", "least half-hour move over the straddle"),
    ),
    window=1,
    horizon=120,
    horizon_unit="minutes",
    direction="the side of the breach",
    judged_on=SESSION_PATHS,
    blind_spots="The straddle is computed from the at-the-money volatility, not bought: bid, ask "
    "and skew are left out. A gap before the open is not part of the move.",
    compute=_straddle_breach,
)
