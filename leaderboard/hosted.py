"""Strategies that run here as bots: registered by themselves, each order a server-priced trade.

What a strategy does is promised to this room in the transaction that does it, and `sync` brings
the bot up to it: versions and orders in their order, each once by its id. So a promise that is
repeated, late or told before another changes nothing. An order is reported once it is over, as one
trade of what it filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.db import transaction
from django.db.models import CharField, Exists, Max, OuterRef, Sum, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from leaderboard import reports, services
from leaderboard.claims import SPREAD, plain
from leaderboard.models import Bot, Hosted, Trade
from leaderboard.services import BotError
from market import occ
from record.canonical import loads
from trading.confirmed import PLACES, average
from trading.models import Fill, Order, PaperAccount, Strategy, StrategyVersion
from trading.orders.machine import FINAL

SOURCE: Final = "paper"
"""The source that confirms what the paper venue executed."""
PRACTICE: Final = "A replayed day is practice: it stands on no board."
MARKETS: Final = {
    PaperAccount.Market.SIMULATOR: Bot.Market.SIMULATED,
    PaperAccount.Market.LIVE: Bot.Market.REAL,
}
_PREFIX: Final = "order-"
_RIGHTS: Final = {"C": "CALL", "P": "PUT"}


@transaction.atomic
def sync(strategy_id: int) -> int:
    """Bring a strategy's bot up to its versions and orders; return how many were reported."""
    strategy = Strategy.objects.select_related("account__paper", "owner").get(pk=strategy_id)
    Hosted.objects.bulk_create([Hosted(strategy=strategy)], ignore_conflicts=True)
    hosted = Hosted.objects.select_for_update().get(strategy=strategy)
    versions = list(StrategyVersion.objects.filter(strategy=strategy).order_by("number"))
    if hosted.bot_id is None and not _registered(hosted, strategy, versions[0]):
        return 0
    try:
        return _told(hosted, versions)
    except BotError as error:  # it was delisted
        hosted.refused = str(error)[:300]
        hosted.save(update_fields=["refused"])
        return 0


def _registered(hosted: Hosted, strategy: Strategy, first: StrategyVersion) -> bool:
    """Register a strategy's bot, or note why there is none."""
    hosted.refused = ""
    if strategy.owner is None:
        hosted.refused = "Its owner is gone."
    elif strategy.account.paper.market not in MARKETS:
        hosted.refused = PRACTICE
    else:
        try:
            hosted.bot = _bot_of(strategy, first)
        except BotError as error:
            hosted.refused = str(error)[:300]
    hosted.save()
    return hosted.bot is not None


def _bot_of(strategy: Strategy, first: StrategyVersion) -> Bot:
    """Return a new bot; where its owner has another of the name, the strategy's number is added."""
    assert strategy.owner is not None  # noqa: S101 - told the type checker
    names = (strategy.name, f"{strategy.name[:40]} (strategy {strategy.pk})")
    market = MARKETS[PaperAccount.Market(strategy.account.paper.market)]
    taken = Bot.objects.filter(owner=strategy.owner, name__iexact=names[0]).exists()
    bot, _ = services.register(
        strategy.owner, name=names[taken], config=loads(first.text),
        market=market.value, kind=Bot.Kind.HOSTED.value,
    )  # fmt: skip
    return bot


def _told(hosted: Hosted, versions: list[StrategyVersion]) -> int:
    """Report the orders of each version under its configuration, in order."""
    assert hosted.bot is not None  # noqa: S101 - told the type checker
    known = services.newest(hosted.bot).number
    count = _reported(hosted, known)
    for version in versions:
        if version.number > known:
            services.configure(hosted.bot.pk, config=loads(version.text), hosted=True)
            count += _reported(hosted, version.number)
    return count


def _reported(hosted: Hosted, version: int) -> int:
    """Report the orders of versions up to one that are over and not reported; return how many."""
    assert hosted.bot_id is not None  # noqa: S101 - told the type checker
    count = 0
    while found := _orders(hosted, version):
        for row in reports.report(hosted.bot_id, [body(one) for one in found], hosted=True):
            if row.status not in (reports.STORED, reports.REPEATED):
                raise HostedReportError(f"{row.client_trade_id}: {row.status} {row.faults}")
        count += len(found)
    return count


def _orders(hosted: Hosted, version: int) -> list[Order]:
    """Return the next orders to report: filled, over, and none while one before it is open."""
    strategy = hosted.strategy
    rows = Order.objects.filter(account_id=strategy.account_id, origin=strategy.origin)
    first = rows.exclude(state__in=sorted(FINAL)).order_by("pk").first()
    if first is not None:
        rows = rows.filter(pk__lt=first.pk)
    told = Trade.objects.filter(
        bot=hosted.bot_id,
        client_trade_id=Concat(Value(_PREFIX), Cast(OuterRef("pk"), CharField())),
    )
    rows = rows.filter(
        ~Exists(told), filled_quantity__gt=0, of_strategy__version__number__lte=version
    )
    return list(rows.order_by("pk")[: reports.MOST_ROWS])


class HostedReportError(RuntimeError):
    """A report of ours was not taken: a fault of this house, kept where an operator sees it."""


def body(order: Order) -> dict[str, Any]:
    """Return an order that is over as a bot reports a trade: what each leg filled, on average."""
    fills = Fill.objects.filter(order=order).aggregate(at=Max("at"), fee=Sum("fee"))
    legs = [
        {
            "action": f"{'BUY' if leg.ratio > 0 else 'SELL'}{_right(leg.symbol)}",
            "symbol": leg.symbol,
            "quantity": plain(leg.filled),
            "price": plain(average(leg)),
        }
        for leg in order.legs.order_by("number")
        if leg.filled
    ]
    trade = legs[0] if len(legs) == 1 else {"action": SPREAD, "legs": legs}
    return {
        **trade,
        "client_trade_id": f"{_PREFIX}{order.pk}",
        "fee": plain(fills["fee"].quantize(PLACES)),
        "executed_at": fills["at"].isoformat(),
        "execution": {"source": SOURCE, "reference": str(order.pk)},
    }


def _right(symbol: str) -> str:
    try:
        return f"_{_RIGHTS[occ.parse(symbol).right]}"
    except occ.OccError:
        return ""


def pages_of(strategies: Sequence[Strategy]) -> dict[int, str]:
    """Return the addresses of the bots of strategies, by strategy; some have none yet."""
    rows = Hosted.objects.filter(strategy__in=strategies, bot__isnull=False)
    found = rows.values_list("strategy", "bot")
    return {pk: reverse("bots:bot", args=[bot]) for pk, bot in found}


def why_none(strategy: Strategy) -> str:
    """Return in words why a strategy is on no board; empty when it is, or soon will be."""
    found = Hosted.objects.filter(strategy=strategy).first()
    return "" if found is None else found.refused


def sync_order(order_id: int) -> int:
    """Bring the bot of an order's strategy up to it; return how many orders were reported."""
    origin = Order.objects.values_list("origin", flat=True).get(pk=order_id)
    return sync(int(origin.partition(":")[2]))
