"""A feed that is killed as `kill -9` does, and one that goes on after it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from market.feed import control, service
from market.models import FeedRun, FrameRow
from tests.market.feed.recorded import MINUTES, rows_of

ROOT = Path(__file__).resolve().parents[3]
PLAY = """
import sys
sys.path[:0] = [{root!r}, {platform!r}]
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {database!r}
django.setup()
from market.feed import service
service.play({run}, lambda: False)
"""


def process(run: FeedRun) -> subprocess.Popen[bytes]:
    code = PLAY.format(
        root=str(ROOT),
        platform=str(ROOT / "platform"),
        database=connection.settings_dict["NAME"],
        run=run.pk,
    )
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT)


@pytest.mark.django_db(transaction=True)
def test_a_killed_feed_goes_on_without_a_hole_or_a_double(day):
    whole = control.request_replay(symbol="TEST", date=day, speed=0.0, claimed=True)
    assert service.play(whole.pk, lambda: False) == FeedRun.State.FINISHED
    run = control.request_replay(symbol="TEST", date=day, speed=400.0, claimed=True)
    for rows in (3, 7):
        child = process(run)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if FrameRow.objects.filter(run=run, kind="intraday").count() >= rows:
                break
            time.sleep(0.01)
        child.kill()
        child.wait()
        done = FrameRow.objects.filter(run=run, kind="intraday").count()
        assert rows <= done < MINUTES
    control.command_run(run.pk, speed=0.0)
    assert service.play(run.pk, lambda: False) == FeedRun.State.FINISHED
    assert rows_of(run) == rows_of(whole)
