"""The bucket against a plain one, in this process and in Redis; and what stands in for Redis."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.keys import rates
from accounts.keys.bucket import MOST_BUCKETS, LocalBuckets, take
from accounts.plans import PLANS
from pulse.embedded import Redis
from record.hints import client

START = 1_800_000_000_000_000
numbers = st.fixed_dictionaries({"interval": st.integers(1, 10**6), "burst": st.integers(1, 50)})
calls = st.lists(st.tuples(st.integers(0, 3 * 10**6), st.integers(1, 50)), max_size=40)


class Plain:
    """A bucket as one draws it: a count that grows with time up to the burst."""

    def __init__(self, interval: int, burst: int) -> None:
        self.interval, self.burst = interval, burst
        self.held, self.at = Fraction(burst), 0

    def take(self, now: int, cost: int) -> tuple[bool, int]:
        grown = self.held + Fraction(now - self.at, self.interval)
        self.held, self.at = min(Fraction(self.burst), grown), now
        allowed = self.held >= cost
        if allowed:
            self.held -= cost
        return allowed, int(self.held)


@given(numbers, calls)
def test_the_bucket_is_a_plain_one(sizes, steps):
    plain, full, now = Plain(**sizes), 0, START
    plain.at = START
    for gap, cost in steps:
        now += gap
        asked = min(cost, sizes["burst"])
        full, taken = take(full, now, cost=asked, **sizes)
        assert (taken.allowed, taken.remaining) == plain.take(now, asked)
        missing = sizes["burst"] - plain.held
        assert taken.full_in == missing * sizes["interval"]
        if not taken.allowed:
            _, after = take(full, now + taken.wait, cost=asked, **sizes)
            assert after.allowed
            assert (
                taken.wait == 1 or not take(full, now + taken.wait - 1, cost=asked, **sizes)[1][0]
            )


@given(
    st.fixed_dictionaries({"interval": st.integers(10**6, 10**8), "burst": st.integers(1, 50)}),
    st.lists(st.tuples(st.integers(0, 3 * 10**8), st.integers(1, 50)), max_size=15),
)
@hypothesis_settings(max_examples=60)
def test_redis_counts_as_the_process_does(sizes, steps):
    name, full, now = f"rate:test:{uuid.uuid4().hex}", 0, START
    for gap, cost in steps:
        now += gap
        asked = min(cost, sizes["burst"])
        full, taken = take(full, now, cost=asked, **sizes)
        assert rates.in_redis(name, cost=asked, now=now, **sizes) == taken
        client().persist(name)  # the test's time is not that of Redis
    client().delete(name)


def test_the_clock_of_redis_refills_the_bucket():
    name = f"rate:test:{uuid.uuid4().hex}"
    sizes = {"interval": 60_000_000, "burst": 3, "cost": 1}
    told = [rates.in_redis(name, **sizes) for _ in range(4)]
    assert [one.allowed for one in told] == [True, True, True, False]
    assert [one.remaining for one in told] == [2, 1, 0, 0]
    assert 50_000_000 < told[3].wait <= 60_000_000
    assert 0 < client().pttl(name) <= 180_000


@pytest.mark.parametrize("where", ["redis", "process"])
def test_twelve_threads_do_not_exceed_the_burst(where, settings):
    policy = rates.Policy("x", "X", 1, 40)
    local = LocalBuckets()

    def ask(_: int) -> bool:
        if where == "redis":
            return rates.take("user:1", policy).allowed
        return local.take("user:1", interval=policy.interval, burst=40, cost=1).allowed

    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(ask, range(240)))
    assert sum(told) == 40


def test_threads_that_come_and_go_all_ask_redis_over_few_connections():
    policy = rates.Policy("x", "X", 1, 400)
    told: list[rates.Verdict] = []

    def ask() -> None:
        told.append(rates.take("user:5", policy))

    for _ in range(150):  # a request's thread ends with it
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert told[-1].taken.remaining == 400 - 150
    assert not rates.breaker.open
    assert len(rates._idle) <= rates.MOST_IDLE


def test_a_clock_that_is_set_back_costs_one_burst_at_most():
    full, _ = take(0, START, interval=1000, burst=5, cost=5)
    _, taken = take(full, START - 10**12, interval=1000, burst=5, cost=1)
    assert not taken.allowed
    assert taken.wait == 1000


def test_a_call_that_costs_more_than_the_burst_takes_all_of_it():
    policy = rates.Policy("x", "X", 60, 5)
    assert rates.take("user:2", policy, 99).taken.remaining == 0


def test_the_process_forgets_the_bucket_that_was_asked_for_longest_ago():
    local = LocalBuckets(clock=lambda: START)
    for number in range(MOST_BUCKETS + 1):
        local.take(str(number), interval=10**6, burst=1, cost=1)
    assert local.take("0", interval=10**6, burst=1, cost=1).allowed
    assert not local.take(str(MOST_BUCKETS), interval=10**6, burst=1, cost=1).allowed


def test_without_redis_each_process_counts_and_with_it_they_share_again(settings, tmp_path):
    before = settings.REDIS_URL
    settings.REDIS_URL = f"unix://{Redis(tmp_path).socket}"
    policy = rates.policy_of("free")
    try:
        told = [rates.take("key:7", policy) for _ in range(policy.burst + 5)]
    finally:
        rates.breaker.reset()
    assert [one.allowed for one in told] == [True] * policy.burst + [False] * 5
    assert told[-1].headers()["Retry-After"] == "1"
    settings.REDIS_URL = before
    assert rates.take("key:7", policy).taken.remaining == policy.burst - 1
    assert not rates.breaker.open


@pytest.mark.parametrize("plan", [*PLANS, None])
def test_the_headers_say_the_plans_numbers(plan):
    policy = rates.policy_of(plan)
    limits = PLANS[plan or "free"].limits
    told = rates.take("user:3", policy).headers()
    window = limits.api_burst * 60 // limits.api_calls_a_minute
    name = plan or "visitor"
    assert told["RateLimit-Policy"] == f'"{name}";q={limits.api_burst};w={window}'
    assert told["RateLimit"] == f'"{name}";r={limits.api_burst - 1};t=1'
