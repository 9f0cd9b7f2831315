"""Random numbers that depend on what they are for, never on the order in which they are drawn.

Each stream is a Philox counter whose key is (seed, purpose and path) and whose counter starts at
(session, minute). Any number of workers, and any chunk size, therefore meets the same numbers.
"""

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from quant.arrays import FloatArray

UintArray = npt.NDArray[np.uint64]

MAX_SEED = 2**64 - 1
MAX_PATH = 2**48 - 1

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


class Purpose(IntEnum):
    """What a stream is for; the numbers are part of every recorded result."""

    HISTORY = 1
    SESSION = 2
    SCENARIO = 3
    DAY = 4
    QUOTES = 5
    BASKET = 6
    ZERO_DTE_INTEREST = 7
    TERM_INTEREST = 8
    COMPANIONS = 9
    CRYPTO = 10
    PROXIES = 11
    QUOTE_ERROR = 12


def stream(
    seed: int, purpose: Purpose, *, path: int, session: int = 0, minute: int = 0
) -> np.random.Generator:
    """Return the generator at the beginning of one stream."""
    key = np.array([seed, (int(purpose) << 48) | path], dtype=np.uint64)
    counter = np.array([0, 0, minute, session], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def hashed_uniform(seed: int, purpose: Purpose, *parts: npt.NDArray[Any] | int) -> FloatArray:
    """Return uniform numbers in [0, 1) that are a function of integer parts, broadcast together.

    For values that belong to a contract, such as its popularity: whatever set of contracts is
    asked for, each gets its own number.
    """
    state = np.atleast_1d(np.array((seed ^ (int(purpose) << 48)) & MAX_SEED, dtype=np.uint64))
    for part in parts:
        given: UintArray = np.atleast_1d(np.asarray(part)).astype(np.int64).astype(np.uint64)
        state = _mix(state + _GOLDEN + given * _MIX_1)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(state: UintArray) -> UintArray:
    """Scramble 64 bits (the finalizer of SplitMix64)."""
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))
