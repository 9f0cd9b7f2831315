"""Addresses of the tools' pages."""

from django.urls import path

from tools_app import views

app_name = "tools"
urlpatterns = [
    path("tools/", views.catalogue, name="catalogue"),
    path("tools/<slug:slug>/", views.detail, name="detail"),
]
