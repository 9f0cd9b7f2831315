"""Pages and REST of the optimizer lab: from the form to the verdicts, by plan."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from pulse.api.docs import document
from record import jobs, streams
from record.jobs import channel_of
from record.models import Job
from tests.tools_app.lab import client_of, person
from tests.tools_app.optimize import planted
from tools_app.lab.access import BusyError
from tools_app.models import OptimizeRun, ParameterSet
from tools_app.optimize import access, selectors, services
from tools_app.sharing import QuestionError

pytestmark = pytest.mark.django_db(transaction=True)
State = OptimizeRun.State
COIN = "COIN/TST"
QUESTION = {
    "tools": [17],
    "symbols": [COIN],
    "timeframes": ["5m"],
    "regimes": ["bull"],
    "trials": 16,
    "folds": 3,
    "seed": 1,
}
SMALL = QUESTION | {"trials": 2, "folds": 2}
HOME = "/tools/optimizer/"
API = "/api/v1/optimizer/searches"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cost of a stock: what is planted is as small as what a stock can show."""
    monkeypatch.setattr("tools_app.costs.CRYPTO", 1e-4)


@pytest.fixture
def coin(store) -> None:
    store(COIN, planted.planted(150, 3))


@pytest.fixture
def scant(store) -> None:
    """Bars that are too few to search, which is quickly found."""
    store(COIN, planted.planted(3, 3))


def finished(**changed: object) -> OptimizeRun:
    run = services.ask(**{**QUESTION, **changed}, lanes=0)
    assert services.work(run.pk, lambda count, of: None)
    run.refresh_from_db()
    return run


def work(run: OptimizeRun) -> None:
    """Let a worker take every job of a search."""
    for job in services.SHARED.lanes_of(run).filter(state=Job.State.QUEUED).order_by("pk"):
        jobs.run(job.pk)


def ask(client, body: dict, **headers):
    return client.post(API, json.dumps(body), content_type="application/json", headers=headers)


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def test_from_the_form_to_the_verdicts(coin):
    owner = person("pro_plus")
    client = client_of(owner)
    answer = client.post(f"{HOME}start", QUESTION)
    run = OptimizeRun.objects.get()
    page = f"{HOME}{run.pk}/"
    assert (answer.status_code, answer["Location"]) == (302, page)
    shown = text_of(client.get(page))
    assert "Waiting for a worker" in shown
    assert "0 of 3 folds, 0 of 48 settings judged" in shown
    assert "Cancel</button>" in shown
    assert f'data-channel="jobs:{owner.pk}"' in shown

    assert client.post(f"{page}cancel")["Location"] == page
    shown = text_of(client.get(page))
    assert "0 of 3 folds are computed and kept" in shown
    assert "Resume</button>" in shown
    assert client.post(f"{page}resume")["Location"] == page

    part = client.get(page, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'hx-swap-oob="true"' in part
    run.refresh_from_db()
    work(run)
    assert client.get(page, headers={"HX-Request": "true"})["HX-Refresh"] == "true"

    shown = text_of(client.get(page))
    unit = run.units.get()
    assert unit.verdict == "deployed", unit.reasons
    assert "Every set found passed all checks and replaced the default." in shown
    assert "Set found is in use" in shown
    for reason in unit.reasons:
        assert reason in shown
    for figure in ("signals", "gain", "deflated_sharpe", "better", "trials"):
        assert f'data-value="{unit.figures[figure]}"' in shown
    assert f"<b>{unit.params['volume']:.4g}</b>" in shown
    assert "default 1.5" in shown
    home = text_of(client.get(HOME))
    assert "Found set" in home
    assert f"Search {run.pk}<" in home
    again = client.post(f"{HOME}start", QUESTION, follow=True)
    assert "the same question has the same answer" in text_of(again)
    assert OptimizeRun.objects.count() == 1
    told = streams.read_after(channel_of(owner.pk), 0)
    assert {event.data["kind"] for event in told} == {"tools.optimize"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"tools": []}, "Tools: name at least one tool"),
        ({"tools": ["3"]}, "Tools: tool 3 cannot be optimized; choose of 16, 17, 18."),
        ({"tools": ["x"]}, "Tools: &#x27;x&#x27; is no whole number"),
        ({"symbols": []}, "Symbols: name at least one symbol."),
        ({"symbols": ["\0"]}, "is no equity or crypto pair with stored bars"),
        ({"symbols": ["NONE"]}, "Symbols: NONE is no equity or crypto pair with stored bars"),
        ({"timeframes": []}, "Timeframes: name at least one"),
        ({"regimes": ["up"]}, "Regimes: &#x27;up&#x27; is unknown"),
        ({"trials": "1"}, "Trials: give 2 to 500."),
        ({"folds": "many"}, "Folds: &#x27;many&#x27; is no whole number"),
        ({"seed": "-3"}, "Seed: &#x27;-3&#x27; is no whole number from 0."),
        (
            {"tools": [16, 17, 18], "regimes": ["bull", "bear", "sideways"], "trials": "500",
             "folds": "12"},
            "Trials: that makes 54,000 settings and your plan reaches 50,000 a search; give fewer",
        ),
    ],
)  # fmt: skip
def test_a_form_with_a_fault_names_the_field_and_keeps_the_rest(scant, changed, said):
    answer = client_of(person("pro_plus")).post(f"{HOME}start", QUESTION | changed)
    assert answer.status_code == 400
    assert said in text_of(answer)
    assert f'value="{changed.get("folds", 3)}"' in text_of(answer)
    assert not OptimizeRun.objects.exists()
    assert not Job.objects.exists()


def test_the_form_says_how_much_a_search_may_be_and_what_is_stored(scant):
    shown = text_of(client_of(person("pro_plus")).get(HOME))
    assert "A search of your plan judges 50,000 at most." in shown
    assert f'value="{COIN}" checked' in shown
    assert "Every tool uses its default" in shown


def test_without_bars_the_page_says_how_to_import_them():
    shown = text_of(client_of(person("pro_plus")).get(HOME))
    assert "No bars are stored yet" in shown
    assert "python manage.py import_market bars" in shown
    assert "Start search" not in shown


def test_one_search_at_a_time_is_said_on_the_one_that_runs(scant):
    client = client_of(person("pro_plus"))
    first = client.post(f"{HOME}start", SMALL)["Location"]
    answer = client.post(f"{HOME}start", SMALL | {"seed": "6"}, follow=True)
    assert "Nothing was started: your search" in text_of(answer)
    assert answer.redirect_chain[-1][0] == first
    assert OptimizeRun.objects.count() == 1


def test_who_may_have_how_much_at_once(scant):
    user, other, staff = person("pro_plus"), person("pro_plus"), person("free", staff=True)
    run = access.ask_for(user, **SMALL)
    assert run.owner == user.pk
    assert access.ask_for(user, **SMALL).pk == run.pk
    with pytest.raises(BusyError, match=f"your search {run.pk} is at work"):
        access.ask_for(user, **SMALL | {"seed": 6})
    # What is on its way is only found, by anybody who may ask.
    assert access.ask_for(other, **SMALL).owner == user.pk
    mine = access.ask_for(other, **SMALL | {"seed": 7})
    with pytest.raises(BusyError):
        access.ask_for(other, **SMALL | {"seed": 8})
    assert access.cancel_for(other, mine)
    # A search that was cancelled counts when it goes on.
    assert access.cancel_for(user, run)
    access.ask_for(user, **SMALL | {"seed": 9})
    with pytest.raises(BusyError):
        access.resume_for(user, run)
    run.refresh_from_db()
    assert (run.state, run.owner) == (State.CANCELLED, user.pk)
    wide = {"tools": [16, 17, 18], "regimes": ["bull", "bear", "sideways"], "folds": 12}
    for seed in (1, 2):
        search = access.ask_for(staff, **SMALL | wide | {"trials": 500, "seed": seed})
        assert access.settings_of(search) == 54_000
    with pytest.raises(QuestionError, match="54,000 settings"):
        access.ask_for(person("pro_plus"), **SMALL | wide | {"trials": 500, "seed": 3})


def test_visitors_free_and_pro_see_results_and_start_nothing(scant):
    running = client_of(person("pro_plus")).post(f"{HOME}start", SMALL)["Location"]
    run = finished(seed=9)
    for plan in (None, "free", "pro"):
        client = client_of(person(plan) if plan else None)
        shown = text_of(client.get(HOME))
        assert "Searches start with Pro+" in shown
        assert f"Search {run.pk}<" in shown
        assert client.get(running).status_code == 404
        assert client.get(f"{HOME}{run.pk}/").status_code == 200
        refused = client.post(f"{HOME}start", SMALL)
        assert refused.status_code == (403 if plan else 302)
        if plan:
            assert "needs the Pro+ plan" in text_of(refused)
    assert OptimizeRun.objects.count() == 2


def test_only_a_post_changes_anything_and_a_stranger_cancels_nothing(scant):
    client = client_of(person("pro_plus"))
    page = client.post(f"{HOME}start", SMALL)["Location"]
    for path in (f"{HOME}start", f"{page}cancel", f"{page}resume"):
        assert client.get(path).status_code == 405
    other = client_of(person("pro_plus"))
    assert "Cancel</button>" not in text_of(other.get(page))
    assert other.post(f"{page}cancel").status_code == 403
    strict = type(other)(enforce_csrf_checks=True)
    strict.force_login(person("pro_plus"))
    assert strict.post(f"{HOME}start", SMALL).status_code == 403
    assert OptimizeRun.objects.get().state == State.RUNNING


def test_more_bars_make_another_search_when_one_goes_on(scant, store):
    client = client_of(person("pro_plus"))
    page = client.post(f"{HOME}start", SMALL)["Location"]
    client.post(f"{page}cancel")
    store(COIN, planted.planted(4, 3))
    answer = client.post(f"{page}resume", follow=True)
    assert answer.redirect_chain[-1][0] != page
    assert "the stored bars have changed since: this is a new search." in text_of(answer)


def test_locked_values_never_leave(coin):
    run = finished()
    unit = run.units.get()
    found = ParameterSet.objects.get()
    assert found.deployed
    secrets = [
        repr(unit.figures["gain"]),
        repr(unit.params["volume"]),
        f"{unit.params['volume']:.4g}",
        unit.reasons[0],
        *unit.reasons[2:],
    ]
    paths = (f"{HOME}{run.pk}/", f"{HOME}{run.pk}/table.csv", f"{API}/{run.pk}", HOME, API,
             f"{HOME}?tool=17&symbol={COIN}")  # fmt: skip
    for path in paths:
        for plan in (None, "free"):
            body = client_of(person(plan) if plan else None).get(path).content.decode()
            assert not [one for one in secrets if one in body], (path, plan)
            assert "deployed" not in body, (path, plan)
    for path in paths[:3]:
        body = client_of(person("pro")).get(path).content.decode()
        assert unit.reasons[0] in body, path
    shown = text_of(client_of(person("free")).get(f"{HOME}{run.pk}/"))
    assert "17 Volume Breakout" in shown
    assert "Pro opens it" in shown
    assert "Your plan opens none of the tools of this search." in shown
    assert "Pro opens it" in text_of(client_of(None).get(HOME))
    shut = selectors.unit_payloads(run, person("free"))
    assert [set(one) for one in shut] == [{"tool", "locked", "opens_with"}]


def test_the_csv_has_every_place(scant):
    run = finished(tools=[16, 17], regimes=["bull", "bear"])
    answer = client_of(person("pro")).get(f"{HOME}{run.pk}/table.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["tool"], row["regime"]) for row in rows] == [
        ("htf-sweep", "bull"), ("htf-sweep", "bear"),
        ("volume-breakout", "bull"), ("volume-breakout", "bear"),
    ]  # fmt: skip
    assert {row["verdict"] for row in rows} == {"no data"}
    assert "volume=1.5" in rows[2]["default"]
    assert "3 folds of Volume Breakout need" in rows[2]["reasons"]
    running = client_of(person("pro_plus")).post(f"{HOME}start", SMALL)["Location"]
    assert client_of(person("pro_plus")).get(f"{running}table.csv").status_code == 404


def test_places_without_data_say_why(scant):
    run = finished(timeframes=["1m", "5m"])
    shown = text_of(client_of(person("pro")).get(f"{HOME}{run.pk}/"))
    assert "No set found passed all checks, so the default stays. 2 of 2 places" in shown
    assert "has no bars that make 1m; stored are 330 of 300 s." in shown
    assert "Too little data" in shown


def test_what_is_in_use_is_filtered_and_a_changed_tool_says_so(scant):
    finished(tools=[16, 17])
    client = client_of(person("pro"))
    shown = text_of(client.get(f"{HOME}?tool=16&symbol={COIN}"))
    assert "1 place." in shown
    assert "HTF Sweep</a>" in shown
    assert "Volume Breakout</a>" not in shown
    for unknown in ("NONE", "%27"):
        shown = text_of(client.get(f"{HOME}?symbol={unknown}"))
        assert "No place fits the filter" in shown
    assert "2 places." in text_of(client.get(f"{HOME}?tool=nonsense"))
    ParameterSet.objects.update(tool_version="0", deployed=True)
    shown = text_of(client.get(HOME))
    assert shown.count("the tool has changed since a set was found for it.") == 2
    assert "Found set" not in shown


def test_a_verdict_that_was_replaced_says_so(coin):
    run = finished()
    page = f"{HOME}{run.pk}/"
    client = client_of(person("pro"))
    assert "A later judgement has replaced it." not in text_of(client.get(page))
    finished(seed=2)
    assert "A later judgement has replaced it." in text_of(client.get(page))


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["deployed"], "Every set found passed all checks and replaced the default."),
        (["default", "no data"], "the default stays. 1 of 2 places had too little data to search."),
        (["deployed", "default"], "At 1 of 2 places the set found passed all checks"),
    ],
)
def test_the_summary_counts(verdicts, said):
    assert said in selectors.summary([{"verdict": one} for one in verdicts])


def test_rest_from_the_question_to_the_units(scant):
    client = client_of(person("pro_plus"))
    asked = ask(client, SMALL, **{"Idempotency-Key": "k1"})
    body = asked.json()
    assert asked.status_code == 202
    assert asked["Location"].endswith(f"{API}/{body['id']}")
    assert (body["state"], body["own"], body["units"]) == ("running", True, None)
    assert (body["places"], body["settings"]) == (1, 4)
    assert body["progress"]["waiting"]
    assert [phase["name"] for phase in body["progress"]["phases"]] == ["Search", "Verdicts"]
    assert ask(client, SMALL, **{"Idempotency-Key": "k1"})["Idempotency-Replayed"] == "true"

    assert client.post(f"{API}/{body['id']}/cancel").json()["state"] == "cancelled"
    resumed = client.post(f"{API}/{body['id']}/resume")
    assert (resumed.status_code, resumed.json()["state"]) == (202, "running")
    run = OptimizeRun.objects.get()
    work(run)
    assert ask(client, SMALL).status_code == 200
    (unit,) = client.get(f"{API}/{run.pk}").json()["units"]
    assert (unit["verdict"], unit["locked"]) == ("no data", False)
    assert {one["name"]: one["default"] for one in unit["params"]}["volume"] == 1.5
    listed = client.get(API).json()["results"]
    assert [one["id"] for one in listed] == [run.pk]
    assert "units" not in listed[0]


@pytest.mark.parametrize(
    ("plan", "changed", "status", "code", "told"),
    [
        (None, {}, 401, "not_authenticated", None),
        ("free", {}, 403, "plan_required", "pro_plus"),
        ("pro", {}, 403, "plan_required", "pro_plus"),
        ("pro_plus", {"symbols": ["NONE"]}, 400, "invalid", "symbols"),
        ("pro_plus", {"tools": [3]}, 400, "invalid", "tools"),
        ("pro_plus", {"timeframes": ["2m"]}, 400, "invalid", "timeframes"),
        ("pro_plus", {"trials": 501}, 400, "invalid", "trials"),
        (
            "pro_plus",
            {"timeframes": ["1m", "5m", "15m", "1h", "4h", "1d"], "trials": 500, "folds": 12,
             "regimes": ["bull", "bear"]},
            400, "invalid", "trials",
        ),
    ],
)  # fmt: skip
def test_rest_refusals_name_the_field_and_the_plan(scant, plan, changed, status, code, told):
    answer = ask(client_of(person(plan) if plan else None), SMALL | changed)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    if status == 400:
        assert told in json.dumps(problem["errors"])
    else:
        assert problem.get("opens_with") == told
    if status == 403:
        assert "Pro+" in problem["detail"]
    assert not OptimizeRun.objects.exists()


def test_rest_says_which_search_is_in_the_way_and_whose_it_is(scant):
    client = client_of(person("pro_plus"))
    first = ask(client, SMALL).json()
    second = ask(client, SMALL | {"seed": 2})
    assert second.status_code == 409
    assert (second.json()["code"], second.json()["run"]) == ("search_at_work", first["id"])
    other = client_of(person("pro_plus"))
    assert other.post(f"{API}/{first['id']}/cancel").status_code == 403
    assert client_of(person("pro")).post(f"{API}/{first['id']}/resume").status_code == 403
    assert client_of(None).get(f"{API}/{first['id']}").status_code == 404
    assert client_of(None).get(API).json()["results"] == []


def test_a_number_that_no_search_has_is_a_404():
    client = client_of(person("pro_plus"))
    for number in (0, 2**40, 2**63, 10**30):
        assert client.get(f"{HOME}{number}/").status_code == 404
        assert client.get(f"{API}/{number}").status_code == 404
        assert client.post(f"{HOME}{number}/cancel").status_code == 404


def test_the_interface_is_documented_and_the_labs_lead_to_each_other():
    paths = document()["paths"]
    assert set(paths[API]) >= {"get", "post"}
    assert set(paths[f"{API}/{{run_id}}"]) == {"get"}
    assert set(paths[f"{API}/{{run_id}}/cancel"]) == {"post"}
    assert set(paths[f"{API}/{{run_id}}/resume"]) == {"post"}
    client = client_of(person("free"))
    assert 'href="/tools/optimizer/"' in text_of(client.get("/tools/lab/"))
    assert 'href="/tools/lab/"' in text_of(client.get(HOME))
