"""One expiry of an option chain: quotes, volatilities and all Greeks, a row a strike."""

from __future__ import annotations

from typing import Any

import numpy as np

from market.clock import MINUTE
from market.payloads import (
    Payload,
    expiries_payload,
    expiry_key,
    iso,
    number,
    numbers,
    pick_expiry,
)
from quant import american, bsm, fields
from quant.chain import Chain
from quant.forwards import ForwardSource
from quant.implied_vol import ChainVols
from quant.status import Status

FORWARD_SOURCES = {
    int(ForwardSource.PARITY): "put-call parity",
    int(ForwardSource.CARRY): "the chain's rate and yield",
}
_QUOTED = {
    "bid": "$",
    "ask": "$",
    "spread": "$",
    "bid_size": "contracts",
    "ask_size": "contracts",
    "iv": "per sqrt(year)",
    "iv_bid": "per sqrt(year)",
    "iv_ask": "per sqrt(year)",
    "iv_spread": "per sqrt(year)",
    "open_interest": "contracts",
    "volume": "contracts",
    "premium": "$",
}


def units(*, raw: bool) -> dict[str, str]:
    """Return the unit of each field, raw or as the market quotes it."""
    return _QUOTED | {
        name: quote.raw if raw else quote.unit for name, quote in fields.QUOTES.items()
    }


def chain_body(
    chain: Chain,
    symbols: list[str],
    *,
    head: Payload,
    expiry: str | None = None,
    raw: bool = False,
    tick: float = 0.01,
) -> Payload:
    """Return one expiry of a chain.

    American contracts are inverted and valued as such; `premium` is what the right to exercise
    early is worth.

    Parameters
    ----------
    chain
        The whole chain.
    symbols
        OCC symbol of each contract.
    head
        What the snapshot says of itself: symbol, run, source, simulated.
    expiry
        As `expiry_key` names it; None takes the nearest that is not past.
    raw
        Whether Greeks are mathematical derivatives instead of in the market's units.
    tick
        Smallest price step, $.

    Raises
    ------
    AbsentError
        The chain has no contracts, or none of that expiry.
    """
    settles = pick_expiry(chain, expiry)
    index = np.flatnonzero(chain.expiries == settles)
    part = chain.select(index)
    vols = american.chain_vols(part, tick)
    sides = _sides(part, vols, [symbols[position] for position in index.tolist()], raw)
    rows: dict[float, Payload] = {}
    for strike, is_call, side in zip(
        part.strikes.tolist(), part.is_call.tolist(), sides, strict=True
    ):
        row = rows.setdefault(strike, {"strike": strike, "call": None, "put": None})
        row["call" if is_call else "put"] = side
    r, q = american.chain_rates(part, vols)
    return {
        **head,
        "time": iso(chain.time),
        "spot": number(chain.spot),
        "expiry": expiry_key(settles),
        "settlement": iso(settles),
        "minutes_left": max(0, (settles - chain.time) / MINUTE),
        "style": "american" if chain.american else "european",
        "forward": number(vols.forward[0]),
        "forward_source": FORWARD_SOURCES.get(int(vols.source[0])),
        "rate": number(r[0]),
        "yield": number(q[0]),
        "expiries": expiries_payload(chain),
        "units": units(raw=raw),
        "rows": [rows[strike] for strike in sorted(rows)],
    }


def _sides(part: Chain, vols: ChainVols, symbols: list[str], raw: bool) -> list[Payload]:
    """Return each contract's cell: quotes, volatilities, Greeks, and why what is missing is."""
    r, q = american.chain_rates(part, vols)
    arguments = (part.spot, part.strikes, part.years(), r, q, vols.mid, part.is_call)
    greeks = american.greeks(*arguments) if part.american else bsm.greeks(*arguments)
    shown = greeks if raw else greeks.quoted()
    status = np.where(vols.status != Status.OK, vols.status, greeks.status)
    columns: dict[str, list[Any]] = {
        "bid": numbers(part.bids),
        "ask": numbers(part.asks),
        "spread": numbers(part.asks - part.bids),
        "bid_size": numbers(part.bid_sizes),
        "ask_size": numbers(part.ask_sizes),
        "iv_bid": numbers(vols.bid),
        "iv": numbers(vols.mid),
        "iv_ask": numbers(vols.ask),
        "iv_spread": numbers(vols.ask - vols.bid),
        "open_interest": numbers(part.open_interest),
        "volume": numbers(part.volume),
        "status": [Status(value).name.lower() for value in status.tolist()],
    }
    columns |= {name: numbers(getattr(shown, name)) for name in fields.FIELDS}
    if part.american:
        european = bsm.price(*arguments)
        columns["premium"] = numbers(greeks.price - european)
    columns["occ"] = list(symbols)
    names = list(columns)
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
