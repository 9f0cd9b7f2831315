"""A run: trade while processes are killed, let everything settle, prove it, and say so."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from django.db import DatabaseError, InterfaceError, connection

from market.models import FeedRun, Instrument
from pulse.revision import revision
from pulse.supervisor import Child, free_port
from record import audit
from trading.audit import differences as audited
from trading.chaos import oracle, people, truth
from trading.chaos.coins import COIN
from trading.chaos.driver import Driver
from trading.chaos.people import Person
from trading.chaos.stack import MANAGE, Stack
from trading.desk.asking import intent_id_of
from trading.execution.selectors import state_of
from trading.execution.states import Standing
from trading.models import Fill, Order
from trading.orders.machine import FINAL

SYMBOL: Final = "SIM"
START_S: Final = 300.0
SETTLE_S: Final = 240.0
ANSWERED_S: Final = 150.0
AGAIN_S: Final = 15.0
TELL_S: Final = 60.0
POLL_S: Final = 0.2
LATEST: Final = 4.0
"""Times the usual time between kills after which one is due however few fills there were."""
SHOWN: Final = 20
HTTP_FAULTS: Final = tuple(
    {"route": route, "what": what, "chance": chance, "seconds": seconds}
    for route, what, chance, seconds in (
        (r"POST /v2/orders$", "reset_before", 0.02, 0),
        (r"POST /v2/orders$", "reset_after", 0.03, 0),
        (r"POST /v2/orders$", "504_before", 0.02, 0),
        (r"POST /v2/orders$", "504_after", 0.03, 0),
        (r"POST /v2/orders$", "502_after", 0.02, 0),
        (r"POST /v2/orders$", "503", 0.02, 0),
        (r"POST /v2/orders$", "busy", 0.02, 1),
        (r"POST /v2/orders$", "duplicate", 0.01, 0),
        (r"POST /v2/orders$", "truncated", 0.01, 0),
        (r"POST /v2/orders$", "wrong_type", 0.01, 0),
        (r"POST /v2/orders$", "hang_after", 0.005, 11),
        (r"POST /v2/orders$", "delay", 0.05, 1),
        (r"GET /v2/", "reset_before", 0.01, 0),
        (r"GET /v2/", "502", 0.01, 0),
        (r"GET /v2/", "truncated", 0.01, 0),
        (r"GET /v2/orders", "stale", 0.02, 1),
        (r"GET /v2/orders:by", "lost", 0.05, 2),
        (r"DELETE /v2/orders", "504_after", 0.05, 0),
        (r"DELETE /v2/orders", "reset_before", 0.05, 0),
    )
)  # fmt: skip
STREAM_FAULTS: Final = {
    "lost": 0.05, "twice": 0.2, "shuffled": 0.05, "late": 0.3, "cut": 0.003, "half": 0.002,
    "replayed": 0.05,
}  # fmt: skip
NO_STREAM_FAULTS: Final = dict.fromkeys(STREAM_FAULTS, 0.0)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is. It ends with `kills` and `fills`, or after `minutes`."""

    seed: int = 1
    kills: int = 250
    fills: int = 20_000
    minutes: float = 180.0
    paper: int = 12
    live: int = 3
    every_s: float = 1.5
    """Between two orders of a driver."""
    kill_s: float = 12.0
    """Least time between two kills."""
    speed: float = 30.0
    """Of the simulator: market minutes a minute."""
    plant: str = ""


@dataclass(slots=True)
class Report:
    """What a run says at its end."""

    size: Size
    revision: str
    kills: dict[str, int]
    fills: int
    orders: int
    retries: int
    trading_s: float
    settled_s: float
    returns: list[tuple[str, int, float, float, float]]
    not_back: dict[str, int]
    killed_again: dict[str, int]
    refusals: list[tuple[str, int]]
    wrong: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the run was as large as it was to be, and nothing is wrong."""
        return not self.wrong

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self) | {"passed": self.passed}


class Broker:
    """A stand-in's process, spoken to over HTTP alone."""

    def __init__(self, child: Child, port: int) -> None:
        self.child, self.address = child, f"http://127.0.0.1:{port}"
        self.key = self.secret = ""

    def ready(self) -> bool:
        """Return whether it serves; its keys are known then."""
        told = self.child.log.read_text()
        for line in told.splitlines():
            name, _, value = line.partition(": ")
            if name in ("Key", "Secret"):
                setattr(self, name.lower(), value.strip())
        return bool(self.key and self.secret)

    def tell(self, what: str, body: Any = None) -> Any:
        """Have it do something, or say what really happened."""
        answer = httpx.post(f"{self.address}/_sim/{what}", json=body or {}, timeout=60)
        answer.raise_for_status()
        return answer.json()


class Run:
    """One run on a private stack."""

    def __init__(self, size: Size, var: Path, root: Path, say: Callable[[str], None]) -> None:
        self.size, self.say = size, say
        self.root = root
        self.stack = Stack(var, root, free_port(0))
        self.dice = random.Random(f"chaos {size.seed}")
        self.brokers: list[Broker] = []
        self.people: list[Person] = []
        self.drivers: list[Driver] = []
        self.wrong: list[str] = []

    def __call__(self) -> Report:
        """Run to the end and return what there is to say; everything is stopped however it ends."""
        try:
            self._start()
            began = time.monotonic()
            self._trade()
            traded = time.monotonic() - began
            self._settle()
            settled = time.monotonic() - began - traded
            self._prove()
            return self._report(traded, settled)
        finally:
            for one in self.drivers:
                one.ended.set()
            connection.close()
            self.stack.stop()

    # --- start ----------------------------------------------------------------------------------
    def _start(self) -> None:
        size, stack = self.size, self.stack
        stack.start_servers()
        for number in range(size.live):
            port = free_port(0)
            name = f"broker{number}"
            child = stack.add(
                name, *MANAGE, "sandbox", "alpaca", "--port", str(port),
                "--seed", str(size.seed * 100 + number),
            )  # fmt: skip
            self.brokers.append(Broker(child, port))
        self._wait("stand-ins", lambda: all(one.ready() for one in self.brokers))
        for broker in self.brokers:
            broker.tell("account", {"cash": str(people.CASH)})
        Instrument.objects.get_or_create(symbol=COIN, defaults={"kind": "crypto"})
        stack.start_web()
        stack.start_feed(size.speed, size.seed)
        stack.start_workers(steps=size.paper > 0)
        self._wait("feed", lambda: FeedRun.objects.filter(symbol=SYMBOL, rows__gt=1).exists())
        if self.brokers:
            stack.start_coins([one.address for one in self.brokers])
        self._open()
        stack.watch()
        self._wait("accounts", self._all_live)

    def _open(self) -> None:
        """Open the accounts, connect them and have them served."""
        stack, market = self.stack, f"simulator:{SYMBOL}"
        papers = [people.with_paper(number, market) for number in range(self.size.paper)]
        if papers:
            stack.start_execution("execute-paper", [one.account.pk for one in papers])
        for number, broker in enumerate(self.brokers):
            one = people.with_broker(number, broker.address, broker.key, broker.secret)
            self.people.append(one)
            stack.start_execution(
                f"execute-live{number}", [one.account.pk], broker.address, self.size.plant
            )
        self.people += papers
        address = f"http://127.0.0.1:{stack.port}"
        for one in self.people:
            symbol = SYMBOL if one.account.broker == "paper" else COIN
            self.drivers.append(
                Driver(one, address, seed=self.size.seed, every_s=self.size.every_s, symbol=symbol)
            )

    def _all_live(self) -> bool:
        return all(state_of(one.account.pk).state == Standing.LIVE for one in self.people)

    def _wait(self, what: str, answer: Callable[[], bool], seconds: float = START_S) -> None:
        until = time.monotonic() + seconds
        while not answer():
            if time.monotonic() > until:
                raise RuntimeError(f"{what}: not there after {seconds:.0f} s; see {self.logs}")
            self.stack.tend()
            time.sleep(POLL_S)
        self.say(f"{what}: ready")

    @property
    def logs(self) -> Path:
        """Where the logs of all processes are."""
        return self.stack.house.var / "log"

    # --- trade and kill -------------------------------------------------------------------------
    def _trade(self) -> None:
        size = self.size
        for broker in self.brokers:
            broker.tell("faults", {"rules": HTTP_FAULTS})
            broker.tell("stream_faults", STREAM_FAULTS)
        for one in self.drivers:
            one.start()
        began = last = told = time.monotonic()
        wait, fills = self._until_kill(), 0
        while time.monotonic() - began < size.minutes * 60:
            self.stack.tend()
            fills = _count(fills)
            done = sum(self.stack.kills.values())
            if done >= size.kills and fills >= size.fills:
                break
            now = time.monotonic()
            on_pace = fills * size.kills >= done * size.fills
            due = now - last >= wait * (1 if on_pace else LATEST)
            if done < size.kills and due and self.stack.kill(self.dice):
                last, wait = now, self._until_kill()
            if now - told >= TELL_S:
                told = now
                self.say(
                    f"{now - began:.0f} s: {done} kills, {fills} fills, "
                    f"away: {', '.join(self.stack.away) or 'none'}"
                )
            time.sleep(POLL_S)
        for one in self.drivers:
            one.ended.set()

    def _until_kill(self) -> float:
        return self.size.kill_s * self.dice.uniform(0.5, 1.5)

    # --- settle ---------------------------------------------------------------------------------
    def _settle(self) -> None:
        """End the faults, have what is open cancelled, and wait until nothing is in doubt."""
        self.say("settling")
        for broker in self.brokers:
            broker.tell("faults", {"rules": []})
            broker.tell("stream_faults", NO_STREAM_FAULTS)
        until = time.monotonic() + ANSWERED_S
        while time.monotonic() < until and not all(one.join(0) for one in self.drivers):
            self.stack.tend()
            time.sleep(POLL_S)
        until = time.monotonic() + SETTLE_S
        asked = 0.0
        while time.monotonic() < until:
            self.stack.tend()
            left = self._left()
            if left is not None and not left and not self.stack.away and not self._unserved():
                return
            if left and not self.stack.away and time.monotonic() - asked > AGAIN_S:
                asked = time.monotonic()
                self._cancel(left)
            time.sleep(POLL_S)
        self.wrong.append(
            f"not settled after {SETTLE_S:.0f} s: {len(self._left() or [])} orders open, "
            f"away: {', '.join(self.stack.away) or 'none'}, "
            f"not served: {', '.join(map(str, self._unserved())) or 'none'}"
        )

    def _left(self) -> list[tuple[int, int]] | None:
        """Return account and number of each open order; None while the database is away."""
        try:
            rows = Order.objects.exclude(state__in=sorted(FINAL)).order_by("pk")
            return list(rows.values_list("account_id", "pk"))
        except (DatabaseError, InterfaceError):
            connection.close()
            return None

    def _cancel(self, left: Sequence[tuple[int, int]]) -> None:
        by_account = {one.person.account.pk: one for one in self.drivers}
        for account_id, order in left:
            if not by_account[account_id].cancel(order):
                return  # the web does not answer: it is asked again later

    def _unserved(self) -> list[int]:
        """Return the accounts that nobody has brought to a standing yet."""
        stand = (Standing.HALTED, Standing.LIVE, Standing.REDUCING)
        accounts = [one.account.pk for one in self.people]
        return [one for one in accounts if state_of(one).state not in stand]

    # --- prove ----------------------------------------------------------------------------------
    def _prove(self) -> None:
        """Compare everything with what really happened, when nothing moves any more."""
        self.stack.stop_all_but([one.child for one in self.brokers])
        self.say("proving")
        wrong = self.wrong
        for number, person in enumerate(self.people):
            account = person.account
            if account.broker == "paper":
                venue = truth.of_paper(account.pk)
            else:
                venue = truth.of_stand_in(self.brokers[number].tell("truth"))
            found = oracle.differences(venue, truth.books_of(account))
            found += [str(one) for one in audited(account.pk)]
            stand = state_of(account.pk)
            if stand.state == Standing.HALTED:
                found.append(f"it is halted: {stand.reason}")
            wrong += [f"account {account.pk} ({account.name}): {one}" for one in found]
        wrong += [f"audit chain {one}" for one in audit.verify().faults]
        for driver in self.drivers:
            wrong += driver.problems
            wrong += _unkept(driver)
            if not driver.join(0):
                wrong.append(f"the driver of account {driver.person.account.pk} has not ended")
        done, fills = sum(self.stack.kills.values()), Fill.objects.count()
        if done < self.size.kills or fills < self.size.fills:
            wrong.append(
                f"{done} kills and {fills} fills within {self.size.minutes:g} minutes: the run "
                f"was to be of {self.size.kills} and {self.size.fills}"
            )

    def _report(self, traded: float, settled: float) -> Report:
        refused = sum((one.refused for one in self.drivers), Counter[str]())
        told = self.stack.returns
        return Report(
            self.size, revision(self.root), dict(sorted(self.stack.kills.items())),
            Fill.objects.count(), Order.objects.count(), sum(one.retries for one in self.drivers),
            traded, settled, told.rows(), dict(told.never), dict(told.again),
            refused.most_common(8), self.wrong,
        )  # fmt: skip


def _count(before: int) -> int:
    try:
        return Fill.objects.count()
    except (DatabaseError, InterfaceError):
        connection.close()
        return before


def _unkept(driver: Driver) -> list[str]:
    """Return the answers that the database does not know of: an order that was answered is kept."""
    rows = Order.objects.filter(account=driver.person.account).values_list("intent_id", "pk")
    there = dict(rows)
    return [
        f"key {key} was answered with order {order}, and is order {there.get(intent_id_of(key))}"
        for key, order in driver.answered.items()
        if there.get(intent_id_of(key)) != order
    ]


def lines(report: Report) -> list[str]:
    """Return a report as text."""
    size = report.size
    kills = ", ".join(f"{count} {kind}" for kind, count in report.kills.items())
    told = [
        f"seed {size.seed}, revision {report.revision}"
        + (f", planted: {size.plant}" if size.plant else ""),
        f"accounts: {size.live} live at stand-ins with faults, {size.paper} paper",
        f"kills: {sum(report.kills.values())} ({kills})",
        f"fills: {report.fills} of {report.orders} orders in {report.trading_s:.0f} s, "
        f"{report.fills / max(report.trading_s, 1):.2f} a second; "
        f"{report.retries} requests sent again; settled in {report.settled_s:.0f} s",
        "back after a kill, s:      count    p50    p95    max",
    ]
    told += [
        f"  {kind:<24} {count:>5} {p50:>6.1f} {p95:>6.1f} {most:>6.1f}"
        for kind, count, p50, p95, most in report.returns
    ]
    for kind, count in sorted(report.not_back.items()):
        told.append(f"  {kind}: {count} not seen back")
    for kind, count in sorted(report.killed_again.items()):
        told.append(f"  {kind}: {count} killed again before they were back")
    told += [f"refused {count} times: {text}" for text, count in report.refusals]
    told += [f"WRONG: {one}" for one in report.wrong[:SHOWN]]
    if len(report.wrong) > SHOWN:
        told.append(f"WRONG: and {len(report.wrong) - SHOWN} more; all are in the report")
    told.append("PROVEN" if report.passed else f"NOT PROVEN: {len(report.wrong)} differences")
    return told
