"""What a rule answers, and the few ways in which it compares."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final, TypeVar

from trading.ledger.book import plain

T = TypeVar("T")
_SHOWN: Final = Decimal("0.000001")
UNKNOWN: Final = "not known"
"""The value of an answer to whose question a fact is missing."""


class Outcome(StrEnum):
    """How a rule judged."""

    PASS = "pass"  # noqa: S105 - no secret
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rule says: value and limit are what it compared, as text."""

    outcome: Outcome
    text: str = ""
    value: str = ""
    limit: str = ""


class MissingError(LookupError):
    """A fact that a rule needs is not known: the order is refused."""


def need(value: T | None, what: str) -> T:
    """Return a fact; MissingError where it is not known."""
    if value is None:
        raise MissingError(f"{what} is not known")
    return value


def shown(value: object) -> str:
    """Return a number as it is told: exact up to six decimals."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        return plain(value.quantize(_SHOWN, ROUND_HALF_EVEN) if abs(value) < 10**15 else value)
    return str(value)


def passed(value: object = "", limit: object = "") -> Answer:
    """Answer that the order may be, by this rule."""
    return Answer(Outcome.PASS, "", shown(value), shown(limit))


def refused(text: str, value: object = "", limit: object = "") -> Answer:
    """Answer that it may not."""
    return Answer(Outcome.REFUSE, text, shown(value), shown(limit))


def warned(text: str, value: object = "", limit: object = "") -> Answer:
    """Answer that it may, with something that a person should hear of."""
    return Answer(Outcome.WARN, text, shown(value), shown(limit))


def at_most(value: Decimal, limit: Decimal, text: str) -> Answer:
    """Refuse what is above a limit; what is not a number raises."""
    return passed(value, limit) if value <= limit else refused(text, value, limit)


def at_least(value: Decimal, limit: Decimal, text: str) -> Answer:
    """Refuse what is below a limit; what is not a number raises."""
    return passed(value, limit) if value >= limit else refused(text, value, limit)
