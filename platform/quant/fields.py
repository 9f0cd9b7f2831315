"""Names and units of price and Greeks. Only names: importing it loads no numerics."""

from __future__ import annotations

from typing import Final, NamedTuple

GREEKS: Final = (
    "delta",
    "gamma",
    "vega",
    "theta",
    "rho",
    "charm",
    "vanna",
    "vomma",
    "volga",
    "speed",
    "zomma",
    "color",
    "ultima",
)
"""The thirteen names. Twelve derivatives: volga is vomma in the market's unit."""

FIELDS: Final = ("price", *GREEKS)


class Alias(NamedTuple):
    """A name for another field in another unit."""

    of: str
    scale: float


ALIASES: Final = {"volga": Alias(of="vomma", scale=1e-4)}


class Quote(NamedTuple):
    """The market's unit of a field, the raw value over `divisor`, and the unit of the raw one."""

    divisor: float
    unit: str
    raw: str


QUOTES: Final = {
    "price": Quote(1.0, "$", "$"),
    "delta": Quote(1.0, "$ per $", "$ per $"),
    "gamma": Quote(1.0, "delta per $", "delta per $"),
    "vega": Quote(100.0, "$ per vol pt", "$ per 1.00 vol"),
    "theta": Quote(365.0, "$ per day", "$ per year"),
    "rho": Quote(100.0, "$ per rate pt", "$ per 1.00 rate"),
    "charm": Quote(365.0, "delta per day", "delta per year"),
    "vanna": Quote(100.0, "delta per vol pt", "delta per 1.00 vol"),
    "vomma": Quote(1.0, "$ per vol^2", "$ per vol^2"),
    "volga": Quote(1.0, "$ per vol pt^2", "$ per vol pt^2"),
    "speed": Quote(1.0, "gamma per $", "gamma per $"),
    "zomma": Quote(100.0, "gamma per vol pt", "gamma per 1.00 vol"),
    "color": Quote(365.0, "gamma per day", "gamma per year"),
    "ultima": Quote(1e6, "$ per vol pt^3", "$ per vol^3"),
}
