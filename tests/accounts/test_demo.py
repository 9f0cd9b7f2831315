"""The demo's logins: made once, in the demo only, and met nowhere else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from accounts import demo
from accounts.checks import check_no_demo_users
from accounts.models import User

ROOT = Path(__file__).resolve().parents[2]


def sign_in(email: str):
    form = {"login": email, "password": demo.DEMO_PASSWORD}
    client = Client()
    return client, client.post("/accounts/login/", form)


@pytest.mark.django_db
def test_seeding_makes_each_login_once(capsys):
    call_command("seed_demo_users")
    assert capsys.readouterr().out == "4 of 4 demo users made\n"
    call_command("seed_demo_users")
    assert capsys.readouterr().out == "0 of 4 demo users made\n"
    rows = User.objects.order_by("email").values_list("email", "plan", "is_staff", "is_superuser")
    assert list(rows) == [
        ("free@pulse.example", "free", False, False),
        ("operator@pulse.example", "pro_plus", True, True),
        ("pro@pulse.example", "pro", False, False),
        ("proplus@pulse.example", "pro_plus", False, False),
    ]


@pytest.mark.django_db
def test_every_login_works_at_once():
    demo.seed()
    for user in demo.DEMO_USERS:
        client, answer = sign_in(user.email)
        assert answer.url == "/dashboard/"
        assert client.get("/account/").status_code == 200


@pytest.mark.django_db
def test_seeding_again_keeps_what_was_changed():
    demo.seed()
    User.objects.filter(email="pro@pulse.example").update(plan="free")
    assert demo.seed() == 0
    assert User.objects.get(email="pro@pulse.example").plan == "free"


@pytest.mark.django_db
@pytest.mark.parametrize("flags", [{"DEMO_LOGINS": False}, {"PRODUCTION": True}])
def test_outside_the_demo_none_is_made_and_none_signs_in(settings, flags):
    demo.seed()
    for name, value in flags.items():
        setattr(settings, name, value)
    _, answer = sign_in("operator@pulse.example")
    assert answer.url == "/accounts/inactive/"
    User.objects.all().delete()
    with pytest.raises(CommandError, match="demo mode only"):
        call_command("seed_demo_users")
    assert not User.objects.exists()


@pytest.mark.django_db
def test_the_check_names_what_is_left_in_production(settings):
    demo.seed()
    assert check_no_demo_users(databases=["default"]) == []
    settings.PRODUCTION = True
    assert check_no_demo_users() == []
    found = run_checks(databases=["default"], tags=["database"])
    named = [fault.msg.split()[3] for fault in found if fault.id == "accounts.E001"]
    assert named == sorted(user.email for user in demo.DEMO_USERS)
    User.objects.update(is_active=False)
    assert check_no_demo_users(databases=["default"]) == []


def production(*command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command as production would, on the test's database."""
    base = connection.settings_dict
    if base["HOST"].startswith("/"):
        address = f"postgres://{base['USER']}@/{base['HOST']}/{base['NAME']}"
    else:
        where = f"{base['HOST']}:{base['PORT'] or 5432}/{base['NAME']}"
        address = f"postgres://{base['USER']}:{base['PASSWORD']}@{where}"
    environment = {
        "PATH": os.environ["PATH"],
        "PULSE_MODE": "production",
        "SECRET_KEY": "k" * 60,
        "PULSE_KEYRING": "a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "PULSE_KEY_PEPPERS": "a:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=",
        "ALLOWED_HOSTS": "pulse.test",
        "DATABASE_URL": address,
        "REDIS_URL": "redis://localhost:1/0",
        "EMAIL_URL": "smtp://mail:25",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**environment, **changes},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.django_db(transaction=True)
def test_production_does_not_start_on_a_database_of_the_demo():
    demo.seed()
    done = production("migrate", "--check")
    assert done.returncode != 0
    assert "accounts.E001" in done.stderr
    assert "operator@pulse.example" in done.stderr
    assert demo.DEMO_PASSWORD not in done.stdout + done.stderr
    User.objects.all().delete()
    done = production("check", "--database", "default")
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db(transaction=True)
def test_production_makes_no_demo_logins():
    done = production("seed_demo_users")
    assert done.returncode != 0
    assert "demo mode only" in done.stderr
    assert not User.objects.exists()


def test_production_refuses_to_be_a_demo():
    done = production("check", PULSE_DEMO_LOGINS="1")
    assert done.returncode != 0
    assert "PULSE_DEMO_LOGINS" in done.stderr
