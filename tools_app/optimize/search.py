"""The search of one fold: settings within the declared bounds, chosen on the training rows alone.

Optuna proposes (tree-structured Parzen estimator, seeded, in memory); the default is the first
setting tried. The choice is not the peak but the setting whose neighbourhood is best: the mean
over the settings nearest to it in the unit cube of the bounds. Every setting is told to the ledger
as soon as it has been judged.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from market.frames import FloatArray
from quant.validation import Split, walk_forward
from tools_app.contract import Param, Tool
from tools_app.optimize.gains import Ground, standing

LEAST_TRAINING: Final = 10
"""Signals in training below which a setting is no candidate."""
NEIGHBOURS: Final = 5
_FEW = -100.0
"""Objective of a setting with too few signals, plus their number: the search climbs out of it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A setting that was judged.

    Attributes
    ----------
    number : int
        0 is the default.
    params : mapping of str to float
    trained, tested : float or None
        `standing` on the training rows and on those of the test; None without gains.
    training, testing : int
        Signals.
    """

    number: int
    params: Mapping[str, float]
    trained: float | None
    tested: float | None
    training: int
    testing: int


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """What a fold found.

    Attributes
    ----------
    params : dict or None
        The setting chosen; None when none had enough signals, and the default stands in for it.
    best, default : (T,) float64
        Gains a row of the signals in the test rows; 0 elsewhere.
    signals, default_signals : int
    """

    params: dict[str, float] | None
    best: FloatArray
    default: FloatArray
    signals: int
    default_signals: int


def least_rows(tool: Tool, folds: int) -> int:
    """Return the rows below which no fold would have room for a window and two horizons."""
    return (folds + 1) * (tool.window + 2 * tool.horizon)


def splits(ground: Ground, folds: int) -> list[Split]:
    """Return walk-forward splits of all rows.

    What a signal is judged by must have ended a horizon before the test begins: the purge, and
    an embargo of one horizon.
    """
    rows = np.arange(len(ground.bars))
    return list(walk_forward(rows, ground.ends, folds, embargo=float(ground.tool.horizon)))


def search(
    ground: Ground,
    split: Split,
    *,
    trials: int,
    seed: int,
    told: Callable[[Tried], None],
) -> FoldResult:
    """Search a fold and return what its choice and the default did in the test rows.

    Parameters
    ----------
    ground : Ground
    split : Split
    trials : int
        Settings, the default among them.
    seed : int
    told : callable
        Given each setting once it has been judged.
    """
    tool = ground.tool
    train, test = (np.isin(np.arange(len(ground.bars)), part) for part in split[:2])
    begins = int(split.test[0])
    values: list[float] = []
    settings: list[dict[str, float]] = []

    def objective(trial: Any) -> float:
        params = {param.name: _suggested(trial, param) for param in tool.params}
        signals = ground.signals(params)
        training, testing = signals.inside(train), signals.inside(test)
        trained = standing(ground.gains(training)[:begins])
        tested = standing(ground.gains(testing)[begins:])
        enough = len(training) >= LEAST_TRAINING and math.isfinite(trained)
        settings.append(params)
        values.append(trained if enough else _FEW + len(training))
        told(
            Tried(
                trial.number, params, _known(trained), _known(tested), len(training), len(testing)
            )
        )
        return values[-1]

    _optimize(tool, objective, trials, seed)
    chosen = choose(tool.params, settings, values)
    default = ground.signals(tool.settings()).inside(test)
    best = default if chosen is None else ground.signals(chosen).inside(test)
    return FoldResult(chosen, ground.gains(best), ground.gains(default), len(best), len(default))


def _optimize(tool: Tool, objective: Callable[[Any], float], trials: int, seed: int) -> None:
    # Not on the module: pages read results, they do not search.
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed % 2**32)
    )
    study.enqueue_trial({param.name: param.default for param in tool.params})
    study.optimize(objective, n_trials=trials)


def _suggested(trial: Any, param: Param) -> float:
    if param.integer:
        return float(trial.suggest_int(param.name, int(param.low), int(param.high)))
    return float(trial.suggest_float(param.name, param.low, param.high))


def choose(
    params: Sequence[Param], settings: Sequence[Mapping[str, float]], values: Sequence[float]
) -> dict[str, float] | None:
    """Return the setting with the best neighbourhood; None when none had enough signals."""
    score = np.asarray(values)
    able = np.flatnonzero(score > _FEW + LEAST_TRAINING)
    if not able.size:
        return None
    cube = np.array(
        [[(one[p.name] - p.low) / (p.high - p.low) for p in params] for one in settings]
    )[able]
    away = np.sum((cube[:, None, :] - cube[None, :, :]) ** 2, axis=2)
    near = np.argsort(away, axis=1, kind="stable")[:, :NEIGHBOURS]
    plateau = score[able][near].mean(axis=1)
    return dict(settings[int(able[np.argmax(plateau)])])


def fold_seed(seed: int, *parts: object) -> int:
    """Return a seed of its own for a fold of a unit, the same wherever it is computed."""
    said = " ".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8])


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
