"""Ultra 0DTE Final 10, second part: flows that hedgers must trade (tools 7, 8, 10, 15). Pro."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.features.derived import YEAR_MINUTES
from market.frames import FloatArray, Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import holds, share
from tools_app.library.ultra_0dte_pins import FAMILY, NAIVE_SIGN, SESSION_PATHS

SHOCK_MINUTES = 60
QUIET_LAG = 5


def vanna_flow(x: Inputs) -> FloatArray:
    """Return the $ that hedgers trade for the last ten minutes' change of implied volatility.

    They trade against what their delta gained, hence the minus; vanna is per vol point.
    """
    return -x["vanna"] * 100.0 * x["iv_change_10"]


def usual_move(x: Inputs, minutes: float) -> FloatArray:
    """Return one standard deviation of spot over some minutes by the last half hour, in $."""
    move: FloatArray = x["close"] * x["rv_30"] * np.sqrt(minutes / YEAR_MINUTES)
    return move


def _charm_flow_breach(x: Inputs, p: Settings) -> Verdict:
    flow = -x["charm_hour_0dte"]
    hourly = 2.0 * x["traded_30"]
    usual = usual_move(x, 5.0)
    along = share(x["move_5"] * np.sign(flow), usual)
    return Verdict(
        conditions=(
            told("today's charm exposure", x["charm_hour_0dte"], "$/h"),
            at_least(
                "its size over dollars traded in an hour",
                share(np.abs(flow), hourly),
                p["multiple"],
                width=p["multiple"],
                unit="share",
            ),
            at_least(
                "five-minute move along the hedging flow", along, p["move"], width=1.0, unit="sd"
            ),
        ),
        side=np.sign(flow),
    )


charm_flow_breach = Tool(
    id=7,
    slug="charm-flow-nuclear-breach",
    name="Charm Flow Nuclear Breach",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Today's options lose delta with time faster than the market trades: hedgers have "
    "to deal in one direction, and price has begun to move that way.",
    source="Own reading of dealer hedging by charm; Baltussen, Da, Lammers and Martens (2021) on "
    "hedging demand and the last half hour.",
    formula="Charm exposure of today's expiry, in $ of delta an hour, over dollars traded an hour "
    "(last 30 minutes); five-minute move in the direction of minus charm, in standard deviations "
    "of the last half hour.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("close", "charm_hour_0dte", "traded_30", "rv_30", "move_5"),
    params=(
        THRESHOLD,
        Param("multiple", 0.05, 0.005, 2.0, "share", "least charm flow over dollars traded"),
        Param("move", 1.0, 0.25, 3.0, "sd", "least five-minute move along the flow"),
    ),
    window=1,
    horizon=30,
    horizon_unit="minutes",
    direction="against the sign of the charm exposure",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " Hedging in futures or in other names is in no volume seen here.",
    compute=_charm_flow_breach,
)


def _vanna_shock_reversal(x: Inputs, p: Settings) -> Verdict:
    iv = x["iv_30d"]
    base = rolling.shift(iv, SHOCK_MINUTES - 1)
    top, bottom = rolling.highest(iv, SHOCK_MINUTES), rolling.lowest(iv, SHOCK_MINUTES)
    upward = top - base >= base - bottom
    shock = np.where(upward, top - base, bottom - base)
    extreme = np.where(upward, top, bottom)
    retraced = share(extreme - iv, shock)
    easing = -np.sign(shock) * x["iv_change_10"]
    flow = vanna_flow(x)
    return Verdict(
        conditions=(
            at_least(
                "largest change of 30-day implied volatility in an hour",
                np.abs(shock),
                p["shock"],
                width=p["shock"],
                unit="vol",
            ),
            at_least("part of it retraced", retraced, p["retraced"], width=0.25, unit="share"),
            at_most("part of it retraced", retraced, 0.9, width=0.2, unit="share"),
            at_least("retraced in ten minutes", easing, p["easing"], width=p["easing"], unit="vol"),
            told("vanna exposure", x["vanna"], "$/vol pt"),
            at_least(
                "implied hedging over dollars traded in ten minutes",
                share(np.abs(flow), x["traded_30"] / 3.0),
                p["flow"],
                width=p["flow"],
                unit="share",
            ),
        ),
        side=np.sign(flow),
    )


vanna_shock_reversal = Tool(
    id=8,
    slug="vanna-shock-reversal",
    name="Vanna Shock Reversal",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="An implied-volatility shock is retracing: hedges sold (or bought) for it are "
    "bought (or sold) back, which moves price with the retracement.",
    source="Own reading of vanna hedging; no paper isolates it.",
    formula="Largest change of 30-day implied volatility within an hour; the part of it that has "
    "come back, neither nothing nor all; its change in ten minutes, against the shock; minus "
    "vanna exposure times that change, over dollars traded in ten minutes.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("iv_30d", "iv_change_10", "vanna", "traded_30"),
    params=(
        THRESHOLD,
        Param("shock", 0.015, 0.003, 0.08, "vol", "least change within an hour"),
        Param("retraced", 0.25, 0.1, 0.6, "share", "least part retraced"),
        Param("easing", 0.001, 0.0002, 0.02, "vol", "least part retraced in ten minutes"),
        Param("flow", 0.01, 0.001, 0.5, "share", "least implied hedging over dollars traded"),
    ),
    window=SHOCK_MINUTES,
    horizon=60,
    horizon_unit="minutes",
    direction="minus the sign of vanna exposure times the change of volatility",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " Volatility and price move together anyway: that a reversal follows "
    "does not show that hedging made it.",
    compute=_vanna_shock_reversal,
)


def _short_gamma_forced(x: Inputs, p: Settings) -> Verdict:
    move = x["move_5"]
    return Verdict(
        conditions=(
            told("net gamma", x["gamma"], "$/1 %"),
            at_most("net over gross gamma", x["gamma_balance"], -p["balance"], width=0.2),
            at_least(
                "five-minute move over the day's expected move",
                share(np.abs(move), x["expected_move_day"]),
                p["move"],
                width=p["move"],
            ),
            told("five-minute move", move, "$"),
        ),
        side=np.sign(move),
    )


short_gamma_forced = Tool(
    id=10,
    slug="dealer-short-gamma-forced",
    name="Dealer Short Gamma Forced",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Dealers are clearly short gamma and the last move is large for the day: hedgers "
    "must chase it in the same direction.",
    source="Barbon and Buraschi (2021), Gamma Fragility; the evidence on 0DTE is mixed.",
    formula="Net over gross gamma exposure clearly negative; size of the five-minute move over "
    "one standard deviation of a session by the present 0DTE volatility.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("gamma", "gamma_balance", "expected_move_day", "move_5"),
    params=(
        THRESHOLD,
        Param("balance", 0.25, 0.02, 0.8, "", "least net short over gross gamma"),
        Param("move", 0.3, 0.05, 1.0, "", "least five-minute move over the day's expected move"),
    ),
    window=1,
    horizon=15,
    horizon_unit="minutes",
    direction="the direction of the last five minutes",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN + " How often dealers hedge is not known: they may wait the move out.",
    compute=_short_gamma_forced,
)


def _hidden_squeeze(x: Inputs, p: Settings) -> Verdict:
    day = x["expected_move_day"]
    built = share(-x["squeeze_gamma"], x["gamma_gross"])
    quiet = share(np.abs(rolling.shift(x["move_30"], QUIET_LAG)), day)
    ahead = share(x["squeeze_strike"] - x["close"], day)
    turn = share(x["move_5"], day)
    bought = x["otm_call_flow"]
    return Verdict(
        conditions=(
            told("dealers' gamma sold in calls above", x["squeeze_gamma"], "$/1 %"),
            at_least(
                "its size over all gross gamma", built, p["built"], width=p["built"], unit="share"
            ),
            at_least(
                "calls traded, 15 over 60 minutes", x["otm_call_surge"], p["surge"], width=0.5
            ),
            graded(
                "calls that customers bought, net", bought, holds(bought > 0.0, bought), "contracts"
            ),
            at_most("half-hour move before, over the day's", quiet, p["quiet"], width=0.3),
            at_most("way up to their strikes, over the day's move", ahead, p["ahead"], width=0.5),
            at_least("five-minute move up, over the day's", turn, p["turn"], width=0.1),
            told("their mean strike", x["squeeze_strike"], "price"),
        ),
        side=np.ones(built.shape),
    )


hidden_squeeze = Tool(
    id=15,
    slug="hidden-gamma-squeeze-ignition",
    name="Hidden Gamma Squeeze Ignition",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Customers buy calls above spot and leave dealers short gamma there while price is "
    "still quiet: when spot enters that zone, hedging drives it further up.",
    source="Own reading of gamma squeezes; Barbon and Buraschi (2021) for the mechanism.",
    formula="Gamma that dealers sold this session in calls above spot, by signed trades and with "
    "spot at each strike, over gross gamma; call volume rising; customers net buyers; a small "
    "move in the half hour before; little way left to the mean strike; a rise in five minutes.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "close",
        "squeeze_gamma",
        "squeeze_strike",
        "gamma_gross",
        "otm_call_surge",
        "otm_call_flow",
        "expected_move_day",
        "move_30",
        "move_5",
    ),
    params=(
        THRESHOLD,
        Param("built", 0.15, 0.01, 1.0, "share", "least gamma sold over gross gamma"),
        Param("surge", 1.1, 0.8, 4.0, "", "least rise of call volume"),
        Param("quiet", 0.35, 0.1, 1.0, "", "most half-hour move before, over the day's"),
        Param("ahead", 0.75, 0.1, 1.5, "", "most way left to the strikes, over the day's move"),
        Param("turn", 0.03, 0.0, 0.5, "", "least five-minute rise over the day's move"),
    ),
    window=QUIET_LAG + 1,
    horizon=60,
    horizon_unit="minutes",
    direction="+1: long",
    judged_on=SESSION_PATHS,
    blind_spots="Needs the side of each option trade, which the quote rule gets wrong for many; "
    "spreads and rolls look like call buying. Who took the other side is assumed to be a dealer "
    "who hedges.",
    compute=_hidden_squeeze,
)
