"""Pages whose logic needs no browser: errors, choices, the tools' filter."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError
from django.test import RequestFactory

from market import views as market
from pulse import pages
from tools_app import views as tools


def request(path="/", **cookies):
    made = RequestFactory().get(path)
    made.COOKIES.update(cookies)
    made.user = AnonymousUser()
    made.request_id = "abc123"
    return made


def failure(error):
    try:
        raise error
    except type(error):
        return pages.failed(request())


def test_a_failure_names_its_request_and_a_lost_database_asks_to_come_back():
    response = failure(ValueError("secret detail"))
    assert response.status_code == 500
    assert b"abc123" in response.content
    assert b"secret detail" not in response.content
    away = failure(OperationalError("connection refused"))
    assert (away.status_code, away["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(("view", "code"), [(pages.forbidden, 403), (pages.missing, 404)])
def test_refusals_keep_the_chosen_theme(view, code):
    response = view(request(theme="light"))
    assert response.status_code == code
    assert b'data-theme="light"' in response.content
    assert b'data-theme="system"' in view(request(theme="<script>")).content


KNOWN = [{"symbol": "GOOG", "live": False}, {"symbol": "SIM", "live": True}]


@pytest.mark.parametrize(
    ("path", "cookies", "symbol"),
    [
        ("/", {}, "SIM"),
        ("/?symbol=GOOG", {"symbol": "SIM"}, "GOOG"),
        ("/", {"symbol": "GOOG"}, "GOOG"),
        ("/?symbol=NONE", {"symbol": "GONE"}, "SIM"),
    ],
)
def test_the_symbol_is_the_one_asked_for_else_the_last_else_a_live_one(path, cookies, symbol):
    assert market.chosen_symbol(request(path, **cookies), KNOWN) == symbol


def test_without_symbols_there_is_no_choice():
    assert market.chosen_symbol(request("/?symbol=SIM"), []) is None


def test_a_choice_that_does_not_exist_is_the_default():
    assert market.choice(request("/?set=third"), "set", market.COLUMN_SETS) == "third"
    assert market.choice(request("/?set=%00"), "set", market.COLUMN_SETS) == "first"


def test_neighbours_end_at_the_ends():
    chain = {"expiries": [{"expiry": name} for name in ("a", "b", "c")], "expiry": "a"}
    assert market.neighbours(chain) == {"before": None, "after": "b"}
    assert market.neighbours(chain | {"expiry": "c"}) == {"before": "b", "after": None}
    assert market.neighbours(chain | {"expiry": "gone"}) == {"before": None, "after": None}
    assert market.neighbours(None) == {"before": None, "after": None}


CATALOGUE = [
    {"id": 6, "name": "Gamma Wall", "tier": "pro", "family": "Ultra", "hypothesis": "Spot pinned."},
    {"id": 1, "name": "Regime", "tier": "free", "family": "Pirate", "hypothesis": "Trend turns."},
]


@pytest.mark.parametrize(
    ("words", "tier", "ids"),
    [("", "", [6, 1]), ("WALL pinned", "", [6]), ("wall trend", "", []), ("", "free", [1])],
)
def test_tools_match_every_word_and_the_plan(words, tier, ids):
    assert [tool["id"] for tool in tools.matching(CATALOGUE, words=words, tier=tier)] == ids


def test_families_keep_the_catalogues_order():
    assert [name for name, _ in tools.families(CATALOGUE)] == ["Ultra", "Pirate"]
