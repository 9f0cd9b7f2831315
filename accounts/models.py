"""Tables of the people who use Pulse."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower


class PlanName(models.TextChoices):
    """The three plans."""

    FREE = "free", "Free"
    PRO = "pro", "Pro"
    PRO_PLUS = "pro_plus", "Pro+"


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        """Create and return a user."""
        user = self.model(email=self.normalize_email(email), **extra)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        """Create and return an operator with every permission."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractUser):
    """A person, known by an e-mail address. Kept until the person asks for removal."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    plan = models.CharField(max_length=16, choices=PlanName.choices, default=PlanName.FREE)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_caseless")]

    def __str__(self) -> str:
        return self.email
