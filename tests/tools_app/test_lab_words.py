"""What the lab says in words, by the numbers alone, and its figures."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.charts import fan as charts
from tests.tools_app.lab import line
from tools_app.validation.summary import family_words, summary

VERDICTS = ("edge", "unproven", "loses", "no edge", "too few")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (
            ["no edge"] * 3,
            "With the effects off no tool shows an edge, of 3 tools with a side. None",
        ),
        (["no edge", "unproven"], "1 looks ahead before the number of tries is counted"),
        (["no edge", "edge"], "With the effects off 1 tool shows an edge all the same"),
        (["edge", "edge"], "With the effects off 2 tools show an edge all the same"),
        (["too few"], "With the effects off nothing can be said yet"),
        ([], "With the effects off nothing can be said yet"),
    ],
)
def test_with_the_effects_off(verdicts, said):
    assert said in summary("off", [line(one) for one in verdicts])


def test_with_the_effects_on_and_what_is_left_out():
    lines = [line("edge"), line("unproven"), line("loses"), line("loses"), line("too few")]
    lines += [line("compare", sided=False), line("compare", sided=False)]
    assert summary("on", lines) == (
        "With the effects on 1 tool shows an edge, 1 is ahead but not proven, 2 lose, of 4 tools "
        "with a side. 1 tool says nothing, with fewer than 30 signals. 2 tools without a side are "
        "judged only between runs with the effects on and off."
    )
    assert summary("reversed", [line("no edge")]).startswith(
        "With the effects reversed no tool shows an edge, of 1 tool with"
    )


@given(st.lists(st.sampled_from(VERDICTS), max_size=30))
def test_no_edge_is_said_only_where_there_is_none(verdicts):
    said = summary("off", [line(one) for one in verdicts])
    judged = [one for one in verdicts if one != "too few"]
    assert ("no tool shows an edge" in said) == (bool(judged) and "edge" not in judged)
    assert ("By luck alone" in said) == bool({"edge", "unproven"} & set(judged))


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.43, "probability 0.430."), (0.0002, "below 0.001. Luck is"), (None, "nothing to test")],
)
def test_the_family_in_words(p, said):
    assert said in family_words(p)


FAN = {
    "years": 40, "steps": [60, 120, 252], "levels": [0.05, 0.25, 0.5, 0.75, 0.95],
    "quantiles": [[-0.05, -0.06, -0.04], [-0.01, 0.0, 0.01], [0.0, 0.01, 0.02],
                  [0.01, 0.02, 0.05], [0.03, 0.06, 0.1]],
}  # fmt: skip


def test_a_fan_is_drawn_and_told():
    said = charts.fan_words(FAN, sided=True, name="Vanna")
    assert said == (
        "Sum of gains of Vanna after costs over 252 sessions, from 40 simulated years: median "
        "+2.0%, nine in ten between −4.0% and +10.0%."
    )
    drawn = charts.fan(FAN, sided=True, label=said)
    assert drawn.count("<path") == 3
    texts = set(re.findall(r">([^<>]+)</text", drawn))
    assert {"5%", "25%", "median", "75%", "95%", "sessions"} <= texts
    assert charts.fan_rows(FAN, sided=True)[-1] == (
        252, ["−4.00%", "+1.00%", "+2.00%", "+5.00%", "+10.00%"],
    )  # fmt: skip
    few = charts.fan_words(FAN | {"years": 12}, sided=False, name="Vanna")
    assert "in shares of the usual variance" in few
    assert "12 simulated years: median +0.02" in few
    assert "So few years" in few


@pytest.mark.parametrize(
    ("years", "said"), [(1, "1 year is in these"), (4, "4 years are in these")]
)
def test_too_few_years_make_no_fan(years, said):
    few = FAN | {"years": years}
    assert charts.fan(few, sided=True, label="x") == ""
    assert said in charts.fan_words(few, sided=True, name="Vanna")


def test_a_fan_of_one_step_is_not_drawn():
    short = {**FAN, "steps": [60], "quantiles": [row[:1] for row in FAN["quantiles"]]}
    assert charts.fan(short, sided=True, label="x") == ""


def test_win_rates_by_score():
    found = [[0.55, 0.5, 400.0], [0.9, 0.7, 400.0]]
    assert "a higher score won more often" in charts.calibration_words(found)
    assert "less often" in charts.calibration_words([[0.55, 0.7, 400.0], [0.9, 0.5, 400.0]])
    assert "chance does not explain" in charts.calibration_words(
        [[0.5, 0.5, 40.0], [0.9, 0.6, 40.0]]
    )
    assert "No two scores have 30 signals" in charts.calibration_words(
        [*found[:1], [0.9, 0.7, 9.0]]
    )
    drawn = charts.calibration(found, base=0.48, label="x")
    assert drawn.count("<circle") == 2
    assert ">base</text" in drawn
    assert charts.calibration([], base=None, label="x") == ""
    reach = charts.bins(found)[0]["reach"]
    assert reach == pytest.approx(1.96 * (0.25 / 400) ** 0.5)
