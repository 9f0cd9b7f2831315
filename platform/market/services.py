"""What changes market state, in transactions."""

from __future__ import annotations

from decimal import Decimal

from market import calendars, occ
from market.models import Instrument, InstrumentKind, Right


def ensure_instrument(
    symbol: str,
    *,
    kind: str,
    name: str = "",
    currency: str = "USD",
    simulated: bool = False,
) -> Instrument:
    """Return the instrument of a symbol, made when there is none."""
    row, _ = Instrument.objects.get_or_create(
        symbol=symbol,
        defaults={"kind": kind, "name": name, "currency": currency, "simulated": simulated},
    )
    return row


def ensure_option(symbol: str, *, multiplier: Decimal = Decimal(100)) -> Instrument:
    """Return the option of an OCC symbol, made when there is none, its underlying likewise.

    OccError when the text is not an OCC symbol.
    """
    contract = occ.parse(symbol)
    rule = occ.rule(contract.root)
    kind = InstrumentKind.INDEX if rule.index else InstrumentKind.EQUITY
    underlying = ensure_instrument(rule.underlying, kind=kind)
    row, _ = Instrument.objects.get_or_create(
        symbol=contract.symbol,
        defaults={
            "kind": InstrumentKind.OPTION,
            "root": contract.root,
            "underlying": underlying,
            "expiry": contract.expiry,
            "settles_at": calendars.settlement(contract.root, contract.expiry),
            "strike": contract.strike,
            "right": Right(contract.right),
            "exercise": "american" if rule.american else "european",
            "settlement": rule.settles,
            "multiplier": multiplier,
            "simulated": underlying.simulated,
        },
    )
    return row
