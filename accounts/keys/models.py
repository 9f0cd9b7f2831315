"""The table of API keys: hashes, and what each key may do."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class ApiKey(models.Model):
    """A key of a person's programs. Its text is not stored; a revoked one stays for the record."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=60)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    pepper_id = models.CharField(max_length=32)
    old_digest = models.CharField(max_length=64, blank=True, help_text="before the last rotation")
    old_pepper_id = models.CharField(max_length=32, blank=True)
    old_until = models.DateTimeField(null=True, help_text="when the secret before it ends")
    scopes = ArrayField(models.CharField(max_length=8))
    bot = models.BigIntegerField(null=True, help_text="the one bot that it may act for")
    networks = ArrayField(models.CharField(max_length=43), default=list)
    created = models.DateTimeField(default=timezone.now)
    rotated = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)
    revoked = models.DateTimeField(null=True)
    last_used = models.DateTimeField(null=True, help_text="to the minute")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("user", "name"),
                name="api_key_name",
                condition=models.Q(revoked=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def state(self) -> str:
        """What it is by now: active, expired or revoked."""
        if self.revoked is not None:
            return "revoked"
        over = self.expires is not None and self.expires <= timezone.now()
        return "expired" if over else "active"
