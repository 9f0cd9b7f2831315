"""Tools that other distributions bring: found, refused with a reason, and never in the way."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import structlog

from market.clock import from_ns
from tools_app import isolation, limits, registry
from tools_app.evaluation import MOST_FAULTS, OTHER_FAULTS, with_fault
from tools_app.payloads import tool_payload
from tools_app.registry import Catalogue, ToolError, catalogue, ours

from .foreign import install


@pytest.fixture(autouse=True)
def fresh():
    """The catalogue of the process stays what it was before, and is made without what comes."""
    registry.catalogue()
    yield
    isolation.close_all()
    isolation._breakers.clear()


def built() -> Catalogue:
    """Return the catalogue of a process that starts now."""
    return registry.catalogue.__wrapped__()


def reasons(shelf: Catalogue) -> dict[str, str]:
    return {refused.what: refused.reason for refused in shelf.refused}


def test_a_tool_a_list_and_a_module_are_found_with_who_brings_them(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "one_tool", 'TOOL = made(1000, "one", good)', "one_tool:TOOL")
    install(
        tmp_path, monkeypatch, "two_tools",
        'TOOLS = (made(1001, "two", good), made(9999, "three", good))', version="2.5",
    )  # fmt: skip
    install(tmp_path, monkeypatch, "a_module", 'TOOL = made(1004, "four", good)', "a_module")
    shelf = built()
    assert shelf.refused == []
    theirs = [tool for tool in shelf if tool.origin is not None]
    assert [(t.id, t.slug, t.origin.distribution, t.origin.version) for t in theirs] == [
        (1000, "one", "one_tool", "1.0"),
        (1001, "two", "two_tools", "2.5"),
        (1004, "four", "a_module", "1.0"),
        (9999, "three", "two_tools", "2.5"),
    ]
    assert [tool.id for tool in shelf if tool.origin is None] == list(range(1, 53))
    told = tool_payload(shelf.get("two"), opened=True)["third_party"]
    assert told == {"distribution": "two_tools", "version": "2.5"}
    assert tool_payload(shelf.get(1), opened=True)["third_party"] is None


@pytest.mark.parametrize(
    ("name", "source", "value", "says"),
    [
        ("gone", "", "no_such_module", "it cannot be imported: ModuleNotFoundError"),
        ("attribute", "", "attribute:NOPE", "it cannot be imported: AttributeError"),
        ("broken", "1 / 0", "broken", "it cannot be imported: ZeroDivisionError"),
        ("leaves", "raise SystemExit(1)", "leaves", "it cannot be imported: SystemExit"),
        ("ends", "os._exit(5)", "ends", "its process ended with exit code 5"),
        ("waits", "time.sleep(60)", "waits", "not imported within 1.5 s"),
        ("empty", "made = good = None", "empty", "it brings 0 tools"),
        ("worse", "::", "worse", "SyntaxError"),
    ],
)
def test_an_entry_that_cannot_be_imported_is_refused(
    tmp_path, monkeypatch, name, source, value, says
):
    before = limits.limits()
    limits.configure(replace(before, start_s=1.5 if name == "waits" else 10.0))
    install(tmp_path, monkeypatch, name, source, value)
    with structlog.testing.capture_logs() as logs:
        shelf = built()
    limits.configure(before)
    assert len(shelf) == 52
    assert says in reasons(shelf)[name]
    (warned,) = [line for line in logs if line["event"] == "tool_refused"]
    assert (warned["log_level"], warned["distribution"]) == ("warning", name)


BREACHES = [
    ("id=7", "tool 7 is outside 1000..9999"),
    ("id=10_000", "outside"),
    ("id='x'", "id: give a whole number"),
    ("id=1.5", "id: give a whole number"),
    ("slug='vanna-shock-reversal'", "is there already: 8 'vanna-shock-reversal'"),
    ("slug='Odd One'", "use small letters"),
    ("slug='12'", "use small letters"),
    ("name=''.join(['a'] * 81)", "name: give a printable text of at most 80 letters"),
    ("hypothesis='a\\0b'", "hypothesis: give a printable text"),
    ("hypothesis=None", "hypothesis: give a printable text"),
    ("inputs=('gama',)", "no intraday column 'gama'"),
    ("inputs='close'", "inputs: give a tuple"),
    ("tier='gold'", "tier: 'gold' is none of 'free', 'pro', 'pro_plus'"),
    ("kind='hourly'", "kind: 'hourly' is none of"),
    ("params=()", "no parameter 'threshold'"),
    ("params=(THRESHOLD, THRESHOLD)", "names a parameter twice"),
    ("params=({'name': 'x'},)", "not of plain values"),
    ("window=0", "at least one row"),
    ("window=5001", "at most 5000 rows"),
    ("volatility=2", "volatility: give -1, 0 or 1"),
    ("version='12345678901234567'", "version: give a printable text of at most 16"),
    ("family=object()", "not of plain values"),
]


def test_a_tool_that_breaks_the_contract_is_refused_and_the_others_of_its_package_stay(
    tmp_path, monkeypatch
):
    lines = [
        f"made(**({{'id': {1100 + n}, 'slug': 'breach-{n}', 'compute': good}} | dict({change})))"
        for n, (change, _) in enumerate(BREACHES)
    ]
    kept = "made(1098, 'kept', good), 7, made(1099, 'kept-too', good)"
    install(tmp_path, monkeypatch, "breaches", f"TOOLS = [{kept}, {', '.join(lines)}]")
    shelf = built()
    assert [tool.slug for tool in shelf if tool.origin is not None] == ["kept", "kept-too"]
    told = [refused.reason for refused in shelf.refused]
    assert "it is a int, not a tools_app.contract.Tool" in told[0]
    for (change, says), reason in zip(BREACHES, told[1:], strict=True):
        assert says in reason, change


def test_of_two_that_clash_the_first_stays_and_the_second_says_with_whom(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "aa_first", 'TOOLS = made(1200, "same", good)')
    install(tmp_path, monkeypatch, "bb_second", 'TOOLS = made(1200, "other", good)')
    install(tmp_path, monkeypatch, "cc_third", 'TOOLS = made(1201, "same", good)')
    shelf = built()
    assert shelf.get("same").origin.distribution == "aa_first"
    assert reasons(shelf) == {
        "other": "tool 1200 'other' is there already: 1200 'same', brought by aa_first",
        "same": "tool 1201 'same' is there already: 1200 'same', brought by aa_first",
    }


def test_a_distribution_whose_entry_points_cannot_be_read_is_refused(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, "fine", 'TOOLS = made(1250, "fine", good)')
    info = tmp_path / "torn-3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torn\nVersion: 3.0\n")
    (info / "entry_points.txt").write_text("[pulse.tools]\nno equals sign here\n")
    shelf = built()
    assert shelf.get("fine").id == 1250
    assert "its entry_points.txt cannot be read" in reasons(shelf)["torn"]


def test_a_package_that_speaks_for_its_process_is_not_believed(tmp_path, monkeypatch):
    """It finds the socket and answers itself, with what is no list of declarations."""
    source = """
    import json, struct, sys, socket
    link = socket.socket(fileno=int(sys.argv[1]))
    told = json.dumps({"declared": 7}).encode()
    link.sendall(struct.pack(">IQ", len(told), 0) + told)
    """
    install(tmp_path, monkeypatch, "speaker", source, "speaker")
    assert "it tells nothing" in reasons(built())["speaker"]


def test_a_package_cannot_say_whose_its_tool_is(tmp_path, monkeypatch):
    source = """
    from tools_app.contract import Origin
    TOOLS = made(1300, "forged", good, origin=Origin("pulse", "9", "x"))
    """
    install(tmp_path, monkeypatch, "forger", source)
    assert built().get("forged").origin.distribution == "forger"


def test_our_own_tool_that_breaks_the_contract_stops_the_start():
    shelf = Catalogue()
    with pytest.raises(ToolError, match="outside"):
        shelf.offer(replace(ours().get(1), id=1000))


def test_without_third_parties_no_process_is_started(monkeypatch):
    def never(*_args, **_more):
        raise AssertionError("a process was started")

    monkeypatch.setattr(isolation.subprocess, "Popen", never)
    assert len(built()) == 52


def test_texts_of_faults_fill_no_table():
    counts = None
    for number in range(60):
        counts = with_fault(counts, 1, f"row {number}")
    assert len(counts["faults"]) == MOST_FAULTS + 1
    assert counts["faults"][OTHER_FAULTS] == 60 - MOST_FAULTS
    assert counts["last_fault"] == "row 59"
    assert counts["rows"] == 60


HANGS = """
def hangs(x, p):
    while True:
        pass

TOOLS = [made(1400, "hanger", hangs), made(1401, "riser", good)]
"""


@pytest.fixture
def beside_ours(tmp_path, monkeypatch):
    """Two third parties' tools in every catalogue of this process, one of which hangs."""
    before = limits.limits()
    limits.configure(replace(before, answer_s=1.5, faults=2))
    install(tmp_path, monkeypatch, "beside", HANGS)
    shelf = built()
    for module in ("services", "payloads", "selectors", "api", "execution", "execution_api"):
        monkeypatch.setattr(f"tools_app.{module}.catalogue", lambda: shelf)
    monkeypatch.setattr("tools_app.views.catalogue_of", lambda: shelf)
    yield shelf
    limits.configure(before)


def post(client, body):
    return client.post("/api/v1/execute", json.dumps(body), content_type="application/json")


def given(rows: int = 12) -> dict[str, object]:
    return {
        "time": [f"2024-03-15T14:{minute:02d}:00Z" for minute in range(rows)],
        "columns": {"close": [100.0 + row for row in range(rows)]},
    }


@pytest.mark.django_db(transaction=True)
def test_execute_asks_its_process_and_tells_a_fault_and_a_rest(beside_ours, live_worker, client):
    from accounts.models import User

    client.force_login(User.objects.create_user("free@test.example"))
    answer = post(client, {"tool_id": 1401, "data": given()}).json()
    assert (answer["tool"]["slug"], answer["side"], answer["fires"]) == ("riser", 1, True)
    for _ in range(2):
        failed = post(client, {"tool_id": 1400, "data": given()})
        assert (failed.status_code, failed.json()["code"]) == (502, "tool_failed")
        assert "no answer within 1.5 s" in failed.json()["detail"]
    rests = post(client, {"tool_id": 1400, "data": given()})
    assert (rests.status_code, rests.json()["code"]) == (503, "tool_rests")
    assert 0 < int(rests["Retry-After"]) <= 30
    assert post(client, {"tool_id": 1401, "data": given()}).status_code == 200
    for unknown, status in ((1402, 404), (53, 404), (10_000, 400), (0, 400)):
        assert post(client, {"tool_id": unknown, "data": given()}).status_code == status


@pytest.mark.django_db(transaction=True)
def test_a_vote_goes_on_without_the_one_that_hangs(beside_ours, live_worker, client):
    from accounts.models import User

    client.force_login(User.objects.create_user("free@test.example"))
    asked = {"tool_ids": [1400, 1401], "data": given(), "agreement": 0.5, "confidence": 0.5}
    body = json.dumps(asked)
    told = client.post("/api/v1/consensus", body, content_type="application/json").json()
    votes = {vote["tool"]["slug"]: vote for vote in told["votes"]}
    assert votes["hanger"]["score"] is None
    assert votes["riser"]["reads"] == "long"


def test_an_operator_may_start_without_third_parties(beside_ours, monkeypatch):
    monkeypatch.setenv("PULSE_THIRD_PARTY_TOOLS", "0")
    assert len(built()) == 52


@pytest.mark.django_db(transaction=True)
def test_a_run_counts_faults_and_rests_and_the_page_and_rest_show_them(beside_ours, client):
    from accounts.models import User
    from market import framestore
    from market.clock import MINUTE
    from market.frames import Kind, Missing
    from market.framestore import Observed
    from market.models import FeedRun, Instrument
    from tools_app import services
    from tools_app.models import Cursor, Signal

    framestore.forget_schemas()
    instrument = Instrument.objects.create(symbol="TEST", kind="equity")
    run = FeedRun.objects.create(
        symbol="TEST", underlying=instrument, source="replay", simulated=False, state="running"
    )
    start = 1_710_509_400 * 1_000_000_000
    for minute in range(1, 13):
        row = Observed(
            kind=Kind.INTRADAY,
            session_date=from_ns(start).date(),
            time=start + minute * MINUTE,
            values={"close": 100.0 + minute},
            reasons={"close": Missing.OK},
        )
        framestore.write_rows(run, [row])
        if minute % 4 == 0:
            services.evaluate_run(run.pk)
    tallies = Cursor.objects.get(run=run, kind="intraday").tallies
    late = "no answer within 1.5 s; its process was ended"
    assert tallies["1400"]["faults"] == {late: 2}
    assert tallies["1400"]["missing"] == {"the tool failed": 8, "the tool rests after faults": 4}
    assert (tallies["1400"]["rests"], tallies["1400"]["last_fault"]) == (1, late)
    assert (tallies["1401"]["faults"], tallies["1401"]["scored"]) == ({}, 7)
    assert {"6", "16", "17"} <= set(tallies)
    assert Signal.objects.get(tool_id=1401).tool_slug == "riser"

    client.force_login(User.objects.create_user("free@test.example"))
    page = client.get("/tools/hanger/").content.decode()
    assert "Third party" in page
    assert "beside 1.0" in page
    assert f"{late}: 2" in page
    assert "It rests" in page
    well = client.get("/tools/riser/").content.decode()
    assert "It rests" not in well
    assert "Faults" not in well
    told = client.get("/api/v1/tools/1400").json()
    assert told["third_party"] == {"distribution": "beside", "version": "1.0"}
    assert told["runs"][0]["faults"] == {late: 2}
    assert "Third party" in client.get("/tools/").content.decode()


@pytest.mark.django_db
def test_a_signal_of_a_tool_that_is_no_longer_installed_keeps_its_slug(client):
    from accounts.models import User
    from market.models import FeedRun, Instrument
    from tools_app.models import Signal

    instrument = Instrument.objects.create(symbol="TEST", kind="equity")
    run = FeedRun.objects.create(
        symbol="TEST", underlying=instrument, source="replay", simulated=False
    )
    Signal.objects.create(
        run=run, tool_id=1777, tool_slug="long-gone", tool_tier="free", tool_version="1",
        params_digest="0" * 64, symbol="TEST", time="2024-03-15T14:00:00Z", score=0.7,
        threshold=0.5, side=1, price=100.0, reasons=[],
    )  # fmt: skip
    client.force_login(User.objects.create_user("free@test.example"))
    (signal,) = client.get("/api/v1/signals").json()["results"]
    assert signal["tool"] == {"id": 1777, "slug": "long-gone", "name": "long-gone", "tier": "free"}


@pytest.mark.django_db
def test_operators_see_what_was_refused(tmp_path, monkeypatch, client):
    from accounts.models import User

    install(tmp_path, monkeypatch, "stray", 'TOOLS = [made(7, "stray", good)]')
    install(tmp_path, monkeypatch, "fine", 'TOOLS = [made(1500, "fine", good)]')
    shelf = built()
    monkeypatch.setattr("tools_app.selectors.catalogue", lambda: shelf)
    client.force_login(User.objects.create_superuser("op@test.example"))
    page = client.get("/status/").content.decode()
    assert "tool 7 is outside 1000..9999" in page
    assert "stray 1.0" in page
    assert "fine 1.0" in page


def test_the_catalogue_is_made_once():
    assert catalogue() is catalogue()
