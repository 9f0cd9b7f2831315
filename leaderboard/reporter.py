"""Reports a bot's trades to Pulse. One file that needs nothing but Python 3.11: copy it.

    reporter = BotReporter({"strategy": "gamma scalp"}, "https://pulse.example", KEY, name="otter")
    reporter.register()
    reporter.report_trade_async(
        action="BUY_CALL", symbol="SPY261218C00500000", quantity=2, price="4.95"
    )

`report_trade_async` never waits for the network and never raises: it appends the trade to a file
and a thread sends it. What is in the file outlives outages, restarts and `kill -9` of the bot
(not a loss of power: nothing is synced to the disk). The server stores each `client_trade_id`
once, so what is sent twice counts once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import hashlib
import http.client
import json
import logging
import os
import random
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

try:
    import fcntl
except ImportError:  # not a Unix: the folder is not guarded against a second process
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("pulse.reporter")

MOST_BYTES: Final = 50 * 1024 * 1024
"""Trades waiting on the disk at most; a further one is not taken, counted and logged."""
SEGMENT_BYTES: Final = 1024 * 1024
BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 512 * 1024
MOST_ANSWER: Final = 8 * 1024 * 1024
FIRST_WAIT_S: Final = 0.5
MOST_WAIT_S: Final = 60.0
MOST_ASKED_S: Final = 3600.0
_TOO_MUCH: Final = (400, 413, 422)
_SLEEP: Final = 30.0


class ReportError(Exception):
    """Pulse did not take what was sent; `status` is its answer, 0 when there was none."""

    def __init__(self, message: str, status: int = 0, body: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body if isinstance(body, dict) else {}


class _WaitError(Exception):
    """To be tried again, after `seconds` when the server named them."""

    def __init__(self, why: str, seconds: float | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds


class BotReporter:
    """Reports for one bot. Safe to call from several threads of one process.

    Parameters
    ----------
    config : mapping
        The bot's configuration; a change opens a new entry with an empty record.
    url, key : str
        Address of Pulse and an API key with the scope `report`.
    name : str
        Of the bot; default `config["name"]`.
    owner : str
        The public name under which you appear.
    market : str
        `real` or `simulated`.
    spool : path
        Folder of what waits, one for each bot; default `~/.pulse/NAME`.
    heartbeat_every : float or None
        Seconds between signs of life, None for those that `heartbeat` asks for alone.
    timeout_s : float
        For one request.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        url: str,
        key: str,
        *,
        name: str | None = None,
        owner: str = "",
        market: str = "real",
        spool: str | Path | None = None,
        heartbeat_every: float | None = 60.0,
        timeout_s: float = 10.0,
    ) -> None:
        self.config, self.owner, self.market = dict(config), owner, market
        self.name = str(name or self.config.get("name") or "bot")
        self.refused = 0
        self.lost = 0
        self._api = _Api(url, key, timeout_s)
        folder = re.sub(r"[^A-Za-z0-9._-]+", "-", self.name)
        self._spool = _Spool(Path(spool) if spool else Path.home() / ".pulse" / folder)
        self._every = heartbeat_every
        self._status = ""
        self._beat_at = 0.0
        self._beat_asked = heartbeat_every is not None
        self._batch = BATCH_ROWS
        self._bot: int | None = None
        self._registering = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._empty = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="pulse-reporter", daemon=True)
        self._thread.start()

    def register(self) -> int:
        """Make the bot known, with its present configuration, and return its id.

        Raises ReportError. Without a call, the thread that sends does it by itself.
        """
        with self._registering:
            if self._bot is None:
                self._bot = self._registered()
            return self._bot

    def report_trade(self, **trade: Any) -> dict[str, Any]:
        """Send a trade now and return the server's answer; ReportError when it is not taken.

        After an error without an answer, the same trade with the same `client_trade_id` may be
        sent again.
        """
        body = _filled(trade)
        return self._api.call("POST", f"/api/v1/bots/{self.register()}/trade", body)

    def report_trade_async(self, **trade: Any) -> str | None:
        """Leave a trade to the thread that sends; return its id, or None when it is not taken.

        Takes microseconds and never raises. What the server refuses later is logged, and kept in
        `refused.jsonl` of the folder.
        """
        try:
            body = _filled(trade)
            line = json.dumps(body, default=str, separators=(",", ":")).encode() + b"\n"
            if self._spool.append(line):
                self._wake.set()
                return str(body["client_trade_id"])
            why = "the queue on the disk is full"
        except Exception as error:  # noqa: BLE001 - the bot's loop goes on whatever happens here
            why = str(error)
        self.lost += 1
        with contextlib.suppress(Exception):
            log.error("a trade was not taken: %s", why)
        return None

    def heartbeat(self, status: str = "") -> None:
        """Let the thread that sends give a sign of life. Takes microseconds, never raises."""
        with contextlib.suppress(Exception):
            self._status = str(status)[:80]
        self._beat_asked = True
        self._wake.set()

    def waiting(self) -> int:
        """Return the bytes that are still to be sent."""
        return self._spool.waiting()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything is sent and return whether it is."""
        self._wake.set()
        with self._empty:
            return self._empty.wait_for(lambda: not self._spool.waiting(), timeout_s)

    def close(self, timeout_s: float = 10.0) -> bool:
        """Send what waits, then stop; what is left is sent by the next start."""
        done = self.flush(timeout_s)
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout_s)
        self._spool.close()
        return done

    def _work(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._wake.clear()
            try:
                sent = self._send()
                self._beat()
                failures = 0
                if not sent:
                    self._wake.wait(self._until_beat())
            except _WaitError as error:
                failures += 1
                wait = _backoff(failures) if error.seconds is None else error.seconds
                log.warning("%s; trying again in %.1f s", error, wait)
                self._stop.wait(wait)
            except Exception:
                failures += 1
                log.exception("the reporter stumbled; trying again")
                self._stop.wait(_backoff(failures))

    def _send(self) -> bool:
        """Send one batch; return whether there was one."""
        rows, place = self._spool.read(self._batch, BATCH_BYTES)
        if rows:
            path = f"/api/v1/bots/{self._known()}/trades"
            try:
                answer = self._call("POST", path, {"trades": rows})
            except ReportError as error:
                if error.status == 404:  # a server that was made anew does not know the bot
                    self._bot = None
                    self._spool.keep_bot({})
                    raise _WaitError(f"bot {path.split('/')[4]} is gone: {error}") from error
                if error.status not in _TOO_MUCH:
                    raise _WaitError(str(error), MOST_WAIT_S) from error
                if len(rows) > 1:  # one row makes the whole unreadable: look for it
                    self._batch = len(rows) // 2
                    return True
                self._refuse(rows[0], str(error))
                answer = {}
            for result in answer.get("results", []):
                if result.get("status") in ("refused", "conflict"):
                    says = "; ".join(str(one.get("detail")) for one in result.get("errors", []))
                    self._refuse(rows[int(result["index"])], says)
            self._batch = BATCH_ROWS
        self._spool.done(place)
        if not self._spool.waiting():
            with self._empty:
                self._empty.notify_all()
        return bool(rows)

    def _refuse(self, row: Any, why: str) -> None:
        self.refused += 1
        log.error("trade %s was refused: %s", row.get("client_trade_id"), why)
        self._spool.keep_refused({"why": why, "trade": row})

    def _beat(self) -> None:
        if not self._beat_asked and (self._every is None or self._until_beat() > 0):
            return
        body: dict[str, Any] = {"status": self._status}
        if self._every is not None:
            body["every_s"] = max(5, round(self._every))
        with contextlib.suppress(ReportError):  # said again the next time
            self._call("POST", f"/api/v1/bots/{self._known()}/heartbeat", body)
        self._beat_asked, self._beat_at = False, time.monotonic()

    def _until_beat(self) -> float:
        if self._every is None:
            return _SLEEP
        return max(0.0, self._beat_at + self._every - time.monotonic())

    def _known(self) -> int:
        try:
            return self.register()
        except ReportError as error:
            passing = error.status in (0, 408, 429) or error.status >= 500
            wait = error.body.get("retry_after") if passing else MOST_WAIT_S
            raise _WaitError(f"not registered: {error}", wait) from error

    def _call(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """Call; what may pass by itself is a _WaitError, what does not a ReportError."""
        try:
            return self._api.call(method, path, body)
        except ReportError as error:
            passing = error.status in (0, 408, 429) or not 400 <= error.status < 500
            if passing:
                raise _WaitError(str(error), error.body.get("retry_after")) from error
            raise

    def _registered(self) -> int:
        mark = {"api": self._api.mark, "name": self.name, "config": self.config}
        text = json.dumps(mark, sort_keys=True, default=str)
        known = self._spool.bot()
        if known.get("mark") == text:
            return int(known["id"])
        body = {"name": self.name, "config": self.config, "market": self.market}
        if self.owner:
            body["owner"] = self.owner
        try:
            found = int(self._api.call("POST", "/api/v1/bots/register", body)["id"])
        except ReportError as error:
            if error.status != 409 or "bot" not in error.body:
                raise
            found = int(error.body["bot"])
            self._api.call("PUT", f"/api/v1/bots/{found}/config", {"config": self.config})
        self._spool.keep_bot({"id": found, "mark": text})
        return found


def _filled(trade: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trade with an id and the time, so that it says the same however late it is sent."""
    now = dt.datetime.now(dt.UTC).isoformat()
    return {"client_trade_id": uuid.uuid4().hex, "executed_at": now, **trade}


def _backoff(failures: int) -> float:
    most = min(MOST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - 1, 10))
    return most * random.uniform(0.5, 1.0)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keeps the key from being sent to another address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Api:
    """Calls of the REST interface."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url!r} is not an address such as https://pulse.example")
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("the key has a character that no key has")
        self.url, self._key, self._timeout = url.rstrip("/"), key, timeout_s
        # What is known of a bot holds for one key at one place; a rotated key keeps its beginning.
        whose = f"{self.url} {key.rpartition('_')[0] or key}"
        self.mark = hashlib.sha256(whose.encode()).hexdigest()
        self._opener = urllib.request.build_opener(_NoRedirect)

    def call(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """Return the answer; ReportError when it is none of success."""
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            self.url + path,
            data=json.dumps(body, default=str).encode(),
            method=method,
            headers={"X-API-Key": self._key, "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as answer:
                return _json(answer.read(MOST_ANSWER))
        except urllib.error.HTTPError as error:
            with error:
                told = _told(error)
            detail = told.get("detail") or f"Pulse answered {error.code}"
            raise ReportError(str(detail), error.code, told) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ReportError(f"Pulse did not answer: {error}") from None


def _json(text: bytes) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("the answer is no object")
    return found


def _told(error: urllib.error.HTTPError) -> dict[str, Any]:
    """Return the problem that came with an error, with the seconds that it asks to wait."""
    try:
        found = _json(error.read(MOST_ANSWER))
    except (OSError, http.client.HTTPException, ValueError):
        found = {}
    found.pop("retry_after", None)
    asked = _retry_after(error.headers.get("Retry-After"))
    return found if asked is None else found | {"retry_after": asked}


def _retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which may be a date."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        seconds = at.timestamp() - time.time()
    return min(max(seconds, 0.0), MOST_ASKED_S) if seconds == seconds else None  # noqa: PLR0124


class _Spool:
    """A queue of lines in files of about a megabyte, read from the oldest on.

    `append` takes the lock for one write alone. What is read stays until `done`; a crash in
    between sends it again.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._guard = threading.Lock()
        self._lock = (folder / "lock").open("w")
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._lock.close()
                message = f"{folder} is in use by another process; give each bot its own folder"
                raise ValueError(message) from None
        sizes = {int(path.stem): path.stat().st_size for path in folder.glob("[0-9]*.jsonl")}
        self._first, self._offset = self._place(sizes)
        # A crash can leave half a line at the end of a file, so writing begins a new one.
        self._last = max(sizes, default=self._first) + 1
        self._sizes = {number: size for number, size in sizes.items() if number >= self._first}
        for number in sizes.keys() - self._sizes.keys():
            self._path(number).unlink(missing_ok=True)
        self._file = -1
        self._open()

    def append(self, line: bytes) -> bool:
        """Add a line; return whether there was room."""
        with self._guard:
            if sum(self._sizes.values()) + len(line) > MOST_BYTES:
                return False
            if self._sizes[self._last] >= SEGMENT_BYTES:
                self._last += 1
                os.close(self._file)
                self._open()
            written = os.write(self._file, line)
            if written != len(line):  # the disk is full: what was written is taken back
                os.ftruncate(self._file, self._sizes[self._last])
                return False
            self._sizes[self._last] += written
        return True

    def read(self, rows: int, most: int) -> tuple[list[Any], tuple[int, int]]:
        """Return the oldest rows and the place behind them."""
        with self._guard:
            number, offset, last = self._first, self._offset, self._last
            end = self._sizes.get(number, 0)
        while offset >= end and number < last:
            with self._guard:
                number, offset = number + 1, 0
                end = self._sizes.get(number, 0)
        if offset >= end:
            return [], (number, offset)
        with self._path(number).open("rb") as file:
            file.seek(offset)
            text = file.read(end - offset)
        found: list[Any] = []
        for line in text.splitlines(keepends=True):
            if len(found) == rows or (found and most < 0):
                break
            offset += len(line)
            most -= len(line)
            with contextlib.suppress(ValueError):  # half a line, left by a crash
                row = json.loads(line)
                if isinstance(row, dict):
                    found.append(row)
        return found, (number, offset)

    def done(self, place: tuple[int, int]) -> None:
        """Forget what lies before a place that `read` gave."""
        with self._guard:
            if place == (self._first, self._offset):
                return
            gone = [number for number in self._sizes if number < place[0]]
            self._first, self._offset = place
            for number in gone:
                del self._sizes[number]
        self._write("position", f"{place[0]} {place[1]}")
        for number in gone:
            self._path(number).unlink(missing_ok=True)

    def waiting(self) -> int:
        """Return the bytes that are not done."""
        with self._guard:
            return sum(self._sizes.values()) - self._offset

    def bot(self) -> dict[str, Any]:
        """Return what was noted of the registration."""
        try:
            return _json((self.folder / "bot.json").read_bytes())
        except (OSError, ValueError):
            return {}

    def keep_bot(self, known: Mapping[str, Any]) -> None:
        """Note the registration."""
        self._write("bot.json", json.dumps(known))

    def keep_refused(self, row: Mapping[str, Any]) -> None:
        """Keep a row that the server refused, up to a megabyte of them."""
        path = self.folder / "refused.jsonl"
        with contextlib.suppress(OSError):
            if not path.exists() or path.stat().st_size < SEGMENT_BYTES:
                with path.open("a") as file:
                    file.write(json.dumps(row, default=str) + "\n")

    def close(self) -> None:
        """Let go of the files."""
        with self._guard:
            os.close(self._file)
            self._file = -1
        self._lock.close()

    def _place(self, sizes: Mapping[int, int]) -> tuple[int, int]:
        first = min(sizes, default=1)
        try:
            number, offset = map(int, (self.folder / "position").read_text().split())
        except (OSError, ValueError):
            return first, 0
        if number not in sizes:
            return (first, 0) if first > number else (number, 0)
        return number, min(offset, sizes[number])

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._file = os.open(self._path(self._last), flags, 0o600)
        self._sizes[self._last] = os.fstat(self._file).st_size

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012d}.jsonl"

    def _write(self, name: str, text: str) -> None:
        """Replace a small file whole."""
        fresh = self.folder / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(self.folder / name)
