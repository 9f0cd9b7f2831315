"""The process in which py_vollib_vectorized runs: one line of JSON asks, one line answers.

It knows nothing of the rest of the project and imports nothing of it.
"""

import json
import os
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")  # what comes with the old versions is no matter of ours

import py_vollib_vectorized as peer  # noqa: E402
from py_vollib_vectorized import _iv_models  # noqa: E402

given: dict[str, np.ndarray] = {}


def greeks() -> dict[str, np.ndarray]:
    """Return the price and its five Greeks by the two public calls."""
    flag, S, K, T, r, q, sigma = (given[name] for name in ("flag", "S", "K", "T", "r", "q", "vol"))
    price = peer.vectorized_black_scholes_merton(flag, S, K, T, r, sigma, q, return_as="numpy")
    rest = peer.get_all_greeks(
        flag, S, K, T, r, sigma, q, model="black_scholes_merton", return_as="dict"
    )
    return {"price": price, **rest}


def vols() -> dict[str, np.ndarray]:
    """Return implied volatilities of undiscounted prices by the compiled loop alone."""
    found = _iv_models.implied_volatility_from_a_transformed_rational_guess(
        given["price"], given["F"], given["K"], given["T"], given["side"]
    )
    return {"iv": np.asarray(found)}


WORK = {"greeks": greeks, "vols": vols}


def main() -> None:
    # Anything that a library prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    last: dict[str, np.ndarray] = {}
    for line in sys.stdin:
        request = json.loads(line)
        told: object = True
        if request["do"] == "load":
            given.update({name: np.load(f"{name}.npy") for name in request["names"]})
        elif request["do"] == "time":
            began = time.perf_counter()
            for _ in range(request["times"]):
                last = WORK[request["work"]]()
            told = time.perf_counter() - began
        elif request["do"] == "answer":
            for name, array in last.items():
                np.save(f"out-{name}.npy", array)
            told = list(last)
        print(json.dumps(told), file=answers)


if __name__ == "__main__":
    main()
