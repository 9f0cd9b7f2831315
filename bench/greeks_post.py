"""`POST /api/v1/greeks` of 10,000 contracts, end to end: from the request's first byte to the
answer's last, through the web process, Redis and the numerics worker of the whole platform.

Columns and rows, all 14 fields, and the five that most people ask for. The time of the numerics
alone, in this process on one thread, stands beside it.

    python bench/greeks_post.py [--reps 40]
"""

from __future__ import annotations

import argparse
import http.cookiejar
import os
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.support import timing
from bench.support.house import served
from quant import bsm

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse.settings")

CONTRACTS = 10_000
GOAL_MS = 150.0
FIVE = ["price", "delta", "gamma", "vega", "theta"]


class Caller:
    """A signed-in session that times its posts."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        login = f"{address}/accounts/login/"
        self._opener.open(login).read()
        from accounts.demo import DEMO_PASSWORD

        form = {"login": "pro@pulse.example", "password": DEMO_PASSWORD, **self._token()}
        body = urllib.parse.urlencode(form).encode()
        self._opener.open(urllib.request.Request(login, body, {"Referer": login})).read()

    def _token(self) -> dict[str, str]:
        found = next(cookie for cookie in self._jar if "csrf" in cookie.name)
        return {"csrfmiddlewaretoken": str(found.value)}

    def post(self, body: bytes) -> tuple[float, bytes]:
        """Return seconds and the answer."""
        request = urllib.request.Request(
            f"{self._address}/api/v1/greeks",
            body,
            {
                "Content-Type": "application/json",
                "X-CSRFToken": self._token()["csrfmiddlewaretoken"],
                "Referer": self._address,
            },
        )
        began = time.perf_counter()
        answer = self._opener.open(request).read()
        return time.perf_counter() - began, answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=40)
    reps = parser.parse_args().reps
    rng = np.random.default_rng(0)
    spot, rate = 100.0, 0.03
    strikes = np.round(spot * np.exp(0.2 * rng.normal(size=CONTRACTS)), 2)
    years, iv = rng.uniform(0.003, 2.0, CONTRACTS), rng.uniform(0.1, 0.8, CONTRACTS)
    calls = rng.random(CONTRACTS) < 0.5
    columns = {
        "strike": strikes.tolist(),
        "years": years.tolist(),
        "iv": iv.tolist(),
        "right": np.where(calls, "call", "put").tolist(),
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    defaults = {"spot": spot, "rate": rate}
    asked = {
        "columns, 14 fields": {"contracts": columns, "defaults": defaults},
        "columns, 5 fields": {"contracts": columns, "defaults": defaults, "names": FIVE},
        "rows, 14 fields": {"contracts": rows, "defaults": defaults},
        "rows, 5 fields": {"contracts": rows, "defaults": defaults, "names": FIVE},
    }
    bodies = {name: orjson.dumps(body) for name, body in asked.items()}
    alone = []
    for _ in range(reps):
        began = time.perf_counter()
        greeks = bsm.greeks(spot, strikes, years, rate, 0.0, iv, calls)
        alone.append(time.perf_counter() - began)
    timing.header()
    with served("--no-feed", ready="numerics") as address:
        caller = Caller(address)
        _, answer = caller.post(bodies["columns, 14 fields"])
        delta = np.array(orjson.loads(answer)["contracts"]["delta"])
        timing.differs("delta, from the answer", float(np.abs(delta - greeks.delta).max()))
        times: dict[str, list[float]] = {name: [] for name in bodies}
        for _ in range(reps):
            for name, body in bodies.items():
                times[name].append(caller.post(body)[0])
    for name, found in times.items():
        median, high = np.quantile(found, [0.5, 0.95]) * 1e3
        timing.row(
            f"POST of {CONTRACTS:,} contracts, {name}",
            f"median {median:.0f} ms, 95% {high:.0f} ms",
            f"{1e3 * np.median(alone):.2g} ms of numerics",
            "",
            f"less than {GOAL_MS:.0f} ms",
            bool(median < GOAL_MS),
        )


if __name__ == "__main__":
    main()
