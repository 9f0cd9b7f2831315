"""The platform's key for push services: made once, kept encrypted in the database."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from accounts.alerts.models import PushKey
from accounts.alerts.webpush import public_text


def private_key() -> ec.EllipticCurvePrivateKey:
    """Return the key, made when there is none; of two that make it at once, one is kept."""
    row = PushKey.objects.first()
    if row is None:
        made = ec.generate_private_key(ec.SECP256R1())
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        PushKey.objects.bulk_create([PushKey(id=1, private=pem)], ignore_conflicts=True)
        row = PushKey.objects.get(id=1)
    key = load_pem_private_key(row.private.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the push key is no key of an elliptic curve")
    return key


def public_key() -> str:
    """Return the public half, which browsers subscribe with."""
    return public_text(private_key())
