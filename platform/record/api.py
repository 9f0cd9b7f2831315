"""REST of long work: what is running for me, and stopping it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from record import jobs, selectors
from record.access import REPORT, SIGNED_IN
from record.models import Job
from record.rest import IdempotentMixin


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a job has come."""

    phase = serializers.CharField()
    i = serializers.IntegerField(help_text="number of the phase, from 1")
    n = serializers.IntegerField(help_text="how many phases there are")
    done = serializers.FloatField()
    total = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()
    rate = serializers.FloatField(allow_null=True, help_text="units a second")
    eta_s = serializers.ListField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="seconds to go in the phase, from and to; null before 5 % of it",
    )
    updated = serializers.DateTimeField()
    msg = serializers.CharField()


class JobSerializer(serializers.Serializer[Job]):
    """A job without its result."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(choices=Job.State.choices)
    progress = ProgressSerializer(allow_null=True)
    cancel_requested = serializers.BooleanField()
    error = serializers.CharField(allow_null=True)
    created = serializers.DateTimeField()
    started = serializers.DateTimeField(allow_null=True)
    finished = serializers.DateTimeField(allow_null=True)

    def to_representation(self, instance: Job) -> dict[str, Any]:
        """Return what the live channel tells, too."""
        return jobs.payload(instance)


class JobWithResultSerializer(JobSerializer):
    """A job with its result."""

    result = serializers.JSONField(allow_null=True, help_text="null until the job is done")

    def to_representation(self, instance: Job) -> dict[str, Any]:
        """Add the result."""
        return {**super().to_representation(instance), "result": instance.result}


def own_job(request: Request, job_id: int) -> Job:
    """Return a job of the caller; anybody else's is as if it did not exist."""
    job = selectors.jobs_of(request.user.pk).filter(pk=job_id).first()
    if job is None:
        raise Http404
    return job


class JobsView(ListAPIView[Job]):
    """The caller's jobs, newest first."""

    entitlement = SIGNED_IN
    serializer_class = JobSerializer
    queryset = Job.objects.none()

    def get_queryset(self) -> QuerySet[Job]:
        """Return the caller's jobs."""
        return selectors.jobs_of(self.request.user.pk)


class JobView(APIView):
    """One job."""

    entitlement = SIGNED_IN

    @extend_schema(operation_id="jobs_retrieve", responses=JobWithResultSerializer)
    def get(self, request: Request, job_id: int) -> Response:
        """Return a job of yours with its progress and, when it is done, its result."""
        return Response(JobWithResultSerializer(own_job(request, job_id)).data)


class JobCancelView(IdempotentMixin, APIView):
    """Stopping a job."""

    entitlement = SIGNED_IN
    key_scope = REPORT

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobSerializer)
    def post(self, request: Request, job_id: int) -> Response:
        """Cancel a job of yours; one that runs ends at its next step, one that ended stays so."""
        job = own_job(request, job_id)
        return Response(JobSerializer(jobs.cancel(job.pk) or own_job(request, job_id)).data)
