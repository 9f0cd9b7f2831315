"""Searches on the real database: shared, resumed, logged for good, judged once."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import ProgrammingError, connection, connections, transaction
from django.test import Client

from accounts.models import User
from record import jobs
from record.models import Job
from tests.tools_app.optimize import planted
from tools_app.models import OptimizeFold, OptimizeRun, OptimizeUnit, ParameterSet, Trial
from tools_app.optimize import services, source
from tools_app.optimize.packing import unpacked
from tools_app.registry import catalogue

pytestmark = pytest.mark.django_db(transaction=True)
COIN = "COIN/TST"
ASKED = {
    "tools": [17],
    "symbols": [COIN],
    "timeframes": ["5m"],
    "regimes": ["bull"],
    "trials": 16,
    "folds": 3,
    "seed": 1,
    "lanes": 0,
}
URL = "/api/v1/tools/17/parameters"


class Killed(BaseException):
    """Stands for the end of a process."""


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cost of a stock: what is planted is as small as what a stock can show."""
    monkeypatch.setattr("tools_app.costs.CRYPTO", 1e-4)


@pytest.fixture
def coin(store) -> None:
    store(COIN, planted.planted(150, 3))


def quiet(done: float, total: int) -> None:
    """Tell nobody."""


def outcome(run: OptimizeRun) -> list[object]:
    """Return all that a run found, without when and by whom."""
    trials = Trial.objects.filter(run=run.digest).order_by(
        "symbol", "timeframe", "regime", "fold", "number"
    )
    folds = OptimizeFold.objects.filter(unit__run=run).order_by("unit__pk", "number")
    units = run.units.order_by("pk")
    return [
        list(trials.values_list("fold", "number", "params", "trained", "tested", "training")),
        [(fold.params, fold.found) for fold in folds],
        [tuple(series.tobytes() for series in unpacked(bytes(fold.gains))) for fold in folds],
        list(units.values_list("verdict", "params", "reasons", "figures", "data")),
    ]


def client_of(plan: str) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(f"{plan}@test.example", plan=plan))
    return client


def test_a_planted_effect_is_deployed_and_the_interface_says_why(coin):
    client = client_of("pro")
    query = {"symbol": COIN, "timeframe": "5m", "regime": "bull"}
    before = client.get(URL, query).json()["parameters"][0]
    assert before["source"] == "default"
    assert before["reasons"] == ["The default is in use: no search has been made here."]
    run = services.ask(**ASKED)
    assert services.work(run.pk, quiet)
    unit = run.units.get()
    assert unit.verdict == "deployed", unit.reasons
    assert Trial.objects.count() == 48
    body = client.get(URL, query).json()
    assert (body["tool"]["id"], body["symbol"], body["timeframe"]) == (17, COIN, "5m")
    used = body["parameters"][0]
    assert (used["source"], used["params"]) == ("optimizer", unit.params)
    assert used["reasons"] == unit.reasons
    assert used["figures"]["trials"] == 48
    every = client.get(URL, {"symbol": COIN, "timeframe": "5m"}).json()["parameters"]
    assert [(one["regime"], one["source"]) for one in every] == [
        ("bull", "optimizer"),
        ("bear", "default"),
        ("sideways", "default"),
    ]


def test_noise_keeps_the_default_and_a_later_judgement_supersedes(coin, store):
    run = services.ask(**ASKED)
    services.work(run.pk, quiet)
    store("FLAT/TST", planted.planted(150, 3, strength=0.0))
    other = services.ask(**ASKED | {"symbols": ["FLAT/TST"]})
    services.work(other.pk, quiet)
    assert other.units.get().verdict == "default"
    assert "96 trials" in " ".join(other.units.get().reasons)
    # The same search with another seed counts the trials before it, and its judgement stands.
    again = services.ask(**ASKED | {"seed": 2})
    services.work(again.pk, quiet)
    assert again.units.get().figures["trials"] == 144
    sets = ParameterSet.objects.filter(symbol=COIN)
    assert sets.count() == 2
    assert sets.get(superseded=None).unit == again.units.get()


def test_a_search_that_says_less_retires_no_set(coin, store):
    run = services.ask(**ASKED)
    services.work(run.pk, quiet)
    in_use = ParameterSet.objects.get(superseded=None)
    assert in_use.deployed
    small = services.ask(**ASKED | {"trials": 2})
    services.work(small.pk, quiet)
    unit = small.units.get()
    assert (unit.verdict, unit.get_verdict_display()) == ("kept", "set in use stays")
    assert unit.reasons[0] == "The set in use stays: it was found on more evidence."
    assert unit.reasons[1].startswith("Signals: ")
    assert ParameterSet.objects.get(superseded=None) == in_use
    # Nor does one that passed: it would have to be judged on as much.
    OptimizeRun.objects.filter(pk=run.pk).update(trials=500)
    passed = services.ask(**ASKED | {"seed": 4})
    services.work(passed.pk, quiet)
    assert passed.units.get().figures["deflated_sharpe"] > 0.95
    assert passed.units.get().verdict == "kept"
    assert ParameterSet.objects.get(superseded=None) == in_use
    OptimizeRun.objects.filter(pk=run.pk).update(trials=ASKED["trials"])
    # As many settings may: they were judged on no fewer rows.
    equal = services.ask(**ASKED | {"seed": 5})
    services.work(equal.pk, quiet)
    now = ParameterSet.objects.get(superseded=None)
    assert now.unit == equal.units.get()
    # What is in use as the default alone gives way to every judgement.
    if not now.deployed:
        services.work(services.ask(**ASKED | {"trials": 3}).pk, quiet)
        assert ParameterSet.objects.get(superseded=None) != now


def test_a_killed_search_goes_on_and_finds_the_same(coin):
    run = services.ask(**ASKED)
    tried = []

    def die(*args: object) -> None:
        tried.append(args)
        if len(tried) == 21:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services.Pace, "step", lambda self, share: die(share))
        with pytest.raises(Killed):
            services.work(run.pk, quiet)
    assert services.SHARED.progress(run.pk) == (1, 3)
    assert Trial.objects.count() == 21
    assert services.work(run.pk, quiet)
    assert Trial.objects.count() == 48
    resumed = outcome(run)
    ParameterSet.objects.all().delete()
    run.delete()
    whole = services.ask(**ASKED)
    assert services.work(whole.pk, quiet)
    assert outcome(whole) == resumed
    assert Trial.objects.count() == 48


def test_a_fold_of_a_process_that_died_is_taken_over(coin):
    run = services.ask(**ASKED | {"trials": 2})
    dead = services.SHARED.claim(run.pk)
    assert not services.work(run.pk, quiet, wait=False)
    assert services.SHARED.progress(run.pk) == (2, 3)
    OptimizeFold.objects.filter(pk=dead.pk).update(leased_until="2020-01-01T00:00:00Z")
    assert services.work(run.pk, quiet)


def test_two_workers_share_a_search_and_find_what_one_finds(coin):
    asked = ASKED | {"regimes": ["bull", "bear"], "trials": 6}
    run = services.ask(**asked)

    def help_out() -> None:
        services.work(run.pk, quiet)
        connections.close_all()

    threads = [threading.Thread(target=help_out) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared = outcome(run)
    ParameterSet.objects.all().delete()
    run.delete()
    alone = services.ask(**asked)
    services.work(alone.pk, quiet)
    assert outcome(alone) == shared


def test_asking_again_finds_the_run_and_more_bars_make_another(coin, store):
    run = services.ask(**ASKED)
    assert services.ask(**ASKED | {"symbols": [COIN.lower()]}) == run
    more = planted.planted(151, 3)
    store(COIN, more)
    assert services.ask(**ASKED) != run
    assert services.ask(**ASKED | {"seed": 9}) != run


def test_a_cancelled_search_stops_and_goes_on_when_asked_again(coin):
    run = services.ask(**ASKED)
    seen = []

    def stop(done: float, total: int) -> None:
        seen.append(done)
        if done == 1:
            services.SHARED.cancel(run.pk)

    assert not services.work(run.pk, stop)
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert services.SHARED.progress(run.pk)[0] <= 2
    assert not services.SHARED.cancel(run.pk)
    assert services.ask(**ASKED).state == "running"
    assert services.work(run.pk, quiet)


def test_jobs_of_the_platform_work_on_a_search(coin):
    owner = User.objects.create_user("owner@test.example", plan="pro")
    run = services.ask(**ASKED | {"trials": 2, "lanes": 2, "owner": owner.pk})
    made = list(Job.objects.filter(kind="tools.optimize").order_by("pk"))
    assert len(made) == 2
    assert run.job == made[0].pk
    for job in made:
        assert jobs.run(job.pk) == Job.State.DONE
    job = Job.objects.get(pk=run.job)
    assert (job.owner, job.result) == (owner.pk, {"run": run.pk, "done": True})
    assert job.progress["done"] == 3


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM tools_app_trial",
        "UPDATE tools_app_trial SET family = 'other'",
        "UPDATE tools_app_trial SET tested = NULL WHERE number = 1",
    ],
)
def test_the_ledger_cannot_be_reset(coin, sql):
    run = services.ask(**ASKED | {"trials": 2})
    services.work(run.pk, quiet)
    with (
        pytest.raises(ProgrammingError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        Trial.objects.all().delete()
    run.delete()
    assert Trial.objects.count() == 6


def test_the_ledger_cannot_be_emptied_outside_tests():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s",
            ["tools_app_trial_keeps_all"],
        )
        (definition,) = cursor.fetchone()
    assert "BEFORE TRUNCATE" in definition
    assert r"!~~ 'test\_%'" in definition


def test_too_little_data_says_how_much_is_needed(store):
    store("SHORT/TST", planted.planted(3, 1))
    run = services.ask(**ASKED | {"symbols": ["SHORT/TST"], "timeframes": ["1m", "5m"]})
    services.work(run.pk, quiet)
    first, second = run.units.order_by("pk")
    assert first.verdict == second.verdict == "no data"
    assert first.reasons == [
        "The default stays: SHORT/TST has no bars that make 1m; stored are 330 of 300 s."
    ]
    assert second.reasons == [
        "The default stays: SHORT/TST has 330 rows at 5m; 3 folds of Volume Breakout need 488."
    ]
    assert not Trial.objects.exists()


def test_too_little_data_does_not_retire_a_set_that_passed(coin):
    run = services.ask(**ASKED)
    services.work(run.pk, quiet)
    short = services.ask(**ASKED | {"folds": 12, "tools": [17], "trials": 2})
    OptimizeRun.objects.filter(pk=short.pk).update(until="1990-01-01T00:00:00Z")
    services.work(short.pk, quiet)
    assert short.units.get().verdict == "no data"
    assert ParameterSet.objects.get(symbol=COIN, superseded=None).deployed


def test_bars_that_are_revised_during_a_search_end_it_with_a_word(coin, store):
    run = services.ask(**ASKED | {"trials": 2})
    fold = services.SHARED.claim(run.pk)
    held = services.Held(run)
    services.SHARED.compute(fold, lambda: services._searched(held, fold, quiet))
    revised = planted.planted(150, 3)
    np.multiply(revised.close, 1.001, out=revised.close)
    store(COIN, revised)
    services.work(run.pk, quiet)
    assert "revised during the search; ask again" in run.units.get().reasons[0]


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"tools": [16, 3]}, "tools", "tool 3 cannot be optimized; choose of 16, 17, 18"),
        ({"tools": []}, "tools", "name at least one tool"),
        ({"symbols": []}, "symbols", "name at least one symbol"),
        ({"symbols": ["NONE"]}, "symbols", "NONE is no equity or crypto pair"),
        ({"timeframes": ["2m"]}, "timeframes", "'2m' is unknown; choose of 1m, 5m"),
        ({"regimes": ["up"]}, "regimes", "'up' is unknown"),
        ({"trials": 1}, "trials", "give 2 to 500"),
        ({"folds": 99}, "folds", "give 2 to 12"),
        ({"seed": -1}, "seed", "give 0 to"),
    ],
)
def test_a_wrong_wish_names_the_field_and_makes_nothing(coin, change, field, said):
    with pytest.raises(services.QuestionError, match=said) as refused:
        services.ask(**ASKED | change)
    assert refused.value.field == field
    assert not OptimizeRun.objects.exists()


def test_the_finest_series_that_covers_enough_makes_the_rows(store):
    store(COIN, planted.planted(20, 1))
    store(COIN, planted.bars_of(*[np.full(40, 100.0)] * 3, step=60), interval=3600)
    held = source.series(COIN)
    assert source.chosen(held, "1h", crypto=True).interval == 300
    assert source.chosen(held, "1m", crypto=True) is None
    store("LONG/TST", planted.planted(2, 1))
    store("LONG/TST", planted.bars_of(*[np.full(400, 100.0)] * 3, step=1440), interval=86_400)
    assert source.chosen(source.series("LONG/TST"), "1d", crypto=True).interval == 86_400
    assert source.symbols() == [COIN, "LONG/TST"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("timeframe=5m", 400, "symbol"),
        ("symbol=A", 400, "timeframe"),
        ("symbol=A&timeframe=2m", 400, "1m, 5m"),
        ("symbol=A&timeframe=5m&regime=up", 400, "bull, bear, sideways"),
        ("symbol=%00&timeframe=5m", 400, "NUL"),
        ("symbol=" + 40 * "A" + "&timeframe=5m", 400, "symbol"),
    ],
)
def test_a_wrong_query_names_the_field(query, status, said):
    answer = client_of("pro").get(f"{URL}?{query}")
    assert answer.status_code == status
    assert said in answer.content.decode()


def test_parameters_are_told_to_plans_that_open_the_tool():
    query = "?symbol=A&timeframe=1d"
    refused = client_of("free").get(URL + query)
    assert refused.status_code == 403
    assert refused.json()["opens_with"] == "pro"
    assert Client().get(URL + query).status_code in {401, 403}
    assert client_of("pro").get("/api/v1/tools/99/parameters" + query).status_code == 404
    slug = catalogue().get(17).slug
    assert client_of("pro_plus").get(f"/api/v1/tools/{slug}/parameters{query}").status_code == 200


def test_a_set_found_for_another_version_of_the_tool_is_not_used(coin):
    run = services.ask(**ASKED)
    services.work(run.pk, quiet)
    ParameterSet.objects.update(tool_version="0")
    query = {"symbol": COIN, "timeframe": "5m", "regime": "bull"}
    used = client_of("pro").get(URL, query).json()["parameters"][0]
    assert used["source"] == "default"
    assert used["params"] == catalogue().get(17).settings()
    assert "the tool has changed" in used["reasons"][0]


def test_the_command_prints_each_verdict_and_finds_the_run_again(coin, capsys, same_database):
    words = ["optimize", "--tools", "17", "--symbols", COIN, "--timeframes", "5m"]
    words += [
        "--regimes",
        "bull",
        "bear",
        "--trials",
        "4",
        "--folds",
        "2",
        "--no-workers",
        "--processes",
        "1",
    ]
    call_command(*words)
    said = capsys.readouterr().out
    for word in ("Volume Breakout", COIN, "bull", "bear", "default stays"):
        assert word in said
    assert OptimizeUnit.objects.exclude(verdict="").count() == 2
    call_command(*words)
    assert capsys.readouterr().out == said
    assert OptimizeRun.objects.count() == 1


def test_the_command_names_the_option_that_is_wrong(coin):
    with pytest.raises(CommandError, match="--symbols: NONE is no equity"):
        call_command("optimize", "--symbols", "NONE", "--no-workers")
