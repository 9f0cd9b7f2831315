"""`manage.py prepare`: bring the database, the demo and the static files up to date."""

import hashlib
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrate, seed the demo, gather static files; each step is idempotent."

    def handle(self, *_: Any, **__: Any) -> None:
        call_command("migrate", interactive=False, verbosity=1)
        call_command("seed_events", verbosity=0)
        if settings.DEMO_LOGINS:
            call_command("seed_demo_users", verbosity=0)
        self.gather_static()

    def gather_static(self) -> None:
        """Run collectstatic when a static file changed since the last time."""
        stamp = Path(settings.STATIC_ROOT) / ".stamp"
        now = fingerprint()
        if stamp.exists() and stamp.read_text() == now:
            return
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(now)


def fingerprint() -> str:
    """Return a digest of the names, sizes and times of all static files."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            info = Path(storage.path(name)).stat()
            digest.update(f"{name} {info.st_size} {info.st_mtime_ns}\n".encode())
    return digest.hexdigest()
