"""Jobs of several threads at the same time: together, each once, nobody left waiting."""

import threading
import time

import pytest

from record.gathering import Gathering


class Job:
    def __init__(self, number: int) -> None:
        self.number, self.done = number, 0


def test_what_comes_meanwhile_is_done_together():
    sizes: list[int] = []

    def run(jobs: list[Job]) -> None:
        sizes.append(len(jobs))
        time.sleep(0.01)
        for job in jobs:
            job.done += 1

    gathering = Gathering(run, most=5)
    jobs = [Job(number) for number in range(200)]

    def work(share: list[Job]) -> None:
        for job in share:
            gathering.do(job)
            assert job.done == 1

    threads = [threading.Thread(target=work, args=(jobs[n::8],)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
        assert not one.is_alive()
    assert [job.done for job in jobs] == [1] * 200
    assert sum(sizes) == 200
    assert max(sizes) == 5
    assert len(sizes) < 100


def test_an_error_is_the_leaders_and_the_queue_goes_on():
    def run(jobs: list[Job]) -> None:
        if any(job.number == 13 for job in jobs):
            raise ValueError("unlucky")
        for job in jobs:
            job.done += 1

    gathering = Gathering(run)
    with pytest.raises(ValueError, match="unlucky"):
        gathering.do(Job(13))
    fine = Job(1)
    gathering.do(fine)
    assert fine.done == 1
