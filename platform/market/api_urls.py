"""REST routes of the market state."""

from django.urls import path

from market import api

urlpatterns = [
    path("market/", api.SymbolList.as_view(), name="api-market"),
    path("market/<symbol:symbol>/snapshot", api.SnapshotView.as_view(), name="api-snapshot"),
    path("market/<symbol:symbol>/chain", api.ChainView.as_view(), name="api-chain"),
    path(
        "market/<symbol:symbol>/contract/<str:occ>", api.ContractView.as_view(), name="api-contract"
    ),
    path("market/<symbol:symbol>/surface", api.SurfaceView.as_view(), name="api-surface"),
    path("market/<symbol:symbol>/vendor", api.VendorView.as_view(), name="api-vendor"),
    path("greeks", api.GreeksView.as_view(), name="api-greeks"),
    path("market/<symbol:symbol>/exposure", api.ExposureView.as_view(), name="api-exposure"),
    path("market/<symbol:symbol>/bars", api.BarsView.as_view(), name="api-bars"),
]
