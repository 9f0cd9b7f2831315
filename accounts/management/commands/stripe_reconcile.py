"""`manage.py stripe_reconcile`: compares all customers with Stripe, heals, and shows a report."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.billing import config, reconciling
from accounts.billing.client import AwayError, asking


class Command(BaseCommand):
    help = "Compare all customers with Stripe, heal what differs, and show the report."

    def handle(self, *_: Any, **__: Any) -> None:
        if not config.is_on():
            raise CommandError("Set STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET first.")
        try:
            with asking():
                run = reconciling.run_now()
        except AwayError as error:
            raise CommandError(f"Stripe refused or did not answer: {error}") from error
        self.stdout.write(f"customers compared: {run.customers}, not answered: {run.failed}")
        self.stdout.write(f"events that never came: {run.lost_events}")
        self.stdout.write(f"copies that were behind: {run.healed}")
        self.stdout.write(f"plans put right: {len(run.drifted)}")
        for one in run.drifted:
            self.stdout.write(f"  {one['customer']}: {one['from']} to {one['to']}")
        self.stdout.write(f"subscriptions of nobody here: {len(run.unknown)}")
        for one in run.unknown:
            self.stdout.write(f"  {one['subscription']} of {one['customer']}")
