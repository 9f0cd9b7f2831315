"""The compiled kernels: exact to the last digits, equal to the reference, the same bits in any cut.

The reference (`bsm.reference`, plain NumPy) is itself held to 60-digit values elsewhere.
"""

import os
import subprocess
import sys
from pathlib import Path

import mpmath as mp
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant import bsm, fields, memory
from quant.kernels import elementary
from quant.status import Status
from quant.threads import in_chunks
from tests.quant import coefficients

EPS = np.finfo(float).eps


@numba.njit
def _exp(x):
    return elementary.exp(x)


@numba.njit
def _exp_both(x):
    return elementary.exp_both(x)


@numba.njit
def _log_ratio(a, b):
    return elementary.log_ratio(a, b)


@numba.njit
def _mills(x):
    return elementary.mills(x)


@numba.njit
def _mills_pair(a, b):
    return elementary.mills_pair(a, b)


def off(got: float, true: mp.mpf) -> float:
    """Return the relative error in units of the machine's precision."""
    return float(abs(mp.mpf(got) - true) / abs(true)) / EPS if true else float(abs(got))


@pytest.fixture(autouse=True)
def digits():
    with mp.workdps(60):
        yield


def test_the_coefficients_are_those_of_the_derivation():
    source = Path(elementary.__file__).read_text(encoding="utf-8")
    for value in (*coefficients.mills_coefficients(), *coefficients.atanh_coefficients()):
        assert repr(abs(value)) in source.replace("_", "")


def test_exponentials_hold_to_the_last_digits():
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.uniform(-700, 700, 3000), rng.uniform(-1, 1, 3000), [0.0]])
    assert max(off(_exp(x), mp.exp(x)) for x in points) < 1.5
    both = [(x, *_exp_both(x)) for x in np.concatenate([points, 10.0 ** rng.uniform(-300, 0, 500)])]
    assert max(off(grown, mp.exp(x)) for x, grown, _ in both) < 1.5
    assert max(off(less, mp.expm1(x)) for x, _, less in both) < 2.5


def test_logarithms_of_ratios_hold_to_the_last_digits_near_one_and_far():
    rng = np.random.default_rng(2)
    near = [(100.0, 100.0 * (1 + d)) for d in 10.0 ** rng.uniform(-15, -1, 2000)]
    far = [tuple(10.0 ** rng.uniform(-90, 90, 2)) for _ in range(2000)]
    for a, b in [*near, *far]:
        assert off(_log_ratio(a, b), mp.log(mp.mpf(a) / mp.mpf(b))) < 2.0
    assert _log_ratio(7.0, 7.0) == 0.0


def test_mills_ratios_hold_to_the_last_digits():
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.uniform(-0.05, 8, 2000), 10.0 ** rng.uniform(0, 7, 500), [0.0]])
    assert max(off(_mills(x), coefficients.mills(mp.mpf(x))) for x in points) < 4.0


def test_differences_of_mills_ratios_do_not_cancel():
    """Down to a total volatility of 1e-12, where a subtraction would leave four digits."""
    rng = np.random.default_rng(4)
    for _ in range(2000):
        s = 10.0 ** rng.uniform(-12, 0.5)
        a = rng.uniform(-min(0.5 * s, 0.05), 40.0)
        b = a + s
        width = mp.mpf(b) - mp.mpf(a)
        true = (coefficients.mills(mp.mpf(a)) - coefficients.mills(mp.mpf(b))) / width
        ma, mb, drop = _mills_pair(a, b)
        assert off(drop, true) < 16 * (1 + a * a / 100)
        assert off(ma, coefficients.mills(mp.mpf(a))) < 4.0
        assert off(mb, coefficients.mills(mp.mpf(b))) < 4.0


def wide_book(count: int, seed: int = 5):
    """Contracts of every kind that the kernel serves: seconds to decades, wings, odd rates."""
    rng = np.random.default_rng(seed)
    S = 10.0 ** rng.uniform(-2, 5, count)
    T = 10.0 ** rng.uniform(-7.5, 1.5, count)
    sigma = 10.0 ** rng.uniform(-2, 0.7, count)
    r, q = rng.uniform(-0.05, 0.15, (2, count))
    h = rng.uniform(-12, 12, count)
    K = S * np.exp((r - q) * T - np.clip(h * sigma * np.sqrt(T), -20, 20))
    return S, K, T, r, q, sigma, rng.random(count) < 0.5


# What a Greek is measured against where it passes through zero: its size beside the zero.
def scales(S, K, T, r, q, sigma, is_call, truth):
    s = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (r - q) * T) / s + s / 2
    d2 = d1 - s
    gamma, vega = truth.gamma, truth.vega
    return d1, {
        "theta": np.abs(truth.theta) + sigma**2 * S**2 * gamma + np.abs(r) * K + np.abs(q) * S,
        "charm": np.abs(truth.charm)
        + gamma * S * s * (np.abs(r - q) / s + np.abs(d2) / T)
        + np.abs(q * truth.delta),
        "vanna": gamma * S * s / sigma * (1 + np.abs(d2)),
        "vomma": vega / sigma * (1 + np.abs(d1)) * (1 + np.abs(d2)),
        "speed": gamma / S * (1 + np.abs(d1) / s),
        "zomma": gamma / sigma * (1 + np.abs(d1 * d2)),
        "color": gamma * (np.abs(q) + np.abs(d1) * (np.abs(r - q) / s + np.abs(d2) / T) + 1 / T),
        "ultima": vega / sigma**2 * (1 + np.abs(d1)) ** 2 * (1 + np.abs(d2)) ** 2,
    }


def test_the_kernel_equals_the_reference_on_every_kind_of_contract():
    book = wide_book(200_000)
    truth, got = bsm.reference(*book), bsm.greeks(*book)
    assert np.array_equal(truth.status, got.status)
    d1, others = scales(*book, truth)
    _, _, T, r, q, sigma, _ = book
    s = sigma * np.sqrt(T)
    carried = 1 + np.abs(r - q) * T / s  # how much rounding the carry moves d1
    slack = 64 * EPS * (1 + d1**2 + (d1 - s) ** 2) * carried
    for name in fields.FIELDS:
        base = "vomma" if name == "volga" else name
        size = others.get(base, np.abs(truth.values[base])) * (1e-4 if name == "volga" else 1)
        gap = np.abs(got.values[name] - truth.values[name])
        worst = np.argmax(gap / (slack * size + 1e-290))
        assert gap[worst] <= slack[worst] * size[worst] + 1e-290, (name, [x[worst] for x in book])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 700), st.integers(1, 5), st.integers(0, 10_000))
def test_any_number_of_threads_and_any_cut_give_the_same_bits(count, threads, begin):
    book = wide_book(11_000, seed=7)
    whole = bsm.greeks(*book, threads=1)
    part = bsm.greeks(*(column[begin : begin + count] for column in book), threads=threads)
    for name in fields.FIELDS:
        assert part.values[name].tobytes() == whole.values[name][begin : begin + count].tobytes()
    assert np.array_equal(part.status, whole.status[begin : begin + count])


def test_any_memory_layout_gives_the_same_bits():
    S, K, T, r, q, sigma, is_call = wide_book(3 * 500)
    plain = bsm.greeks(S, K, T, r, q, sigma, is_call)

    def odd(column):
        spaced = np.zeros((column.size, 3), dtype=column.dtype)
        spaced[:, 1] = column
        view = spaced[:, 1]
        view.flags.writeable = False
        return view

    strided = bsm.greeks(*map(odd, (S, K, T, r, q, sigma, is_call)))
    backward = bsm.greeks(*(x[::-1] for x in (S, K, T, r, q, sigma, is_call)))
    fortran = bsm.greeks(
        *(np.asfortranarray(x.reshape(3, 500)) for x in (S, K, T, r, q, sigma, is_call))
    )
    for name in fields.FIELDS:
        assert strided.values[name].tobytes() == plain.values[name].tobytes()
        assert backward.values[name][::-1].tobytes() == plain.values[name].tobytes()
        assert fortran.values[name].reshape(-1).tobytes() == plain.values[name].tobytes()
        assert fortran.values[name].shape == (3, 500)


def test_large_results_past_the_caches_have_the_same_bits():
    book = wide_book(140_001)
    large, small = bsm.greeks(*book), bsm.greeks(*(column[:99_000] for column in book))
    for name in fields.FIELDS:
        assert large.values[name][:99_000].tobytes() == small.values[name].tobytes()
        assert np.isfinite(large.values[name]).all()


def test_the_memory_of_an_earlier_result_takes_the_new_one():
    first, second = wide_book(5_000, seed=1), wide_book(5_000, seed=2)
    fresh = bsm.greeks(*second)
    old = bsm.greeks(*first)
    places = {name: value.ctypes.data for name, value in old.values.items()}
    again = bsm.greeks(*second, out=old)
    assert again is old
    assert {name: value.ctypes.data for name, value in old.values.items()} == places
    for name in fields.FIELDS:
        assert again.values[name].tobytes() == fresh.values[name].tobytes()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"names": ["gamma"]}, "holds"),
        ({"S": np.full(7, 100.0)}, "shape"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_an_unfit_place_for_results_is_refused(change, what):
    old = bsm.greeks(100.0, np.full(5, 100.0), 1.0, 0.0, 0.0, 0.2, True)
    call = {"S": 100.0, "K": 100.0 if "S" in change else np.full(5, 100.0), "T": 1.0, "out": old}
    call |= {"r": 0.0, "q": 0.0, "sigma": 0.2, "is_call": True} | change
    with pytest.raises(ValueError, match=what):
        bsm.greeks(**call)


def test_read_only_memory_for_results_is_refused():
    old = bsm.greeks(100.0, np.full(5, 100.0), 1.0, 0.0, 0.0, 0.2, True, names=["price"])
    old.values["price"].flags.writeable = False
    with pytest.raises(ValueError, match="in place"):
        bsm.greeks(100.0, np.full(5, 100.0), 1.0, 0.0, 0.0, 0.2, True, names=["price"], out=old)


def test_results_that_are_held_are_never_overwritten():
    book = wide_book(60_000)
    held = bsm.greeks(*book)
    price = held.price.copy()
    view = held.values["gamma"][10:20]
    gamma = view.copy()
    del held  # the view alone keeps the memory
    for seed in range(3):
        bsm.greeks(*wide_book(60_000, seed=seed))
    assert np.array_equal(view, gamma)
    assert np.array_equal(bsm.greeks(*book).price, price)


def test_large_memory_is_used_again_once_nobody_looks():
    size = 1 << 20
    block = memory.take(size)
    place = block.ctypes.data
    memory.keep(block)
    other = memory.take(size)  # the first is still held here
    assert other.ctypes.data != place
    del block
    assert memory.take(size).ctypes.data == place
    assert place % 64 == 0


@given(st.integers(0, 5000), st.integers(1, 9), st.integers(1, 200))
def test_spans_cover_everything_once(count, threads, tile):
    seen = np.zeros(count, dtype=int)
    starts = []

    def work(span):
        seen[span[0] : span[1]] += 1
        starts.append(int(span[0]))

    in_chunks(work, count, grain=1, tile=tile, threads=threads)
    assert (seen == 1).all()
    assert all(start % tile == 0 for start in starts)


def test_small_batches_do_not_pay_for_threads():
    spans = []
    in_chunks(lambda span: spans.append(tuple(span)), 10_000, grain=1 << 15)
    assert spans == [(0, 10_000)]


def test_an_error_in_a_thread_reaches_the_caller():
    def work(span):
        if span[0] > 0:
            raise RuntimeError("in a thread")

    with pytest.raises(RuntimeError, match="in a thread"):
        in_chunks(work, 100, grain=1, threads=2)


def test_a_process_that_forked_has_threads_of_its_own():
    book = wide_book(100_000)
    bsm.greeks(*book, threads=2)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, bsm.greeks(*book, threads=2).price[:8].tobytes())
        finally:
            os._exit(0)
    os.close(writer)
    assert os.read(reader, 64) == bsm.greeks(*book, threads=2).price[:8].tobytes()
    os.close(reader)
    os.waitpid(child, 0)


def test_importing_the_numerics_brings_in_no_compiler():
    code = (
        "import quant.bsm, quant.implied_vol, quant.exposure, sys; 'numba' in sys.modules and 1/0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_hard_that_trades():
    rng = np.random.default_rng(9)
    n = 50_000
    S, T = 6000.0, rng.choice([1.0, 5.0, 60.0, 390.0, 1440.0, 525_600.0], n) / 525_600
    K = rng.uniform(3000, 9000, n)
    got = bsm.greeks(S, K, T, 0.045, 0.013, rng.uniform(0.05, 1.5, n), rng.random(n) < 0.5)
    assert set(np.unique(got.status)) <= {Status.OK, Status.UNDERFLOW}
