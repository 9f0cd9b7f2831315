"""Figures of surface, session and contract: what is drawn, said, and left out when missing."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from pulse.charts import chain, contract, intraday, surface
from tests.browser import payloads

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def body():
    return payloads.surface_body(None)


def test_deltas_are_named_as_traders_do():
    names = [surface.delta_name(delta) for delta in (0.9, 0.75, 0.5, 0.25, 0.1)]
    assert names == ["10P", "25P", "50", "25C", "10C"]


def test_the_table_by_delta_has_a_cell_for_every_expiry_and_delta(body):
    table = surface.by_delta(body)
    assert table.heads[0] == "5P"
    assert table.heads[-1] == "5C"
    assert [row.expiry for row in table.rows] == [one["expiry"] for one in body["expiries"]]
    heats = {cell.classes for row in table.rows for cell in row.cells if cell.classes}
    assert {"h-0", "h-p5"} <= heats, "the least and the most are at the ends of the scale"


def test_cells_beyond_the_quotes_are_marked(body):
    cells = [cell for row in surface.by_strike(body).rows for cell in row.cells]
    beyond = [cell for cell in cells if "beyond" in cell.classes]
    assert beyond
    assert all("beyond the quotes" in cell.title for cell in beyond)


def test_a_plot_has_every_curve_in_percent(body):
    plot = surface.plot(body)
    assert [line["label"] for line in plot["lines"]] == ["Fit used", "SABR", "eSSVI"]
    assert all(len(line["values"]) == len(plot["x"]) for line in plot["lines"])
    assert 5 < plot["bars"]["mid"][0] < 100
    assert [mark["label"] for mark in plot["marks"]] == ["spot", "forward"]


def test_without_a_smile_nothing_is_drawn(body):
    assert surface.plot(body | {"smile": None}) is None
    assert surface.mesh(body | {"expiries": [], "by_delta": {"deltas": [], "rows": []}}) is None
    assert surface.smile_words(body | {"expiry": None}) == "There is no smile to show."


def test_a_mesh_is_rectangular(body):
    mesh = surface.mesh(body)
    assert len(mesh["rows"]) == len(mesh["values"]) == len(body["expiries"])
    assert {len(row) for row in mesh["values"]} == {len(mesh["columns"])}


def test_faults_name_place_and_size(body):
    crossing = {
        "earlier": "2026-11-20", "later": "2026-11-23", "from": 500.0, "to": None,
        "strike": 500.0, "size": 0.0,
    }  # fmt: skip
    bent = {"closest": {"butterfly": {"violated": True, "least": -0.25, "strike": 480.0,
                                      "between": [[470.0, 490.0]]}}}  # fmt: skip
    told = surface.faults(
        body | {"crossings": [crossing], "expiries": [body["expiries"][0] | bent]}
    )
    assert [fault["where"] for fault in told] == [
        "2026-11-20 over 2026-11-23", body["expiries"][0]["expiry"],
    ]  # fmt: skip
    assert "beyond all quotes" in told[0]["size"]
    assert (told[1]["low"], told[1]["high"]) == (470.0, 490.0)
    assert "had to" not in surface.arbitrage_words(body)
    assert "1 crossing between" in surface.arbitrage_words(body | {"crossings": [crossing]})


def test_parameters_stand_under_their_heads(body):
    rows = surface.parameters(body)
    assert {len(cells) for _, cells in rows} == {len(surface.PARAMETERS)}
    beta = surface.PARAMETERS.index(("SABR", "beta"))
    assert {cells[beta] for _, cells in rows} == {"1.000"}


def test_the_session_breaks_its_lines_where_a_level_is_missing():
    series = payloads.series("SPY")
    drawn = ET.fromstring(intraday.day(series, label="words"))
    zero = next(p for p in drawn.iter(f"{SVG}path") if p.get("class") == "level level-zero")
    assert zero.get("d").count("M") == 1
    assert "Zero gamma" in "".join(drawn.itertext())
    holes = [None if place % 50 == 0 else level for place, level in enumerate(series["zero_gamma"])]
    drawn = ET.fromstring(intraday.day(series | {"zero_gamma": holes}, label="words"))
    zero = next(p for p in drawn.iter(f"{SVG}path") if p.get("class") == "level level-zero")
    assert zero.get("d").count("M") == 6  # a single minute makes no line


def test_a_session_of_two_minutes_has_no_figure():
    short = {name: values[:2] for name, values in payloads.series("SPY").items()}
    assert intraday.day(short, label="x") == ""
    assert intraday.words({"time": [], "last": [], "gamma": []}, "SPY") == "No minutes of SPY yet."


def test_turns_of_gamma_are_counted():
    series = {"last": [1.0] * 5, "gamma": [1.0, -1.0, None, -2.0, 3.0], "time": []}
    assert "changed sign 2 times" in intraday.words(series, "SPY")
    assert "did not" in intraday.words(series | {"gamma": [1.0, 2.0]}, "SPY")
    assert "not known" in intraday.words(series | {"gamma": [None]}, "SPY")


def test_a_grid_is_high_spots_first_on_one_heat_scale():
    made = contract.grids(payloads.contract_body(payloads.occ_symbols()[85], "gamma"))
    assert [grid.shift for grid in made] == [-5.0, 0.0, 5.0]
    lines = made[1].lines
    assert [line.deviations for line in lines][::4] == ["+2.0", "0.0", "−2.0"]
    assert [line.here for line in lines].index(True) == 4
    assert made[0].heads[-1] == "1 min"
    heats = [cell.classes for grid in made for line in grid.lines for cell in line.cells]
    assert heats.count("h-p5") >= 1
    assert contract.grids({"grid": None}) == []


@pytest.mark.parametrize(
    ("minutes", "text"), [(4000, "2.8 days"), (150, "2.5 h"), (45, "45 min"), (1.0, "1 min")]
)
def test_time_left_is_in_the_largest_unit(minutes, text):
    assert contract.left(minutes) == text


def test_raw_units_stand_in_the_heads():
    _, columns = chain.SETS["greeks"]
    units = payloads.chain_body(None, True)["units"]
    heads = {column.key: column.unit for column in chain.in_units(columns, units, raw=True)}
    assert (heads["vega"], heads["theta"], heads["ultima"]) == ("$/1.00", "$/yr", "$/1.00³")
    assert chain.in_units(columns, units, raw=False) == list(columns)
