"""How many contracts: fixed risk over the stop, a volatility target, a share of Kelly.

Every rule answers whole contracts, rounded down, so that a stop that is filled at its price never
loses more than was asked; 0 where not even one contract fits. A gap beyond a stop is not in it: a
structure with a defined risk is sized by its greatest loss in place of a stop. Caps come from one
table, `quant.account_classes`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from quant.account_classes import account_class

_SLACK = 1e-9
"""Relative: 3 x 0.1 must not fall short of 0.3, and never buys a contract that does not fit."""


def contracts(risk: float, loss: float) -> int:
    """Return the most contracts whose loss together is within the risk.

    Parameters
    ----------
    risk : float
        $ that may be lost, at least 0.
    loss : float
        $ that one contract loses, above 0.

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    _least("risk", risk, 0.0)
    _above("loss", loss)
    many = risk / loss
    if not math.isfinite(many):
        raise ValueError(
            f"loss is {loss} against a risk of {risk}; give one that is not negligible"
        )
    count = math.floor(many * (1.0 + _SLACK))
    return count if count * loss <= risk * (1.0 + _SLACK) else count - 1


def fixed_risk(equity: float, share: float, stop: float, multiplier: float = 100.0) -> int:
    """Return contracts for a share of equity over the distance to the stop.

    Parameters
    ----------
    equity : float
        $; below 0 nothing is bought.
    share : float
        Of equity that the stop may lose, from 0 to 1.
    stop : float
        Distance from entry to stop in the contract's own price, $ a unit, above 0. For a defined
        risk: the greatest loss (premium, or width less credit).
    multiplier : float
        Units a contract, above 0.

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    _finite("equity", equity)
    _share("share", share)
    _above("stop", stop)
    _above("multiplier", multiplier)
    return contracts(max(equity, 0.0) * share, stop * multiplier)


def volatility_target(
    risk: float,
    atr: float,
    *,
    stops: float = 1.0,
    delta: float = 1.0,
    multiplier: float = 100.0,
) -> int:
    """Return contracts of which a stop of one average true range loses the risk in dollars.

    Parameters
    ----------
    risk : float
        $, at least 0.
    atr : float
        Average true range of the underlying (Wilder 1978), $ a unit, above 0.
    stops : float
        Distance of the stop in ranges, above 0.
    delta : float
        $ that the contract moves for 1 $ of the underlying, a unit; its sign does not matter.
    multiplier : float
        Units a contract, above 0.

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    _above("atr", atr)
    _above("stops", stops)
    _above("multiplier", multiplier)
    _finite("delta", delta)
    if delta == 0.0:
        raise ValueError("delta is 0: the stop on the underlying says nothing about the loss")
    return contracts(risk, stops * atr * abs(delta) * multiplier)


def kelly_fraction(chance: float, win: float, loss: float) -> float:
    """Return the full Kelly share of equity to put at risk, p - (1 - p) loss/win (Kelly 1956).

    0 without an edge. It is the share that a loss costs; growth falls beyond it.

    Parameters
    ----------
    chance : float
        Of winning, from 0 to 1.
    win, loss : float
        $ a contract, above 0.

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    _share("chance", chance)
    _above("win", win)
    _above("loss", loss)
    return max(0.0, chance - (1.0 - chance) * (loss / win))


class Sized(NamedTuple):
    """Contracts, and what decided: the $ at risk, and which limit was the tightest."""

    contracts: int
    at_risk: float
    bound: str
    """`kelly`, `risk` (the class's share a trade), or `edge` where there is none."""


def kelly(
    equity: float, chance: float, win: float, loss: float, *, share: float | None = None
) -> Sized:
    """Return contracts by fractional Kelly, capped by the account's class.

    Parameters
    ----------
    equity : float
        $; it decides the class.
    chance, win, loss : float
        As in `kelly_fraction`.
    share : float, optional
        Of the full bet, from 0 to 1; the class's by default, and at most that.

    Raises
    ------
    ValueError
        Naming the argument that is not valid.
    """
    found = account_class(equity)
    if share is not None:
        _share("share", share)
    full = kelly_fraction(chance, win, loss)
    wanted = full * min(found.kelly, found.kelly if share is None else share)
    part = min(wanted, found.risk)
    count = contracts(max(equity, 0.0) * part, loss)
    bound = "edge" if full == 0.0 else "kelly" if wanted <= found.risk else "risk"
    return Sized(count, count * loss, bound)


def _finite(name: str, number: float) -> None:
    if not math.isfinite(number):
        raise ValueError(f"{name} is {number}; give a finite number")


def _least(name: str, number: float, least: float) -> None:
    if not (math.isfinite(number) and number >= least):
        raise ValueError(f"{name} is {number}; give a finite number of at least {least:g}")


def _above(name: str, number: float) -> None:
    if not (math.isfinite(number) and number > 0.0):
        raise ValueError(f"{name} is {number}; give a finite number above 0")


def _share(name: str, number: float) -> None:
    if not 0.0 <= number <= 1.0:
        raise ValueError(f"{name} is {number}; give a number from 0 to 1")
