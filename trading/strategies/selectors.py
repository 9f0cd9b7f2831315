"""What is known of strategies, as pages and REST tell it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import QuerySet

from accounts.models import User
from market.reach import Reach
from record.canonical import loads
from trading import late
from trading.ledger.book import ZERO, plain, total
from trading.models import Fill, Order, Strategy, StrategyDecision, StrategyTrade
from trading.strategies import config, holding, hooks
from trading.strategies.config import Config
from trading.strategies.services import newest


class Record(NamedTuple):
    """What a strategy's trades that are over brought, $ after fees."""

    trades: int
    won: int
    result: Decimal


def own(user: User) -> QuerySet[Strategy]:
    """Return a person's strategies, the newest first."""
    return Strategy.objects.filter(owner=user).select_related("account")


def config_of(strategy: Strategy) -> Config:
    """Return the configuration that a strategy runs with."""
    return config.read(loads(newest(strategy).text))


def decisions(strategy: Strategy, *, taken: bool | None = None) -> QuerySet[StrategyDecision]:
    """Return what a strategy decided, the newest first; those alone that were taken, or not."""
    rows = StrategyDecision.objects.filter(strategy=strategy).select_related(
        "order__decision", "version", "trade"
    )
    return rows if taken is None else rows.filter(taken=taken)


def ended(strategy: Strategy) -> QuerySet[StrategyTrade]:
    """Return the trades of a strategy that are over, the newest first."""
    rows = StrategyTrade.objects.filter(strategy=strategy, ended_at__isnull=False)
    return rows.select_related("entry", "strategy")


def result_of(trade: StrategyTrade) -> Decimal:
    """Return what the fills of a trade's orders brought, $ after fees."""
    return _brought(_orders(trade))


def _orders(trade: StrategyTrade) -> list[Order]:
    return [trade.entry, *holding.exit_orders(trade)]


def _brought(orders: list[Order]) -> Decimal:
    rows = Fill.objects.filter(order__in=orders)
    return total(
        -quantity * price * many - fee
        for quantity, price, many, fee in rows.values_list("quantity", "price", "multiplier", "fee")
    )


def record(strategy: Strategy) -> Record:
    """Return the record of the trades that are over and that orders of the strategy left."""
    rows = StrategyTrade.objects.filter(
        strategy=strategy, ended_at__isnull=False, entered_at__isnull=False, end__startswith="left"
    )
    results = [result_of(trade) for trade in rows.select_related("entry")]
    return Record(len(results), sum(one > ZERO for one in results), total(results))


def as_json(strategy: Strategy, reach: Reach) -> dict[str, Any]:
    """Return a strategy as REST tells it."""
    version, trade = newest(strategy), _open(strategy)
    made = record(strategy)
    return {
        "id": strategy.pk,
        "name": strategy.name,
        "account": strategy.account_id,
        "state": strategy.state,
        "reason": strategy.reason,
        "since": strategy.since.isoformat(),
        "version": version.number,
        "config_hash": version.config_hash,
        "config": loads(version.text),
        "trade": None if trade is None else trade_json(trade, reach),
        "record": {"trades": made.trades, "won": made.won, "result": plain(made.result)},
        "page": hooks.record_of(strategy),
    }


def _open(strategy: Strategy) -> StrategyTrade | None:
    rows = StrategyTrade.objects.filter(strategy=strategy, ended_at=None)
    return rows.select_related("entry", "strategy").first()


def trade_json(trade: StrategyTrade, reach: Reach) -> dict[str, Any]:
    """Return a trade as REST tells it; `now` and `best` are shares of what it can lose.

    While it is open they follow from quotes of now, and are null to who sees those late.
    """
    stand = holding.standing(trade)
    marked = trade.ended_at is not None or not late.held(None, reach)
    return {
        "number": trade.number,
        "reading": trade.reading,
        "kind": trade.kind,
        "legs": [{"symbol": symbol, "ratio": ratio} for symbol, ratio, _ in trade.legs],
        "units": plain(stand.bought),
        "held": plain(stand.held),
        "now": trade.now if marked else None,
        "best": trade.best if marked else None,
        "entered_at": None if trade.entered_at is None else trade.entered_at.isoformat(),
        "ended_at": None if trade.ended_at is None else trade.ended_at.isoformat(),
        "rule": trade.rule,
        "end": trade.end,
        "result": plain(result_of(trade)),
    }


def decision_json(one: StrategyDecision, reach: Reach) -> dict[str, Any]:
    """Return a decision as REST tells it, with what the gate said of its order.

    What it saw are quotes of its row: who sees those late has them late.
    """
    gate = None
    if one.order is not None:
        said = one.order.decision
        gate = {"allowed": said.allowed, "rule": said.rule, "text": said.text,
                "value": said.value, "limit": said.limit}  # fmt: skip
        gate = late.decision(gate, said.at, reach)
    return {
        "id": one.pk,
        "at": one.at.isoformat(),
        "kind": one.kind,
        "taken": one.taken,
        "reasons": [late.words(text, one.made_at, reach) for text in one.reasons],
        "seen": None if late.held(one.made_at, reach) else one.seen,
        "version": one.version.number,
        "trade": None if one.trade is None else one.trade.number,
        "order": one.order_id,
        "gate": gate,
    }
