"""Nothing is reachable that has not said who may reach it: a new route, topic or task included."""

from collections.abc import Iterator

import pytest
from celery import current_app
from django.urls import URLPattern, get_resolver
from django.urls.resolvers import ResolverMatch
from rest_framework.views import APIView

from accounts.permissions import Entitled
from accounts.plans import ENTITLEMENTS
from accounts.routes import BY_NAME, entitlement_for
from record.access import PUBLIC, SYSTEM, entitlement_of
from record.live import topics
from record.tasks import PulseTask, UserTask


def walk(patterns, namespaces=(), route="") -> Iterator[tuple[URLPattern, ResolverMatch]]:
    for item in patterns:
        here = route + str(item.pattern)
        if hasattr(item, "url_patterns"):
            inner = (*namespaces, item.namespace) if item.namespace else namespaces
            yield from walk(item.url_patterns, inner, here)
        else:
            match = ResolverMatch(
                item.callback, (), {}, item.name, namespaces=list(namespaces), route=here
            )
            yield item, match


ROUTES = list(walk(get_resolver().url_patterns))
API_VIEWS = [
    (pattern, match)
    for pattern, match in ROUTES
    if isinstance(getattr(pattern.callback, "cls", None), type)
    and issubclass(pattern.callback.cls, APIView)
]


def test_the_walk_sees_pages_and_interfaces():
    assert len(ROUTES) > 50
    assert len(API_VIEWS) >= 5


@pytest.mark.parametrize(("pattern", "match"), ROUTES, ids=lambda item: getattr(item, "route", ""))
def test_every_route_declares_what_it_needs(pattern, match):
    needs = entitlement_for(pattern.callback, match)
    assert needs in ENTITLEMENTS, f"{match.route} declares {needs!r}"
    assert needs != SYSTEM


@pytest.mark.parametrize(
    ("pattern", "match"), API_VIEWS, ids=lambda item: getattr(item, "route", "")
)
def test_every_interface_stands_behind_the_gate(pattern, match):
    view = pattern.callback.cls
    options = pattern.callback.initkwargs
    gates = options.get("permission_classes", view.permission_classes)
    assert entitlement_of(view) == PUBLIC or Entitled in gates


def test_the_table_of_foreign_routes_holds_no_name_that_is_gone():
    assert set(BY_NAME) <= {match.view_name for _, match in ROUTES}


def test_every_topic_declares_what_it_needs():
    declared = topics.registered()
    assert {"quote", "exposure", "chain", "feed", "signals:free", "signals:pro"} <= set(declared)
    for topic in declared.values():
        assert topic.entitlement in ENTITLEMENTS, topic
        assert topic.entitlement not in {SYSTEM, PUBLIC}, topic


def test_every_task_declares_what_it_needs():
    current_app.loader.import_default_modules()
    own = {name: task for name, task in current_app.tasks.items() if not name.startswith("celery.")}
    assert {"tools_app.evaluate_run", "market.chain"} <= set(own)
    for name, task in own.items():
        assert isinstance(task, PulseTask), name
        assert task.entitlement in ENTITLEMENTS, f"{name} declares {task.entitlement!r}"
        # What is done for a person must check that person when it runs.
        assert task.entitlement == SYSTEM or isinstance(task, UserTask), name


def test_a_task_that_declares_nothing_is_seen():
    assert PulseTask.entitlement is None
    assert UserTask.entitlement is None
