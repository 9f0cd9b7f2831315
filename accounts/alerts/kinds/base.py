"""What every kind of channel does, and how answers of all of them are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from accounts.alerts.addresses import RefusedAddressError
from accounts.alerts.message import Message
from accounts.alerts.outbound import Answer, Transport
from accounts.alerts.retries import retry_after

Config = Mapping[str, str]
_GONE: Final = (404, 410)
_RETRIED: Final = (408, 425, 429)


class FieldError(ValueError):
    """A value that cannot be taken; `name` is its field, the text says what would do."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class RetryError(Exception):
    """Not delivered, or not known to be: try again, after `wait` seconds when that was asked."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class RefusedError(Exception):
    """The other side refuses this message; `gone` means that it will refuse every other."""

    def __init__(self, text: str, *, gone: bool = False) -> None:
        super().__init__(text)
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Entry:
    """A value that a kind asks its user for."""

    name: str
    label: str
    help: str = ""
    secret: bool = True


class Kind(Protocol):
    """A kind of channel. Implementations translate; they touch no table."""

    name: str
    title: str
    entries: tuple[Entry, ...]
    steps: tuple[str, ...]
    """How to get what it asks for."""

    def clean(self, given: Config) -> dict[str, str]:
        """Return what is kept of the values given; raise FieldError for one that cannot be."""
        ...

    def shown(self, config: Config) -> str:
        """Return the address without its secret."""
        ...

    def send(self, config: Config, message: Message, transport: Transport) -> str:
        """Send and return the receipt; raise RetryError, RefusedError or what transport raises."""
        ...


def judged(answer: Answer, who: str, *, wait: float | None = None) -> Answer:
    """Return an answer that says yes; raise what the others mean.

    `wait` is what the body asked for, where a vendor says it there.
    """
    status = answer.status
    if 200 <= status < 300:
        return answer
    if status in _RETRIED or status >= 500:
        asked = retry_after(answer.headers.get("retry-after"), dt.datetime.now(dt.UTC))
        both = [value for value in (asked, wait) if value is not None]
        raise RetryError(f"{who} answered {status}", max(both, default=None))
    if 300 <= status < 400:
        raise RefusedError(f"{who} answered {status}: redirects are not followed")
    raise RefusedError(f"{who} answered {status}", gone=status in _GONE)


def asked_in_body(answer: Answer, *path: str) -> float | None:
    """Return the seconds that a JSON body asks to wait, below the keys given."""
    import orjson

    try:
        value: Any = orjson.loads(answer.body)
        for key in path:
            value = value[key]
        return float(value)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def cleaned_url(given: Config, name: str) -> str:
    """Return the address of a field; raise FieldError for one that is never called."""
    from accounts.alerts.addresses import check_url

    text = given.get(name, "").strip()
    try:
        check_url(text)
    except RefusedAddressError as error:
        raise FieldError(name, f"{str(error)[0].upper()}{str(error)[1:]}.") from None
    return text


def cut(text: str, most: int) -> str:
    """Return a text that a vendor's limit lets pass."""
    return text if len(text) <= most else text[: most - 1] + "…"
