"""What an order would be: the gate's word before it is sent, its figures, and how it ends."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any, Final

from market import occ
from market.reach import Reach
from trading import late
from trading.desk.marks import Marks
from trading.desk.payloads import Payload, amount
from trading.desk.payoff import Part, Payoff, payoff
from trading.ledger.book import ZERO, plain
from trading.models import Account
from trading.orders.gate import Verdict
from trading.orders.intents import Intent, Leg
from trading.risk import gate
from trading.risk.findings import UNKNOWN, Answer, MissingError
from trading.risk.gate import Judged

_CENT: Final = Decimal("0.01")
_WIDE: Final = Context(prec=120)
"""The cost of the largest order has more digits than those that numbers are usually given."""
GREEKS: Final = ("delta", "gamma", "vega", "theta")


def preview(account: Account, intent: Intent, reach: Reach) -> Payload:
    """Return what the gate would say of an order now, and its figures. Nothing is stored.

    Greeks and costs follow from the live market, and so does what some rules compare; who sees it
    late is not told them.

    Raises
    ------
    LedgerError
        When it is no order at all.
    """
    judged = gate.preview(account.pk, intent)
    verdict = judged.verdict
    live = not reach.delay_s
    return {
        "allowed": verdict.allowed,
        **_said(verdict.rule, verdict, reach),
        "warnings": [late.words(one, None, reach) for one in judged.warnings],
        "refusals": [
            {**_said(one.rule, one.answer, reach), "known": one.answer.value != UNKNOWN}
            for one in judged.refusals
        ],
        "rules": late.rules(verdict.facts.get("rules", []), None, reach),
        "hold": plain(verdict.hold) if live or intent.limit_price is not None else None,
        "opening": bool(judged.facts.opening),
        "live": live,
        **{name: _figure(judged, name) if live else None for name in ("cost", "fees", "loss")},
        "unlimited": live and _is_unlimited(judged),
        "greeks": _greeks(judged) if live else None,
    }  # fmt: skip


def _said(rule: str, said: Verdict | Answer, reach: Reach) -> Payload:
    told = {"rule": rule, "text": said.text, "value": said.value, "limit": said.limit}
    return late.decision(told, None, reach)


def _figure(judged: Judged, name: str) -> str | None:
    """Return a figure of the order, None where facts for it are missing or it has no end."""
    try:
        found: Decimal | None = getattr(judged.facts.picture, name)
    except (MissingError, ArithmeticError, ValueError):
        return None
    return None if found is None else _cents(found)


def _cents(value: Decimal) -> str:
    return plain(value.quantize(_CENT, context=_WIDE) + ZERO)


def _is_unlimited(judged: Judged) -> bool:
    try:
        return judged.facts.picture.loss is None
    except (MissingError, ArithmeticError, ValueError):
        return False


def _greeks(judged: Judged) -> dict[str, str] | None:
    found = judged.facts.greeks_order
    if found is None:
        return None
    return {name: _cents(getattr(found, name)) for name in GREEKS}


def net(intent_legs: tuple[Leg, ...], marks: Marks) -> tuple[Decimal | None, Decimal | None]:
    """Return a unit's price at the middles and at the far sides, below zero when received.

    Of one leg it is that leg's own price. None where a quote is missing.
    """
    scale = max(leg.multiplier for leg in intent_legs)
    middle, far = ZERO, ZERO
    for leg in intent_legs:
        bid, ask = marks.quote(leg.symbol)
        side = ask if leg.ratio > 0 else bid
        if bid is None or ask is None or side is None:
            return None, None
        share = leg.ratio * leg.multiplier / scale
        middle, far = middle + share * (bid + ask) / 2, far + share * side
    if len(intent_legs) == 1:
        return abs(middle), abs(far)
    return middle, far


def ending(intent: Intent, price: Decimal) -> Payoff | None:
    """Return what an order pays at the end of its options at a net price; None for several ends."""
    parts, expiries = [], set()
    for leg in intent.legs:
        units = leg.ratio * leg.multiplier * intent.quantity
        try:
            contract = occ.parse(leg.symbol)
        except occ.OccError:
            parts.append(Part(units))
            continue
        expiries.add(contract.expiry)
        parts.append(Part(units, contract.strike, contract.right == "C"))
    if len(expiries) > 1:
        return None
    scale = max(leg.multiplier for leg in intent.legs)
    side = -1 if len(intent.legs) == 1 and intent.legs[0].ratio < 0 else 1
    return payoff(parts, side * price * scale * intent.quantity)


def ending_payload(found: Payoff, spot: Decimal | None) -> dict[str, Any]:
    """Return a payoff with its bends, for a figure and its table."""
    return {
        "most": amount(found.most),
        "least": amount(found.least),
        "even": [_cents(one) for one in found.even],
        "points": [] if spot is None else [
            [_cents(price), _cents(profit)]
            for price, profit in found.shown(spot)
        ],
    }  # fmt: skip
