"""The container files: what `docker compose config` says, where the client has it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

COMPOSE = Path(__file__).resolve().parents[2] / "docker" / "compose.yaml"
NEEDED = {
    "SECRET_KEY": "x",
    "PULSE_KEYRING": "a:b",
    "PULSE_KEY_PEPPERS": "a:b",
    "ALLOWED_HOSTS": "pulse.test",
    "EMAIL_URL": "smtp://mail:25",
    "POSTGRES_PASSWORD": "x",
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **NEEDED}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def test_compose_accepts_the_file():
    docker = shutil.which("docker")
    if docker is None or run(docker, "compose", "version").returncode:
        pytest.skip("the docker client with its compose plugin is not on this machine")
    done = run(docker, "compose", "-f", str(COMPOSE), "config", "--quiet")
    assert done.returncode == 0, done.stderr


def test_every_queue_has_a_worker_and_every_secret_must_be_given():
    from pulse.celery import app

    text = COMPOSE.read_text()
    commands = [item.get("command", []) for item in yaml.safe_load(text)["services"].values()]
    workers = [command for command in commands if "-Q" in command]
    served = {name for words in workers for name in words[words.index("-Q") + 1].split(",")}
    assert served == {queue.name for queue in app.conf.task_queues}
    for name in NEEDED:
        assert f"${{{name}:?" in text


def test_the_containers_get_every_other_setting_from_the_file():
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    for name, service in services.items():
        if name not in ("db", "redis"):
            assert service["env_file"] == [{"path": ".env", "required": False}], name


def test_every_command_is_one_of_ours():
    from django.core.management import get_commands, load_command_class

    for service in yaml.safe_load(COMPOSE.read_text())["services"].values():
        words = service.get("command", [])
        if words[:2] == ["python", "manage.py"]:
            command = load_command_class(get_commands()[words[2]], words[2])
            command.create_parser("manage.py", words[2]).parse_args(words[3:])
