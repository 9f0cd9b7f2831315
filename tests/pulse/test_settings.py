"""Settings: safe for the demo, refusing to start unsafe in production."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAFE = {
    "PULSE_MODE": "production",
    "SECRET_KEY": "k" * 60,
    "PULSE_KEYRING": "a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "PULSE_KEY_PEPPERS": "a:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=",
    "ALLOWED_HOSTS": "pulse.test",
    "DATABASE_URL": "postgres://u:p@db:5432/pulse",
    "REDIS_URL": "redis://redis:6379/0",
    "EMAIL_URL": "smtp://mail:25",
}


def load(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    keep = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    return subprocess.run(
        [sys.executable, "-c", "import pulse.settings as s; print(s.MODE, s.DEBUG, s.DEMO_LOGINS)"],
        cwd=ROOT,
        env={**keep, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_starts_with_safe_values():
    done = load(SAFE)
    assert done.stdout.split() == ["production", "False", "False"], done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "demo-only-key-that-production-refuses-0123456789abcdef"),
        ("PULSE_KEYRING", "demo:cHVsc2UtZGVtby1rZXktbm90LWZvci1wcm9kdWN0aW8="),
        ("PULSE_KEY_PEPPERS", ""),
        ("DEBUG", "1"),
        ("PULSE_DEMO_LOGINS", "1"),
        ("ALLOWED_HOSTS", "*"),
        ("DATABASE_URL", ""),
        ("REDIS_URL", ""),
        ("EMAIL_URL", ""),
    ],
)
def test_production_refuses_and_names_the_setting(name, value):
    done = load({**SAFE, name: value})
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]
    if value:
        assert value not in done.stderr.splitlines()[-1] or len(value) < 3


def test_an_unknown_mode_is_named():
    done = load({"PULSE_MODE": "staging"})
    assert "choose one of demo, test, production" in done.stderr


def test_the_demo_needs_nothing():
    done = load({})
    assert done.stdout.split() == ["demo", "False", "True"], done.stderr
