"""Fixtures of the alerts' tests: stand-ins under public names, people with channels, a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from celery import current_app
from django.db import connection

from accounts.alerts import outbound, services
from accounts.alerts.models import AlertChannel, AlertRule
from accounts.models import User
from record import broker
from sandbox.network import Network
from sandbox.vendors.discord import Discord
from sandbox.vendors.mail import MailServer
from sandbox.vendors.push import Push
from sandbox.vendors.slack import Slack
from sandbox.vendors.telegram import Telegram
from sandbox.vendors.webhook import Webhook
from tests.accounts.alerts.signals import GIVEN


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    """The vendors under their own names, for the one transport of the platform."""
    with Network((Discord, Slack, Telegram, Webhook, Push)) as made:

        def transport() -> outbound.Transport:
            return outbound.Transport(
                resolve=made.resolve, dial=made.dial, trusted=made.trusted, within_s=2.0
            )

        monkeypatch.setattr(outbound, "transport", transport)
        yield made


@pytest.fixture
def mail_server(settings) -> Iterator[MailServer]:
    """A mail server that Django's own client talks to."""
    server = MailServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    yield server
    server.close()


@pytest.fixture
def channel(network: Network) -> Callable[..., AlertChannel]:
    """Return a function that gives somebody an active channel of a kind."""

    def make(user: User, kind: str, *, state: str = "active") -> AlertChannel:
        given = GIVEN.get(kind) or network.stand_ins[Push].subscription()
        made = services.channel_add(user, kind=kind, name=f"my {kind}", given=given)
        AlertChannel.objects.filter(pk=made.pk).update(state=state)
        return AlertChannel.objects.get(pk=made.pk)

    return make


@pytest.fixture
def rule() -> Callable[..., AlertRule]:
    """Return a function that gives somebody a rule for channels."""

    def make(user: User, *channels: AlertChannel, **values: Any) -> AlertRule:
        values = {"name": f"rule {AlertRule.objects.count()}", **values}
        return services.rule_save(user, values, [one.pk for one in channels])

    return make


class Worker:
    """Runs the messages that would go to Celery, in threads of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2)
        self._going: list[Future[None]] = []
        self.lost = False

    def send(self, task: str, args: tuple, *, queue: str, **_: Any) -> None:
        assert queue == "alerts"
        if not self.lost:
            self._going.append(self._pool.submit(self._run, task, args))

    def _run(self, task: str, args: tuple) -> None:
        try:
            broker.task_named(task).run(*args)
        finally:
            connection.close()

    def settle(self) -> None:
        """Wait until nothing is left to do."""
        while self._going:
            self._going.pop().result(30)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker that has loaded the tasks, as one that was started a while ago."""
    current_app.loader.import_default_modules()
    made = Worker()
    monkeypatch.setattr(broker, "send", made.send)
    yield made
    made.settle()
