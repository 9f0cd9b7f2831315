"""Market state as JSON bodies: one shape for REST, sockets and pages. Plain functions.

Bodies that take numerics are in `market.bodies`.

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
from quant.chain import Chain

Payload = dict[str, Any]
DAY_NS = 86_400 * 1_000_000_000


class AbsentError(LookupError):
    """A snapshot has no contract, or no expiry, of the name asked for."""


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
    AbsentError
        The chain has no contracts, or none of that expiry.
    """
    values = chain.expiry_values()
    if wanted:
        for value in values.tolist():
            if wanted == expiry_key(value):
                return int(value)
        raise AbsentError(f"no expiry {wanted}; choose one of the chain's expiries")
    if not values.size:
        raise AbsentError("the chain has no contracts")
    later = values[values > chain.time]
    return int(later[0] if later.size else values[-1])


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
