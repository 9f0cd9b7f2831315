"""Addresses of the tools' pages."""

from django.urls import path

from tools_app import views
from tools_app.optimize import views as optimizer
from tools_app.validation import views as lab

app_name = "tools"
urlpatterns = [
    path("tools/", views.catalogue, name="catalogue"),
    path("tools/scorecards/", views.scorecards, name="scorecards"),
    path("tools/lab/", lab.lab, name="lab"),
    path("tools/lab/start", lab.lab_start, name="lab_start"),
    path("tools/lab/<int:run_id>/", lab.run, name="lab_run"),
    path("tools/lab/<int:run_id>/cancel", lab.lab_cancel, name="lab_cancel"),
    path("tools/lab/<int:run_id>/resume", lab.lab_resume, name="lab_resume"),
    path("tools/lab/<int:run_id>/table.csv", lab.lab_csv, name="lab_csv"),
    path("tools/optimizer/", optimizer.optimizer, name="optimizer"),
    path("tools/optimizer/start", optimizer.start, name="optimizer_start"),
    path("tools/optimizer/<int:run_id>/", optimizer.run, name="optimizer_run"),
    path("tools/optimizer/<int:run_id>/cancel", optimizer.cancel, name="optimizer_cancel"),
    path("tools/optimizer/<int:run_id>/resume", optimizer.resume, name="optimizer_resume"),
    path("tools/optimizer/<int:run_id>/table.csv", optimizer.table_csv, name="optimizer_csv"),
    path("tools/<slug:slug>/", views.detail, name="detail"),
]
