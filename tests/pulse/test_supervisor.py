"""The supervisor: restarts with back-off, clean stops, locks, ports."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from pulse import supervisor
from pulse.supervisor import AlreadyRunningError, Child, Supervisor, free_port, locked, stop_all


def python_child(tmp_path: Path, name: str, source: str) -> Child:
    script = tmp_path / f"{name}.py"
    script.write_text(textwrap.dedent(source))
    return Child(
        name=name, argv=[sys.executable, str(script)], log=tmp_path / f"{name}.log", cwd=tmp_path
    )


def until(answer, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer():
            return True
        time.sleep(0.02)
    return False


def test_a_crashed_child_is_restarted_with_growing_back_off(tmp_path, capsys):
    child = python_child(tmp_path, "crasher", "import sys; print('last words'); sys.exit(3)")
    child.start()
    waits = []
    for _ in range(3):
        assert until(lambda: not child.running())
        child.tend()
        waits.append(child.retry_at - time.monotonic())
        child.retry_at = 1e-9 + 0.0000001  # its time has come
        child.tend()
    assert child.restarts == 3
    assert child.last_exit == 3
    assert waits == sorted(waits)
    assert waits[2] > 3 * waits[0]
    assert "died (exit 3)" in capsys.readouterr().out
    stop_all([child], 1)


def test_stop_reaches_stubborn_children_and_their_helpers(tmp_path):
    child = python_child(
        tmp_path,
        "stubborn",
        """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        open("helper.pid", "w").write(str(helper.pid))
        time.sleep(600)
        """,
    )
    child.start()
    pid_file = tmp_path / "helper.pid"
    assert until(lambda: pid_file.exists() and pid_file.read_text())
    helper = int(pid_file.read_text())
    began = time.monotonic()
    stop_all([child], grace=0.5)
    assert time.monotonic() - began < 5
    assert not child.running()
    gone = until(
        lambda: (
            not psutil.pid_exists(helper) or psutil.Process(helper).status() == psutil.STATUS_ZOMBIE
        )
    )
    assert gone


def test_children_die_with_a_supervisor_that_is_killed(tmp_path):
    parent = tmp_path / "parent.py"
    parent.write_text(
        textwrap.dedent(
            """
            import sys, time
            from pathlib import Path
            from pulse.supervisor import Child
            here = Path(sys.argv[1])
            child = Child("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"],
                          here / "log", here)
            child.start()
            (here / "pid").write_text(str(child.process.pid))
            time.sleep(600)
            """
        )
    )
    root = Path(supervisor.__file__).parents[1]
    running = subprocess.Popen(
        [sys.executable, str(parent), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    pid_file = tmp_path / "pid"
    assert until(lambda: pid_file.exists() and pid_file.read_text())
    pid = int(pid_file.read_text())
    running.send_signal(signal.SIGKILL)
    running.wait()

    def dead() -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        return True

    assert until(dead)


def test_a_second_supervisor_of_the_same_folder_is_refused(tmp_path):
    lock = tmp_path / "up.lock"
    with locked(lock), pytest.raises(AlreadyRunningError), locked(lock):
        pass
    with locked(lock):
        pass  # freed again


def test_a_taken_port_is_avoided():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port


def test_the_state_file_names_every_child_and_ends_with_the_run(tmp_path):
    (tmp_path / "run").mkdir()
    house = Supervisor(tmp_path, tmp_path)
    house.address = "http://localhost:1"
    house.add("sleeper", sys.executable, "-c", "import time; time.sleep(600)")
    house.wait_for(lambda: False, 0.1)
    house._write_state()
    state = supervisor.read_state(tmp_path)
    assert state is not None
    assert state["children"]["sleeper"]["state"] == "running"
    house.stop()
    assert supervisor.read_state(tmp_path) is None


def test_state_of_a_dead_supervisor_is_not_believed(tmp_path):
    (tmp_path / "run").mkdir()
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    )
    (tmp_path / "run" / "supervisor.json").write_text(json.dumps({"pid": int(gone.stdout)}))
    assert supervisor.read_state(tmp_path) is None
