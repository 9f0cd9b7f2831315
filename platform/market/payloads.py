"""Market state as JSON bodies: one shape for REST, sockets and pages. Plain functions.

Numbers are finite floats or None; times are ISO 8601 in UTC.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from market.calendars import Session
from market.clock import MINUTE, from_ns, local_date, to_ns
from market.models import FeedRun
from quant import bsm
from quant.chain import Chain
from quant.exposure import hedging
from quant.exposure_types import SIGNS, UNITS, Profile
from quant.forwards import ForwardSource
from quant.implied_vol import ChainVols, chain_iv
from quant.status import Status

Payload = dict[str, Any]
DAY_NS = 86_400 * 1_000_000_000
FORWARD_SOURCES = {
    int(ForwardSource.PARITY): "put-call parity",
    int(ForwardSource.CARRY): "the chain's rate and yield",
}


def number(value: float | None) -> float | None:
    """Return a finite float, or None."""
    return float(value) if value is not None and math.isfinite(value) else None


def numbers(values: npt.ArrayLike) -> list[float | None]:
    """Return a list of finite floats or None."""
    return [number(value) for value in np.asarray(values, dtype=np.float64).tolist()]


def iso(ns: int) -> str:
    """Return an instant (ns UTC) as ISO 8601 with Z."""
    return from_ns(ns).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def expiry_key(settles: int) -> str:
    """Return the name of an expiry: its New York date, `am` added when settled at the open."""
    at = from_ns(settles)
    day = local_date(settles)
    return f"{day}am" if at.hour < 17 and at.minute == 30 else str(day)


def expiries_payload(chain: Chain) -> list[Payload]:
    """Return the expiries of a chain, nearest first."""
    values, counts = np.unique(chain.expiries, return_counts=True)
    return [
        {
            "expiry": expiry_key(int(value)),
            "settlement": iso(int(value)),
            "days": round(max(0.0, (int(value) - chain.time) / DAY_NS), 4),
            "contracts": int(count),
        }
        for value, count in zip(values, counts, strict=True)
    ]


def pick_expiry(chain: Chain, wanted: str | None) -> int:
    """Return the settlement instant of a named expiry, or the nearest one that is not past.

    Raises
    ------
    LookupError
        The chain has no contracts, or none of that expiry.
    """
    values = chain.expiry_values()
    if wanted:
        for value in values.tolist():
            if wanted == expiry_key(value):
                return int(value)
        raise LookupError(f"no expiry {wanted}; choose one of the chain's expiries")
    if not values.size:
        raise LookupError("the chain has no contracts")
    later = values[values > chain.time]
    return int(later[0] if later.size else values[-1])


def chain_payload(
    chain: Chain, symbols: list[str], *, head: Payload, expiry: str | None = None
) -> Payload:
    """Return quotes, volatilities and all Greeks of one expiry, a row a strike.

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
    """
    settles = pick_expiry(chain, expiry)
    index = np.flatnonzero(chain.expiries == settles)
    part = chain.select(index)
    vols = chain_iv(part)
    sides = _sides(part, vols, [symbols[position] for position in index.tolist()])
    rows: dict[float, Payload] = {}
    for strike, is_call, side in zip(
        part.strikes.tolist(), part.is_call.tolist(), sides, strict=True
    ):
        row = rows.setdefault(strike, {"strike": strike, "call": None, "put": None})
        row["call" if is_call else "put"] = side
    forward = number(vols.forward[0]) if len(part) else None
    return {
        **head,
        "time": iso(chain.time),
        "spot": number(chain.spot),
        "expiry": expiry_key(settles),
        "settlement": iso(settles),
        "minutes_left": max(0, (settles - chain.time) / MINUTE),
        "forward": forward,
        "forward_source": FORWARD_SOURCES.get(int(vols.source[0])) if len(part) else None,
        "expiries": expiries_payload(chain),
        "rows": [rows[strike] for strike in sorted(rows)],
    }


def _sides(part: Chain, vols: ChainVols, symbols: list[str]) -> list[Payload]:
    """Return each contract's cell: quotes, volatilities, Greeks in market units, status."""
    years = part.years()
    safe = np.maximum(years, 1e-12)
    r = -np.log(vols.discount) / safe
    q = r - np.log(vols.forward / part.spot) / safe
    greeks = bsm.greeks(part.spot, part.strikes, years, r, q, vols.mid, part.is_call)
    quoted = greeks.quoted()
    status = np.where(vols.status != Status.OK, vols.status, greeks.status)
    columns: dict[str, list[Any]] = {
        "bid": numbers(part.bids),
        "ask": numbers(part.asks),
        "bid_size": numbers(part.bid_sizes),
        "ask_size": numbers(part.ask_sizes),
        "iv_bid": numbers(vols.bid),
        "iv": numbers(vols.mid),
        "iv_ask": numbers(vols.ask),
        "open_interest": numbers(part.open_interest),
        "volume": numbers(part.volume),
        "status": [Status(value).name.lower() for value in status.tolist()],
    }
    columns |= {name: numbers(getattr(quoted, name)) for name in ("price", *bsm.GREEKS)}
    columns["occ"] = list(symbols)
    names = list(columns)
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def exposure_payload(profile: Profile, *, time: int, spot: float, head: Payload) -> Payload:
    """Return dealer exposure with its levels, by strike, by expiry and over spot.

    Parameters
    ----------
    profile
        Of `quant.exposure.profile`.
    time, spot
        Of the snapshot, ns UTC and currency.
    head
        What the snapshot says of itself: symbol, run, source, simulated.
    """
    levels, totals = profile.levels, profile.totals
    return {
        **head,
        "time": iso(time),
        "spot": number(spot),
        "sign": profile.sign,
        "sign_says": SIGNS[profile.sign],
        "status": profile.status,
        "left_out": profile.left_out,
        "totals": {name: number(getattr(totals, name)) for name in UNITS},
        "units": UNITS,
        "hedging": _hedging_word(totals.gamma),
        "hedging_says": None if totals.gamma is None else hedging(totals.gamma),
        "levels": {
            "zero_gamma": number(levels.zero_gamma),
            "zero_gamma_roots": numbers(levels.zero_gamma_roots),
            "zero_gamma_reason": levels.zero_gamma_reason,
            "call_wall": number(levels.call_wall),
            "put_wall": number(levels.put_wall),
            "abs_gamma_strike": number(levels.abs_gamma_strike),
            "vol_trigger_proxy": number(levels.vol_trigger_proxy),
            "max_pain": number(levels.max_pain),
        },
        "by_strike": _rows(
            profile.by_strike,
            strike="strikes",
            gamma_call="gamma_call",
            gamma_put="gamma_put",
            gamma="gamma",
            vanna="vanna",
            charm="charm",
            oi_call="oi_call",
            oi_put="oi_put",
        ),
        "by_expiry": [
            {"expiry": expiry_key(settles), **row}
            for settles, row in zip(
                profile.by_expiry.expiries.tolist(),
                _rows(profile.by_expiry, days="days", gamma="gamma", vanna="vanna", charm="charm"),
                strict=True,
            )
        ],
        "profile": {"spots": numbers(profile.spots), "gamma": numbers(profile.gamma)},
    }


def _hedging_word(gamma: float | None) -> str | None:
    """Return what dealers' hedging does to moves, in a word."""
    if gamma is None:
        return None
    return "dampening" if gamma > 0 else "amplifying" if gamma < 0 else "neutral"


def _rows(table: object, **columns: str) -> list[Payload]:
    cells = [numbers(getattr(table, attribute)) for attribute in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]


def session_payload(session: Session, now: int) -> Payload:
    """Return where a session stands at an instant, ns UTC."""
    return {
        "date": session.date.isoformat(),
        "open": iso(session.open_ns),
        "close": iso(session.close_ns),
        "half_day": session.half_day,
        "minute": max(0, (now - session.open_ns) // MINUTE),
        "minutes": session.minutes,
    }


def run_payload(run: FeedRun) -> Payload:
    """Return the state of a feed's run."""
    return {
        "id": run.pk,
        "symbol": run.symbol,
        "source": run.source,
        "simulated": run.simulated,
        "state": run.state,
        "desired": run.desired,
        "speed": run.speed,
        "paused": run.state == "paused",
        "session_date": run.session_date.isoformat() if run.session_date else None,
        "position": moment(run.position),
        "snapshots": run.snapshots,
        "rows": run.rows,
        "lag_ms": number(run.lag_ms),
        "started": moment(run.started_at),
        "finished": moment(run.finished_at),
        "heartbeat": moment(run.heartbeat_at),
        "error": run.error,
    }


def moment(at: dt.datetime | None) -> str | None:
    """Return an aware datetime as ISO 8601 with Z, or None."""
    return None if at is None else iso(to_ns(at))
