"""Tools whose edge is known, tried on walks of prices: what badges are measured with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tools_app import costs
from tools_app.badges import Badge, judge
from tools_app.baserate import Base, base_of, windows
from tools_app.outcomes import quarter_rows
from tools_app.scorecards import YEAR, Record

MINUTES, HORIZON, WARM = 390, 30, 12
DAY_VOLATILITY = 0.12 / np.sqrt(YEAR)
FREEDOM = 5
"""Degrees of freedom of a minute's return."""


@dataclass(frozen=True)
class Plan:
    """A tool to try: its sessions, its signals a session, and the edge that is planted."""

    sessions: int
    signals: int = 1
    ratio: float | None = None
    """Annual Sharpe ratio of the session returns after costs; None for a random tool."""
    cost: float = costs.MINUTES
    side: int = 0
    """Of every signal; 0: each at random."""
    drift: float = 0.0
    """Of the market, log return a year."""
    until: int | None = None
    """Sessions after which the edge is gone."""


def tries(plan: Plan, count: int, seed: int) -> Iterator[Badge]:
    """Yield the badge that each of so many tools has at the end of its sessions."""
    for child in np.random.SeedSequence(seed).spawn(count):
        yield judge(tried(plan, np.random.default_rng(child))).badge


def tried(plan: Plan, rng: np.random.Generator) -> Record:
    """Return the record of one tool on one walk, its gains and base rate by the house's rules."""
    shape = (plan.sessions, plan.signals)
    room = MINUTES - WARM - HORIZON
    # Signals do not overlap, as a tool's pauses see to it.
    slot = room // plan.signals
    row = WARM + np.arange(plan.signals) * slot + rng.integers(max(slot - HORIZON, 1), size=shape)
    side = np.full(shape, plan.side) if plan.side else rng.choice([-1, 1], size=shape)
    close = np.exp(_walk(plan, rng, row, side))
    base, found = Base(), []
    for session in close:
        seen = windows(session, HORIZON)
        base = base.plus(base_of(seen))
        found.append((seen.gain, seen.scale))
    gains, scales = (np.stack(part) for part in zip(*found, strict=True))
    at = np.arange(plan.sessions)[:, None], row
    gain, move = (side * gains[at]).ravel(), (side * gains[at] / scales[at]).ravel()
    readings = side.ravel()
    return Record(
        session=np.repeat(np.arange(plan.sessions), plan.signals),
        score=rng.uniform(0.5, 1.0, gain.size),
        gain=gain,
        move=move,
        base_share=np.where(readings > 0, base.share(1, 0), base.share(-1, 0)),
        base_move=readings * base.move(1, 0),
        quarters=np.full((gain.size, 4), np.nan),
        quarter_rows=quarter_rows(HORIZON),
        base_rows=base.rows,
        sessions=plan.sessions,
        cost=plan.cost,
    )


def _walk(plan: Plan, rng: np.random.Generator, row: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Return log prices (sessions, minutes) with the edge planted after each signal."""
    shape = (plan.sessions, MINUTES)
    minute = DAY_VOLATILITY / np.sqrt(MINUTES)
    steps = rng.standard_t(FREEDOM, size=shape) * np.sqrt((FREEDOM - 2) / FREEDOM)
    steps *= minute * _volatility(plan.sessions, rng)[:, None]
    steps += plan.drift / YEAR / MINUTES
    if plan.ratio is not None:
        edge = _edge(plan, minute)
        kept = plan.sessions if plan.until is None else plan.until
        for session, minutes in enumerate(row[:kept]):
            for at, reads in zip(minutes, side[session], strict=True):
                steps[session, at + 1 : at + 1 + HORIZON] += reads * edge / HORIZON
    return np.log(500.0) + np.cumsum(steps, axis=1)


def _edge(plan: Plan, minute: float) -> float:
    """Return the mean gain of a signal that leaves the ratio after costs."""
    assert plan.ratio is not None
    spread = minute * np.sqrt(HORIZON * plan.signals)
    return float(plan.ratio / np.sqrt(YEAR) * spread / plan.signals + plan.cost)


def _volatility(sessions: int, rng: np.random.Generator) -> np.ndarray:
    """Return a factor per session with mean square 1: its logarithm is an AR(1)."""
    log, out = 0.0, np.empty(sessions)
    for session, shock in enumerate(rng.standard_normal(sessions)):
        log = 0.95 * log + 0.08 * shock
        out[session] = np.exp(log)
    mean_square = np.exp(2.0 * 0.08**2 / (1.0 - 0.95**2))
    return out / np.sqrt(mean_square)
