"""OCC option symbols, and what an option root says about settlement. Root beats date.

On a third Friday SPX (settled at the open) and SPXW (settled at the close) share strike and date,
so nothing here ever infers settlement from a date.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

_SYMBOL = re.compile(r"([A-Z][A-Z0-9]{0,5}) *([0-9]{6})([CP])([0-9]{8})", re.ASCII)
_ROOT = re.compile(r"[A-Z][A-Z0-9]{0,5}", re.ASCII)


def is_root(text: str) -> bool:
    """Return whether a text is shaped like an option root."""
    return _ROOT.fullmatch(text) is not None


_PADDED = 21
_STRIKE_LIMIT = 100_000_000  # thousandths: eight digits


class OccError(ValueError):
    """The text is not an OCC symbol, or the contract has none."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One listed option: root, expiry date, right and strike in thousandths."""

    root: str
    expiry: dt.date
    right: str
    strike_thousandths: int

    def __post_init__(self) -> None:
        if not _ROOT.fullmatch(self.root):
            raise OccError(f"root {self.root!r} is not one to six capital letters and digits")
        if self.right not in ("C", "P"):
            raise OccError(f"right {self.right!r} is neither C nor P")
        if not 0 < self.strike_thousandths < _STRIKE_LIMIT:
            raise OccError(f"strike {self.strike_thousandths} thousandths has no OCC symbol")
        if not 2000 <= self.expiry.year <= 2099:
            raise OccError(f"year {self.expiry.year} has no OCC symbol")

    @property
    def strike(self) -> Decimal:
        """The strike in the underlying's currency."""
        return Decimal(self.strike_thousandths) / 1000

    @property
    def symbol(self) -> str:
        """The symbol without padding, as vendors write it: `SPXW180105C02735000`."""
        return f"{self.root}{self.expiry:%y%m%d}{self.right}{self.strike_thousandths:08d}"

    @property
    def padded(self) -> str:
        """The 21 characters of the OCC: the root filled to six with spaces."""
        return f"{self.root:<6}{self.symbol[len(self.root) :]}"


@lru_cache(maxsize=65_536)
def parse(text: str) -> Contract:
    """Return the contract that a compact or padded symbol names; OccError when it is neither."""
    match = _SYMBOL.fullmatch(text)
    if match is None or (" " in text and len(text) != _PADDED):
        raise OccError(f"{text!r} is not an OCC symbol")
    root, digits, right, strike = match.groups()
    try:
        expiry = dt.date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError as error:
        raise OccError(f"{text!r} has no such expiry date") from error
    return Contract(root, expiry, right, int(strike))


def from_parts(root: str, expiry: dt.date, right: str, strike: Decimal | float) -> Contract:
    """Return the contract of a strike in currency; OccError when it is not whole thousandths."""
    exact = Decimal(repr(strike) if isinstance(strike, float) else strike)
    if not exact.is_finite() or not 0 < exact < _STRIKE_LIMIT:
        raise OccError(f"strike {strike} has no OCC symbol")
    thousandths = exact * 1000
    if thousandths != thousandths.to_integral_value():
        raise OccError(f"strike {strike} is not a whole number of thousandths")
    return Contract(root, expiry, right, int(thousandths))


@dataclass(frozen=True, slots=True)
class RootRule:
    """How the options of one root settle.

    `settles`: `am` at the session's open (special opening quotation), `pm` at its close.
    `late`: the options trade 15 minutes past the underlying's close. The settlement clock still
    stops at that close: exercise by exception is decided on the underlying's closing price, and
    what the holder may do after it (until 17:30) is a right that no quote prices.
    `at`: a fixed New York time instead of the session's open or close (futures options).
    """

    underlying: str
    settles: str = "pm"
    american: bool = True
    late: bool = False
    index: bool = False
    at: dt.time | None = None


# Cboe and Nasdaq product specifications; CME rulebook chapters for ES and OG. Where a root is not
# listed, it is an equity option: American, settled by shares at the close.
_INDEX_AM = {"SPX": "SPX", "NDX": "NDX", "RUT": "RUT", "DJX": "DJX", "VIX": "VIX", "VIXW": "VIX"}
_INDEX_PM = {"SPXW": "SPX", "SPXPM": "SPX", "XSP": "XSP", "NDXP": "NDX", "RUTW": "RUT",
             "XEO": "OEX", "MRUT": "MRUT", "XND": "XND"}  # fmt: skip
_LATE_FUNDS = ("SPY", "QQQ", "IWM", "DIA", "EEM", "EFA", "XLF", "XLE", "GLD", "SLV", "USO", "TLT",
               "VXX", "SVXY", "UVXY", "HYG", "FXI", "GDX", "XLK", "XLI", "XLU", "XLV", "XLP",
               "XLY", "XLB", "IYR", "SMH", "KRE", "XOP", "XRT", "EWZ", "MDY", "UNG")  # fmt: skip
ROOTS: Final[dict[str, RootRule]] = {
    **{r: RootRule(u, "am", american=False, late=True, index=True) for r, u in _INDEX_AM.items()},
    **{r: RootRule(u, "pm", american=False, late=True, index=True) for r, u in _INDEX_PM.items()},
    "OEX": RootRule("OEX", "pm", american=True, late=True, index=True),
    **{root: RootRule(root, late=True) for root in _LATE_FUNDS},
    "ES": RootRule("ES", "am", american=True, at=dt.time(9, 30)),
    "OG": RootRule("GC", "pm", american=True, at=dt.time(13, 30)),
}
_ADJUSTED = re.compile(r"([A-Z]+)[0-9]")


def rule(root: str) -> RootRule:
    """Return the rule of a root. An adjusted root (`GOOG1`) follows the root it came from."""
    if root in ROOTS:
        return ROOTS[root]
    adjusted = _ADJUSTED.fullmatch(root)
    return rule(adjusted[1]) if adjusted else RootRule(root)


def symbols(
    roots: Iterable[str],
    expiries: Iterable[dt.date],
    is_call: npt.NDArray[np.bool_],
    strikes: npt.NDArray[np.float64],
) -> list[str]:
    """Return the compact symbols of a chain's contracts; strikes are rounded to thousandths."""
    thousandths = np.rint(strikes * 1000).astype(np.int64)
    return [
        f"{root}{day:%y%m%d}{'C' if call else 'P'}{strike:08d}"
        for root, day, call, strike in zip(roots, expiries, is_call, thousandths, strict=True)
    ]
