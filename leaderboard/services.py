"""What changes bots: registered, configured, heard of, delisted. Trades: `leaderboard.reports`."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.entitlements import limits_of
from accounts.models import User
from accounts.plans import PLANS
from leaderboard import configs
from leaderboard.models import (
    Bot,
    ChainHead,
    ConfigVersion,
    Downtime,
    Heartbeat,
    Metric,
    PublishedDay,
)
from leaderboard.ranking.due import due_now
from record import audit, streams
from record.canonical import digest

LATE_AFTER: Final = 3
"""Promised intervals without a sign of life after which a bot is down."""
PLACE_KEPT: Final = dt.timedelta(days=30)
MOST_METRICS: Final = 50
EVERY_S: Final = (5, 3600)


class BotError(ValueError):
    """What was asked cannot be done; `field` names the part and the text the remedy."""

    def __init__(self, field: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.field, self.more = field, more


class BotLimitError(BotError):
    """The plan carries no further bot."""


class HostedError(BotError):
    """The bot runs here, so nobody reports for it or configures it from outside."""


class NameTakenError(BotError):
    """The owner has a bot of this name with another configuration."""


def channel_of(owner_id: int) -> str:
    """Return the channel on which a person hears of their bots."""
    return f"bots:{owner_id}"


def register(
    user: User,
    *,
    name: str,
    config: Any,
    config_hash: str | None = None,
    owner_name: str = "",
    market: str = Bot.Market.REAL,
    kind: str = Bot.Kind.EXTERNAL,
) -> tuple[Bot, bool]:
    """Make a bot with its first configuration; return it and whether it is new.

    The same owner's same name with the same configuration is the bot that is there already, so a
    registration that was not answered can be sent again.

    Raises
    ------
    BotError
        Naming the field: a configuration without canonical JSON, a wrong hash (`more` has the
        right one), a name that is taken, or no room in the plan.
    """
    name, owner_name = name.strip(), owner_name.strip()
    sealed = _sealed(config, config_hash)
    if not name:
        raise BotError("name", "Give the bot a name.")
    if "@" in owner_name:
        raise BotError("owner", "This name is public; give one that is no address.")
    with transaction.atomic():
        # Two requests cannot both be the last that the plan carries.
        owner = User.objects.select_for_update().get(pk=user.pk)
        there = Bot.objects.filter(owner=owner, name__iexact=name).first()
        if there is not None:
            return _again(there, sealed), False
        _room(owner)
        bot = Bot.objects.create(
            owner=owner,
            owner_mark=salted_hmac("leaderboard.owner", str(owner.pk)).hexdigest()[:8],
            owner_name=owner_name,
            name=name,
            kind=kind,
            market=market,
        )
        _new_version(bot, sealed)
        _tell(bot, "registered")
    return bot, True


def places(user: User, now: dt.datetime | None = None) -> int:
    """Return how many bots of their plan a person uses.

    A delisted one keeps its place for `PLACE_KEPT` from its registration, so that nobody tries
    one after the other quickly. As a try it counts for ever: rankings see all entries.
    """
    young = Q(created__gt=(now or timezone.now()) - PLACE_KEPT)
    return Bot.objects.filter(Q(delisted_at=None) | young, owner=user).count()


def _room(owner: User) -> None:
    """Refuse a bot beyond the plan."""
    used, most = places(owner), limits_of(owner).bots
    if used < most:
        return
    larger = next((plan for plan in PLANS.values() if plan.limits.bots > used), None)
    kept = f"a delisted one frees its place {PLACE_KEPT.days} days after its registration"
    carries = f"Your plan carries {most} bot{'' if most == 1 else 's'}; {kept}"
    remedy = "" if larger is None else f" {larger.title} carries {larger.limits.bots}."
    raise BotLimitError(
        "name", f"{carries}.{remedy}", opens_with=None if larger is None else larger.name
    )


def _again(bot: Bot, sealed: configs.Sealed) -> Bot:
    if bot.delisted_at is None and newest(bot).config_hash == sealed.hash:
        return bot
    state = "was delisted" if bot.delisted_at else "has another configuration"
    remedy = "give another name" if bot.delisted_at else f"PUT it to /api/v1/bots/{bot.pk}/config"
    text = f"Your bot {bot.pk} of this name {state}; {remedy}."
    raise NameTakenError("name", text, bot=bot.pk)


def _sealed(config: Any, config_hash: str | None) -> configs.Sealed:
    try:
        return configs.seal(config, config_hash)
    except configs.HashError as error:
        raise BotError("config_hash", _sentence(error), config_hash=error.right) from error
    except configs.ConfigError as error:
        raise BotError("config", _sentence(error)) from error


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def newest(bot: Bot) -> ConfigVersion:
    """Return the configuration that a bot runs with."""
    return ConfigVersion.objects.filter(bot=bot).latest("number")


def _new_version(bot: Bot, sealed: configs.Sealed) -> ConfigVersion:
    last = ConfigVersion.objects.filter(bot=bot).order_by("-number").first()
    number = 1 if last is None else last.number + 1
    # One more try of this owner: all of theirs are judged anew.
    due_now(bot__owner_mark=bot.owner_mark)
    return ConfigVersion.objects.create(
        bot=bot, number=number, text=sealed.text, config_hash=sealed.hash
    )


@transaction.atomic
def configure(
    bot_id: int, *, config: Any, config_hash: str | None = None, hosted: bool = False
) -> tuple[ConfigVersion, bool]:
    """Give a bot a configuration; return its version and whether that is new.

    A change opens a new entry with an empty record. The one before stays as it is. `hosted` is
    how the house speaks for a bot that runs here.
    """
    sealed = _sealed(config, config_hash)
    bot = listed(bot_id)
    if not hosted:
        refuse_hosted(bot)
    last = newest(bot)
    if last.config_hash == sealed.hash:
        return last, False
    made = _new_version(bot, sealed)
    _tell(bot, "configured")
    return made, True


def listed(bot_id: int) -> Bot:
    """Lock a bot and return it; BotError when it is delisted."""
    bot = Bot.objects.select_for_update().get(pk=bot_id)
    refuse_delisted(bot)
    return bot


def refuse_delisted(bot: Bot) -> None:
    """Raise BotError when a bot is delisted."""
    if bot.delisted_at is not None:
        raise BotError("", "This bot is delisted; nothing more is taken from it.")


def refuse_hosted(bot: Bot) -> None:
    """Raise HostedError when a bot runs here: its strategy alone speaks for it."""
    if bot.kind == Bot.Kind.HOSTED:
        raise HostedError("", "This bot runs here; what its strategy does is reported by itself.")


@transaction.atomic
def delist(bot_id: int) -> Bot:
    """Take a bot out of the competition. Its record stays, and it stays counted."""
    bot = Bot.objects.select_for_update().get(pk=bot_id)
    if bot.delisted_at is None:
        bot.delisted_at = timezone.now()
        bot.save(update_fields=["delisted_at"])
        _audit(bot, "bot.delist")
        _tell(bot, "delisted")
    return bot


@transaction.atomic
def publish_config(bot_id: int, *, public: bool) -> Bot:
    """Show a bot's configurations to everybody, or to its owner alone."""
    bot = Bot.objects.select_for_update().get(pk=bot_id)
    if bot.config_public != public:
        bot.config_public = public
        bot.save(update_fields=["config_public"])
        _audit(bot, "bot.publish_config" if public else "bot.hide_config")
    return bot


def _audit(bot: Bot, action: str) -> None:
    audit.write("bots", actor=f"user {bot.owner_id}", action=action, subject=f"bot {bot.pk}")


@transaction.atomic
def heartbeat(
    bot_id: int, *, every_s: int | None = None, status: str = "", now: dt.datetime | None = None
) -> Heartbeat:
    """Note a sign of life; a silence that was too long becomes a downtime."""
    if every_s is not None and not EVERY_S[0] <= every_s <= EVERY_S[1]:
        raise BotError("every_s", f"Give {EVERY_S[0]} to {EVERY_S[1]:,} seconds.")
    return alive(listed(bot_id), now or timezone.now(), every_s=every_s, status=status)


def alive(bot: Bot, now: dt.datetime, *, every_s: int | None = None, status: str = "") -> Heartbeat:
    """Note a sign of life of a bot that is locked."""
    beat = Heartbeat.objects.filter(bot=bot).first()
    if beat is None:
        beat = Heartbeat(bot=bot, first_at=now, last_at=now)
        _tell(bot, "alive")
    elif is_late(beat, now):
        Downtime.objects.create(bot=bot, started=beat.last_at, ended=now)
        _tell(bot, "back")
    beat.last_at = max(now, beat.last_at)
    beat.every_s = every_s or beat.every_s
    beat.status = status[:80] or beat.status
    beat.save()
    return beat


def is_late(beat: Heartbeat, now: dt.datetime) -> bool:
    """Return whether a sign of life ends a downtime."""
    return bool(beat.every_s) and now - beat.last_at > late_after(beat.every_s)


def late_after(every_s: int) -> dt.timedelta:
    """Return the silence after which a bot that promised a sign every so often is down."""
    return dt.timedelta(seconds=LATE_AFTER * every_s)


@transaction.atomic
def report_metrics(bot_id: int, values: Mapping[str, Any]) -> int:
    """Keep the newest values of a bot's own numbers and return how many."""
    bot = listed(bot_id)
    if not 1 <= len(values) <= MOST_METRICS:
        raise BotError("metrics", f"Give 1 to {MOST_METRICS} numbers by name.")
    known = set(Metric.objects.filter(bot=bot).values_list("name", flat=True))
    if len(known | set(values)) > MOST_METRICS:
        raise BotError("metrics", f"A bot has at most {MOST_METRICS} of them by name.")
    now = timezone.now()
    rows = [Metric(bot=bot, name=_metric_name(n), value=_value(n, v), at=now)
            for n, v in values.items()]  # fmt: skip
    Metric.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["bot", "name"],
        update_fields=["value", "at"],
    )
    alive(bot, now)
    return len(rows)


def _metric_name(name: str) -> str:
    if not 0 < len(name) <= 40 or not name.isprintable():
        raise BotError("metrics", "A name has 1 to 40 printable characters.")
    return name


def _value(name: str, value: Any) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    found = float(value) if fits and abs(value) < 1e300 else math.nan
    if not math.isfinite(found):
        raise BotError(f"metrics/{name}", "Give a finite number.")
    return found


def _tell(bot: Bot, what: str, **more: Any) -> None:
    tell(bot, {"what": what, **more})


def tell(bot: Bot, data: Mapping[str, Any]) -> None:
    """Tell the owner's open pages, once this transaction is committed."""
    event = _event(bot, data)
    if event is not None:
        streams.append(event.channel, key=event.key, data=event.data, op=event.op)


def telling(bot: Bot, data: Mapping[str, Any]) -> streams.Appending | None:
    """Return what `tell` does as a statement, for a message that holds others too."""
    event = _event(bot, data)
    return None if event is None else streams.appending(event)


def _event(bot: Bot, data: Mapping[str, Any]) -> streams.NewEvent | None:
    if bot.owner_id is None:
        return None
    return streams.NewEvent(
        channel_of(bot.owner_id), key=str(bot.pk), data={"bot": bot.pk, **data}, op="upd"
    )


def publish_heads(day: dt.date) -> bool:
    """Publish where every chain ends, once for each day; return whether this was the first time."""
    if PublishedDay.objects.filter(day=day).exists():
        return False
    with transaction.atomic():
        bots = list(Bot.objects.filter(head_seq__gt=0).order_by("pk"))
        heads = [[bot.pk, bot.head_seq, bot.head_hash] for bot in bots]
        made, fresh = PublishedDay.objects.get_or_create(
            day=day,
            defaults={"digest": digest(heads), "chains": len(bots), "made_at": timezone.now()},
        )
        if fresh:
            ChainHead.objects.bulk_create(
                ChainHead(published=made, bot=bot, seq=bot.head_seq, hash=bot.head_hash)
                for bot in bots
            )
    return fresh
