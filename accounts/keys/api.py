"""REST of keys: one's own keys, and tickets for the live socket."""

from __future__ import annotations

import datetime as dt
from typing import Any

import redis
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.keys import selectors
from accounts.keys.models import ApiKey
from accounts.keys.verifying import Grant
from accounts.visitors import person
from pulse.api.errors import ServiceAwayError
from record.access import READ, SCOPES, SESSION_ONLY, SIGNED_IN
from record.live import tickets
from record.live.protocol import SUBPROTOCOL


class KeySerializer(serializers.Serializer[ApiKey]):
    """A key without its secret."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="the part of the key that is no secret")
    state = serializers.ChoiceField(choices=["active", "expired", "revoked"])
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=SCOPES))
    bot = serializers.IntegerField(allow_null=True, help_text="null: all bots of the account")
    networks = serializers.ListField(
        child=serializers.CharField(), help_text="where it may be used; empty: anywhere"
    )
    created = serializers.DateTimeField()
    rotated = serializers.DateTimeField(allow_null=True)
    old_until = serializers.DateTimeField(
        allow_null=True, help_text="until when the secret before the last rotation goes on"
    )
    expires = serializers.DateTimeField(allow_null=True)
    revoked = serializers.DateTimeField(allow_null=True)
    last_used = serializers.DateTimeField(allow_null=True, help_text="to the minute")


class KeysView(ListAPIView[ApiKey]):
    """The caller's keys."""

    entitlement = SIGNED_IN
    key_scope = SESSION_ONLY
    serializer_class = KeySerializer
    queryset = ApiKey.objects.none()

    def get_queryset(self) -> QuerySet[ApiKey]:
        """Return the caller's keys, newest first."""
        return selectors.keys_of(person(self.request))


class TicketSerializer(serializers.Serializer[Any]):
    """What opens one live socket."""

    ticket = serializers.CharField()
    expires = serializers.DateTimeField()
    path = serializers.CharField(help_text="where the socket is, with the ticket")
    protocol = serializers.CharField(help_text="sub-protocol to ask for")


class TicketsView(APIView):
    """Tickets for the live socket."""

    entitlement = SIGNED_IN
    key_scope = READ

    @extend_schema(operation_id="tickets_create", request=None, responses={201: TicketSerializer})
    def post(self, request: Request) -> Response:
        """Return a ticket that opens the live socket once, within 30 s.

        The socket hears what the account may hear, and no more once the key is revoked.
        """
        grant = request.auth if isinstance(request.auth, Grant) else None
        expires = timezone.now() + dt.timedelta(seconds=tickets.LIFETIME)
        try:
            ticket = tickets.issue(person(request).pk, key=grant.key_id if grant else None)
        except redis.RedisError:
            raise ServiceAwayError(
                "No ticket can be given right now; try again in a few seconds."
            ) from None
        body = {
            "ticket": ticket,
            "expires": expires,
            "path": f"/ws?ticket={ticket}",
            "protocol": SUBPROTOCOL,
        }
        response = Response(body, status=status.HTTP_201_CREATED)
        response["Cache-Control"] = "no-store"
        return response
