"""Which addresses of users may be called: a narrow grammar, and public IP addresses alone.

Imports no Django. Nothing here can be switched off by a setting.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

MOST: Final = 2048
HTTPS: Final = 443
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter, so no way to write an IP address is a name.
_URL: Final = re.compile(
    rf"https://((?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?)(?::443)?"
    r"(/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*)?",
    re.ASCII,
)
# RFC 6761, 6762, 8375 and ICANN's private use: names that mean a network of one's own.
_OWN: Final = ("local", "localhost", "localdomain", "internal", "intranet", "lan", "home", "corp")
_OWN_ENDS: Final = (*(f".{name}" for name in _OWN), ".arpa", ".onion", ".alt", ".test", ".invalid")
# Special ranges that one or the other version of Python calls global, and forms that carry
# another address inside.
_REFUSED: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # shared by the customers of a carrier
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/3",  # multicast and reserved
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)
_GLOBAL_V6: Final = ipaddress.ip_network("2000::/3")
"""All that is allocated to be global: mapped, NAT64, local and multicast forms lie outside."""


class RefusedAddressError(ValueError):
    """An address that is never called; the message says why and what would do."""


class Target(NamedTuple):
    """An address that may be tried: its host and its path with the query."""

    host: str
    path: str


def check_url(text: str) -> Target:
    """Return where an address leads; raise RefusedAddressError unless it is plain https.

    Host names stand in ASCII (international ones as `xn--...`), with port 443 and without a user,
    a fragment or an IP address.
    """
    if len(text) > MOST:
        raise RefusedAddressError(f"an address has at most {MOST} characters")
    if not text.startswith("https://"):
        raise RefusedAddressError("the address must start with https://")
    found = _URL.fullmatch(text)
    if found is None:
        raise RefusedAddressError(
            "give an address such as https://hooks.example.com/path: a host name in small letters, "
            "no IP address, no user, no port but 443, no spaces"
        )
    host, path = found[1], found[2] or "/"
    if len(host) > 253 or host in _OWN or host.endswith(_OWN_ENDS):
        raise RefusedAddressError("the host is not on the public Internet; name one that is")
    return Target(host, path)


def is_public(address: str) -> bool:
    """Return whether an IP address is one that everybody on the Internet can reach."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip.scope_id or ip not in _GLOBAL_V6):
        return False
    return ip.is_global and not any(
        ip.version == network.version and ip in network for network in _REFUSED
    )
