"""What no tool may answer."""

from __future__ import annotations

import numpy as np

from market.frames import FloatArray, Frame
from tools_app.contract import Evaluation, Verdict


def nonsense(evaluation: Evaluation, frame: Frame) -> str | None:
    """Return what is wrong with an answer, or None."""
    score = evaluation.score
    if score.shape != frame.shape:
        return f"the score has shape {score.shape} for rows of shape {frame.shape}"
    for name, values in (("side", evaluation.side), ("volatility", evaluation.volatility)):
        if values.shape != frame.shape or not np.isin(values, (-1, 0, 1)).all():
            return f"{name} is not -1, 0 or 1 for every row"
    for condition in evaluation.conditions:
        if np.shape(condition.value) != frame.shape:
            return f"the condition {condition.label!r} has no value for every row"
        if condition.degree is not None and not _degrees(condition.degree):
            return f"the condition {condition.label!r} has a degree outside 0..1"
    return None


def nonsense_of_newest(evaluation: Evaluation) -> str | None:
    """Return what is wrong with an answer on one row, whose conditions tell of rows before too."""
    for name, values in (("side", evaluation.side), ("volatility", evaluation.volatility)):
        if int(values[-1]) not in (-1, 0, 1):
            return f"{name} is not -1, 0 or 1 for every row"
    for condition in evaluation.conditions:
        degree = 0.0 if condition.degree is None else float(condition.degree[-1])
        if degree < 0.0 or degree > 1.0:
            return f"the condition {condition.label!r} has a degree outside 0..1"
    return None


def sideways(verdict: Verdict) -> str | None:
    """Return what is wrong with the sides of a verdict, before they become whole numbers."""
    for name, values in (("side", verdict.side), ("volatility", verdict.volatility)):
        if values is not None:
            known = np.asarray(values)[np.isfinite(values)]
            if not np.isin(known, (-1.0, 0.0, 1.0)).all():
                return f"{name} is not -1, 0 or 1 for every row"
    return None


def _degrees(given: FloatArray) -> bool:
    """Return whether all that is known lies in [0, 1]."""
    known = np.asarray(given)
    return bool(np.all(np.isnan(known) | ((known >= 0.0) & (known <= 1.0))))
