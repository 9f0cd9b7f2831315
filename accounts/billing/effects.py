"""What each state of a subscription means for its plan: one table, and pure functions over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from accounts.plans import FREE, PLANS

REFUNDED: Final = "refunded"
DISPUTED: Final = "disputed"
OF_UPGRADE: Final[Mapping[str, str]] = MappingProxyType(
    {REFUNDED: "upgrade_refunded", DISPUTED: "upgrade_disputed"}
)
"""The same of an upgrade's payment, which was for the difference alone."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Whether the paid plan is open, what the page says, and what the person can do.

    `remedy` is "card" (pay or change the card in the portal), "subscribe", or nothing.
    `going_on` says that the subscription still stands at Stripe, so no second one may begin.
    """

    opens: bool
    going_on: bool
    title: str
    says: str = ""
    remedy: str = ""


EFFECTS: Final[Mapping[str, Effect]] = MappingProxyType(
    {
        "trialing": Effect(True, True, "Trial"),
        "active": Effect(True, True, "Active"),
        "past_due": Effect(
            True,
            True,
            "Payment due",
            "The last payment was refused. Your plan stays open while the payment is tried again. "
            "Change the card to keep it.",
            "card",
        ),
        "unpaid": Effect(
            False,
            True,
            "Unpaid",
            "Every try to charge your card was refused, so your account is on Free. "
            "Pay the open invoice and the plan opens again.",
            "card",
        ),
        "paused": Effect(
            False,
            True,
            "Paused",
            "The trial ended without a card, so your account is on Free. Add a card to go on.",
            "card",
        ),
        "incomplete": Effect(
            False,
            True,
            "First payment missing",
            "The first payment was not made, so the plan is not open yet. "
            "Pay the open invoice within 23 hours.",
            "card",
        ),
        "incomplete_expired": Effect(
            False,
            False,
            "Never begun",
            "The first payment was not made in time. Nothing was charged.",
            "subscribe",
        ),
        "canceled": Effect(False, False, "Ended", "", "subscribe"),
        REFUNDED: Effect(
            False,
            True,
            "Refunded",
            "The payment of this period was given back, so your account is on Free. "
            "The next payment opens the plan again; cancel if you do not want it.",
            "card",
        ),
        DISPUTED: Effect(
            False,
            True,
            "Disputed",
            "Your bank disputes the payment of this period, so your account is on Free until the "
            "bank has decided. If that was a mistake, tell your bank.",
        ),
        OF_UPGRADE[REFUNDED]: Effect(
            True,
            True,
            "Upgrade refunded",
            "The payment of your upgrade was given back, so your account has the plan from before "
            "it. The next payment opens the larger plan again; change it if you do not want it.",
            "card",
        ),
        OF_UPGRADE[DISPUTED]: Effect(
            True,
            True,
            "Upgrade disputed",
            "Your bank disputes the payment of your upgrade, so your account has the plan from "
            "before it until the bank has decided. If that was a mistake, tell your bank.",
        ),
    }
)
"""By Stripe's status, or by what happened to the payment of the running period."""
UNKNOWN: Final = Effect(
    False, True, "Not known", "Stripe gives a state that this version does not know."
)
_ORDER: Final = {plan: place for place, plan in enumerate(PLANS)}


class Held(Protocol):
    """What counts of a subscription."""

    @property
    def plan(self) -> str:
        """The plan it is for."""

    @property
    def status(self) -> str:
        """Stripe's status."""

    @property
    def hold(self) -> str:
        """What became of the payment, or nothing."""

    @property
    def keeps(self) -> str:
        """The plan that stays open when an upgrade's payment is gone."""


def of_status(status: str) -> Effect:
    """Return what one of Stripe's statuses means, whatever became of the payment."""
    return EFFECTS.get(status, UNKNOWN)


def effect_of(held: Held) -> Effect:
    """Return what a subscription's state means. A hold only takes from what would be open."""
    effect = of_status(held.status)
    return EFFECTS[held.hold] if held.hold and effect.opens else effect


def paid_plan(subscriptions: Iterable[Held]) -> str:
    """Return the largest plan that subscriptions open, Free when they open none."""
    return largest(
        held.keeps if held.hold in OF_UPGRADE.values() else held.plan
        for held in subscriptions
        if effect_of(held).opens
    )


def largest(plans: Iterable[str]) -> str:
    """Return the largest of the plans; names that no plan has count as Free."""
    return max((p for p in plans if p in _ORDER), key=_ORDER.__getitem__, default=FREE)


def covers(plan: str, other: str) -> bool:
    """Return whether one plan has all of the other."""
    return _ORDER.get(plan, 0) >= _ORDER.get(other, 0)
