"""How an API key reads, what it may be allowed, and how long it lasts. No table is touched here."""

from __future__ import annotations

import datetime as dt
import re
import secrets
import string
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from types import MappingProxyType
from typing import Final

from record.access import READ, REPORT, SCOPES, TRADE

ALPHABET: Final = string.digits + string.ascii_letters
PREFIX: Final = 12
SECRET: Final = 43
"""Letters of 62 of the secret part: 43 log2(62) = 256.03 bits."""
MOST_KEYS: Final = 20
MOST_NAME: Final = 60
MOST_NETWORKS: Final = 20
LONGEST_OVERLAP_S: Final = 7 * 86_400

_TEXT: Final = re.compile(rf"pk_(live|test)_([0-9A-Za-z]{{{PREFIX}}})_[0-9A-Za-z]{{{SECRET}}}")
_LENGTH: Final = len("pk_live_") + PREFIX + 1 + SECRET
_LIKE: Final = re.compile(r"pk_(?:live|test)_\w{4}")

SCOPE_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        READ: "Read market data, signals and your own records; run tools; listen live",
        REPORT: "Report a bot's trades and heartbeats; start and stop work in the labs",
        TRADE: "Place and cancel orders",
    }
)
LIFETIMES: Final[Mapping[int, str]] = MappingProxyType(
    {30: "In 30 days", 90: "In 90 days", 365: "In a year", 0: "Never"}
)
"""Days until a new key expires; 0 stands for never."""
OVERLAPS: Final[Mapping[int, str]] = MappingProxyType(
    {0: "At once", 3600: "In an hour", 86_400: "In a day", LONGEST_OVERLAP_S: "In 7 days"}
)
"""Seconds for which the secret before a rotation goes on."""

Address = IPv4Address | IPv6Address


class FieldError(ValueError):
    """A value that cannot be taken; `name` is its field, the message says why."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


def kind_of(*, production: bool) -> str:
    """Return what stands in the keys of an installation: live, or test where nothing is real."""
    return "live" if production else "test"


def new_prefix() -> str:
    """Return the part by which a key is found; it is no secret."""
    return _letters(PREFIX)


def new_text(kind: str, prefix: str) -> str:
    """Return a new key."""
    return f"pk_{kind}_{prefix}_{_letters(SECRET)}"


def _letters(count: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def prefix_of(text: str, kind: str) -> str | None:
    """Return the prefix of what reads like a key of this kind, or None."""
    found = _TEXT.fullmatch(text) if len(text) == _LENGTH else None
    return found[2] if found is not None and found[1] == kind else None


def holds_key(text: str) -> bool:
    """Return whether something that reads like a key stands in a text."""
    return _LIKE.search(text) is not None


def clean_name(text: str) -> str:
    """Return a name; raise FieldError when it is empty or too long."""
    name = " ".join(text.split())
    if not name or len(name) > MOST_NAME:
        raise FieldError("name", f"Give a name of 1 to {MOST_NAME} characters.")
    if holds_key(name):
        raise FieldError("name", "A key is no name: it would be shown. Give another name.")
    return name


def clean_scopes(scopes: Iterable[str]) -> list[str]:
    """Return scopes in their order; raise FieldError when there is none or one is unknown."""
    chosen = set(scopes)
    if not chosen or not chosen <= set(SCOPES):
        raise FieldError("scopes", f"Choose at least one of {', '.join(SCOPES)}.")
    return [scope for scope in SCOPES if scope in chosen]


def clean_networks(words: Iterable[str]) -> list[str]:
    """Return networks as CIDR, each once; a plain address is a network of one.

    Raises
    ------
    FieldError
        For what is no network, with what it says, and for too many.
    """
    found: list[str] = []
    for word in words:
        try:
            found.append(str(ip_network(word)))
        except ValueError as error:
            said = str(error).partition(" has host bits")
            hint = (
                f"use {ip_network(word, strict=False)}" if said[1] else "write 203.0.113.0/24, say"
            )
            raise FieldError("networks", f"{word[:60]} is no network; {hint}.") from None
    networks = list(dict.fromkeys(found))
    if len(networks) > MOST_NETWORKS:
        raise FieldError("networks", f"Give at most {MOST_NETWORKS} networks.")
    return networks


def address_of(text: str) -> Address | None:
    """Return an IP address, one of IPv4 that is written as IPv6 as IPv4; None for other text."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def within(address: Address | None, networks: Iterable[str]) -> bool:
    """Return whether an address lies in one of the networks."""
    return address is not None and any(address in ip_network(network) for network in networks)


def clean_overlap(seconds: int) -> dt.timedelta:
    """Return how long the secret before a rotation goes on; raise FieldError beyond 7 days."""
    if not 0 <= seconds <= LONGEST_OVERLAP_S:
        raise FieldError("overlap", "The old secret can go on for up to 7 days.")
    return dt.timedelta(seconds=seconds)
