"""The contract's own rules: parameters, tiers, the catalogue, degrees and wording."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.features.registry import UnknownColumnError
from market.frames import Kind
from tools_app.contract import Param, Scope, Tier
from tools_app.degrees import above, below, either, holds, share
from tools_app.registry import Catalogue, ToolError, catalogue
from tools_app.wording import explain, figure

TOOLS = list(catalogue())
tools = pytest.mark.parametrize("tool", TOOLS, ids=[tool.slug for tool in TOOLS])
numbers = st.floats(-1e6, 1e6)


def test_the_tools_are_there_in_their_tiers():
    assert [tool.id for tool in TOOLS] == list(range(1, 53))
    assert [tool.id for tool in catalogue().opened_by("free")] == [1, 2, 3, 4, 5]
    assert [tool.id for tool in catalogue().opened_by(Tier.PRO)] == list(range(1, 31))
    assert catalogue().opened_by("pro_plus") == TOOLS
    daily = {1, 2, 3, 4, 5, 20, 21, 28, 29, 41, 46, 47, 48, 52}
    assert {t.id for t in TOOLS if t.kind == Kind.DAILY} == daily
    assert [t.id for t in TOOLS if t.scope == Scope.BASKET] == [5, 25, 28, 29, 30, 45]


@tools
def test_every_tool_says_what_it_is(tool):
    texts = (tool.name, tool.family, tool.hypothesis, tool.source, tool.formula)
    assert all(len(text) > 5 for text in (*texts, tool.direction, tool.judged_on))
    assert len(tool.blind_spots) > 40
    assert tool.inputs
    assert all(param.description for param in tool.params)
    assert tool.horizon_unit == ("minutes" if tool.kind == Kind.INTRADAY else "sessions")


@tools
def test_a_tool_is_found_by_id_and_by_slug(tool):
    assert catalogue().get(tool.id) is catalogue().get(str(tool.id)) is tool
    assert catalogue().get(tool.slug) is tool


@pytest.mark.parametrize("key", [0, 53, "53", "no-such-tool"])
def test_an_unknown_tool_is_not_found(key):
    with pytest.raises(LookupError, match="no tool"):
        catalogue().get(key)


@tools
def test_parameters_are_held_to_their_bounds(tool):
    assert tool.settings() == {p.name: p.default for p in tool.params}
    for param in tool.params:
        for outside in (param.low - 1.0, param.high + 1.0, np.nan):
            with pytest.raises(ValueError, match=param.name):
                tool.settings({param.name: outside})
    with pytest.raises(ValueError, match="no parameter 'wrong'"):
        tool.settings({"wrong": 1.0})


def test_whole_parameters_stay_whole():
    param = Param("within", 5, 2, 10, "sessions", "", integer=True)
    assert param.checked(3) == 3.0
    with pytest.raises(ValueError, match="whole"):
        param.checked(2.5)
    with pytest.raises(ValueError, match="outside"):
        Param("bad", 5, 6, 10, "", "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "there already"),
        ({"id": 16}, "there already"),
        ({"id": 53, "slug": "other"}, "outside"),
        ({"id": 16, "slug": "other", "params": ()}, "threshold"),
        ({"id": 16, "slug": "other", "params": TOOLS[0].params * 2}, "twice"),
        ({"id": 16, "slug": "other", "window": 0}, "at least one row"),
    ],
)
def test_a_tool_that_breaks_the_contract_is_refused(change, says):
    shelf = Catalogue([TOOLS[0]])
    with pytest.raises(ToolError, match=says):
        shelf.add(replace(TOOLS[0], **change))
    assert len(shelf) == 1


def test_a_tool_that_reads_an_unknown_column_is_refused():
    with pytest.raises(UnknownColumnError, match="gama"):
        Catalogue([replace(TOOLS[0], inputs=("gama",))])


def test_tiers_open_what_came_before():
    assert Tier.PRO.opens(Tier.FREE)
    assert Tier.PRO_PLUS.opens(Tier.PRO_PLUS)
    assert not Tier.FREE.opens(Tier.PRO)


@given(value=numbers, limit=numbers, width=st.floats(1e-3, 1e6))
def test_degrees_are_half_at_the_limit_and_mirror_each_other(value, limit, width):
    assert above(limit, limit, width) == below(limit, limit, width) == 0.5
    assert above(limit + 2 * width, limit, width) == below(limit - 2 * width, limit, width) == 1.0
    up, down = above(value, limit, width), below(value, limit, width)
    assert 0.0 <= up <= 1.0
    assert up + down == pytest.approx(1.0)


def test_what_is_not_known_is_not_false():
    unknown = np.array([1.0, np.nan])
    np.testing.assert_array_equal(holds(unknown > 0.0, unknown), [1.0, np.nan])
    np.testing.assert_array_equal(either(unknown, np.zeros(2)), [1.0, np.nan])
    np.testing.assert_array_equal(share(np.ones(2), np.array([0.0, 4.0])), [np.nan, 0.25])
    assert np.isnan(above(np.nan, 0.0, 1.0))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (-1.9e9, "$/1 %", "-1.9 bn $/1 %"),
        (3.25e12, "$/h", "3.25 tn $/h"),
        (-4.0e8, "$/h", "-400 mn $/h"),
        (950.0, "$", "950 $"),
        (0.004, "share", "0.4 %"),
        (0.0123, "vol", "1.23 vol pt"),
        (5012.5, "price", "5,012.50"),
        (20000.0, "contracts", "20,000 contracts"),
        (0.0, "", "0"),
        (1.5e-7, "", "0.00000015"),
        (np.nan, "share", "not known"),
        (8.0, "regime", "up trend with high volatility"),
    ],
)
def test_figures_read_as_a_person_would_write_them(value, unit, text):
    assert figure(value, unit) == text


def test_reasons_of_one_path_of_many(make_frame):
    tool = catalogue().get("dealer-short-gamma-forced")
    one = make_frame(
        Kind.INTRADAY,
        4,
        {"gamma": -1.9e9, "gamma_balance": -0.4, "expected_move_day": 5.0, "move_5": 2.0},
    )
    many = replace(
        one,
        columns={name: np.stack([c, 2.0 * c]) for name, c in one.columns.items()},
        reasons={},
    )
    answer = tool.evaluate(many)
    assert explain(answer, (1, -1))[0]["text"] == "net gamma -3.8 bn $/1 %"
    assert explain(answer, (0, 2))[-1]["text"] == "17:16 ET"


def test_tools_and_features_need_no_framework_and_nothing_heavy():
    code = (
        "import sys; import tools_app.wording, tools_app.rehearsal; "
        "from tools_app.registry import catalogue; catalogue(); "
        "heavy = ('django', 'torch', 'numba', 'QuantLib', 'scipy.stats', 'pandas'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{root / 'platform'}:{root}"},
    )
    assert done.stdout.strip() == "[]"
