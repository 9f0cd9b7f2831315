"""What changes market state, in transactions."""

from __future__ import annotations

from decimal import Decimal

from market import occ
from market.clock import from_ns
from market.models import Instrument, InstrumentKind, Right
from market.snapshot import Layout


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


def ensure_options(layout: Layout, underlying: Instrument) -> None:
    """Make the options of a chain that there are not yet; those that there are stay as they are."""
    rules = {root: occ.rule(root) for root in layout.root_names}
    columns = (
        layout.symbols(), layout.root_list(), layout.expiry_dates(), layout.settles.tolist(),
        layout.strikes.tolist(), layout.is_call.tolist(), layout.american.tolist(),
        layout.multipliers.tolist(),
    )  # fmt: skip
    Instrument.objects.bulk_create(
        (
            Instrument(
                symbol=symbol,
                kind=InstrumentKind.OPTION,
                root=root,
                underlying=underlying,
                expiry=expiry,
                settles_at=from_ns(settles),
                strike=Decimal(repr(strike)),
                right=Right.CALL if call else Right.PUT,
                exercise="american" if american else "european",
                settlement=rules[root].settles,
                multiplier=Decimal(repr(multiplier)),
                currency=underlying.currency,
                simulated=underlying.simulated,
            )
            for symbol, root, expiry, settles, strike, call, american, multiplier in zip(
                *columns, strict=True
            )
        ),
        ignore_conflicts=True,
        batch_size=1_000,
    )
