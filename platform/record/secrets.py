"""Secrets at rest: AES-256-GCM in an envelope, under a keyring that lives outside the database.

Each secret has a data key of its own, and the newest key of the keyring wraps that data key.
Changing keys rewraps data keys; the secrets themselves are neither read nor written anew.
A token reads `p1.<key id>.<wrapped data key>.<sealed text>`.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

VERSION: Final = "p1"
_NONCE: Final = 12
_MIN_KEY: Final = 32
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")


class SecretError(Exception):
    """A secret cannot be opened: other key, other owner, or changed bytes."""


class KeyringError(ValueError):
    """The keyring in the settings cannot be used; the message never shows a key."""


class Keyring:
    """Named keys, newest first: the first one seals, all of them open."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self._keys = keys
        self.newest = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read `id:base64key[,id2:base64key2]`; keys have at least 32 bytes."""
        return cls(named_keys(text, setting="PULSE_KEYRING", purpose="pulse.secrets.p1"))

    def key(self, name: str) -> AESGCM:
        """Return the cipher of the key `name`; raise SecretError when it is not here."""
        try:
            return AESGCM(self._keys[name])
        except KeyError:
            raise SecretError(f"the key {name} is not in the keyring") from None


def named_keys(text: str, *, setting: str, purpose: str) -> dict[str, bytes]:
    """Read `id:base64key[,id2:base64key2]` of a setting, newest first, as keys of one purpose.

    Raises
    ------
    KeyringError
        When there is none, an id is odd or stands twice, or a key has fewer than 32 bytes.
    """
    keys: dict[str, bytes] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, encoded = entry.partition(":")
        if not _KEY_ID.fullmatch(name):
            raise KeyringError("a key's id has 1 to 32 letters, digits, _ or -")
        if name in keys:
            raise KeyringError(f"the key id {name} stands twice")
        keys[name] = _derive(name, encoded, purpose)
    if not keys:
        raise KeyringError(f"there is no key; set {setting} to id:base64key")
    return keys


def _derive(name: str, encoded: str, purpose: str) -> bytes:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise KeyringError(f"the key {name} is not base64") from None
    if len(raw) < _MIN_KEY:
        raise KeyringError(f"the key {name} has fewer than {_MIN_KEY} bytes")
    return HKDF(SHA256(), length=32, salt=None, info=purpose.encode()).derive(raw)


@lru_cache(maxsize=8)
def _parse(text: str) -> Keyring:
    return Keyring.parse(text)


def keyring() -> Keyring:
    """Return the keyring of the settings."""
    return _parse(settings.KEYRING)


def encrypt(text: str | bytes, *, aad: str) -> str:
    """Return `text` sealed for the owner that `aad` names, as a token."""
    ring = keyring()
    data_key = AESGCM.generate_key(256)
    plain = text.encode() if isinstance(text, str) else text
    sealed = _seal(AESGCM(data_key), plain, _data_aad(aad))
    return ".".join((VERSION, ring.newest, _wrap(ring, data_key), _b64(sealed)))


def decrypt(token: str, *, aad: str) -> str:
    """Return the text of a token; raise SecretError unless it was sealed under this very `aad`."""
    return decrypt_bytes(token, aad=aad).decode()


def decrypt_bytes(token: str, *, aad: str) -> bytes:
    """Return the bytes of a token; raise SecretError unless it was sealed under this `aad`."""
    name, wrapped, sealed = _split(token)
    data_key = _open(keyring().key(name), wrapped, _wrap_aad(name))
    return _open(AESGCM(data_key), sealed, _data_aad(aad))


def rewrap(token: str) -> str:
    """Return the token under the newest key; the same token when it is under it already."""
    name, wrapped, sealed = _split(token)
    ring = keyring()
    if name == ring.newest:
        return token
    data_key = _open(ring.key(name), wrapped, _wrap_aad(name))
    return ".".join((VERSION, ring.newest, _wrap(ring, data_key), _b64(sealed)))


def key_id(token: str) -> str:
    """Return the id of the key under which a token lies."""
    return _split(token)[0]


def _wrap(ring: Keyring, data_key: bytes) -> str:
    return _b64(_seal(ring.key(ring.newest), data_key, _wrap_aad(ring.newest)))


def _seal(cipher: AESGCM, plain: bytes, aad: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, plain, aad)


def _open(cipher: AESGCM, sealed: bytes, aad: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], aad)
    except (InvalidTag, ValueError):
        raise SecretError("the secret was changed, or belongs to somebody else") from None


def _split(token: str) -> tuple[str, bytes, bytes]:
    try:
        version, name, wrapped, sealed = token.split(".")
        if version != VERSION:
            raise ValueError(version)
        return name, _unb64(wrapped), _unb64(sealed)
    except ValueError:
        raise SecretError("this is no sealed secret") from None


def _wrap_aad(name: str) -> bytes:
    return f"{VERSION}|key|{name}".encode()


def _data_aad(aad: str) -> bytes:
    return f"{VERSION}|data|{aad}".encode()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _b64(raw) != text:
        raise ValueError("not the one way to write it")
    return raw
