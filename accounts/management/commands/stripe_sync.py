"""`manage.py stripe_sync`: makes Stripe's products, prices and portal equal to the plan table."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.billing import catalogue
from accounts.billing.client import AwayError, NotConfiguredError, asking


class Command(BaseCommand):
    help = (
        "Make Stripe's products, prices and portal equal to the plan table; a repeat is harmless."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            with asking() as client:
                done = catalogue.sync(client)
        except NotConfiguredError as error:
            text = "Set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET first."
            raise CommandError(text) from error
        except AwayError as error:
            raise CommandError(f"Stripe refused or did not answer: {error}") from error
        for line in done or ["nothing to do"]:
            self.stdout.write(line)
