"""Version 1 of the REST interface: every app's routes under one prefix."""

from django.urls import include, path

urlpatterns = [
    path("", include("leaderboard.api_urls")),  # first: bots report most
    path("", include("accounts.keys.api_urls")),
    path("", include("trading.api_urls")),
    path("", include("trading.strategies.api_urls")),
    path("", include("market.api_urls")),
    path("", include("tools_app.api_urls")),
    path("", include("record.urls")),
]
