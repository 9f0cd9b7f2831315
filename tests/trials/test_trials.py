"""Large runs: each seed once, whoever shares them, and what fails is told."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trials import run as trials
from tests.trials.run import GOALS, ROOT, Trial, told_in
from tests.trials.sizes import seeds, told


@pytest.mark.parametrize("goal", GOALS)
def test_each_goal_names_a_test_that_reads_its_size(goal):
    for trial in GOALS[goal]:
        file, _, name = trial.test.partition("::")
        text = (ROOT / "tests" / file).read_text()
        assert f"def {name}(" in text
        taken = re.search(rf"""(seeds|size|environ.get)\("{trial.name}\"""", text)
        assert taken, trial
        assert (taken[1] == "seeds") or not trial.each, "only seeds can be shared"


@given(st.integers(1, 5000), st.integers(1, 7), st.integers(1, 500))
def test_parts_have_every_seed_of_a_run_once(size, seed, each):
    spans = [one.split(":") for one in Trial("t", "T", size, each).parts(size, seed)]
    taken = [number for first, last in spans for number in range(int(first), int(last))]
    assert taken == list(range((seed - 1) * size, seed * size))


@pytest.mark.parametrize(
    ("given", "each", "run"),
    [("1000", 1, range(1000)), ("1000:2000", 1, range(1000, 2000)), ("500", 25, range(20)),
     ("500:1000", 25, range(20, 40)), ("3", 25, range(1)), (None, 1, range(7))],
)  # fmt: skip
def test_the_environment_says_which_seeds(monkeypatch, given, each, run):
    monkeypatch.delenv("PULSE_A_SIZE", raising=False)
    if given is not None:
        monkeypatch.setenv("PULSE_A_SIZE", given)
    assert seeds("PULSE_A_SIZE", 7, each) == run
    assert told(range(20, 40)) == "seeds 20 to 39"


PLANTED = """
import os, sys

def test_planted():
    first, _, last = os.environ["PULSE_PLANTED"].partition(":")
    sys.stdout.write(f"seeds {first} to {last}, seed {os.environ['PULSE_SEED']}\\n")
    assert "bad" not in os.environ or first == "0"
"""


@pytest.mark.slow
@pytest.mark.parametrize("bad", [False, True])
def test_what_fails_is_told_and_ends_badly(tmp_path, monkeypatch, capsys, bad):
    (tmp_path / "test_planted.py").write_text(PLANTED)
    planted = Trial(str(tmp_path / "test_planted.py"), "PULSE_PLANTED", 10, 5)
    monkeypatch.setitem(GOALS, "G3", (planted,))
    monkeypatch.setenv("PYTEST_ADDOPTS", f"--rootdir={tmp_path} -c {tmp_path / 'none.ini'}")
    (tmp_path / "none.ini").write_text("[pytest]\n")
    if bad:
        monkeypatch.setenv("bad", "1")
    assert trials.main(["G3", "--processes", "2"]) == bad
    out = capsys.readouterr().out
    assert {"seeds 0 to 5, seed 1", "seeds 5 to 10, seed 1"} <= set(told_in(out))
    assert ("PULSE_PLANTED=5:10: FAILED" in out) == bad
    assert f"G3 {'NOT proven' if bad else 'proven'}: seed 1, size PULSE_PLANTED 10" in out
