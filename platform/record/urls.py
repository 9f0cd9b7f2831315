"""Routes of the record floor under /api/v1/."""

from django.urls import path

from record import api

urlpatterns = [
    path("jobs", api.JobsView.as_view(), name="api-jobs"),
    path("jobs/<int:job_id>", api.JobView.as_view(), name="api-job"),
    path("jobs/<int:job_id>/cancel", api.JobCancelView.as_view(), name="api-job-cancel"),
]
