"""Regime, learning and expiry, tools 46 to 52. Pro+.

Tools 46 to 49 read columns that an approved model writes, and say "no model yet" until one does.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import above, holds, share
from tools_app.library.flow_breadth import RECORDED
from tools_app.library.ultra_0dte_flows import usual_move
from tools_app.library.volatility_surface import DAILY_CHAINS

FAMILY = "Regime, learning and expiry"
NEEDS_MODEL = "no path before a model is approved; then on the sessions it did not see"
LONGEST_STAY = 20
LONGEST_UNWIND = 5


def _regime_consensus(x: Inputs, p: Settings) -> Verdict:
    cell, steps = x["model_cell"], int(p["stable"])
    stays = holds(rolling.highest(cell, steps) == rolling.lowest(cell, steps), cell)
    stays = np.where(np.isnan(rolling.highest(cell, steps)), np.nan, stays)
    return Verdict(
        conditions=(
            graded(f"cell, the same for {steps} sessions:", cell, stays, "cell"),
            at_least(
                "its probability",
                x["model_cell_probability"],
                p["probability"],
                width=1.0 - p["probability"],
                unit="share",
            ),
        ),
        side=np.floor(cell / 9.0) - 1.0,
    )


regime_consensus = Tool(
    id=46,
    slug="regime-consensus",
    name="Regime Consensus",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Trend, volatility and liquidity regimes agree on one cell with high probability "
    "for several sessions: trade that cell's side.",
    source="Hamilton (1989); three hidden Markov chains of an approved model.",
    formula="Likeliest of 27 cells by the filtered posterior, its probability, and for how long.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("model_cell", "model_cell_probability"),
    params=(
        THRESHOLD,
        Param("probability", 0.6, 0.2, 0.95, "share", "least probability of the cell"),
        Param("stable", 3, 1, LONGEST_STAY, "sessions", "sessions in the same cell", integer=True),
    ),
    window=LONGEST_STAY,
    horizon=10,
    horizon_unit="sessions",
    direction="the cell's trend: long, short, or volatility without a side",
    judged_on=NEEDS_MODEL,
    blind_spots="A filtered regime is known late; a new kind of market has no cell.",
    compute=_regime_consensus,
)


def _anomaly_alarm(x: Inputs, p: Settings) -> Verdict:
    return Verdict(
        conditions=(
            at_most(
                "conformal p-value of the session",
                x["anomaly_p"],
                p["level"],
                width=p["level"],
                unit="share",
            ),
        ),
        side=np.zeros(x["anomaly_p"].shape),
    )


anomaly_alarm = Tool(
    id=47,
    slug="anomaly-alarm",
    name="Anomaly Alarm",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="The session does not look like those that a variational autoencoder learned: "
    "stand aside or reduce.",
    source="Kingma and Welling (2014); conformal threshold as Vovk, Gammerman and Shafer (2005).",
    formula="Conformal p-value of the reconstruction error.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("anomaly_p",),
    params=(THRESHOLD, Param("level", 0.02, 0.001, 0.2, "share", "most p-value")),
    window=1,
    horizon=5,
    horizon_unit="sessions",
    direction="0: a warning, no trade",
    judged_on=NEEDS_MODEL,
    blind_spots="Strange is not dangerous: it scores risk and has no side.",
    compute=_anomaly_alarm,
    volatility=0,
)


def _fan_breakout(x: Inputs, p: Settings) -> Verdict:
    close, low, high = x["close"], x["forecast_low"], x["forecast_high"]
    width = high - low
    up, down = share(close - high, width), share(low - close, width)
    side = np.where(up >= down, 1.0, -1.0)
    return Verdict(
        conditions=(
            told("close", close, "price"),
            told("forecast from", low, "price"),
            told("forecast to", high, "price"),
            at_least(
                "close beyond the band, over its width",
                np.maximum(up, down),
                p["beyond"],
                width=0.2,
            ),
        ),
        side=side,
    )


forecast_fan_breakout = Tool(
    id=48,
    slug="forecast-fan-breakout",
    name="Forecast Fan Breakout",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="The close leaves the calibrated 90 % band of a frozen forecaster: something that "
    "it did not know is under way, follow it.",
    source="Own rule on conformal forecast bands.",
    formula="Distance of the close beyond the band forecast the day before, over its width.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("close", "forecast_low", "forecast_high"),
    params=(THRESHOLD, Param("beyond", 0.0, 0.0, 1.0, "", "least way beyond over the width")),
    window=1,
    horizon=5,
    horizon_unit="sessions",
    direction="the side of the break",
    judged_on=NEEDS_MODEL,
    blind_spots="One close in ten leaves a calibrated band without any news.",
    compute=_fan_breakout,
)


def _distilled_policy(x: Inputs, p: Settings) -> Verdict:
    entry = x["policy_entry"]
    return Verdict(
        conditions=(graded("the tree's entry", entry, above(np.abs(entry), p["least"], 0.5)),),
        side=np.sign(entry),
    )


distilled_policy = Tool(
    id=49,
    slug="distilled-policy",
    name="Distilled Policy",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="The newest approved decision tree, distilled from a trained policy, says enter.",
    source="Bastani, Pu and Solar-Lezama (2018), policy extraction by trees.",
    formula="The tree's action on the row.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("policy_entry",),
    params=(THRESHOLD, Param("least", 0.5, 0.1, 0.9, "", "least size of the action")),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="the side of the tree's entry",
    judged_on=NEEDS_MODEL,
    blind_spots="It knows what its policy was trained on; without an approved tree it never fires.",
    compute=_distilled_policy,
)


def _liquidity_vacuum(x: Inputs, p: Settings) -> Verdict:
    fall = -np.minimum(x["option_depth_score"], x["quote_count_score"])
    moved = share(np.abs(x["move_5"]), usual_move(x, 5.0))
    return Verdict(
        conditions=(
            at_least(
                "option spreads against the hour",
                x["option_spread_score"],
                p["widening"],
                width=p["widening"],
                unit="sd",
            ),
            at_least(
                "fall of depth or of the number of quotes",
                fall,
                p["fall"],
                width=p["fall"],
                unit="sd",
            ),
            at_most("five-minute move", moved, p["quiet"], width=p["quiet"], unit="sd"),
        ),
        side=np.zeros(fall.shape),
    )


liquidity_vacuum = Tool(
    id=50,
    slug="liquidity-vacuum",
    name="Liquidity Vacuum",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Market makers step back, spreads wide and depth gone, before the price moves: "
    "long volatility.",
    source="Foucault, Kadan and Kandel (2005) on liquidity supply; rule our own.",
    formula="Mean of five minutes against the hour before, in its deviations, of the usual spread, "
    "the displayed depth and the number of quotes around spot; five-minute move.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "option_spread_score",
        "option_depth_score",
        "quote_count_score",
        "close",
        "move_5",
        "rv_30",
    ),
    params=(
        THRESHOLD,
        Param("widening", 1.8, 0.5, 6.0, "sd", "least widening of spreads"),
        Param("fall", 1.8, 0.5, 6.0, "sd", "least fall of depth or quotes"),
        Param("quiet", 1.5, 0.3, 4.0, "sd", "most five-minute move"),
    ),
    window=1,
    horizon=30,
    horizon_unit="minutes",
    direction="0: long volatility",
    judged_on=RECORDED,
    blind_spots="Displayed depth is not all depth; it thins every day towards the close.",
    compute=_liquidity_vacuum,
)


def _pin_risk(x: Inputs, p: Settings) -> Verdict:
    close, strike = x["close"], x["short_strike"]
    band = p["band"] * strike
    above_it, under_it = (share(strike + s * band - close, x["expected_move"]) for s in (1.0, -1.0))
    chance = ndtr(above_it) - ndtr(under_it)
    return Verdict(
        conditions=(
            at_most("minutes to the close", x["minutes_left"], p["left"], width=30.0, unit="min"),
            told("short strike held", strike, "price"),
            at_least(
                "probability that the close lies at it",
                chance,
                p["chance"],
                width=1.0 - p["chance"],
                unit="share",
            ),
        ),
        side=np.zeros(chance.shape),
    )


pin_risk_guard = Tool(
    id=51,
    slug="pin-risk-guard",
    name="Pin Risk Guard",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Near the close spot is likely to end within a narrow band of a short strike that "
    "the account holds: close it, assignment is a coin toss.",
    source="Ni, Pearson and Poteshman (2005) on strikes at expiry; rule our own.",
    formula="Normal probability of a close within the band of the strike, by the move expected to "
    "the close; minutes to the close.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "short_strike", "expected_move", "minutes_left"),
    params=(
        THRESHOLD,
        Param("left", 60.0, 5.0, 120.0, "min", "most minutes to the close"),
        Param("band", 0.0015, 0.0002, 0.01, "share", "half-width of the band"),
        Param("chance", 0.4, 0.1, 0.9, "share", "least probability"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="0: a warning, no trade",
    judged_on="no path: it needs an account's short strikes",
    blind_spots="It sees the strikes it is given; settlement prices may differ from the last.",
    compute=_pin_risk,
    volatility=0,
)


def _opex_unwind(x: Inputs, p: Settings) -> Verdict:
    steps = int(p["within"])
    expired = rolling.highest(x["expiring_interest"], steps)
    calm = rolling.ratio(x["rv_short"], x["rv_long"])
    return Verdict(
        conditions=(
            at_least(
                f"most interest expired at a close of {steps} sessions",
                expired,
                p["share"],
                width=p["share"],
                unit="share",
            ),
            at_most("short over long realized volatility", calm, p["calm"], width=0.3),
            told("range of ten sessions", x["range_10"], "share"),
        ),
        side=np.zeros(calm.shape),
    )


opex_unwind = Tool(
    id=52,
    slug="opex-unwind",
    name="OPEX Unwind",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="A large expiry takes away the positions that held the range: in the sessions "
    "after it volatility expands.",
    source="Ni, Pearson, Poteshman and White (2021) on option positions and volatility.",
    formula="Largest share of open interest within 5 % of spot that expired at a close of the "
    "last sessions; short over long realized volatility.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("expiring_interest", "rv_short", "rv_long", "range_10"),
    params=(
        THRESHOLD,
        Param("share", 0.3, 0.05, 0.9, "share", "least interest expired"),
        Param("calm", 1.0, 0.5, 1.5, "", "most short over long realized volatility"),
        Param("within", 2, 1, LONGEST_UNWIND, "sessions", "sessions after it", integer=True),
    ),
    window=LONGEST_UNWIND,
    horizon=5,
    horizon_unit="sessions",
    direction="0: long volatility",
    judged_on=DAILY_CHAINS,
    blind_spots="Interest that was rolled has not gone; the share by contracts says little of "
    "its gamma.",
    compute=_opex_unwind,
)
