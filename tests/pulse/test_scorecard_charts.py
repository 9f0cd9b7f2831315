"""A record in words and its figure: units, samples, and what is missing."""

from xml.etree import ElementTree as ET

import pytest

from pulse.charts import scorecards as made

HORIZON = {"value": 30, "unit": "minutes"}
FIGURES = {
    "unit": "log return",
    "average": {"value": 0.00123, "low": -0.0002, "high": 0.0026},
    "sharpe": {"value": 1.314, "error": 0.6},
    "half_life": {"value": 7.2, "low": 5.0, "high": 11.4, "reason": ""},
    "calibration": {
        "n": 40, "error": 0.12, "by_chance": 0.06,
        "bins": [
            {"low": 0.5, "high": 0.6, "score": 0.55, "n": 25, "rate": 0.48,
             "rate_low": 0.3, "rate_high": 0.67},
            {"low": 0.8, "high": 0.9, "score": 0.84, "n": 15, "rate": 0.6,
             "rate_low": 0.36, "rate_high": 0.8},
        ],
    },
}  # fmt: skip


def test_averages_carry_their_unit():
    assert made.average(FIGURES) == "+12.3 bp"
    assert made.average_between(FIGURES) == "−2.0 to +26.0"
    spread = {**FIGURES, "unit": "usual variance", "average": {"value": -0.04}}
    assert made.average(spread) == "−4.0% of usual variance"
    assert made.average_between(spread) == ""


def test_ratios_shares_and_half_lives():
    assert made.sharpe(FIGURES) == "1.31 ± 0.60"
    assert made.share(0.5412) == "54.1%"
    assert made.between({"low": 0.4, "high": 0.6}) == "40.0% to 60.0%"
    assert made.half_life(FIGURES, "minutes") == "7 min (5 to 11)"
    assert made.chance(0.0123) == "p 0.012"
    assert made.chance(1e-5) == "p < 0.001"


def test_what_is_not_known_is_not_shown_as_a_number():
    assert made.share(None) == made.sharpe({}) == made.average({}) == made.chance(None) == "-"
    assert made.between(None) == ""
    assert made.half_life({"half_life": {"value": None}}, "minutes") == "not measurable"
    assert made.calibration({"calibration": {"bins": []}}, "given live") == ""
    assert "No finished signals" in made.calibration_words({"calibration": {"bins": []}}, "x")


@pytest.mark.parametrize(
    ("outcome", "side", "words"),
    [
        (None, 1, "-"),
        ({"done": False}, 1, "open, to 30 min"),
        ({"result": "unknown"}, 1, "not known"),
        ({"result": "stop", "stop_row": 12, "gain": -0.0031}, 1,
         "stop after 12 min; at the end −0.31%"),
        ({"result": "target", "target_row": 7, "gain": 0.004}, -1,
         "target after 7 min; at the end +0.40%"),
        ({"result": "horizon", "rows": 30, "gain": 0.0012}, 1, "horizon after 30 min, +0.12%"),
        ({"result": "horizon", "rows": 30, "gain": 0.35}, 0,
         "horizon after 30 min, +35% of usual variance"),
    ],
)  # fmt: skip
def test_outcomes_say_what_when_and_how_much(outcome, side, words):
    found = None if outcome is None else {"horizon": HORIZON, "done": True, **outcome}
    assert made.outcome(found, side) == words


def test_the_figure_has_a_name_a_dot_and_an_interval_for_each_tenth():
    drawn = ET.fromstring(made.calibration(FIGURES, "in simulation"))
    label = drawn.attrib["aria-label"]
    assert "Of 40 signals in simulation" in label
    assert "won 60% (36% to 80%, n 15)" in label
    marks = [element.attrib.get("class") for element in drawn.iter()]
    assert marks.count("hit") == marks.count("whisker") == marks.count("expected") == 2
    dots = [float(e.attrib["cy"]) for e in drawn.iter() if e.attrib.get("class") == "hit"]
    assert dots[1] < dots[0], "the higher rate stands higher"
    assert "style" not in made.calibration(FIGURES, "in simulation")
