"""The one gate of the REST interface."""

from rest_framework.permissions import BasePermission


class Entitled(BasePermission):
    """Allows what the view's declared entitlement allows."""
