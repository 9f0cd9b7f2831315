"""`manage.py seed_demo_users`: the demo's logins, made when they are missing."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from accounts import demo


class Command(BaseCommand):
    help = "Make the demo's users; those that exist keep their password, plan and data."

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            made = demo.seed()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        if options["verbosity"]:
            self.stdout.write(f"{made} of {len(demo.DEMO_USERS)} demo users made")
