"""From the page of plans to a paid plan and back, with the official client and real signatures."""

from __future__ import annotations

import json

import httpx
import pytest
from django.test import Client

from accounts.billing.models import BillingCustomer, BillingSubscription
from accounts.models import User
from accounts.services import CHAIN
from record.models import AuditEntry, OutboxRow
from sandbox.stripe import catalogue, invoices, portal
from tests.accounts.billing.conftest import deliver, pay

pytestmark = pytest.mark.django_db
REPLAY = "/tools/time-of-day-drift/"


def plan_of(user: User) -> str:
    return User.objects.get(pk=user.pk).plan


def signed(person, name: str) -> tuple[Client, User]:
    user = person(name)
    web = Client()
    web.force_login(user)
    return web, user


def portal_of(web: Client) -> str:
    answer = web.post("/account/billing/portal/")
    assert answer.status_code == 302
    return answer.url


def press(page: str, act: str, value: str = "") -> str:
    answer = httpx.post(page, data={"act": act, "value": value}, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.text


def all_told(stripe, work) -> None:
    for event in stripe.books.events:
        assert deliver(event, stripe) == 200
    stripe.books.events.clear()
    work()


def test_paying_opens_the_plan_without_signing_in_again(
    stripe, person, work, django_capture_on_commit_callbacks, monkeypatch
):
    told: list[int] = []
    monkeypatch.setattr("accounts.services.tell_access_changed", told.append)
    web, user = signed(person, "nina")
    assert "Subscribe to Pro" in web.get("/pricing/").content.decode()
    assert web.get("/api/v1/tools").json()["results"][20]["locked"] is True
    answer = pay(web, "pro")
    assert answer.status_code == 303
    assert answer.headers["location"].endswith("/account/billing/return/")
    assert plan_of(user) == "free"  # the browser's return opens nothing
    assert "Waiting for Stripe" in web.get("/account/billing/return/").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        all_told(stripe, work)
    assert plan_of(user) == "pro"
    assert told == [user.pk]  # open sockets ask again
    assert web.get("/api/v1/tools").json()["results"][20]["locked"] is False
    part = web.get("/account/billing/return/", headers={"HX-Request": "true"}).content.decode()
    assert "Your account is on Pro." in part
    assert "hx-get" not in part
    entry = AuditEntry.objects.get(chain=CHAIN, action="plan_change")
    assert entry.actor == "stripe"
    assert json.loads(entry.detail)["to"] == "pro"
    page = web.get("/account/billing/").content.decode()
    assert "$99.00 a month" in page
    assert "Renews" in page
    assert "0001" in page


def test_a_declined_card_buys_nothing(stripe, person, work):
    web, user = signed(person, "nina")
    answer = pay(web, "pro", card="0002")
    assert "The card was declined" in answer.text
    all_told(stripe, work)
    assert plan_of(user) == "free"


def test_leaving_and_coming_back_is_one_checkout(stripe, person):
    web, user = signed(person, "nina")
    pages = [
        web.post("/account/billing/checkout/", {"plan": plan, "billing": "monthly"}).url
        for plan in ("pro", "pro", "pro_plus")
    ]
    assert pages[0] == pages[1] != pages[2]
    sessions = stripe.books.all("checkout.session")
    assert [one["status"] for one in sessions] == ["open", "expired"]
    assert (
        "You left the checkout. Nothing was charged."
        in web.get("/pricing/?left=1").content.decode()
    )
    assert len(stripe.books.all("customer")) == BillingCustomer.objects.count() == 1
    assert BillingCustomer.objects.get().user == user


def test_nobody_buys_twice(stripe, buyer, work):
    user = buyer("nina")
    web = Client()
    web.force_login(user)
    # No webhook has come, yet the second window is refused: Stripe was asked.
    answer = web.post(
        "/account/billing/checkout/", {"plan": "pro", "billing": "monthly"}, follow=True
    )
    assert "You have a subscription already" in answer.content.decode()
    assert len(stripe.books.all("subscription")) == 1
    assert plan_of(user) == "pro"


def test_a_larger_plan_begins_at_once_and_a_smaller_one_at_the_end(stripe, buyer, work):
    user = buyer("nina")
    all_told(stripe, work)
    web = Client()
    web.force_login(user)
    prices = {price["lookup_key"]: price["id"] for price in stripe.books.all("price")}
    page = portal_of(web)
    assert "changed" in press(page, "change", prices["pulse_pro_plus_monthly"])
    all_told(stripe, work)
    assert plan_of(user) == "pro_plus"
    assert "when the period ends" in press(page, "change", prices["pulse_pro_monthly"])
    all_told(stripe, work)
    assert plan_of(user) == "pro_plus"
    text = web.get("/account/billing/").content.decode()
    assert "to Pro, monthly" in text
    stripe.advance(40 * 86_400)
    all_told(stripe, work)
    assert plan_of(user) == "pro"


def test_canceling_keeps_the_plan_to_the_end_and_can_be_taken_back(stripe, buyer, work):
    user = buyer("nina", "pro_plus", "yearly")
    all_told(stripe, work)
    web = Client()
    web.force_login(user)
    page = portal_of(web)
    press(page, "cancel")
    all_told(stripe, work)
    assert plan_of(user) == "pro_plus"
    assert "then Free" in web.get("/account/billing/").content.decode()
    press(page, "resume")
    all_told(stripe, work)
    assert BillingSubscription.objects.get().ends is None
    press(page, "cancel")
    stripe.advance(366 * 86_400)
    all_told(stripe, work)
    assert plan_of(user) == "free"
    assert "Choose a plan" in web.get("/account/billing/").content.decode()
    assert pay(web, "pro").status_code == 303  # and begins anew
    all_told(stripe, work)
    assert plan_of(user) == "pro"


def test_a_refused_renewal_is_due_then_ends_or_is_healed(stripe, buyer, work):
    user = buyer("nina", card="0341")
    all_told(stripe, work)
    web = Client()
    web.force_login(user)
    stripe.advance(32 * 86_400)
    all_told(stripe, work)
    assert plan_of(user) == "pro"
    text = web.get("/account/billing/").content.decode()
    assert "The last payment was refused" in text
    assert "Pay or change the card" in text
    press(portal_of(web), "card", "4242")
    all_told(stripe, work)
    assert BillingSubscription.objects.get().status == "active"
    press(portal_of(web), "card", "0341")
    stripe.books.after_retries = "unpaid"
    stripe.advance(50 * 86_400)
    all_told(stripe, work)
    assert (plan_of(user), BillingSubscription.objects.get().status) == ("free", "unpaid")
    assert "Every try to charge your card" in web.get("/account/billing/").content.decode()
    press(portal_of(web), "card", "4242")


def test_a_trial_opens_the_plan_before_the_first_payment_and_once(
    stripe, person, work, monkeypatch
):
    import dataclasses

    from accounts import plans
    from accounts.billing import buying

    offered = {**plans.PLANS, "pro": dataclasses.replace(plans.PLANS["pro"], trial_days=7)}
    monkeypatch.setattr(buying, "PLANS", offered)
    web, user = signed(person, "nina")
    pay(web, "pro")
    all_told(stripe, work)
    assert plan_of(user) == "pro"
    text = web.get("/account/billing/").content.decode()
    assert "Trial ends" in text
    press(portal_of(web), "cancel")
    stripe.advance(8 * 86_400)
    all_told(stripe, work)
    assert plan_of(user) == "free"
    pay(web, "pro")
    all_told(stripe, work)
    assert BillingSubscription.objects.order_by("-started").first().status == "active"


def test_a_refund_and_a_dispute_close_the_plan(stripe, buyer, work):
    user = buyer("nina")
    all_told(stripe, work)
    charge = stripe.books.all("charge")[0]
    invoices.refund(stripe.books, {"charge": charge["id"], "amount": "100"})
    all_told(stripe, work)
    assert plan_of(user) == "pro"  # a part of it closes nothing
    dispute = invoices.dispute(stripe.books, charge)
    all_told(stripe, work)
    assert (plan_of(user), BillingSubscription.objects.get().hold) == ("free", "disputed")
    invoices.dispute_close(stripe.books, dispute, "won")
    all_told(stripe, work)
    assert plan_of(user) == "pro"
    invoices.refund(stripe.books, {"charge": charge["id"]})
    all_told(stripe, work)
    assert (plan_of(user), BillingSubscription.objects.get().hold) == ("free", "refunded")
    stripe.advance(32 * 86_400)  # the next payment opens it again
    all_told(stripe, work)
    assert plan_of(user) == "pro"


def upgraded(stripe, user, key: str) -> list[dict]:
    """Change to a price now; return the charges that paid, the newest first."""
    price = next(p for p in stripe.books.all("price") if p["lookup_key"] == key)
    portal.act(stripe.books, {"customer": user.billing.stripe_id}, "change", price["id"])
    return stripe.books.all("charge", paid=True)


def test_an_upgrade_given_back_leaves_the_plan_from_before_it(stripe, buyer, work):
    user = buyer("nina")
    stripe.advance(10 * 86_400)
    upgrade, first = upgraded(stripe, user, "pulse_pro_plus_monthly")
    all_told(stripe, work)
    assert plan_of(user) == "pro_plus"
    dispute = invoices.dispute(stripe.books, upgrade)
    all_told(stripe, work)
    assert (plan_of(user), BillingSubscription.objects.get().hold) == ("pro", "upgrade_disputed")
    invoices.dispute_close(stripe.books, dispute, "won")
    all_told(stripe, work)
    assert plan_of(user) == "pro_plus"
    invoices.refund(stripe.books, {"charge": upgrade["id"], "amount": "100"})
    all_told(stripe, work)
    assert plan_of(user) == "pro_plus"  # a part of it takes nothing
    invoices.refund(stripe.books, {"charge": upgrade["id"]})
    all_told(stripe, work)
    row = BillingSubscription.objects.get()
    assert (plan_of(user), row.plan, row.hold, row.keeps) == (
        "pro", "pro_plus", "upgrade_refunded", "pro",
    )  # fmt: skip
    web = Client()
    web.force_login(user)
    text = web.get("/account/billing/").content.decode()
    assert "Upgrade refunded." in text
    assert "<dt>Subscribed to</dt><dd>Pro+</dd>" in text
    invoices.refund(stripe.books, {"charge": first["id"]})
    all_told(stripe, work)
    assert (plan_of(user), BillingSubscription.objects.get().hold) == ("free", "refunded")
    stripe.advance(31 * 86_400)  # the next payment is for all of the larger plan
    all_told(stripe, work)
    assert plan_of(user) == "pro_plus"


def test_the_change_to_a_year_pays_a_period_of_its_own(stripe, buyer, work):
    user = buyer("nina")
    stripe.advance(10 * 86_400)
    year, month = upgraded(stripe, user, "pulse_pro_plus_yearly")
    invoices.refund(stripe.books, {"charge": month["id"]})
    all_told(stripe, work)
    assert plan_of(user) == "pro_plus"  # that month is over
    invoices.refund(stripe.books, {"charge": year["id"]})
    all_told(stripe, work)
    assert (plan_of(user), BillingSubscription.objects.get().hold) == ("free", "refunded")


def test_a_period_that_a_credit_paid_cannot_be_given_back(stripe, buyer, work):
    user = buyer("nina")
    stripe.books.all("customer")[0]["balance"] = -50_000
    stripe.advance(32 * 86_400)
    assert [one["amount_paid"] for one in stripe.books.all("invoice")] == [0, 9_900]
    invoices.refund(stripe.books, {"charge": stripe.books.all("charge")[0]["id"]})
    all_told(stripe, work)
    assert (plan_of(user), BillingSubscription.objects.get().hold) == ("pro", "")


def test_a_renewal_that_is_due_does_not_open_what_was_given_back(stripe, buyer, work):
    user = buyer("nina", card="0341")
    invoices.refund(stripe.books, {"charge": stripe.books.all("charge")[0]["id"]})
    stripe.advance(32 * 86_400)
    all_told(stripe, work)
    row = BillingSubscription.objects.get()
    assert (plan_of(user), row.status, row.hold) == ("free", "past_due", "refunded")


def test_a_fee_beside_the_subscription_closes_nothing(stripe, buyer, work):
    user = buyer("nina")
    subscription, price = stripe.books.all("subscription")[0], stripe.books.all("price")[0]
    fee = invoices.Line("Help with the set-up", 5_000, {**price, "product": "prod_help"}, True)
    invoices.pay(stripe.books, invoices.make(stripe.books, subscription, "manual", [fee]))
    invoices.refund(stripe.books, {"charge": stripe.books.all("charge")[0]["id"]})
    all_told(stripe, work)
    assert (plan_of(user), BillingSubscription.objects.get().hold) == ("pro", "")


def test_a_customer_removed_at_stripe_has_no_plan_and_may_begin_again(stripe, buyer, work):
    user = buyer("nina")
    all_told(stripe, work)
    catalogue.customer_delete(stripe.books, BillingCustomer.objects.get().stripe_id)
    all_told(stripe, work)
    assert plan_of(user) == "free"
    web = Client()
    web.force_login(user)
    assert pay(web, "pro").status_code == 303
    all_told(stripe, work)
    assert plan_of(user) == "pro"
    assert BillingCustomer.objects.count() == 1


def test_a_silent_stripe_is_told_and_nothing_breaks(stripe, person):
    web, user = signed(person, "nina")
    stripe.down = True
    answer = web.post(
        "/account/billing/checkout/", {"plan": "pro", "billing": "monthly"}, follow=True
    )
    assert "Stripe does not answer now. Nothing was charged." in answer.content.decode()
    assert plan_of(user) == "free"


@pytest.mark.parametrize(
    "wish", [{}, {"plan": "free", "billing": "monthly"}, {"plan": "pro", "billing": "daily"}]
)
def test_what_is_not_offered_cannot_be_bought(stripe, person, wish):
    web, _ = signed(person, "nina")
    answer = web.post("/account/billing/checkout/", wish, follow=True)
    assert "Choose Pro or Pro+" in answer.content.decode()


def test_without_keys_the_pages_say_so_and_nothing_is_sold(person, client):
    web, _ = signed(person, "nina")
    for page in ("/pricing/", "/account/billing/", "/account/"):
        assert "Billing is not configured" in web.get(page).content.decode()
    wish = {"plan": "pro", "billing": "monthly"}
    assert web.post("/account/billing/checkout/", wish).status_code == 404
    assert client.post("/stripe/webhook/", b"{}", content_type="text/plain").status_code == 404


def test_coming_back_after_the_keys_were_taken_away_promises_nothing(stripe, buyer, settings):
    user = buyer("nina")
    web = Client()
    web.force_login(user)
    settings.STRIPE_SECRET_KEY = settings.STRIPE_WEBHOOK_SECRET = ""
    assert web.get("/account/billing/return/").url == "/pricing/"
    assert not OutboxRow.objects.exists()


def test_the_page_of_plans_reads_the_subscription_once(
    stripe, buyer, work, django_assert_max_num_queries
):
    user = buyer("nina")
    all_told(stripe, work)
    web = Client()
    web.force_login(user)
    with django_assert_max_num_queries(20) as asked:
        page = web.get("/pricing/").content.decode()
    assert "Manage your plan" in page
    assert sum("billingsubscription" in one["sql"] for one in asked.captured_queries) == 1


def test_forms_may_lead_to_stripe_and_to_nobody_else(stripe, person):
    web, _ = signed(person, "nina")
    for page in ("/pricing/", "/account/billing/"):
        policy = web.get(page)["Content-Security-Policy"]
        assert (
            "form-action 'self' https://checkout.stripe.com https://billing.stripe.com "
            f"{stripe.address};" in policy + ";"
        )
    assert "stripe" not in web.get("/account/")["Content-Security-Policy"]
