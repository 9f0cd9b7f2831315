"""`manage.py sandbox alerts` sends to every stand-in, and says what each fault would mean."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from trading.brokers.catalogue import OFFERS
from trading.brokers.credentials import Credentials

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.django_db


def said(fault: str) -> dict[str, str]:
    out = io.StringIO()
    call_command("sandbox", "alerts", fault=fault, stdout=out)
    lines = [line for line in out.getvalue().splitlines() if not line.startswith(" ")]
    return dict(line.split(": ", 1) for line in lines)


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("none", "delivered, "),
        ("busy", "would be tried again in 30 s: "),
        ("broken", "would be tried again: "),
        ("cut", "would be tried again: the answer is not HTTP"),
        ("redirect", "refused: "),
    ],
)
def test_each_vendor_is_tried(fault, word):
    found = said(fault)
    assert set(found) == {"discord", "slack", "telegram", "webhook", "push"}
    assert all(text.startswith(word) for text in found.values()), found


@pytest.mark.parametrize("name", ["alpaca", "tradier"])
def test_a_broker_is_served_until_it_is_stopped(name):
    """The printed address and keys open the account; an interrupt ends it cleanly."""
    serving = subprocess.Popen(
        [sys.executable, "-W", "ignore", "manage.py", "sandbox", name, "--port", "0"],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PULSE_MODE": "test"},
    )  # fmt: skip
    assert serving.stdout is not None
    lines = [serving.stdout.readline().strip() for _ in range(6)]
    try:
        address = lines[2].partition("=")[2]
        assert lines[2].startswith(f"{name.upper()}_PAPER_BASE=http://127.0.0.1:")
        given = [line.partition(": ")[2] for line in lines[3:5]]
        credentials = Credentials(given[0], given[1], "paper", address)
        assert OFFERS[name].make(credentials, 0).account().cash == 100_000
    finally:
        serving.send_signal(signal.SIGINT)
        assert serving.wait(20) == 0
