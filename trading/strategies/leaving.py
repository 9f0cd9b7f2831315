"""A trade that is open, looked at on a new row: its entry's rest, its result, its exit's orders."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Min

from trading.ledger.book import total
from trading.models import Fill, Order, Strategy, StrategyDecision, StrategyTrade
from trading.orders import services as orders
from trading.orders import ticks
from trading.orders.intents import Intent, Leg
from trading.strategies import asking, seeing
from trading.strategies import course as courses
from trading.strategies.config import Config
from trading.strategies.exits import HardExits
from trading.strategies.holding import Standing, standing
from trading.strategies.seeing import Minute
from trading.strategies.services import State, pause

Kind = StrategyDecision.Kind


@dataclass(slots=True)
class Came:
    """What comes of a row for an open trade."""

    kind: str
    reasons: tuple[str, ...]
    seen: dict[str, Any] = field(default_factory=dict)
    taken: bool = False
    order: int | None = None


def attend(strategy: Strategy, trade: StrategyTrade, minute: Minute, made: Config) -> Came:
    """Return what is done about an open trade at a row, done."""
    stand = standing(trade)
    if stand.bought and trade.entered_at is None:
        first = Fill.objects.filter(order=trade.entry).aggregate(at=Min("at"))["at"]
        trade.entered_at = min(first, minute.at)
    came = _attended(strategy, trade, minute, made, stand)
    trade.save()
    return came


def _attended(
    strategy: Strategy, trade: StrategyTrade, minute: Minute, made: Config, stand: Standing
) -> Came:
    if not stand.bought:
        return _entering(trade, minute, made, stand)
    if stand.held == 0 and stand.over and stand.exit is None:
        return _ended(strategy, trade, minute, stand)
    now = _result(trade, minute)
    trade.best, trade.now = max(trade.best, now or 0.0), now
    closes = min(minute.closes, seeing.last_trade([symbol for symbol, _, _ in trade.legs]))
    told = courses.course(
        now, trade.best, entered=trade.entered_at or minute.at, at=minute.at, closes=closes
    )
    seen = {"result": now, "best": trade.best, "held": str(stand.held),
            "legs": _quotes(trade, minute)}  # fmt: skip
    asked = HardExits(made.exit).leave(told)
    rule, reasons = trade.rule or asked.rule, asked.reasons
    if strategy.state == State.ENDED and not rule:
        rule, reasons = "ended by its owner", ("The strategy was ended, so its trade is left.",)
    if not rule:
        _cancel_late(trade, minute, made, stand)
        return Came(Kind.HOLD, reasons, seen)
    if not trade.rule:
        trade.rule = rule
    if not stand.over:
        orders.cancel(trade.entry.account_id, trade.entry_id, actor=_actor(strategy))
    if stand.exit is not None:
        return _waiting(strategy, minute, made, stand.exit, seen)
    if stand.held == 0:
        return Came(Kind.WAIT, ("What is left of the entry's order is being cancelled.",), seen)
    return _leave(strategy, trade, minute, stand, Came(Kind.LEAVE, reasons, seen))


def _entering(trade: StrategyTrade, minute: Minute, made: Config, stand: Standing) -> Came:
    """Return what is done about an entry that has no fill yet."""
    if stand.over:
        trade.ended_at = minute.at
        trade.end = f"not entered: its order was {trade.entry.state} {trade.entry.reason}"[:200]
        return Came(Kind.END, (f"The entry's order was {trade.entry.state} without a fill.",))
    if _cancel_late(trade, minute, made, stand):
        return Came(Kind.WAIT, (f"No fill in {made.pace.patience:g} minutes: it is cancelled.",))
    return Came(Kind.WAIT, ("The entry's order has no fill yet.",))


def _cancel_late(trade: StrategyTrade, minute: Minute, made: Config, stand: Standing) -> bool:
    """Cancel the rest of an entry's order that is older than the strategy's patience."""
    late = minute.at - trade.asked_at >= dt.timedelta(minutes=made.pace.patience)
    if stand.over or not late:
        return False
    orders.cancel(trade.entry.account_id, trade.entry_id, actor=f"strategy {trade.strategy_id}")
    return True


def _ended(strategy: Strategy, trade: StrategyTrade, minute: Minute, stand: Standing) -> Came:
    trade.ended_at = minute.at
    if not stand.elsewhere:
        trade.end = f"left: {trade.rule}"
        return Came(Kind.END, (f"All of it is left: {trade.rule}.",))
    trade.end = "ended without an order of its own: expiry, assignment, a sweep or by hand"
    text = (f"{stand.elsewhere.normalize():f} units ended without an order of the strategy; "
            "it is paused until somebody has looked.")  # fmt: skip
    if strategy.state == State.RUNNING:
        pause(strategy.pk, actor=_actor(strategy), reason=trade.end)
    return Came(Kind.END, (text,))


def _result(trade: StrategyTrade, minute: Minute) -> float | None:
    """Return a trade's result at a row, as a share of what it can lose."""
    legs = list(trade.entry.legs.order_by("number"))
    if not all(leg.filled for leg in legs):
        return None
    paid = float(total(leg.ratio * leg.value / leg.filled for leg in legs))
    risk = float(trade.loss) / float(legs[0].multiplier)
    return courses.result(paid, risk, minute.marked(trade.legs))


def _quotes(trade: StrategyTrade, minute: Minute) -> list[dict[str, Any]]:
    found = zip(trade.legs, minute.marked(trade.legs), strict=True)
    return [
        {"symbol": symbol, "ratio": ratio, "bid": _number(bid), "ask": _number(ask)}
        for (symbol, ratio, _), (_, bid, ask) in found
    ]


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - NaN alone differs from itself


def _waiting(
    strategy: Strategy, minute: Minute, made: Config, working: Order, seen: dict[str, Any]
) -> Came:
    """Return what is done about an exit's order that works: one that is late is cancelled."""
    asked = StrategyDecision.objects.get(order=working)
    if minute.at - asked.at < dt.timedelta(minutes=made.pace.patience):
        return Came(Kind.WAIT, ("The exit's order works.",), seen)
    orders.cancel(working.account_id, working.pk, actor=_actor(strategy))
    text = "The exit's order is not filled yet: it is cancelled and asked for again at the quotes."
    return Came(Kind.WAIT, (text,), seen)


def _leave(
    strategy: Strategy, trade: StrategyTrade, minute: Minute, stand: Standing, came: Came
) -> Came:
    """Place an order for what is held; what cannot be now is tried again on the next row."""
    turned = [(symbol, -ratio, many) for symbol, ratio, many in trade.legs]
    price = courses.exit_limit(minute.marked(turned))
    came.reasons = (f"Leave: {trade.rule}.", *came.reasons)
    why = asking.not_yet(strategy, closing=True)
    if price is None:
        why = "A leg has no quote, so no price follows; it is tried again."
    if price is None or why:
        came.reasons = (why, *came.reasons)
        return came
    legs = tuple(Leg(symbol, ratio, Decimal(many)) for symbol, ratio, many in turned)
    intent = Intent(
        f"{strategy.origin}:{minute.row}:leave", legs, stand.held,
        limit_price=ticks.no_worse(legs, price), origin=strategy.origin,
    )  # fmt: skip
    placed = orders.place(strategy.account_id, intent, actor=_actor(strategy))
    came.order, came.taken = placed.order.pk, placed.decision.allowed
    if not placed.decision.allowed:
        came.reasons = (f"The risk gate refused it: {placed.decision.text}", *came.reasons)
    return came


def _actor(strategy: Strategy) -> str:
    return f"strategy {strategy.pk}"
