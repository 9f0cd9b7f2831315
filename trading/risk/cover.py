"""What stands behind an account's short options when the worst of its open orders fill."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cached_property

from trading.ledger.book import total
from trading.risk.facts import Facts, Holding
from trading.risk.payoff import Pile, bare, over_cash, uncovered


class Cover:
    """Of one order among the others. `pile` gives what holdings are in one underlying."""

    def __init__(self, facts: Facts, pile: Callable[[str, Iterable[Holding]], Pile]) -> None:
        self._facts, self._pile = facts, pile

    @cached_property
    def uncovered(self) -> Decimal:
        """Units of short options that nothing covers but cash, when the worst orders fill."""
        return self._uncovered(with_order=True)

    @cached_property
    def uncovered_before(self) -> Decimal:
        """The same without this order."""
        return self._uncovered(with_order=False)

    def bare(self, *, is_call: bool) -> Decimal:
        """Return what `uncovered` counts of one right."""
        return total(bare(*self._filling(name), is_call) for name in self._facts.underlyings)

    @cached_property
    def bares_puts(self) -> bool:
        """Whether the order by itself leaves more puts to cash."""
        for name in self._facts.underlyings:
            held = self._pile(name, self._facts.positions)
            after = held.plus(self._pile(name, self._moves))
            if bare(after, (), is_call=False) > bare(held, (), is_call=False):
                return True
        return False

    @cached_property
    def strikes_over_cash(self) -> Decimal:
        """What all puts that cash alone covers would cost at their strikes, $, at most."""
        facts = self._facts
        names = {one.instrument.underlying for one in (*facts.positions, *self._moves)}
        names |= {one.underlying for one in facts.pending}
        return total(over_cash(*self._filling(name)) for name in sorted(names))

    @property
    def _moves(self) -> tuple[Holding, ...]:
        return tuple(leg.as_holding() for leg in self._facts.legs)

    def _uncovered(self, *, with_order: bool) -> Decimal:
        return total(
            uncovered(*self._filling(name, with_order=with_order))
            for name in self._facts.underlyings
        )

    def _filling(self, name: str, *, with_order: bool = True) -> tuple[Pile, list[list[Pile]]]:
        """Return what is held of an underlying, and what each order may make of it."""
        facts = self._facts
        orders = [[self._pile(name, way.moves) for way in one.outcomes] for one in facts.pending]
        if with_order:
            orders.append([self._pile(name, self._moves)])
        return self._pile(name, facts.positions), orders
