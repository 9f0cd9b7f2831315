"""Decides once a row: enter or stay out, hold or leave; places the orders and keeps the reasons.

One transaction under the strategy's lock: the decision, its order with what the gate said, and the
trade's state are committed together, and a row is decided once. So a task that is killed anywhere
loses nothing, and one that is told again does nothing. Rows that came while nobody looked are not
traded after the fact: the newest one is decided, and the decision says how many were passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from accounts.entitlements import allows
from market.models import FrameRow
from record.canonical import loads
from tools_app.decisions import Entry, Reading, Size
from trading.ledger.book import plain
from trading.models import Strategy, StrategyDecision, StrategyTrade, StrategyVersion
from trading.orders import services as orders
from trading.orders import ticks
from trading.orders.intents import Intent, Leg
from trading.strategies import asking, config, leaving, seeing, structures
from trading.strategies.config import Config
from trading.strategies.seeing import Minute
from trading.strategies.services import State, locked, newest
from trading.strategies.sizers import ClassSizer
from trading.strategies.structures import Chosen

Kind = StrategyDecision.Kind
MOST_LATE_S: Final = 90.0
"""An older row of the live market enters nothing: its feed hangs, or makes up for minutes."""


@dataclass(slots=True)
class Said:
    """What comes of a row, before it is stored."""

    kind: str
    reasons: tuple[str, ...]
    seen: dict[str, Any] = field(default_factory=dict)
    taken: bool = False
    order: int | None = None
    trade: StrategyTrade | None = None
    version: StrategyVersion | None = None


@transaction.atomic
def decide(strategy_id: int) -> StrategyDecision | None:
    """Decide on the newest row of a strategy's market; None when there is nothing to decide."""
    strategy = locked(strategy_id)
    trade = open_trade(strategy)
    if trade is None and strategy.state != State.RUNNING:
        return None
    minute = seeing.newest(strategy.account.paper)
    if minute is None or _decided(strategy, minute):
        return None
    version = newest(strategy)
    if trade is None:
        said = _consider(strategy, version, minute)
    else:
        entered_by = config.read(loads(trade.version.text))
        came = leaving.attend(strategy, trade, minute, entered_by)
        said = Said(came.kind, came.reasons, came.seen, came.taken, came.order, trade,
                    trade.version)  # fmt: skip
    return _store(strategy, said.version or version, minute, said)


def open_trade(strategy: Strategy) -> StrategyTrade | None:
    """Return the trade that is open, None when there is none."""
    rows = StrategyTrade.objects.filter(strategy=strategy, ended_at=None)
    return rows.select_related("entry", "version").first()


def _decided(strategy: Strategy, minute: Minute) -> bool:
    """Return whether the row, or a later one of its market, is decided already."""
    rows = StrategyDecision.objects.filter(strategy=strategy)
    return rows.filter(at__gte=minute.at).exists()


def _store(
    strategy: Strategy, version: StrategyVersion, minute: Minute, said: Said
) -> StrategyDecision:
    before = StrategyDecision.objects.filter(strategy=strategy, session=minute.session).first()
    passed = 0 if before is None else FrameRow.objects.filter(
        run=minute.run, kind=FrameRow.Kind.INTRADAY, time__gt=before.at, time__lt=minute.at
    ).count()  # fmt: skip
    return StrategyDecision.objects.create(
        strategy=strategy, version=version, run=minute.run, row=minute.row, at=minute.at,
        session=minute.session, kind=said.kind, taken=said.taken, reasons=list(said.reasons),
        seen={**said.seen, "passed_over": passed}, order_id=said.order, trade=said.trade,
    )  # fmt: skip


def _consider(strategy: Strategy, version: StrategyVersion, minute: Minute) -> Said:
    """Return what a strategy that is flat does at a row."""
    made = config.read(loads(version.text))
    why = _not_now(strategy, made, minute) or asking.not_yet(strategy, closing=False)
    if why:
        return Said(Kind.STAY_OUT, (why,))
    entry = _entry(strategy, made, minute)
    if isinstance(entry, str):
        return Said(Kind.STAY_OUT, (entry,))
    seen: dict[str, Any] = {"entry": dict(entry.seen)}
    if entry.reading is None:
        return Said(Kind.STAY_OUT, entry.reasons, seen)
    found = _structure(made, minute, entry.reading)
    if not isinstance(found, Chosen):
        return Said(Kind.STAY_OUT, (*found, *entry.reasons), seen)
    size, facts = _size(strategy, made, minute, found)
    seen |= facts
    if size.units == 0:
        return Said(Kind.STAY_OUT, (*size.reasons, *entry.reasons, *found.reasons), seen)
    said = Said(Kind.ENTER, (*entry.reasons, *found.reasons, *size.reasons), seen)
    return _enter(strategy, version, minute, entry.reading, found, size.units, said)


def _size(
    strategy: Strategy, made: Config, minute: Minute, found: Chosen
) -> tuple[Size, dict[str, Any]]:
    """Return how many units, and what that was decided on."""
    seen = _seen_of(found, minute)
    worth = seeing.equity(strategy.account, minute)
    if worth is None:
        return Size(0, ("Something held has no quote, so the equity is not known.",)), seen
    size = ClassSizer(made.sizing).size(float(worth), found.unit)
    return size, {**seen, "equity": plain(worth), "units": size.units}


def _not_now(strategy: Strategy, made: Config, minute: Minute) -> str:
    """Return in words why nothing is entered whatever the tools say; empty when it may be."""
    if minute.kept is None:
        return "The snapshot of this minute is not stored any more."
    if minute.late_s > MOST_LATE_S:
        return f"The newest minute of the live market is {minute.late_s:.0f} s old."
    left = (minute.closes - minute.at).total_seconds() / 60.0
    least = made.exit.before_close + made.pace.patience
    if left <= least:
        return f"{left:.0f} minutes to the close; nothing is entered in the last {least:g}."
    trades = StrategyTrade.objects.filter(strategy=strategy)
    today = trades.filter(decisions__session=minute.session, decisions__kind=Kind.ENTER)
    count = today.exclude(entered_at=None).distinct().count()
    if count >= made.pace.trades:
        return f"{count} trades were made this session; {made.pace.trades} are the most."
    last = trades.exclude(ended_at=None).exclude(entered_at=None).first()
    if last is not None and last.ended_at is not None:
        since = (minute.at - last.ended_at).total_seconds() / 60.0
        if 0 <= since < made.pace.rest:
            return f"The last trade ended {since:.0f} minutes ago; it rests for {made.pace.rest:g}."
    return ""


def _entry(strategy: Strategy, made: Config, minute: Minute) -> Entry | str:
    """Return what the entry controller says, or why it cannot be asked."""
    try:
        controller, tools = seeing.controller(made.entry, made.symbol)
    except LookupError as error:
        return f"The strategy names a tool that is not here: {error}."
    for tool in tools:
        decision = allows(strategy.owner, f"tools.{tool.tier}")
        if not decision.allowed:
            return f"{tool.name} may not be used: {decision.reason}"
    return controller.entry(seeing.answers(tools, minute))


def _structure(made: Config, minute: Minute, reading: Reading) -> Chosen | tuple[str, ...]:
    assert minute.kept is not None  # noqa: S101 - looked at before
    try:
        chain = minute.kept.data.chain()
    except ValueError as error:
        return (f"The chain of this minute cannot be used: {error}.",)
    range_ = seeing.average_range(minute) if made.sizing.kind == "volatility" else None
    found = structures.choose(chain, reading, made.structure, range_=range_)
    return found if isinstance(found, Chosen) else found.reasons


def _seen_of(found: Chosen, minute: Minute) -> dict[str, Any]:
    assert minute.kept is not None  # noqa: S101 - looked at before
    names = minute.kept.data.layout.symbols()
    return {
        "spot": minute.kept.data.spot, "snapshot": minute.kept.data.id,
        "mid": found.mid, "natural": found.natural, "loss": found.unit.loss,
        "legs": [
            {"symbol": names[leg.place], "ratio": leg.ratio, "delta": leg.delta, "bid": leg.bid,
             "ask": leg.ask}
            for leg in found.legs
        ],
    }  # fmt: skip


def _enter(
    strategy: Strategy,
    version: StrategyVersion,
    minute: Minute,
    reading: Reading,
    found: Chosen,
    units: int,
    said: Said,
) -> Said:
    """Place the entry's order; without the gate's leave there is no trade."""
    multiplier = Decimal(repr(found.multiplier))
    symbols = [leg["symbol"] for leg in said.seen["legs"]]
    legs = tuple(
        Leg(symbol, leg.ratio, multiplier) for symbol, leg in zip(symbols, found.legs, strict=True)
    )
    intent = Intent(
        f"{strategy.origin}:{minute.row}:enter", legs, Decimal(units),
        limit_price=ticks.no_worse(legs, found.limit), origin=strategy.origin,
    )  # fmt: skip
    placed = orders.place(strategy.account_id, intent, actor=f"strategy {strategy.pk}")
    said.order, said.taken = placed.order.pk, placed.decision.allowed
    if not placed.decision.allowed:
        said.reasons = (f"The risk gate refused it: {placed.decision.text}", *said.reasons)
        return said
    last = StrategyTrade.objects.filter(strategy=strategy).first()
    said.trade = StrategyTrade.objects.create(
        strategy=strategy, version=version, number=1 if last is None else last.number + 1,
        reading=str(reading), kind=found.kind.value,
        legs=[[leg.symbol, leg.ratio, plain(leg.multiplier)] for leg in intent.legs],
        settles=seeing.settlement(found.expiry), loss=Decimal(repr(round(found.unit.loss, 6))),
        entry=placed.order, asked_at=minute.at,
    )  # fmt: skip
    return said
