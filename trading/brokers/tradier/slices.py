"""Fills out of sums: Tradier lists no executions, an order says how much is filled on average.

A fill here is what was filled between two looks. Its id is where it begins, so a slice that is told
again is the same fill, and one that was never booked is told again. Where slices begin follows
from what is booked; in between, looks of one process agree, because it remembers where it cut.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Final

ZERO: Final = Decimal(0)
_PLACES: Final = Decimal("0.00000001")
_REMEMBERED: Final = 5_000


@dataclass(frozen=True, slots=True)
class Sum:
    """How much was filled, without sign, and the sum of quantity x price."""

    quantity: Decimal = ZERO
    value: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Slice:
    """What was filled from one sum to the next."""

    start: Sum
    end: Sum

    @property
    def quantity(self) -> Decimal:
        """How much, without sign."""
        return self.end.quantity - self.start.quantity

    @property
    def price(self) -> Decimal:
        """At what average: as exact as the venue's average is."""
        return ((self.end.value - self.start.value) / self.quantity).quantize(_PLACES)


class Slices:
    """Where the fills of each part of an order were cut; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cuts: OrderedDict[tuple[str, str], list[Sum]] = OrderedDict()

    def cut(
        self, order: str, sums: Mapping[str, Sum], booked: Mapping[str, Sum]
    ) -> dict[str, list[Slice]]:
        """Return the fills of each symbol that are not booked, oldest first."""
        with self._lock:
            return {
                symbol: self._cut((order, symbol), now, booked.get(symbol, Sum()))
                for symbol, now in sums.items()
            }

    def _cut(self, key: tuple[str, str], now: Sum, booked: Sum) -> list[Slice]:
        cuts = self._cuts.pop(key, [booked])
        if booked.quantity not in {one.quantity for one in cuts}:
            cuts = [booked]  # what is booked decides: another process cut elsewhere
        if now.quantity > cuts[-1].quantity:
            cuts.append(now)
        self._cuts[key] = cuts
        while len(self._cuts) > _REMEMBERED:
            self._cuts.popitem(last=False)
        return [Slice(a, b) for a, b in pairwise(cuts) if a.quantity >= booked.quantity]
