"""The grammar of addresses and the test of public IP addresses, held against the registries."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.alerts.addresses import RefusedAddressError, check_url, is_public

# Special-purpose registries of IANA (RFC 6890 and updates), IPv4 and IPv6.
SPECIAL = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "::/128", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64",
    "2001::/32", "2001:10::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
    "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "::/96",
)  # fmt: skip
NETWORKS = [ipaddress.ip_network(text) for text in SPECIAL]


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_no_special_range_is_public(network):
    for at in (0, network.num_addresses // 2, network.num_addresses - 1):
        assert not is_public(str(network[at]))


@given(st.ip_addresses(v=4))
def test_no_private_address_is_public_inside_another(ip):
    for form in (f"::ffff:{ip}", f"64:ff9b::{ip}", f"::{ip}", f"2002:{int(ip) >> 16:x}::1"):
        assert not is_public(form)
    special = any(ip in network for network in NETWORKS if network.version == 4)
    assert is_public(str(ip)) != special


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.216.34", "8.8.8.8", "2606:4700::1111"])
def test_ordinary_addresses_are_public(text):
    assert is_public(text)


@pytest.mark.parametrize("text", ["", "localhost", "1.1.1", "fe80::1%eth0", "2606:4700::1%1"])
def test_what_is_no_address_is_not_public(text):
    assert not is_public(text)


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://hooks.example.com", "hooks.example.com", "/"),
        ("https://hooks.example.com:443/a?b=c&d=%20", "hooks.example.com", "/a?b=c&d=%20"),
        ("https://xn--bcher-kva.example.com/x", "xn--bcher-kva.example.com", "/x"),
    ],
)
def test_plain_addresses_are_taken(url, host, path):
    assert check_url(url) == (host, path)


@given(st.text(max_size=60))
def test_whatever_is_taken_is_a_name_on_https(text):
    for url in (text, f"https://{text}", f"https://hooks.example.com{text}"):
        try:
            target = check_url(url)
        except RefusedAddressError:
            continue
        assert target.host.isascii()
        assert target.host.rpartition(".")[2][0].isalpha()
        assert "@" not in url.partition("://")[2].partition("/")[0]
        assert not set(url) & set(" \t\r\n\\#\0")
