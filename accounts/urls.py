"""Addresses of one's own account and of the plans."""

from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("account/", views.account, name="account"),
    path("account/preferences/", views.keep_preferences, name="preferences"),
    path("account/plan/", views.switch_plan, name="switch_plan"),
    path("pricing/", views.plans, name="pricing"),
]
