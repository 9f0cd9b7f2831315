"""How hard a market is taken to be on paper: as it is, or harder."""

from __future__ import annotations

from dataclasses import dataclass

from trading.ledger.book import LedgerError


@dataclass(frozen=True, slots=True)
class Hardness:
    """What is added to the market as it is; nothing makes it easier.

    Attributes
    ----------
    latency_ms : int
        Until an order arrives, 250 to 999.
    half_spreads : float
        What taking pays of the way from the middle to the touch, 1 to 3.
    impact : float
        The factor of the square-root law by which shares move the price, 0 to 5. Contracts are
        bounded by their display alone.
    """

    latency_ms: int = 250
    half_spreads: float = 1.0
    impact: float = 0.0

    def __post_init__(self) -> None:
        bounds = {"latency_ms": (250, 999), "half_spreads": (1, 3), "impact": (0, 5)}
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise LedgerError(name, f"Give {least} to {most}.")
