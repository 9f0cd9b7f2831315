"""Pages and REST of the validation lab: from the form to the table, by plan."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from pulse.api.docs import document
from record import streams
from record.jobs import channel_of
from tests.tools_app.lab import DAILY, client_of, done, person, work
from tools_app.models import ValidationRun
from tools_app.validation import blocks

pytestmark = pytest.mark.django_db(transaction=True)
State = ValidationRun.State
FORM = {
    "effect": "on",
    "paths": "1000",
    "other": "64",
    "seed": "5",
    "which": "chosen",
    "tools": DAILY,
}
API = "/api/v1/validations"


def ask(client, body: dict, **headers):
    return client.post(API, json.dumps(body), content_type="application/json", headers=headers)


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def small_blocks(monkeypatch):
    """Let a few paths make several blocks."""
    monkeypatch.setattr(blocks, "BLOCK", 32)


def test_from_the_form_to_the_table(small_blocks):
    owner = person("pro")
    client = client_of(owner)
    answer = client.post("/tools/lab/start", FORM)
    run = ValidationRun.objects.get()
    page = f"/tools/lab/{run.pk}/"
    assert (answer.status_code, answer["Location"]) == (302, page)
    shown = text_of(client.get(page))
    assert "Waiting for a worker" in shown
    assert "0 of 64 paths, 0 of 2 blocks" in shown
    assert "Cancel</button>" in shown
    assert f'data-channel="jobs:{owner.pk}"' in shown

    assert client.post(f"{page}cancel")["Location"] == page
    shown = text_of(client.get(page))
    assert "0 of 2 blocks are computed and kept" in shown
    assert "Resume</button>" in shown
    assert client.post(f"{page}resume")["Location"] == page

    part = client.get(page, headers={"HX-Request": "true"})
    assert "<html" not in part.content.decode()
    assert 'hx-swap-oob="true"' in part.content.decode()
    assert work(run).state == State.DONE
    assert client.get(page, headers={"HX-Request": "true"})["HX-Refresh"] == "true"

    shown = text_of(client.get(page))
    first, second = run.table["lines"]
    for line in (first, second):
        assert f'data-value="{line["win"]}"' in shown
        assert f'data-value="{line["verdict"]}"' in shown
    assert "With the effects on" in shown
    assert "with probability" in shown
    assert shown.count("fig-fan") == 2
    again = client.post("/tools/lab/start", FORM, follow=True)
    assert "the same question has the same answer" in text_of(again)
    assert ValidationRun.objects.count() == 1
    told = streams.read_after(channel_of(owner.pk), 0)
    assert {event.data["kind"] for event in told} == {"tools.validate"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seed": "-3"}, "Seed: &#x27;-3&#x27; is no whole number from 0."),
        ({"seed": "9" * 19}, "Seed: give a whole number from 0."),
        ({"other": "20000"}, "Paths: your plan reaches 10,000 paths of each kind; Pro+ reaches"),
        ({"other": "", "paths": ""}, "Paths: &#x27;&#x27; is no whole number"),
        ({"other": "0"}, "Paths: give 1 to"),
        ({"effect": "twice"}, "Planted effects: choose one of on, off, reversed."),
        ({"tools": []}, "Tools: name at least one tool."),
        ({"tools": ["31"]}, "opens with Pro+"),
        ({"tools": ["999"]}, "Tools: no tool 999."),
        ({"tools": ["2"]}, "cannot be judged"),
    ],
)
def test_a_form_with_a_fault_names_the_field_and_keeps_the_rest(changed, said):
    answer = client_of(person("pro")).post("/tools/lab/start", FORM | changed)
    assert answer.status_code == 400
    assert said in text_of(answer)
    assert 'name="seed"' in text_of(answer)
    assert not ValidationRun.objects.exists()


def test_one_run_at_a_time_is_said_on_the_one_that_runs():
    client = client_of(person("pro"))
    client.post("/tools/lab/start", FORM)
    answer = client.post("/tools/lab/start", FORM | {"seed": "6"}, follow=True)
    assert "Nothing was started: your run" in text_of(answer)
    assert ValidationRun.objects.count() == 1


def test_visitors_and_free_see_results_and_start_nothing():
    running = client_of(person("pro")).post("/tools/lab/start", FORM)["Location"]
    run = done(seed=9)
    for user in (None, person("free")):
        client = client_of(user)
        shown = text_of(client.get("/tools/lab/"))
        assert "Runs start with Pro" in shown
        assert f"Run {run.pk}<" in shown
        assert client.get(running).status_code == 404
        assert client.get(f"/tools/lab/{run.pk}/").status_code == 200
        refused = client.post("/tools/lab/start", FORM)
        assert refused.status_code == (403 if user else 302)
    assert ValidationRun.objects.count() == 2


def test_only_a_post_changes_anything():
    client = client_of(person("pro"))
    page = client.post("/tools/lab/start", FORM)["Location"]
    for path in ("/tools/lab/start", f"{page}cancel", f"{page}resume"):
        assert client.get(path).status_code == 405
    assert ValidationRun.objects.get().state == State.RUNNING


def test_a_stranger_cancels_nothing_and_a_token_is_needed():
    page = client_of(person("pro")).post("/tools/lab/start", FORM)["Location"]
    other = client_of(person("pro"))
    assert "Cancel</button>" not in text_of(other.get(page))
    assert other.post(f"{page}cancel").status_code == 403
    assert ValidationRun.objects.get().state == State.RUNNING
    strict = type(other)(enforce_csrf_checks=True)
    strict.force_login(person("pro_plus"))
    assert strict.post("/tools/lab/start", FORM).status_code == 403


def test_locked_values_never_leave():
    run = done()
    locked = run.table["lines"][1]
    values = [repr(locked[name]) for name in ("sharpe", "win", "base")]
    for path in (f"/tools/lab/{run.pk}/?tool=28", f"/tools/lab/{run.pk}/table.csv",
                 f"{API}/{run.pk}"):  # fmt: skip
        free, pro = (client_of(person(plan)).get(path).content.decode() for plan in ("free", "pro"))
        assert not any(value in free for value in values), path
        assert all(value in pro for value in values), path
    assert "Pro opens it" in text_of(client_of(None).get(f"/tools/lab/{run.pk}/"))


def test_the_csv_has_every_line():
    run = done()
    answer = client_of(person("pro")).get(f"/tools/lab/{run.pk}/table.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [float(row["win"]) for row in rows] == [line["win"] for line in run.table["lines"]]
    running = client_of(person("pro")).post("/tools/lab/start", FORM | {"seed": "6"})["Location"]
    assert client_of(person("pro")).get(f"{running}table.csv").status_code == 404


def test_two_runs_are_compared_on_the_page():
    on, off = done(), done(effect="off")
    client = client_of(person("pro"))
    shown = text_of(client.get(f"/tools/lab/{on.pk}/?with={off.pk}&tool=28"))
    assert f"this run less run {off.pk}" in shown
    assert shown.count("<pulse-table>") == 2
    assert f'<option value="{off.pk}" selected' in shown
    off_page = text_of(client.get(f"/tools/lab/{off.pk}/?with=999&tool=x"))
    assert "With the effects off" in off_page
    assert "Choose a finished run" in off_page


def test_rest_from_the_question_to_the_table(small_blocks):
    client = client_of(person("pro"))
    question = {"effect": "on", "paths": 64, "seed": 5, "tools": DAILY}
    asked = ask(client, question, **{"Idempotency-Key": "k1"})
    body = asked.json()
    assert asked.status_code == 202
    assert asked["Location"].endswith(f"{API}/{body['id']}")
    assert (body["state"], body["own"], body["table"]) == ("running", True, None)
    assert body["progress"]["waiting"]
    assert ask(client, question, **{"Idempotency-Key": "k1"})["Idempotency-Replayed"] == "true"

    stopped = client.post(f"{API}/{body['id']}/cancel").json()
    assert stopped["state"] == "cancelled"
    assert ask(client, question).json()["state"] == "running"
    run = work(ValidationRun.objects.get())
    answered = ask(client, question)
    assert answered.status_code == 200
    table = client.get(f"{API}/{run.pk}").json()["table"]
    assert [line["win"] for line in table["lines"]] == [line["win"] for line in run.table["lines"]]
    listed = client.get(API).json()["results"]
    assert [one["id"] for one in listed] == [run.pk]
    assert "table" not in listed[0]


@pytest.mark.parametrize(
    ("plan", "body", "status", "code", "told"),
    [
        (None, {"paths": 64}, 401, "not_authenticated", None),
        ("free", {"paths": 64}, 403, "plan_required", "pro"),
        ("pro", {"paths": 20_000}, 403, "plan_required", "pro_plus"),
        ("pro", {"paths": 64, "tools": [31]}, 403, "plan_required", "pro_plus"),
        ("pro", {}, 400, "invalid", None),
        ("pro", {"paths": 64, "effect": "no"}, 400, "invalid", None),
        ("pro", {"paths": 64, "tools": [999]}, 400, "invalid", None),
        ("pro_plus", {"paths": 200_000}, 400, "invalid", None),
    ],
)
def test_rest_refusals_name_the_field_and_the_plan(plan, body, status, code, told):
    answer = ask(client_of(person(plan) if plan else None), body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert problem.get("opens_with") == told
    if told == "pro_plus":
        assert "Pro+" in problem["errors"][0]["detail"]
    assert not ValidationRun.objects.exists()


def test_a_number_that_no_run_has_is_a_404():
    client = client_of(person("pro"))
    for number in (0, 2**40, 2**63, 10**30):
        assert client.get(f"/tools/lab/{number}/").status_code == 404
        assert client.get(f"{API}/{number}").status_code == 404
        assert client.post(f"/tools/lab/{number}/cancel").status_code == 404


def test_rest_says_which_run_is_in_the_way():
    client = client_of(person("pro"))
    first = ask(client, {"paths": 64, "tools": DAILY}).json()
    second = ask(client, {"paths": 64, "tools": DAILY, "seed": 2})
    assert second.status_code == 409
    assert (second.json()["code"], second.json()["run"]) == ("validation_at_work", first["id"])
    other = client_of(person("pro"))
    assert other.post(f"{API}/{first['id']}/cancel").status_code == 403
    assert client_of(None).get(f"{API}/{first['id']}").status_code == 404
    assert client_of(None).get(API).json()["results"] == []


def test_the_interface_is_documented():
    paths = document()["paths"]
    assert set(paths[API]) >= {"get", "post"}
    assert set(paths[f"{API}/{{run_id}}"]) == {"get"}
    assert set(paths[f"{API}/{{run_id}}/cancel"]) == {"post"}
