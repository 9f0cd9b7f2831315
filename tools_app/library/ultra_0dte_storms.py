"""Ultra 0DTE Final 10, third part: cascades and the quiet before them (tools 9, 13, 14). Pro."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import holds, share
from tools_app.library.ultra_0dte_flows import vanna_flow
from tools_app.library.ultra_0dte_pins import FAMILY, NAIVE_SIGN, SESSION_PATHS

LONGEST_BREAK = 30


def _vol_trigger_cascade(x: Inputs, p: Settings) -> Verdict:
    close, steps = x["close"], int(p["within"])
    trigger = rolling.shift(x["vol_trigger"], steps)
    earlier = rolling.shift(close, steps)
    depth = share(trigger - close, x["expected_move_day"])
    return Verdict(
        conditions=(
            graded(
                f"spot {steps} minutes ago, at or above the trigger",
                earlier,
                holds(earlier >= trigger, earlier, trigger),
                "price",
            ),
            told("vol-trigger proxy then", trigger, "price"),
            at_least(
                "spot below it now, over the day's expected move",
                depth,
                p["depth"],
                width=p["depth"],
            ),
            at_most("net over gross gamma", x["gamma_balance"], p["balance"], width=0.2),
            told("net gamma", x["gamma"], "$/1 %"),
            at_least(
                "30-day implied volatility, change in ten minutes",
                x["iv_change_10"],
                p["rise"],
                width=p["rise"],
                unit="vol",
            ),
        ),
        side=np.full(close.shape, -1.0),
    )


vol_trigger_cascade = Tool(
    id=9,
    slug="vol-trigger-cascade",
    name="Vol Trigger Cascade",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Spot breaks below the level under which aggregate gamma turns negative, and "
    "implied volatility rises with it: moves extend.",
    source="Own definition of the level (a proxy, not any vendor's); Barbon and Buraschi (2021).",
    formula="Spot at or above the trigger some minutes ago and below it now, by a part of the "
    "day's expected move; net over gross gamma no longer positive; 30-day implied volatility up "
    "in ten minutes.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "close",
        "vol_trigger",
        "gamma",
        "gamma_balance",
        "expected_move_day",
        "iv_change_10",
    ),
    params=(
        THRESHOLD,
        Param("within", 15, 3, LONGEST_BREAK, "min", "how long ago spot was above", integer=True),
        Param("depth", 0.1, 0.02, 0.6, "", "least depth below the trigger over the day's move"),
        Param("balance", 0.0, -0.5, 0.2, "", "most net over gross gamma"),
        Param("rise", 0.002, 0.0005, 0.03, "vol", "least rise of implied volatility"),
    ),
    window=LONGEST_BREAK + 1,
    horizon=30,
    horizon_unit="minutes",
    direction="-1: short",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " The level moves with implied volatility while it is broken.",
    compute=_vol_trigger_cascade,
)


def _triple_cascade(x: Inputs, p: Settings) -> Verdict:
    selling = share(-vanna_flow(x), x["traded_30"] / 3.0)
    return Verdict(
        conditions=(
            told("net gamma", x["gamma"], "$/1 %"),
            at_most("net over gross gamma", x["gamma_balance"], -p["balance"], width=0.2),
            at_least(
                "selling implied by vanna over dollars traded, ten minutes",
                selling,
                p["flow"],
                width=p["flow"],
                unit="share",
            ),
            at_least(
                "part of two hours with lower vol of vol",
                x["vol_of_vol_rank"],
                p["rank"],
                width=1.0 - p["rank"],
                unit="share",
            ),
        ),
        side=np.full(selling.shape, -1.0),
    )


triple_cascade = Tool(
    id=13,
    slug="triple-cascade-black-swan",
    name="Triple Cascade Black Swan",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Negative gamma, vanna hedging that sells, and vol of vol at the top of its range, "
    "all at once: long volatility, short bias.",
    source="Own combination; each part as in tools 8 and 10.",
    formula="Net over gross gamma negative; vanna exposure times the ten-minute change of implied "
    "volatility, as selling, over dollars traded; rank of the standard deviation of one-minute "
    "changes of implied volatility within two hours.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("gamma", "gamma_balance", "vanna", "iv_change_10", "traded_30", "vol_of_vol_rank"),
    params=(
        THRESHOLD,
        Param("balance", 0.15, 0.0, 0.6, "", "least net short over gross gamma"),
        Param("flow", 0.02, 0.001, 0.5, "share", "least selling over dollars traded"),
        Param("rank", 0.9, 0.7, 0.98, "share", "least rank of vol of vol"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="-1: long volatility, short bias",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " Three rare things at once leave a small sample, whatever the data.",
    compute=_triple_cascade,
)


def _silence(x: Inputs, p: Settings) -> Verdict:
    balance = np.abs(x["gamma_balance"])
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
                "part of two hours with a smaller range",
                x["range_30_rank"],
                p["rank"],
                width=p["rank"],
                unit="share",
            ),
            at_least(
                "0DTE implied volatility, relative change in 30 minutes",
                x["iv_0dte_drift_30"],
                -p["drop"],
                width=p["drop"],
                unit="share",
            ),
            at_most("size of net over gross gamma", balance, p["balance"], width=p["balance"]),
            at_least("0DTE implied over realized volatility", gap, p["gap"], width=0.5 * p["gap"]),
            told("realized volatility, 30 minutes", x["rv_30"], "vol"),
            told("0DTE implied volatility", x["iv_0dte"], "vol"),
        ),
        side=np.zeros(balance.shape),
    )


silence_before_the_storm = Tool(
    id=14,
    slug="silence-before-the-storm",
    name="Silence Before The Storm",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Realized volatility and range are compressed while 0DTE implied volatility does "
    "not fall with them and dealers' gamma is small: nothing damps the next move, long "
    "volatility.",
    source="Own reading of volatility compression; Dim, Eraker and Vilkov (2025) on gamma and "
    "later intraday volatility.",
    formula="Ranks within two hours of 30-minute realized volatility and of the 30-minute range, "
    "both low; 0DTE implied volatility well above it, and its logarithm not much lower than 30 "
    "minutes ago; size of net over gross gamma small.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "rv_30_rank",
        "range_30_rank",
        "iv_0dte_drift_30",
        "gamma_balance",
        "rv_30",
        "iv_0dte",
    ),
    params=(
        THRESHOLD,
        Param("rank", 0.2, 0.05, 0.5, "share", "most rank of realized volatility and of range"),
        Param("gap", 1.8, 1.0, 4.0, "", "least 0DTE implied over 30-minute realized volatility"),
        Param("drop", 0.04, 0.01, 0.2, "share", "most fall of 0DTE implied volatility"),
        Param("balance", 0.2, 0.05, 0.6, "", "most size of net over gross gamma"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="0: long volatility",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " Lunch is quiet every day: the rank within the session does not "
    "know the hour.",
    compute=_silence,
)
