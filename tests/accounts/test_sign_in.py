"""Getting in: sign-up, confirmation, second factors, recovery, sessions; nothing given away."""

import json
import re
import time

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.test import Client

from accounts.models import User
from record import secrets

PASSWORD = "correct horse 42 battery"
OTHER = "another 77 staple"
pytestmark = pytest.mark.django_db


def link(pattern: str) -> str:
    found = re.search(r"http://testserver(" + pattern + r"\S+)", mail.outbox[-1].body)
    assert found is not None, mail.outbox[-1].body
    return found[1]


def sign_up(client: Client, email: str = "Nina@Example.com"):
    form = {"email": email, "password1": PASSWORD, "password2": PASSWORD}
    return client.post("/accounts/signup/", form)


def sign_in(client: Client, email: str = "nina@example.com", password: str = PASSWORD):
    return client.post("/accounts/login/", {"login": email, "password": password})


def totp(secret: str, periods_ahead: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + periods_ahead))


@pytest.fixture
def frozen(monkeypatch):
    """Stop the clock of the one-time codes in the middle of a period."""

    class Clock:
        now = time.time() // 30 * 30 + 15

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    return clock


def test_sign_up_confirm_and_sign_in(client):
    assert sign_up(client).url == "/accounts/confirm-email/"
    user = User.objects.get()
    assert (user.email, user.plan, user.is_staff) == ("nina@example.com", "free", False)
    assert sign_in(Client()).url == "/accounts/confirm-email/"
    assert client.get("/account/").status_code == 302

    (message,) = mail.outbox
    assert message.subject == "Pulse: Confirm your email address"
    assert message.to == ["nina@example.com"]
    address = link("/accounts/confirm-email/")
    assert "nina@example.com" in client.get(address).content.decode()
    assert not EmailAddress.objects.get().verified
    client.post(address)
    assert EmailAddress.objects.get().verified

    fresh = Client()
    assert sign_in(fresh).url == "/dashboard/"
    assert "Confirmed" in fresh.get("/account/").content.decode()


def test_a_confirmation_that_is_wrong_confirms_nothing(client):
    sign_up(client)
    answer = client.get("/accounts/confirm-email/Mw:1x:nonsense/")
    assert "no longer valid" in answer.content.decode()
    assert not EmailAddress.objects.get().verified


@pytest.mark.parametrize("password", ["12345678901", "password", "short1", "nina@example.com"])
def test_a_weak_password_is_refused(client, password):
    form = {"email": "nina@example.com", "password1": password, "password2": password}
    answer = client.post("/accounts/signup/", form)
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not User.objects.exists()


def test_the_second_factor_from_set_up_to_recovery(signed_in, confirmed, frozen):
    client = confirmed(signed_in("nina"))
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)[1]
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    answer = client.post("/accounts/2fa/totp/activate/", {"code": "000000"})
    assert "Incorrect code" in answer.content.decode()
    assert not Authenticator.objects.exists()
    client.post("/accounts/2fa/totp/activate/", {"code": totp(secret)})
    codes = client.get("/accounts/2fa/recovery-codes/").content.decode()
    recovery = re.findall(r"^(?:.*>)?(\d{8})", codes, re.MULTILINE)
    assert len(recovery) == 10

    # The password alone no longer opens the account.
    other = Client()
    assert sign_in(other).url == "/accounts/2fa/authenticate/"
    assert other.get("/account/").status_code == 302
    assert other.post("/accounts/2fa/authenticate/", {"code": "123456"}).status_code == 200
    assert other.get("/account/").status_code == 302
    frozen.now += 30
    assert other.post("/accounts/2fa/authenticate/", {"code": totp(secret)}).url == "/dashboard/"
    assert other.get("/account/").status_code == 200

    # A code opens once.
    again = Client()
    sign_in(again)
    assert again.post("/accounts/2fa/authenticate/", {"code": totp(secret)}).status_code == 200

    # A recovery code opens once, too.
    lost = Client()
    sign_in(lost)
    assert lost.post("/accounts/2fa/authenticate/", {"code": recovery[0]}).url == "/dashboard/"
    twice = Client()
    sign_in(twice)
    assert twice.post("/accounts/2fa/authenticate/", {"code": recovery[0]}).status_code == 200
    assert "9 left" in lost.get("/account/").content.decode()


def test_secrets_of_second_factors_lie_encrypted(signed_in, confirmed, frozen):
    client = confirmed(signed_in("nina"))
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)[1]
    client.post("/accounts/2fa/totp/activate/", {"code": totp(secret)})
    stored = Authenticator.objects.get(type="totp").data["secret"]
    assert stored.startswith("p1.")
    assert secret not in stored
    assert secrets.decrypt(stored, aad="accounts.second_factor") == secret
    with pytest.raises(secrets.SecretError):
        secrets.decrypt(stored, aad="accounts.something_else")
    seed = Authenticator.objects.get(type="recovery_codes").data["seed"]
    assert seed.startswith("p1.")


def test_a_second_factor_asks_for_the_password_again(signed_in):
    answer = signed_in("nina").get("/accounts/2fa/totp/activate/")
    assert answer.url == "/accounts/reauthenticate/?next=%2Faccounts%2F2fa%2Ftotp%2Factivate%2F"


def test_sessions_are_listed_and_ended(person, signed_in):
    first = signed_in("nina")
    second = Client(headers={"user-agent": "Elsewhere/1.0"})
    sign_in(second)
    assert second.get("/account/").status_code == 200
    page = first.get("/accounts/sessions/").content.decode()
    assert "Elsewhere/1.0" in page
    assert page.count("This one") == 1
    first.post("/accounts/sessions/")
    assert second.get("/account/").status_code == 302
    assert first.get("/account/").status_code == 200


def test_a_new_password_ends_the_other_sessions(signed_in):
    first = signed_in("nina")
    second = Client()
    sign_in(second)
    form = {
        "oldpassword": PASSWORD,
        "password1": "another 77 staple",
        "password2": "another 77 staple",
    }
    assert first.post("/accounts/password/change/", form).status_code == 302
    assert first.get("/account/").status_code == 200
    assert second.get("/account/").status_code == 302
    assert mail.outbox[-1].subject == "Pulse: Password Changed"
    assert "signs out every other session" in mail.outbox[-1].body


def test_a_forgotten_password_is_set_anew(person, client):
    person("nina")
    client.post("/accounts/password/reset/", {"email": "nina@example.com"})
    address = link("/accounts/password/reset/key/")
    form_address = client.get(address).url
    form = {"password1": OTHER, "password2": OTHER}
    client.post(form_address, form)
    assert sign_in(Client()).status_code == 200
    assert sign_in(Client(), password=OTHER).url == "/dashboard/"
    assert "invalid" in Client().get(address, follow=True).content.decode()


# --- nothing is given away ------------------------------------------------------------------------
def visible(answer) -> str:
    """Return a page without what is random in it."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    text = re.sub(r'"X-CSRFToken": "\w+"', "", text)
    return re.sub(r"[\w.]+@example\.com", "EMAIL", text)


def test_sign_up_does_not_tell_that_an_address_is_taken(person):
    person("nina")
    new, taken = Client(), Client()
    answers = [sign_up(new, "new@example.com"), sign_up(taken, "nina@example.com")]
    assert [answer.url for answer in answers] == ["/accounts/confirm-email/"] * 2
    pages = [visible(client.get("/accounts/confirm-email/")) for client in (new, taken)]
    assert pages[0] == pages[1]
    subjects = [message.subject for message in mail.outbox]
    assert subjects == ["Pulse: Confirm your email address", "Pulse: You have an account already"]
    assert User.objects.count() == 2


def test_reset_does_not_tell_whether_an_address_is_known(person):
    person("nina")
    pages = []
    for email in ("nina@example.com", "nobody@example.com"):
        answer = Client().post("/accounts/password/reset/", {"email": email}, follow=True)
        pages.append((answer.redirect_chain, visible(answer)))
    assert pages[0] == pages[1]


def test_sign_in_does_not_tell_which_half_was_wrong(person):
    person("nina")
    known, unknown = sign_in(Client(), password="wrong"), sign_in(Client(), "nobody@example.com")
    assert known.status_code == unknown.status_code == 200
    assert visible(known) == visible(unknown)


def test_guessing_a_password_is_slowed_down(person):
    person("nina")
    for _ in range(5):
        assert "not correct" in sign_in(Client(), password="wrong").content.decode()
    answer = sign_in(Client())
    assert answer.status_code == 200
    assert "Too many failed login attempts" in answer.content.decode()


def test_sign_in_never_leaves_the_site(person):
    person("nina")
    form = {"login": "nina@example.com", "password": PASSWORD, "next": "https://evil.example/"}
    assert Client().post("/accounts/login/", form).url == "/dashboard/"


def test_fields_help_password_managers(client):
    page = client.get("/accounts/login/").content.decode()
    assert 'autocomplete="email"' in page
    assert 'autocomplete="current-password"' in page
    assert page.index("passkey_login") < page.index('type="password"')
    assert (
        client.get("/accounts/signup/").content.decode().count('autocomplete="new-password"') == 2
    )
    assert "onpaste" not in page


def test_a_passkey_is_made_for_the_product(signed_in, confirmed):
    page = confirmed(signed_in("nina")).get("/accounts/2fa/webauthn/add/").content.decode()
    data = json.loads(re.search(r'<script id="js_data"[^>]*>(.*?)</script>', page)[1])
    party = data["creation_options"]["publicKey"]["rp"]
    assert party == {"id": "testserver", "name": "Pulse"}


def test_an_address_changes_only_when_the_new_one_is_confirmed(signed_in, confirmed):
    client = signed_in("nina")
    form = {"action_add": "", "email": "new@example.com"}
    assert client.post("/accounts/email/", form).url.startswith("/accounts/reauthenticate/")
    confirmed(client).post("/accounts/email/", form)
    page = client.get("/accounts/email/").content.decode()
    assert "Waiting until <strong>new@example.com</strong> is confirmed" in page
    assert User.objects.get().email == "nina@example.com"
    client.post(link("/accounts/confirm-email/"))
    assert User.objects.get().email == "new@example.com"
    assert list(EmailAddress.objects.values_list("email", flat=True)) == ["new@example.com"]
    told = {address for message in mail.outbox for address in message.to}
    assert told == {"new@example.com", "nina@example.com"}
