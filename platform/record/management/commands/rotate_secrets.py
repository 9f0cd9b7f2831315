"""`manage.py rotate_secrets`: after a new key was put first in PULSE_KEYRING."""

from typing import Any

from django.core.management.base import BaseCommand

from record import audit, rotation, secrets


class Command(BaseCommand):
    help = "Bring all secrets under the newest key; then the older keys can leave the keyring."

    def handle(self, *_: Any, **__: Any) -> None:
        done = rotation.rotate_all()
        audit.write(
            audit.OPERATORS,
            actor="manage.py",
            action="secrets.rotate",
            subject=f"key:{secrets.keyring().newest}",
            detail=done,
        )
        for name, count in done.items():
            self.stdout.write(f"{name}: {count}")
        self.stdout.write(f"{sum(done.values())} secrets now under {secrets.keyring().newest}.")
