"""What a symbol names: a share, a coin or an option contract."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from decimal import Decimal
from typing import Final, NamedTuple

_OSI: Final = re.compile(r"([A-Z][A-Z0-9]{0,5})(\d{6})([CP])(\d{8})")
_SHARE: Final = re.compile(r"[A-Z][A-Z.]{0,6}")


class Contract(NamedTuple):
    """An option contract out of its symbol."""

    root: str
    expiry: dt.date
    right: str
    strike: Decimal

    @property
    def underlying(self) -> str:
        """What it is on; a digit at the root's end says that the contract was adjusted."""
        return self.root.rstrip("0123456789")


def contract(symbol: str) -> Contract | None:
    """Return what an option's symbol says; None for other symbols."""
    found = _OSI.fullmatch(symbol)
    if found is None:
        return None
    root, day, right, strike = found.groups()
    expiry = dt.datetime.strptime(day, "%y%m%d").date()
    return Contract(root, expiry, right, Decimal(strike) / 1000)


def kind(symbol: str) -> str:
    """Return Alpaca's class of an asset."""
    if "/" in symbol:
        return "crypto"
    return "us_option" if contract(symbol) else "us_equity"


def multiplier(symbol: str) -> Decimal:
    """Return how many units one of an asset is."""
    return Decimal(100) if contract(symbol) else Decimal(1)


def exists(symbol: str) -> bool:
    """Return whether a symbol is of a form that this stand-in trades."""
    return bool(contract(symbol) or _SHARE.fullmatch(symbol) or re.fullmatch(r"\w+/USD", symbol))


def asset_id(symbol: str) -> str:
    """Return an asset's id: the same for the same symbol."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"asset:{symbol}"))


def text(value: Decimal) -> str:
    """Write a number as Alpaca does: without exponent and without zeros at its end."""
    written = f"{value:f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written in ("-0", "") else written
