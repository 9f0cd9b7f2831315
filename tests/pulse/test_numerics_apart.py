"""Heavy numerics stay out of the web process, and are warm where requests are answered."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from quant import warm

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numba", "llvmlite", "QuantLib", "arch", "statsmodels", "torch", "alpaca")
WEB = f"""
import os, sys
sys.path[:0] = [{str(ROOT / "platform")!r}, {str(ROOT)!r}]
os.environ["PULSE_MODE"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "pulse.settings"
import pulse.asgi
from django.urls import get_resolver
get_resolver().url_patterns
import pulse.api.urls, market.api, market.views, pulse.pages
from pulse.api.docs import document
document()
print(",".join(name for name in {HEAVY!r} if name in sys.modules))
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_web_process_loads_no_compiler_no_model_library_and_no_broker():
    assert run(WEB) == ""


def test_every_kernel_is_compiled_or_loaded_at_once():
    assert {"greeks", "implied", "sabr", "svi", "sweep", "revalue"} <= set(warm.compile_kernels())
    warm.warm_up()


def test_stale_kernels_are_forgotten(tmp_path, monkeypatch):
    from quant.kernels import compile as compiling

    own, other = tmp_path / "kernels-own", tmp_path / "kernels-other"
    for folder in (own, other):
        folder.mkdir()
    monkeypatch.setattr(compiling, "cache_folder", lambda: own)
    assert warm.forget_stale() == 1
    assert own.exists()
    assert not other.exists()


def test_only_the_worker_that_answers_requests_is_warmed(monkeypatch):
    from pulse import celery

    warmed: list[bool] = []
    monkeypatch.setattr(warm, "warm_up", lambda: warmed.append(True))
    for queues, expected in (({"bulk": None}, 0), ({"live": None}, 1)):
        sender = type("Worker", (), {"app": type("App", (), {})})
        sender.app.amqp = type("Amqp", (), {"queues": type("Q", (), {"consume_from": queues})})
        celery._load_numerics(sender)
        assert len(warmed) == expected


def test_a_step_runs_through_while_children_are_tended_and_a_stop_ends_it(tmp_path, capsys):
    from pulse.supervisor import StepFailedError, Supervisor

    house = Supervisor(tmp_path, ROOT)
    house.run_through("fine", sys.executable, "-c", "print('x')", seconds=30)
    assert (tmp_path / "log" / "fine.log").read_text() == "x\n"
    assert "done in" in capsys.readouterr().out
    with pytest.raises(StepFailedError, match=r"broken failed after .*\nthe reason"):
        house.run_through(
            "broken", sys.executable, "-c", "print('the reason'); raise SystemExit(3)", seconds=30
        )
    house.request_stop()
    began = time.monotonic()
    house.run_through("long", sys.executable, "-c", "import time; time.sleep(60)", seconds=60)
    assert time.monotonic() - began < 5
    assert house.stopping
