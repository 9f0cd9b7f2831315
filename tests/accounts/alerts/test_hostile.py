"""Hostile addresses never reach a listener: by grammar, by resolution, by redirect, by rebinding.

Canaries listen on loopback, and every connection that the transport opens is seen on its way:
one to an address that is not public, or to a canary, fails the test.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import httpcore
import pytest

from accounts.alerts import outbound
from accounts.alerts.addresses import RefusedAddressError, is_public
from accounts.alerts.kinds import KINDS
from accounts.alerts.kinds.base import FieldError, RefusedError
from accounts.alerts.message import of_test
from accounts.alerts.outbound import Transport, UnreachableError
from sandbox import faults
from sandbox.names import Resolver
from sandbox.network import Network
from sandbox.vendors.discord import Discord
from sandbox.vendors.slack import Slack
from sandbox.vendors.webhook import Webhook
from tests.accounts.alerts.signals import GIVEN

PRIVATE = (
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.254",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "192.0.0.8", "192.0.2.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::",
    "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
    "3fff::1", "5f00::1",
)  # fmt: skip
SPELT = (
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
    "127.0.0.1.", "127.000.000.001", "①②⑦.⓪.⓪.①", "127。0。0。1", "127.0.0.1%2f", "[::1]",
    "[::]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]", "[fe80::1%25eth0]", "localhost",
    "LOCALHOST", "localhost.", "localhost.localdomain", "a.localhost", "metadata.google.internal",
    "redis", "db.local", "router.lan", "1.0.0.127.in-addr.arpa", "hooks.example.com.",
    "hooks..example.com", "-a.example.com", "a_b.example.com", "ⓔxample.com", "exa mple.com",
)  # fmt: skip
SHAPES = (
    "https://{}/", "http://{}/", "https://{}:443/x", "https://{}:8443/", "https://user@{}/",
    "https://hooks.example.com@{}/", "https://{}#@hooks.example.com/", "https://{}\\@a.com/",
    "//{}/", "gopher://{}:6379/_x",
)  # fmt: skip
TRICKS = (
    "file:///etc/passwd", "ftp://hooks.example.com/", "javascript:alert(1)", "dict://a.com:11211/",
    "ldap://a.com/", "https:hooks.example.com", "https:///hooks.example.com", "https://", "",
    "https://hooks.example.com:22/", "https://hooks.example.com:0/",
    "https://hooks.example.com:65536/", "https://hooks.example.com:443@127.0.0.1/",
    "https://hooks.example.com\r\nHost: 127.0.0.1/", "https://hooks.example.com/\r\nX: y",
    "https://hooks.example.com\t/", " https://hooks.example.com.evil/ x",
    "https://hooks.example.com\x00.evil.com/", "https://hooks.example.com/\\..\\", "HTTPS://A.COM/",
    "https://hooks.example.com/#frag", "https://" + "a" * 64 + ".com/",
    "https://" + "a." * 130 + "com/", "https://hooks.example.com/" + "a" * 2048,
    "https://%31%32%37.0.0.1/", "https://[hooks.example.com]/", "https://hooks.example.com:/",
)  # fmt: skip
HOSTILE = sorted(
    {shape.format(host if ":" not in host or host[0] == "[" else f"[{host}]")
     for host in (*PRIVATE, *SPELT) for shape in SHAPES} | set(TRICKS)
)  # fmt: skip


class Canary:
    """A listener that nobody may reach."""

    def __init__(self, family: socket.AddressFamily, address: str) -> None:
        self.heard = 0
        self._socket = socket.socket(family)
        self._socket.bind((address, 0))
        self._socket.listen()
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                self._socket.accept()[0].close()
                self.heard += 1

    def close(self) -> None:
        self._socket.close()


class Watch:
    """Sees every connection; those to canaries' addresses are really made, to their ports."""

    def __init__(self, canaries: list[Canary]) -> None:
        self.canaries = canaries
        self.dialled: list[str] = []

    def dial(self, address: str, port: int, timeout: float) -> httpcore.NetworkStream:
        self.dialled.append(address)
        if is_public(address):
            raise httpcore.ConnectError("no network in tests")
        return httpcore.SyncBackend().connect_tcp(address, self.canaries[0].port, timeout=0.2)

    def assert_quiet(self) -> None:
        assert [address for address in self.dialled if not is_public(address)] == []
        assert [canary.heard for canary in self.canaries] == [0] * len(self.canaries)


@pytest.fixture
def watch() -> Iterator[Watch]:
    canaries = [Canary(socket.AF_INET, "127.0.0.1")]
    with suppress(OSError):
        canaries.append(Canary(socket.AF_INET6, "::1"))
    yield Watch(canaries)
    for canary in canaries:
        canary.close()


def honest(host: str) -> list[str]:
    """What a careless resolver would make of a host: addresses stay, names lead to loopback."""
    return [host.strip("[]") if host.strip("[]") in PRIVATE else "127.0.0.1"]


def test_there_are_enough_of_them():
    assert len(HOSTILE) >= 300


def test_no_hostile_address_is_called(watch):
    transport = Transport(resolve=honest, dial=watch.dial)
    for url in HOSTILE:
        with pytest.raises(RefusedAddressError):
            transport.post(url, json={})
    watch.assert_quiet()
    assert watch.dialled == []


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("webhook", lambda url: {"url": url}),
        ("discord", lambda url: {"url": url}),
        ("slack", lambda url: {"url": url}),
        ("push", lambda url: {"endpoint": url, "p256dh": "x", "auth": "y"}),
        ("telegram", lambda url: {"token": url, "chat": "1"}),
        ("telegram", lambda url: {"token": GIVEN["telegram"]["token"], "chat": url}),
    ],
)
def test_no_form_takes_a_hostile_address(kind, given):
    for url in HOSTILE:
        if kind == "webhook" and url.strip() != url:
            continue  # the form takes the spaces away, and what is left is looked at
        with pytest.raises(FieldError):
            KINDS[kind].clean(given(url))


@pytest.mark.parametrize("kind", ["discord", "slack"])
def test_vendors_have_their_own_hosts_alone(kind):
    good = GIVEN[kind]["url"]
    host = good.split("/")[2]
    KINDS[kind].clean({"url": good})
    for other in (f"{host}.evil.com", f"evil.com/{host}", f"evil-{host}", f"{host}:8443",
                  f"{host}@evil.com", f"x.{host}", host.upper() + "."):  # fmt: skip
        with pytest.raises(FieldError):
            KINDS[kind].clean({"url": good.replace(host, other)})
    for path in (good + "/../..", good + "?x=1", good + "#x", good + "/", good[:-30]):
        with pytest.raises(FieldError):
            KINDS[kind].clean({"url": path})


@pytest.mark.parametrize("kind", ["webhook", "discord", "slack", "telegram"])
def test_no_kind_follows_its_name_to_a_private_address(kind, watch):
    """The vendor's own name, whose DNS somebody has turned."""
    config = KINDS[kind].clean(GIVEN[kind])
    for address in PRIVATE:
        for found in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
            transport = Transport(resolve=lambda _, found=found: found, dial=watch.dial)
            with pytest.raises(RefusedAddressError):
                KINDS[kind].send(config, of_test("k", "n"), transport)
    watch.assert_quiet()
    assert watch.dialled == []


@pytest.mark.parametrize(
    ("kind", "vendor"), [("webhook", Webhook), ("discord", Discord), ("slack", Slack)]
)
def test_no_redirect_leads_to_a_private_address(kind, vendor, watch):
    config = KINDS[kind].clean(GIVEN[kind])
    with Network((vendor,)) as network:

        def dial(address: str, port: int, timeout: float) -> httpcore.NetworkStream:
            if address.startswith("93.184.216."):
                return network.dial(address, port, timeout)
            return watch.dial(address, port, timeout)

        transport = Transport(resolve=network.resolve, dial=dial, trusted=network.trusted)
        stand_in = network.stand_ins[vendor]
        urls = [f"https://{f'[{a}]' if ':' in a else a}/" for a in PRIVATE]
        for number, url in enumerate(urls):
            stand_in.faults.append(faults.moved(url, (301, 302, 303, 307, 308)[number % 5]))
            with pytest.raises(RefusedError, match="redirects are not followed"):
                KINDS[kind].send(config, of_test("k", "n"), transport)
        assert len(stand_in.received) == len(network.dialled) == len(urls)
    watch.assert_quiet()


def test_a_name_that_changes_after_the_check_is_not_looked_up_again(watch):
    """DNS rebinding, with a real resolver on UDP: public when first asked, private ever after."""
    calls = 80

    def answers(host: str, before: int) -> list[str]:
        return ["93.184.216.34"] if before % 2 == 0 else [PRIVATE[before % len(PRIVATE)]]

    resolver = Resolver(answers)
    try:
        transport = Transport(resolve=resolver.look_up, dial=watch.dial)
        for number in range(calls):
            with pytest.raises((UnreachableError, RefusedAddressError)):
                transport.post(f"https://r{number % 40}.example.com/", json={})
    finally:
        resolver.close()
    asked = [resolver.asked[f"r{number}.example.com", 1] for number in range(40)]
    assert asked == [2] * 40  # once a call, never between the check and the connection
    watch.assert_quiet()
    assert watch.dialled == ["93.184.216.34"] * 40


def test_the_environment_names_no_proxy(watch, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{watch.canaries[0].port}")
    transport = Transport(resolve=lambda _: ["93.184.216.34"], dial=watch.dial)
    with pytest.raises(UnreachableError):
        transport.post("https://hooks.example.com/", json={})
    watch.assert_quiet()


def test_a_certificate_of_another_name_is_refused():
    with Network((Webhook,)) as network:
        transport = Transport(
            resolve=lambda _: network.resolve("hooks.example.com"),
            dial=network.dial,
            trusted=network.trusted,
        )
        with pytest.raises(UnreachableError):
            transport.post("https://other.example.com/", json={})
        assert network.stand_ins[Webhook].received == []


def test_the_host_keeps_its_name_at_the_checked_address():
    with Network((Webhook,)) as network:
        transport = Transport(resolve=network.resolve, dial=network.dial, trusted=network.trusted)
        assert transport.post("https://alerts.example.net/x", json={}).status == 204
        (request,) = network.stand_ins[Webhook].received
        assert request.headers["host"] == "alerts.example.net"


def test_the_next_checked_address_is_tried_when_one_does_not_answer():
    with Network((Webhook,)) as network:
        known = network.resolve("hooks.example.com")
        transport = Transport(
            resolve=lambda _: ["93.184.216.200", *known],
            dial=network.dial,
            trusted=network.trusted,
        )
        assert transport.post("https://hooks.example.com/", json={}).status == 204
        assert network.dialled == [("93.184.216.200", 443), (known[0], 443)]


def test_a_resolver_that_hangs_is_not_waited_for():
    gate = threading.Event()

    def hang(host: str) -> list[str]:
        gate.wait(10)
        return []

    transport = Transport(resolve=hang, within_s=0.2)
    with pytest.raises(UnreachableError, match="no answer in time"):
        transport.post("https://hooks.example.com/", json={})
    gate.set()


def test_no_setting_opens_the_way():
    """The guard reads no setting: what it allows stands in its own code alone."""
    from pathlib import Path

    for module in ("addresses", "outbound"):
        text = (Path(outbound.__file__).parent / f"{module}.py").read_text()
        assert "settings" not in text.replace("No setting", "").replace("by a setting", "")
        assert "environ" not in text.replace("of the environment", "")
