"""All addresses."""

from django.contrib import admin
from django.urls import include, path

from pulse import health, metrics, pages
from pulse.api.docs import SchemaView, docs

urlpatterns = [
    path("api/v1/", include("pulse.api.urls")),  # first: programs call most
    path("", pages.landing, name="landing"),
    path("dashboard/", pages.dashboard, name="dashboard"),
    path("status/", pages.status, name="status"),
    path("conventions/", pages.conventions, name="conventions"),
    path("licences/", pages.licences, name="licences"),
    path("", include("accounts.urls")),
    path("", include("market.urls")),
    path("", include("tools_app.urls")),
    path("", include("trading.strategies.urls")),
    path("", include("trading.urls")),
    path("", include("leaderboard.urls")),
    path("health", health.health, name="health"),
    path("ready", health.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("api/schema/", SchemaView.as_view(), name="api-schema"),
    path("api/docs/", docs, name="api-docs"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]

handler403 = pages.forbidden
handler404 = pages.missing
handler500 = pages.failed
