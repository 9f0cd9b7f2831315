"""Secrets never reach a log line."""

import pytest

from pulse.logging import MASK, mask


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        ("key pk_live_abcd1234efgh in use", "1234efgh"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("postgres://user:hunter2@db/pulse", "hunter2"),
    ],
)
def test_credentials_in_text_are_masked(given, hidden):
    assert hidden not in mask(given)
    assert MASK in mask(given)


def test_named_secrets_are_masked_at_any_depth():
    event = {"outer": [{"Api-Key": "s3cret", "fine": 1}], "password": "x"}
    assert mask(event) == {"outer": [{"Api-Key": MASK, "fine": 1}], "password": MASK}
