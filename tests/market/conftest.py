"""Fixtures of the market's tests."""

from tests.live_worker import live_worker

__all__ = ["live_worker"]
