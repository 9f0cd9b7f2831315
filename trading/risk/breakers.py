"""Breakers: what stops an account, a position or everything by itself when something is wrong.

Losses bring the account to reducing, then to halted; too many orders, or refusals by the broker,
to halted, from where only a person brings it back. Slippage and stale data open a breaker that
tries again by itself. Many live accounts in trouble at once turn the global switch.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

import structlog
from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from market.clock import NEW_YORK
from trading.execution import services as execution
from trading.execution.selectors import state_of
from trading.execution.states import Standing
from trading.ledger.services import lock
from trading.models import Account, Breaker, Fill, GateDecision, Order, Position
from trading.orders.gate import Verdict
from trading.orders.machine import FINAL, OPEN, News
from trading.risk import gather, services, sight, telling
from trading.risk.facts import Book, Facts
from trading.risk.slippage import MOST_SIGMAS, sigmas
from trading.scopes import EVERYTHING
from trading.switches import services as switches
from trading.switches.models import SwitchState
from trading.switches.selectors import stops

log = structlog.get_logger(__name__)
ACTOR: Final = "risk"
RATES: Final = ("orders a second", "orders a minute", "duplicate")
RUNAWAY, RUNAWAY_WITHIN = 10, dt.timedelta(seconds=10)
"""So many orders refused for their rate make an account halt."""
STALE_AFTER_S: Final = 30.0
WAIT: Final = dt.timedelta(seconds=30)
LONGEST_WAIT: Final = dt.timedelta(minutes=30)
SYSTEM_WITHIN: Final = dt.timedelta(minutes=1)
SYSTEM_LEAST: Final = 10
"""Orders of live accounts that ended in a minute, of which half were refused: then everything stops
opening."""
_FILLS: Final = 60


def watch_decision(account: Account, verdict: Verdict, facts: Facts) -> None:
    """Learn from a decision, under the account's lock: a runaway, a loss, a stale market."""
    if not verdict.allowed and verdict.rule in RATES:
        _watch_rate(account, facts.at)
    watch_losses(account, facts)
    _watch_age(account, verdict, facts)
    if verdict.allowed and facts.breakers:
        half = _not_closed(account).filter(
            state=Breaker.State.HALF_OPEN, symbol__in=["", *facts.underlyings]
        )
        newest = Order.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        half.update(state=Breaker.State.TRYING, after=newest, until=facts.at + LONGEST_WAIT)


def watch_losses(account: Account, facts: Facts | Book) -> None:
    """Bring an account to reducing or halted by the day's loss or its fall."""
    day, limits = facts.day, facts.limits
    if day is None:
        return
    lost = -day.profit
    if day.first <= 0 or lost >= limits.halt_loss * day.first:
        stop(account, Standing.HALTED, f"The day's loss is {lost:.2f}.")
    elif lost >= limits.reduce_loss * day.first:
        stop(account, Standing.REDUCING, f"The day's loss is {lost:.2f}.")
    elif day.fall >= limits.drawdown:
        stop(account, Standing.REDUCING, f"It fell by {100 * day.fall:.1f} % from its highest.")


def stop(account: Account, to: Standing, reason: str) -> bool:
    """Bring an account to reducing or halted, unless it is as strict already."""
    now = state_of(account.pk).state
    stricter = now == Standing.HALTED or (to == Standing.REDUCING and now != Standing.LIVE)
    if stricter or now == Standing.DISABLED:
        return False
    log.warning("account_stopped", account=account.pk, to=to, reason=reason)
    changed = execution.step(account.pk, to, actor=ACTOR, reason=reason)
    if changed:
        telling.promise(account, "breaker", f"account {account.pk}", to, reason)
    return changed


def _watch_rate(account: Account, now: dt.datetime) -> None:
    """Halt what goes on sending; this refusal is not stored yet."""
    refused = GateDecision.objects.filter(
        order__account=account, allowed=False, rule__in=RATES, at__gt=now - RUNAWAY_WITHIN
    ).count()
    if refused + 1 >= RUNAWAY:
        stop(account, Standing.HALTED, f"{refused + 1} orders came too fast: something runs away.")


def _watch_age(account: Account, verdict: Verdict, facts: Facts) -> None:
    for name in facts.underlyings:
        age = facts.grounds[name].quote.age if name in facts.grounds else None
        if verdict.allowed or age is None or age <= STALE_AFTER_S:
            continue
        trip(account, Breaker.Kind.STALE, f"Its market was {age:.0f} s old.", facts.at, symbol=name)


def trip(
    account: Account, kind: str, reason: str, now: dt.datetime, *, symbol: str = ""
) -> Breaker:
    """Open a breaker, or find it open."""
    found = _not_closed(account).filter(symbol=symbol, kind=kind).first()
    if found is not None:
        return found
    log.warning("breaker_opened", account=account.pk, kind=kind, symbol=symbol, reason=reason)
    losing = kind == Breaker.Kind.LOSS
    made = Breaker.objects.create(
        account=account, symbol=symbol, kind=kind, reason=reason[:300], opened_at=now,
        state=Breaker.State.REDUCING if losing else Breaker.State.OPEN,
        until=_day_after(now) if losing else now + WAIT,
    )  # fmt: skip
    telling.promise(account, "breaker", made.what, made.state, made.reason)
    return made


def move_on(account: Account, now: dt.datetime) -> bool:
    """Let breakers that waited long enough be tried, and judge who tried; tell of a change."""
    before = list(_not_closed(account).values_list("pk", "state"))
    for one in _not_closed(account):
        if one.state == Breaker.State.OPEN and now >= one.until:
            _set(one, Breaker.State.HALF_OPEN)
        elif one.state == Breaker.State.REDUCING and now >= one.until:
            _set(one, Breaker.State.CLOSED)
        elif one.state == Breaker.State.TRYING:
            _judge(one, now)
    return before != list(_not_closed(account).values_list("pk", "state"))


def _judge(one: Breaker, now: dt.datetime) -> None:
    """A fill closes, a refusal opens for twice as long, an end without either may try again."""
    tried = Order.objects.filter(account=one.account, pk__gt=one.after).order_by("pk").first()
    if tried is None:
        _set(one, Breaker.State.HALF_OPEN)
    elif tried.filled_quantity:
        _set(one, Breaker.State.CLOSED)
    elif tried.ended_as == News.REJECTED:
        one.times += 1
        one.until = now + min(WAIT * 2 ** (one.times - 1), LONGEST_WAIT)
        _set(one, Breaker.State.OPEN)
    elif tried.state in FINAL or now >= one.until:
        _set(one, Breaker.State.HALF_OPEN)


def _set(one: Breaker, state: str) -> None:
    one.state = state
    if state != Breaker.State.TRYING:
        one.after = None
    one.save(update_fields=["state", "after", "until", "times"])
    telling.promise(one.account, "breaker", one.what, state, one.reason)


def _not_closed(account: Account) -> QuerySet[Breaker]:
    return Breaker.objects.filter(account=account).exclude(state=Breaker.State.CLOSED)


def _day_after(now: dt.datetime) -> dt.datetime:
    day = now.astimezone(NEW_YORK).date() + dt.timedelta(days=1)
    return dt.datetime.combine(day, dt.time(), NEW_YORK).astimezone(dt.UTC)


@transaction.atomic
def watch(account_id: int, now: dt.datetime | None = None) -> None:
    """Look at an account without an order: its day, each position, refusals, the newest fills."""
    account = lock(account_id)
    book = gather.book_of(account, now)
    move_on(account, book.at)
    services.keep_day(account, book)
    watch_losses(account, book)
    _watch_positions(account, book)
    if book.refusals >= book.limits.refusals:
        text = f"The broker refused {book.refusals} orders one after the other."
        stop(account, Standing.HALTED, text)
    _watch_slippage(account, book.at)


def _watch_positions(account: Account, book: Book) -> None:
    """Open the breaker of an underlying whose positions lost what one order may lose."""
    if book.equity is None:
        return
    most = book.limits.order_loss * book.equity
    for name, lost in book.losses.items():
        if lost >= most > 0:
            text = f"Its positions lost {lost:.2f} of the {most:.2f} that an order may lose."
            trip(account, Breaker.Kind.LOSS, text, book.at, symbol=name)


def _watch_slippage(account: Account, now: dt.datetime) -> None:
    """Open the account's breaker when its newest fill is far worse than those before.

    A fill opens it once: what was booked before it opened last is only what is usual.
    """
    told = Breaker.objects.filter(account=account, kind=Breaker.Kind.SLIPPAGE)
    opened = told.aggregate(at=Max("opened_at"))["at"]
    rows = Fill.objects.filter(
        account=account, order__decision__facts__mid__isnull=False, order__decision__allowed=True
    ).order_by("-pk")  # fmt: skip
    newest = rows.first()
    if newest is None or (opened is not None and newest.entry.booked_at <= opened):
        return
    slips = []
    names = ("quantity", "price", "order__decision__facts")
    for quantity, price, facts in rows.values_list(*names)[:_FILLS]:
        mid = abs(float(facts["mid"]))
        if len(facts.get("quotes", ())) == 1 and mid > 0:
            side = 1.0 if quantity > 0 else -1.0
            slips.append(side * (float(price) - mid) / mid)
    if not slips:
        return
    found = sigmas(slips[1:], slips[0])
    if found is not None and found > MOST_SIGMAS:
        text = f"The newest fill slipped by {found:.1f} standard deviations."
        trip(account, Breaker.Kind.SLIPPAGE, text, now)


class Watched(NamedTuple):
    """How many accounts were looked at, and which of them could not be."""

    accounts: int
    failed: tuple[int, ...]


def watch_all(now: dt.datetime | None = None) -> Watched:
    """Watch every account that holds or wants something. One that fails stops no other.

    A database that is gone fails each of them, and then the look at the whole system, which is
    not caught: the task is known as failed.
    """
    held = Position.objects.exclude(quantity=0).values("account")
    wanted = Order.objects.filter(state__in=sorted(OPEN)).values("account")
    rows = Account.objects.filter(Q(pk__in=held) | Q(pk__in=wanted)).order_by("pk")
    accounts = list(rows.values_list("pk", flat=True))
    failed = []
    for pk in accounts:
        for look in (watch, sight.watch):
            try:
                look(pk, now)
            except Exception:
                log.exception("watch_failed", account=pk)
                failed.append(pk)
    if failed:
        log.error("watch_incomplete", accounts=len(accounts), failed=len(set(failed)))
    watch_system(now or timezone.now())
    return Watched(len(accounts), tuple(dict.fromkeys(failed)))


def watch_system(now: dt.datetime) -> bool:
    """Turn the global switch to reducing when brokers refuse half of what live accounts send."""
    rows = Order.objects.filter(
        account__mode=Account.Mode.LIVE, sent__gt=0, ended_at__gt=now - SYSTEM_WITHIN
    )
    sums = rows.aggregate(all=Count("pk"), bad=Count("pk", filter=Q(ended_as=News.REJECTED)))
    if sums["all"] < SYSTEM_LEAST or 2 * sums["bad"] < sums["all"] or stops(()):
        return False
    reason = f"Brokers refused {sums['bad']} of {sums['all']} orders in a minute."
    return switches.turn(EVERYTHING, SwitchState.REDUCING, actor=ACTOR, reason=reason)
