"""What kind of instrument a symbol names, as every broker here writes them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_OSI: Final = re.compile(r"([A-Z]{1,6})\d{6}[CP]\d{8}")


def asset_of(symbol: str) -> str:
    """Return of which kind an instrument is: equity, option or crypto."""
    if "/" in symbol:
        return "crypto"
    return "option" if _OSI.fullmatch(symbol) else "equity"


def root_of(symbol: str) -> str:
    """Return the root of an option's symbol; other symbols as they are."""
    found = _OSI.fullmatch(symbol)
    return found.group(1) if found else symbol


def multiplier_of(symbol: str) -> Decimal:
    """Return how many units one of an instrument is, where no order of ours says it."""
    return Decimal(100) if asset_of(symbol) == "option" else Decimal(1)
