"""Volatility surface, tools 19 to 24: skew, term structure, premium, mispricing. Pro."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import above, either, holds, share
from tools_app.library.ultra_0dte_pins import SESSION_PATHS

FAMILY = "Volatility surface"
CHAIN_PATHS = "recorded and simulated sessions with their chains; fast paths have no smile"
DAILY_CHAINS = "recorded and simulated sessions with their closing chains"
INVERSION = 10
STEADY = 3
FLIP = 10


def _skew_shock(x: Inputs, p: Settings) -> Verdict:
    moved = np.abs(share(x["move_30"], x["expected_move_day"]))
    return Verdict(
        conditions=(
            told("25-delta skew", x["skew_25d"], "vol"),
            at_least(
                "its rise in 30 minutes", x["skew_shock"], p["rise"], width=p["rise"], unit="sd"
            ),
            at_most("half-hour move over the day's", moved, p["quiet"], width=p["quiet"]),
        ),
        side=-np.ones(moved.shape),
    )


skew_steepening_shock = Tool(
    id=19,
    slug="skew-steepening-shock",
    name="Skew Steepening Shock",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Puts are bid against calls without a move of spot that would explain it: somebody "
    "buys protection first.",
    source="Xing, Zhang and Zhao (2010), skew predicts returns; rule our own.",
    formula="Change of the 25-delta skew in 30 minutes over what chance changes of two hours add "
    "up to; half-hour move over the day's expected move.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("skew_25d", "skew_shock", "move_30", "expected_move_day"),
    params=(
        THRESHOLD,
        Param("rise", 1.8, 0.5, 6.0, "sd", "least rise of the skew"),
        Param("quiet", 0.25, 0.05, 1.0, "", "most half-hour move over the day's"),
    ),
    window=1,
    horizon=120,
    horizon_unit="minutes",
    direction="-1: short",
    judged_on=CHAIN_PATHS,
    blind_spots="Wide quotes move the skew without a trade; who buys is not seen.",
    compute=_skew_shock,
)


def _term_inversion(x: Inputs, p: Settings) -> Verdict:
    slope = x["term_slope"]
    deepest = rolling.lowest(slope, INVERSION)
    back = share(slope - deepest, -deepest)
    return Verdict(
        conditions=(
            told("30-day less front implied volatility", slope, "vol"),
            at_most("its lowest of ten sessions", deepest, -p["band"], width=p["band"], unit="vol"),
            at_least(
                "part of the inversion that is undone",
                back,
                p["back"],
                width=p["back"],
                unit="share",
            ),
            graded(
                "change since the session before",
                slope - rolling.shift(slope, 1),
                above(slope - rolling.shift(slope, 1), 0.0, 0.002),
                "vol",
            ),
        ),
        side=np.zeros(slope.shape),
    )


term_structure_inversion = Tool(
    id=20,
    slug="term-structure-inversion",
    name="Term Structure Inversion",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Front implied volatility stood above that of 30 days and is coming back: the "
    "normalization is the trade, short front volatility.",
    source="Johnson (2017), the volatility term structure and the variance premium; rule our own.",
    formula="Lowest of ten sessions of 30-day less front implied volatility; part of it undone; "
    "change since the session before.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("term_slope",),
    params=(
        THRESHOLD,
        Param("band", 0.006, 0.001, 0.1, "vol", "least inversion"),
        Param("back", 0.3, 0.05, 1.5, "share", "least part undone"),
    ),
    window=INVERSION,
    horizon=10,
    horizon_unit="sessions",
    direction="0: short volatility",
    judged_on=DAILY_CHAINS,
    blind_spots="An event before the front expiry inverts the curve for a reason.",
    compute=_term_inversion,
    volatility=-1,
)


def _variance_premium(x: Inputs, p: Settings) -> Verdict:
    rank = x["variance_premium_rank"]
    extreme = 2.0 * np.abs(rank - 0.5)
    return Verdict(
        conditions=(
            told("30-day implied volatility", x["iv_30d"], "vol"),
            told("HAR forecast", x["har_vol"], "vol"),
            graded(
                "part of 60 sessions with a smaller premium",
                rank,
                above(extreme, p["band"], 1.0 - p["band"]),
                "share",
            ),
            at_least(
                "sessions before the next event",
                x["event_sessions"],
                p["clear"],
                width=3.0,
                unit="sessions",
            ),
        ),
        side=np.zeros(rank.shape),
        volatility=np.where(rank > 0.5, -1.0, 1.0),
    )


variance_risk_premium = Tool(
    id=21,
    slug="variance-risk-premium",
    name="Variance Risk Premium",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Implied variance stands far above (or below) what is forecast to be realized, and "
    "no event explains it: sell (or buy) the difference.",
    source="Bollerslev, Tauchen and Zhou (2009), the variance premium; Corsi (2009), HAR.",
    formula="Rank within 60 sessions of 30-day implied variance less the HAR forecast; sessions "
    "before the next Fed decision or report.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("iv_30d", "har_vol", "variance_premium_rank", "event_sessions"),
    params=(
        THRESHOLD,
        Param("band", 0.8, 0.3, 0.98, "", "how extreme the rank must be: 0 the middle, 1 the end"),
        Param("clear", 5.0, 0.0, 15.0, "sessions", "least sessions before the next event"),
    ),
    window=1,
    horizon=20,
    horizon_unit="sessions",
    direction="0: short volatility at a high premium, long at a low one",
    judged_on=DAILY_CHAINS,
    blind_spots="The premium pays for crashes that a short history does not hold.",
    compute=_variance_premium,
)


def _mispricing(x: Inputs, p: Settings) -> Verdict:
    miss = x["mispricing"]
    steady = rolling.lowest(np.abs(miss), STEADY)
    return Verdict(
        conditions=(
            told("largest miss now, positive where the quote is cheap", miss, "half-spreads"),
            at_least(
                "least size of it in three minutes",
                steady,
                p["miss"],
                width=p["miss"],
                unit="half-spreads",
            ),
            at_most(
                "usual spread of near quotes",
                x["option_spread"],
                p["spread"],
                width=p["spread"],
                unit="share",
            ),
        ),
        side=np.zeros(miss.shape),
        volatility=np.sign(miss),
    )


surface_mispricing = Tool(
    id=22,
    slug="surface-mispricing",
    name="Surface Mispricing",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="A liquid quote lies outside the arbitrage-free smile by more than its own spread "
    "and stays there: it comes back to it.",
    source="Gatheral and Jacquier (2014), arbitrage-free SVI; rule our own.",
    formula="Smile less quote in half-spreads, the largest among quotes within two deviations of "
    "the forward; its least size in three minutes; median spread of near quotes.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("mispricing", "option_spread"),
    params=(
        THRESHOLD,
        Param("miss", 1.5, 1.0, 10.0, "half-spreads", "least miss"),
        Param("spread", 0.1, 0.01, 0.5, "share", "most spread of near quotes"),
    ),
    window=STEADY,
    horizon=30,
    horizon_unit="minutes",
    direction="0: long volatility where the quote is cheap, short where it is dear",
    judged_on=CHAIN_PATHS,
    blind_spots="A smile of five numbers cannot follow every true bend: a miss that stays all day "
    "is the model's.",
    compute=_mispricing,
)


def _rho_flip(x: Inputs, p: Settings) -> Verdict:
    rho, shock = x["sabr_rho"], x["rho_shock"]
    before = rolling.shift(rho, FLIP)
    flipped = holds((rho * before < 0.0) & (np.abs(rho - before) >= p["least"]), rho, before)
    return Verdict(
        conditions=(
            told("SABR correlation ten minutes ago", before),
            told("SABR correlation now", rho),
            graded(
                "its change in usual changes, or a change of sign",
                shock,
                either(above(np.abs(shock), p["jump"], p["jump"]), flipped),
                "sd",
            ),
            at_least("size of the change", np.abs(rho - before), p["least"], width=p["least"]),
        ),
        side=np.zeros(rho.shape),
    )


sabr_rho_flip = Tool(
    id=23,
    slug="sabr-rho-flip",
    name="SABR Rho Flip",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="The correlation of spot and volatility that quotes imply jumps or turns its sign "
    "between good fits: dynamics changed, long volatility.",
    source="Hagan, Kumar, Lesniewski and Woodward (2002), SABR; rule our own.",
    formula="Change of the calibrated correlation in ten minutes over what chance changes of two "
    "hours add up to, or a change of sign.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("sabr_rho", "rho_shock"),
    params=(
        THRESHOLD,
        Param("jump", 3.0, 1.0, 10.0, "sd", "least change"),
        Param("least", 0.03, 0.005, 0.5, "", "least change of the correlation itself"),
    ),
    window=FLIP + 1,
    horizon=60,
    horizon_unit="minutes",
    direction="0: long volatility",
    judged_on=CHAIN_PATHS,
    blind_spots="Beta is fixed, so a change of the backbone is read as one of correlation.",
    compute=_rho_flip,
)


def _implied_realized(x: Inputs, p: Settings) -> Verdict:
    score = x["realized_gap_score"]
    return Verdict(
        conditions=(
            told("realized volatility without jumps, 60 minutes", x["bipower_60"], "vol"),
            told("0DTE implied volatility", x["iv_0dte"], "vol"),
            graded(
                "their log ratio against two hours",
                score,
                above(np.abs(score), p["gap"], p["gap"]),
                "sd",
            ),
        ),
        side=np.zeros(score.shape),
        volatility=np.sign(score),
    )


implied_realized_divergence = Tool(
    id=24,
    slug="implied-realised-divergence",
    name="Implied-Realised Divergence",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Realized volatility of the hour and 0DTE implied volatility part: they converge, "
    "so cheap implied is bought and dear implied sold.",
    source="Barndorff-Nielsen and Shephard (2004), bipower variation; rule our own.",
    formula="Log of bipower volatility of 60 minutes over 0DTE implied volatility, less its mean "
    "of two hours, in its standard deviations.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("bipower_60", "iv_0dte", "realized_gap_score"),
    params=(THRESHOLD, Param("gap", 2.6, 0.5, 5.0, "sd", "least gap")),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="0: long volatility where realized is above implied, short where below",
    judged_on=SESSION_PATHS,
    blind_spots="Realized volatility looks back an hour and implied ahead: news parts them for a "
    "reason.",
    compute=_implied_realized,
)
