"""A-plus price action, tools 16 to 18: bars alone, one minute each here. Pro."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import FloatArray, Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import above, pick, share, weakest
from tools_app.library.ultra_0dte_pins import SESSION_PATHS

FAMILY = "A-plus price action"
HOUR, SWEEP, SHIFT = 60, 20, 5
"""Bars of the higher time frame's swing, of the sweep, and of the structure that must break."""
ATR = 60
TIGHT = 20
DIP, BEFORE, RSI = 10, 30, 14


def true_range(x: Inputs) -> FloatArray:
    """Return Wilder's true range of each bar."""
    before = rolling.shift(x["close"], 1)
    return np.maximum(x["high"], before) - np.minimum(x["low"], before)


def average_range(x: Inputs) -> FloatArray:
    """Return the mean true range of the bars before this one."""
    return rolling.shift(rolling.mean(true_range(x), ATR), 1)


def relative_strength(close: FloatArray) -> FloatArray:
    """Return the relative strength index by simple means (Cutler), 0 to 100."""
    step = close - rolling.shift(close, 1)
    gain = rolling.total(np.maximum(step, 0.0), RSI)
    loss = rolling.total(np.maximum(-step, 0.0), RSI)
    still = (gain + loss) == 0.0
    return np.where(still, 50.0, 100.0 * rolling.ratio(gain, gain + loss))


def _htf_sweep(x: Inputs, p: Settings) -> Verdict:
    high, low, close = x["high"], x["low"], x["close"]
    bottom = rolling.shift(rolling.lowest(low, HOUR), SWEEP)
    top = rolling.shift(rolling.highest(high, HOUR), SWEEP)
    size = top - bottom
    lowest, highest = rolling.lowest(low, SWEEP), rolling.highest(high, SWEEP)
    under, over = share(bottom - lowest, size), share(highest - top, size)
    back_up, back_down = share(close - bottom, size), share(top - close, size)
    structure_up = share(close - rolling.shift(rolling.highest(high, SHIFT), 1), size)
    structure_down = share(rolling.shift(rolling.lowest(low, SHIFT), 1) - close, size)
    long, short = (
        weakest(above(swept, p["beyond"], p["beyond"]), above(back, p["back"], 0.1))
        for swept, back in ((under, back_up), (over, back_down))
    )
    side = np.where(long >= short, 1.0, -1.0)
    return Verdict(
        conditions=(
            told("hour's swing that was swept", pick(side, bottom, top), "price"),
            at_least(
                "sweep beyond it, over the hour's range",
                pick(side, under, over),
                p["beyond"],
                width=p["beyond"],
            ),
            at_least(
                "close back inside, over the hour's range",
                pick(side, back_up, back_down),
                p["back"],
                width=0.1,
            ),
            at_least(
                "close beyond the last five minutes, over the hour's range",
                pick(side, structure_up, structure_down),
                p["structure"],
                width=0.05,
            ),
            told("stop beyond", pick(side, lowest, highest), "price"),
        ),
        side=side,
    )


htf_sweep = Tool(
    id=16,
    slug="htf-sweep",
    name="HTF Sweep",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="The swing of the last hour is swept and rejected, and the five-minute structure "
    "turns: price goes back into the range.",
    source="Own rule on stop runs; Osler (2003) on clustered stop orders.",
    formula="Low of the last 20 bars below the low of the hour before them (high above the high), "
    "close back inside that range, and beyond the extreme of the five bars before.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("high", "low", "close"),
    params=(
        THRESHOLD,
        Param("beyond", 0.12, 0.005, 0.5, "", "least sweep over the hour's range"),
        Param("back", 0.1, 0.0, 0.5, "", "least way back inside over the hour's range"),
        Param("structure", 0.0, 0.0, 0.3, "", "least break of the five-minute structure"),
    ),
    window=HOUR + SWEEP,
    horizon=60,
    horizon_unit="minutes",
    direction="back into the range",
    judged_on=SESSION_PATHS,
    blind_spots="Where stops lie is not seen, only that price went there and came back.",
    compute=_htf_sweep,
)


def _volume_breakout(x: Inputs, p: Settings) -> Verdict:
    usual = average_range(x)
    top = rolling.shift(rolling.highest(x["high"], TIGHT), 1)
    bottom = rolling.shift(rolling.lowest(x["low"], TIGHT), 1)
    up, down = share(x["close"] - top, usual), share(bottom - x["close"], usual)
    side = np.where(up >= down, 1.0, -1.0)
    before = rolling.shift(rolling.mean(x["volume"], TIGHT), 1)
    return Verdict(
        conditions=(
            at_most(
                "range of 20 bars in average bar ranges",
                share(top - bottom, usual),
                p["tight"],
                width=0.4 * p["tight"],
            ),
            at_least(
                "close beyond it, in average bar ranges",
                pick(side, up, down),
                p["beyond"],
                width=0.5,
            ),
            at_least(
                "volume over its mean of those bars",
                share(x["volume"], before),
                p["volume"],
                width=p["volume"],
            ),
            told("stop inside", pick(side, top, bottom), "price"),
        ),
        side=side,
    )


volume_breakout = Tool(
    id=17,
    slug="volume-breakout",
    name="Volume Breakout",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="A tight consolidation breaks on volume well above its average: the move goes on.",
    source="Lo, Mamaysky and Wang (2000) on patterns that carry information; rule our own.",
    formula="High less low of the 20 bars before over the mean true range of 60; close beyond "
    "them; volume over its mean of those bars.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("high", "low", "close", "volume"),
    params=(
        THRESHOLD,
        Param("tight", 3.2, 1.2, 8.0, "", "most range of the bars before, in average ranges"),
        Param("beyond", 0.1, 0.0, 2.0, "", "least break in average ranges"),
        Param("volume", 1.5, 1.0, 6.0, "", "least volume over its mean"),
    ),
    window=ATR + 2,
    horizon=30,
    horizon_unit="minutes",
    direction="the side of the break",
    judged_on=SESSION_PATHS,
    blind_spots="Volume has no side; at the open and the close it is high without news.",
    compute=_volume_breakout,
)


def _divergence_capitulation(x: Inputs, p: Settings) -> Verdict:
    usual, strength = average_range(x), relative_strength(x["close"])
    away = share(rolling.mean(x["close"], ATR) - x["close"], usual)
    lowest, highest = rolling.lowest(x["low"], DIP), rolling.highest(x["high"], DIP)
    lower = share(rolling.shift(rolling.lowest(x["low"], BEFORE), DIP) - lowest, usual)
    higher = share(highest - rolling.shift(rolling.highest(x["high"], BEFORE), DIP), usual)
    weak, strong = rolling.lowest(strength, DIP), rolling.highest(strength, DIP)
    firmer = weak - rolling.shift(rolling.lowest(strength, BEFORE), DIP)
    softer = rolling.shift(rolling.highest(strength, BEFORE), DIP) - strong
    side = np.where(away >= 0.0, 1.0, -1.0)
    crowd = share(
        rolling.highest(x["volume"], DIP), rolling.shift(rolling.mean(x["volume"], BEFORE), DIP)
    )
    turned = share((x["close"] - rolling.shift(x["close"], 1)) * side, usual)
    return Verdict(
        conditions=(
            at_least(
                "way from the mean of 60 bars, in average ranges",
                np.abs(away),
                p["trend"],
                width=p["trend"],
            ),
            at_least(
                "new extreme beyond the one before, in average ranges",
                pick(side, lower, higher),
                0.0,
                width=0.5,
            ),
            at_least(
                "relative strength firmer than at the one before",
                pick(side, firmer, softer),
                p["divergence"],
                width=p["divergence"],
                unit="points",
            ),
            at_least(
                "highest volume over its mean of the bars before", crowd, p["volume"], width=1.0
            ),
            graded("last bar turns, in average ranges", turned, above(turned, 0.0, 0.3)),
            told("stop beyond", pick(side, lowest, highest), "price"),
        ),
        side=side,
    )


divergence_capitulation = Tool(
    id=18,
    slug="divergence-capitulation",
    name="Divergence Capitulation",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="In a falling market price makes a lower low while relative strength makes a higher "
    "one, on capitulation volume: it turns up (mirrored in a rising market).",
    source="Wilder (1978), relative strength; Campbell, Grossman and Wang (1993) on volume and "
    "reversals.",
    formula="Close below its mean of 60 bars; low of 10 bars below that of the 30 before; relative "
    "strength of 14 bars higher at it; highest volume over the mean of the bars before.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("high", "low", "close", "volume"),
    params=(
        THRESHOLD,
        Param("trend", 3.0, 0.5, 8.0, "", "least way from the mean in average ranges"),
        Param("divergence", 8.0, 0.5, 25.0, "points", "least gain of relative strength"),
        Param("volume", 2.0, 1.0, 6.0, "", "least highest volume over its mean"),
    ),
    window=ATR + 2,
    horizon=60,
    horizon_unit="minutes",
    direction="against the trend",
    judged_on=SESSION_PATHS,
    blind_spots="A divergence in a strong trend can repeat many times before it holds.",
    compute=_divergence_capitulation,
)
