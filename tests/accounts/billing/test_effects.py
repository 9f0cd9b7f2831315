"""The table of what each state means, and its laws over sequences of states."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from accounts.billing import effects
from accounts.plans import PLANS
from sandbox.stripe import catalogue, invoices, portal, subscriptions
from sandbox.stripe.books import DAY, Books

STRIPES = (
    "trialing", "active", "past_due", "unpaid", "canceled", "incomplete", "incomplete_expired",
    "paused",
)  # fmt: skip
# Who has the paid plan: by status, then by what happened to the payment.
OPENS = {"trialing", "active", "past_due"}


@dataclass(frozen=True)
class Held:
    plan: str
    status: str
    hold: str = ""
    keeps: str = ""


helds = st.builds(
    Held,
    st.sampled_from([*PLANS, "gone"]),
    st.sampled_from([*STRIPES, "new_status"]),
    st.sampled_from(["", effects.REFUNDED, effects.DISPUTED]),
) | st.builds(
    Held,
    st.just("pro_plus"),
    st.sampled_from(STRIPES),
    st.sampled_from(list(effects.OF_UPGRADE.values())),
    st.sampled_from(["free", "pro"]),
)


@pytest.mark.parametrize("status", STRIPES)
def test_every_status_of_stripe_has_its_effect(status):
    assert effects.EFFECTS[status].opens is (status in OPENS)
    assert effects.paid_plan([Held("pro", status)]) == ("pro" if status in OPENS else "free")


@pytest.mark.parametrize("hold", [effects.REFUNDED, effects.DISPUTED])
def test_a_hold_closes_what_was_open_and_says_why(hold):
    assert effects.paid_plan([Held("pro_plus", "active", hold)]) == "free"
    assert "account is on Free" in effects.effect_of(Held("pro", "active", hold)).says
    assert effects.effect_of(Held("pro", "unpaid", hold)) is effects.EFFECTS["unpaid"]


@pytest.mark.parametrize("hold", effects.OF_UPGRADE.values())
def test_a_held_upgrade_leaves_the_plan_from_before_it(hold):
    held = Held("pro_plus", "active", hold, "pro")
    assert effects.paid_plan([held]) == "pro"
    assert "the plan from before it" in effects.effect_of(held).says
    assert effects.paid_plan([Held("pro_plus", "unpaid", hold, "pro")]) == "free"


@given(st.lists(helds, max_size=5))
def test_the_largest_open_plan_counts_in_any_order(rows):
    found = effects.paid_plan(rows)
    assert found == effects.paid_plan(reversed(rows))
    assert found in PLANS
    paid = {row.keeps or row.plan for row in rows if effects.effect_of(row).opens}
    assert found == "free" or found in paid
    assert all(effects.covers(found, plan) for plan in paid if plan in PLANS)


@given(st.lists(helds, max_size=4), helds)
def test_one_more_subscription_takes_nothing_away(rows, more):
    assert effects.covers(effects.paid_plan([*rows, more]), effects.paid_plan(rows))


def test_what_closes_a_paid_plan_names_its_remedy():
    for name, effect in effects.EFFECTS.items():
        assert effect.opens or effect.remedy or name == effects.DISPUTED
        assert effect.says or name in {"trialing", "active", "canceled"}


class Life(RuleBasedStateMachine):
    """Anything that may happen to a subscription at the stand-in, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books()
        self.prices = {}
        for plan, cents in (("pro", 9900), ("pro_plus", 29900)):
            catalogue.product_create(self.books, {"id": f"pulse_{plan}", "name": plan})
            for word, interval, times in (("monthly", "month", 1), ("yearly", "year", 10)):
                made = catalogue.price_create(
                    self.books,
                    {
                        "product": f"pulse_{plan}",
                        "currency": "usd",
                        "unit_amount": str(cents * times),
                        "recurring": {"interval": interval},
                        "lookup_key": f"pulse_{plan}_{word}",
                    },
                )
                self.prices[made["id"]] = plan
        self.customer = catalogue.customer_create(self.books, {"email": "a@example.com"})
        self.session = {"customer": self.customer["id"]}

    def live(self):
        return portal.live_of(self.books, self.session)

    @precondition(lambda self: self.live() is None)
    @rule(price=st.integers(0, 3), days=st.sampled_from([0, 7]), good=st.booleans())
    def begin(self, price, days, good):
        self.declining(good)
        chosen = self.books.things[sorted(self.prices)[price]]
        subscriptions.start(self.books, self.customer, chosen, trial_days=days)

    def declining(self, good):
        self.books.declining.discard(self.customer["id"])
        if not good:
            self.books.declining.add(self.customer["id"])

    @precondition(lambda self: self.live() is not None)
    @rule(
        act=st.sampled_from(["cancel", "resume", "card", "change"]),
        price=st.integers(0, 3),
        card=st.sampled_from(["4242", "0341"]),
    )
    def press(self, act, price, card):
        value = sorted(self.prices)[price] if act == "change" else card
        portal.act(self.books, self.session, act, value)

    @rule(days=st.integers(1, 40), ends=st.sampled_from(["canceled", "unpaid"]))
    def wait(self, days, ends):
        self.books.after_retries = ends
        subscriptions.advance(self.books, days * DAY)

    @rule()
    def refund(self):
        open_charges = [c for c in self.books.all("charge", paid=True) if not c["refunded"]]
        if open_charges:
            invoices.refund(self.books, {"charge": open_charges[0]["id"]})

    @invariant()
    def every_state_is_known_and_one_subscription_goes_on(self):
        rows = self.books.all("subscription")
        assert all(row["status"] in effects.EFFECTS for row in rows)
        held = [
            Held(self.prices[row["items"]["data"][0]["price"]["id"]], row["status"]) for row in rows
        ]
        assert sum(effects.effect_of(one).going_on for one in held) <= 1
        live = self.live()
        paid = effects.paid_plan(held)
        if live is None:
            assert paid == "free"
        else:
            until = live["items"]["data"][0]["current_period_end"]
            assert until > self.books.now or live["status"] == "incomplete"

    @invariant()
    def a_paid_plan_was_paid_or_is_tried(self):
        live = self.live()
        if live is None or live["status"] != "active":
            return
        assert self.books.things[live["latest_invoice"]]["status"] == "paid"

    @invariant()
    def events_tell_the_last_state(self):
        told = {}
        for event in self.books.events:
            thing = event["data"]["object"]
            if thing["object"] == "subscription":
                told[thing["id"]] = thing["status"]
        now = {one["id"]: one["status"] for one in self.books.all("subscription")}
        assert told == now


TestLife = Life.TestCase
