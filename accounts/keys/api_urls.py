"""REST routes of keys and tickets."""

from django.urls import path

from accounts.keys import api

urlpatterns = [
    path("keys", api.KeysView.as_view(), name="api-keys"),
    path("tickets", api.TicketsView.as_view(), name="api-tickets"),
]
