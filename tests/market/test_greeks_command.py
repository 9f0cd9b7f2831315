"""`manage.py greeks`: a person's CSV in, all Greeks out, bad rows named."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from quant import bsm
from quant.fields import FIELDS

GOOD = "spot,strike,right,years,iv\n100,95,put,0.25,0.2\n100,105,call,0.25,0.3\n"


def run(path: Path, **given: object) -> tuple[int, list[dict[str, str]], str]:
    out, err, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        try:
            call_command("greeks", str(path), stderr=err, **given)
        except SystemExit as stop:
            status = int(stop.code or 0)
    return status, list(csv.DictReader(io.StringIO(out.getvalue()))), err.getvalue()


def file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "contracts.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_every_greek_of_every_row_comes_back_with_the_row(tmp_path):
    status, rows, said = run(file(tmp_path, GOOD))
    assert (status, len(rows)) == (0, 2)
    wanted = bsm.greeks(100.0, [95.0, 105.0], 0.25, 0.0, 0.0, [0.2, 0.3], [False, True]).quoted()
    for name in FIELDS:
        column = "computed_price" if name == "price" else name
        assert [float(row[column]) for row in rows] == wanted.values[name].tolist()
    assert rows[0]["strike"] == "95"
    assert {row["status"] for row in rows} == {"ok"}
    assert "2 of 2 contracts computed, 0 refused." in said


def test_bad_rows_are_named_by_line_and_the_exit_status_says_so(tmp_path):
    text = GOOD + "\n100,-1,call,0.25,0.3\n100,105,call\n100,105,call,0.25,0.3\n"
    status, rows, said = run(file(tmp_path, text))
    assert status == 1
    assert "line 5: strike: is not above 0" in said
    assert "line 6: row: has 3 cells, the header 5" in said
    assert [row["status"] for row in rows] == ["ok", "ok", "refused", "refused", "ok"]
    assert rows[2]["fault"] == "strike is not above 0"
    assert rows[2]["delta"] == ""


def test_a_mark_of_order_semicolons_and_names_chosen(tmp_path):
    status, rows, _ = run(
        file(tmp_path, GOOD.replace(",", ";"), "utf-8-sig"), names="delta,vega", raw=True
    )
    assert status == 0
    assert list(rows[0])[5:] == [
        "computed_iv",
        "computed_years",
        "delta",
        "vega",
        "status",
        "fault",
    ]
    wanted = bsm.greeks(100.0, 95.0, 0.25, 0.0, 0.0, 0.2, False)
    assert float(rows[0]["vega"]) == wanted.vega.item()


def test_more_rows_than_are_held_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("market.contract_files.ROWS", 3)
    text = GOOD + "100,105,call,0.25,0.3\n" * 8 + "100,105,call,0.25,x\n"
    status, rows, said = run(file(tmp_path, text))
    assert (status, len(rows)) == (1, 11)
    assert "line 12: iv: 'x' is not a finite number" in said


def test_a_file_of_its_own_is_whole_or_not_there(tmp_path):
    out = tmp_path / "out.csv"
    assert run(file(tmp_path, GOOD), out=out)[0] == 0
    with out.open(newline="") as written:
        assert len(list(csv.DictReader(written))) == 2
    before = out.read_text()
    broken = GOOD.encode() + b"100,105,call,0.25,\xff\n"
    (tmp_path / "contracts.csv").write_bytes(broken)
    with pytest.raises(CommandError, match="is not UTF-8"):
        run(tmp_path / "contracts.csv", out=out)
    assert out.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contracts.csv", "out.csv"]


@pytest.mark.parametrize(
    ("text", "given", "says"),
    [
        ("", {}, "spot: is missing"),
        ("spot,strike,right,years\n1,1,c,1\n", {}, "iv: is missing"),
        ("spot,moon\n1,1\n", {}, "moon: is no column"),
        (GOOD, {"names": "delta,beauty"}, "'beauty' is no field"),
        (GOOD, {"at": "noon"}, "'noon' is no ISO 8601 instant"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path, text, given, says):
    with pytest.raises(CommandError, match=says):
        run(file(tmp_path, text), **given)


def test_a_missing_file_and_one_written_over_itself_are_refused(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "none.csv")
    path = file(tmp_path, GOOD)
    with pytest.raises(CommandError, match="is the file of contracts itself"):
        run(path, out=path)
    assert path.read_text() == GOOD
