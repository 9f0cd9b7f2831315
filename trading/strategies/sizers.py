"""How many units: `quant.sizing` behind the seam, capped by the account's class and the strategy.

A structure here has a loss that is known beforehand, so whatever the rule, no trade can lose more
than the class's share of equity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from quant import sizing
from quant.account_classes import account_class
from quant.arrays import FloatArray
from tools_app.decisions import Risked, Size
from trading.strategies.config import SizingRules

SESSIONS: Final = 14
"""Over which the true range is averaged (Wilder 1978)."""


def true_range(high: FloatArray, low: FloatArray, close: FloatArray) -> float | None:
    """Return the average true range of the last sessions, $; None with fewer than `SESSIONS`.

    Parameters
    ----------
    high, low, close : (t,) float64
        By session, oldest first; one more than `SESSIONS` is enough.
    """
    if close.size < SESSIONS + 1:
        return None
    before = close[-SESSIONS - 1 : -1]
    above = np.maximum(high[-SESSIONS:], before) - np.minimum(low[-SESSIONS:], before)
    found = float(np.mean(above))
    return found if np.isfinite(found) else None


@dataclass(frozen=True, slots=True)
class ClassSizer:
    """The sizing of a configuration: its rule, then the caps, rounded down at each."""

    rules: SizingRules

    def size(self, equity: float, unit: Risked) -> Size:
        """Return the size; 0 with the reason where nothing fits."""
        wanted, why = self._wanted(equity, unit)
        if wanted == 0:
            return Size(0, (why,))
        found = account_class(equity)
        caps = [
            (wanted, why),
            (sizing.fixed_risk(equity, found.risk, unit.loss, 1.0),
             f"A trade of a {found.name} account may lose {found.risk:.1%} of its equity."),
            (self.rules.most, f"The strategy opens {self.rules.most} at most."),
        ]  # fmt: skip
        if unit.room is not None:
            said = f"The market has room for {unit.room}, by what is displayed and open interest."
            caps.append((unit.room, said))
        units, text = min(caps, key=lambda cap: cap[0])
        if units == 0:
            return Size(0, (f"{text} Nothing fits: one unit can lose ${unit.loss:,.2f}.",))
        risk = f"{units} can lose ${units * unit.loss:,.2f} of ${equity:,.2f}."
        return Size(units, (text, risk) if text == why else (text, why, risk))

    def _wanted(self, equity: float, unit: Risked) -> tuple[int, str]:
        by_kind = {"fixed": self._fixed, "volatility": self._volatility, "kelly": self._kelly}
        return by_kind[self.rules.kind](equity, unit)

    def _fixed(self, equity: float, unit: Risked) -> tuple[int, str]:
        units = sizing.fixed_risk(equity, self.rules.share, unit.loss, 1.0)
        return units, (
            f"{self.rules.share:.2%} of ${equity:,.2f} over a loss of ${unit.loss:,.2f} a unit "
            f"is {units}."
        )

    def _volatility(self, equity: float, unit: Risked) -> tuple[int, str]:
        if unit.range is None or unit.range <= 0.0:
            return 0, "The average range of the underlying is not known, so no size follows."
        if unit.delta == 0.0:
            return 0, "The structure has no delta, so a range of the underlying sets no size."
        units = sizing.volatility_target(
            max(equity, 0.0) * self.rules.share, unit.range, stops=self.rules.ranges,
            delta=unit.delta, multiplier=1.0,
        )  # fmt: skip
        return units, (
            f"{self.ranges_text} of ${unit.range:,.2f} may lose {self.rules.share:.2%} of "
            f"${equity:,.2f}: {units}."
        )

    @property
    def ranges_text(self) -> str:
        """The stop's distance in words."""
        return f"{self.rules.ranges:g} average ranges"

    def _kelly(self, equity: float, unit: Risked) -> tuple[int, str]:
        if unit.win is None:
            return 0, "Kelly needs a bounded win; this structure has none."
        if unit.win <= 0.0:
            return 0, "The structure cannot win, so Kelly bets nothing."
        sized = sizing.kelly(equity, self.rules.chance, unit.win, unit.loss, share=self.rules.share)
        said = "there is no edge" if sized.bound == "edge" else f"bound by {sized.bound}"
        return sized.contracts, (
            f"Kelly at a chance of {self.rules.chance:.0%}, ${unit.win:,.2f} to win and "
            f"${unit.loss:,.2f} to lose: {sized.contracts}, {said}."
        )
