"""REST routes of the tools."""

from django.urls import path

from tools_app import api

urlpatterns = [
    path("tools", api.ToolList.as_view(), name="api-tools"),
    path("tools/<str:key>", api.ToolDetail.as_view(), name="api-tool"),
    path("signals", api.SignalList.as_view(), name="api-signals"),
    path("execute", api.Execute.as_view(), name="api-execute"),
]
