"""Facts of an order that passes every rule, to be changed one by one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

from quant.account_classes import account_class
from trading.ledger.book import ZERO
from trading.orders.intents import Intent
from trading.orders.intents import Leg as Wanted
from trading.risk import limits
from trading.risk.facts import (
    Asset,
    Counts,
    Day,
    Event,
    Facts,
    Ground,
    Holding,
    Instrument,
    Leg,
    Option,
    Quote,
    Sensitivity,
    Standing,
)
from trading.risk.rules import RULES, evaluate, first_refusal
from trading.scopes import Scope

D = Decimal
NOW = dt.datetime(2026, 11, 20, 15, 30, tzinfo=dt.UTC)
"""10:30 in New York, a Friday."""
OPEN = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
CLOSE = dt.datetime(2026, 11, 20, 21, 0, tzinfo=dt.UTC)
FAR = dt.date(2026, 12, 18)
TODAY = dt.date(2026, 11, 20)
SPOT = D(600)
OWN = Scope("account", "1")


def option(strike: int, *, call: bool = True, expiry: dt.date = FAR, **more: Any) -> Instrument:
    right = "C" if call else "P"
    ends = dt.datetime.combine(expiry, dt.time(21), dt.UTC)
    terms = Option(D(strike), expiry, call, ends, **more)
    symbol = f"SPY{expiry:%y%m%d}{right}{strike * 1000:08d}"
    return Instrument(symbol, "SPY", Asset.OPTION, D(100), terms)


SHARE = Instrument("SPY", "SPY", Asset.EQUITY, D(1))


def quote(mid: str = "5.00", **more: Any) -> Quote:
    """A cent on each side, deep and fresh."""
    near = D(mid)
    given: dict[str, Any] = {
        "bid": near - D("0.01"), "ask": near + D("0.01"), "age": 0.0, "bid_size": D(1_000),
        "ask_size": D(1_000), "interest": D(100_000), "years": 0.08,
    }  # fmt: skip
    return Quote(**given | more)


def leg(
    instrument: Instrument, ratio: int = 1, *, units: int = 1, closing: bool = False, **more: Any
) -> Leg:
    given = {"quote": quote("600.00") if instrument.option is None else quote()} | more
    return Leg(
        instrument, ratio, D(units * ratio), given["quote"], closing,
        given.get("listed", instrument.multiplier),
    )  # fmt: skip


def held(instrument: Instrument, quantity: int, mid: str = "5.00") -> Holding:
    return Holding(instrument, D(quantity), quote("600.00" if instrument.option is None else mid))


def ground(**more: Any) -> Ground:
    given: dict[str, Any] = {
        "symbol": "SPY", "now": NOW, "state": "on", "quote": quote("600.00"), "spot": SPOT,
        "chain_age": 0.0, "session": (OPEN, CLOSE), "jump": ZERO, "quoted": D(1),
        "frozen": False, "events": (),
    }  # fmt: skip
    return Ground(**given | more)


def given(legs: tuple[Leg, ...] | None = None, **more: Any) -> Facts:
    """One call of 600 bought for 5.00 in a live account of $100,000 on Pro+, changed as given."""
    legs = (leg(option(600)),) if legs is None else legs
    units = abs(legs[0].quantity / legs[0].ratio)
    wanted = tuple(
        Wanted(one.instrument.symbol, one.ratio, one.instrument.multiplier) for one in legs
    )
    intent = Intent("one", wanted, units, limit_price=more.pop("price", D("5.00")))
    intent = replace(intent, **more.pop("intent", {}))
    account = Standing(1, True, "alpaca", "pro_plus", "live", live_enabled=True, opted_in=True)
    widest = limits.Limits(**{name: row.cap for name, row in limits.TABLE.items()})
    known: dict[str, Any] = {
        "at": NOW, "account": replace(account, **more.pop("account", {})),
        "limits": replace(widest, **more.pop("limits", {})), "size": account_class(100_000.0),
        "intent": intent, "legs": legs, "grounds": {"SPY": ground(**more.pop("ground", {}))},
        "positions": (), "pending": (), "cash": D(100_000), "credit": ZERO,
        "counts": Counts(**{"second": 0, "minute": 0, "day": 0, "same": 0, "refusals": 0}
                         | more.pop("counts", {})),
        "equity": D(100_000), "deposits": D(100_000), "day": Day(D(100_000), ZERO, ZERO),
        "greeks_held": Sensitivity(), "greeks_order": Sensitivity(), "greeks_pending": (),
        "day_trades": 0,
    }  # fmt: skip
    return Facts(**known | more)


def closing(**more: Any) -> Facts:
    """Leaving one long call that is held."""
    legs = (leg(option(600), -1, closing=True, **more.pop("leg", {})),)
    return given(legs, positions=(held(option(600), 1),), **more)


def three(limit: Any, step: Any = 1) -> list[tuple[Any, str]]:
    return [(limit - step, "pass"), (limit, "pass"), (limit + step, "refuse")]


def event(kind: str, before_s: int) -> Facts:
    when = NOW + dt.timedelta(seconds=before_s)
    return given(ground={"events": (Event(kind, "Something", when),)})


def lost(amount: int, **more: Any) -> Facts:
    return given(day=Day(D(100_000), D(-amount), D(0)), limits={
        "reduce_loss": D("0.02"), "halt_loss": D("0.03")}, **more)  # fmt: skip


def priced(price: str, *, bid: str = "4.80", ask: str = "5.20", ratio: int = 1) -> Facts:
    market = quote(bid=D(bid), ask=D(ask))
    return given((leg(option(600), ratio, quote=market),), price=D(price))


def short_share(cash: str, **more: Any) -> Facts:
    """Selling one share for 600 that is not held, on paper with credit."""
    known = {"credit": D(100_000), "account": {"broker": "paper"}} | more
    return given((leg(SHARE, -1),), price=D(600), cash=D(cash), **known)


def said(facts: Facts, name: str) -> Any:
    """What one rule answers."""
    return next(one.answer for one in evaluate(facts) if one.rule == name)


def outcome(facts: Facts, name: str) -> str:
    return said(facts, name).outcome.value


def refused_by(facts: Facts) -> str | None:
    found = first_refusal(evaluate(facts))
    return None if found is None else found.rule


NAMES = [rule.name for rule in RULES]
