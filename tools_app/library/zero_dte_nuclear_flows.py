"""Zero DTE Nuclear 10, second part: hedging that turns or hurries (33, 34, 37, 39, 40). Pro+."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import holds, share
from tools_app.library.ultra_0dte_flows import usual_move
from tools_app.library.ultra_0dte_pins import NAIVE_SIGN, SESSION_PATHS
from tools_app.library.zero_dte_nuclear_levels import FAMILY


def _charm_avalanche(x: Inputs, p: Settings) -> Verdict:
    charm, growth = x["charm_hour_0dte"], x["charm_growth_15"]
    inventory = np.abs(x["gamma_balance_0dte"])
    hurrying = share(growth * np.sign(charm), 2.0 * x["traded_30"])
    return Verdict(
        conditions=(
            at_most("minutes to the close", x["minutes_left"], p["left"], width=60.0, unit="min"),
            told("today's charm exposure", charm, "$/h"),
            at_least(
                "its growth in 15 minutes over dollars traded an hour",
                hurrying,
                p["growth"],
                width=p["growth"],
                unit="share",
            ),
            at_least(
                "part of two hours in which it changed less",
                x["charm_growth_rank"],
                p["rank"],
                width=1.0 - p["rank"],
                unit="share",
            ),
            at_least("size of net over gross gamma today", inventory, p["one_sided"], width=0.3),
        ),
        side=-np.sign(charm),
    )


charm_avalanche = Tool(
    id=33,
    slug="afternoon-charm-avalanche",
    name="Afternoon Charm Avalanche",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="In the last two hours today's charm exposure grows faster than it did all "
    "afternoon while the book lies on one side: its hedging arrives at once.",
    source="Own reading of charm's growth towards expiry; Baltussen, Da, Lammers and Martens "
    "(2021) on the last half hour.",
    formula="Growth of today's charm exposure in 15 minutes, in its own direction, over dollars "
    "traded an hour; rank of the size of that growth within two hours; size of net over gross "
    "gamma of today's expiry; minutes to the close.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "charm_hour_0dte",
        "charm_growth_15",
        "charm_growth_rank",
        "gamma_balance_0dte",
        "traded_30",
        "minutes_left",
    ),
    params=(
        THRESHOLD,
        Param("left", 120.0, 30.0, 180.0, "min", "most minutes to the close"),
        Param("growth", 0.02, 0.002, 0.5, "share", "least growth of charm over dollars traded"),
        Param("rank", 0.9, 0.6, 0.98, "share", "least rank of the growth"),
        Param("one_sided", 0.3, 0.05, 0.8, "", "least size of net over gross gamma"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="against the sign of the charm exposure",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " The growth mixes time with spot: a move across a heavy strike "
    "grows charm as well.",
    compute=_charm_avalanche,
)


def _last_hour_squeeze(x: Inputs, p: Settings) -> Verdict:
    way = x["abs_gamma_strike"] - x["close"]
    usual = usual_move(x, 5.0)
    reach = share(np.abs(way), x["expected_move"])
    return Verdict(
        conditions=(
            at_most("minutes to the close", x["minutes_left"], p["left"], width=30.0, unit="min"),
            told("strike with the largest gamma", x["abs_gamma_strike"], "price"),
            at_least(
                "its share of all gamma",
                x["abs_gamma_share"],
                p["share"],
                width=p["share"],
                unit="share",
            ),
            at_most("way to it over the move expected to the close", reach, 1.0, width=0.5),
            at_least(
                "five-minute move towards it",
                share(x["move_5"] * np.sign(way), usual),
                p["chase"],
                width=1.0,
                unit="sd",
            ),
        ),
        side=np.sign(way),
    )


last_hour_squeeze = Tool(
    id=34,
    slug="last-hour-gamma-squeeze",
    name="Last-Hour Gamma Squeeze",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="In the last hour gamma concentrates at one strike within reach of the close, and "
    "flow has begun to chase it: spot gets there.",
    source="Own reading of gamma near expiry; Ni, Pearson and Poteshman (2005) on strikes at "
    "expiry.",
    formula="Share of the largest strike in all gross gamma; its distance over the move expected "
    "to the close; five-minute move towards it in standard deviations of the last half hour.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "close",
        "abs_gamma_strike",
        "abs_gamma_share",
        "expected_move",
        "minutes_left",
        "move_5",
        "rv_30",
    ),
    params=(
        THRESHOLD,
        Param("left", 60.0, 10.0, 120.0, "min", "most minutes to the close"),
        Param("share", 0.35, 0.05, 0.8, "share", "least share of all gamma"),
        Param("chase", 1.5, 0.25, 3.0, "sd", "least five-minute move towards the strike"),
    ),
    window=1,
    horizon=30,
    horizon_unit="minutes",
    direction="towards the strike",
    judged_on=SESSION_PATHS,
    blind_spots="Gross gamma has no side: whether dealers damp or chase at that strike is not "
    "known. " + NAIVE_SIGN,
    compute=_last_hour_squeeze,
)


def _crush_fade(x: Inputs, p: Settings) -> Verdict:
    kept = rolling.ratio(x["iv_0dte"], x["rv_30"])
    return Verdict(
        conditions=(
            at_most(
                "minutes since the scheduled release",
                x["release_minutes"],
                p["within"],
                width=p["within"],
                unit="min",
            ),
            at_most(
                "0DTE implied volatility, relative change in 30 minutes",
                x["iv_0dte_drift_30"],
                -p["crush"],
                width=p["crush"],
                unit="share",
            ),
            at_most("0DTE implied over realized volatility", kept, p["kept"], width=0.3),
            told("realized volatility, 30 minutes", x["rv_30"], "vol"),
            told("0DTE implied volatility", x["iv_0dte"], "vol"),
        ),
        side=np.zeros(kept.shape),
    )


crush_fade = Tool(
    id=37,
    slug="0dte-vol-crush-fade",
    name="0DTE Vol Crush Fade",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="After a scheduled release 0DTE implied volatility falls further than what is "
    "realized supports: the fall is faded, long volatility.",
    source="Own rule on volatility around scheduled news.",
    formula="Minutes since the newest scheduled release of the day; change of the logarithm of "
    "0DTE implied volatility in 30 minutes; 0DTE implied over 30-minute realized volatility.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("release_minutes", "iv_0dte_drift_30", "iv_0dte", "rv_30"),
    params=(
        THRESHOLD,
        Param("within", 90.0, 15.0, 240.0, "min", "most minutes since the release"),
        Param("crush", 0.15, 0.03, 0.6, "share", "least fall of implied volatility"),
        Param("kept", 1.1, 0.6, 2.0, "", "most implied over realized volatility"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="0: long volatility",
    judged_on="no simulated path: the simulator schedules no releases",
    blind_spots="A release before the open is 60 minutes old at the open and its first fall is not "
    "seen. Realized volatility of the half hour holds the release itself.",
    compute=_crush_fade,
)


def _speed_trap(x: Inputs, p: Settings) -> Verdict:
    percent = share(-x["gamma"], x["speed"])
    way = share(np.abs(percent) * x["close"] / 100.0, x["expected_move_day"])
    towards = share(x["move_30"] * np.sign(percent), x["expected_move_day"])
    return Verdict(
        conditions=(
            told("net gamma", x["gamma"], "$/1 %"),
            at_least(
                "net over gross gamma: damping now", x["gamma_balance"], p["balance"], width=0.1
            ),
            told("speed exposure", x["speed"], "$/1 %/1 %"),
            at_most(
                "way to where it turns, over the day's expected move",
                way,
                p["ahead"],
                width=p["ahead"],
            ),
            at_least(
                "half-hour move that way, over the day's",
                towards,
                p["towards"],
                width=p["towards"],
            ),
        ),
        side=np.sign(percent),
    )


speed_trap = Tool(
    id=39,
    slug="speed-trap",
    name="Speed Trap",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="Hedging damps moves now, but the book's speed says that a small move one way "
    "turns it to amplifying, and spot is under way: the move then runs.",
    source="Own use of the third derivative; formula of speed as in Haug (2007).",
    formula="Net over gross gamma positive; minus net gamma over speed exposure is the move in "
    "percent at which, to first order, net gamma is zero; that way over the day's expected move; "
    "half-hour move towards it.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "gamma", "gamma_balance", "speed", "expected_move_day", "move_30"),
    params=(
        THRESHOLD,
        Param("balance", 0.05, 0.0, 0.4, "", "least net over gross gamma"),
        Param("ahead", 0.25, 0.1, 2.0, "", "most way to the turn over the day's move"),
        Param("towards", 0.25, 0.02, 0.8, "", "least half-hour move over the day's"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="the side on which hedging turns",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " A straight line through gamma errs near heavy strikes of today's "
    "expiry, where speed itself turns within a few strikes.",
    compute=_speed_trap,
)


def _zomma_shock(x: Inputs, p: Settings) -> Verdict:
    points = 100.0 * x["iv_change_10"]
    effect = x["zomma"] * points
    before = x["gamma"] - effect
    return Verdict(
        conditions=(
            told("net gamma", x["gamma"], "$/1 %"),
            graded(
                "net gamma without the change of volatility, damping",
                before,
                holds(before > 0.0, before),
                "$/1 %",
            ),
            at_least(
                "size of that change in ten minutes",
                np.abs(x["iv_change_10"]),
                p["shock"],
                width=p["shock"],
                unit="vol",
            ),
            at_least(
                "part of net gamma that it took",
                share(-effect, before),
                p["lost"],
                width=p["lost"],
                unit="share",
            ),
        ),
        side=np.zeros(before.shape),
    )


zomma_shock = Tool(
    id=40,
    slug="zomma-shock",
    name="Zomma Shock",
    tier=Tier.PRO_PLUS,
    family=FAMILY,
    hypothesis="The present change of implied volatility halves dealers' damping gamma or turns "
    "its sign: what held spot is gone, long volatility.",
    source="Own use of the third derivative; formula of zomma as in Haug (2007).",
    formula="Zomma exposure times the ten-minute change of 30-day implied volatility in points, "
    "over the net gamma without it, which was positive; size of the change.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("gamma", "zomma", "iv_change_10"),
    params=(
        THRESHOLD,
        Param("shock", 0.005, 0.001, 0.05, "vol", "least size of the change of volatility"),
        Param("lost", 0.5, 0.1, 1.5, "share", "least part of net gamma lost"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="0: long volatility",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " A loss of half takes a change of many points, so it is rare; "
    "today's volatility moves more than that of 30 days, which is laid on all expiries alike.",
    compute=_zomma_shock,
)
