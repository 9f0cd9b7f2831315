"""The rules of the gate: plain functions of the facts, all asked, in one order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from trading.risk.facts import Facts
from trading.risk.findings import UNKNOWN, Answer, MissingError, Outcome, passed, refused
from trading.risk.rules import calm, loss, market, may, money, portfolio, prices, rate


class Rule(NamedTuple):
    """A rule by its name. `opening`: what does nothing but lower risk passes it unasked."""

    name: str
    judge: Callable[[Facts], Answer]
    opening: bool = False


RULES: Final = (
    Rule("plan", may.plan),
    Rule("opt in", may.opt_in),
    Rule("account state", may.state),
    Rule("switches", may.switches),
    Rule("breakers", calm.breakers),
    Rule("order kind", may.kind),
    Rule("broker", may.broker),
    Rule("symbol", may.symbol, opening=True),
    Rule("structure", may.structure, opening=True),
    Rule("short sale", may.short_sale, opening=True),
    Rule("session", market.session),
    Rule("contract", market.listed),
    Rule("last trade", market.last_trade),
    Rule("last hour", market.last_hour, opening=True),
    Rule("quote age", market.quote_age),
    Rule("underlying age", market.underlying_age),
    Rule("chain age", market.chain_age),
    Rule("future", market.future),
    Rule("quote", market.two_sided),
    Rule("width", market.width, opening=True),
    Rule("sanity", prices.sanity),
    Rule("collar", prices.collar),
    Rule("through", prices.through),
    Rule("order size", rate.size, opening=True),
    Rule("notional", rate.notional, opening=True),
    Rule("open interest", rate.interest, opening=True),
    Rule("displayed size", rate.displayed, opening=True),
    Rule("orders a second", rate.second),
    Rule("orders a minute", rate.minute),
    Rule("orders a day", rate.day, opening=True),
    Rule("duplicate", rate.same),
    Rule("openings a day", rate.openings, opening=True),
    Rule("seconds between openings", rate.between, opening=True),
    Rule("broker refusals", rate.refusals),
    Rule("uncovered", money.uncovered),
    Rule("cash secured", money.secured, opening=True),
    Rule("order loss", money.order_loss, opening=True),
    Rule("open loss", money.open_loss, opening=True),
    Rule("underlying loss", money.underlying_loss, opening=True),
    Rule("loss today", money.today_loss, opening=True),
    Rule("buying power", money.power, opening=True),
    Rule("day trading", money.day_trading),
    Rule("position", portfolio.held, opening=True),
    Rule("delta", portfolio.delta, opening=True),
    Rule("gamma", portfolio.gamma, opening=True),
    Rule("vega", portfolio.vega, opening=True),
    Rule("theta", portfolio.theta, opening=True),
    Rule("daily loss", loss.day, opening=True),
    Rule("halting loss", loss.halting),
    Rule("drawdown", loss.drawdown, opening=True),
    Rule("earnings", calm.earnings, opening=True),
    Rule("macro", calm.macro, opening=True),
    Rule("anomaly", calm.anomaly, opening=True),
    Rule("wash sale", loss.wash_sale),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule with what it answered."""

    rule: str
    answer: Answer


def evaluate(facts: Facts, rules: tuple[Rule, ...] = RULES) -> tuple[Finding, ...]:
    """Ask every rule; one that fails, or lacks a fact, refuses."""
    return tuple(Finding(rule.name, _asked(rule, facts)) for rule in rules)


def _asked(rule: Rule, facts: Facts) -> Answer:
    try:
        if rule.opening and facts.picture.reducing:
            return passed("leaves a position")
        return rule.judge(facts)
    except MissingError as error:
        said = str(error.args[0])
        why = "; ".join(text for name, text in facts.notes.items() if name in said)
        return refused(f"{said[0].upper()}{said[1:]}{f' ({why})' if why else ''}.", UNKNOWN)
    except Exception as error:  # noqa: BLE001 - a guard that cannot be evaluated stays shut
        return refused(f"The rule failed ({type(error).__name__}).", "failed")


def first_refusal(findings: tuple[Finding, ...]) -> Finding | None:
    """Return the first rule that refuses."""
    return next((one for one in findings if one.answer.outcome == Outcome.REFUSE), None)
