"""Addresses of the market's pages."""

from django.urls import path

from market import feed_views, views

app_name = "market"
urlpatterns = [
    path("exposure/", views.exposure_home, name="exposure_home"),
    path("exposure/<symbol:symbol>/", views.exposure, name="exposure"),
    path("chain/", views.chain_home, name="chain_home"),
    path("chain/<symbol:symbol>/", views.chain, name="chain"),
    path("chain/<symbol:symbol>/<str:occ>/", views.contract, name="contract"),
    path("surface/", views.surface_home, name="surface_home"),
    path("surface/<symbol:symbol>/", views.surface, name="surface"),
    path("quality/", views.quality_home, name="quality_home"),
    path("quality/<symbol:symbol>/", views.quality, name="quality"),
    path("feed/", feed_views.feed, name="feed"),
    path("feed/start", feed_views.feed_start, name="feed_start"),
    path("feed/<int:run_id>/<slug:command>", feed_views.feed_command, name="feed_command"),
]
