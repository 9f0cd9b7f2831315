"""The Celery application: JSON only, late acknowledgement, one queue for each kind of work."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")
# `prepare` made the system's checks; a worker that was killed is to be back soon.
os.environ.setdefault("CELERY_SKIP_CHECKS", "true")

app = Celery("pulse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [
    # Each with an exchange of its own: by default all would be bound to one and share messages.
    Queue(name, Exchange(name), routing_key=name)
    for name in ("live", "execution", "bulk", "ml", "alerts")
]
app.autodiscover_tasks()


@worker_init.connect
def _load_numerics(sender: Any, **_: Any) -> None:
    """Load numerics before the worker that answers requests takes the first of them."""
    if "live" in sender.app.amqp.queues.consume_from:
        from quant import warm

        warm.warm_up()


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Stop Celery from replacing the project's logging."""
