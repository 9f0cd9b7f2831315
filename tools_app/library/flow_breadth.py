"""Flow, breadth and cross-asset, tools 25 to 30. Pro."""

from __future__ import annotations

import numpy as np

from market.features import rolling
from market.frames import Kind
from tools_app.conditions import at_least, at_most, graded, told
from tools_app.contract import THRESHOLD, Inputs, Param, Scope, Settings, Tier, Tool, Verdict
from tools_app.degrees import holds, share
from tools_app.library.pirate_alpha import SESSIONS_PATHS
from tools_app.library.ultra_0dte_pins import NAIVE_SIGN, SESSION_PATHS

FAMILY = "Flow, breadth and cross-asset"
BASKET_PATHS = "simulated paths of many sessions, a basket"
RECORDED = "recorded and simulated sessions with these inputs; fast paths do not carry them"
LONGEST_THRUST = 20
QUARTER_SHARE = float(np.sqrt(15.0 / 390.0))
"""Part of the session's expected move that belongs to its first quarter hour, by time alone."""


def _put_capitulation(x: Inputs, p: Settings) -> Verdict:
    rank = x["put_flow_rank"]
    return Verdict(
        conditions=(
            told("puts bought net over all contracts, 30 minutes", x["put_flow_share"], "share"),
            at_least(
                "part of two hours in which it was lower",
                rank,
                p["rank"],
                width=1.0 - p["rank"],
                unit="share",
            ),
            at_most(
                "place within the range of two hours",
                x["range_place"],
                p["low"],
                width=p["low"],
                unit="share",
            ),
            at_least(
                "names above their last close",
                x["advancing_share"],
                p["breadth"],
                width=p["breadth"],
                unit="share",
            ),
        ),
        side=np.ones(rank.shape),
    )


put_call_capitulation = Tool(
    id=25,
    slug="put-call-capitulation",
    name="Put/Call Capitulation",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Customers rush into puts with price at the low of its range while breadth does not "
    "confirm: the fear is spent, long.",
    source="Pan and Poteshman (2006), signed option volume; the contrarian reading is our own.",
    formula="Rank within two hours of net bought puts over all contracts in 30 minutes; place of "
    "the close within the range of two hours; share of the basket's names that are up.",
    kind=Kind.INTRADAY,
    scope=Scope.BASKET,
    inputs=("put_flow_share", "put_flow_rank", "range_place", "advancing_share"),
    params=(
        THRESHOLD,
        Param("rank", 0.9, 0.6, 0.99, "share", "least rank of put buying"),
        Param("low", 0.15, 0.02, 0.4, "share", "highest place within the range"),
        Param("breadth", 0.35, 0.1, 0.7, "share", "least share of names that are up"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="+1: long",
    judged_on=RECORDED,
    blind_spots="Put buying may hedge stock that is bought; who is right is not seen.",
    compute=_put_capitulation,
)


def _opening_drive(x: Inputs, p: Settings) -> Verdict:
    drive = x["opening_drive"]
    side = np.sign(drive)
    usual = QUARTER_SHARE * x["expected_move_day"]
    gap = share(x["close"] - x["previous_close"], x["expected_move_day"]) * side
    return Verdict(
        conditions=(
            at_most(
                "minutes since the open", x["minutes_open"], p["until"], width=30.0, unit="min"
            ),
            at_least(
                "signed share of the first quarter hour's volume",
                np.abs(drive),
                p["drive"],
                width=p["drive"],
                unit="share",
            ),
            at_least(
                "its range over the move expected of it",
                share(x["opening_range"], usual),
                p["range"],
                width=p["range"],
            ),
            at_least("gap held, over the day's move", gap, 0.0, width=0.3),
            at_least(
                "signed volume since, in its direction",
                x["signed_volume_15"] * side,
                -0.1,
                width=0.2,
                unit="share",
            ),
        ),
        side=side,
    )


opening_drive_imbalance = Tool(
    id=26,
    slug="opening-drive-imbalance",
    name="Opening Drive Imbalance",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="The first quarter hour trades one way on a wide range and the gap holds: the "
    "drive goes on until the first opposite imbalance.",
    source="Gao, Han, Li and Zhou (2018), intraday momentum; rule our own.",
    formula="Volume of the first 15 minutes signed by where each close lies in its minute; its "
    "range over the move expected of it; close against the last close; signed volume since.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=(
        "opening_drive",
        "opening_range",
        "expected_move_day",
        "close",
        "previous_close",
        "minutes_open",
        "signed_volume_15",
    ),
    params=(
        THRESHOLD,
        Param("until", 90.0, 20.0, 240.0, "min", "latest minute"),
        Param("drive", 0.2, 0.05, 0.8, "share", "least signed share of volume"),
        Param("range", 1.6, 0.5, 4.0, "", "least range over the move expected"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="the side of the drive",
    judged_on=SESSION_PATHS,
    blind_spots="Signed volume is read from bars, not from quotes; other days' openings are "
    "known only through the expected move.",
    compute=_opening_drive,
)


def _closing_charm(x: Inputs, p: Settings) -> Verdict:
    charm = x["charm_hour"]
    return Verdict(
        conditions=(
            at_most("minutes to the close", x["minutes_left"], p["left"], width=30.0, unit="min"),
            told("charm exposure", charm, "$/h"),
            at_least(
                "its size over dollars traded in an hour",
                share(np.abs(charm), 2.0 * x["traded_30"]),
                p["flow"],
                width=p["flow"],
                unit="share",
            ),
            at_most(
                "volume of ten minutes over the hour's",
                x["volume_surge"],
                p["light"],
                width=0.4,
            ),
        ),
        side=-np.sign(charm),
    )


closing_charm_drift = Tool(
    id=27,
    slug="closing-charm-drift",
    name="Closing Charm Drift",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="In the last 90 minutes the whole book's charm has one side and trading is light: "
    "price drifts with its hedging.",
    source="Baltussen, Da, Lammers and Martens (2021) on the last half hour; rule our own.",
    formula="Net charm exposure over dollars traded an hour; mean volume of ten minutes over that "
    "of the hour; minutes to the close.",
    kind=Kind.INTRADAY,
    scope=Scope.ONE,
    inputs=("charm_hour", "traded_30", "volume_surge", "minutes_left"),
    params=(
        THRESHOLD,
        Param("left", 90.0, 20.0, 150.0, "min", "most minutes to the close"),
        Param("flow", 0.03, 0.002, 0.5, "share", "least charm over dollars traded"),
        Param("light", 1.1, 0.5, 2.0, "", "most volume over the hour's"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="against the sign of the charm exposure",
    judged_on=SESSION_PATHS,
    blind_spots=NAIVE_SIGN,
    compute=_closing_charm,
)


def _breadth_thrust(x: Inputs, p: Settings) -> Verdict:
    breadth, steps = x["breadth"], int(p["within"])
    before = rolling.lowest(breadth, steps + 1)
    return Verdict(
        conditions=(
            at_most(
                f"lowest breadth of {steps} sessions",
                before,
                p["low"],
                width=0.1,
                unit="share",
            ),
            at_least("breadth now", breadth, p["high"], width=0.1, unit="share"),
        ),
        side=np.ones(breadth.shape),
    )


breadth_thrust = Tool(
    id=28,
    slug="breadth-thrust",
    name="Breadth Thrust",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="The share of rising names goes from a low to a high level within a few sessions: "
    "the advance is broad, long.",
    source="Zweig (1986), breadth thrust, on the basket instead of the exchange.",
    formula="Mean share of rising names over ten sessions: its lowest within the sessions given, "
    "and now.",
    kind=Kind.DAILY,
    scope=Scope.BASKET,
    inputs=("breadth",),
    params=(
        THRESHOLD,
        Param("low", 0.45, 0.2, 0.5, "share", "most of the lowest breadth"),
        Param("high", 0.57, 0.5, 0.8, "share", "least breadth now"),
        Param("within", 10, 3, LONGEST_THRUST, "sessions", "sessions for the rise", integer=True),
    ),
    window=LONGEST_THRUST + 1,
    horizon=20,
    horizon_unit="sessions",
    direction="+1: long",
    judged_on=BASKET_PATHS,
    blind_spots="A basket of some twenty names is noisier than an exchange of thousands.",
    compute=_breadth_thrust,
)


def _stress_divergence(x: Inputs, p: Settings) -> Verdict:
    stress = x["proxy_stress"]
    return Verdict(
        conditions=(
            at_least(
                "joint stress of credit, bonds and dollar",
                stress,
                p["stress"],
                width=p["stress"],
                unit="sd",
            ),
            at_least(
                "five-session move of the index",
                x["move_score"],
                -p["calm"],
                width=0.5,
                unit="sd",
            ),
        ),
        side=-np.ones(stress.shape),
    )


cross_asset_stress_divergence = Tool(
    id=29,
    slug="cross-asset-stress-divergence",
    name="Cross-Asset Stress Divergence",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Credit falls, bonds and the dollar rise together, and the equity index has not "
    "moved with them yet: it follows, short.",
    source="Gilchrist and Zakrajsek (2012) on credit spreads; rule our own.",
    formula="Five-session moves of high-yield credit (down), long Treasuries and the dollar (up), "
    "each in its deviations of 60 sessions, summed over the root of three; the index's own move.",
    kind=Kind.DAILY,
    scope=Scope.BASKET,
    inputs=("proxy_stress", "move_score"),
    params=(
        THRESHOLD,
        Param("stress", 1.5, 0.5, 4.0, "sd", "least joint stress"),
        Param("calm", 0.5, 0.0, 2.0, "sd", "most fall of the index"),
    ),
    window=1,
    horizon=10,
    horizon_unit="sessions",
    direction="-1: short",
    judged_on=SESSIONS_PATHS,
    blind_spots="Funds stand for markets; bonds and dollar also rise for other reasons.",
    compute=_stress_divergence,
)


def _crypto_lead(x: Inputs, p: Settings) -> Verdict:
    predicted = x["crypto_gap"]
    side = np.sign(predicted)
    done = rolling.log(rolling.ratio(x["close"], x["previous_close"]))
    left = share((predicted - done) * side * x["close"], x["expected_move_day"])
    return Verdict(
        conditions=(
            at_most(
                "minutes since the open", x["minutes_open"], p["until"], width=15.0, unit="min"
            ),
            at_least(
                "t of crypto's beta for the opening gap",
                x["crypto_gap_t"],
                p["certain"],
                width=p["certain"],
            ),
            graded("gap predicted", predicted, holds(side != 0.0, predicted), "share"),
            told("move since the last close", done, "share"),
            at_least(
                "part not yet made, over the day's expected move",
                left,
                p["left"],
                width=p["left"],
            ),
        ),
        side=side,
    )


crypto_lead = Tool(
    id=30,
    slug="crypto-lead",
    name="Crypto Lead",
    tier=Tier.PRO,
    family=FAMILY,
    hypothesis="Crypto traded all night: where its returns have led the index's opening gap, what "
    "they predict and the open has not made yet follows.",
    source="Own rule; least squares over the last nights, with its t statistic.",
    formula="Beta of the index's opening gaps on crypto's overnight returns times last night's; "
    "what of it the price has not made, over the day's expected move; t of the beta.",
    kind=Kind.INTRADAY,
    scope=Scope.BASKET,
    inputs=(
        "crypto_gap",
        "crypto_gap_t",
        "close",
        "previous_close",
        "expected_move_day",
        "minutes_open",
    ),
    params=(
        THRESHOLD,
        Param("until", 30.0, 5.0, 120.0, "min", "latest minute"),
        Param("certain", 2.0, 1.0, 5.0, "", "least t of the beta"),
        Param("left", 0.15, 0.02, 1.0, "", "least part left over the day's move"),
    ),
    window=1,
    horizon=60,
    horizon_unit="minutes",
    direction="the side of the gap predicted",
    judged_on=RECORDED,
    blind_spots="A beta of some months breaks when the reason for crypto's move is its own.",
    compute=_crypto_lead,
)
