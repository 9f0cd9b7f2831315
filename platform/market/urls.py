"""Addresses of the market's pages."""

from django.urls import path

from market import views

app_name = "market"
urlpatterns = [
    path("exposure/", views.exposure_home, name="exposure_home"),
    path("exposure/<str:symbol>/", views.exposure, name="exposure"),
    path("chain/", views.chain_home, name="chain_home"),
    path("chain/<str:symbol>/", views.chain, name="chain"),
    path("feed/", views.feed, name="feed"),
    path("feed/start", views.feed_start, name="feed_start"),
    path("feed/<int:run_id>/<slug:command>", views.feed_command, name="feed_command"),
]
