"""The event calendar: rules, files, and what was known when."""

import datetime as dt
from pathlib import Path

import pytest
from django.core.management import call_command

from market import calendars, eventbook, events
from market.clock import new_york, to_ns
from market.models import Event


def payrolls(year: int) -> list[dt.date]:
    return [e.scheduled_at.date() for e in events.of_year(year) if e.kind == "payrolls"]


def test_payrolls_of_2015_are_those_that_were_published() -> None:
    days = [(1, 9), (2, 6), (3, 6), (4, 3), (5, 8), (6, 5), (7, 2), (8, 7), (9, 4), (10, 2),
            (11, 6), (12, 4)]  # fmt: skip
    assert payrolls(2015) == [dt.date(2015, month, day) for month, day in days]


def test_payrolls_fall_at_half_past_eight_in_summer_and_winter() -> None:
    at = [e.scheduled_at for e in events.of_year(2018) if e.kind == "payrolls"]
    assert at == [new_york(day.date(), dt.time(8, 30)) for day in at]


@pytest.mark.parametrize(
    ("year", "day", "name"),
    [
        (2018, dt.date(2018, 1, 19), "Monthly option expiry"),
        (2018, dt.date(2018, 3, 16), "Quarterly expiry"),
        (2019, dt.date(2019, 4, 18), "Monthly option expiry"),  # Good Friday is the third Friday
        (2018, dt.date(2018, 1, 5), "Weekly option expiry"),
        (2015, dt.date(2015, 12, 24), "Weekly option expiry"),  # Friday is Christmas
        (2018, dt.date(2018, 1, 17), "VIX expiry"),
        (2019, dt.date(2019, 3, 19), "VIX expiry"),  # 30 days before Good Friday's Thursday
    ],
)
def test_expiries_follow_the_calendar(year: int, day: dt.date, name: str) -> None:
    assert (day, name) in {(e.scheduled_at.date(), e.name) for e in events.of_year(year)}


def test_rules_are_known_before_their_dates_and_each_once() -> None:
    made = [event for year in range(2012, 2031) for event in events.of_year(year)]
    assert all(event.known_at < event.scheduled_at for event in made)
    assert len({(e.kind, e.symbol, e.name, e.scheduled_at) for e in made}) == len(made)


def event(**given: object) -> Event:
    at = dt.datetime(2024, 3, 20, 18, tzinfo=dt.UTC)
    values = {"kind": "fomc", "name": "FOMC", "scheduled_at": at, "known_at": at, **given}
    return Event.objects.create(**values)


@pytest.mark.django_db
def test_reader_of_the_past_sees_what_was_known() -> None:
    spring, day = dt.datetime(2024, 3, 1, tzinfo=dt.UTC), dt.timedelta(days=1)
    event(known_at=spring)
    event(name="called off", known_at=spring - day, cancelled_at=spring + day)

    def seen(at: dt.datetime) -> set[str]:
        end = spring + 60 * day
        return {e.name for e in eventbook.events_between(spring, end, at=at)}

    assert seen(spring - 2 * day) == set()
    assert seen(spring - day) == {"called off"}
    assert seen(spring) == {"FOMC", "called off"}
    assert seen(spring + day) == {"FOMC"}


@pytest.mark.django_db
def test_symbol_sees_its_own_events_and_the_markets() -> None:
    event()
    event(kind="earnings", name="AAPL earnings", symbol="AAPL")
    event(kind="earnings", name="MSFT earnings", symbol="MSFT")
    start, end = (dt.datetime(2024, month, 1, tzinfo=dt.UTC) for month in (3, 4))
    found = eventbook.events_between(start, end, at=end, symbol="AAPL")
    assert [e.name for e in found] == ["AAPL earnings", "FOMC"]
    only = eventbook.events_between(start, end, at=end, symbol="AAPL", kinds=["earnings"])
    assert [e.name for e in only] == ["AAPL earnings"]


@pytest.mark.django_db
def test_seeding_twice_adds_nothing() -> None:
    call_command("seed_events", first=2018, last=2019, verbosity=0)
    count = Event.objects.count()
    assert count > 150
    call_command("seed_events", first=2018, last=2019, verbosity=0)
    assert Event.objects.count() == count


HEADER = "kind,name,symbol,scheduled_at,known_at\n"
GOOD = "payrolls,Employment situation,,2018-03-08 08:30,2017-06-01 10:00\n"


@pytest.mark.django_db
def test_true_date_takes_the_place_of_the_rules(tmp_path: Path) -> None:
    eventbook.seed(2018, 2018)
    path = tmp_path / "events.csv"
    path.write_text(HEADER + GOOD)
    done = eventbook.import_csv(path)
    assert (done.new, done.superseded, done.rejects) == (1, 1, [])
    start, end = (dt.datetime(2018, month, 1, tzinfo=dt.UTC) for month in (3, 4))

    def names(at: dt.datetime) -> list[str]:
        found = eventbook.events_between(start, end, at=at, kinds=["payrolls"])
        return [e.name for e in found]

    assert names(dt.datetime(2017, 3, 1, tzinfo=dt.UTC)) == ["Nonfarm payrolls"]
    assert names(dt.datetime(2017, 7, 1, tzinfo=dt.UTC)) == ["Employment situation"]
    assert eventbook.import_csv(path).repeated == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("party,Party,,2018-03-08 08:30,2017-06-01 10:00", "kind"),
        ("fomc,,,2018-03-08 08:30,2017-06-01 10:00", "name"),
        ("fomc,FOMC,,2018-03-08,2017-06-01 10:00", "scheduled_at"),
        ("fomc,FOMC,,2018-03-08 08:30,2018-06-01 10:00", "known_at"),
        ("fomc,FOMC,2018-03-08 08:30,2017-06-01 10:00", "row"),
    ],
)
def test_bad_row_is_refused_and_the_rest_kept(tmp_path: Path, row: str, field: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(HEADER + row + "\n" + GOOD)
    done = eventbook.import_csv(path)
    assert done.new == 1
    assert [(reject.line, reject.field) for reject in done.rejects] == [(2, field)]


@pytest.mark.django_db
def test_command_says_what_was_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.csv"
    path.write_text(HEADER + "party,Party,,x,y\n")
    with pytest.raises(SystemExit) as stop:
        call_command("import_events", str(path))
    assert stop.value.code == 1
    assert "1 rows refused" in capsys.readouterr().out


@pytest.mark.django_db
def test_a_sessions_releases_are_those_known_at_its_open() -> None:
    day = calendars.session(dt.date(2024, 3, 20))
    assert eventbook.releases(day) is None, "no calendar says nothing, not that there is none"
    spring = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    fed = event(known_at=spring)
    event(kind="cpi", name="CPI", scheduled_at=day.open - dt.timedelta(hours=1), known_at=spring)
    event(kind="earnings", name="Report", symbol="GOOG", known_at=spring)
    event(kind="payrolls", name="Late", known_at=day.open + dt.timedelta(hours=1))
    event(kind="fomc", name="Called off", known_at=spring, cancelled_at=spring)
    before = to_ns(day.open - dt.timedelta(hours=1))
    assert eventbook.releases(day) == ((before, False), (to_ns(fed.scheduled_at), True))
    assert eventbook.decisions_ahead(day.open) == (to_ns(fed.scheduled_at),)
    assert eventbook.decisions_ahead(day.close) == ()
    assert eventbook.decisions_ahead(day.open.replace(year=2021)) is None
    assert eventbook.releases(calendars.session(dt.date(2024, 3, 21))) == ()
