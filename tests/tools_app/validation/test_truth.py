"""Planted effects are found, nothing where nothing is, and the sign reverses: at small scale.

`manage.py truth_test` is the same at full scale.
"""

from __future__ import annotations

import numpy as np
import pytest

from market.frames import Kind
from market.simulator.scenarios import PLANTED
from tools_app.registry import catalogue
from tools_app.validation import truth
from tools_app.validation.blocks import Plan, Tally, run_block
from tools_app.validation.services import by_kind, judged_tools

SEED = 1
STRONG = {Kind.INTRADAY: (7, 10), Kind.DAILY: (1, 4)}
"""Tools whose effects are large enough to be seen on few paths."""
PATHS = {Kind.INTRADAY: 512, Kind.DAILY: 768}
FAMILIES = 200
FAMILY_PATHS = {Kind.INTRADAY: 12, Kind.DAILY: 6}


@pytest.mark.parametrize("kind", list(Kind))
def test_planted_effects_are_recovered_and_reverse(kind):
    tools = [catalogue().get(number) for number in STRONG[kind]]
    on, off, reverse = (
        run_block(Plan(SEED, effect, kind, PATHS[kind]), tools, 0)
        for effect in ("on", "off", "reversed")
    )
    found = truth.findings(on, off, reverse)
    assert {one.expected.tool_id for one in found} == set(STRONG[kind])
    for one in found:
        assert one.recovered, one
        assert one.silent, one
        assert one.reversed < 0.0, one


def test_families_of_worthless_tools_look_significant_at_most_as_often_as_the_level():
    """All tools that fast paths judge, each family on paths of its own, corrected for all tries."""
    tallies = {}
    for kind, tools in by_kind(judged_tools()).items():
        plan = Plan(SEED + 1, "off", kind, FAMILIES * FAMILY_PATHS[kind])
        parts = [run_block(plan, tools, number) for number in range(plan.blocks)]
        tallies[kind] = [Tally.joined([part[tool.id] for part in parts]) for tool in tools]
    chances = truth.null_families(tallies, FAMILIES, draws=300)
    rate = truth.family_rate(chances)
    assert rate.families == FAMILIES
    assert rate.significant <= truth.LEVEL * rate.families


def test_every_planted_effect_has_tools_that_must_find_it_or_says_why_not():
    told = {one.tool_id for one in truth.EXPECTED} | set(truth.TOO_WEAK)
    planted = {number for effect in PLANTED for number in effect.tools}
    assert told == planted
    judged = {tool.id for tool in judged_tools()}
    assert planted <= judged


def test_a_family_rate_has_an_interval():
    rate = truth.family_rate([0.01, 0.5, np.nan, 0.9])
    assert (rate.significant, rate.families) == (1, 3)
    low, high = rate.interval
    assert low < 1 / 3 < high
