"""The table of plans, and the one decision that every gate asks."""

from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from hypothesis import given
from hypothesis import strategies as st

from accounts import gates, plans, pricing
from accounts.entitlements import Decision, allows, decide
from market.reach import Reach

EVERYBODY = ("visitor", "free", "pro", "pro_plus", "operator")
# Who has it, from left to right: visitor, free, pro, pro_plus, operator.
TABLE = {
    "public": "11111",
    "tools.view": "11111",
    "validation.view": "11111",
    "optimizer.view": "11111",
    "bots.view": "11111",
    "account": "01111",
    "market.view": "01111",
    "market.chain": "01111",
    "market.exposure": "01111",
    "market.surface": "01111",
    "market.greeks": "01111",
    "signals.view": "01111",
    "execute.run": "01111",
    "alerts.own": "01111",
    "bots.own": "01111",
    "trading.paper": "01111",
    "tools.free": "01111",
    "tools.pro": "00111",
    "market.live": "00111",
    "market.replay": "00111",
    "validation.run": "00111",
    "tools.pro_plus": "00011",
    "optimizer.run": "00011",
    "trading.live": "00011",
    "operator": "00001",
    "system": "00000",
}
CASES = [
    (name, who, mark == "1")
    for name, marks in TABLE.items()
    for who, mark in zip(EVERYBODY, marks, strict=True)
]


def somebody(who: str) -> object:
    if who == "visitor":
        return AnonymousUser()
    return SimpleNamespace(
        plan="free" if who == "operator" else who,
        is_staff=who == "operator",
        is_authenticated=True,
        is_active=True,
    )


def test_the_table_of_this_test_names_every_entitlement():
    assert set(TABLE) == set(plans.ENTITLEMENTS)


@pytest.mark.parametrize(("name", "who", "expected"), CASES)
def test_who_may_do_what(name, who, expected):
    assert allows(somebody(who), name).allowed is expected


@pytest.mark.parametrize(
    ("name", "who", "opens_with", "reason"),
    [
        ("tools.pro", "free", "pro", "Seeing the live values of Pro tools needs the Pro plan."),
        (
            "tools.pro_plus",
            "pro",
            "pro_plus",
            "Seeing the live values of Pro+ tools needs the Pro+ plan.",
        ),
        ("market.replay", "free", "pro", "Replaying a recorded day needs the Pro plan."),
        ("tools.pro", "visitor", None, "Sign in to go on."),
        ("operator", "visitor", None, "Sign in to go on."),
        ("operator", "pro_plus", None, "Only operators may do this."),
        ("system", "operator", None, "This is closed."),
        ("no.such.name", "operator", None, "This is closed."),
        ("no.such.name", "visitor", None, "This is closed."),
    ],
)
def test_a_refusal_says_why_and_which_plan_opens_it(name, who, opens_with, reason):
    assert allows(somebody(who), name) == Decision(False, reason, opens_with)


def test_a_blocked_account_is_a_visitor():
    blocked = SimpleNamespace(plan="pro", is_staff=True, is_authenticated=True, is_active=False)
    assert allows(blocked, "account") == Decision(False, "Sign in to go on.")
    assert allows(None, "public").allowed


@given(
    name=st.sampled_from([*plans.ENTITLEMENTS, "unknown"]),
    plan=st.sampled_from([*plans.PLANS, "gone", None]),
    is_staff=st.booleans(),
)
def test_a_refusal_is_lifted_by_the_plan_it_names(name, plan, is_staff):
    decision = decide(name, plan=plan, is_staff=is_staff, authenticated=True)
    assert decision.allowed == (not decision.reason)
    if decision.opens_with is not None:
        again = decide(name, plan=decision.opens_with, is_staff=is_staff, authenticated=True)
        assert again.allowed


@given(name=st.sampled_from(list(plans.ENTITLEMENTS)))
def test_a_larger_plan_has_all_of_the_smaller(name):
    has = [
        decide(name, plan=plan, is_staff=False, authenticated=True).allowed for plan in plans.PLANS
    ]
    assert has == sorted(has)


def test_a_plan_that_is_unknown_counts_as_free():
    assert decide("tools.free", plan="gone", is_staff=False, authenticated=True).allowed
    assert not decide("tools.pro", plan="gone", is_staff=False, authenticated=True).allowed


def test_prices_and_tools_are_those_that_were_promised():
    free, pro, plus = plans.PLANS.values()
    assert [plan.monthly for plan in (free, pro, plus)] == [0, 99, 299]
    assert [plan.yearly for plan in (free, pro, plus)] == [0, Decimal(990), Decimal(2990)]
    assert [plan.last_tool for plan in (free, pro, plus)] == [5, 30, 52]
    assert [plan.limits.live_trading for plan in (free, pro, plus)] == [False, False, True]


def test_no_limit_shrinks_with_a_larger_plan():
    limits = [plan.limits for plan in plans.PLANS.values()]
    for name in (
        "api_calls_a_minute",
        "api_burst",
        "bots",
        "paper_accounts",
        "backtests_a_day",
        "alert_channels",
        "alert_rules",
        "alerts_a_day",
    ):
        values = [getattr(limit, name) for limit in limits]
        assert values == sorted(values)
        assert len(set(values)) == 3
    assert all(set(a.alert_kinds) < set(b.alert_kinds) for a, b in pairwise(limits))
    assert [limit.history_days for limit in limits] == [30, 365, None]


def test_the_plan_table_shows_a_cell_for_each_plan():
    shown = (*pricing.opened_rows(), *pricing.limit_rows())
    titles = [plan.title for plan in plans.PLANS.values()]
    assert all([title for title, _ in row.cells] == titles for row in shown)
    rows = {row.label: tuple(text for _, text in row.cells) for row in shown}
    assert rows["Tools by number"] == ("1 to 5 (5)", "1 to 30 (30)", "1 to 52 (52)")
    assert rows["Replaying a recorded day"] == ("-", "Yes", "Yes")
    assert rows["Running a validation"] == ("-", "Yes", "Yes")
    assert rows["Paths of a validation"] == ("-", "10,000", "100,000")
    assert rows["Running a search for parameters"] == ("-", "-", "Yes")
    assert rows["Settings of a search"] == ("-", "-", "50,000")
    opened = {row.label: tuple(text for _, text in row.cells) for row in pricing.opened_rows()}
    assert opened["Live market data"] == ("-", "Yes", "Yes")
    assert opened["Delay of market data"] == ("15 min", "None", "None")
    assert opened["History of market data"] == ("30 days", "365 days", "All")
    assert rows["Delay of market data"] == ("15 min", "None", "None")
    assert rows["Live trading"] == ("-", "-", "Yes")
    assert all(len(cells) == 3 for cells in rows.values())


@given(days=st.floats(min_value=0, max_value=1e5))
def test_the_plan_that_opens_the_past_is_the_smallest_that_reaches_it(days):
    fits = [
        plan
        for plan in plans.PLANS.values()
        if plan.limits.history_days is None or days <= plan.limits.history_days
    ]
    assert plans.first_plan_with_history(days) == fits[0]


def test_who_has_no_delay_may_hear_live_data_and_nobody_else():
    for name, plan in plans.PLANS.items():
        assert ("market.live" in plans.OPENED[name]) is (plan.limits.data_delay_s == 0)


@pytest.mark.parametrize(
    ("who", "delay_s", "history_days"),
    [("visitor", 900, 30), ("free", 900, 30), ("pro", 0, 365), ("pro_plus", 0, None),
     ("operator", 0, None), ("gone", 900, 30)],
)  # fmt: skip
def test_how_far_somebody_may_look(who, delay_s, history_days):
    assert gates.reach(somebody(who)) == Reach(delay_s, history_days)
    assert gates.reach(None) == Reach(900, 30)


@pytest.mark.parametrize(
    ("plan", "yearly", "text"),
    [("free", False, "$0"), ("pro", False, "$99 a month"), ("pro_plus", True, "$2,990 a year")],
)
def test_prices_in_words(plan, yearly, text):
    assert pricing.price(plans.PLANS[plan], yearly=yearly) == text
