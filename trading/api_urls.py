"""Routes of trading under /api/v1/."""

from django.urls import path

from trading.desk import api, kill_api

urlpatterns = [
    path("accounts", api.AccountList.as_view(), name="api-accounts"),
    path("accounts/<int:account_id>", api.AccountDetail.as_view(), name="api-account"),
    path("accounts/<int:account_id>/risk", api.AccountRisk.as_view(), name="api-account-risk"),
    path("orders", api.OrderList.as_view(), name="api-orders"),
    path("orders/preview", api.OrderPreview.as_view(), name="api-order-preview"),
    path("orders/<int:order_id>", api.OrderDetail.as_view(), name="api-order"),
    path("orders/<int:order_id>/cancel", api.OrderCancel.as_view(), name="api-order-cancel"),
    path("orders/<int:order_id>/replace", api.OrderReplace.as_view(), name="api-order-replace"),
    path("positions", api.PositionList.as_view(), name="api-positions"),
    path("fills", api.FillList.as_view(), name="api-fills"),
    path("kill-switch", kill_api.KillSwitch.as_view(), name="api-kill-switch"),
    path("ledger", api.Ledger.as_view(), name="api-ledger"),
]
