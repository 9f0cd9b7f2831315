"""Figures drawn on the server: geometry, words, escaping, and what is missing."""

import itertools
import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.charts import chain, exposure, prices, sample, small, svg, words
from pulse.charts import format as fmt

SVG = "{http://www.w3.org/2000/svg}"
finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
anything = st.one_of(st.none(), st.text(max_size=5), st.booleans(), st.floats())


@given(anything)
def test_no_format_fails_and_missing_is_a_dash(value):
    known = fmt.finite(value) is not None
    for show in (fmt.number, fmt.short, fmt.significant, fmt.percent):
        text = show(value)
        assert text
        assert known or text == fmt.MISSING
        assert "nan" not in text.lower()
        assert "inf" not in text.lower()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.41e9, "+2.41bn"),
        (-2.41e9, "−2.41bn"),
        (999_999, "+1.00m"),
        (12_345, "+12.3k"),
        (999.6, "+1.00k"),
        (9.996e6, "+10.0m"),
        (1.5, "+1.50"),
        (123.4, "+123"),
        (0, "0.00"),
        (-0.001, "0.00"),
    ],
)
def test_short_numbers(value, text):
    assert fmt.short(value, plus=True) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.4567, "0.457"), (-12.345, "−12.3"), (1234.5, "1,234"), (1.23e-7, "1.2e−7")],
)
def test_significant_digits(value, text):
    assert fmt.significant(value) == text


def test_times_are_new_yorks():
    assert fmt.eastern("2026-11-20T19:32:05Z") == "14:32:05"
    assert fmt.eastern(datetime(2026, 7, 1, 13, 30, tzinfo=UTC), "%H:%M") == "09:30"
    assert fmt.eastern(None) == fmt.MISSING
    assert fmt.eastern("yesterday") == fmt.MISSING


@given(st.lists(st.floats(0, 500), max_size=12), st.floats(1, 20))
def test_tags_are_moved_apart_when_there_is_room(places, gap):
    room = 500 + gap * len(places)
    moved = sorted(svg.apart(places, gap, 0, room))
    assert all(b - a >= gap - 1e-6 for a, b in itertools.pairwise(moved))


@given(finite, finite)
def test_ticks_are_round_and_inside(low, high):
    ticks = svg.nice_ticks(low, high)
    assert 1 <= len(ticks) <= 12
    if ticks != [low]:
        slack = 1e-6 * (high - low)
        assert all(low - slack <= tick <= high + slack for tick in ticks)


def drawn(text: str) -> ET.Element:
    return ET.fromstring(text)


def rows(count: int = 9) -> list[dict[str, float]]:
    return [
        {"strike": 500.0 + i, "gamma_call": i * 1e8, "gamma_put": -4e8, "gamma": i * 1e8 - 4e8}
        for i in range(count)
    ]


def payload(**more):
    levels = {"zero_gamma": 503.5, "call_wall": 508.0, "put_wall": 500.0}
    return {
        "symbol": "SPY",
        "spot": 504.2,
        "by_strike": rows(),
        "totals": {"gamma": 4e8},
        "levels": levels,
        **more,
    }


def test_bars_lie_on_their_side_of_the_axis_and_scale_with_the_largest():
    figure = drawn(exposure.bars_by_strike(payload(), label="words"))
    assert figure.get("aria-label") == "words"
    assert figure.get("role") == "img"
    right = [r for r in figure.iter(f"{SVG}rect") if r.get("class") == "pos"]
    left = [r for r in figure.iter(f"{SVG}rect") if r.get("class") == "neg"]
    assert len(right) == 8
    assert len(left) == 9
    assert {r.get("x") for r in right} == {"50%"}
    assert max(float(r.get("width")[:-1]) for r in right) == 50
    assert all(float(r.get("x")[:-1]) + float(r.get("width")[:-1]) == 50 for r in left)


def test_the_highest_strike_is_on_top_and_levels_lie_between_their_strikes():
    strikes = [508.0, 507.0, 506.0]
    assert exposure.level_y(strikes, 508.0) < exposure.level_y(strikes, 507.0)
    middle = exposure.level_y(strikes, 507.5)
    assert middle == (exposure.level_y(strikes, 508.0) + exposure.level_y(strikes, 507.0)) / 2
    assert exposure.level_y(strikes, 509.0) is None
    assert exposure.level_y([], 509.0) is None


def test_a_level_that_is_not_known_is_not_drawn():
    found = exposure.bars_by_strike(payload(levels={"zero_gamma": None, "call_wall": 508.0}))
    assert "Zero gamma" not in found
    assert "Put wall" not in found
    assert "Call wall" in found


def test_missing_values_leave_their_place_empty():
    broken = [{"strike": 500.0, "gamma_call": None, "gamma_put": float("nan"), "gamma": None}]
    figure = drawn(exposure.bars_by_strike(payload(by_strike=broken + rows()[1:])))
    assert len(list(figure.iter(f"{SVG}rect"))) == 8 + 8


def test_nothing_is_drawn_of_nothing():
    assert exposure.bars_by_strike({"symbol": "SPY", "by_strike": []}) == ""
    assert exposure.over_spot({"profile": {"spots": [1.0], "gamma": [2.0]}}) == ""
    assert small.sparkline([None, 1.0], label="x") == ""
    assert small.histogram([("09:30", 0)], label="x") == ""


def test_at_most_so_many_strikes_around_spot():
    many = [{"strike": float(k), "gamma": 1.0} for k in range(1000)]
    kept = exposure.near(many, 700.4)
    assert len(kept) == exposure.STRIKES
    assert kept[0]["strike"] > 700 > kept[-1]["strike"]
    assert [row["strike"] for row in exposure.near(many, 0.0)][-1] == 0.0


def test_profile_has_both_areas_and_a_zero_line():
    spots = [500.0 + i for i in range(21)]
    body = payload(profile={"spots": spots, "gamma": [(s - 503.5) * 1e8 for s in spots]})
    figure = drawn(exposure.over_spot(body, label="words"))
    classes = [p.get("class") for p in figure.iter(f"{SVG}path")]
    assert classes == ["area-pos", "area-neg", "line"]
    assert "Zero gamma 503.50" in "".join(figure.itertext())


@given(st.text(max_size=30))
def test_names_are_escaped(name):
    clean = "".join(c for c in name if c.isprintable())
    figure = drawn(small.sparkline([1.0, 2.0], label=f'<script>"{clean}&'))
    assert figure.get("aria-label") == f'<script>"{clean}&'


def test_no_figure_writes_a_style_or_a_script():
    body = payload(profile={"spots": [1.0, 2.0, 3.0], "gamma": [-1.0, 0.0, 1.0]})
    figures = [
        exposure.bars_by_strike(body),
        exposure.over_spot(body),
        exposure.bars_by_strike(sample.illustration()),
        small.histogram([("a", 1), ("b", 3)], label="x"),
    ]
    assert not any(re.search(r"\sstyle=|<script|\son\w+=", figure) for figure in figures)
    assert all(len(figure) < 30_000 for figure in figures)


def test_the_illustration_has_its_walls_at_round_strikes():
    levels = sample.illustration()["levels"]
    assert levels["call_wall"] % 10 == 0
    assert levels["put_wall"] % 10 == 0
    assert levels["put_wall"] < sample.SPOT < levels["call_wall"]


def test_half_hours_take_a_minute_at_its_end():
    at = [
        datetime(2026, 11, 20, h, m, tzinfo=UTC) for h, m in ((14, 31), (15, 0), (15, 1), (21, 0))
    ]
    counts = dict(small.half_hours([*at, None]))
    assert counts["09:30"] == 2  # 09:31 and 10:00, the last minute of the first half hour
    assert counts["10:00"] == 1
    assert counts["15:30"] == 1
    assert sum(counts.values()) == 4


def test_words_say_levels_and_their_distance():
    assert words.distance(520, 500) == "4.00% above spot"
    assert words.distance(500, 500) == "at spot"
    assert words.distance(None, 500) == ""
    said = words.strikes(payload(), "gamma")
    assert said.startswith("Net gamma exposure of SPY: +$400m per 1%")
    assert "largest negative gamma at 500" in said
    assert "not known" in words.strikes({"symbol": "SPY"}, "vanna")


def chain_rows():
    return [
        {
            "strike": 500.0 + i,
            "call": {"delta": 1 - i / 10, "bid": 1.0, "status": "ok"},
            "put": {"delta": -i / 10, "bid": None, "status": "no_quote"},
        }
        for i in range(11)
    ]


def test_chain_lines_mirror_calls_and_mark_spot_once():
    _, columns = chain.SETS["first"]
    found = chain.lines(chain_rows(), columns, 504.6)
    assert [line.text for line in found if line.classes == "at-spot"] == ["505"]
    assert len(found[0].calls) == len(found[0].puts) == len(columns)
    assert found[0].calls[-1].text == "1.00"  # the innermost column of calls is the bid
    missing = found[0].puts[0]
    assert (missing.text, missing.title) == ("-", "no quote")


def test_heat_is_relative_to_the_column_and_keeps_its_sign():
    assert chain.heat(1.0, 1.0) == "h-p5"
    assert chain.heat(-0.55, 1.0) == "h-n3"
    assert chain.heat(0.01, 1.0) == "h-0"
    assert chain.heat(None, 1.0) == ""
    assert chain.heat(1.0, 0.0) == ""


def test_every_greek_is_in_the_chain_once():
    from quant.fields import GREEKS

    shown = [column.key for column in chain.SETS["greeks"][1]]
    assert sorted(shown) == sorted(name for name in GREEKS if name != "price")
    assert len(shown) == 13


def test_units_of_greeks_are_those_of_quoted_numbers():
    from quant.fields import QUOTES

    per_day = {c.key for c in chain.SETS["greeks"][1] if "/day" in c.unit}
    assert per_day == {name for name, quote in QUOTES.items() if quote.unit.endswith("per day")}


def test_price_chart_keeps_stored_bars_and_marks_inside_them():
    stored = {
        "time": ["2026-11-20T14:31:00Z", "2026-11-20T14:32:00Z", "2026-11-20T14:33:00Z"],
        "open": [1.0, None, 3.0],
        "high": [1.5, 2.5, 3.5],
        "low": [0.5, 1.5, 2.5],
        "close": [1.2, 2.2, None],
        "date": "2026-11-20",
        "simulated": True,
    }
    tool = {"id": 6}
    inside = {"id": 2, "tool": tool, "side": 1, "time": "2026-11-20T14:32:00Z"}
    outside = {"id": 1, "tool": tool, "side": 1, "time": "2026-11-19T14:32:00Z"}
    chart = prices.chart_of(stored, [inside, outside])
    assert [bar["close"] for bar in chart["bars"]] == [1.2, 2.2]
    assert chart["bars"][1]["open"] == 2.2
    assert [mark["id"] for mark in chart["marks"]] == [2]
    assert prices.chart_of(None) is None
    assert prices.chart_of({"time": []}) is None
