"""God-Tier Nuclear 5, tools 41 to 45. Pro+."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, at_most, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import share
from tools_app.library.flow_breadth import RECORDED
from tools_app.library.ultra_0dte_pins import NAIVE_SIGN
from tools_app.library.volatility_surface import CHAIN_PATHS, DAILY_CHAINS

FAMILY = "God-Tier Nuclear 5"
LONGEST_FLIP = 10
SPIRAL = 30


def _gamma_flip_to_short(x: Inputs, p: Settings) -> Verdict:
    balance, steps = x["gamma_balance"], int(p["within"])
    before = rolling.highest(rolling.shift(balance, 1), steps)
    return Verdict(
        conditions=(
            at_least(
                f"highest net over gross gamma of {steps} sessions before",
                before,
                p["band"],
                width=0.2,
            ),
            at_most("net over gross gamma at the close", balance, -p["band"], width=0.2),
        ),
        side=np.zeros(balance.shape),
    )


gamma_flip_to_short = Tool(
    id=41,
    slug="gamma-flip-to-short",
    name="Gamma Flip to Short",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="From one session to another the whole book's net gamma turns from positive to "
    "negative: hedging amplifies moves from now on, long volatility.",
    source="Baltussen, Da, Lammers and Martens (2021) on hedging demand; rule our own.",
    formula="Net over gross gamma after the close below minus the band, and above it at a close "
    "of the sessions before.",
    kind=Kind.DAILY,
    scope=Scope.ONE,
    inputs=("gamma_balance",),
    params=(
        THRESHOLD,
        Param("band", 0.01, 0.0, 0.3, "", "least size of net over gross gamma on both sides"),
        Param("within", 3, 1, LONGEST_FLIP, "sessions", "sessions before", integer=True),
    ),
    window=LONGEST_FLIP + 1,
    horizon=5,
    horizon_unit="sessions",
    direction="0: long volatility",
    judged_on=DAILY_CHAINS,
    blind_spots=NAIVE_SIGN,
    compute=_gamma_flip_to_short,
)


def _death_spiral(x: Inputs, p: Settings) -> Verdict:
    rank, slope = x["vol_of_vol_rank"], x["term_slope"]
    peak, deepest = rolling.highest(rank, SPIRAL), rolling.lowest(slope, SPIRAL)
    return Verdict(
        conditions=(
            at_least(
                "highest rank of vol-of-vol in half an hour",
                peak,
                p["extreme"],
                width=1.0 - p["extreme"],
                unit="share",
            ),
            at_least("its fall since", peak - rank, p["turned"], width=p["turned"], unit="share"),
            at_most(
                "deepest 30-day less front volatility of half an hour",
                deepest,
                -p["inverted"],
                width=p["inverted"],
                unit="vol",
            ),
            at_least(
                "part of the inversion that eased",
                share(slope - deepest, -deepest),
                p["eased"],
                width=p["eased"],
                unit="share",
            ),
        ),
        side=np.zeros(rank.shape),
    )


death_spiral_fade = Tool(
    id=42,
    slug="vol-of-vol-death-spiral-fade",
    name="Vol-of-Vol Death Spiral Fade",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Volatility of volatility was extreme and turns, the term structure was inverted "
    "and eases: the panic is over, short volatility.",
    source="Park (2015) on volatility of volatility; rule our own.",
    formula="Highest rank of vol-of-vol of 30 minutes and its fall; deepest inversion of 30-day "
    "against front volatility of 30 minutes and the part that eased.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("vol_of_vol_rank", "term_slope"),
    params=(
        THRESHOLD,
        Param("extreme", 0.95, 0.7, 0.99, "share", "least rank at its highest"),
        Param("turned", 0.2, 0.02, 0.6, "share", "least fall of the rank"),
        Param("inverted", 0.01, 0.001, 0.1, "vol", "least inversion"),
        Param("eased", 0.15, 0.02, 0.8, "share", "least part that eased"),
    ),
    window=SPIRAL,
    horizon=60,
    horizon_unit="minutes",
    direction="0: short volatility",
    judged_on=CHAIN_PATHS,
    blind_spots="The first easing of a panic is often not the last.",
    compute=_death_spiral,
    volatility=-1,
)


def _fed_leak(x: Inputs, p: Settings) -> Verdict:
    flow = x["signed_volume_30"]
    side = np.sign(flow)
    drift = share(x["move_30"] * side, x["expected_move_day"])
    today = share(x["gamma_gross_0dte"], x["gamma_gross"])
    return Verdict(
        conditions=(
            at_most(
                "minutes to the Fed's decision",
                x["fed_minutes"],
                p["ahead"],
                width=p["ahead"],
                unit="min",
            ),
            at_least(
                "signed share of volume, 30 minutes",
                np.abs(flow),
                p["flow"],
                width=p["flow"],
                unit="share",
            ),
            at_least(
                "half-hour drift with it, over the day's move",
                drift,
                p["drift"],
                width=p["drift"],
            ),
            at_least(
                "part of gross gamma that expires today",
                today,
                p["reset"],
                width=p["reset"],
                unit="share",
            ),
        ),
        side=side,
    )


fed_wire_leak = Tool(
    id=43,
    slug="fed-wire-leak-gamma-reset",
    name="Fed Wire Leak + Gamma Reset",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="In the window before a scheduled decision of the Fed the tape leans one way, and "
    "today's expiry resets positioning with it: follow the lean.",
    source="Lucca and Moench (2015), drift before FOMC; the public calendar and tape alone.",
    formula="Minutes to the decision; volume of 30 minutes signed by bars; half-hour move over "
    "the day's expected move; share of gross gamma that expires today.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "fed_minutes",
        "signed_volume_30",
        "move_30",
        "expected_move_day",
        "gamma_gross_0dte",
        "gamma_gross",
    ),
    params=(
        THRESHOLD,
        Param("ahead", 150.0, 15.0, 300.0, "min", "most minutes to the decision"),
        Param("flow", 0.12, 0.02, 0.8, "share", "least signed share of volume"),
        Param("drift", 0.12, 0.02, 1.0, "", "least drift over the day's move"),
        Param("reset", 0.2, 0.02, 0.9, "share", "least part of gamma that expires"),
    ),
    window=1,
    horizon=120,
    horizon_unit="minutes",
    direction="the side of the lean",
    judged_on=RECORDED,
    blind_spots="Matched days without a decision are known only through the expected move; "
    "nothing but public data is used, whatever the name says.",
    compute=_fed_leak,
)


def _dark_pool_flush(x: Inputs, p: Settings) -> Verdict:
    way = share(x["close"] - x["zero_gamma"], x["expected_move_day"])
    return Verdict(
        conditions=(
            told("off-exchange share of volume", x["off_exchange_share"], "share"),
            at_least(
                "its level against the hour",
                x["off_exchange_score"],
                p["extreme"],
                width=p["extreme"],
                unit="sd",
            ),
            told("zero gamma", x["zero_gamma"], "price"),
            at_most("way down to it, over the day's move", way, p["near"], width=p["near"]),
            at_least("still above it", way, 0.0, width=0.05),
        ),
        side=-np.ones(way.shape),
    )


dark_pool_gamma_flush = Tool(
    id=44,
    slug="dark-pool-gamma-flush",
    name="Dark Pool Gamma Flush",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Off-exchange trading is extreme while price nears the level under which dealers' "
    "gamma is negative: what was sold quietly is then sold loudly, short.",
    source="Zhu (2014) on dark pools; prints that the tape marks as off-exchange, rule our own.",
    formula="Mean off-exchange share of five minutes against the hour before, in its deviations; "
    "distance above zero gamma over the day's expected move.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "off_exchange_share",
        "off_exchange_score",
        "close",
        "zero_gamma",
        "expected_move_day",
    ),
    params=(
        THRESHOLD,
        Param("extreme", 1.5, 0.5, 5.0, "sd", "least level against the hour"),
        Param("near", 0.4, 0.05, 1.5, "", "most way to zero gamma over the day's move"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="-1: short",
    judged_on=RECORDED,
    blind_spots=NAIVE_SIGN + " Off-exchange prints have no side, and most are retail orders "
    "filled by wholesalers.",
    compute=_dark_pool_flush,
)


def _silence_twice(x: Inputs, p: Settings) -> Verdict:
    gap = rolling.ratio(x["iv_0dte"], x["rv_30"])
    return Verdict(
        conditions=(
            at_most(
                "part of two hours with lower realized volatility",
                x["rv_30_rank"],
                p["rank"],
                width=p["rank"],
                unit="share",
            ),
            at_most(
                "part of two hours with a smaller range of the paired index",
                x["peer_range_rank"],
                p["rank"],
                width=p["rank"],
                unit="share",
            ),
            at_least("0DTE implied over realized volatility", gap, p["gap"], width=0.5 * p["gap"]),
            at_most(
                "minutes to the Fed's decision",
                x["fed_minutes"],
                p["ahead"],
                width=p["ahead"],
                unit="min",
            ),
        ),
        side=np.zeros(gap.shape),
    )


silence_before_the_storm_v2 = Tool(
    id=45,
    slug="silence-before-the-storm-v2",
    name="Silence Before The Storm v2",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Two indices are compressed at once, implied volatility is not, and a scheduled "
    "decision lies inside the horizon: long volatility.",
    source="Own rule on compression before scheduled news; Lucca and Moench (2015).",
    formula="Rank within two hours of 30-minute realized volatility and of the paired index's "
    "30-minute range, both low; 0DTE implied over realized volatility; minutes to the decision.",
    kind=Kind.INTRADAY,
    scope=Scope.BASKET,
    inputs=("rv_30_rank", "peer_range_rank", "iv_0dte", "rv_30", "fed_minutes"),
    params=(
        THRESHOLD,
        Param("rank", 0.25, 0.05, 0.5, "share", "most rank of volatility and of range"),
        Param("gap", 1.5, 1.0, 4.0, "", "least implied over realized volatility"),
        Param("ahead", 240.0, 30.0, 390.0, "min", "most minutes to the decision"),
    ),
    window=1,
    horizon=240,
    horizon_unit="minutes",
    direction="0: long volatility",
    judged_on=RECORDED,
    blind_spots="Before a decision implied volatility is high for a reason: the storm is priced.",
    compute=_silence_twice,
)
