"""Loads what numerics need before the first question comes: compiled kernels, QuantLib, SciPy.

The first time on a machine it compiles, which takes most of a minute; afterwards it loads in a
second. `python -m quant.warm` compiles and removes what was compiled from other sources.
"""

from __future__ import annotations

import importlib
import pkgutil
import shutil

import numpy as np

from quant import american, bsm, kernels, surface
from quant.chain import Chain
from quant.exposure import hypotheses
from quant.smile import contract_vols

_MINUTES = 10_080
_STALE = "kernels-*"


def compile_kernels() -> list[str]:
    """Compile or load every kernel; return their modules' names."""
    names = [found.name for found in pkgutil.iter_modules(kernels.__path__)]
    for name in names:
        importlib.import_module(f"{kernels.__name__}.{name}")
    return names


def forget_stale() -> int:
    """Remove kernels compiled from other sources or versions; return how many sets they were."""
    from quant.kernels.compile import cache_folder

    own = cache_folder()
    stale = [folder for folder in own.parent.glob(_STALE) if folder != own]
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)
    return len(stale)


def warm_up() -> None:
    """Run every kind of request once on a small chain, so that the first one waits for nothing."""
    compile_kernels()
    chain = _chain()
    hypotheses(chain, contract_vols(chain))
    surface.fit(chain)
    american.price(100.0, 100.0, 0.5, 0.03, 0.01, 0.2, False)


def _chain() -> Chain:
    """Return one expiry with exact quotes."""
    strikes = np.repeat(np.arange(90.0, 111.0, 2.0), 2)
    is_call = np.tile([True, False], strikes.size // 2)
    price = bsm.price(100.0, strikes, _MINUTES / 525_600, 0.03, 0.0, 0.25, is_call)
    ones = np.ones(strikes.size)
    return Chain(
        time=0, spot=100.0, strikes=strikes,
        expiries=np.full(strikes.size, _MINUTES * 60 * 10**9, dtype=np.int64), is_call=is_call,
        bids=price * 0.99, asks=price * 1.01, bid_sizes=ones, ask_sizes=ones,
        open_interest=ones, volume=ones, multiplier=100.0 * ones, r=0.03, q=0.0,
    )  # fmt: skip


if __name__ == "__main__":
    compile_kernels()
    forget_stale()
