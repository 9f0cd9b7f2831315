"""What changes the trust queue: pairs found, decided by operators, appealed by owners."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.services import reason_of
from leaderboard.models import Appeal, Bot, Likeness
from leaderboard.ranking.due import due_now
from leaderboard.ranking.skill import FLAGS
from leaderboard.services import BotError, channel_of
from leaderboard.trusting.models import LONGEST_APPEAL
from record import audit, streams

if TYPE_CHECKING:
    from leaderboard.trusting.likeness import Alike
    from leaderboard.trusting.reading import Compared

AGAIN: Final = 2
"""Times the evidence of its dismissal that opens a dismissed pair again."""
LEAST_APPEAL: Final = 10
CHAIN: Final = "bots"
Flag = dict[str, str]
"""Name and text."""
_NAMES: Final = {Likeness.Kind.CLONE: "copies", Likeness.Kind.MIRROR: "mirrors"}


def find(now: dt.datetime | None = None) -> int:
    """Compare all bots and put the pairs that are alike into the queue; return how many are new.

    What was found before gets the newest figures. A pair that was dismissed opens again when there
    is twice as much evidence as then. Repeating it changes nothing else.
    """
    # The numerics are loaded where they are needed: a web process never is.
    from leaderboard.trusting.likeness import alike
    from leaderboard.trusting.overlap import pairs_compared
    from leaderboard.trusting.reading import compared

    at, fresh = now or timezone.now(), 0
    for market in Bot.Market.values:
        given = compared(market, at)
        count = pairs_compared(given.trades.owners)
        for pair in alike(given.trades, given.profits):
            fresh += _note(given, pair, count, at)
    return fresh


@transaction.atomic
def _note(given: Compared, pair: Alike, count: int, now: dt.datetime) -> bool:
    """Keep one pair that was found; return whether it is new in the queue."""
    first, second = given.bots[pair.first], given.bots[pair.second]
    evidence = {"compared": count, **_evidence(given, pair)}
    known = {"kind": pair.kind, "evidence": evidence, "weight": _weight(pair), "seen_at": now}
    row, made = Likeness.objects.select_for_update().get_or_create(
        first_id=first, second_id=second, defaults={**known, "found_at": now}
    )
    opened = made
    if not made:
        for name, value in known.items():
            setattr(row, name, value)
        if row.state == Likeness.State.DISMISSED and row.weight >= AGAIN * row.decided_weight:
            row.state, opened = Likeness.State.OPEN, True
        row.save()
    if opened:
        detail = {"kind": row.kind, "weight": row.weight}
        _audit(row, "likeness.find" if made else "likeness.reopen", "system", detail)
        _tell(row, "likeness")
    return opened


def _weight(pair: Alike) -> int:
    overlap, together = pair.overlap, pair.correlation
    days = together.days if together is not None else 0
    return overlap.matches if overlap is not None else days


def _evidence(given: Compared, pair: Alike) -> dict[str, Any]:
    """Return the figures as JSON, with the numbers of the first matching trades."""
    overlap, together = pair.overlap, pair.correlation
    examples = [] if overlap is None else overlap.examples
    figures = None if overlap is None else {**_plain(asdict(overlap)), "share": overlap.share}
    return {
        "overlap": figures,
        "correlation": None if together is None else _plain(asdict(together)),
        "trades": [[int(given.trade_ids[place]) for place in two] for two in examples],
    }


def _plain(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return figures without what JSON cannot hold."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
        if name != "examples"
    }


@transaction.atomic
def decide(likeness_id: int, *, confirmed: bool, operator: User, note: str) -> bool:
    """Confirm or dismiss a pair and answer its open appeals; return whether that changed anything.

    Raises
    ------
    AccountError
        Without a note: both owners read it, and it answers the appeals.
    """
    reason = reason_of(note)
    row = Likeness.objects.select_for_update().get(pk=likeness_id)
    state = Likeness.State.CONFIRMED if confirmed else Likeness.State.DISMISSED
    now = timezone.now()
    answered = row.appeals.filter(answered=None).update(answer=reason, answered=now)
    if row.state == state and not answered:
        return False
    row.state, row.note = state, reason
    row.decided_at, row.decided_by, row.decided_weight = now, operator, row.weight
    row.save()
    # Their entries are judged anew.
    due_now(bot__in=(row.first_id, row.second_id))
    detail = {"reason": reason, "appeals": answered}
    action = "likeness.confirm" if confirmed else "likeness.dismiss"
    _audit(row, action, f"user:{operator.pk}", detail, chain=audit.OPERATORS)
    _tell(row, "likeness")
    return True


@transaction.atomic
def appeal(bot_id: int, likeness_id: int, text: str) -> tuple[Appeal, bool]:
    """Keep what the owner of one of the two bots says; return it and whether it is new.

    Raises
    ------
    Likeness.DoesNotExist
        When the bot is in no such pair.
    BotError
        Naming the field: a text that is too short or too long, a pair that is dismissed, or an
        appeal with another text that waits for its answer.
    """
    words = text.strip()
    if not LEAST_APPEAL <= len(words) <= LONGEST_APPEAL:
        raise BotError("text", f"Give {LEAST_APPEAL} to {LONGEST_APPEAL:,} characters.")
    row = Likeness.objects.select_for_update().get(of_bots([bot_id]), pk=likeness_id)
    open_one = row.appeals.filter(bot=bot_id, answered=None).first()
    if open_one is not None:
        if open_one.text == words:
            return open_one, False
        raise BotError("pair", "Your appeal waits for its answer; appeal again after that.")
    if row.state == Likeness.State.DISMISSED:
        raise BotError("pair", "This pair is dismissed: there is nothing to appeal.")
    bot = Bot.objects.get(pk=bot_id)
    made = Appeal.objects.create(likeness=row, bot=bot, text=words, at=timezone.now())
    _audit(row, "likeness.appeal", f"user {bot.owner_id}", {"bot": bot_id, "appeal": made.pk})
    return made, True


def of_bots(bot_ids: Iterable[int]) -> Q:
    """Return the condition that a pair has one of some bots."""
    ids = list(bot_ids)
    return Q(first__in=ids) | Q(second__in=ids)


def flags_of(bot_ids: Iterable[int]) -> dict[int, list[Flag]]:
    """Return the flags of bots that confirmed pairs give, by the bot's id.

    The younger bot of a pair has the flag: registered later, then the higher id.
    """
    asked = set(bot_ids)
    rows = Likeness.objects.filter(of_bots(asked), state=Likeness.State.CONFIRMED)
    found: dict[int, list[Flag]] = {}
    for row in rows.select_related("first", "second").order_by("pk"):
        younger = max((row.first, row.second), key=lambda bot: (bot.created, bot.pk))
        name = _NAMES[Likeness.Kind(row.kind)]
        flag = {"name": name, "text": FLAGS[name]}
        if younger.pk in asked and flag not in found.setdefault(younger.pk, []):
            found[younger.pk].append(flag)
    return {bot: flags for bot, flags in found.items() if flags}


def _audit(
    row: Likeness, action: str, actor: str, detail: Mapping[str, Any], *, chain: str = CHAIN
) -> None:
    subject = f"bots {row.first_id} and {row.second_id}"
    audit.write(chain, actor=actor, action=action, subject=subject, detail=detail)


def _tell(row: Likeness, what: str) -> None:
    """Tell both owners' open pages, once this transaction is committed."""
    streams.append_many(
        [
            streams.NewEvent(
                channel_of(bot.owner_id), str(bot.pk), {"bot": bot.pk, "what": what}, "upd"
            )
            for bot in (row.first, row.second)
            if bot.owner_id is not None
        ]
    )
