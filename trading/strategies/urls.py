"""Addresses of the pages of strategies."""

from django.urls import path

from trading.strategies import views

app_name = "strategies"
urlpatterns = [
    path("strategies/", views.overview, name="home"),
    path("strategies/create", views.create, name="create"),
    path("strategies/<int:strategy_id>/", views.strategy, name="strategy"),
    path("strategies/<int:strategy_id>/step", views.turn, name="step"),
    path("strategies/<int:strategy_id>/configure", views.configure, name="configure"),
]
