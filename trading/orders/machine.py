"""What an order's state is: a function of what is known of it, whatever the order of the news.

News are joined, never replayed: flags are set, counts rise, distinct fills add up, of ends the
earliest stands. So the same news in any order, with any repeats, give the same state. What a
venue says wins over what was expected here: a fill counts after any end.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from typing import Final

from trading.ledger.book import ZERO, total

CENT: Final = Decimal("0.01")
LONGEST_ID: Final = 48
_TARGET, _STOP = "-p", "-s"
ABSENT_AFTER: Final = dt.timedelta(seconds=5)
"""Between the two answers "not found" after which an attempt never arrived."""


class State(StrEnum):
    """Where an order stands."""

    PENDING = "pending"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    CANCEL_PENDING = "cancel_pending"
    FILLED = "filled"
    CANCELED = "canceled"
    REPLACED = "replaced"
    REJECTED = "rejected"
    EXPIRED = "expired"


class News(StrEnum):
    """What a venue says of an order."""

    ACCEPTED = "accepted"
    WORKING = "working"
    FILL = "fill"
    CANCEL_REFUSED = "cancel_refused"
    CANCELED = "canceled"
    REPLACED = "replaced"
    REJECTED = "rejected"
    EXPIRED = "expired"


_S = State
ENDS: Final = {
    News.CANCELED: _S.CANCELED,
    News.EXPIRED: _S.EXPIRED,
    News.REJECTED: _S.REJECTED,
    News.REPLACED: _S.REPLACED,
}
FINAL: Final = frozenset({_S.FILLED, *ENDS.values()})
OPEN: Final = frozenset(State) - FINAL
_HEARD: Final = frozenset({_S.ACCEPTED, _S.WORKING, _S.PARTIALLY_FILLED, _S.CANCEL_PENDING, *FINAL})
LEGAL: Final[Mapping[State, frozenset[State]]] = {
    _S.PENDING: _HEARD | {_S.SUBMITTING},
    # An attempt that certainly was not taken leaves the order to be sent anew.
    _S.SUBMITTING: _HEARD | {_S.UNKNOWN, _S.PENDING},
    _S.UNKNOWN: _HEARD | {_S.PENDING},
    _S.ACCEPTED: _HEARD,
    _S.WORKING: _HEARD - {_S.ACCEPTED},
    _S.PARTIALLY_FILLED: _HEARD - {_S.ACCEPTED, _S.WORKING},
    # A refused cancel leaves the order where it was; an attempt may prove never to have arrived.
    _S.CANCEL_PENDING: _HEARD | {_S.SUBMITTING, _S.UNKNOWN, _S.PENDING},
    _S.FILLED: frozenset(),
    # Late fills complete an order that had ended; of two ends the earlier stands.
    _S.CANCELED: FINAL,
    _S.EXPIRED: FINAL,
    _S.REJECTED: FINAL,
    _S.REPLACED: FINAL,
}
"""To which states each state leads."""


class IllegalTransitionError(RuntimeError):
    """A change of state that no news can cause: a fault of this house."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an order.

    Attributes
    ----------
    quantity : Decimal
        Units that were asked for; a unit of a package is its legs in their ratios.
    ratios : tuple of int
        Of each leg, without sign.
    filled : tuple of Decimal
        Sum of the distinct fills of each leg.
    sent, unanswered, retracted : int
        Newest attempt that was begun; that went unanswered; that never arrived.
    accepted, working : bool
        Whether the venue said so.
    cancels, refusals : int
        Cancels that were asked for, and how many of them were refused.
    end : tuple of time and News, optional
        The earliest end that was heard of.
    """

    quantity: Decimal
    ratios: tuple[int, ...] = (1,)
    filled: tuple[Decimal, ...] = (ZERO,)
    sent: int = 0
    unanswered: int = 0
    retracted: int = 0
    accepted: bool = False
    working: bool = False
    cancels: int = 0
    refusals: int = 0
    end: tuple[dt.datetime, News] | None = None

    @property
    def done(self) -> Decimal:
        """Units that are filled in every leg, at most those that were asked for.

        A package is filled in whole units.
        """
        if len(self.ratios) == 1:
            return min(self.filled[0], self.quantity)
        units = min(some // ratio for some, ratio in zip(self.filled, self.ratios, strict=True))
        return min(units, self.quantity)

    @property
    def in_doubt(self) -> bool:
        """Whether the newest attempt may or may not have arrived."""
        return not self.heard and self.sent > self.retracted and self.state not in FINAL

    @property
    def excess(self) -> Decimal:
        """By how much the fills of any leg exceed what was asked for."""
        over = (
            some - self.quantity * ratio
            for some, ratio in zip(self.filled, self.ratios, strict=True)
        )
        return max(ZERO, *over)

    @property
    def heard(self) -> bool:
        """Whether the venue said anything of it."""
        return self.accepted or self.working or any(self.filled)

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.done >= self.quantity:
            return State.FILLED
        if self.end is not None:
            return ENDS[self.end[1]]
        if self.cancels > self.refusals:
            return State.CANCEL_PENDING
        return self._as_heard() if self.heard else self._as_sent()

    def _as_heard(self) -> State:
        if any(self.filled):
            return State.PARTIALLY_FILLED
        return State.WORKING if self.working else State.ACCEPTED

    def _as_sent(self) -> State:
        if self.sent == self.retracted:
            return State.PENDING
        return State.UNKNOWN if self.unanswered == self.sent else State.SUBMITTING


def learn(
    known: Known,
    news: News,
    at: dt.datetime,
    *,
    leg: int = 0,
    quantity: Decimal = ZERO,
    cancel: int = 0,
) -> Known:
    """Return what is known after some news.

    Parameters
    ----------
    leg, quantity : int, Decimal
        Of a fill that was not heard of before: its leg, from 0, and its size above zero.
    cancel : int
        Which cancel was refused, from 1.
    """
    if news == News.FILL:
        sums = list(known.filled)
        sums[leg] = total((sums[leg], quantity))
        return replace(known, filled=tuple(sums))
    if news == News.CANCEL_REFUSED:
        return replace(known, refusals=max(known.refusals, cancel))
    if news == News.ACCEPTED:
        return replace(known, accepted=True)
    if news == News.WORKING:
        return replace(known, working=True)
    ends = [one for one in (known.end, (at, news)) if one is not None]
    return replace(known, end=min(ends))


def check_step(before: State, after: State) -> None:
    """Raise IllegalTransitionError when no news leads from one state to the other."""
    if before != after and after not in LEGAL[before]:
        raise IllegalTransitionError(f"no order goes from {before} to {after}")


def alerts(before: Known, after: Known, news: News) -> list[str]:
    """Return in words what a person must hear of."""
    found: list[str] = []
    if news == News.FILL and before.state in FINAL:
        found.append(f"late fill: the order was {before.state}")
    if after.excess > before.excess:
        found.append("filled beyond its quantity")
    if news in ENDS and before.end is not None and before.end[1] != news:
        found.append(f"the venue says {news} as well as {before.end[1]}; the earlier stands")
    return found


def held(hold: Decimal, known: Known) -> Decimal:
    """Return what an order still holds: its share of the whole in full cents, 0 once it ended."""
    if known.state in FINAL:
        return ZERO
    left = hold * (known.quantity - known.done) / known.quantity
    return min(hold, left.quantize(CENT, ROUND_UP))


def client_order_id(account: int, intent: str, leg: int, attempt: int) -> str:
    """Return the id under which an attempt is sent: the same for the same four.

    At most 48 characters of a-z, 2-7 and the hyphen; 130 bits of SHA-256.
    """
    whole = hashlib.sha256(f"{account}|{leg}|{attempt}|{intent}".encode()).digest()
    return f"pulse-{account}-{b32encode(whole).decode().lower()[:26]}"[:LONGEST_ID]


def exit_id(lead: str, kind: str) -> str:
    """Return the id of an exit that is sent with the order `lead`, in one request.

    A broker gives such exits ids of its own; what each is beside its lead says which it is here.
    """
    return f"{lead}{_TARGET if kind == 'limit' else _STOP}"


def lead_of(client_order_id: str) -> str:
    """Return the id of the order that an exit was sent with; empty for one that was sent alone."""
    lead, mark = client_order_id[:-2], client_order_id[-2:]
    return lead if mark in (_TARGET, _STOP) else ""
