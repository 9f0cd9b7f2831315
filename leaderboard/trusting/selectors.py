"""Reads of the trust queue: a pair in words, its first matching trades, what its owners see."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Exists, OuterRef, QuerySet

from leaderboard.claims import leg_of, plain
from leaderboard.models import Appeal, Bot, Likeness, Trade
from leaderboard.trusting.services import of_bots
from market.payloads import Payload, moment


class Beside(NamedTuple):
    """A trade of one bot and the other's that matches it."""

    first: Trade
    second: Trade


def queue() -> QuerySet[Likeness]:
    """Return all pairs with whether an appeal waits: those that do first, then the open ones."""
    waiting = Appeal.objects.filter(likeness=OuterRef("pk"), answered=None)
    rows = Likeness.objects.select_related("first__owner", "second__owner", "decided_by")
    return rows.annotate(waits=Exists(waiting)).order_by("-waits", "-state", "-id")


def of_bot(bot: Bot) -> QuerySet[Likeness]:
    """Return the pairs that a bot is in, newest first, dismissed ones included."""
    return Likeness.objects.filter(of_bots([bot.pk])).select_related("first", "second")


def shown_to_owner(bot: Bot) -> list[Payload]:
    """Return the pairs for the page of a bot: open or confirmed, or dismissed after an appeal."""
    found = [pair_payload(row, bot) for row in of_bot(bot)]
    return [one for one in found if one["state"] != Likeness.State.DISMISSED or one["appeals"]]


def pair_payload(row: Likeness, bot: Bot) -> Payload:
    """Return a pair as the owner of one of its bots sees it: of the other, what is public."""
    other = row.second if row.first_id == bot.pk else row.first
    appeals = row.appeals.filter(bot=bot)
    return {
        "id": row.pk,
        "kind": row.kind,
        "state": row.state,
        "found": moment(row.found_at),
        "seen": moment(row.seen_at),
        "decided": None if row.decided_at is None else moment(row.decided_at),
        "note": row.note,
        "other": {"id": other.pk, "name": other.name, "owner": other.owner_mark},
        "says": says(row),
        "overlap": row.evidence["overlap"],
        "correlation": row.evidence["correlation"],
        "appeals": [appeal_payload(one) for one in appeals],
        "waits": any(one.answered is None for one in appeals),
    }


def appeal_payload(row: Appeal) -> Payload:
    """Return an appeal with its answer."""
    return {
        "id": row.pk,
        "pair": row.likeness_id,
        "text": row.text,
        "at": moment(row.at),
        "answer": row.answer,
        "answered": None if row.answered is None else moment(row.answered),
    }


def says(row: Likeness) -> list[str]:
    """Return the evidence in sentences, each with its sample and its chance."""
    found = []
    if (overlap := row.evidence["overlap"]) is not None:
        found += _overlap_says(row, overlap)
    if (together := row.evidence["correlation"]) is not None:
        found.append(_correlation_says(together))
    found.append(f"{row.evidence['compared']:,} pairs of different owners' bots were compared.")
    return found


def _overlap_says(row: Likeness, overlap: Payload) -> list[str]:
    side = "the same" if overlap["kind"] == Likeness.Kind.CLONE else "the opposite"
    share = f"{100 * overlap['share']:.0f} %"
    first = (
        f"{overlap['matches']:,} of {overlap['trades']:,} trades ({share}) of the "
        f"bot with fewer are {side} as the other's at the same time, on {overlap['days']} days; "
        f"{overlap['expected']:.1f} are expected of bots with these hours of trading "
        f"({_chance(overlap['log10_p'])})."
    )
    scale = f"Bot {row.second_id} has {overlap['scale']:.3g} times the quantities (median)."
    usual = (
        f"With the nearest owners beyond a ring of four, the share above chance is "
        f"{100 * overlap['usual']:.0f} %."
    )
    return [first, f"{_lag(row, overlap)} {scale}", usual]


def _lag(row: Likeness, overlap: Payload) -> str:
    """Return who comes first, and by how much."""
    low, high = overlap["first_lag"], overlap["last_lag"]
    if high < 0:
        return f"Bot {row.second_id} trades {-high} to {-low} seconds before bot {row.first_id}."
    if low > 0:
        return f"Bot {row.second_id} trades {low} to {high} seconds after bot {row.first_id}."
    return (
        f"Bot {row.second_id} trades from {-low} seconds before to {high} seconds after bot "
        f"{row.first_id}."
    )


def _correlation_says(together: Payload) -> str:
    usual = together["usual"]
    beyond = "" if usual is None else f"; the nearest owner beyond a ring of four has {usual:.3f}"
    return (
        f"Daily profits have a correlation of {together['rho']:.3f} ({together['low']:.3f} to "
        f"{together['high']:.3f}, 95 %) over {together['days']} common days "
        f"({_chance(together['log10_p'])}){beyond}."
    )


def _chance(log10_p: float) -> str:
    """Return a probability in words."""
    return f"chance 1 in 10^{-log10_p:.0f}" if log10_p < -1 else "well within chance"


def side_by_side(row: Likeness) -> list[Beside]:
    """Return the first matching trades, each beside the other's."""
    pairs = row.evidence["trades"]
    ids = {number for pair in pairs for number in pair}
    found = Trade.objects.in_bulk(ids)
    return [Beside(found[a], found[b]) for a, b in pairs if a in found and b in found]


def trade_says(trade: Trade) -> str:
    """Return a trade in one line: its number, when, and what."""
    legs = ", ".join(
        f"{leg.action} {plain(leg.quantity)} {leg.symbol} at {plain(leg.price)}"
        for leg in map(leg_of, trade.legs)
    )
    return f"{trade.seq}: {trade.executed_at or trade.received_at:%Y-%m-%d %H:%M:%S} {legs}"
