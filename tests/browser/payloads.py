"""A small, fixed market for the pages: bodies made by the platform's own payload functions."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

NEW_YORK = ZoneInfo("America/New_York")
OPEN = datetime(2026, 11, 20, 9, 30, tzinfo=NEW_YORK)
NOW = datetime(2026, 11, 20, 14, 32, tzinfo=NEW_YORK)
SPOT = 513.4
DAYS = (0, 3, 4, 5, 7, 14, 28, 60)
NAMES = {"SPY": "S&P 500 fund, simulated", "GOOG": "Alphabet", "DULL": "Quotes without options"}
LOCKED_WORDS = "net gamma is -1.93 bn $ per 1%"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@cache
def chain() -> Any:
    """A chain with a smile, spreads and open interest that is heavy at round strikes."""
    from quant import bsm
    from quant.chain import Chain

    rng = np.random.default_rng(5)
    strikes, expiries, calls = [], [], []
    for days in DAYS:
        close = (NOW + timedelta(days=days)).replace(hour=16, minute=0)
        for offset in range(-45, 46):
            for is_call in (True, False):
                strikes.append(513.0 + offset)
                expiries.append(int(close.timestamp()) * 10**9)
                calls.append(is_call)
    k, e, c = np.array(strikes), np.array(expiries), np.array(calls)
    now = int(NOW.timestamp()) * 10**9
    years = (e - now) / (31_536_000 * 1e9)
    vols = 0.14 - 0.35 * np.log(k / SPOT) + 0.9 * np.log(k / SPOT) ** 2 + 0.02 * np.exp(-years * 9)
    price = bsm.price(SPOT, k, years, 0.04, 0.012, vols, c)
    half = np.maximum(0.01, price * 0.012)
    round_number = np.where(k % 10 == 0, 6.0, np.where(k % 5 == 0, 3.0, 1.0))
    near = np.exp(-(((k - SPOT) / 18) ** 2) / 2)
    tilt = np.where(c, np.where(k > SPOT, 1.25, 0.5), np.where(k < SPOT, 1.6, 0.5))
    interest = np.round(4000 * round_number * near * tilt * rng.uniform(0.6, 1.4, k.size) + 5)
    bids = np.where(price - half < 0.01, 0.0, np.round(price - half, 2))
    size = np.round(rng.uniform(5, 400, k.size))
    return Chain(
        time=now, spot=SPOT, strikes=k, expiries=e, is_call=c, bids=bids,
        asks=np.round(price + half, 2) + 0.01, bid_sizes=size, ask_sizes=size[::-1].copy(),
        open_interest=interest, volume=np.round(interest * rng.uniform(0, 0.6, k.size)),
        multiplier=np.full(k.size, 100.0), r=0.04, q=0.012,
    )  # fmt: skip


def head(symbol: str = "SPY") -> dict[str, Any]:
    simulated = symbol == "SPY"
    source = "simulator" if simulated else "replay"
    return {"symbol": symbol, "run": 7, "source": source, "simulated": simulated}


@cache
def exposure() -> dict[str, Any]:
    from market.bodies import exposure as bodies

    return bodies.exposure_body(chain(), time=chain().time, head=head())


def no_interest(symbol: str) -> dict[str, Any]:
    """The exposure of a chain whose open interest is not known."""
    body = {**exposure(), **head(symbol), "status": "no open interest", "hedging": None}
    body["totals"] = dict.fromkeys(body["totals"])
    body["levels"] = dict.fromkeys(body["levels"]) | {"zero_gamma_reason": "no open interest"}
    empty = {"by_strike": [], "by_expiry": [], "pins": None, "assumptions": [], "robust": {}}
    return body | empty | {"profile": {"spots": [], "gamma": []}}


def occ_symbols() -> list[str]:
    whole = chain()
    return [
        f"SPY{place:06d}{'C' if right else 'P'}{round(strike * 1000):08d}"
        for place, (strike, right) in enumerate(
            zip(whole.strikes.tolist(), whole.is_call.tolist(), strict=True)
        )
    ]


@cache
def chain_body(expiry: str | None, raw: bool) -> dict[str, Any]:
    from market.bodies import chain as bodies

    return bodies.chain_body(chain(), occ_symbols(), head=head(), expiry=expiry, raw=raw)


@cache
def surface_body(expiry: str | None) -> dict[str, Any]:
    from market.bodies import surface as bodies

    return bodies.surface_body(chain(), time=chain().time, head=head(), expiry=expiry)


@cache
def contract_body(occ: str, greek: str) -> dict[str, Any]:
    from market.bodies import contract as bodies

    return bodies.contract_body(chain(), occ_symbols(), occ, head=head(), greek=greek)


@cache
def vendor_body() -> dict[str, Any]:
    """A vendor whose clock runs half an hour longer and whose rho is per 1.00."""
    from market.bodies import vendor as bodies
    from quant import american, bsm

    whole = chain()
    vols = american.chain_vols(whole)
    years = whole.years()
    theirs = vols.mid * np.sqrt(years / (years + 30 / 525_600))
    greeks = bsm.greeks(SPOT, whole.strikes, years, 0.04, 0.012, theirs, whole.is_call)
    columns = {"vendor_iv": theirs, "vendor_delta": greeks.delta, "vendor_rho": greeks.rho}
    found = bodies.vendor_body(whole, columns, time=whole.time, head=head(), tick=0.01)
    assert found is not None
    return found


def timeline(symbol: str, at: datetime | None) -> dict[str, Any] | None:
    if symbol == "DULL":
        return None
    times = [iso(OPEN + timedelta(minutes=i + 1)) for i in range(302)]
    place = len(times) - 1
    if at is not None:
        place = max(0, min(place, int((at - OPEN).total_seconds() // 60) - 1))
    steps = {step: place + step for step in (-15, -1, 1, 15)}
    known = {step: times[to] if 0 <= to < len(times) else None for step, to in steps.items()}
    return {
        "day": "2026-11-20", "days": [("2026-11-20", times[-1]), ("2026-11-19", iso(OPEN))],
        "times": times, "place": place, "time": times[place],
        "back": [(15, known[-15]), (1, known[-1])], "ahead": [(1, known[1]), (15, known[15])],
    }  # fmt: skip


@cache
def series(symbol: str) -> dict[str, Any]:
    found = prices(symbol)
    wave = np.sin(np.arange(302) / 40.0)
    return {
        "time": found["time"], "last": found["close"], "gamma": (2e9 * wave).tolist(),
        "zero_gamma": [None, *(SPOT - 1.5 + wave[1:]).tolist()],
        "call_wall": [520.0] * 302, "put_wall": [505.0] * 302,
    }  # fmt: skip


def quote(symbol: str, *, stale: bool = False, delay_s: int = 0) -> dict[str, Any]:
    seen = NOW - timedelta(seconds=delay_s)
    return {
        **head(symbol), "name": NAMES[symbol], "time": iso(seen), "delayed_s": delay_s,
        "received": None if delay_s else iso(NOW),
        "bid": SPOT - 0.01, "ask": SPOT + 0.01, "last": SPOT, "prev_close": 511.02,
        "change": SPOT - 511.02, "change_pct": (SPOT / 511.02 - 1) * 100,
        "session": {"date": "2026-11-20", "open": iso(OPEN), "close": iso(OPEN.replace(hour=16)),
                    "half_day": False, "minute": 302, "minutes": 390},
        "speed": 60.0, "paused": False, "age_s": 94.0 if stale else 0.6, "expected_s": 1.0,
        "stale": stale, "state": "running",
    }  # fmt: skip


@cache
def prices(symbol: str = "SPY", last: int = 302) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    steps = rng.normal(0, 0.00035, 302)
    close = SPOT * np.exp(np.cumsum(steps) - np.sum(steps))
    before = np.concatenate([[511.4], close[:-1]])
    wiggle = np.abs(rng.normal(0, 0.12, 302))
    times = [iso(OPEN + timedelta(minutes=i + 1)) for i in range(302)]
    columns = {
        "time": times, "open": before.tolist(),
        "high": (np.maximum(before, close) + wiggle).tolist(),
        "low": (np.minimum(before, close) - wiggle).tolist(), "close": close.tolist(),
        "volume": np.round(rng.uniform(2e4, 9e4, 302)).tolist(),
    }  # fmt: skip
    return {
        **head(symbol), "date": "2026-11-20",
        **{name: values[:last] for name, values in columns.items()},
    }  # fmt: skip


def followed(**more: Any) -> dict[str, Any]:
    return {
        "horizon": {"value": 30, "unit": "minutes"}, "usual_move": 0.002, "stop": 512.1,
        "target": 515.0, "done": True, "result": "horizon", "rows": 30, "price": 513.0,
        "gain": 0.0012, "best": 0.002, "worst": -0.001, "stop_row": None, "target_row": None,
        **more,
    }  # fmt: skip


OUTCOMES = (
    followed(done=False, result=None),
    followed(result="stop", stop_row=12, gain=-0.0031),
    followed(),
    followed(result="target", target_row=7, gain=0.0034),
    followed(result="unknown", gain=None),
    None,
)


def records() -> Any:
    """Records of simulated and of replayed sessions: (tool, source, record, newest session)."""
    from datetime import date

    from tools_app.costs import BY_KIND
    from tools_app.models import Scorecard
    from tools_app.registry import catalogue
    from tools_app.scorecards import Record

    for tool in catalogue():
        for source, sessions in (("simulated", 320), ("replayed", 24)):
            if source == "replayed" and tool.id > 20:
                continue
            rng = np.random.default_rng(tool.id * 7 + sessions)
            n = sessions * (1 + tool.id % 3) // 2 if tool.id % 9 else 0
            score = rng.uniform(0.5, 1.0, n)
            edge = 0.28 if tool.id in (3, 6, 15) else 0.0
            if tool.slug == "gamma-wall-pin-collapse":
                edge = 0.35
            steps = rng.standard_normal((n, 4)) / 2.0 + edge * np.array([0.6, 0.3, 0.1, 0.0])
            move = steps.sum(axis=1)
            session = np.sort(rng.integers(sessions, size=n))
            if tool.id == 15:
                move -= 2.0 * (session > 200)
            yield tool.id, Scorecard.Source(source), Record(
                session=session, score=score, gain=2e-3 * move, move=move,
                base_share=np.full(n, 0.502), base_move=np.full(n, 0.004),
                quarters=np.cumsum(steps, axis=1), quarter_rows=(8, 15, 23, 30),
                base_rows=390 * sessions, sessions=sessions, cost=BY_KIND[tool.kind],
            ), date(2026, 11, 19)  # fmt: skip


def signals() -> list[dict[str, Any]]:
    """Signals of free and Pro tools, newest first."""
    from tools_app.registry import catalogue

    found = []
    for index, tool in enumerate(list(catalogue()) * 2):
        at = NOW - timedelta(minutes=11 * index + 1)
        if at < OPEN:
            break
        found.append(
            {
                "id": 4100 - index,
                "tool": {"id": tool.id, "slug": tool.slug, "name": tool.name,
                         "tier": tool.tier.value},
                **head(), "time": iso(at), "score": round(0.5 + 0.4 * abs(math.sin(index)), 3),
                "threshold": 0.5, "side": (1, -1, 0)[index % 3], "price": SPOT - index * 0.13,
                "reasons": reasons(tool.tier.value),
                "outcome": OUTCOMES[index % len(OUTCOMES)],
            }
        )  # fmt: skip
    return found


def reasons(tier: str) -> list[dict[str, Any]]:
    first = LOCKED_WORDS if tier == "pro" else "net gamma is 2.41 bn $ per 1%"
    texts = (first, "spot is 0.4% below zero gamma", "14:42 ET")
    return [{"label": t[:8], "value": None, "unit": "", "text": t} for t in texts]


def runs(owner: int | None) -> dict[str, Any]:
    """Runs in every state; the paused one belongs to `owner`."""
    base = {
        "owner": None,
        "paused": False, "error": "", "heartbeat": iso(NOW), "started": iso(OPEN),
        "session_date": "2026-11-20", "desired": "running", "expected_s": 1.0, "stale": False,
        "age_s": 0.6, "finished": None,
    }  # fmt: skip
    running = {
        **base, "id": 7, "symbol": "SPY", "source": "simulator", "simulated": True,
        "state": "running", "speed": 60.0, "position": iso(NOW), "snapshots": 302, "rows": 303,
        "lag_ms": 31.0,
    }  # fmt: skip
    ended = {
        **base, "id": 6, "symbol": "GOOG", "source": "replay", "simulated": False,
        "state": "finished", "speed": 0.0, "position": "2015-12-24T18:00:00.000Z",
        "snapshots": 210, "rows": 211, "lag_ms": None, "session_date": "2015-12-24",
    }  # fmt: skip
    failed = {**ended, "id": 5, "state": "failed", "error": "no snapshots of GOOG on that day"}
    paused = {**running, "id": 4, "symbol": "GOOG", "source": "replay", "simulated": False,
              "state": "paused", "owner": owner, "desired": "paused", "paused": True}  # fmt: skip
    return {
        "runs": [running, paused, ended, failed],
        "days": [{"symbol": "GOOG", "date": "2015-12-24", "snapshots": 210}],
    }
