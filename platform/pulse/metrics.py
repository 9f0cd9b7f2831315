"""Prometheus metrics of the web process and of the platform's queues and feeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import redis
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pulse.health import dependencies
from record.access import PUBLIC, entitled

REQUESTS = Counter("pulse_http_requests", "HTTP requests", ["method", "route", "status"])
LATENCY = Histogram(
    "pulse_http_request_seconds",
    "Time to answer an HTTP request",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
QUEUES = ("live", "execution", "bulk", "ml", "alerts")


class MetricsMiddleware:
    """Counts and times requests by route, never by the raw path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Time one request."""
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        route = match.route if match is not None else "unmatched"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(method, route, response.status_code).inc()
        LATENCY.labels(route).observe(time.perf_counter() - began)
        return response


class PlatformCollector(Collector):
    """Reads queue lengths, dependencies and feeds when the page is scraped."""

    def describe(self) -> Iterable[Metric]:
        """Describe nothing, so that registering reads no database."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield the gauges; what cannot be read is left out, its dependency shows as down."""
        up = GaugeMetricFamily("pulse_dependency_up", "1 when it answers", labels=["name"])
        for name, state in dependencies().items():
            up.add_metric([name], float(state["ok"]))
        yield up
        lengths = queue_lengths()
        if lengths is not None:
            queued = GaugeMetricFamily("pulse_queue_length", "Tasks waiting", labels=["queue"])
            for name, length in lengths.items():
                queued.add_metric([name], length)
            yield queued
        yield from feed_gauges()


def queue_lengths() -> dict[str, int] | None:
    """Return the tasks that wait in each queue, or None when Redis is away."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2) as link:
            return {name: int(link.llen(name)) for name in QUEUES}
    except redis.RedisError:
        return None


def feed_gauges() -> Iterable[Metric]:
    """Yield the lag and position of the feeds that run."""
    from market.models import FeedRun

    lag = GaugeMetricFamily("pulse_feed_lag_seconds", "Arrival to stored", labels=["symbol"])
    rows = GaugeMetricFamily("pulse_feed_rows", "Frame rows of the run", labels=["symbol"])
    try:
        for run in FeedRun.objects.filter(state__in=("running", "paused")):
            if run.lag_ms is not None:
                lag.add_metric([run.symbol], run.lag_ms / 1e3)
            rows.add_metric([run.symbol], run.rows)
    except DatabaseError:
        return
    yield lag
    yield rows


def register() -> None:
    """Add the platform's collector once."""
    REGISTRY.register(PlatformCollector())


@require_GET
@entitled(PUBLIC)
def metrics(_request: HttpRequest) -> HttpResponse:
    """Answer the metrics in Prometheus' text format; they name no user."""
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
