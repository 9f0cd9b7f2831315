"""Dealer exposure: levels, by strike, expiry and spot, and what other assumptions would say."""

from __future__ import annotations

import numpy as np

from market.payloads import Payload, expiry_key, iso, number, numbers
from quant.chain import Chain
from quant.exposure import Hypotheses, hedging, hypotheses
from quant.exposure_types import LEVELS, SIGNS, UNITS, Levels, Profile, Totals
from quant.pins import Pins, pins
from quant.smile import contract_vols

_BY_STRIKE = (
    "gamma_call", "gamma_put", "gamma", "vanna", "charm", "delta", "speed", "zomma", "color",
    "oi_call", "oi_put",
)  # fmt: skip
_BY_EXPIRY = (
    "days", "gamma", "vanna", "charm", "charm_to_close", "delta", "speed", "zomma", "color",
)  # fmt: skip
_OVER_SPOT = ("gamma", "vanna", "charm_day", "delta")


def exposure_body(
    chain: Chain,
    *,
    time: int,
    head: Payload,
    iv: np.ndarray[tuple[int], np.dtype[np.float64]] | None = None,
    positions: np.ndarray[tuple[int], np.dtype[np.float64]] | None = None,
) -> Payload:
    """Return a chain's exposure under the naive assumption, the others beside it.

    Parameters
    ----------
    chain
    time
        When it was known, ns UTC.
    head
        What the snapshot says of itself: symbol, run, source, simulated.
    iv
        Volatility per contract, when it is known.
    positions
        Dealers' contracts from open interest and today's signed trades, when trades are signed.
    """
    vols = contract_vols(chain) if iv is None else iv
    told = hypotheses(chain, vols, positions=positions)
    naive = told.profiles["naive"]
    return {
        **head,
        "time": iso(time),
        "spot": number(chain.spot),
        "units": UNITS,
        **_profile(naive),
        "assumptions": _assumptions(told),
        "robust": told.robust,
        "regime_robust": told.regime_robust,
        "pins": _pins(pins(chain, vols, naive)),
    }


def _profile(profile: Profile) -> Payload:
    return {
        "sign": profile.sign,
        "sign_says": SIGNS[profile.sign],
        "status": profile.status,
        "left_out": profile.left_out,
        "totals": _totals(profile.totals),
        "hedging": _hedging_word(profile.totals.gamma),
        "hedging_says": None if profile.totals.gamma is None else hedging(profile.totals.gamma),
        "levels": _levels(profile.levels),
        "by_strike": _rows(
            {"strike": profile.by_strike.strikes}
            | {name: getattr(profile.by_strike, name) for name in _BY_STRIKE}
        ),
        "by_expiry": [
            {"expiry": expiry_key(settles), **row}
            for settles, row in zip(
                profile.by_expiry.expiries.tolist(),
                _rows({name: getattr(profile.by_expiry, name) for name in _BY_EXPIRY}),
                strict=True,
            )
        ],
        "profile": {"spots": numbers(profile.spots)}
        | {name: numbers(getattr(profile, name)) for name in _OVER_SPOT},
    }


def _assumptions(told: Hypotheses) -> list[Payload]:
    """Return what each assumption on the dealers' side says, in short."""
    return [
        {
            "sign": sign,
            "says": SIGNS[sign],
            "status": profile.status,
            "totals": _totals(profile.totals),
            "hedging": None if sign == "none" else _hedging_word(profile.totals.gamma),
            "levels": _levels(profile.levels),
        }
        for sign, profile in told.profiles.items()
    ]


def _totals(totals: Totals) -> Payload:
    return {name: number(getattr(totals, name)) for name in UNITS}


def _levels(levels: Levels) -> Payload:
    return {
        **{name: number(getattr(levels, name)) for name in LEVELS},
        "zero_gamma_roots": numbers(levels.zero_gamma_roots),
        "zero_gamma_reason": levels.zero_gamma_reason,
    }


def _pins(found: Pins | None) -> Payload | None:
    if found is None:
        return None
    names = ("probability", "distance", "gamma_share", "score")
    return {
        "expiry": expiry_key(found.expiry),
        "half_width": found.half_width,
        "rows": _rows({"strike": found.strikes} | {name: getattr(found, name) for name in names}),
    }


def _hedging_word(gamma: float | None) -> str | None:
    """Return what dealers' hedging does to moves, in a word."""
    if gamma is None:
        return None
    return "dampening" if gamma > 0 else "amplifying" if gamma < 0 else "neutral"


def _rows(columns: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]) -> list[Payload]:
    cells = [numbers(values) for values in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]
