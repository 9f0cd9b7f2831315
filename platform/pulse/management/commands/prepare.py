"""`manage.py prepare`: bring the database, the demo and the static files up to date."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from pulse import preparation


class Command(BaseCommand):
    help = "Migrate, seed the demo, gather static files; each step is idempotent."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-static", action="store_true", help="the static files are in the image already"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=1)
        call_command("seed_events", verbosity=0)
        if settings.DEMO_LOGINS:
            call_command("seed_demo_users", verbosity=0)
        if not options["no_static"]:
            self.gather_static()

    def gather_static(self) -> None:
        """Run collectstatic when a static file changed since the last time."""
        stamp = Path(settings.STATIC_ROOT) / ".stamp"
        now = preparation.static_fingerprint()
        if stamp.exists() and stamp.read_text() == now:
            return
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(now)
