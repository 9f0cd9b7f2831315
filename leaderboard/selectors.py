"""Reads of bots. What is private stays out here, so no page and no interface can forget it."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from leaderboard import configs, services
from leaderboard.claims import fee_counted, leg_of, plain
from leaderboard.models import Bot, ConfigVersion, Heartbeat, Trade
from leaderboard.performance import Performance, Traded, performance_of
from leaderboard.ranking.prices import Prices
from market.payloads import Payload, moment
from market.reach import Reach
from pulse.sheets import Echo, safe_cell

CURVE_POINTS: Final = 400
MOST_TRADES: Final = 50_000
"""Trades of one entry beyond which its newest are left out of the figures of a page."""
KEPT_S: Final = 60
HELD: Final = "The quotes it was held against are told {} minutes after its receipt on your plan."
CSV_COLUMNS: Final = (
    "seq", "received_at", "executed_at", "client_trade_id", "action", "leg_action", "symbol",
    "quantity", "price", "fee", "reported_pnl", "market", "tier", "reasons", "config_version",
    "hash",
)  # fmt: skip


def is_own(user: Any, bot: Bot) -> bool:
    """Return whether a bot is the visitor's."""
    return bool(user.is_authenticated) and bot.owner_id == user.pk


def sees_config(user: Any, bot: Bot) -> bool:
    """Return whether the visitor may see a bot's configurations."""
    return bot.config_public or is_own(user, bot)


def bots(
    *, owner: str = "", market: str = "", delisted: bool | None = None, name: str = ""
) -> QuerySet[Bot]:
    """Return bots, newest first, delisted ones included unless they are left out."""
    found = Bot.objects.select_related("heartbeat").order_by("-id")
    if owner:
        found = found.filter(owner_mark=owner)
    if market:
        found = found.filter(market=market)
    if delisted is not None:
        found = found.filter(delisted_at__isnull=not delisted)
    return found.filter(name__icontains=name) if name else found


def life(bot: Bot, now: dt.datetime | None = None) -> Payload:
    """Return whether a bot is alive.

    `waiting` for its first sign; `up` or `late` where it promised when the next one comes, and
    `reporting` where it did not; `delisted`.
    """
    beat: Heartbeat | None = getattr(bot, "heartbeat", None)
    if bot.delisted_at is not None:
        state = "delisted"
    elif beat is None:
        state = "waiting"
    elif not beat.every_s:
        state = "reporting"
    else:
        late = (now or timezone.now()) - beat.last_at > services.late_after(beat.every_s)
        state = "late" if late else "up"
    return {
        "state": state,
        "last_at": None if beat is None else moment(beat.last_at),
        "every_s": None if beat is None else beat.every_s,
    }


def bot_payload(bot: Bot, user: Any) -> Payload:
    """Return a bot as everybody may see it."""
    return {
        "id": bot.pk,
        "name": bot.name,
        "owner": {"mark": bot.owner_mark, "name": bot.owner_name},
        "own": is_own(user, bot),
        "kind": bot.kind,
        "market": bot.market,
        "created": moment(bot.created),
        "delisted": None if bot.delisted_at is None else moment(bot.delisted_at),
        "trades": bot.head_seq,
        "head": bot.head_hash,
        "config_public": bot.config_public,
        "life": life(bot),
    }


def _private(bot: Bot) -> Payload:
    """Return what a bot says about itself, for its owner alone."""
    beat = getattr(bot, "heartbeat", None)
    return {
        "status": "" if beat is None else beat.status,
        "metrics": {row.name: row.value for row in bot.metrics.all()},
    }


def version_payload(version: ConfigVersion, *, seen: bool) -> Payload:
    """Return a configuration; its content and hash where the visitor may see them."""
    return {
        "number": version.number,
        "created": moment(version.created),
        "config_hash": version.config_hash if seen else None,
        "config": json.loads(version.text) if seen else None,
    }


def whole_payload(bot: Bot, user: Any) -> Payload:
    """Return a bot with its entries, how many its owner has had, and to them what it says."""
    seen = sees_config(user, bot)
    versions = bot.versions.annotate(count=Count("trades")).order_by("-number")
    siblings = Bot.objects.filter(owner_mark=bot.owner_mark)
    return {
        **bot_payload(bot, user),
        **(_private(bot) if is_own(user, bot) else {}),
        "versions": [{**version_payload(one, seen=seen), "trades": one.count} for one in versions],
        "owner_bots": siblings.count(),
        "owner_delisted": siblings.exclude(delisted_at=None).count(),
        "downtimes": [
            {"started": moment(one.started), "ended": moment(one.ended)}
            for one in bot.downtimes.all()[:50]
        ],
    }


def changes(bot: Bot) -> list[tuple[ConfigVersion, list[configs.Change]]]:
    """Return the configurations of a bot, newest first, each with what changed in it."""
    found: list[tuple[ConfigVersion, list[configs.Change]]] = []
    before: Any = None
    for version in bot.versions.order_by("number"):
        config = json.loads(version.text)
        different = [] if before is None else configs.differences(before, config)
        found.append((version, different))
        before = config
    return found[::-1]


def export(bot: Bot, version: ConfigVersion) -> Payload:
    """Return a configuration as a document that another installation can import."""
    return {
        "format": configs.FORMAT,
        "name": bot.name,
        "market": bot.market,
        "version": version.number,
        "config": json.loads(version.text),
        "config_hash": version.config_hash,
    }


def trades(
    bot: Bot,
    *,
    version: int | None = None,
    tier: str = "",
    action: str = "",
    symbol: str = "",
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> QuerySet[Trade]:
    """Return the trades of a bot that fit a filter, newest first."""
    wanted = Q(bot=bot)
    if version is not None:
        wanted &= Q(version__number=version)
    if tier:
        wanted &= Q(tier=tier)
    if action:
        wanted &= Q(action=action)
    if symbol:
        wanted &= Q(symbol__startswith=symbol.strip().upper())
    if since is not None:
        wanted &= Q(received_at__gte=since)
    if until is not None:
        wanted &= Q(received_at__lt=until)
    return Trade.objects.filter(wanted).select_related("version").order_by("-id")


def trade_payload(trade: Trade, reach: Reach) -> Payload:
    """Return a trade as it was stored: with the head of the chain, all that its hash covers.

    What it was held against are quotes of its receipt: who sees the market late has them late,
    and until then a sentence stands for the reasons.
    """
    at = trade.executed_at
    late = dt.timedelta(seconds=reach.delay_s)
    held = timezone.now() - trade.received_at < late
    return {
        "seq": trade.seq,
        "client_trade_id": trade.client_trade_id,
        "received_at": trade.received_at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        "executed_at": None
        if at is None
        else at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        "action": trade.action,
        "symbol": trade.symbol,
        "legs": trade.legs,
        "fee": plain(trade.fee),
        "pnl": None if trade.reported_pnl is None else plain(trade.reported_pnl),
        "market": trade.market,
        "tier": trade.tier,
        "reasons": [HELD.format(reach.delay_s // 60)] if held else trade.reasons,
        "evidence": None if held else trade.evidence,
        "source": trade.source,
        "reference": trade.reference,
        "config_version": trade.version.number,
        "config_hash": trade.version.config_hash,
        "previous_hash": trade.previous_hash,
        "hash": trade.hash,
    }


def csv_rows(found: QuerySet[Trade], reach: Reach) -> Iterator[list[Any]]:
    """Yield trades as rows of a CSV file, one for each leg, its head first."""
    yield list(CSV_COLUMNS)
    for trade in found.iterator(2_000):
        body = trade_payload(trade, reach)
        for index, leg in enumerate(trade.legs):
            yield [
                trade.seq, body["received_at"], body["executed_at"] or "",
                safe_cell(trade.client_trade_id),
                trade.action, leg["action"], leg["symbol"], leg["quantity"], leg["price"],
                "0" if index else body["fee"], "" if index else body["pnl"] or "",
                trade.market, trade.tier, " ".join(body["reasons"]), trade.version.number,
                trade.hash,
            ]  # fmt: skip


def csv_lines(found: QuerySet[Trade], reach: Reach) -> Iterator[str]:
    """Yield the lines of a CSV file of trades."""
    writer = csv.writer(Echo())
    for row in csv_rows(found, reach):
        yield writer.writerow(row)


def performance(bot: Bot, version: ConfigVersion, now: dt.datetime | None = None) -> Performance:
    """Return what an entry of a bot earned, from its legs."""
    rows = bot.trades.filter(version=version).order_by("seq")[:MOST_TRADES]
    found = [
        Traded(
            row.seq,
            row.received_at,
            tuple(map(leg_of, row.legs)),
            fee_counted(row.fee, row.evidence.get("fee")),
            row.tier,
        )
        for row in rows
    ]
    prices = Prices(bot.market)
    return performance_of(found, now=now or timezone.now(), settled_at=prices.settled_at)


def record(bot: Bot, version: ConfigVersion) -> Payload:
    """Return an entry's figures as JSON; as long as nothing new arrives, they are kept a while."""
    key = f"leaderboard.record:{version.pk}:{bot.head_seq}:{bot.head_hash}"
    known: Payload | None = cache.get(key)
    if known is None:
        known = performance_payload(performance(bot, version))
        cache.set(key, known, KEPT_S)
    return known


def performance_payload(found: Performance) -> Payload:
    """Return figures as JSON: amounts as text, the curve thinned to what a figure can show."""
    return {
        "trades": found.trades,
        "closings": found.closings,
        "win_rate": found.win_rate,
        "realised": plain(found.realised),
        "unrealised": plain(found.unrealised),
        "equity": plain(found.equity),
        "fees": plain(found.fees),
        "turnover": plain(found.turnover),
        "max_drawdown": plain(found.max_drawdown),
        "tiers": found.tiers,
        "months": [
            {"year": one.year, "month": one.month, "profit": plain(one.profit)}
            for one in found.months
        ],
        "curve": [
            {
                "at": moment(point.at),
                "equity": plain(point.equity),
                "drawdown": plain(point.drawdown),
            }
            for point in thinned(found)
        ],
        "open": [
            {
                "symbol": one.instrument,
                "quantity": plain(one.quantity),
                "cost": plain(one.cost),
                "average": f"{one.average:.8f}",
            }
            for one in found.open
        ],
        "expired_without_price": list(found.expired),
    }


def thinned(found: Performance) -> list[Any]:
    """Return at most `CURVE_POINTS` points of a curve, its last and its deepest among them."""
    points = list(found.curve)
    if len(points) <= CURVE_POINTS:
        return points
    step = len(points) / CURVE_POINTS
    deepest = min(range(len(points)), key=lambda place: points[place].drawdown)
    places = {int(number * step) for number in range(CURVE_POINTS)}
    return [points[place] for place in sorted(places | {deepest, len(points) - 1})]


def own_state(channel: str) -> Payload:
    """Return the newest state of a person's bots for their live channel."""
    owner = int(channel.partition(":")[2])
    found = Bot.objects.filter(owner_id=owner).select_related("heartbeat")
    return {str(bot.pk): {"trades": bot.head_seq, **life(bot)} for bot in found}
