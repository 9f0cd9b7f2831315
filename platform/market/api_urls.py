"""REST routes of the market state."""

from django.urls import path

from market import api

urlpatterns = [
    path("market/", api.SymbolList.as_view(), name="api-market"),
    path("market/<str:symbol>/snapshot", api.SnapshotView.as_view(), name="api-snapshot"),
    path("market/<str:symbol>/chain", api.ChainView.as_view(), name="api-chain"),
    path("market/<str:symbol>/contract/<str:occ>", api.ContractView.as_view(), name="api-contract"),
    path("market/<str:symbol>/surface", api.SurfaceView.as_view(), name="api-surface"),
    path("market/<str:symbol>/vendor", api.VendorView.as_view(), name="api-vendor"),
    path("greeks", api.GreeksView.as_view(), name="api-greeks"),
    path("market/<str:symbol>/exposure", api.ExposureView.as_view(), name="api-exposure"),
    path("market/<str:symbol>/bars", api.BarsView.as_view(), name="api-bars"),
]
