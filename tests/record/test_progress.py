"""Progress in words: honest counts, and an estimate only where there is one."""

from __future__ import annotations

from datetime import datetime

import pytest

from record.progress import Meter, Step


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_rate_and_estimate_of_steady_work(clock):
    meter = Meter(clock)
    first = meter.read(Step("simulate", 2, 4, done=0, total=1000, unit="bars", msg="2023-05"))
    assert (first["rate"], first["eta_s"]) == (None, None)
    assert (first["phase"], first["i"], first["n"], first["unit"]) == ("simulate", 2, 4, "bars")
    assert datetime.fromisoformat(first["updated"]).tzinfo is not None
    clock.now += 4
    early = meter.read(Step("simulate", 2, 4, done=40, total=1000))
    assert (early["rate"], early["eta_s"]) == (10.0, None)  # below 5 % nobody can say
    clock.now += 6
    later = meter.read(Step("simulate", 2, 4, done=100, total=1000))
    low, high = later["eta_s"]
    assert low < 90 < high


def test_range_widens_when_the_pace_changes(clock):
    meter = Meter(clock)
    for _ in range(10):
        meter.read(Step("load", done=clock.now - 100, total=100))
        clock.now += 1
    for _ in range(30):
        done = 9 + (clock.now - 109) / 10
        found = meter.read(Step("load", done=done, total=100))
        clock.now += 1
    low, high = found["eta_s"]
    assert low < (100 - done) / (done / 39) < (100 - done) / 0.1 < high


def test_phases_are_measured_apart_and_a_count_may_start_again(clock):
    meter = Meter(clock)
    meter.read(Step("load", 1, 2, done=0, total=10))
    clock.now += 1
    assert meter.read(Step("load", 1, 2, done=10, total=10))["eta_s"] == [0, 1]
    assert meter.enters(Step("report", 2, 2))
    assert meter.read(Step("report", 2, 2, done=0, total=10))["rate"] is None
    clock.now += 2
    assert meter.read(Step("report", 2, 2, done=4, total=10))["rate"] == 2.0
    assert not meter.enters(Step("report", 2, 2, done=5))
    assert meter.read(Step("report", 2, 2, done=1, total=10))["rate"] is None


def test_work_without_a_total_has_no_estimate(clock):
    meter = Meter(clock)
    meter.read(Step("search", done=0))
    clock.now += 1
    assert meter.read(Step("search", done=7))["eta_s"] is None
