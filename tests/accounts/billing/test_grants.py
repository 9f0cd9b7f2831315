"""Plans that operators give: with an end, above and beside what is paid, on the audit chain."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.utils import timezone

from accounts.billing import events, services
from accounts.billing.models import (
    BillingCustomer,
    BillingSubscription,
    PlanGrant,
    StripeEvent,
)
from accounts.models import User
from accounts.services import CHAIN, AccountError
from record import audit
from record.models import AuditEntry
from sandbox.stripe import invoices
from tests.accounts.billing.conftest import deliver

pytestmark = pytest.mark.django_db


def plan_of(user: User) -> str:
    return User.objects.get(pk=user.pk).plan


def in_days(days: int) -> dt.datetime:
    return timezone.now() + dt.timedelta(days=days)


@pytest.fixture
def olga(person) -> User:
    return person("olga", is_staff=True)


def subscribe(user: User, plan: str, status: str = "active") -> None:
    row, _ = BillingCustomer.objects.get_or_create(
        user=user, defaults={"stripe_id": f"cus_{user.pk}"}
    )
    BillingSubscription.objects.update_or_create(
        stripe_id=f"sub_{user.pk}",
        defaults={
            "customer": row, "plan": plan, "status": status, "interval": "monthly",
            "amount": 99, "currency": "usd", "started": timezone.now(),
        },
    )  # fmt: skip


def test_a_grant_opens_its_plan_until_its_end(person, olga):
    nina = person("nina")
    made = services.grant(nina, plan="pro", ends=in_days(3), actor=olga, reason="a prize")
    assert plan_of(nina) == "pro"
    assert services.end_due_grants() == 0
    PlanGrant.objects.filter(pk=made.pk).update(ends=in_days(-1))
    assert services.end_due_grants() == 1
    assert plan_of(nina) == "free"
    assert PlanGrant.objects.get().ended is not None
    assert services.end_due_grants() == 0
    rows = AuditEntry.objects.filter(chain=CHAIN).order_by("seq")
    assert [row.action for row in rows] == ["plan_grant", "plan_change", "plan_change"]
    assert [row.actor for row in rows] == [f"user:{olga.pk}"] * 2 + ["system:grants"]
    assert json.loads(rows[0].detail)["reason"] == "a prize"
    assert audit.verify().sound


def test_a_grant_lifts_a_paid_plan_and_its_end_falls_back_to_it(person, olga):
    nina = person("nina")
    subscribe(nina, "pro")
    services.settle(nina.pk, actor="stripe", reason="test")
    made = services.grant(nina, plan="pro_plus", ends=None, actor=olga, reason="a trial of more")
    assert plan_of(nina) == "pro_plus"
    assert services.grant_end(made.pk, actor=olga, reason="over")
    assert plan_of(nina) == "pro"
    assert not services.grant_end(made.pk, actor=olga, reason="again")


def test_a_grant_outlives_the_end_of_a_subscription(person, olga):
    nina = person("nina")
    subscribe(nina, "pro")
    services.grant(nina, plan="pro", ends=None, actor=olga, reason="a friend of the house")
    subscribe(nina, "pro", "canceled")
    services.settle(nina.pk, actor="stripe", reason="test")
    assert plan_of(nina) == "pro"


@pytest.mark.parametrize(
    ("plan", "days", "reason", "says"),
    [
        ("free", None, "why", "not Free"),
        ("gold", None, "why", "not Free"),
        ("pro", -1, "why", "lies ahead"),
        ("pro", None, " ", "give a reason"),
    ],
)
def test_a_grant_that_makes_no_sense_leaves_no_trace(person, olga, plan, days, reason, says):
    nina = person("nina")
    ends = None if days is None else in_days(days)
    with pytest.raises(AccountError, match=says):
        services.grant(nina, plan=plan, ends=ends, actor=olga, reason=reason)
    assert not PlanGrant.objects.exists()
    assert not AuditEntry.objects.filter(chain=CHAIN).exists()


def test_moving_is_a_grant_and_moving_to_free_ends_it(person, olga):
    nina = person("nina")
    assert services.move(nina, plan="pro_plus", actor=olga, reason="paid by transfer")
    assert PlanGrant.objects.get().plan == plan_of(nina) == "pro_plus"
    # What Stripe tells of a customer who never paid does not take it away.
    services.settle(nina.pk, actor="stripe", reason="test")
    assert plan_of(nina) == "pro_plus"
    assert services.move(nina, plan="free", actor=olga, reason="over")
    assert plan_of(nina) == "free"
    assert not services.active_grants().exists()


def test_what_is_paid_is_not_moved_below_that(person, olga):
    nina = person("nina")
    subscribe(nina, "pro_plus")
    services.settle(nina.pk, actor="stripe", reason="test")
    with pytest.raises(AccountError, match=r"pays for Pro\+ through Stripe"):
        services.move(nina, plan="free", actor=olga, reason="why not")
    assert plan_of(nina) == "pro_plus"


def test_a_plan_that_nothing_gave_is_left_alone(person):
    nina = person("nina", "pro")
    assert services.settle(nina.pk, actor="stripe", reason="test") == ("pro", "pro")


def test_operators_give_and_take_back_in_the_admin(signed_in, person, monkeypatch):
    monkeypatch.setattr("accounts.second_factor.is_due", lambda request: False)
    web, nina = signed_in("olga", is_staff=True), person("nina")
    form = {"user": nina.pk, "plan": "pro", "ends_0": "", "ends_1": "", "reason": "a prize"}
    answer = web.post("/admin/accounts/plangrant/add/", form, follow=True)
    assert answer.status_code == 200
    assert plan_of(nina) == "pro"
    made = PlanGrant.objects.get()
    page = web.get("/admin/accounts/plangrant/").content.decode()
    assert "nina@example.com" in page
    late = {**form, "ends_0": "2020-01-01", "ends_1": "00:00"}
    answer = web.post("/admin/accounts/plangrant/add/", late, follow=True)
    assert "Nothing was given: choose an end that lies ahead." in answer.content.decode()
    act = {"action": "end", "_selected_action": [made.pk]}
    answer = web.post("/admin/accounts/plangrant/", act, follow=True)
    assert "give a reason" in answer.content.decode()
    web.post("/admin/accounts/plangrant/", {**act, "reason": "over"})
    assert plan_of(nina) == "free"


def test_the_admin_shows_billing_and_replays_events(signed_in, buyer, stripe, work, monkeypatch):
    monkeypatch.setattr("accounts.second_factor.is_due", lambda request: False)
    user = buyer("nina")
    for event in stripe.books.events:
        deliver(event, stripe)
    work()
    web = signed_in("olga", is_staff=True)
    for name in ("billingcustomer", "billingsubscription", "billinginvoice", "stripeevent",
                 "billingreconciliation"):  # fmt: skip
        assert web.get(f"/admin/accounts/{name}/").status_code == 200
    User.objects.filter(pk=user.pk).update(plan="free")
    BillingCustomer.objects.update(digest="")
    row = StripeEvent.objects.filter(customer__startswith="cus").first()
    act = {"action": "replay", "_selected_action": [row.pk]}
    answer = web.post("/admin/accounts/stripeevent/", act, follow=True)
    assert "1 will run again." in answer.content.decode()
    assert work() == 1
    assert plan_of(user) == "pro"
    assert AuditEntry.objects.filter(chain=audit.OPERATORS, action="stripe.replay").exists()


@pytest.fixture
def desk(signed_in, monkeypatch):
    monkeypatch.setattr("accounts.second_factor.is_due", lambda request: False)
    return signed_in("olga", is_staff=True)


EVENTS = "/admin/accounts/stripeevent/"


def test_a_replayed_refund_asks_stripe_however_lately_it_was_asked(desk, buyer, stripe, work):
    user = buyer("nina")
    charge = stripe.books.all("charge")[0]
    invoices.refund(stripe.books, {"charge": charge["id"]})
    told = next(e for e in stripe.books.events if e["type"] == "refund.created")
    deliver(told, stripe)
    services.sync(user.billing.pk)  # asked since the event came
    stripe.received.clear()
    work()
    assert not [one for one in stripe.received if "/v1/subscriptions" in one.path]
    row = StripeEvent.objects.get()
    assert (row.customer, row.charge) == ("", charge["id"])
    act = {"action": "replay", "_selected_action": [row.pk]}
    assert "1 will run again." in desk.post(EVENTS, act, follow=True).content.decode()
    assert work() == 1
    assert len([one for one in stripe.received if "/v1/subscriptions" in one.path]) == 1


def test_an_event_that_names_nobody_says_so_and_asks_nothing(desk, stripe, work):
    for number, kind in enumerate(("payout.paid", "charge.updated")):
        event = {"id": f"evt_{number}", "object": "event", "type": kind, "created": 1_790_000_000,
                 "livemode": False, "data": {"object": {"id": "x_1"}}}  # fmt: skip
        assert deliver(event, stripe) == 200
    page = desk.get(EVENTS).content.decode()
    assert "kept; its type tells of nothing here" in page
    assert "kept; it names no customer and no charge" in page
    rows = list(StripeEvent.objects.values_list("pk", flat=True))
    answer = desk.post(EVENTS, {"action": "replay", "_selected_action": rows}, follow=True)
    assert "2 left as they are: they name nobody to ask Stripe for." in answer.content.decode()
    stripe.received.clear()
    for pk in rows:
        events.process(pk)
    assert (work(), stripe.received) == (0, [])


def test_the_list_of_events_asks_the_outbox_once(
    desk, buyer, stripe, django_assert_max_num_queries
):
    buyer("nina")
    for event in stripe.books.events:
        deliver(event, stripe)
    assert StripeEvent.objects.count() >= 10
    with django_assert_max_num_queries(20) as asked:
        page = desk.get(EVENTS).content.decode()
    assert "pending" in page
    assert sum("record_outboxrow" in one["sql"] for one in asked.captured_queries) == 1
