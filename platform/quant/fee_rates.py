"""Fees as data: each rate with the days on which it held, where it was read, and how surely.

`confirmed` is False where the amount or its first day was not read in the document named, and
`note` says which. Where no later rate stands here, the last one goes on: look it up before money
depends on it. Read on 2026-11-27.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Asset(StrEnum):
    """What is traded, as far as fees tell it apart. An index option is one on a broad index."""

    EQUITY = "equity"
    EQUITY_OPTION = "equity_option"
    INDEX_OPTION = "index_option"
    CRYPTO = "crypto"


class Unit(StrEnum):
    """What an amount is charged on; value is price x quantity x multiplier."""

    UNIT = "unit"
    SHARE = "share"
    VALUE = "value"


class Pays(StrEnum):
    """Whom a rate is for."""

    ALL = "all"
    SELLER = "seller"
    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True)
class Rate:
    """One fee from one day on.

    Attributes
    ----------
    name : str
        Rates of one name replace each other by date.
    amount : Decimal
        In currency per contract or share traded (`UNIT`), per share that it stands for (`SHARE`),
        or as a part of the value (`VALUE`).
    cap : Decimal, optional
        The most for one trade.
    """

    name: str
    amount: Decimal
    unit: Unit
    assets: frozenset[Asset]
    since: dt.date
    source: str
    confirmed: bool
    pays: Pays = Pays.ALL
    cap: Decimal | None = None
    note: str = ""


_OPTIONS: Final = frozenset({Asset.EQUITY_OPTION, Asset.INDEX_OPTION})
_SINGLE: Final = frozenset({Asset.EQUITY, Asset.EQUITY_OPTION})
_STOCK: Final = frozenset({Asset.EQUITY})
_STOCK_OPTION: Final = frozenset({Asset.EQUITY_OPTION})
_COIN: Final = frozenset({Asset.CRYPTO})
_ALPACA: Final = "Alpaca, docs.alpaca.markets/docs/regulatory-fees"


def _sec(amount: str, since: dt.date, source: str, confirmed: bool, note: str = "") -> Rate:
    """Return a rate under Section 31, given in dollars per million sold; no index options."""
    part = Decimal(amount) / 1_000_000
    return Rate("sec", part, Unit.VALUE, _SINGLE, since, source, confirmed, Pays.SELLER, None, note)


def _taf(
    amount: str, assets: frozenset[Asset], year: int, source: str, confirmed: bool,
    cap: str | None = None, note: str = "",
) -> Rate:  # fmt: skip
    """Return a trading activity fee of FINRA; options on broad indexes are exempt."""
    name = "taf" if Asset.EQUITY in assets else "taf_option"
    most = None if cap is None else Decimal(cap)
    since = dt.date(year, 1, 1)
    return Rate(
        name, Decimal(amount), Unit.UNIT, assets, since, source, confirmed, Pays.SELLER, most, note
    )


_FINRA_2024: Final = "SR-FINRA-2024-019, 89 FR 93709 (TAF 2026 to 2029)"
_FROM_MEMORY: Final = "the filing was found, its amounts were not read; later years have others"

REGULATORY: Final[tuple[Rate, ...]] = (
    _sec("27.80", dt.date(2024, 5, 22), _ALPACA, False, "amount read, first day not"),
    _sec("0", dt.date(2025, 5, 14), "SEC announcement of 2025-04-08, told by securitytraders.org; "
         "alpaca.markets/support/regulatory-fees", True),
    _sec("20.60", dt.date(2026, 4, 4), "Release 34-104909, 91 FR 10643", False,
         "order found; amount read at a broker only, first day not read (60 days after the law)"),
    _taf("0.000166", _STOCK, 2024, _ALPACA, False, "8.30", "amount read, first day not"),
    _taf("0.000195", _STOCK, 2026, _FINRA_2024, False, "9.79", _FROM_MEMORY),
    _taf("0.00279", _STOCK_OPTION, 2024, _ALPACA, False, None, "amount read, first day not"),
    _taf("0.00329", _STOCK_OPTION, 2026, _FINRA_2024, False, None, _FROM_MEMORY),
    Rate("orf", Decimal("0.02815"), Unit.UNIT, _OPTIONS, dt.date(2025, 3, 3),
         "Interactive Brokers, ibkrguides.com/kb/options-regulatory-fee-orf.htm", True,
         note="the sum over 18 exchanges, charged wherever an order trades"),
    Rate("orf", Decimal("0.02815"), Unit.UNIT, _OPTIONS, dt.date(2026, 7, 1),
         "SR-CBOE-2025-086, Release 34-104417", False,
         note="from this day on Cboe's exchanges charge only what trades on them: the amount then "
              "depends on the venue and was not found; the old one stands in"),
    Rate("occ", Decimal("0.02"), Unit.UNIT, _OPTIONS, dt.date(2021, 6, 1),
         "OCC schedule of fees", False, cap=Decimal("55.00"), note="amount read, first day not"),
    Rate("occ", Decimal("0.025"), Unit.UNIT, _OPTIONS, dt.date(2025, 2, 14),
         "90 FR 10544", True, note="without a cap"),
    Rate("cat", Decimal("0.0000265"), Unit.SHARE, _SINGLE | _OPTIONS, dt.date(2025, 7, 1),
         "alpaca.markets/support/regulatory-fees", False,
         note="as Alpaca passes it on: 0.000009 + 0.000013 + 0.0000045; 2026 was not found"),
)  # fmt: skip
"""What exchanges, FINRA, OCC and SEC charge, whoever the broker is."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Crypto fees from a volume of 30 days on, in basis points."""

    volume: Decimal
    maker: Decimal
    taker: Decimal


ALPACA_CRYPTO: Final = tuple(
    Tier(Decimal(volume), Decimal(maker), Decimal(taker))
    for volume, maker, taker in (
        (0, 15, 25), (100_000, 12, 22), (500_000, 10, 20), (1_000_000, 8, 18),
        (10_000_000, 5, 15), (25_000_000, 2, 13), (50_000_000, 2, 12), (100_000_000, 0, 10),
    )
)  # fmt: skip
"""alpaca.markets/support/crypto-maker-taker-gmt-faq, from 2023-03-13; charged on what one gets."""


def crypto(volume: Decimal = Decimal(0)) -> tuple[Rate, ...]:
    """Return Alpaca's crypto rates for a volume of the past 30 days in dollars."""
    tier = [tier for tier in ALPACA_CRYPTO if tier.volume <= max(volume, Decimal(0))][-1]
    source, since = "alpaca.markets/support/crypto-maker-taker-gmt-faq", dt.date(2023, 3, 13)
    return tuple(
        Rate("crypto_" + pays.value, points / 10_000, Unit.VALUE, _COIN, since, source, True, pays)
        for pays, points in ((Pays.MAKER, tier.maker), (Pays.TAKER, tier.taker))
    )


def commission(per_contract: Decimal, per_share: Decimal = Decimal(0)) -> tuple[Rate, ...]:
    """Return the rates of a broker that charges by contract and by share."""
    day, own = dt.date(1970, 1, 1), "given"
    return (
        Rate("commission", per_contract, Unit.UNIT, _OPTIONS, day, own, True),
        Rate("commission_share", per_share, Unit.UNIT, _STOCK, day, own, True),
    )


ALPACA: Final = (*REGULATORY, *crypto())
"""No commission on stocks and options, regulatory fees passed on, crypto in its first tier."""
