"""The gate a second time: slow, in plain Decimal, from the words of docs/risk.md alone.

It knows one expiry of each underlying and shares that stand alone or cover calls one for one; the
generator of `test_oracle.py` makes nothing else. Nothing of `trading.risk` but the facts is used.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import ROUND_CEILING, ROUND_UP, Decimal

from trading.risk.facts import Facts, Holding

D = Decimal
CENT = D("0.01")
MICRO = {"SPY", "QQQ", "IWM", "XSP"}
SMALL = MICRO | {"SPX", "SPXW", "NDX", "RUT", "DIA", "GLD", "TLT"}


def worst(parts: Iterable[Holding], cost: Decimal, spot: Decimal) -> Decimal | None:
    """The most that is lost: try every price at which anything bends, and one far out."""
    parts = list(parts)
    points = [D(0), spot * D("0.8"), spot * D("1.2")]
    points += [one.instrument.option.strike for one in parts if one.instrument.option]
    far = 100 * max(points) + 1_000

    def pays(price: Decimal) -> Decimal:
        value = D(0)
        for one in parts:
            many, option = one.quantity * one.instrument.multiplier, one.instrument.option
            if option is None and many > 0:
                value += many * max(price, spot * D("0.8"))
            elif option is None:
                value += many * min(price, spot * D("1.2"))
            elif option.is_call:
                value += many * max(price - option.strike, D(0))
            else:
                value += many * max(option.strike - price, D(0))
        return value

    if pays(2 * far) < pays(far):
        return None
    return cost - min(map(pays, points))


def bares(parts: Iterable[Holding]) -> tuple[Decimal, Decimal]:
    """Units of short calls and puts that neither longs of their right nor shares cover."""
    calls = puts = shares = D(0)
    for one in parts:
        many, option = one.quantity * one.instrument.multiplier, one.instrument.option
        if option is None:
            shares += many
        elif option.is_call:
            calls -= many
        else:
            puts -= many
    return max(calls - max(shares, D(0)), D(0)), max(puts - max(-shares, D(0)), D(0))


def bare(parts: Iterable[Holding]) -> Decimal:
    """Both together."""
    return sum(bares(parts))


def barest(held: list[Holding], orders: list[list[list[Holding]]], what=bare) -> Decimal:
    """The most that is uncovered: try every choice of what fills."""
    if not orders:
        return what(held)
    return max(barest([*held, *way], orders[1:], what) for way in ([], *orders[0]))


class Order:
    """What the oracle knows of one order."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.moves = [Holding(leg.instrument, leg.quantity, leg.quote) for leg in facts.legs]
        self.held = list(facts.positions)
        self.ground = facts.grounds["SPY"]
        self.spot = self.ground.spot
        self.scale = max(leg.instrument.multiplier for leg in facts.legs)
        self.mid = self.net(lambda one: (one.quote.bid + one.quote.ask) / 2)
        self.natural = self.net(lambda one: one.quote.ask if one.quantity > 0 else one.quote.bid)
        price = facts.intent.limit_price
        self.limit = -price if len(facts.legs) == 1 and facts.legs[0].ratio < 0 else price
        self.cost = self.limit * self.scale * facts.intent.quantity
        self.reducing = self.lowers()

    def net(self, price) -> Decimal:
        whole = sum(one.quantity * one.instrument.multiplier * price(one) for one in self.moves)
        return whole / self.scale / self.facts.intent.quantity

    def lowers(self) -> bool:
        if not all(leg.closing for leg in self.facts.legs):
            return False
        if bare([*self.held, *self.moves]) > bare(self.held):
            return False
        shares = sum(one.quantity for one in self.held if one.instrument.option is None)
        rest = shares + sum(one.quantity for one in self.moves if one.instrument.option is None)
        then = worst(self.held, shares * self.spot, self.spot)
        now = worst([*self.held, *self.moves], rest * self.spot, self.spot)
        if now is None:
            return then is None
        return then is None or now <= max(then, D(0))

    def fees(self) -> Decimal:
        """On 2026-11-20: OCC, ORF, CAT; of sales FINRA's and SEC's too."""
        total = D(0)
        for one in self.moves:
            many, price = abs(one.quantity), (one.quote.bid + one.quote.ask) / 2
            units = many * one.instrument.multiplier
            total += D("0.0000265") * units
            if one.instrument.option is not None:
                total += (D("0.025") + D("0.02815")) * many
            if one.quantity < 0:
                total += D("20.60") / 1_000_000 * units * price
                total += (
                    min(D("0.000195") * many, D("9.79")) if one.instrument.option is None
                    else D("0.00329") * many
                )  # fmt: skip
        return total.quantize(CENT, ROUND_CEILING)

    def stock_rate(self) -> Decimal:
        return D("0.5") if self.facts.credit > 0 else D(1)

    def required(self, parts: list[Holding]) -> Decimal:
        """Regulation T of what is covered: its worst, or what the shorts need alone."""
        options = [one for one in parts if one.instrument.option is not None]
        netted: Counter = Counter()
        quotes = {}
        for one in options:
            netted[one.instrument] += one.quantity
            quotes.setdefault(one.instrument, (one.quote.bid + one.quote.ask) / 2)
        shares = sum(one.quantity for one in parts if one.instrument.option is None)
        rate = self.stock_rate()
        stock = abs(shares) * self.spot * (rate if shares > 0 else D("0.5"))
        need = D(0)
        shorts = {one: many for one, many in netted.items() if many < 0}
        for one, many in shorts.items():
            strike, call = one.option.strike, one.option.is_call
            out = max(strike - self.spot if call else self.spot - strike, D(0))
            least = D("0.1") * (self.spot if call else strike)
            alone = quotes[one] + max(D("0.2") * self.spot - out, least)
            need -= many * 100 * (alone if call else strike)
        if not shorts:
            return stock
        if shares:  # calls over shares: nothing but what is lent on what is beyond their strike
            inside = sum(
                -many * 100 * max(self.spot - one.option.strike, D(0)) * (1 - rate)
                for one, many in shorts.items()
            )
            return stock + inside
        left = [Holding(one, many, None) for one, many in netted.items() if many]
        spread = worst(left, D(0), self.spot)
        return min(need, max(spread, D(0)))

    def power(self, after: bool, maintenance: bool = False) -> Decimal:
        parts = [*self.held, *(self.moves if after else [])]
        cash = self.facts.cash - (self.cost + self.fees() if after else 0)
        shares = sum(one.quantity for one in parts if one.instrument.option is None)
        need = self.required(parts)
        if maintenance and shares > 0:
            need -= (self.stock_rate() - D("0.25")) * shares * self.spot
        if maintenance and shares < 0:
            need += D("0.2") * shares * self.spot
        need = need.quantize(CENT, ROUND_CEILING)
        rest = cash + shares * self.spot - need
        return rest if maintenance else rest - sum(one.hold for one in self.facts.pending)

    def hold(self) -> Decimal:
        if self.reducing:
            return max(self.cost + self.fees(), D(0)).quantize(CENT, ROUND_UP)
        return max(self.power(False) - self.power(True), D(0)).quantize(CENT, ROUND_UP)

    def marked(self, parts: Iterable[Holding]) -> Decimal:
        return sum(
            (one.quantity * one.instrument.multiplier
             * (self.spot if one.instrument.option is None
                else (one.quote.bid + one.quote.ask) / 2) for one in parts),
            D(0),
        )  # fmt: skip


def refusals(facts: Facts) -> Iterator[str]:
    """The names of the rules that refuse, in their order."""
    order = Order(facts)
    free = order.reducing
    yield from _account(facts, free)
    yield from _market(facts, order, free)
    yield from _prices(facts, order, free)
    if not free:
        yield from _size(facts, order)
    yield from _rates(facts, free)
    yield from _money(facts, order, free)
    if not free:
        yield from _book(facts, order)
    yield from _losses(facts, free)


def _account(facts: Facts, free: bool) -> Iterator[str]:
    account = facts.account
    if account.live and account.plan != "pro_plus":
        yield "plan"
    if account.live and not (account.live_enabled and account.opted_in):
        yield "opt in"
    if not (account.state == "live" or (account.state == "reducing" and free)):
        yield "account state"
    if any(one.state != "reducing" or not free for one in facts.stops):
        yield "switches"
    for one in facts.breakers:
        tried = one.state == "half-open" and (free or not facts.positions)
        if not (tried or (one.state == "reducing" and free)):
            yield "breakers"
            break
    if facts.objection:
        yield "broker"
    if free:
        return
    allowed = {"micro": MICRO, "small": SMALL}.get(facts.size.name)
    if allowed is not None and "SPY" not in allowed:
        yield "symbol"
    if not _known(facts):
        yield "structure"
    short = [leg for leg in facts.legs if not leg.closing and leg.ratio < 0
             and leg.instrument.option is None]  # fmt: skip
    if short and (facts.credit == 0 or account.broker != "paper"):
        yield "short sale"


def _known(facts: Facts) -> bool:
    """Whether accounts of this size open it: counted by legs, as the generator makes them."""
    legs = [leg for leg in facts.legs if not leg.closing]
    rights = Counter(leg.instrument.option and leg.instrument.option.is_call for leg in legs)
    size = facts.size.name
    if not legs:
        return True
    if None in rights:
        return len(legs) == 1 and (legs[0].ratio > 0 or size not in ("micro", "small"))
    if len(legs) == 1:
        moves = [Holding(leg.instrument, leg.quantity, None) for leg in facts.legs]
        if bares([*facts.positions, *moves])[1] > bares(facts.positions)[1]:
            return size not in ("micro", "small")
        return legs[0].ratio > 0 or size != "micro"
    return _pair(legs, rights, size) if len(legs) == 2 else size != "micro"


def _pair(legs: list, rights: Counter, size: str) -> bool:
    if len(rights) == 2:
        return all(leg.ratio > 0 for leg in legs) and size not in ("micro", "small")
    low, high = sorted(legs, key=lambda leg: leg.instrument.option.strike)
    if low.ratio + high.ratio:
        return False
    debit = (low.ratio > 0) == low.instrument.option.is_call
    return debit or size != "micro"


def _market(facts: Facts, order: Order, free: bool) -> Iterator[str]:
    ground = order.ground
    opened, closes = ground.session
    if ground.state != "on" or ground.now < opened or ground.now >= closes:
        yield "session"
    if any(leg.listed != leg.instrument.multiplier for leg in facts.legs):
        yield "contract"
    options = [leg for leg in facts.legs if leg.instrument.option is not None]
    if any(ground.now >= leg.instrument.option.last_trade for leg in options):
        yield "last trade"
    today = ground.now.date()  # the generator's clocks stay within one day on both sides
    cut = min(dt.datetime.combine(today, dt.time(20), dt.UTC), closes - dt.timedelta(hours=1))
    ending = [leg for leg in options if leg.instrument.option.expiry == today]
    if not free and ground.now >= cut and any(not leg.closing for leg in ending):
        yield "last hour"
    yield from _ages(facts, order, free)
    for quote in [*(leg.quote for leg in facts.legs), ground.quote]:
        if quote.bid >= quote.ask or quote.bid < 0 or (quote.bid == 0 and not free):
            yield "quote"
            break
    if not free:
        for leg in facts.legs:
            bid, ask = leg.quote.bid, leg.quote.ask
            if ask - bid > D("0.10") and ask - bid > (ask + bid) / 8:
                yield "width"
                break


def _ages(facts: Facts, order: Order, free: bool) -> Iterator[str]:
    ground = order.ground
    options = [leg for leg in facts.legs if leg.instrument.option is not None]
    old = max((D(str(leg.quote.age)) for leg in options), default=D(-9))
    if old > (30 if free else 5):
        yield "quote age"
    if D(str(ground.quote.age)) > (30 if free else 2):
        yield "underlying age"
    if options and D(str(ground.chain_age)) > 60:
        yield "chain age"
    if min(D(str(leg.quote.age)) for leg in facts.legs) < -1 or D(str(ground.quote.age)) < -1:
        yield "future"


def _prices(facts: Facts, order: Order, free: bool) -> Iterator[str]:
    for leg in facts.legs:
        option, price = leg.instrument.option, facts.intent.limit_price
        if option is None:
            continue
        inside = order.spot - option.strike if option.is_call else option.strike - order.spot
        least = max(inside, D(0)) - CENT
        most = order.spot if option.is_call else option.strike
        lone = len(facts.legs) == 1
        if (
            leg.quote.ask < least or leg.quote.bid > most
            or (lone and leg.ratio < 0 and price < least)
            or (lone and leg.ratio > 0 and price > most)
        ):  # fmt: skip
            yield "sanity"
            break
    old = any(D(str(leg.quote.age)) > 5 for leg in facts.legs)
    share = D("0.05") if free and old else D("0.1")
    if order.limit - order.mid > max(share * abs(order.mid), CENT * 3 * len(facts.legs)):
        yield "collar"
    if order.limit - order.natural > max(abs(order.natural) / 20, D("0.05")):
        yield "through"


def _contracts(one: Holding) -> Decimal:
    return abs(one.quantity) / (100 if one.instrument.option is None else 1)


def _size(facts: Facts, order: Order) -> Iterator[str]:
    limits = facts.limits
    if any(_contracts(one) > limits.contracts for one in order.moves):
        yield "order size"
    worth = sum(
        abs(one.quantity) * one.instrument.multiplier * (one.quote.bid + one.quote.ask) / 2
        for one in order.moves
    )
    if facts.median is not None and worth > limits.notional * facts.median:
        yield "notional"
    opening = [leg for leg in facts.legs if not leg.closing]
    options = [leg for leg in opening if leg.instrument.option is not None]
    if any(abs(leg.quantity) > limits.interest * leg.quote.interest for leg in options):
        yield "open interest"
    for leg in options:
        shown = leg.quote.ask_size if leg.ratio > 0 else leg.quote.bid_size
        if abs(leg.quantity) > limits.displayed * shown:
            yield "displayed size"
            break


def _rates(facts: Facts, free: bool) -> Iterator[str]:
    counts, limits = facts.counts, facts.limits
    if counts.second >= limits.orders_a_second:
        yield "orders a second"
    if counts.minute >= limits.orders_a_minute:
        yield "orders a minute"
    if not free and counts.day >= limits.orders_a_day:
        yield "orders a day"
    if counts.same >= limits.repeats:
        yield "duplicate"
    if not free and facts.intent.origin != "user":
        if counts.openings >= facts.size.trades_a_day:
            yield "openings a day"
        since = counts.since_opening
        if since is not None and since < facts.size.seconds_between:
            yield "seconds between openings"
    if not free and counts.refusals >= limits.refusals:
        yield "broker refusals"


def _money(facts: Facts, order: Order, free: bool) -> Iterator[str]:
    others = [[list(way.moves) for way in one.outcomes] for one in facts.pending]
    before, found = (barest(order.held, part) for part in (others, [*others, [order.moves]]))
    over_cash = not free and facts.size.name not in ("micro", "small")
    if over_cash:
        whole = [*others, [order.moves]]
        found = barest(order.held, whole, lambda parts: bares(parts)[0])
    if found > (before if free else 0):
        yield "uncovered"
    if free:
        return
    strikes = _strikes(facts, order, others) if over_cash else 0
    if strikes and strikes > _cash(facts, order):
        yield "cash secured"
    yield from _lost(facts, order)
    yield from _today(facts, order)
    yield from _paid(facts, order)


def _strikes(facts: Facts, order: Order, others: list) -> Decimal:
    """The dearest strikes of as many puts as may be bare."""
    left = barest(order.held, [*others, [order.moves]], lambda parts: bares(parts)[1])
    moves = [*order.held, *order.moves]
    moves += [move for ways in others for way in ways for move in way]
    strikes = sorted(
        (one.instrument.option.strike for one in moves
         if one.quantity < 0 and one.instrument.option and not one.instrument.option.is_call
         for _ in range(int(-one.quantity))), reverse=True)  # fmt: skip
    return 100 * sum(strikes[: int(left / 100)], D(0))


def _cash(facts: Facts, order: Order) -> Decimal:
    dear = sum(max([D(0), *(way.cost for way in one.outcomes)]) for one in facts.pending)
    return facts.cash - order.cost - order.fees() - dear


def _lost(facts: Facts, order: Order) -> Iterator[str]:
    equity, limits = facts.equity, facts.limits
    alone = worst(order.moves, order.cost, order.spot)
    if alone is None or max(alone, D(0)) + order.fees() > limits.order_loss * equity:
        yield "order loss"
    whole = worst([*order.held, *order.moves], order.marked(order.held) + order.cost, order.spot)
    for one in facts.pending:
        if one.closing:
            continue
        ways = [worst(way.moves, way.cost, order.spot) for way in one.outcomes]
        if None in ways or whole is None:
            whole = None
            continue
        whole = max(whole, D(0)) + max([D(0), *ways])
    if whole is None or max(whole, D(0)) > limits.open_loss * equity:
        yield "open loss"
    if whole is None or whole > limits.underlying_loss * equity:
        yield "underlying loss"


def _paid(facts: Facts, order: Order) -> Iterator[str]:
    equity = facts.equity
    if order.power(True) < 0:
        yield "buying power"
    if facts.day_rule == "intraday_margin" and order.power(True, maintenance=True) < 0:
        yield "day trading"
    if facts.day_rule == "legacy_pdt" and facts.day_trades >= 3 and equity < 25_000:
        yield "day trading"


def _today(facts: Facts, order: Order) -> Iterator[str]:
    today = order.ground.now.date()

    def ends(parts: Iterable[Holding]) -> list[Holding]:
        return [
            one
            for one in parts
            if one.instrument.option is not None and one.instrument.option.expiry == today
        ]

    if not ends(one for one, leg in zip(order.moves, facts.legs, strict=True) if not leg.closing):
        return
    total = D(0)
    piles = [[*order.held, *order.moves]]
    piles += [list(one.outcomes[0].moves) for one in facts.pending if not one.closing]
    for pile in piles:
        mine = ends(pile)
        lost = worst(mine, order.marked(mine), order.spot)
        if lost is None:
            yield "loss today"
            return
        total += max(lost, D(0))
    if total > facts.limits.today_loss * facts.equity:
        yield "loss today"


def _book(facts: Facts, order: Order) -> Iterator[str]:
    open_: Counter = Counter()
    for one in [*order.held, *order.moves]:
        open_[one.instrument] += one.quantity / (100 if one.instrument.option is None else 1)
    many = sum(abs(one) for one in open_.values())
    for one in facts.pending:
        if not one.closing:
            many += sum(_contracts(move) for move in one.outcomes[0].moves)
    if many > facts.limits.held:
        yield "position"
    for name in ("delta", "gamma", "vega", "theta"):
        base = getattr(facts.greeks_held, name) + getattr(facts.greeks_order, name)
        high = low = base
        for ways in facts.greeks_pending:
            each = [getattr(way, name) for way in ways]
            high, low = high + max([D(0), *each]), low + min([D(0), *each])
        if max(high, -low) > getattr(facts.limits, name) * facts.equity:
            yield name


def _losses(facts: Facts, free: bool) -> Iterator[str]:
    if free:
        return
    day, limits = facts.day, facts.limits
    lost = max(-day.profit, D(0))
    if lost >= limits.reduce_loss * day.first:
        yield "daily loss"
    if lost >= limits.halt_loss * day.first:
        yield "halting loss"
    if day.fall >= limits.drawdown:
        yield "drawdown"
    ground = facts.grounds["SPY"]
    for kind, before, after in [("earnings", 86_400, 3_600), ("macro", 900, 300)]:
        for event in ground.events:
            away = (event.at - ground.now).total_seconds()
            if event.kind == kind and -after < away <= before:
                yield kind
                break
    options = any(leg.instrument.option is not None for leg in facts.legs)
    if abs(ground.jump) > D("0.03") or (options and ground.quoted < D("0.5")):
        yield "anomaly"
