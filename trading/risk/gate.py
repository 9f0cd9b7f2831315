"""The gate before every order: facts, rules, one verdict with its hold and all its reasons."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from trading.ledger.book import ZERO, plain
from trading.models import Account
from trading.orders.gate import ALONE, Among, Verdict
from trading.orders.intents import Intent, check
from trading.risk import breakers, gather, services, telling
from trading.risk.facts import Facts
from trading.risk.findings import MissingError, Outcome, shown
from trading.risk.rules import RULES, Finding, Rule, evaluate, first_refusal

HOSTED: Final = "strategy:"
"""How the origin of a hosted strategy's order begins: nobody sits before it to read a refusal."""
_PASSED: Final = "It passed every rule."
_FIGURES: Final = ("price", "mid", "natural", "collar", "cost", "fees", "notional", "loss", "hold")


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with the facts and findings behind it."""

    verdict: Verdict
    facts: Facts
    findings: tuple[Finding, ...]

    @property
    def warnings(self) -> list[str]:
        """What a person should hear though the order may be."""
        return [one.answer.text for one in self.findings if one.answer.outcome == Outcome.WARN]

    @property
    def refusals(self) -> list[Finding]:
        """Every rule that refuses; the first one names the verdict."""
        return [one for one in self.findings if one.answer.outcome == Outcome.REFUSE]


def judge(facts: Facts, rules: tuple[Rule, ...] = RULES) -> Judged:
    """Return the verdict on an order: the first rule that refuses, else what it holds."""
    findings = evaluate(facts, rules)
    first = first_refusal(findings)
    told = _told(facts, findings)
    if first is not None:
        said = first.answer
        verdict = Verdict(False, first.rule, said.text, said.value, said.limit, facts=told)
    else:
        verdict = Verdict(True, "all rules", _PASSED, hold=facts.picture.hold, facts=told)
    return Judged(verdict, facts, findings)


def risk_gate(account: Account, intent: Intent, among: Among = ALONE) -> Verdict:
    """Judge an order under its account's lock, and keep what the breakers learn from it."""
    facts = gather.facts_of(account, intent, among=among)
    if facts.breakers and breakers.move_on(account, facts.at):
        facts = gather.facts_of(account, intent, among=among)
    judged = judge(facts)
    services.keep_day(account, facts)
    breakers.watch_decision(account, judged.verdict, facts)
    if not judged.verdict.allowed and intent.origin.startswith(HOSTED):
        telling.promise(account, "refused", intent.origin, judged.verdict.rule, judged.verdict.text)
    return judged.verdict


def preview(account_id: int, intent: Intent, *, now: dt.datetime | None = None) -> Judged:
    """Return what the gate would say of an order now. Nothing is stored, and nothing locked.

    Raises
    ------
    LedgerError
        When it is no order at all.
    """
    check(intent)
    account = Account.objects.get(pk=account_id)
    return judge(gather.facts_of(account, intent, now))


@lru_cache(maxsize=1)
def revision() -> str:
    """Return what the rules are, as a digest of their source: one text for one behaviour."""
    room = Path(__file__).parent
    whole = hashlib.sha256()
    for path in sorted([*room.glob("*.py"), *room.glob("rules/*.py")]):
        whole.update(path.relative_to(room).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()[:16]


def _told(facts: Facts, findings: tuple[Finding, ...]) -> dict[str, Any]:
    """Return what explains a decision later: each rule, the limits, figures, the market."""
    limits = facts.limits
    told: dict[str, Any] = {
        "rules": [_row(one) for one in findings],
        "revision": revision(),
        "limits": {name: plain(getattr(limits, name)) for name in limits.__slots__},
        "size": None if facts.size is None else facts.size.name,
        "equity": None if facts.equity is None else plain(facts.equity),
        "opening": bool(facts.opening),
        "market": {
            name: {"snapshot": one.snapshot, "now": one.now.isoformat(), "state": one.state,
                   "spot": None if one.spot is None else plain(one.spot)}
            for name, one in facts.grounds.items()
        },
        "quotes": {
            leg.instrument.symbol: None if leg.quote is None
            else [shown(one) for one in (leg.quote.bid, leg.quote.ask, leg.quote.age)]
            for leg in facts.legs
        },
    }  # fmt: skip
    return told | {name: text for name in _FIGURES if (text := _figure(facts, name)) is not None}


def _row(one: Finding) -> list[str]:
    row = [one.rule, one.answer.outcome.value, one.answer.value, one.answer.limit]
    return row if one.answer.outcome == Outcome.PASS else [*row, one.answer.text]


def _figure(facts: Facts, name: str) -> str | None:
    """Return a figure of the order as text, None where facts for it are missing."""
    try:
        found: Decimal | None = getattr(facts.picture, name)
    except (MissingError, ArithmeticError, ValueError):
        return None
    return None if found is None else plain(found + ZERO)
