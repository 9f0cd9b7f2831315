"""One contract explained: its quote, every Greek in both units, and how each would change."""

from __future__ import annotations

import numpy as np

from market.bodies.chain import FORWARD_SOURCES
from market.clock import MINUTE
from market.payloads import AbsentError, Payload, expiry_key, iso, number, numbers
from quant import american, bsm, fields
from quant.arrays import FloatArray
from quant.chain import Chain
from quant.status import Status

DEVIATIONS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
VOL_SHIFTS = (-0.05, 0.0, 0.05)
TIMES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Shares of the time left; the last stands for one minute before settlement."""
_LEAST_VOL = 0.01
_MINUTE_YEARS = 1.0 / 525_600.0


def contract_body(
    chain: Chain,
    symbols: list[str],
    wanted: str,
    *,
    head: Payload,
    greek: str = "price",
    tick: float = 0.01,
) -> Payload:
    """Return a contract of a chain with its Greeks, and a grid of one of them.

    Parameters
    ----------
    chain
        The whole chain.
    symbols
        OCC symbol of each contract.
    wanted
        The symbol asked for.
    head
        What the snapshot says of itself: symbol, run, source, simulated.
    greek
        Field of the grid: spot moved by standard deviations over the time left, times from now
        to the last minute, volatility shifted by points.
    tick
        Smallest price step, $.

    Raises
    ------
    AbsentError
        The chain has no such contract.
    """
    if wanted not in symbols:
        raise AbsentError(f"no contract {wanted} in this chain")
    place = symbols.index(wanted)
    index = np.flatnonzero(chain.expiries == chain.expiries[place])
    part = chain.select(index)
    at = int(np.flatnonzero(index == place)[0])
    vols = american.chain_vols(part, tick)
    r, q = american.chain_rates(part, vols)
    years = float(part.years()[at])
    terms = _Terms(
        float(part.spot), float(part.strikes[at]), years, float(r[at]), float(q[at]),
        float(vols.mid[at]), bool(part.is_call[at]), part.american,
    )  # fmt: skip
    greeks = terms.greeks(np.array([terms.S]), np.array([years]), np.array([terms.sigma]))
    status = vols.status[at] if vols.status[at] != Status.OK else greeks.status[0]
    shown = greeks.quoted()
    return {
        **head,
        "time": iso(chain.time),
        "occ": wanted,
        "strike": terms.K,
        "right": "call" if terms.is_call else "put",
        "expiry": expiry_key(int(part.expiries[at])),
        "settlement": iso(int(part.expiries[at])),
        "minutes_left": max(0, (int(part.expiries[at]) - chain.time) / MINUTE),
        "style": "american" if part.american else "european",
        "spot": number(terms.S),
        "forward": number(vols.forward[at]),
        "forward_source": FORWARD_SOURCES.get(int(vols.source[at])),
        "rate": number(terms.r),
        "yield": number(terms.q),
        "multiplier": number(part.multiplier[at]),
        "bid": number(part.bids[at]),
        "ask": number(part.asks[at]),
        "iv_bid": number(vols.bid[at]),
        "iv": number(vols.mid[at]),
        "iv_ask": number(vols.ask[at]),
        "open_interest": number(part.open_interest[at]),
        "volume": number(part.volume[at]),
        "status": Status(int(status)).name.lower(),
        "status_says": Status(int(status)).text,
        "greeks": [
            {
                "name": name,
                "raw": number(greeks.values[name][0]),
                "raw_unit": fields.QUOTES[name].raw,
                "quoted": number(shown.values[name][0]),
                "unit": fields.QUOTES[name].unit,
            }
            for name in fields.FIELDS
        ],
        "greek": greek,
        "unit": fields.QUOTES[greek].unit,
        "grid": _grid(terms, greek),
    }


class _Terms:
    """What a contract's value depends on."""

    def __init__(
        self,
        S: float,
        K: float,
        T: float,
        r: float,
        q: float,
        sigma: float,
        is_call: bool,
        american_style: bool,
    ) -> None:
        self.S, self.K, self.T, self.r, self.q = S, K, T, r, q
        self.sigma, self.is_call, self.american = sigma, is_call, american_style

    def greeks(
        self, S: FloatArray, T: FloatArray, sigma: FloatArray, names: tuple[str, ...] | None = None
    ) -> bsm.Greeks:
        """Return Greeks elsewhere in spot, time and volatility."""
        value = american.greeks if self.american else bsm.greeks
        return value(S, self.K, T, self.r, self.q, sigma, self.is_call, names=names)


def _grid(terms: _Terms, greek: str) -> Payload | None:
    """Return one field over spot, time left and volatility; None without a volatility."""
    if not (np.isfinite(terms.sigma) and terms.T > 0.0):
        return None
    sd = terms.sigma * np.sqrt(terms.T)
    spots = terms.S * np.exp(np.array(DEVIATIONS) * sd)
    years = np.maximum(terms.T * np.array(TIMES), min(_MINUTE_YEARS, terms.T))
    vols = np.maximum(terms.sigma + np.array(VOL_SHIFTS), _LEAST_VOL)
    S, T, sigma = (part.ravel() for part in np.meshgrid(spots, years, vols, indexing="ij"))
    cells = terms.greeks(S, T, sigma, names=(greek,))
    cube = cells.quoted().values[greek].reshape(spots.size, years.size, vols.size)
    return {
        "deviations": list(DEVIATIONS),
        "spots": numbers(spots),
        "minutes": numbers(years * 525_600.0),
        "vols": numbers(vols),
        "shifts": list(VOL_SHIFTS),
        "values": [[numbers(cube[i, :, k]) for i in range(spots.size)] for k in range(vols.size)],
    }
