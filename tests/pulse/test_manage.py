"""Which commands start the servers of the checkout."""

from __future__ import annotations

import contextlib
import sys

import pytest

import manage


@pytest.mark.parametrize(
    ("command", "starts"),
    [
        ("sandbox stripe", False),  # it stays on while `up` brings servers of its own
        ("sandbox alpaca", False),
        ("sandbox tradier", False),
        ("sandbox alerts", True),
        ("up", False),
        ("migrate", True),
    ],
)
def test_a_command_starts_servers_only_where_it_needs_them(monkeypatch, tmp_path, command, starts):
    begun = []

    @contextlib.contextmanager
    def borrowed(var):
        begun.append(var)
        yield

    monkeypatch.setattr("pulse.embedded.borrowed", borrowed)
    monkeypatch.setattr(sys, "argv", ["manage.py", *command.split()])
    monkeypatch.setenv("PULSE_MODE", "demo")
    monkeypatch.delenv("PULSE_SUPERVISED", raising=False)
    monkeypatch.setenv("PULSE_VAR", str(tmp_path))
    with manage.servers():
        assert begun == ([tmp_path] if starts else [])
