"""What is known of strategies, as pages and REST tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import QuerySet

from accounts.models import User
from market.reach import Reach
from record.canonical import loads
from trading import late
from trading.ledger.book import ZERO, plain, total
from trading.models import Fill, Strategy, StrategyDecision, StrategyTrade, StrategyVersion
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
    return results_of([trade])[trade.pk]


def results_of(trades: Sequence[StrategyTrade]) -> dict[int, Decimal]:
    """Return what the fills of some trades' orders brought, asked for at once."""
    owner = {one.entry_id: one.pk for one in trades}
    for trade, exits in holding.exit_orders(trades).items():
        owner |= {one.pk: trade for one in exits}
    parts: dict[int, list[Decimal]] = {one.pk: [] for one in trades}
    rows = Fill.objects.filter(order__in=list(owner))
    for order, quantity, price, many, fee in rows.values_list(
        "order", "quantity", "price", "multiplier", "fee"
    ):
        parts[owner[order]].append(-quantity * price * many - fee)
    return {pk: total(found) for pk, found in parts.items()}


def record(strategy: Strategy) -> Record:
    """Return the record of the trades that are over and that orders of the strategy left."""
    return _records([strategy])[strategy.pk]


def _records(strategies: Sequence[Strategy]) -> dict[int, Record]:
    rows = list(
        StrategyTrade.objects.filter(
            strategy__in=strategies, ended_at__isnull=False, entered_at__isnull=False,
            end__startswith="left",
        )
    )  # fmt: skip
    brought = results_of(rows)
    found: dict[int, list[Decimal]] = {one.pk: [] for one in strategies}
    for trade in rows:
        found[trade.strategy_id].append(brought[trade.pk])
    return {
        pk: Record(len(each), sum(one > ZERO for one in each), total(each))
        for pk, each in found.items()
    }


def as_json(strategy: Strategy, reach: Reach) -> dict[str, Any]:
    """Return a strategy as REST tells it."""
    return all_json([strategy], reach)[0]


def all_json(strategies: Iterable[Strategy], reach: Reach) -> list[dict[str, Any]]:
    """Return some strategies as REST tells them, asked for at once."""
    rows = list(strategies)
    versions = StrategyVersion.objects.filter(strategy__in=rows).order_by("strategy_id", "-number")
    newest_of = {one.strategy_id: one for one in versions.distinct("strategy_id")}
    trades = StrategyTrade.objects.filter(strategy__in=rows, ended_at=None)
    working = list(trades.select_related("entry", "strategy"))
    told = zip(working, trades_json(working, reach), strict=True)
    open_of = {trade.strategy_id: body for trade, body in told}
    records, pages = _records(rows), hooks.records_of(rows)
    return [
        _json(one, newest_of[one.pk], open_of.get(one.pk), records[one.pk], pages.get(one.pk))
        for one in rows
    ]


def _json(
    strategy: Strategy,
    version: StrategyVersion,
    trade: dict[str, Any] | None,
    made: Record,
    page: str | None,
) -> dict[str, Any]:
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
        "trade": trade,
        "record": {"trades": made.trades, "won": made.won, "result": plain(made.result)},
        "page": page,
    }


def trades_json(trades: Sequence[StrategyTrade], reach: Reach) -> list[dict[str, Any]]:
    """Return trades as REST tells them; `now` and `best` are shares of what each can lose.

    While one is open they follow from quotes of now, and are null to who sees those late.
    """
    stands, brought = holding.standings(trades), results_of(trades)
    return [_trade(one, stands[one.pk], brought[one.pk], reach) for one in trades]


def _trade(
    trade: StrategyTrade, stand: holding.Standing, brought: Decimal, reach: Reach
) -> dict[str, Any]:
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
        "result": plain(brought),
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
