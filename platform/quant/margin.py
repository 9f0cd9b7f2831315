"""Margin of options by strategy, as Regulation T, FINRA Rule 4210(f)(2) and Cboe Rule 10.3 ask.

- A long option is paid in full and has no loan value: it needs nothing beyond its price.
- An uncovered short option: its value plus the greater of 20 % of the spot less what it is out of
  the money, and 10 % of the spot (call) or strike (put); 15 % for a broad index (4210(f)(2)(E)).
- A short put with a short call: the greater requirement plus the other's value (4210(f)(2)(F)).
- Spreads: longs that expire no sooner than the shorts, as many of each right. The lesser of the
  uncovered requirement and the greatest loss at any price, all worth their exercise (4210(f)(2)(H)
  as amended in 2012, Regulatory Notice 12-44): verticals, calendars, butterflies, condors alike.
- A short put is secured where its whole strike is set aside: the proceeds and the rest in cash
  (Cboe, "Margin Manual": "put secured by cash", the strike less the premium).
- Short stock: half of its value over its proceeds, 150 % with them (Regulation T, 220.12(c)), at
  least $5 a share, below $5 its value or $2.50 (4210(c)).
- Stock covers a call short, short stock a put short; stock has loan value up to the strike only.

Of several pairings the one that needs least is taken, and never more than no pairing needs. The
pairing is greedy: it may ask for more than the best one, never for less than the rules do. What
helps only at some brokers (collars, long-dated options) is not used.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy  # loads `optimize` when it is first used, for starts are to be quick

from quant.arrays import BoolLike, FloatArray, FloatLike, IntArray
from quant.margin_types import (
    LEAST_RATE,
    LEAST_SHORT,
    LEAST_SHORT_CHEAP,
    REG_T,
    Holding,
    Piece,
    Requirement,
    Rules,
)

_STOCK = -1
_MOST_UNITS = 200
"""Shorts of one side up to which straddles are paired at best: a millisecond."""
"""In place of a long option's row, where stock covers."""


def naked(
    spot: float, K: FloatLike, is_call: BoolLike, price: FloatLike, rate: float
) -> FloatArray:
    """Return the requirement of an uncovered short option, $ a unit, its value included.

    Parameters
    ----------
    spot : float
        Of the underlying.
    K, is_call, price : (n,)
        Strike, right, current value.
    rate : float
        0.20 for equities, 0.15 for a broad index, times a fund's leverage; the least, 10 %, is
        scaled alike above 0.20.
    """
    strike, call = np.asarray(K, dtype=np.float64), np.asarray(is_call, dtype=np.bool_)
    out = np.maximum(np.where(call, strike - spot, spot - strike), 0.0)
    least = LEAST_RATE * max(rate / 0.20, 1.0) * np.where(call, spot, strike)
    found: FloatArray = np.asarray(price) + np.maximum(rate * spot - out, least)
    return found


def requirement(holding: Holding, rules: Rules = REG_T) -> Requirement:
    """Return the margin of everything held in one underlying.

    Infinite where the rules do not allow it: an uncovered call in a cash account.
    """
    book = _netted(holding, rules)
    stock = _stock(holding, rules)
    alone = float(sum(book.need[i] * n for i, n in book.short.items()))
    ways = [_priced(book, cover) for cover in _pairings(book)]
    sums = [float(sum(piece.amount for piece in pieces)) for pieces in ways]
    options = min(sums)
    pieces = ways[sums.index(options)]
    parts = (Piece("stock", None, 0.0, stock), *pieces) if holding.shares else tuple(pieces)
    return Requirement(stock + options, options, stock, alone, _bare(book), parts)


def account(holdings: Mapping[str, Holding], rules: Rules = REG_T) -> dict[str, Requirement]:
    """Return the requirement by underlying; nothing is set off between them."""
    return {name: requirement(holding, rules) for name, holding in holdings.items()}


def excess(cash: float, holdings: Iterable[Holding], rules: Rules = REG_T) -> float:
    """Return the buying power that is left, $: below zero is a margin call.

    Parameters
    ----------
    cash : float
        With the proceeds of all sales in it and all purchases paid, options' too.
    """
    total = cash
    for held in holdings:
        total += held.spot * held.shares - requirement(held, rules).total
    return total


def buying_power_effect(
    held: Holding, order: Holding, rules: Rules = REG_T, *, fees: float = 0.0
) -> float:
    """Return by how much buying power changes when an order fills, $: below zero uses it up.

    Parameters
    ----------
    held, order : Holding
        Contracts and shares of the order are changes, its prices and spot those it pays.
    fees : float
        $, at least 0.
    """
    after = held.plus(order)
    stock = held.spot * order.shares
    needed = requirement(after, rules).total - requirement(held, rules).total
    return -order.paid() - fees + stock - needed


@dataclass(slots=True)
class _Book:
    """Net series of one underlying: plain numbers, since pairing is a loop over few of them."""

    strike: list[float]
    expiry: list[int]
    call: list[bool]
    value: list[float]
    """$ a contract."""
    need: list[float]
    """Of an uncovered contract, $."""
    covered: list[float]
    """Of a contract that stock covers, $."""
    short: dict[int, float]
    long: dict[int, float]
    stock: float
    """Contracts that stock can cover: of calls above zero, of puts below."""
    multiplier: float
    cash: bool
    alone: bool
    """Whether no short call stands against a short put."""


def _netted(holding: Holding, rules: Rules) -> _Book:
    """Return the series with what remains when the same are set off."""
    sums: dict[tuple[bool, int, float], float] = defaultdict(float)
    prices: dict[tuple[bool, int, float], float] = {}
    series = zip(
        holding.is_call.tolist(), holding.expiries.tolist(), holding.strikes.tolist(), strict=True
    )
    amounts = zip(holding.quantity.tolist(), holding.prices.tolist(), strict=True)
    for one, (count, price) in zip(series, amounts, strict=True):
        sums[one] += count
        # The first is what is held; an order that is added has its own limit price behind it.
        prices.setdefault(one, price)
    left = [one for one in sums if abs(sums[one]) > 1e-9]
    calls, expiries, strikes = (
        [c for c, _, _ in left],
        [e for _, e, _ in left],
        [k for _, _, k in left],
    )
    K, call_array = np.array(strikes, dtype=np.float64), np.array(calls, dtype=np.bool_)
    value = np.array([prices[one] for one in left], dtype=np.float64)
    inside = np.maximum(np.where(call_array, holding.spot - K, K - holding.spot), 0.0)
    if rules.cash:
        need = np.where(call_array, np.inf, K)
    else:
        need = naked(holding.spot, K, call_array, value, holding.rate)
        need = np.where(rules.secured & ~call_array, K, need)
    lent = np.where(call_array, 1.0 - rules.stock_long, 1.0)
    many = [sums[one] for one in left]
    return _Book(
        strike=strikes, expiry=expiries, call=calls,
        value=(holding.multiplier * value).tolist(),
        need=(holding.multiplier * need).tolist(),
        covered=(holding.multiplier * lent * inside).tolist(),
        short={i: -n for i, n in enumerate(many) if n < 0.0},
        long={i: n for i, n in enumerate(many) if n > 0.0},
        # Part of a round lot covers nothing.
        stock=float(np.trunc(holding.shares / holding.multiplier)),
        multiplier=holding.multiplier, cash=rules.cash, alone=rules.cash or rules.secured,
    )  # fmt: skip


def _stock(holding: Holding, rules: Rules) -> float:
    if not holding.shares:
        return 0.0
    if holding.shares > 0.0:
        return rules.stock_long * holding.spot * holding.shares
    return max(rules.stock_short * holding.spot, _short_least(holding.spot)) * -holding.shares


def _short_least(spot: float) -> float:
    """Return the least for a share that is short, $ over its proceeds: 4210(c)(2) and (c)(3)."""
    return LEAST_SHORT if spot >= LEAST_SHORT else max(LEAST_SHORT_CHEAP, spot)


class _Edges(NamedTuple):
    """Which long option, or stock, may cover which short one: an element for each pair."""

    saved: FloatArray
    """$ a contract against leaving it uncovered."""
    later: IntArray
    """By how many expiries the long one outlives the short one; stock outlives all."""
    short: IntArray
    long: IntArray


def _edges(book: _Book) -> _Edges:
    short, long = (np.fromiter(side, dtype=np.int64) for side in (book.short, book.long))
    call, strike = np.array(book.call, dtype=np.bool_), np.array(book.strike)
    need, covered = np.array(book.need), np.array(book.covered)
    ranks = {date: at for at, date in enumerate(sorted(set(book.expiry)))}
    rank = np.array([ranks[date] for date in book.expiry], dtype=np.int64)
    may = (call[short][:, None] == call[long]) & (rank[long] >= rank[short][:, None])
    at, to = np.nonzero(may) if not book.cash else (np.zeros(0, dtype=np.int64),) * 2
    i, j = short[at], long[to]
    width = np.where(call[i], strike[j] - strike[i], strike[i] - strike[j])
    kept = short[call[short] == (book.stock > 0.0)] if book.stock else short[:0]
    return _Edges(
        np.concatenate(
            [need[i] - book.multiplier * np.maximum(width, 0.0), need[kept] - covered[kept]]
        ),
        np.concatenate([rank[j] - rank[i], np.full(kept.size, len(ranks))]),
        np.concatenate([i, kept]),
        np.concatenate([j, np.full(kept.size, _STOCK)]),
    )


_Cover = dict[tuple[int, int], float]
"""Contracts by (short, long)."""


def _pairings(book: _Book) -> list[_Cover]:
    """Return some ways to pair: none; by what is saved; by expiry first; with all or only with
    those that save something (a butterfly's wing alone saves nothing)."""
    if not book.short or not (book.long or book.stock):
        return [{}]
    edges = _edges(book)
    if not edges.saved.size:
        return [{}]
    orders = (
        np.lexsort((edges.long, edges.short, edges.later, -edges.saved)),
        np.lexsort((edges.long, edges.short, -edges.saved, edges.later)),
    )
    useful = edges.saved > 0.0
    kept = [order[useful[order]] for order in orders]
    if not useful.all():
        kept += orders
    found: list[_Cover] = [{}]
    for order in kept:
        cover = _greedy(book, edges, order)
        if cover not in found:
            found.append(cover)
    return found


def _greedy(book: _Book, edges: _Edges, order: IntArray) -> _Cover:
    short, long = dict(book.short), dict(book.long)
    long[_STOCK] = abs(book.stock)
    cover: _Cover = {}
    for i, j in zip(edges.short[order].tolist(), edges.long[order].tolist(), strict=True):
        if (n := short[i]) > 0.0 and (m := long[j]) > 0.0:
            count = min(n, m)
            cover[i, j] = count
            short[i], long[j] = n - count, m - count
    return cover


def _bare(book: _Book) -> float:
    """Return how many short contracts stay uncovered when as many as can be are covered."""
    bare = 0.0
    for call in (True, False):
        free = owed = 0.0
        own = [i for i, right in enumerate(book.call) if right == call]
        # The last to expire first, at an expiry longs first: what is free covers all that follow.
        for i in sorted(own, key=lambda i: (-book.expiry[i], i in book.short)):
            free += book.long.get(i, 0.0) if not book.cash else 0.0
            covered = min(free, book.short.get(i, 0.0))
            owed += book.short.get(i, 0.0) - covered
            free -= covered
        stock = max(book.stock if call else -book.stock, 0.0)
        bare += max(owed - stock, 0.0)
    return bare


def _priced(book: _Book, cover: _Cover) -> list[Piece]:
    """Return what a pairing needs."""
    left = dict(book.short)
    spreads: dict[int, list[tuple[int, int, float]]] = defaultdict(list)
    by_stock: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for (i, j), count in cover.items():
        left[i] -= count
        if j == _STOCK:
            by_stock[book.expiry[i]][0] += count
            by_stock[book.expiry[i]][1] += count * book.covered[i]
        else:
            spreads[book.expiry[i]].append((i, j, count))
    pieces = [Piece("covered", date, n, amount) for date, (n, amount) in by_stock.items()]
    pieces += [_spread(book, date, pairs) for date, pairs in spreads.items()]
    alone = {i: n for i, n in left.items() if n > 1e-9}
    return pieces + _uncovered(book, alone)


def _spread(book: _Book, expiry: int, pairs: list[tuple[int, int, float]]) -> Piece:
    """Return the lesser of the greatest loss of what expires together and the naked sum.

    A long option that expires later counts with its exercise value, the least it is worth.
    """
    alone = contracts = value = worst = slope = 0.0
    bends: list[tuple[float, float]] = []
    for i, j, count in pairs:
        alone += count * book.need[i]
        contracts += count
        bends += [(book.strike[i], -count), (book.strike[j], count)]
        if not book.call[i]:
            value += count * (book.strike[j] - book.strike[i])
    # As many longs as shorts of each right: level below the lowest strike and above the highest,
    # and every option, call or put, adds its count to the slope at its strike.
    bends.sort()
    before = bends[0][0]
    for strike, count in bends:
        value += slope * (strike - before)
        worst = min(worst, value)
        slope += count
        before = strike
    return Piece("spread", expiry, contracts, min(book.multiplier * abs(worst), alone))


def _uncovered(book: _Book, alone: Mapping[int, float]) -> list[Piece]:
    """Return straddles of the shorts that are left, dearest with dearest, and the naked rest."""
    if book.alone:
        return [Piece("naked", book.expiry[i], n, n * book.need[i]) for i, n in alone.items()]
    left, pieces = dict(alone), []
    for i, j, count in _straddles(book, alone):
        more, other = (i, j) if book.need[i] >= book.need[j] else (j, i)
        date = book.expiry[i] if book.expiry[i] == book.expiry[j] else None
        pieces.append(Piece("straddle", date, count, count * (book.need[more] + book.value[other])))
        left[i] -= count
        left[j] -= count
    rest = [(i, n) for i, n in left.items() if n > 0.0]
    return pieces + [Piece("naked", book.expiry[i], n, n * book.need[i]) for i, n in rest]


def _straddles(book: _Book, alone: Mapping[int, float]) -> list[tuple[int, int, float]]:
    """Return calls and puts that stand against each other, with how many of each.

    A pair saves what the lesser of the two needs beyond its value. Up to `_MOST_UNITS` the pairs
    are those that save most; beyond, dearest stands with dearest, which is seldom far from it.
    """
    order = sorted(alone, key=lambda i: -book.need[i])
    sides = [[i for i in order if bool(book.call[i]) is call] for call in (True, False)]
    whole = all(float(n).is_integer() for n in alone.values())
    unit = float(np.gcd.reduce([int(n) for n in alone.values()])) if whole and alone else 1.0
    units = [[i for i in side for _ in range(int(alone[i] / unit))] for side in sides]
    if not whole or max(map(len, units)) > _MOST_UNITS:
        return _dearest(sides[0], sides[1], alone)
    calls, puts = (np.array(side, dtype=np.int64) for side in units)
    spare = np.asarray(book.need) - np.asarray(book.value)
    lesser = np.asarray(book.need)[calls][:, None] < np.asarray(book.need)[puts][None, :]
    saved = np.where(lesser, spare[calls][:, None], spare[puts][None, :])
    rows, columns = scipy.optimize.linear_sum_assignment(saved, maximize=True)
    counts = Counter(zip(calls[rows].tolist(), puts[columns].tolist(), strict=True))
    return [(i, j, count * unit) for (i, j), count in counts.items()]


def _dearest(
    calls: Sequence[int], puts: Sequence[int], alone: Mapping[int, float]
) -> list[tuple[int, int, float]]:
    """Return pairs of calls and puts in the order given, until one side is used up."""
    left, found = dict(alone), []
    at = to = 0
    while at < len(calls) and to < len(puts):
        i, j = calls[at], puts[to]
        count = min(left[i], left[j])
        found.append((i, j, count))
        left[i] -= count
        left[j] -= count
        at, to = at + (left[i] <= 0.0), to + (left[j] <= 0.0)
    return found
