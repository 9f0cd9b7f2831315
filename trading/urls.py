"""Addresses of the pages of trading."""

from django.urls import path

from trading.desk import connect_pages, lists, order_pages, risk_pages, ticket_pages, views

app_name = "trading"
urlpatterns = [
    path("trading/", views.home, name="home"),
    path("trading/open", views.open_account, name="open"),
    path("trading/accounts/<int:account_id>/", views.account, name="account"),
    path("trading/accounts/<int:account_id>/standing", views.standing, name="standing"),
    path("trading/accounts/<int:account_id>/agree", views.agree, name="agree"),
    path("trading/orders/", lists.orders, name="orders"),
    path("trading/orders/orders.csv", lists.orders_csv, name="orders_csv"),
    path("trading/orders/<int:order_id>/", order_pages.order, name="order"),
    path("trading/orders/<int:order_id>/cancel", order_pages.cancel, name="cancel"),
    path("trading/orders/<int:order_id>/replace", order_pages.replace, name="replace"),
    path("trading/ticket/", ticket_pages.form, name="ticket"),
    path("trading/ticket/send", ticket_pages.send, name="send"),
    path("trading/risk/", risk_pages.risk, name="risk"),
    path("trading/risk/stop", risk_pages.kill, name="kill"),
    path("trading/risk/go-on", risk_pages.go_on, name="go_on"),
    path("trading/risk/<int:account_id>/portfolio", risk_pages.portfolio, name="portfolio"),
    path("trading/risk/<int:account_id>/limit", risk_pages.limit, name="limit"),
    path("trading/connections/", connect_pages.overview, name="connections"),
    path("trading/connections/create", connect_pages.create, name="connection_create"),
    path("trading/connections/<int:account_id>/save", connect_pages.save, name="connection_save"),
    path("trading/connections/<int:account_id>/test", connect_pages.test, name="connection_test"),
    path(
        "trading/connections/<int:account_id>/remove",
        connect_pages.remove,
        name="connection_remove",
    ),
    path("trading/positions/", lists.positions, name="positions"),
    path("trading/history/", lists.history, name="history"),
    path("trading/history/trades.csv", lists.history_csv, name="history_csv"),
    path("trading/ledger/", lists.ledger, name="ledger"),
    path("trading/ledger/ledger.csv", lists.ledger_csv, name="ledger_csv"),
]
