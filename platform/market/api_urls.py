"""REST routes of the market state."""

from django.urls import path

from market import api

urlpatterns = [
    path("market/", api.SymbolList.as_view(), name="api-market"),
    path("market/<str:symbol>/snapshot", api.SnapshotView.as_view(), name="api-snapshot"),
    path("market/<str:symbol>/chain", api.ChainView.as_view(), name="api-chain"),
    path("market/<str:symbol>/exposure", api.ExposureView.as_view(), name="api-exposure"),
    path("market/<str:symbol>/bars", api.BarsView.as_view(), name="api-bars"),
]
