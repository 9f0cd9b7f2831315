"""What alerts are told of signals: their payload, dealers' Greeks, and the prices before them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from accounts.alerts import matching
from market.clock import MINUTE, to_ns
from market.frames import Kind
from market.framestore import Rows
from market.models import FeedRun
from market.payloads import iso, number, numbers
from tools_app.models import Outcome, Signal
from tools_app.payloads import signal_payload

PRICES: Final = 120
"""Rows before and at the signal that its picture shows."""
FRESH: Final = {Kind.INTRADAY: 5 * MINUTE, Kind.DAILY: 0}
"""How far a signal may lie behind the newest row, in market time, to be worth a message.

A run that is evaluated late, or that began with a warm-up, has signals that are history.
"""
GREEKS: Final = (
    ("gamma", "Dealer gamma", "$ per 1 %"),
    ("vanna", "Dealer vanna", "$ per vol point"),
    ("charm_hour", "Dealer charm", "$ per hour"),
    ("zero_gamma", "Zero gamma", ""),
)

Payload = dict[str, Any]


def announce(kind: Kind, signals: Sequence[Signal], recent: Mapping[dt.date | None, Rows]) -> None:
    """Tell alerts, in the same transaction, of the signals that are fresh.

    `recent` are the rows that they were found on, by session, the newest session last.
    """
    if not signals or not matching.wanted():
        return
    rows = list(recent.values())[-1]
    since = int(rows.time[-1]) - FRESH[kind]
    fresh = [signal for signal in signals if to_ns(signal.time) >= since]
    matching.announce([_payload(signal, rows) for signal in fresh])


def announce_outcomes(run: FeedRun, outcomes: Sequence[Outcome]) -> None:
    """Tell alerts, in the same transaction, what became of signals that somebody heard of."""
    if not outcomes:
        return
    awaited = matching.awaited(outcome.signal_id for outcome in outcomes)
    told = []
    for outcome in outcomes:
        if outcome.signal_id in awaited:
            signal = outcome.signal
            signal.run, signal.outcome = run, outcome
            told.append(signal_payload(signal))
    matching.announce_outcomes(told)


def _payload(signal: Signal, rows: Rows) -> Payload:
    at = int(np.searchsorted(rows.time, to_ns(signal.time), "right"))
    seen = slice(max(0, at - PRICES), at)
    closes = rows.columns.get("close", np.full(len(rows), np.nan))
    return {
        **signal_payload(signal),
        "greeks": [
            {"label": label, "unit": unit, "value": number(float(rows.columns[name][at - 1]))}
            for name, label, unit in GREEKS
            if name in rows.columns and at > 0
        ],
        "prices": {
            "time": [iso(int(time)) for time in rows.time[seen].tolist()],
            "close": numbers(closes[seen]),
        },
    }
