"""Topics and a gate for the tests of the live layer."""

from collections.abc import Iterator
from typing import Any

import pytest

from record.live import topics

from .people import TOPICS, gate
from .processes import LiveServer, PrivateRedis


@pytest.fixture(autouse=True)
def live_topics() -> Iterator[None]:
    before = topics.set_gate(gate)
    for prefix, options in TOPICS.items():
        topics.register(prefix, **options)
    yield
    for prefix in TOPICS:
        topics.unregister(prefix)
    topics.set_gate(before)


@pytest.fixture(scope="module")
def private_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    redis = PrivateRedis(tmp_path_factory.mktemp("redis"))
    redis.start()
    yield redis
    redis.kill()


@pytest.fixture(scope="module")
def server_process(
    django_db_setup: None, private_redis: PrivateRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    from django.db import connection

    database = str(connection.settings_dict["NAME"])
    log = tmp_path_factory.mktemp("live") / "server.log"
    server = LiveServer(database, private_redis.url, log)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(
    transactional_db: None, server_process: LiveServer, private_redis: PrivateRedis, settings: Any
) -> LiveServer:
    """A running server whose Redis is also that of this test."""
    settings.REDIS_URL = private_redis.url
    if private_redis.process is None:
        private_redis.start()
    if server_process.process is None:
        server_process.start()
    return server_process
