"""How keys read, and what is taken for their fields."""

from __future__ import annotations

import math
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.keys import rules
from accounts.keys.rules import FieldError


def test_a_key_has_256_random_bits_and_reads_as_promised():
    texts = {rules.new_text("live", rules.new_prefix()) for _ in range(200)}
    assert len(texts) == 200
    for text in texts:
        kind, prefix, secret = text.removeprefix("pk_").split("_")
        assert (kind, len(prefix), len(secret)) == ("live", 12, 43)
        assert set(prefix + secret) <= set(rules.ALPHABET)
        assert rules.prefix_of(text, "live") == prefix
        assert rules.prefix_of(text, "test") is None
    assert len(set(rules.ALPHABET)) == 62
    assert rules.SECRET * math.log2(62) >= 256


@given(st.text(max_size=90))
def test_other_text_is_no_key(text):
    assert rules.prefix_of(text, "live") is None


@given(st.integers(0, 63), st.characters(exclude_characters=rules.ALPHABET))
def test_a_key_with_one_other_character_is_none(place, letter):
    text = rules.new_text("test", "a" * 12)
    changed = text[:place] + letter + text[place + 1 :]
    assert rules.prefix_of(changed, "test") is None or changed == text


@given(st.ip_addresses(), st.integers(0, 32))
def test_an_address_is_within_its_own_network_and_no_neighbour(address, bits):
    network = ip_network((address, bits), strict=False)
    (text,) = rules.clean_networks([str(network)])
    assert rules.within(rules.address_of(str(address)), [text]) == (
        rules.address_of(str(address)) in network
    )
    outside = int(network.broadcast_address) + 1
    if outside < 2**network.max_prefixlen:
        assert not rules.within(type(address)(outside), [text])


def test_an_ipv4_address_in_ipv6_clothes_is_ipv4():
    assert rules.address_of("::ffff:203.0.113.7") == ip_address("203.0.113.7")
    assert rules.within(rules.address_of("::ffff:203.0.113.7"), ["203.0.113.0/24"])
    assert not rules.within(None, ["0.0.0.0/0"])
    assert rules.address_of("nobody") is None


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("10.0.0.1/8", "use 10.0.0.0/8"),
        ("10.0.0.256", "write 203.0.113.0/24, say"),
        ("example.com", "is no network"),
        ("::/200", "is no network"),
        ("x" * 500, "x" * 60 + " is no network"),
    ],
)
def test_what_is_no_network_is_named_with_the_remedy(word, says):
    with pytest.raises(FieldError, match=says) as caught:
        rules.clean_networks([word])
    assert caught.value.name == "networks"


def test_networks_are_kept_once_and_in_one_form():
    given_ = ["203.0.113.7", "203.0.113.7/32", "2001:DB8::/32"]
    assert rules.clean_networks(given_) == ["203.0.113.7/32", "2001:db8::/32"]
    with pytest.raises(FieldError, match="at most 20"):
        rules.clean_networks(f"10.0.{n}.0/24" for n in range(21))


def test_scopes_stand_in_their_order_and_must_be_known():
    assert rules.clean_scopes(["trade", "read", "read"]) == ["read", "trade"]
    for wrong in ([], ["admin"], ["read", "admin"]):
        with pytest.raises(FieldError, match="at least one"):
            rules.clean_scopes(wrong)


def test_a_name_is_not_a_key():
    assert rules.clean_name("  my   bot ") == "my bot"
    for wrong in ("", "x" * 61, rules.new_text("live", "a" * 12)):
        with pytest.raises(FieldError):
            rules.clean_name(wrong)


@pytest.mark.parametrize("seconds", [-1, rules.LONGEST_OVERLAP_S + 1])
def test_an_overlap_has_its_bounds(seconds):
    with pytest.raises(FieldError, match="7 days"):
        rules.clean_overlap(seconds)
