"""REST routes of strategies."""

from django.urls import path

from trading.strategies import api

urlpatterns = [
    path("strategies", api.StrategyList.as_view(), name="api-strategies"),
    path("strategies/<int:strategy_id>", api.StrategyDetail.as_view(), name="api-strategy"),
    path(
        "strategies/<int:strategy_id>/decisions",
        api.StrategyDecisions.as_view(),
        name="api-strategy-decisions",
    ),
]
