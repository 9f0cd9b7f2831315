"""What validations say on a tool's page."""

from __future__ import annotations

import dataclasses
import re

import pytest
from django.test import Client

from tests.tools_app.lab import client_of, done, person
from tools_app.registry import Catalogue, catalogue
from tools_app.validation import by_tool, services

pytestmark = pytest.mark.django_db(transaction=True)


def page(client: Client, slug: str) -> str:
    return re.sub(r"\s+", " ", client.get(f"/tools/{slug}/").content.decode())


def test_the_fullest_run_of_each_effect_stands_on_the_page(monkeypatch):
    tool = catalogue().get(1)
    free = client_of(person("free"))
    assert "No run has judged it yet" in page(free, tool.slug)
    done(paths=32)
    whole, off = done(paths=64), done(paths=64, effect="off")
    done(paths=64, tools=[28])
    services.ask(seed=9, effect="reversed", paths=64, tools=[1], lanes=0)
    found = by_tool.lines_of(tool)
    assert [(one["effect"], one["run"]) for one in found] == [("on", whole.pk), ("off", off.pk)]
    line = next(line for line in whole.table["lines"] if line["tool_id"] == 1)
    assert found[0]["figures"] == line
    shown = page(free, tool.slug)
    assert f'href="/tools/lab/{whole.pk}/?tool=1#closer">Effects on</a>' in shown
    assert f'href="/tools/lab/{off.pk}/?tool=1#closer">Effects off</a>' in shown
    assert "Effects reversed" not in shown
    # A Pro tool's figures stay with Pro.
    dear = catalogue().get(28)
    assert "On simulated paths" not in page(free, dear.slug)
    assert "On simulated paths" in page(client_of(person("pro")), dear.slug)
    # A tool that has changed since was not judged.
    changed = dataclasses.replace(tool, version="2")
    other = [changed if one.id == 1 else one for one in catalogue()]
    monkeypatch.setattr("tools_app.validation.services.catalogue", lambda: Catalogue(other))
    assert by_tool.lines_of(changed) == []


def test_a_tool_that_no_path_can_judge_has_no_such_panel():
    tool = next(one for one in catalogue() if not by_tool.can_be_judged(one))
    shown = page(client_of(person("pro_plus")), tool.slug)
    assert tool.name in shown
    assert "On simulated paths" not in shown
