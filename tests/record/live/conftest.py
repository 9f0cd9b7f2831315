"""Topics and a gate for the tests of the live layer."""

from collections.abc import Iterator

import pytest

from record.live import topics

from .people import gate

TOPICS = {
    "t_log": {"kind": "log", "entitlement": "public"},
    "t_state": {"kind": "state", "entitlement": "public"},
    "t_pro": {"kind": "log", "entitlement": "tools.pro"},
    "t_own": {"kind": "log", "entitlement": "account", "owner_scoped": True},
}


@pytest.fixture(autouse=True)
def live_topics() -> Iterator[None]:
    before = topics.set_gate(gate)
    for prefix, options in TOPICS.items():
        topics.register(prefix, **options)
    yield
    for prefix in TOPICS:
        topics.unregister(prefix)
    topics.set_gate(before)
