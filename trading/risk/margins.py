"""What positions leave of the cash by the rules of margin (`quant.margin`), in full cents."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import Final

from quant import margin
from quant.margin_types import BROAD_INDEX_RATE, EQUITY_RATE, MAINTENANCE, REG_T, Rules
from quant.margin_types import Holding as Margined
from trading.ledger.book import ZERO, total
from trading.risk.facts import CENT, Holding
from trading.risk.findings import MissingError

PAID_IN_FULL: Final = Rules(1.0, 0.50, secured=True)
"""Without credit shares are paid in full. Short puts are secured by their strike, with it too."""
ON_CREDIT: Final = replace(REG_T, secured=True)
TO_KEEP: Final = replace(MAINTENANCE, secured=True)
_LOT: Final = Decimal(100)


def left(
    cash: Decimal,
    held: Sequence[tuple[Holding, Decimal]],
    spots: Mapping[str, Decimal],
    *,
    credit: bool,
    maintenance: bool = False,
) -> Decimal:
    """Return cash and the worth of shares less what is asked for, $; below zero it is a call.

    Parameters
    ----------
    cash : Decimal
        With the proceeds of all sales in it.
    held : of Holding and mark
    spots : Decimal by underlying
    credit : bool
        Whether the account borrows, so that shares need but a part of their worth.
    maintenance : bool
        What must be kept, instead of what opening asks for.
    """
    rules = TO_KEEP if maintenance else ON_CREDIT if credit else PAID_IN_FULL
    found = cash
    for (name, multiplier), pile in _piles(held, spots).items():
        asked = margin.requirement(pile, rules).total
        if not math.isfinite(asked):
            raise MissingError(f"the margin of {name} x {multiplier} is not known")
        worth = Decimal(repr(pile.shares)) * spots[name]
        found = total((found, worth, -rounded_up(asked)))
    return found


def _piles(
    held: Sequence[tuple[Holding, Decimal]], spots: Mapping[str, Decimal]
) -> dict[tuple[str, Decimal], Margined]:
    """Return holdings by underlying and multiplier; shares stand with contracts of a hundred."""
    rows: dict[tuple[str, Decimal], list[tuple[Holding, Decimal]]] = defaultdict(list)
    shares: dict[str, Decimal] = defaultdict(Decimal)
    for one, mark in held:
        name = one.instrument.underlying
        if one.instrument.option is None:
            shares[name] += one.units
            rows[name, _LOT] += []
        else:
            rows[name, one.instrument.multiplier].append((one, mark))
    found = {}
    for (name, multiplier), mine in rows.items():
        options = [one.instrument.option for one, _ in mine if one.instrument.option is not None]
        found[name, multiplier] = Margined.of(
            float(spots[name]),
            [float(one.strike) for one in options], [one.expiry.toordinal() for one in options],
            [one.is_call for one in options], [float(one.quantity) for one, _ in mine],
            [float(mark) for _, mark in mine],
            shares=float(shares.get(name, ZERO)) if multiplier == _LOT else 0.0,
            multiplier=float(multiplier),
            rate=BROAD_INDEX_RATE if any(one.index for one in options) else EQUITY_RATE,
        )  # fmt: skip
    return found


def rounded_up(amount: float) -> Decimal:
    """Return a figure of the margin in full cents; what binary fractions add is taken off first."""
    return Decimal(repr(round(amount, 6))).quantize(CENT, ROUND_CEILING)
