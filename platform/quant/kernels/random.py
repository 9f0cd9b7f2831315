"""Random numbers by counter: the number of a path and a step is a function of seed, path and step.

So a simulation is the same whatever the number of threads and however its paths are cut, and any
part of it can be made again alone. The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw
2011); normals come by Box and Muller, Student's t by Bailey's variant (1994) of it. Written so
that LLVM turns loops over lanes into vector code.
"""

from __future__ import annotations

import math

import numpy as np

from quant.arrays import FloatArray
from quant.kernels.compile import bits_of, float_of, inlined
from quant.kernels.elementary import exp, log_ratio

LANES = 256  # numbers of one call, half of them from the first of each pair
_HALF = LANES // 2
_MASK = np.uint64(0xFFFFFFFF)
_LOW = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_ONE_BITS = np.uint64(0x3FF0000000000000)
_TWELVE = np.uint64(12)


@inlined
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return the four 32-bit words of a counter and a key, each in the low half of 64 bits."""
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _LOW) ^ c1 ^ k0, p1 & _MASK, (p0 >> _LOW) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@inlined
def _unit(high: np.uint64, low: np.uint64) -> float:
    """Return a number in [1, 2) from 52 of 64 bits."""
    bits = ((high << _LOW) | low) >> _TWELVE
    return float_of(np.int64(bits | _ONE_BITS))


@inlined
def _cosine_sine(turn: float) -> tuple[float, float]:
    """Return cos and sin of 2 pi times a number in [0, 1), to a few units in the last place."""
    quarter = turn * 4.0 + 6755399441055744.0
    number = bits_of(quarter) & 3
    r = (turn * 4.0 - (quarter - 6755399441055744.0)) * 1.5707963267948966
    w = r * r
    sine = -2.5052108385441720e-08 + w * 1.6059043836821613e-10
    sine = 2.7557319223985893e-06 + w * sine
    sine = -1.9841269841269841e-04 + w * sine
    sine = 8.3333333333333333e-03 + w * sine
    sine = -1.6666666666666666e-01 + w * sine
    sine = r + r * (w * sine)
    cosine = 2.0876756987868099e-09 + w * -1.1470745597729725e-11
    cosine = -2.7557319223985888e-07 + w * cosine
    cosine = 2.4801587301587302e-05 + w * cosine
    cosine = -1.3888888888888889e-03 + w * cosine
    cosine = 4.1666666666666666e-02 + w * cosine
    cosine = 1.0 + w * (-0.5 + w * cosine)
    swapped = (number & 1) == 1
    c, s = sine if swapped else cosine, cosine if swapped else sine
    c = -c if number == 1 or number == 2 else c  # noqa: PLR1714 - a set is no vector code
    s = -s if number >= 2 else s
    return c, s


@inlined
def normals(
    z: FloatArray, block: int, step: int, stream: int, k0: np.uint64, k1: np.uint64
) -> None:
    """Fill `LANES` standard normal numbers: those of block `block` of paths at a step."""
    first = np.uint64(block * _HALF)
    at, number = np.uint64(step), np.uint64(stream)
    for i in range(_HALF):
        a, b, c, d = philox((first + np.uint64(i)) & _MASK, at, number, np.uint64(0), k0, k1)
        radius = math.sqrt(-2.0 * log_ratio(2.0 - _unit(a, b), 1.0))
        cosine, sine = _cosine_sine(_unit(c, d) - 1.0)
        z[i] = radius * cosine
        z[_HALF + i] = radius * sine


@inlined
def students(
    z: FloatArray, block: int, step: int, stream: int, k0: np.uint64, k1: np.uint64, freedom: float
) -> None:
    """Fill `LANES` numbers of Student's t, scaled to variance 1; `freedom` above 2."""
    first = np.uint64(block * LANES)
    at, number = np.uint64(step), np.uint64(stream)
    power, unit = -2.0 / freedom, math.sqrt(freedom - 2.0)
    for i in range(LANES):
        a, b, c, d = philox((first + np.uint64(i)) & _MASK, at, number, np.uint64(0), k0, k1)
        grown = exp(power * log_ratio(2.0 - _unit(a, b), 1.0)) - 1.0
        cosine, _ = _cosine_sine(_unit(c, d) - 1.0)
        z[i] = unit * math.sqrt(grown) * cosine


@inlined
def choices(
    z: FloatArray, block: int, step: int, stream: int, k0: np.uint64, k1: np.uint64,
    values: FloatArray,
) -> None:  # fmt: skip
    """Fill `LANES` numbers drawn from `values` with replacement; fewer than 2^32 of them."""
    first = np.uint64(block * LANES)
    at, number = np.uint64(step), np.uint64(stream)
    size = np.uint64(values.size)
    for i in range(LANES):
        a, _, _, _ = philox((first + np.uint64(i)) & _MASK, at, number, np.uint64(0), k0, k1)
        z[i] = values[(a * size) >> _LOW]
