"""What the admin pages of accounts share: who acts, and the reason that an audit row keeps."""

from __future__ import annotations

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.http import HttpRequest

from accounts import services
from accounts.models import User


class ReasonForm(ActionForm):
    """The choice of an action, with the reason that its audit row keeps."""

    reason = forms.CharField(max_length=services.MAX_REASON, required=False, label="Reason:")


def operator(request: HttpRequest) -> User:
    """Return the operator who acts; the admin lets nobody else in."""
    user = request.user
    if not isinstance(user, User):
        raise TypeError("the admin serves signed-in operators only")
    return user
