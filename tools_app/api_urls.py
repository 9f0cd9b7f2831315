"""REST routes of the tools."""

from django.urls import path

from tools_app import api, execution_api
from tools_app.optimize import api as optimizer
from tools_app.validation import api as validation

urlpatterns = [
    path("tools", api.ToolList.as_view(), name="api-tools"),
    path("tools/<str:key>", api.ToolDetail.as_view(), name="api-tool"),
    path("tools/<str:key>/scorecard", api.ToolScorecard.as_view(), name="api-tool-scorecard"),
    path("scorecards", api.ScorecardList.as_view(), name="api-scorecards"),
    path(
        "tools/<str:key>/parameters", optimizer.ToolParameters.as_view(), name="api-tool-parameters"
    ),
    path("signals", api.SignalList.as_view(), name="api-signals"),
    path("execute", execution_api.Execute.as_view(), name="api-execute"),
    path("consensus", execution_api.Consensus.as_view(), name="api-consensus"),
    path("validations", validation.ValidationList.as_view(), name="api-validations"),
    path("validations/<int:run_id>", validation.ValidationDetail.as_view(), name="api-validation"),
    path(
        "validations/<int:run_id>/cancel",
        validation.ValidationCancel.as_view(),
        name="api-validation-cancel",
    ),
    path("optimizer/searches", optimizer.SearchList.as_view(), name="api-searches"),
    path("optimizer/searches/<int:run_id>", optimizer.SearchDetail.as_view(), name="api-search"),
    path(
        "optimizer/searches/<int:run_id>/cancel",
        optimizer.SearchCancel.as_view(),
        name="api-search-cancel",
    ),
    path(
        "optimizer/searches/<int:run_id>/resume",
        optimizer.SearchResume.as_view(),
        name="api-search-resume",
    ),
]
