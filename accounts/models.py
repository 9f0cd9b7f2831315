"""Tables of the people who use Pulse."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from accounts.alerts.models import AlertChannel, AlertDelivery, AlertRule, PushKey
from accounts.billing.models import (
    BillingCustomer,
    BillingInvoice,
    BillingReconciliation,
    BillingSubscription,
    PlanGrant,
    StripeEvent,
)
from accounts.keys.models import ApiKey
from accounts.plans import FREE, PLANS

__all__ = [
    "AlertChannel",
    "AlertDelivery",
    "AlertRule",
    "ApiKey",
    "BillingCustomer",
    "BillingInvoice",
    "BillingReconciliation",
    "BillingSubscription",
    "PlanGrant",
    "PushKey",
    "StripeEvent",
    "User",
    "UserManager",
]


class UserManager(BaseUserManager["User"]):
    """Makes users by email address."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        """Create and return a user; the address is kept in lower case."""
        email = email.strip().lower()
        if not email:
            raise ValueError("a user needs an email address")
        user = self.model(email=email, **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        """Create and return an operator with every permission."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractUser):
    """A person, known by an email address. Kept until the person asks for removal."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("email address", unique=True)
    plan = models.CharField(
        max_length=16, choices=[(plan.name, plan.title) for plan in PLANS.values()], default=FREE
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_caseless")]

    def __str__(self) -> str:
        return self.email
