"""A scorecard's figures as JSON: no number without its sample size, nothing that is not finite."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from quant.clustered import ClusteredMean
from tools_app.evaluation import finite
from tools_app.scorecards import Bin, Figures, Record

Body = dict[str, Any]


def figures_of(found: Figures) -> Body:
    """Return the figures as JSON."""
    record, ratio = found.record, found.ratio
    low, high = ratio.interval()
    n = record.score.size
    return {
        "signals": n,
        "left_out": record.left_out,
        "sessions": record.sessions,
        "sessions_with_signals": int(np.unique(record.session).size),
        "unit": "usual variance" if record.volatility else "log return",
        "cost": record.cost,
        "hit_rate": {
            "value": finite(found.hit_rate),
            "low": found.hit_low,
            "high": found.hit_high,
            "n": n,
            "independent": finite(found.independent),
        },
        "base_rate": {"value": finite(found.base_rate), "n": record.base_rows},
        "excess": _mean(found.excess),
        "average": _mean(found.gain),
        "edge": _mean(found.edge),
        "sharpe": {
            "value": finite(ratio.ratio),
            "error": finite(ratio.error),
            "low": finite(low),
            "high": finite(high),
            "n": ratio.observations,
            "sessions_each": record.block,
        },
        "deflated_sharpe": {
            "value": finite(found.deflated),
            "trials": found.trials,
            "n": ratio.observations,
        },
        "half_life": _half_life(found),
        "calibration": _calibration(found),
        "reliability": {
            "value": found.reliability,
            "n": n,
            "independent": finite(found.independent),
        },
    }


def digest_of(record: Record) -> str:
    """Return the SHA-256 of everything that the figures are made of."""
    plain = (
        *(record.quarter_rows, record.base_rows, record.sessions, record.overlap),
        *(record.volatility, record.cost, record.left_out),
    )
    said = hashlib.sha256(repr(plain).encode())
    for array in (
        record.session,
        record.score,
        record.gain,
        record.move,
        record.base_share,
        record.base_move,
        record.quarters,
    ):
        said.update(np.ascontiguousarray(array).tobytes())
    return said.hexdigest()


def _mean(found: ClusteredMean) -> Body:
    known = found.clusters >= 2
    return {
        "value": finite(found.mean),
        "low": finite(found.low),
        "high": finite(found.high),
        "p": found.p if known else None,
        "n": found.observations,
        "clusters": found.clusters,
    }


def _half_life(found: Figures) -> Body:
    life = found.decay
    return {
        "value": finite(life.value),
        "low": finite(life.low),
        "high": finite(life.high),
        "n": life.n,
        "reason": life.reason,
    }


def _calibration(found: Figures) -> Body:
    made = found.calibration
    return {
        "n": found.record.score.size,
        "error": finite(made.error),
        "by_chance": finite(made.by_chance),
        "bins": [_bin(one) for one in made.bins],
    }


def _bin(one: Bin) -> Body:
    return one._asdict()
