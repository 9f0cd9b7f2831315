"""Ultra 0DTE Final 10, first part: pins and what ends them (tools 6, 11, 12). Pro."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import FloatArray, Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import below, either, holds, share

FAMILY = "Ultra 0DTE Final 10"
SESSION_PATHS = "simulated one-minute sessions with dealer hedging, one underlying"
NAIVE_SIGN = (
    "Who holds which side is assumed (dealers long calls, short puts), never observed, and open "
    "interest is of the morning: positions opened today are invisible."
)
PIN_MINUTES, PIN_LAG = 30, 10
"""A pin is judged over 30 minutes that ended ten minutes ago, so that the break is not in it."""

BAND = Param("band", 0.0015, 0.0005, 0.005, "share", "half-width of the pin around the strike")
PINNED = Param("pinned", 0.7, 0.4, 1.0, "share", "least share of the half hour spent pinned")


def _pinned(x: Inputs, wall: FloatArray, band: float) -> FloatArray:
    """Return the share of the half hour before the last minutes that was spent pinned.

    Pinned is a minute with spot within the band of `wall`, the wall then too the strike with the
    largest gamma, and dealers long gamma. NaN when a minute of it is not known.
    """
    behind = {
        name: rolling.windows(rolling.shift(x[name], PIN_LAG), PIN_MINUTES)
        for name in ("close", "abs_gamma_strike", "gamma")
    }
    at, reach = wall[..., None], (band * wall)[..., None]
    held = np.abs(behind["close"] - at) <= reach
    held &= (behind["abs_gamma_strike"] == at) & (behind["gamma"] > 0.0)
    count = np.count_nonzero(held, axis=-1)
    gaps = 0.0 * (x["close"] + x["abs_gamma_strike"] + x["gamma"])
    kept: FloatArray = count / PIN_MINUTES + rolling.shift(
        rolling.total(gaps, PIN_MINUTES), PIN_LAG
    )
    return kept


def _gamma_wall_pin_collapse(x: Inputs, p: Settings) -> Verdict:
    close, strike, band = x["close"], x["abs_gamma_strike"], p["band"]
    wall = rolling.shift(strike, PIN_LAG)
    held = rolling.shift(rolling.mean(x["abs_gamma_share"], PIN_MINUTES), PIN_LAG)
    kept = share(x["abs_gamma_share"], held)
    rolled = holds(np.abs(strike - wall) > band * wall, strike, wall)
    bought = np.where(
        np.isnan(x["wall_kept"]), 0.0, below(x["wall_kept"], 1.0 - p["decay"], p["decay"])
    )
    away = np.abs(close - wall) / wall
    quickening = rolling.ratio(x["rv_10"], rolling.shift(x["rv_30"], PIN_LAG))
    return Verdict(
        conditions=(
            at_least(
                "half hour spent pinned",
                _pinned(x, wall, band),
                p["pinned"],
                width=0.3,
                unit="share",
            ),
            told("at the strike", wall, "price"),
            graded(
                "strike with the largest gamma now",
                strike,
                either(rolled, bought, below(kept, 1.0 - p["decay"], p["decay"])),
                "price",
            ),
            told("its share of gamma over that during the pin", kept),
            told("its gamma after today's signed trades, over the morning's", x["wall_kept"]),
            at_least("spot away from the pin", away, band, width=band, unit="share"),
            at_least(
                "10-minute over earlier 30-minute realized volatility",
                quickening,
                p["quickening"],
                width=0.5,
            ),
        ),
        side=np.sign(close - wall),
    )


gamma_wall_pin_collapse = Tool(
    id=6,
    slug="gamma-wall-pin-collapse",
    name="Gamma Wall Pin Collapse",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Spot was pinned at the strike with the largest gamma while dealers were long "
    "gamma; the wall decays or rolls away and spot leaves on rising volatility: trade the break.",
    source="Avellaneda and Lipkin (2003), Ni, Pearson and Poteshman (2005) on pinning.",
    formula="Share of the half hour ending ten minutes ago within the band of the wall, under "
    "positive gamma; the wall's strike has moved, its share of gamma has fallen or, where trades "
    "are signed, customers have bought it back; spot is outside the band; realized volatility of "
    "10 minutes over that of the half hour before.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "abs_gamma_strike", "abs_gamma_share", "gamma", "rv_10", "rv_30"),
    optional=("wall_kept",),
    params=(
        THRESHOLD,
        BAND,
        PINNED,
        Param("decay", 0.15, 0.05, 0.6, "share", "least fall of the wall's share of gamma"),
        Param("quickening", 1.2, 1.0, 3.0, "", "least rise of realized volatility"),
    ),
    window=PIN_LAG + PIN_MINUTES,
    horizon=30,
    horizon_unit="minutes",
    direction="the side on which spot left the pin",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " A wall's gamma also falls because spot left it, so the decay is no "
    "independent witness.",
    compute=_gamma_wall_pin_collapse,
)


def _pinning_collapse_vacuum(x: Inputs, p: Settings) -> Verdict:
    close, band = x["close"], p["band"]
    wall = rolling.shift(x["abs_gamma_strike"], PIN_LAG)
    up = close > wall
    thin = np.where(up, x["thin_above"], x["thin_below"])
    target = np.where(up, x["heavy_above"], x["heavy_below"])
    room = share(np.abs(target - close), x["expected_move_day"])
    return Verdict(
        conditions=(
            at_least(
                "half hour spent pinned",
                _pinned(x, wall, band),
                p["pinned"],
                width=0.3,
                unit="share",
            ),
            told("at the strike", wall, "price"),
            at_least(
                "spot away from the pin",
                np.abs(close - wall) / wall,
                band,
                width=band,
                unit="share",
            ),
            at_most("open interest per strike ahead, over the median", thin, p["thin"], width=0.5),
            at_least(
                "way to the next heavy strike, in daily standard deviations",
                room,
                p["room"],
                width=0.3,
                unit="sd",
            ),
            told("next heavy strike", target, "price"),
        ),
        side=np.sign(close - wall),
    )


pinning_collapse_vacuum = Tool(
    id=11,
    slug="pinning-collapse-vacuum",
    name="Pinning Collapse Vacuum",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="After a pin, open interest is thin on the side to which spot breaks: nothing holds "
    "it before the next populated strike.",
    source="Own reading of the pinning literature (see tool 6); no paper tests it.",
    formula="Pin as in tool 6; spot outside the band; the nearest expiry's open interest per "
    "strike just ahead below the median around spot; distance to the next strike with twice "
    "that median, in daily standard deviations, on the side of the break alone.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "close",
        "abs_gamma_strike",
        "gamma",
        "thin_above",
        "thin_below",
        "expected_move_day",
    ),
    by_side=("heavy_above", "heavy_below"),
    params=(
        THRESHOLD,
        BAND,
        PINNED,
        Param("thin", 0.7, 0.1, 1.2, "", "most open interest ahead, over the median around spot"),
        Param("room", 0.2, 0.05, 1.5, "sd", "least way to the next heavy strike"),
    ),
    window=PIN_LAG + PIN_MINUTES,
    horizon=30,
    horizon_unit="minutes",
    direction="the side on which spot left the pin",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " Stops and limit orders ahead are not seen.",
    compute=_pinning_collapse_vacuum,
)


def _magnet_charm(x: Inputs, p: Settings) -> Verdict:
    close, magnet, left = x["close"], x["magnet_strike"], x["minutes_left"]
    toward = np.sign(magnet - close)
    away = share(np.abs(magnet - close), x["expected_move"])
    pull = share(-x["charm_hour_0dte"] * toward, 2.0 * x["traded_30"])
    return Verdict(
        conditions=(
            graded(
                "minutes to the close",
                left,
                np.minimum(below(left, p["late"], 60.0), holds(left >= p["stop"], left)),
                "min",
            ),
            at_least(
                "today's net over gross gamma", x["gamma_balance_0dte"], p["balance"], width=0.3
            ),
            told("heavy strike", magnet, "price"),
            at_least(
                "its share of today's gamma",
                x["magnet_share"],
                p["share"],
                width=0.15,
                unit="share",
            ),
            at_least("spot away from it", away, p["nearest"], width=0.15, unit="sd"),
            at_most("spot within its reach", away, p["reach"], width=0.75, unit="sd"),
            at_least(
                "charm flow towards it over dollars traded",
                pull,
                p["pull"],
                width=p["pull"],
                unit="share",
            ),
        ),
        side=toward,
    )


magnet_charm = Tool(
    id=12,
    slug="0dte-magnet-charm",
    name="0DTE Magnet + Charm",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Late in the session, with dealers long gamma, hedging against time's decay pulls "
    "spot to the nearest heavy strike: revert towards it.",
    source="Avellaneda and Lipkin (2003); Golez and Jackwerth (2012) on pinning by hedging.",
    formula="Few minutes left; today's net over gross gamma positive; the heavy strike's share of "
    "today's gamma; its distance in standard deviations to the close, neither nil nor out of "
    "reach; minus today's charm exposure, towards the strike, over dollars traded in an hour.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "close",
        "magnet_strike",
        "magnet_share",
        "expected_move",
        "minutes_left",
        "gamma_balance_0dte",
        "charm_hour_0dte",
        "traded_30",
    ),
    params=(
        THRESHOLD,
        Param("late", 90, 30, 180, "min", "most minutes left"),
        Param("stop", 5, 1, 20, "min", "fewest minutes left: later there is no time to revert"),
        Param("balance", 0.1, 0.0, 0.8, "", "least net over gross gamma"),
        Param("share", 0.25, 0.05, 0.5, "share", "least share of the heavy strike"),
        Param("nearest", 0.15, 0.05, 0.5, "sd", "least distance from the strike"),
        Param("reach", 1.25, 0.5, 2.5, "sd", "most distance from the strike"),
        Param("pull", 0.03, 0.002, 0.3, "share", "least charm flow over dollars traded"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="towards the heavy strike",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " News in the last hour outweighs any hedging.",
    compute=_magnet_charm,
)
