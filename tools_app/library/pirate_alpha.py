"""Pirate Alpha, tools 1 to 5: daily data only, one decision at a session's close. Free."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import above, below, either, holds

FAMILY = "Pirate Alpha"
RECENT = 10
"""Most sessions that a parameter counted in sessions may reach back."""
SESSIONS_PATHS = "simulated paths of many sessions, one underlying"
VOL_CONTROL_SHARE = Param(
    "fall", 0.2, 0.05, 0.6, "share", "least fall of the implied exposure that counts as forced"
)


def _within(default: float, what: str) -> Param:
    return Param("within", default, 2, RECENT, "sessions", what, integer=True)


def _regime_phase_shift(x: Inputs, p: Settings) -> Verdict:
    regime, probability, trend = x["regime"], x["regime_probability"], x["trend"]
    steps = int(p["within"])
    earlier = rolling.shift(regime, steps)
    heading = np.floor(regime / 3.0) - 1.0
    level = regime - 3.0 * np.floor(regime / 3.0) - 1.0
    ratio = rolling.ratio(x["rv_short"], x["rv_long"])
    moving = above(heading * trend, p["trend"], 0.5)
    resting = below(np.abs(trend), 1.0, 1.0)
    agreeing = above(level * (ratio - 1.0), 0.0, 0.2)
    unmoved = below(np.abs(ratio - 1.0), 0.25, 0.25)
    return Verdict(
        conditions=(
            graded(
                f"regime {steps} sessions ago, another one:",
                earlier,
                holds(regime != earlier, regime, earlier),
                "regime",
            ),
            told("regime now:", regime, "regime"),
            at_least(
                "probability of the new regime",
                probability,
                p["probability"],
                width=0.3,
                unit="share",
            ),
            graded("20-session trend", trend, np.where(heading == 0.0, resting, moving), "sd"),
            graded(
                "short over long realized volatility",
                ratio,
                np.where(level == 0.0, unmoved, agreeing),
            ),
        ),
        side=heading,
    )


regime_phase_shift = Tool(
    id=1,
    slug="regime-phase-shift",
    name="Regime Phase Shift",
    tier=Tier.FREE,
    family=FAMILY,
    hypothesis="The joint trend and volatility regime has just changed, and the trend filter and "
    "realized volatility agree with the new one: follow it.",
    source="Hamilton (1989), regime switching; the filter is causal, nothing is smoothed.",
    formula="Likeliest of 9 states (3 trends x 3 volatility levels) by the forward filter of a "
    "hidden Markov model on the last 126 returns; it differs from the one some sessions ago, its "
    "probability is high, the 20-session trend points its way (or is weak, for flat), and the "
    "ratio of 20- to 60-session realized volatility lies on its side.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("regime", "regime_probability", "trend", "rv_short", "rv_long"),
    params=(
        THRESHOLD,
        _within(5, "sessions in which the leading regime must have changed"),
        Param("probability", 0.45, 0.3, 0.9, "share", "least probability of the new regime"),
        Param("trend", 0.5, 0.0, 2.5, "sd", "least strength of the trend, in standard errors"),
    ),
    window=RECENT + 1,
    horizon=10,
    horizon_unit="sessions",
    direction="+1 into an up trend, -1 into a down trend, 0 into a flat one",
    judged_on=SESSIONS_PATHS,
    blind_spots="It reads closes alone: a change shows days late, a short-lived one never. The "
    "model's parameters are fixed, not fitted to the underlying.",
    compute=_regime_phase_shift,
)


def _earnings_crash_detector(x: Inputs, p: Settings) -> Verdict:
    richness = rolling.ratio(x["implied_report_move"], x["past_report_move"])
    return Verdict(
        conditions=(
            at_most(
                "sessions before the report",
                x["report_sessions"],
                p["within"],
                width=4.0,
            ),
            told("move priced for the report", x["implied_report_move"], "share"),
            at_least("that over the median past move", richness, p["richness"], width=0.5),
            at_least(
                "price above its 50-session mean",
                x["extension"],
                p["extension"],
                width=1.0,
                unit="sd",
            ),
            at_least(
                "25-delta skew, change in five sessions",
                x["skew_change_5"],
                p["steepening"],
                width=0.01,
                unit="vol",
            ),
        ),
        side=np.full(richness.shape, -1.0),
    )


earnings_crash_detector = Tool(
    id=2,
    slug="earnings-crash-detector",
    name="Earnings Crash Detector",
    tier=Tier.FREE,
    family=FAMILY,
    hypothesis="Into a scheduled report, options price a larger move than past reports made, while "
    "price stands extended above its trend and skew steepens: short bias, or long volatility "
    "through the event.",
    source="Dubinsky, Johannes, Kaeck and Seeger (2019) on prices of report-day jumps.",
    formula="Sessions before the report few; variance of the first expiry after it in excess of "
    "ordinary days, as a mean absolute move, over the median of at least four past moves; log of "
    "close over its 50-session mean in standard deviations; 25-delta skew rising.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=(
        "report_sessions",
        "implied_report_move",
        "past_report_move",
        "extension",
        "skew_change_5",
    ),
    params=(
        THRESHOLD,
        Param("within", 3, 0, 10, "sessions", "most sessions before the report", integer=True),
        Param("richness", 1.1, 0.8, 2.0, "", "least implied over median past move"),
        Param("extension", 1.0, 0.0, 3.0, "sd", "least distance above the trend"),
        Param("steepening", 0.005, 0.0, 0.05, "vol", "least rise of the skew in five sessions"),
    ),
    window=1,
    horizon=5,
    horizon_unit="sessions",
    direction="-1: short bias, or long volatility through the event",
    judged_on="recorded days alone: the simulator makes no company reports",
    blind_spots="It knows no estimates and no guidance, and four to eight past reports are a small "
    "sample. A rich implied move is often paid for nothing.",
    compute=_earnings_crash_detector,
)


def _liquidity_death_cross(x: Inputs, p: Settings) -> Verdict:
    ratio, spread = x["illiquidity_ratio"], x["spread_ratio"]
    lowest = rolling.lowest(ratio, int(p["within"]) + 1)
    widened = np.where(np.isnan(spread), 1.0, above(spread, 1.0, 0.3))
    return Verdict(
        conditions=(
            at_least("20- over 60-session illiquidity", ratio, p["ratio"], width=0.3),
            graded(
                f"its lowest in {int(p['within'])} sessions, below 1 before the cross",
                lowest,
                holds(lowest <= 1.0, lowest),
            ),
            at_most("20- over 60-session turnover", x["turnover_ratio"], p["turnover"], width=0.2),
            graded("20- over 60-session bid-ask spread", spread, widened),
        ),
        side=np.full(ratio.shape, -1.0),
    )


liquidity_death_cross = Tool(
    id=3,
    slug="liquidity-death-cross",
    name="Liquidity Death Cross",
    tier=Tier.FREE,
    family=FAMILY,
    hypothesis="Illiquidity over a short window crosses above its long window while turnover "
    "falls: reduce or short until the cross reverts.",
    source="Amihud (2002), illiquidity as return per dollar traded.",
    formula="Mean of |return| / dollars traded over 20 sessions over its mean over 60, newly above "
    "one; the same ratio of dollars traded below one; where quotes are known, the same ratio of "
    "the bid-ask spread at or above one.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("illiquidity_ratio", "turnover_ratio"),
    optional=("spread_ratio",),
    params=(
        THRESHOLD,
        _within(10, "sessions in which the cross must have happened"),
        Param("ratio", 1.05, 1.0, 2.0, "", "least short over long illiquidity"),
        Param("turnover", 0.98, 0.5, 1.0, "", "most short over long turnover"),
    ),
    window=RECENT + 1,
    horizon=10,
    horizon_unit="sessions",
    direction="-1: reduce or short",
    judged_on=SESSIONS_PATHS,
    blind_spots="Return per dollar rises with volatility alone, and volume falls before holidays: "
    "neither is a loss of liquidity. Depth is not seen. Turnover is dollars traded, not a share "
    "of the shares outstanding.",
    compute=_liquidity_death_cross,
)


def _vol_control_forced_selling(x: Inputs, p: Settings) -> Verdict:
    exposure = np.minimum(
        p["cap"],
        rolling.ratio(
            np.full(x["rv_short"].shape, p["target"]), np.maximum(x["rv_short"], x["rv_long"])
        ),
    )
    steps = int(p["within"])
    before = rolling.shift(exposure, steps)
    fall = 1.0 - rolling.ratio(exposure, before)
    return Verdict(
        conditions=(
            at_least(
                f"fall of implied exposure in {steps} sessions",
                fall,
                p["fall"],
                width=p["fall"],
                unit="share",
            ),
            told("implied exposure now", exposure, "share"),
            told("realized volatility, 20 sessions", x["rv_short"], "vol"),
        ),
        side=np.full(exposure.shape, -1.0),
    )


vol_control_forced_selling = Tool(
    id=4,
    slug="vol-control-forced-selling",
    name="Vol Control Forced Selling",
    tier=Tier.FREE,
    family=FAMILY,
    hypothesis="Funds that target a volatility have to cut exposure after volatility rose: forced "
    "supply over the next days, in proportion to the cut.",
    source="Moreira and Muir (2017) on volatility-managed portfolios.",
    formula="Exposure = min(cap, target / max(20-, 60-session realized volatility)); its relative "
    "fall within some sessions.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("rv_short", "rv_long"),
    params=(
        THRESHOLD,
        _within(5, "sessions over which the fall is measured"),
        VOL_CONTROL_SHARE,
        Param("target", 0.12, 0.05, 0.25, "vol", "volatility that the funds aim at"),
        Param("cap", 1.5, 1.0, 2.5, "", "most exposure they take"),
    ),
    window=RECENT + 1,
    horizon=5,
    horizon_unit="sessions",
    direction="-1, the score rising with the estimated de-leveraging",
    judged_on=SESSIONS_PATHS,
    blind_spots="The funds' size, targets, windows and speed are not public; exposure held in cash "
    "or options does not show. A fall already traded counts like one to come.",
    compute=_vol_control_forced_selling,
)


def _market_structure_fracture(x: Inputs, p: Settings) -> Verdict:
    close, low, high = x["close"], x["swing_low"], x["swing_high"]
    earlier = rolling.shift(close, int(p["within"]))
    down = holds((close < low) & (earlier >= low), close, earlier, low)
    up = holds((close > high) & (earlier <= high), close, earlier, high)
    stress = np.maximum(np.abs(x["correlation_score"]), np.abs(x["eigen_score"]))
    return Verdict(
        conditions=(
            at_least("co-movement beyond its band", stress, p["band"], width=1.0, unit="sd"),
            told("average correlation against its mean", x["correlation_score"], "sd"),
            told("first eigenvalue's share against its mean", x["eigen_score"], "sd"),
            graded("close beyond the last swing", close, either(down, up), "price"),
            told("last swing low", low, "price"),
            told("last swing high", high, "price"),
        ),
        side=up - down,
    )


market_structure_fracture = Tool(
    id=5,
    slug="market-structure-fracture",
    name="Market Structure Fracture",
    tier=Tier.FREE,
    family=FAMILY,
    hypothesis="The names of a basket start to move together (or fall apart) beyond the usual "
    "band, and price breaks its last confirmed swing: the structure has broken, follow the break.",
    source="Kritzman, Li, Page and Rigobon (2011), absorption ratio.",
    formula="Average pairwise correlation or first eigenvalue's share of 60 returns, against mean "
    "and standard deviation of the 60 sessions before; close newly beyond the last swing low or "
    "high, itself known five sessions after it.",
    kind=Kind.DAILY,
    scope=Scope.BASKET,
    inputs=("close", "swing_low", "swing_high", "correlation_score", "eigen_score"),
    params=(
        THRESHOLD,
        _within(3, "sessions in which the swing must have been broken"),
        Param("band", 2.0, 1.0, 4.0, "sd", "least distance from the mean co-movement"),
    ),
    window=RECENT + 1,
    horizon=10,
    horizon_unit="sessions",
    direction="-1 below a swing low, +1 above a swing high",
    judged_on="simulated paths of many sessions, a basket",
    blind_spots="Sixty overlapping returns move slowly: a shock today shows in the correlation "
    "only in part. The basket is a choice, not the market.",
    compute=_market_structure_fracture,
)
