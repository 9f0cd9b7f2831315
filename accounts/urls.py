"""Addresses of one's own account and of the plans."""

from django.urls import path

from accounts import views
from accounts.alerts import rule_views
from accounts.alerts import views as alert_views
from accounts.billing import views as billing_views
from accounts.keys import views as key_views

app_name = "accounts"
urlpatterns = [
    path("account/", views.account, name="account"),
    path("account/preferences/", views.keep_preferences, name="preferences"),
    path("account/plan/", views.switch_plan, name="switch_plan"),
    path("account/alerts/", alert_views.overview, name="alerts"),
    path(
        "account/alerts/channels/add/<slug:kind>/",
        alert_views.channel_add,
        name="alert_channel_add",
    ),
    path("account/alerts/channels/<int:channel_id>/", alert_views.channel, name="alert_channel"),
    path(
        "account/alerts/channels/<int:channel_id>/<slug:act>/",
        alert_views.channel_act,
        name="alert_channel_act",
    ),
    path("account/alerts/rules/add/", rule_views.rule_add, name="alert_rule_add"),
    path("account/alerts/rules/<int:rule_id>/", rule_views.rule, name="alert_rule"),
    path(
        "account/alerts/rules/<int:rule_id>/<slug:act>/",
        rule_views.rule_act,
        name="alert_rule_act",
    ),
    path("account/keys/", key_views.overview, name="keys"),
    path("account/keys/add/", key_views.add, name="key_add"),
    path("account/keys/revoke/", key_views.revoke_all, name="keys_revoke"),
    path("account/keys/<int:key_id>/", key_views.key, name="key"),
    path("account/keys/<int:key_id>/rotate/", key_views.rotate, name="key_rotate"),
    path("account/keys/<int:key_id>/revoke/", key_views.revoke, name="key_revoke"),
    path("account/billing/", billing_views.overview, name="billing"),
    path("account/billing/back/", billing_views.back, name="billing_back"),
    path("account/billing/checkout/", billing_views.checkout, name="checkout"),
    path("account/billing/portal/", billing_views.portal, name="portal"),
    path("account/billing/return/", billing_views.returned, name="billing_return"),
    path("stripe/webhook/", billing_views.stripe_webhook, name="stripe_webhook"),
    path("pricing/", views.plans, name="pricing"),
]
