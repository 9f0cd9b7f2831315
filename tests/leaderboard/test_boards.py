"""The pages of the rankings: what they show of a board, and what they make of odd addresses."""

import csv
import datetime as dt
import html
import io
import re

import pytest
from django.http import QueryDict
from django.test import Client

from leaderboard import reports, services
from leaderboard.boards import comparing, filters, sheet, words, worked
from leaderboard.models import Standing
from leaderboard.ranking import services as ranking
from leaderboard.ranking.groups import NAMES
from leaderboard.ranking.skill import RULE
from tests.browser.boards import NOW, Shape, make_boards, store

from .conftest import NOON, trade

BOARD = "/leaderboard/"


@pytest.fixture
def boards(db) -> None:
    make_boards()


@pytest.fixture
def two(ana, person):
    """Two entries of 120 days, the second much better; 100 of them are shared."""
    made = []
    for owner, name, shape, later in (
        (ana, "slow", Shape(120, -80, 300), 0),
        (person("bob"), "fast", Shape(120, 150, 300), 20),
    ):
        bot = services.register(owner, name=name, config={"strategy": name})[0]
        store(bot, shape, now=NOW + dt.timedelta(days=later), seed=later)
        made.append(bot)
    return made


def page(client, query=""):
    answer = client.get(f"{BOARD}?{query}")
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def names(text):
    return re.findall(r'class="c-who"><a [^>]*>([^<]+)</a>', text)


def rows(client, query=""):
    answer = client.get(f"{BOARD}board.csv?{query}")
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_an_address_is_read_and_written_back():
    assert filters.read({}) == filters.Filter()
    assert filters.Filter().query() == ""
    asked = filters.read(
        QueryDict("metric=pnl&hours=168&tier=self_reported&name= a%26b &least_trades=5&offset=130")
    )
    assert asked == filters.Filter(
        metric="pnl", hours=168, tier="self_reported", name="a&b", least_trades=5, offset=100
    )
    assert filters.read(QueryDict(asked.query(offset=asked.offset))) == asked
    assert filters.read(QueryDict(asked.query(hours=0))).offset == 0


@pytest.mark.parametrize(
    "odd",
    ["metric=password", "hours=25", "hours=-1", "market=moon", "tier=x", "group=all", "offset=x",
     "offset=99999999999", "least_trades=1e9", "hours=%D9%A1"],
)  # fmt: skip
def test_an_odd_address_is_the_default(client, db, odd):
    assert filters.read(QueryDict(odd)) == filters.Filter(), odd
    page(client, odd)


def test_groups_stand_below_each_other_with_their_counts_and_reasons(client, boards):
    text = page(client)
    counts = {
        label: Standing.objects.filter(tier="checked", market="real", hours=0, group=value).count()
        for value, label in NAMES.items()
    }
    places = []
    for name, count in counts.items():
        said = words.why(name, count)
        if name != "excluded":  # on the second page
            assert said in text
            places.append(text.index(said))
    assert places == sorted(places)
    assert f"fewer than {RULE.least_trades} trades or {RULE.least_days} days" in text
    assert words.why("excluded", counts["excluded"]) in page(client, "offset=50")
    assert f"of {sum(counts.values())}" in text


def test_the_best_stand_first_by_whatever_is_asked(client, boards):
    for metric in filters.METRIC_NAMES:
        shown = names(page(client, f"metric={metric}&group=ranked"))
        order = [row["bot"] for row in rows(client, f"metric={metric}&group=ranked")]
        assert shown == order
        assert len(shown) > 20
    trades = [int(row["trades"]) for row in rows(client, "metric=trades&group=ranked")]
    assert trades == sorted(trades, reverse=True)
    falls = [float(row["drawdown_share"]) for row in rows(client, "metric=drawdown&group=ranked")]
    assert falls == sorted(falls)
    sorted_head = re.findall(r'aria-sort="(\w+)"><a id="s-(\w+)"', page(client, "metric=drawdown"))
    assert sorted_head == [("ascending", "drawdown")]
    assert 'id="s-calmar"' in page(client, "metric=calmar")
    assert 'id="s-calmar"' not in page(client)


def test_the_change_since_yesterday_stands_beside_the_order_that_it_is_of_alone(client, boards):
    assert 'class="c-moved"' in page(client)
    for query in ("metric=pnl", "hours=168", "name=heron", "group=flagged"):
        assert 'class="c-moved"' not in page(client, query)


def test_pages_filters_and_markets(client, boards):
    first, second = names(page(client)), names(page(client, "offset=50"))
    assert len(first) == filters.PAGE
    assert 0 < len(second) < filters.PAGE
    assert not set(first) & set(second)
    found = names(page(client, "name=HERON"))
    assert found
    assert all("heron" in name for name in found)
    assert [int(row["trades"]) >= 500 for row in rows(client, "least_trades=500")].count(False) == 0
    simulated = page(client, "market=simulated")
    assert "Hypothetical" in simulated
    assert all(name.startswith("sim-") for name in names(simulated))
    nothing = page(client, "name=nobody&least_trades=9&group=idle")
    assert "Of 52 entries on this board none is idle and has “nobody” in its name and" in nothing
    assert "the page that was asked for is beyond" in page(client, "offset=500")


def test_an_empty_board_says_what_to_do(client, db, as_, person):
    text = page(client)
    assert "Nobody stands here yet" in text
    assert "Create account" in text
    assert "Register a bot" in as_(person("bob")).get(BOARD).content.decode()
    assert "Show the whole record" in page(client, "hours=24")


def test_htmx_gets_the_table_and_the_order_alone(client, boards):
    parts = client.get(BOARD, headers={"HX-Request": "true"})
    text = parts.content.decode()
    assert "<html" not in text
    assert 'id="b-state" hx-swap-oob="true"' in text
    assert "HX-Request" in parts["Vary"]
    whole = client.get(BOARD, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in whole.content.decode()


def test_the_api_call_asks_for_what_is_shown(client, boards):
    text = page(client, "metric=pnl&hours=720&market=simulated&name=heron")
    path = re.search(r"curl 'http://testserver(/api/v1/leaderboard[^ ]*?)'", text)[1]
    answer = client.get(path)
    found = [row["bot"]["name"] for row in answer.json()["results"]]
    assert found == names(text)
    assert answer.json()["metric"] == "pnl"


def test_a_csv_holds_every_row_and_no_formula(client, boards, ana):
    bot = services.register(ana, name="=cmd()", owner_name="=x", config={})[0]
    store(bot, Shape(40, 100, 200), now=NOW)
    found = rows(client)
    assert len(found) == 53
    row = next(row for row in found if "cmd" in row["bot"])
    assert (row["bot"], row["owner_name"]) == ("'=cmd()", "'=x")
    assert len(row) == len(sheet.COLUMNS)
    assert float(row["sharpe_error"]) > 0


def test_two_entries_are_compared_over_the_days_that_both_have(client, two):
    slow, fast = two
    answer = client.get(f"/leaderboard/compare/?a={slow.pk}&b={fast.pk}-1")
    text = answer.content.decode()
    found = answer.context
    assert found["shared_days"] == 100
    assert found["of_days"] == [120, 120]
    assert found["gap"].high < 0
    assert "fast did better than slow" in text
    assert "100 shared days" in text
    assert "At least one of the two is private" in text
    for bot in two:
        services.publish_config(bot.pk, public=True)
    shown = client.get(f"/leaderboard/compare/?a={slow.pk}&b={fast.pk}").content.decode()
    assert "/strategy" in shown


def test_the_difference_is_that_of_their_own_daily_returns(two):
    a, b = (comparing.entry_of(str(bot.pk), "checked") for bot in two)
    first, last = comparing.shared_days(a.record, b.record)
    x = a.record.returns(first, last)
    assert x.size == (last - first).days + 1
    whole = a.record.returns(*a.record.days)
    assert whole.sum() == pytest.approx(a.record.row["metrics"]["return_share"])
    assert x.sum() != pytest.approx(whole.sum())


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Choose two entries"),
        ("a={0}", "Choose two entries"),
        ("a=999999&b={0}", "There is no entry 999999"),
        ("a={0}-9&b={1}", "There is no entry {0}-9"),
        ("a=%27;--&b=x", "There is no entry"),
        ("a={0}&b={0}", "Both are the same entry"),
        ("a={0}&b={1}&tier=broker_verified", "has no trade of this trust"),
        ("entry={0}&entry={1}&entry=9", "these are the first two"),
    ],
)
def test_what_cannot_be_compared_says_so(client, two, query, says):
    ids = [bot.pk for bot in two]
    answer = client.get(f"/leaderboard/compare/?{query.format(*ids)}")
    assert answer.status_code == 200
    assert says.format(*ids) in answer.content.decode()


def test_markets_share_no_day_and_a_few_days_say_nothing(client, two, ana):
    slow, _ = two
    simulated = services.register(ana, name="sim", config={}, market="simulated")[0]
    store(simulated, Shape(60, 10, 100), now=NOW)
    text = client.get(f"/leaderboard/compare/?a={slow.pk}&b={simulated.pk}").content.decode()
    assert "they share no day" in text
    young = services.register(ana, name="young", config={})[0]
    store(young, Shape(12, 10, 100), now=NOW)
    text = client.get(f"/leaderboard/compare/?a={slow.pk}&b={young.pk}").content.decode()
    assert "They share 12 days" in text


def test_equals_cannot_be_told_apart(ana, person):
    made = []
    for number in range(2):
        bot = services.register(person(f"p{number}"), name=f"same {number}", config={})[0]
        store(bot, Shape(100, 40, 300), now=NOW, seed=number)
        made.append(bot.pk)
    found = comparing.compared(QueryDict(f"a={made[0]}&b={made[1]}"), ana)
    assert "cannot be told apart" in found["verdict"]
    assert found["gap"].low < 0 < found["gap"].high


def test_the_rules_are_computed_by_what_ranks(client, db):
    text = client.get("/leaderboard/rules/").content.decode()
    found = worked.examples()
    bounds = [row["bound"] for row in found["skill"]["rows"]]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > 0 > bounds[-1]
    first = found["skill"]["rows"][0]
    year, error = found["skill"]["year"], found["skill"]["error"]
    assert first["bound"] == pytest.approx(year - 1.6449 * error, abs=1e-3)
    assert [row["equity"] for row in found["lots"]["rows"]][-1] == pytest.approx(2745.5)
    assert dict(found["decay"])[30.0] == pytest.approx(0.6)
    cheats = found["cheats"]
    assert [cheats[name] for name in ("lucky", "absurd", "hidden", "short")] == [
        "flagged", "flagged", "excluded", "provisional",
    ]  # fmt: skip
    assert cheats["many"] < 0 < cheats["stopped"] < cheats["fresh"]
    for anchor, _ in found["sections"]:
        assert f'id="{anchor}"' in text


def test_a_bots_page_shows_where_its_entry_stands_and_follows(api, bot, client, real_market):
    def standing(who):
        text = who.get(f"/bots/{bot.pk}/", headers={"HX-Request": "true"}).content.decode()
        return text[text.index('id="standing"') :].split("</section>")[0]

    assert "Not on a board yet" in standing(client)
    reports.report(bot.pk, [trade()], now=NOON)
    assert "Being ranked" in standing(client)
    ranking.refresh(now=NOON)
    shown = standing(client)
    assert 'hx-swap-oob="true"' in shown
    assert "Not ranked yet" in shown
    assert "<small>of 1</small>" in shown
    assert shown.count("<tr>") == 1 + Standing.objects.filter(cell__bot=bot, hours=0).count()
    services.configure(bot.pk, config={})
    assert "Not on a board yet" in standing(client)
    assert standing(api)


def test_everybody_may_look_and_nobody_may_write(boards):
    for path in (BOARD, f"{BOARD}board.csv", f"{BOARD}compare/", f"{BOARD}rules/"):
        assert Client().get(path).status_code == 200
        assert Client().post(path).status_code == 405


def test_a_page_asks_the_database_little(client, boards, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        page(client)
