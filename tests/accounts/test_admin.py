"""The admin: behind our sign-in, behind a second factor in production, each act on record."""

import json
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.utils import timezone

from accounts.billing.models import BillingCustomer, BillingSubscription
from accounts.keys.services import key_create
from accounts.models import User
from accounts.plans import PLANS
from accounts.services import CHAIN
from record.models import AuditEntry

pytestmark = pytest.mark.django_db
USERS = "/admin/accounts/user/"
GIRAFFE = "tall 88 giraffe"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def actions() -> list[str]:
    return list(
        AuditEntry.objects.filter(chain=CHAIN).order_by("seq").values_list("action", flat=True)
    )


@pytest.fixture
def olga(signed_in):
    return signed_in("olga", is_staff=True)


def act(client, action: str, *users: User, reason: str = "asked by mail"):
    form = {"action": action, "_selected_action": [user.pk for user in users], "reason": reason}
    return client.post(USERS, form, follow=True)


# --- the way in -----------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", USERS])
def test_visitors_go_through_our_sign_in(client, address):
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/?next=")


def test_the_admins_own_login_takes_no_password(client, person):
    person("olga", is_staff=True)
    form = {"username": "olga@example.com", "password": "correct horse 42 battery"}
    assert client.post("/admin/login/", form).url.startswith("/accounts/login/")
    assert "_auth_user_id" not in client.session


def test_others_are_refused(signed_in):
    assert signed_in("nina", "pro_plus").get("/admin/").status_code == 403


def test_outside_production_no_second_factor_is_asked(olga):
    assert olga.get("/admin/").status_code == 200


@pytest.fixture
def production(settings):
    settings.PRODUCTION = True


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("address", ["/admin/", USERS, "/status/"])
def test_in_production_an_operator_without_a_second_factor_sets_one_up_first(olga, address):
    answer = olga.get(address)
    assert (answer.status_code, answer.url) == (302, "/accounts/2fa/")
    assert "Operators prove a second factor" in olga.get("/accounts/2fa/").content.decode()


@pytest.mark.usefixtures("production")
def test_in_production_an_act_without_the_second_factor_does_nothing(olga, person):
    nina = person("nina")
    form = {"action": "to_pro", "_selected_action": [nina.pk], "reason": "sneaky"}
    assert olga.post(USERS, form).url == "/accounts/2fa/"
    assert User.objects.get(pk=nina.pk).plan == "free"
    assert actions() == []


def code() -> str:
    cache.clear()  # a code opens once, and this test needs it twice in one period
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))


@pytest.mark.usefixtures("production")
def test_in_production_the_session_itself_must_have_proved_it(olga, client, monkeypatch):
    user = User.objects.get(email="olga@example.com")
    TOTP.activate(user, SECRET)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now)
    # Signed in before the factor existed: asked for it now, then sent back.
    answer = olga.get("/admin/")
    assert answer.url == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2F"
    assert olga.post(answer.url, {"code": code()}).url == "/admin/"
    assert olga.get("/admin/").status_code == 200
    # Signed in with the factor: through at once.
    client.post("/accounts/login/", {"login": user.email, "password": "correct horse 42 battery"})
    client.post("/accounts/2fa/authenticate/", {"code": code()})
    assert client.get("/admin/").status_code == 200


@pytest.mark.usefixtures("production")
def test_in_production_a_passkey_is_asked_where_there_is_no_app(olga):
    user = User.objects.get(email="olga@example.com")
    Authenticator.objects.create(user=user, type="webauthn", data={})
    assert olga.get("/admin/").url.startswith("/accounts/2fa/webauthn/reauthenticate/?next=")


# --- what operators do ----------------------------------------------------------------------------
def test_users_are_found_and_shown(olga, person):
    nina = person("nina", "pro")
    person("bert")
    page = olga.get(USERS, {"q": "nina"}).content.decode()
    assert "nina@example.com" in page
    assert "bert@example.com" not in page
    assert olga.get(f"{USERS}{nina.pk}/change/").status_code == 200
    assert olga.get(f"{USERS}add/").status_code == 200


@pytest.mark.parametrize("plan", PLANS)
def test_moving_users_to_a_plan(olga, person, plan):
    users = [person("nina", "free"), person("bert", "pro")]
    act(olga, f"to_{plan}", *users)
    assert set(User.objects.filter(is_staff=False).values_list("plan", flat=True)) == {plan}
    moved = [user for user in users if user.plan != plan]
    rows = AuditEntry.objects.filter(chain=CHAIN, action="plan_change")
    assert {row.subject for row in rows} == {f"user:{user.pk}" for user in moved}
    assert {json.loads(row.detail)["reason"] for row in rows} == {"asked by mail"}
    operator = User.objects.get(is_staff=True)
    assert {row.actor for row in rows} == {f"user:{operator.pk}"}


def test_an_act_needs_a_reason(olga, person):
    nina = person("nina")
    answer = act(olga, "to_pro", nina, reason=" ")
    assert "Nothing was changed: give a reason" in answer.content.decode()
    assert User.objects.get(pk=nina.pk).plan == "free"
    assert actions() == []


def test_an_act_on_many_is_done_for_all_or_for_none(olga, person):
    nina, operator = person("nina"), User.objects.get(email="olga@example.com")
    answer = act(olga, "block", nina, operator)
    assert "cannot block your own account" in answer.content.decode()
    assert User.objects.filter(is_active=True).count() == 2
    assert actions() == []


def test_blocking_unblocking_signing_out_and_removing_factors(olga, person):
    nina = person("nina")
    TOTP.activate(nina, SECRET)
    for action in ("block", "unblock", "sign_out", "remove_second_factor"):
        act(olga, action, nina)
    assert actions() == ["block", "unblock", "sessions_end", "second_factor_remove"]
    assert not Authenticator.objects.exists()


def test_making_changing_and_deleting_users_is_on_record(olga):
    form = {
        "email": "new@example.com",
        "password1": GIRAFFE,
        "password2": GIRAFFE,
    }
    assert olga.post(f"{USERS}add/", form).status_code == 302
    user = User.objects.get(email="new@example.com")
    form = {"email": user.email, "first_name": "Nora", "last_name": "", "is_staff": "on"}
    assert olga.post(f"{USERS}{user.pk}/change/", form).status_code == 302
    assert olga.post(f"{USERS}{user.pk}/delete/", {"post": "yes"}).status_code == 302
    assert actions() == ["create", "change", "delete"]
    change = AuditEntry.objects.get(chain=CHAIN, action="change")
    assert json.loads(change.detail) == {"fields": ["first_name", "is_staff"], "is_staff": True}


def subscribed(user: User, status: str) -> None:
    row = BillingCustomer.objects.create(user=user, stripe_id=f"cus_{user.pk}")
    BillingSubscription.objects.create(
        customer=row, stripe_id=f"sub_{user.pk}", status=status, plan="pro", interval="monthly",
        amount=99, currency="usd", started=timezone.now(),
    )  # fmt: skip


@pytest.mark.parametrize("status", ["active", "past_due", "unpaid", "incomplete"])
def test_who_is_charged_is_not_deleted_alone_or_with_others(olga, person, status):
    nina, bert = person("nina"), person("bert")
    subscribed(nina, status)
    remedy = f"cancel the subscription sub_{nina.pk} there at once, then delete"
    for answer in (
        olga.post(f"{USERS}{nina.pk}/delete/", {"post": "yes"}),
        olga.get(f"{USERS}{nina.pk}/delete/"),
        olga.post(USERS, {"action": "delete_selected", "post": "yes",
                          "_selected_action": [nina.pk, bert.pk]}),
    ):  # fmt: skip
        page = answer.content.decode()
        assert f"nina@example.com pays for Pro through Stripe: {remedy}" in page
    assert User.objects.filter(pk__in=[nina.pk, bert.pk]).count() == 2
    assert actions() == []


def test_who_was_charged_once_is_deleted_with_all_that_is_theirs(olga, person):
    nina, bert = person("nina"), person("bert")
    subscribed(nina, "canceled")
    key_create(nina, name="bot", scopes=["read"])
    assert olga.post(f"{USERS}{nina.pk}/delete/", {"post": "yes"}).status_code == 302
    form = {"action": "delete_selected", "post": "yes", "_selected_action": [bert.pk]}
    assert olga.post(USERS, form).status_code == 302
    assert not User.objects.filter(pk__in=[nina.pk, bert.pk]).exists()
    assert not BillingCustomer.objects.exists()
    assert actions()[-2:] == ["delete", "delete"]


def test_the_form_changes_neither_plan_nor_blocking(olga, person):
    nina = person("nina")
    form = {"email": nina.email, "first_name": "N", "last_name": "", "plan": "pro"}
    assert olga.post(f"{USERS}{nina.pk}/change/", form).status_code == 302
    nina.refresh_from_db()
    assert (nina.first_name, nina.plan, nina.is_active) == ("N", "free", True)


def test_setting_a_password_is_on_record_without_it(olga, person):
    nina = person("nina")
    address = f"{USERS}{nina.pk}/password/"
    olga.post(address, {"password1": GIRAFFE, "password2": "other"})
    assert actions() == []
    form = {"password1": GIRAFFE, "password2": GIRAFFE}
    assert olga.post(address, form).status_code == 302
    assert actions() == ["password_set"]
    assert "giraffe" not in AuditEntry.objects.get(chain=CHAIN).detail


def test_second_factors_are_seen_without_their_secrets(olga, person):
    factor = TOTP.activate(person("nina"), SECRET).instance
    listed = olga.get("/admin/mfa/authenticator/").content.decode()
    page = olga.get(f"/admin/mfa/authenticator/{factor.pk}/change/").content.decode()
    assert "nina@example.com" in listed
    assert "nina@example.com" in page
    assert factor.data["secret"] not in listed + page
    assert olga.get("/admin/mfa/authenticator/add/").status_code == 403
    assert (
        olga.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"}).status_code
        == 403
    )
    assert Authenticator.objects.count() == 1


def test_addresses_and_sessions_are_seen_and_not_changed(olga, person):
    nina = person("nina")
    address = EmailAddress.objects.get(user=nina)
    olga.get("/account/")
    session = UserSession.objects.get()
    for path, pk in (
        ("account/emailaddress", address.pk),
        ("usersessions/usersession", session.pk),
    ):
        assert olga.get(f"/admin/{path}/").status_code == 200
        page = olga.get(f"/admin/{path}/{pk}/change/")
        assert page.status_code == 200
        assert session.session_key not in page.content.decode()
        assert olga.get(f"/admin/{path}/add/").status_code == 403
        assert olga.post(f"/admin/{path}/{pk}/delete/", {"post": "yes"}).status_code == 403
    act = {"action": "make_verified", "_selected_action": [address.pk]}
    EmailAddress.objects.update(verified=False)
    olga.post("/admin/account/emailaddress/", act)
    assert not EmailAddress.objects.filter(verified=True).exists()


def test_groups_of_rights_are_on_record(olga):
    right = Permission.objects.get(codename="view_user")
    olga.post("/admin/auth/group/add/", {"name": "readers", "permissions": [right.pk]})
    group = Group.objects.get()
    olga.post(f"/admin/auth/group/{group.pk}/change/", {"name": "watchers", "permissions": []})
    olga.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    rows = AuditEntry.objects.filter(chain=CHAIN, subject=f"group:{group.pk}").order_by("seq")
    assert [(row.action, json.loads(row.detail)) for row in rows] == [
        ("group_create", {"name": "readers", "rights": ["view_user"]}),
        ("group_change", {"name": "watchers", "rights": []}),
        ("group_delete", {"name": "watchers"}),
    ]
