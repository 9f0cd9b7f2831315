"""What changes strategies themselves: made, configured, started, paused, ended. Audited."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.entitlements import allows, limits_of
from accounts.models import User
from accounts.plans import PLANS
from record import audit
from record.outbox import enqueue
from tools_app.registry import catalogue
from trading.actors import is_person
from trading.execution.selectors import state_of
from trading.execution.services import step
from trading.execution.states import Standing
from trading.ledger.book import LedgerError
from trading.ledger.services import lock
from trading.models import Account, Strategy, StrategyTrade, StrategyVersion
from trading.strategies import config, hooks
from trading.strategies.config import Config

CHAIN: Final = "strategies"
State = Strategy.State


class StrategyError(LedgerError):
    """What was asked of a strategy cannot be done; `field` names the part, the text the remedy."""


class StrategyLimitError(StrategyError):
    """The plan carries no further strategy."""


def read(user: User, given: Any) -> Config:
    """Return a configuration whose tools a person's plan opens; ConfigError names the faults."""
    return config.read(given, sorted(tools_of(user)))


def tools_of(user: User) -> set[int]:
    """Return the tools that a person's plan opens, by number."""
    return {tool.id for tool in catalogue() if allows(user, f"tools.{tool.tier}").allowed}


@transaction.atomic
def create(user: User, account_id: int, *, name: str, given: Any) -> tuple[Strategy, bool]:
    """Make a paused strategy with its first configuration; return it and whether it is new.

    The same name with the same configuration on the same account is the one that is there.

    Raises
    ------
    StrategyError
        Naming the field: no such account, a name that is taken, no room in the plan.
    ConfigError
        When the configuration cannot be.
    """
    name = name.strip()
    if not 0 < len(name) <= 60:
        raise StrategyError("name", "Give a name of 1 to 60 characters.")
    made = read(user, given)
    # Two requests cannot both be the last that the plan carries.
    owner = User.objects.select_for_update().get(pk=user.pk)
    account = _account(owner, account_id, made)
    there = Strategy.objects.filter(owner=owner, name__iexact=name).first()
    if there is not None:
        if there.account_id == account.pk and newest(there).config_hash == made.hash:
            return there, False
        raise StrategyError("name", f"You have a strategy {there.name!r}; give another name.")
    _room(owner)
    strategy = Strategy.objects.create(
        owner=owner, account=account, name=name, reason="made", since=timezone.now()
    )
    _add_version(strategy, made)
    _note(strategy, f"user {owner.pk}", "strategy.create", account=account.pk, hash=made.hash)
    return strategy, True


def _account(owner: User, account_id: int, made: Config) -> Account:
    account = Account.objects.filter(pk=account_id, owner=owner).first()
    if account is None or account.broker != "paper":
        raise StrategyError("account", "Give one of your paper accounts.")
    if account.paper.symbol != made.symbol:
        text = f"This account trades {account.paper.symbol}, and the strategy {made.symbol}."
        raise StrategyError("config/symbol", text)
    return account


def _room(owner: User) -> None:
    """Refuse a strategy beyond the plan: a hosted bot is a bot."""
    used = Strategy.objects.filter(owner=owner).exclude(state=State.ENDED).count()
    most = limits_of(owner).bots
    if used >= most:
        larger = next((plan for plan in PLANS.values() if plan.limits.bots > used), None)
        remedy = "" if larger is None else f" {larger.title} carries {larger.limits.bots}."
        text = f"Your plan carries {most} strateg{'y' if most == 1 else 'ies'}; end one.{remedy}"
        raise StrategyLimitError("name", text)


def newest(strategy: Strategy) -> StrategyVersion:
    """Return the configuration that a strategy runs with."""
    return StrategyVersion.objects.filter(strategy=strategy).latest("number")


def _add_version(strategy: Strategy, made: Config) -> StrategyVersion:
    last = StrategyVersion.objects.filter(strategy=strategy).order_by("-number").first()
    version = StrategyVersion.objects.create(
        strategy=strategy, number=1 if last is None else last.number + 1, text=made.text,
        config_hash=made.hash,
    )  # fmt: skip
    for task in hooks.on_version():
        enqueue(task, strategy.pk, key=f"{task} {strategy.pk} v{version.number}")
    return version


@transaction.atomic
def configure(strategy_id: int, *, given: Any, actor: str) -> tuple[StrategyVersion, bool]:
    """Give a strategy a configuration; return its version and whether that is new.

    Each version has a record of its own, so none takes over a trade of another.

    Raises
    ------
    StrategyError
        When it is ended, has a trade open, or would trade another underlying than its account.
    ConfigError
        When the configuration cannot be.
    """
    strategy = locked(strategy_id)
    if strategy.state == State.ENDED or strategy.owner is None:
        raise StrategyError("", "This strategy is over; make another one.")
    made = read(strategy.owner, given)
    _account(strategy.owner, strategy.account_id, made)
    last = newest(strategy)
    if last.config_hash == made.hash:
        return last, False
    if StrategyTrade.objects.filter(strategy=strategy, ended_at=None).exists():
        raise StrategyError("", "A trade is open: pause the strategy, let it end, then change it.")
    version = _add_version(strategy, made)
    _note(strategy, actor, "strategy.configure", version=version.number, hash=made.hash)
    return version, True


@transaction.atomic
def start(strategy_id: int, *, actor: str) -> Strategy:
    """Let a strategy trade on the rows that come from now on; a person's word arms its account."""
    strategy = locked(strategy_id)
    if is_person(actor) and state_of(strategy.account_id).state == Standing.DISABLED:
        step(strategy.account_id, Standing.ARMED, actor=actor, reason=f"starts {strategy.name}")
    return _turn(strategy_id, State.RUNNING, actor=actor, reason="started")


@transaction.atomic
def pause(strategy_id: int, *, actor: str, reason: str = "paused") -> Strategy:
    """Open nothing more; what is open is left by its exits."""
    return _turn(strategy_id, State.PAUSED, actor=actor, reason=reason)


@transaction.atomic
def end(strategy_id: int, *, actor: str) -> Strategy:
    """End a strategy for ever; what is open is left at the next row."""
    return _turn(strategy_id, State.ENDED, actor=actor, reason="ended")


def _turn(strategy_id: int, state: str, *, actor: str, reason: str) -> Strategy:
    strategy = locked(strategy_id)
    if strategy.state == state:
        return strategy
    if strategy.state == State.ENDED:
        raise StrategyError("", "This strategy is over; make another one.")
    strategy.state, strategy.reason, strategy.since = state, reason[:300], timezone.now()
    strategy.save(update_fields=["state", "reason", "since"])
    lock(strategy.account_id)  # the account's lock stands before the audit chain's
    _note(strategy, actor, f"strategy.{state}", reason=reason[:300])
    return strategy


def locked(strategy_id: int) -> Strategy:
    """Lock a strategy until the transaction ends and return it."""
    return Strategy.objects.select_for_update().get(pk=strategy_id)


def _note(strategy: Strategy, actor: str, action: str, **detail: Any) -> None:
    audit.write(CHAIN, actor=actor, action=action, subject=f"strategy {strategy.pk}", detail=detail)
