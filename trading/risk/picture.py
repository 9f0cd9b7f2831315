"""What follows from the facts of an order: its price at worst, its loss, its margin, its hold."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_UP, Decimal
from functools import cached_property
from typing import Final

from market.clock import NEW_YORK
from quant import fees
from quant.fee_rates import ALPACA
from quant.fee_rates import Asset as FeeAsset
from trading.ledger.book import ZERO, total
from trading.risk import margins
from trading.risk.cover import Cover
from trading.risk.facts import CENT, Asset, Facts, Ground, Holding, Leg, Quote
from trading.risk.findings import MissingError, need
from trading.risk.payoff import Line, Pile, uncovered, worst_loss

D = Decimal
GAP: Final = {Asset.EQUITY: D("0.20"), Asset.CRYPTO: D("0.50")}
"""Share of its price that a share, or a coin, is taken to lose at once: 4210's 20 %, twice and a
half of it where trading never stops."""
BAND, BAND_TICKS = D("0.10"), 3
"""How far from the middle a price may be: a share of it, or so many ticks a leg."""
CLOSE_BAND: Final = D("0.05")
"""The same where an old quote is traded on, to leave a position."""
THROUGH, THROUGH_LEAST = D("0.05"), D("0.05")
"""How far beyond the far side of the quote."""
TICK: Final = D("0.01")
_WEIGHT: Final = {Asset.OPTION: D(1), Asset.EQUITY: D("0.01"), Asset.CRYPTO: D(0)}
FRESH_OPTION, FRESH_SPOT, FRESH_CHAIN, FRESH_CLOSE = 5.0, 2.0, 60.0, 30.0
"""Seconds: oldest quote of an option, of the underlying, of a chain; of any to leave a position."""


class Picture:
    """One order seen whole. Each part is found when it is first asked for, once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    @cached_property
    def reducing(self) -> bool:
        """Whether the order does nothing but lower risk: it leaves positions, and uncovers none."""
        facts = self._facts
        if not facts.legs or facts.opening:
            return False
        for name in facts.underlyings:
            held = self.pile(name, facts.positions)
            after = held.plus(self.pile(name, self._moves))
            if uncovered(after, ()) > uncovered(held, ()):
                return False
        return self._loses_less

    @property
    def _loses_less(self) -> bool:
        """Leaving one leg of a spread may leave more to lose than before; cost set apart."""
        facts = self._facts
        for name in facts.underlyings:
            before, after = (
                worst_loss(self._costless(name, part))
                for part in (facts.positions, (*facts.positions, *self._moves))
            )
            if after is None or (before is not None and after > max(before, ZERO)):
                return before is None and after is None
        return True

    def _costless(self, name: str, parts: Iterable[Holding]) -> Pile:
        pile = self.pile(name, parts)
        return Pile(pile.lines, pile.shares, pile.spot, pile.gap, pile.shares * pile.spot)

    @property
    def _moves(self) -> tuple[Holding, ...]:
        return tuple(leg.as_holding() for leg in self._facts.legs)

    # --- prices ---------------------------------------------------------------------------------

    @property
    def scale(self) -> Decimal:
        """Units that the order's net price is of: the largest multiplier of its legs."""
        return max(leg.instrument.multiplier for leg in self._facts.legs)

    @cached_property
    def mid(self) -> Decimal:
        """Net price at the middles, below zero when received."""
        return self._net(lambda quote, ratio: need(quote.mid, "the middle of a quote"))

    @cached_property
    def natural(self) -> Decimal:
        """Net price at the far sides of the quotes: what buying asks and selling is bid."""
        return self._net(
            lambda quote, ratio: need(quote.ask if ratio > 0 else quote.bid, "a side of a quote")
        )

    def _net(self, price: Callable[[Quote, int], Decimal]) -> Decimal:
        parts = []
        for leg in self._facts.legs:
            quote = need(leg.quote, f"the quote of {leg.instrument.symbol}")
            parts.append(leg.ratio * leg.instrument.multiplier * price(quote, leg.ratio))
        return total(parts) / self.scale

    @cached_property
    def stale(self) -> bool:
        """Whether a quote is older than an opening order may have."""
        facts = self._facts
        ages = [need(leg.quote, f"the quote of {leg.instrument.symbol}").age for leg in facts.legs]
        oldest = max(need(age, "the age of a quote") for age in ages)
        return not oldest <= FRESH_OPTION

    @cached_property
    def collar(self) -> Decimal:
        """The dearest net price at which the order may trade, below zero when received."""
        legs = len(self._facts.legs)
        share = CLOSE_BAND if self.reducing and self.stale else BAND
        band = max(share * abs(self.mid), BAND_TICKS * TICK * legs)
        through = max(THROUGH * abs(self.natural), THROUGH_LEAST)
        return min(self.mid + band, self.natural + through)

    @property
    def limit(self) -> Decimal | None:
        """The order's own limit as a net price, below zero when received."""
        intent = self._facts.intent
        if intent.limit_price is None:
            return None
        sold = len(intent.legs) == 1 and intent.legs[0].ratio < 0
        return -intent.limit_price if sold else intent.limit_price

    @cached_property
    def price(self) -> Decimal:
        """The dearest net price at which it trades: its limit, or the collar that it is sent with.

        A stop is triggered away from here: it is taken to trade the same band beyond its price.
        """
        intent = self._facts.intent
        if self.limit is not None:
            return self.limit
        if intent.stop_price is not None:
            sold = len(intent.legs) == 1 and intent.legs[0].ratio < 0
            stop = -intent.stop_price if sold else intent.stop_price
            return stop + BAND * abs(stop)
        return self.collar

    @property
    def marketable(self) -> bool:
        """Whether it is not a limit order, so that it is sent as one at the collar."""
        return self._facts.intent.limit_price is None

    # --- money ----------------------------------------------------------------------------------

    @cached_property
    def cost(self) -> Decimal:
        """What the whole order costs at that price, $; below zero when received."""
        return self.price * self.scale * self._facts.intent.quantity

    @cached_property
    def notional(self) -> Decimal:
        """What its legs are worth at the middles, whatever their side, $."""
        parts = []
        for leg in self._facts.legs:
            mid = self._mid(leg)
            parts.append(abs(leg.quantity) * leg.instrument.multiplier * mid)
        return total(parts)

    def _mid(self, leg: Leg) -> Decimal:
        quote = need(leg.quote, f"the quote of {leg.instrument.symbol}")
        return need(quote.mid, f"the middle of {leg.instrument.symbol}")

    @cached_property
    def fees(self) -> Decimal:
        """What trading all of it at once costs besides, rounded up to the cent."""
        day = self._facts.at.date()
        due: list[Decimal] = []
        for leg in self._facts.legs:
            mid = self._mid(leg)
            charged = fees.exact(
                ALPACA, day, _fee_asset(leg.as_holding()), side=leg.ratio,
                quantity=abs(leg.quantity), price=mid, multiplier=leg.instrument.multiplier,
            )  # fmt: skip
            due += charged.values()
        return total(due).quantize(CENT, ROUND_CEILING)

    def ground(self, name: str) -> Ground:
        """Return the market of an underlying; MissingError where there is none."""
        ground = self._facts.grounds.get(name)
        if ground is None:
            raise MissingError(f"the market of {name} is not known")
        return ground

    def spot(self, name: str) -> Decimal:
        """Return the price of an underlying."""
        spot = need(self.ground(name).spot, f"the price of {name}")
        if not spot > 0:
            raise MissingError(f"the price of {name} is not known: {spot}")
        return spot

    def pile(self, name: str, parts: Iterable[Holding], cost: Decimal = ZERO) -> Pile:
        """Return what some holdings are in one underlying, for the payoff."""
        mine = [one for one in parts if one.instrument.underlying == name]
        lines = tuple(
            Line(one.instrument.option.is_call, one.instrument.option.strike,
                 one.instrument.option.expiry, one.units)
            for one in mine if one.instrument.option is not None
        )  # fmt: skip
        stock = [one for one in mine if one.instrument.option is None]
        if not stock:
            return Pile(lines, cost=cost)
        gap = max(GAP[one.instrument.asset] for one in stock)
        shares = total(one.units for one in stock)
        return Pile(lines, shares, self.spot(name), gap, cost)

    @cached_property
    def loss(self) -> Decimal | None:
        """The most that the order by itself loses, fees included; None when there is no most."""
        names = self._facts.underlyings
        if len(names) != 1:
            raise MissingError("an order of several underlyings has no known loss")
        worst = worst_loss(self.pile(names[0], self._moves, self.cost))
        return None if worst is None else max(worst, ZERO) + self.fees

    def marked(self, parts: Iterable[Holding]) -> Decimal:
        """Return what holdings are worth at the middles, $."""
        return total(one.units * self.mark(one) for one in parts)

    def mark(self, one: Holding) -> Decimal:
        """Return the price at which a holding counts."""
        if one.instrument.option is None:
            return self.spot(one.instrument.underlying)
        quote = need(one.quote, f"the quote of {one.instrument.symbol}")
        return need(quote.mid, f"the middle of {one.instrument.symbol}")

    @cached_property
    def losses(self) -> dict[str, Decimal | None]:
        """The most that each underlying loses when this order and all opening ones fill, $.

        None where there is no most. Positions count from their marks, orders from their prices;
        an open order by itself, since what it would be paired with may be left first.
        """
        facts = self._facts
        names = {one.instrument.underlying for one in facts.positions} | set(facts.underlyings)
        found: dict[str, Decimal | None] = {}
        for name in names:
            held = [one for one in facts.positions if one.instrument.underlying == name]
            whole = self.pile(name, held, self.marked(held))
            if name in facts.underlyings:
                whole = whole.plus(self.pile(name, self._moves, self.cost))
            found[name] = worst_loss(whole)
        for one in facts.pending:
            if one.closing:
                continue
            alone = [worst_loss(self.pile(one.underlying, way.moves, way.cost))
                     for way in one.outcomes]  # fmt: skip
            so_far = found.get(one.underlying, ZERO)
            if so_far is None or None in alone:
                found[one.underlying] = None
            else:
                worst = max(part for part in (*alone, ZERO) if part is not None)
                found[one.underlying] = max(so_far, ZERO) + worst
        return found

    @cached_property
    def today_loss(self) -> Decimal | None:
        """The most that options lose which expire on the market's own day, $, orders too."""
        facts = self._facts
        piles = [
            [one for one in (*facts.positions, *self._moves) if one.instrument.underlying == name]
            for name in {one.instrument.underlying for one in (*facts.positions, *self._moves)}
        ]
        found = [self._ending(parts) for parts in piles]
        found += [
            max((self._ending(list(way.moves)) for way in one.outcomes), key=_unlimited_last)
            for one in facts.pending if not one.closing
        ]  # fmt: skip
        if None in found:
            return None
        return total(part for part in found if part is not None)

    def _ending(self, parts: list[Holding]) -> Decimal | None:
        """Return the most that those lose which end today; None when there is no most."""
        ends = [one for one in parts if self.ends_today(one)]
        if not ends:
            return ZERO
        found = self._from_marks(ends)
        if found is None:  # what lives on covers it
            found = self._from_marks(parts)
        return None if found is None else max(found, ZERO)

    def _from_marks(self, parts: list[Holding]) -> Decimal | None:
        name = parts[0].instrument.underlying
        return worst_loss(self.pile(name, parts, self.marked(parts)))

    def ends_today(self, one: Holding) -> bool:
        """Return whether an option expires on its market's own day."""
        option = one.instrument.option
        if option is None:
            return False
        return option.expiry == option_day(self.ground(one.instrument.underlying))

    @cached_property
    def cover(self) -> Cover:
        """What stands behind short options, whichever open orders fill."""
        return Cover(self._facts, self.pile)

    @property
    def cash_at_worst(self) -> Decimal:
        """Cash once this order and every other that costs something filled."""
        others = (max((way.cost for way in one.outcomes), default=ZERO)
                  for one in self._facts.pending)  # fmt: skip
        return total((self._facts.cash, -self.cost, -self.fees, *(-max(one, ZERO)
                      for one in others)))  # fmt: skip

    def power(self, *, after: bool, maintenance: bool = False) -> Decimal:
        """Return the buying power that positions and holds leave, $; below zero it is a call.

        `after` once this order filled; `maintenance` of what must be kept, apart from holds.
        """
        facts = self._facts
        parts = [*facts.positions, *(self._moves if after else ())]
        cash = total((facts.cash, -self.cost, -self.fees)) if after else facts.cash
        spots = {name: self.spot(name) for name in {one.instrument.underlying for one in parts}}
        left = margins.left(
            cash, [(one, self.mark(one)) for one in parts], spots,
            credit=facts.credit > 0, maintenance=maintenance,
        )  # fmt: skip
        if maintenance:
            return left
        return total((left, *(-one.hold for one in facts.pending)))

    @cached_property
    def power_after(self) -> Decimal:
        """Buying power that is left once this and every open order filled."""
        return self.power(after=True)

    @cached_property
    def hold(self) -> Decimal:
        """What the order keeps from others until it ends, $ in full cents.

        What it takes of the buying power; to leave a position only what it costs.
        """
        if self.reducing:
            taken = self.cost + self.fees
        else:
            taken = self.power(after=False) - self.power_after
        return max(taken, ZERO).quantize(CENT, ROUND_UP)

    @cached_property
    def contracts(self) -> Decimal:
        """Contracts of the largest leg."""
        return max(abs(_weighed(one)) for one in self._moves)

    def held_contracts(self, name: str) -> Decimal:
        """Return contracts of an underlying that are open once this and every order filled."""
        facts = self._facts
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for one in (*facts.positions, *self._moves):
            if one.instrument.underlying == name:
                sums[one.instrument.symbol] += _weighed(one)
        others = [
            max(total(abs(_weighed(move)) for move in way.moves) for way in one.outcomes)
            for one in facts.pending if not one.closing and one.underlying == name
        ]  # fmt: skip
        return total((*map(abs, sums.values()), *others))


def option_day(ground: Ground) -> dt.date:
    """Return the day in New York on a market's own clock."""
    return ground.now.astimezone(NEW_YORK).date()


def _fee_asset(one: Holding) -> FeeAsset:
    option = one.instrument.option
    if option is not None:
        return FeeAsset.INDEX_OPTION if option.index else FeeAsset.EQUITY_OPTION
    return FeeAsset.CRYPTO if one.instrument.asset == Asset.CRYPTO else FeeAsset.EQUITY


def _weighed(one: Holding) -> Decimal:
    """Return a quantity in contracts: a hundred shares are one, coins none."""
    return one.quantity * _WEIGHT[one.instrument.asset]


def _unlimited_last(loss: Decimal | None) -> tuple[bool, Decimal]:
    return loss is None, loss or ZERO
