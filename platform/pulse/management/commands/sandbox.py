"""`manage.py sandbox alerts`, `stripe`, `alpaca`, `tradier`: what vendors do, tried out offline.

`alerts` sends an invented alert to a stand-in of each vendor. Nothing leaves this process: the
vendors stand on loopback and are reached by a transport that is made here, for the platform's own
never goes to such addresses. The others serve a stand-in until they are stopped.
"""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.alerts import message, outbound
from accounts.alerts.addresses import RefusedAddressError
from accounts.alerts.kinds import KINDS
from accounts.alerts.kinds.base import RefusedError, RetryError
from sandbox import faults
from sandbox.alpaca.server import Alpaca
from sandbox.network import Network
from sandbox.server import StandIn
from sandbox.stripe.deliveries import Faults
from sandbox.stripe.server import Stripe
from sandbox.tradier.server import Tradier
from sandbox.vendors.discord import Discord
from sandbox.vendors.push import Push
from sandbox.vendors.slack import Slack
from sandbox.vendors.telegram import Telegram
from sandbox.vendors.webhook import Webhook

VENDORS: dict[str, type[StandIn]] = {
    "discord": Discord,
    "slack": Slack,
    "telegram": Telegram,
    "webhook": Webhook,
    "push": Push,
}
BROKERS: dict[str, type[Alpaca | Tradier]] = {"alpaca": Alpaca, "tradier": Tradier}
FAULTS = {
    "none": None,
    "busy": faults.busy(30),
    "broken": faults.broken(),
    "redirect": faults.moved("https://169.254.169.254/latest/meta-data/"),
    "slow": faults.slow(),
    "cut": faults.cut(),
}
GIVEN = {
    "discord": {"url": f"https://discord.com/api/webhooks/{'1' * 18}/{'s' * 68}"},
    "slack": {"url": f"https://hooks.slack.com/services/T00000001/B00000001/{'s' * 24}"},
    "telegram": {"token": f"123456789:{'s' * 35}", "chat": "1"},
    "webhook": {"url": "https://hooks.example.com/pulse"},
}
SIGNAL: dict[str, Any] = {
    "id": 1,
    "tool": {"id": 7, "slug": "practice", "name": "Practice signal", "tier": "free"},
    "symbol": "SPY",
    "source": "simulator",
    "simulated": True,
    "time": "2026-11-20T15:00:00.000Z",
    "score": 0.71,
    "threshold": 0.5,
    "side": 1,
    "volatility": 0,
    "price": 513.4,
    "reasons": [{"text": "this signal is invented"}],
    "outcome": None,
    "greeks": [{"label": "Dealer gamma", "unit": "$ per 1 %", "value": -1.9e9}],
    "prices": {
        "time": [f"2026-11-20T14:{minute:02d}:00.000Z" for minute in range(60)],
        "close": [513.0 + 0.1 * (minute % 7) for minute in range(60)],
    },
}


class Command(BaseCommand):
    help = "Try out offline what goes to alert vendors, or serve a stand-in for a vendor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["alerts", "stripe", *BROKERS])
        parser.add_argument("--fault", choices=sorted(FAULTS), default="none")
        parser.add_argument("--port", type=int, help="of the stand-in")
        parser.add_argument(
            "--pulse", default="http://127.0.0.1:8000", help="where Pulse takes its webhooks"
        )
        parser.add_argument("--lost", type=float, default=0.0, help="share of webhooks lost")
        parser.add_argument("--twice", type=float, default=0.0, help="share sent twice")
        parser.add_argument("--late", type=float, default=0.0, help="most seconds of delay")
        parser.add_argument("--seed", type=int, default=1, help="of prices, fills and ids")
        parser.add_argument("--hours", action="store_true", help="keep the market's hours")

    def handle(self, *_: Any, **options: Any) -> None:
        what = {"stripe": self._serve_stripe} | dict.fromkeys(BROKERS, self._serve_broker)
        what.get(options["what"], self._try_alerts)(options)

    def _serve_stripe(self, options: dict[str, Any]) -> None:
        stand_in = Stripe(port=options["port"] or 12111)
        stand_in.sender.target = options["pulse"].rstrip("/") + "/stripe/webhook/"
        stand_in.sender.faults = Faults(options["lost"], options["twice"], options["late"])
        self.stdout.write("Start Pulse with these, then run `manage.py stripe_sync`:")
        self.stdout.write(f"STRIPE_API_BASE={stand_in.address}")
        self.stdout.write(f"STRIPE_SECRET_KEY={stand_in.key}")
        self.stdout.write(f"STRIPE_WEBHOOK_SECRET={stand_in.webhook_secret}")
        self.stdout.write(f"Its bench, with the clock: {stand_in.address}/")
        self._wait(stand_in)

    def _serve_broker(self, options: dict[str, Any]) -> None:
        name = options["what"]
        stand_in = BROKERS[name](
            12112 if options["port"] is None else options["port"],
            seed=options["seed"],
            always=not options["hours"],
        )
        self.stdout.write(f"Start Pulse with this, then connect a paper account of {name} with")
        self.stdout.write("these keys; its prices are made up:")
        self.stdout.write(f"{name.upper()}_PAPER_BASE={stand_in.address}")
        self.stdout.write(f"Key: {stand_in.key}")
        self.stdout.write(f"Secret: {stand_in.secret}")
        self.stdout.write(f"What really happened: {stand_in.address}/_sim/truth")
        if name == "alpaca":
            self.stdout.write("Its market data, for `manage.py record SPY`:")
            self.stdout.write(f"ALPACA_DATA_BASE={stand_in.address}")
            self.stdout.write(f"ALPACA_DATA_STREAM={stand_in.address.replace('http', 'ws', 1)}")
            self.stdout.write(f"ALPACA_DATA_KEY={stand_in.key}")
            self.stdout.write(f"ALPACA_DATA_SECRET={stand_in.secret}")
        self._wait(stand_in)

    def _wait(self, stand_in: StandIn) -> None:
        """Serve until the process is told to stop."""
        self.stdout.flush()
        stopped = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stopped.set())
        stopped.wait()
        stand_in.close()

    def _try_alerts(self, options: dict[str, Any]) -> None:
        told = message.of_signal("practice", SIGNAL)
        with Network(tuple(VENDORS.values())) as network:
            transport = outbound.Transport(
                resolve=network.resolve, dial=network.dial, trusted=network.trusted
            )
            for name, vendor in VENDORS.items():
                stand_in = network.stand_ins[vendor]
                fault = FAULTS[options["fault"]]
                if fault is not None:
                    stand_in.faults.append(fault)
                self.stdout.write(f"{name}: {self._send(name, stand_in, told, transport)}")
                self._show(stand_in)

    def _send(
        self, name: str, stand_in: StandIn, told: message.Message, transport: outbound.Transport
    ) -> str:
        given = stand_in.subscription() if isinstance(stand_in, Push) else GIVEN[name]
        kind = KINDS[name]
        try:
            return "delivered, " + kind.send(kind.clean(given), told, transport)
        except RetryError as error:
            wait = "" if error.wait is None else f" in {error.wait:g} s"
            return f"would be tried again{wait}: {error}"
        except outbound.UnreachableError as error:
            return f"would be tried again: {error}"
        except (RefusedError, RefusedAddressError) as error:
            return f"refused: {error}"

    def _show(self, stand_in: StandIn) -> None:
        for request in stand_in.received:
            kind = request.headers.get("content-type", "")
            self.stdout.write(f"  POST {request.headers['host']}, {kind[:40]}")
            self.stdout.write(f"  {len(request.body):,} bytes, in {len(request.headers)} headers")
